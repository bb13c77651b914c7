"""Fencer: makes sure that a node is dead (or on again), and tells everybody.

In:  `FencingWanted` of the controller, Fence of clients, devices and topology of the CIB, views.
Out: runs of fence agents on a fitting node, `FencingDone` on every node, a history.
To change: which devices can fence whom: devices.py (pure); what is tried next: topology.py (pure); how nodes work
     together on it: core.py; what is kept: history.py.
The node that is asked leads: it chooses devices and the nodes that run them, and does not rest before a level of the
topology has succeeded, all have failed, or the time is up.
Source: Pacemaker Explained, "Fencing"; daemons/fenced for the rules.
"""
