"""Client: one way to reach a cluster, several kinds of cluster behind it.

In:  where to look (options, environment). Out: a `ClusterClient` (api.py), blocking and bounded in time, for
commands; a `LiveFeed` (feed.py, asyncio) for shell and monitor, which reconnects by itself and moves to another node
of this machine when its node dies. Kinds: daemon.py (a hashelld), cib_file.py (offline), pacemaker.py (a real
Pacemaker, here or over ssh; pacemaker_history.py and pacemaker_events.py are its past), memory.py (tests).
"""
