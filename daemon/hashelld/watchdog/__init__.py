"""Watchdog: this node ends itself when it may not go on, so that others can count on it.

In:  views, the CIB's policy, `SelfFenceWanted`, the turning of the loop.
Out: a watchdog that is fed while the node is sound; the end of all that runs here when it must be.
To change: when a node is sound, and when it must end at once: core.py (pure); how the daemon speaks to its guard:
     edge.py; the process that holds the watchdog and does the killing, also when the daemon stands still or is dead:
     guard.py (standard library alone); the words between them: words.py.
A watchdog is a device of the kernel (/dev/watchdog, softdog), which resets the machine, or "process": the guard alone,
which kills all that belongs to the node. The latter is for nodes that share a machine, and as good as that machine.
Source: Pacemaker Explained, "no-quorum-policy", "stonith-watchdog-timeout"; the manner of sbd without a disk.
"""
