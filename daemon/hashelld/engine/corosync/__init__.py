"""Corosync: the engine on a real corosync 3, for clusters that have one.

In:  a process group's changes and messages, votequorum's notices (edge.py, through the libraries of corosync);
     Multicast and Send.
Out: views, ordered and direct messages; what to say to the group.
To change: what is said in the group, and its bounds: codec.py; how a view is made of what its members state: views.py;
     when one begins, what counts in it, who stands still: core.py; the libraries and their structures: library.py;
     connecting, dispatching, sending without ever blocking: edge.py; what the timers ring: alarms.py, what edge and
     engine say to one another: links.py. What corosync.conf must say: hashell/values/corosync_conf.py, settings.py.
"""
