"""Core: what every component is made of.

In:  nothing of the components. Out: the `Component` protocol, the events that cross between components (events.py), the
effects that they ask for (effects.py), and the driver that performs these (driver.py, the only place that starts
tasks).
"""
