"""Nodes: comparing them, and choosing the best one.

Better is: more points (a node that can run nothing counts -INFINITY); with placement `balanced` more
capacity left; fewer resources; the node where the resource is; the name. Strategy `minimal` looks at
points and name alone.

Source: lib/pacemaker/pcmk_sched_nodes.c, pcmk_sched_utilization.c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from hashell.model.cluster_options import PlacementStrategy
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.workspace import Node, Workspace


def compare_capacities(left: Node, right: Node) -> int:
    """Below 0 if the left node has more capacity left in more respects."""
    result = 0
    for name in {**left.capacity, **right.capacity}:
        mine, other = left.capacity.get(name, 0), right.capacity.get(name, 0)
        result += (mine < other) - (mine > other)
    return result


def order_key(
    workspace: Workspace, table: Mapping[str, int], current: Node | None
) -> Callable[[Node], Any]:
    """A key that sorts nodes, the best first, by the scores of a table."""
    strategy = workspace.options.placement_strategy

    def points(node: Node) -> int:
        return -(table[node.id] if node.can_run else -INFINITY)

    if strategy is PlacementStrategy.MINIMAL:
        return lambda node: (points(node), node.name)
    if strategy is not PlacementStrategy.BALANCED:
        return lambda node: (
            points(node), node.resources_count, node is not current, node.name
        )

    def compare(left: Node, right: Node) -> int:
        result = points(left) - points(right) or compare_capacities(left, right) or (
            left.resources_count - right.resources_count
        )
        if result:
            return result
        if current is not None and current in (left, right):
            return -1 if left is current else 1
        return (left.name > right.name) - (left.name < right.name)

    return cmp_to_key(compare)


def sort_nodes(
    workspace: Workspace, table: Mapping[str, int], current: Node | None
) -> list[Node]:
    """The nodes of a table, the best first."""
    nodes = [workspace.node_by_id[name] for name in table]
    nodes.sort(key=order_key(workspace, table, current))
    return nodes
