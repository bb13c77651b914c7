"""Simulation: whole clusters of the real components in one process, from one seed, in simulated time.

In:  a seed (and which of its faults happen). Out: what went wrong, with the command that shows it again.
To change: time and what happens next: world.py; links, datagrams, cuts and loss: network.py; heartbeats: heart.py;
     writes that a crash loses or tears: disk.py; power, services, agents and fence devices: machines.py; what a node
     is made of: cluster.py; which faults there are and how they are done: faults.py; what must hold: checkers.py; the
     course of a life: life.py; the fewest faults that break something: shrink.py; many lives at once: run.py; work that
     all nodes share: documents.py.
Imports all rooms, is imported by none.
"""
