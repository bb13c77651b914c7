"""Attribute manager: transient node attributes — set, counted up, dampened, written into the status section.

In:  `AttributeWanted` of components, SetAttribute and GetAttribute of clients, the CIB, views.
Out: `ChangeWanted` for transient_attributes of a node's state.
To change: when a value is written, what `value++` means: core.py; the XML: writer.py; values that stand in no CIB:
     private.py (both pure).
They end with the node's membership: the DC takes them out when it goes; a node that was only cut off writes its own
again.
Source: Pacemaker Explained, "Node attributes"; daemons/attrd for the rules.
"""
