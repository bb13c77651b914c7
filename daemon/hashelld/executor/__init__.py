"""Executor: runs the operations of resources on this node, and records what came of them.

In:  `OperationWanted` (an action of the DC's graph), the end of programs, its own timers.
Out: `RunAgent` effects, history entries as `ChangeWanted` for the status section, `OperationDone`.
To change: how an order is read: orders.py; the order of operations, cancelling, forgetting: core.py; how many probes
     run at once: probes.py; what an agent is given: programs.py; what is asked for twice: answers.py; what is kept of a
     resource, when its monitors run: resources.py; what agents say of themselves: descriptions.py; how results are
     gathered into writes: outbox.py; what an entry says: history.py (pure); what this node tells the cluster about
     itself when it comes in: republish.py; what is stopped when it ends itself: ending.py; values that no CIB holds:
     secrets.py, and how all nodes come to know them: shared_secrets.py.
One operation of a resource runs at a time; different resources do not wait for one another.
Source: Pacemaker Explained, "Status", "Operation history"; daemons/execd, controld_execd.c for the rules.
"""
