"""Foreign: configurations of earlier clusters, read into what this one needs.

In:  the texts of corosync.conf (1.x, 2.x), CMAN's cluster.conf, Heartbeat's ha.cf, haresources and authkeys.
Out: `Imported`: nodes and timings (as settings of hashelld, or a corosync.conf of today), lines of the crm language,
and a list of all that has no equivalent, each with its place and the reason: nothing is dropped silently.
Pure. To change: what all of them give: imported.py; one format: the module of its name; which one a file is: detect.py.
"""
