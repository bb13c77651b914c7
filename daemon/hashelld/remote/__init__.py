"""Remote: nodes that run resources and are no members, each by way of the member that connected to it.

In:  on a member: operations of connections (from the executor) and operations for remote nodes (from the DC).
     On a remote node: a member that connects, and what it passes on.
Out: on a member: what came of these, the remote nodes' own words as changes of the CIB, their clients' requests.
     On a remote node: operations for its executor.

core.py is the member's side, side.py the remote node's, words.py what they say to one another; all are pure.
links.py has what they ask of the edge, which is transport.py: TLS with the key of the cluster.
To change: when a connection is given up: core.py; what a remote node may ask for: words.py, then both sides.
Source: Pacemaker Remote; daemons/controld/controld_remote_ra.c says what each operation of a connection does.
"""
