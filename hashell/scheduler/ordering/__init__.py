"""Ordering: which action waits for which.

In:  order constraints of the configuration, and orderings that stages ask for.
Out: actions made required, optional or impossible, and what each waits for.
To change: a kind of relation: relations.py; what an order constraint means: from_constraints.py;
how relations change actions: apply.py.
"""
