"""Transition: the graph of actions, the plan that the scheduler hands to the controller, and who walks it.

In:  what the scheduler decided; results of actions.
Out: `Graph` (graph.py), its XML (xml.py) and dot (dot.py), what goes between processes (parts.py,
     packed.py), the next actions to start (runner.py, sans-IO).
Source: Pacemaker Development, "Scheduler"; crm_simulate's graph files.
"""
