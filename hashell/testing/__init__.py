"""Testing: what tests of several rooms share, ours and users'. May import all; no room imports it.

fake_node.py: a node's socket with a CIB in memory behind it, for tests of clients without a cluster.
"""
