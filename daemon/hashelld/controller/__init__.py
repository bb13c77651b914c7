"""Controller: the DC's part — bring nodes in, ask the scheduler, walk the graph — and each node's part in it.

In:  views, every change of the CIB, graphs, results, what clients ask for.
Out: node states and nodes of the CIB, questions to the scheduler, operations and fencing to be done, transitions.
To change: when a new decision is needed: changes.py (what a CIB change means, pure); the steps of the DC:
     coordinator.py; who sets them going, and what other nodes do: core.py; what an action leads
     to: transition.py; what a result means: results.py (pure); what the CIB says of members: membership.py (pure); what
     clients may ask: requests.py.
The CIB is the only memory: a new DC knows from it all that the old one knew, so taking over is only asking afresh.
Source: Pacemaker Explained, "Cluster architecture"; daemons/controld for the rules.
"""
