"""Scheduler: where everything should run, and which actions in which order get it there.

In:  a `ClusterState` (state/cluster_state.py) and a transition's number.
Out: `schedule.schedule` gives a `Schedule`: the `Graph`, every action that was thought of, scores,
     orderings and their reasons.
To change: the order of the stages: schedule.py (read this first); which node wins a tie: nodes.py;
    what a kind of resource does: variants/; what one resource's place means for another's:
    colocation/; what waits for what: ordering/; an action's parameters: make_graph.py; how a sum of
    points is taken apart again: trace.py; what a person is told of it: reasons.py, why.py; why an
    action waits: waits.py; which constraints contradict one another: clashes.py, conflicts.py.

The names and the split are those of Pacemaker's scheduler, so who knows one finds the place in the
other. Order is behaviour: actions get their numbers as they are made, tables keep the order of
insertion, and lists that Pacemaker builds from the front are kept here in order of creation and
read backwards.

Source: Pacemaker Development, "Scheduler"; lib/pacemaker/pcmk_sched_*.c decide.
"""
