"""Alerts: who hears of what happened in the cluster.

In:  operations, fencing, membership, attributes; the alerts section of the CIB.
Out: `RunAgent` for the programs configured there.
To change: which events lead to a call: core.py; what a program is told: environment.py (pure).
Source: Pacemaker Explained, "Alerts".
"""
