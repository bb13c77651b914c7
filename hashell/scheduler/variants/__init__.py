"""Variants: what differs by kind of resource, one file a kind, one protocol (variant.py).

In:  the workspace. Out: assigned nodes, actions, orderings.
To change: what a group does: group.py; how instances are spread over nodes: instances.py; who is
promoted: promotable.py.
"""
