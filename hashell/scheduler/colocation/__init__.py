"""Colocation: what one resource's place means for another's.

In:  colocation constraints of the configuration and those that groups, bundles and guests imply.
Out: scores on nodes, promotion priorities, and actions that can not be done.
To change: who goes with whom: relations.py, from_constraints.py; a colocation's score: scores.py;
preferences of those that come along: spread.py; a dependent whose primary can not run: block.py.
"""
