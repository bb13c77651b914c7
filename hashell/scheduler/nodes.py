"""Nodes: comparing them, and choosing the best one.

Better is: more points (a node that can run nothing counts -INFINITY); with placement `balanced` more
capacity left; fewer resources; the node where the resource is; the name. Strategy `minimal` looks at
points and name alone.

Source: lib/pacemaker/pcmk_sched_nodes.c, pcmk_sched_utilization.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


def best_node(
    workspace: Workspace, table: Mapping[str, int], current: Node | None,
    among: Iterable[str] | None = None,
) -> Node | None:
    """The first of `sort_nodes`, without sorting; `among` are ids of the table's nodes to choose from."""
    names = list(table if among is None else among)
    strategy = workspace.options.placement_strategy
    if strategy is PlacementStrategy.BALANCED:
        # Capacities compare in a circle, so the first depends on how all are sorted.
        chosen = set(names)
        return next((one for one in sort_nodes(workspace, table, current) if one.id in chosen), None)
    if not names:
        return None
    runnable = workspace.runnable()
    points = [table[name] if runnable[name] else -INFINITY for name in names]
    most = max(points)
    nodes = workspace.node_by_id
    best = [nodes[name] for name, score in zip(names, points, strict=True) if score == most]
    if len(best) == 1:
        return best[0]
    if strategy is PlacementStrategy.MINIMAL:
        return min(best, key=lambda node: node.name)
    fewest = min([node.resources_count for node in best])
    best = [node for node in best if node.resources_count == fewest]
    return current if current in best else min(best, key=lambda node: node.name)
