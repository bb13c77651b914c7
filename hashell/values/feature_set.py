"""The feature set: what a version can do, in Pacemaker's numbers. The DC of a cluster is its oldest.

Source: Pacemaker Explained, "CIB Properties", crm_feature_set.
"""

FEATURE_SET = "3.20.5"
"""Pacemaker 3.0.2's. Nodes tell it to one another, actions and recorded operations carry it, digests depend on it."""
