"""Fencer: makes sure that a node is dead (or on again), and tells everybody.

In:  `FencingWanted` of the controller, Fence of clients, devices and topology of the CIB, views.
Out: runs of fence agents on a fitting node, `FencingDone` on every node, a history that outlives the daemon.
To change: what a device is and whom it can fence: devices.py; which levels a node has: topology.py; what is tried in
     which order, and for how long: tasks.py; when a node's own watchdog counts as a device: watchdog.py; what is kept:
     history.py (all pure); leading a fencing step by step: leader.py; running agents for whoever leads: hands.py; who
     asks and who hears: core.py.
The node that is asked leads: it chooses devices and the nodes that run them, and does not rest before a level of the
topology has succeeded, all have failed, or the time is up.
Source: Pacemaker Explained, "Fencing"; daemons/fenced for the rules.
"""
