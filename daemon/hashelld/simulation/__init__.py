"""Simulation: whole clusters of the real components in one process, from one seed, in simulated time.

In:  a seed. Out: what went wrong, with the seed that shows it again.
To change: time and what happens next: world.py; links, cuts and pauses: network.py; writes that a crash loses: disk.py;
     what a node is made of: cluster.py; what must hold: checkers.py; which faults a life has: run.py.
Imports all rooms, is imported by none.
"""
