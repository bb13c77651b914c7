"""Values: the small words of high availability, each read, printed, compared and combined in one
place.

In:  text as the CIB spells it.
Out: scores, milliseconds, booleans, roles, outcomes, operation keys, agent names.
To change: how "10s" or "P1D" is read: intervals.py; what a score may be: scores.py; what exit code
8 means: outcomes.py.
"""
