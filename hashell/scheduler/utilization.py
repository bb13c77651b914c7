"""Utilization: capacity that is left on nodes, and who takes it.

Source: lib/pacemaker/pcmk_sched_utilization.c; Pacemaker Explained, "Utilization and placement
strategy".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hashell.model.cluster_options import PlacementStrategy
from hashell.scheduler import actions as act
from hashell.scheduler.explain import CapacityLine, UtilizationLine
from hashell.scheduler.nodes import compare_capacities
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Node, Workspace

_INT_MAX = 2**31 - 1


def _clamped(number: int) -> int:
    return max(-_INT_MAX - 1, min(_INT_MAX, number))


def consume(node: Node, resource: Resource) -> None:
    for name, used in resource.utilization.items():
        node.capacity[name] = _clamped(node.capacity.get(name, 0) - used)


def release(node: Node, resource: Resource) -> None:
    for name, used in resource.utilization.items():
        node.capacity[name] = _clamped(node.capacity.get(name, 0) + used)


def add_to(total: dict[str, int], resource: Resource) -> None:
    for name, used in resource.utilization.items():
        total[name] = _clamped(total.get(name, 0) + used)


def _fits(node: Node, needed: Mapping[str, int]) -> bool:
    return all(node.capacity.get(name, 0) >= used for name, used in needed.items())


def ban_insufficient(resource: Resource) -> Node | None:
    """Ban nodes that can not hold the resource with all that must come along.

    Where none can hold them all, ban those that can not hold the resource alone, and give the node
    with the most capacity.
    """
    workspace = resource.workspace
    if workspace.options.placement_strategy is PlacementStrategy.DEFAULT:
        return None
    together = resource.colocated(None, [])
    if not together:
        return None
    if resource not in together:
        together.insert(0, resource)
    needed: dict[str, int] = {}
    for other in reversed(together):
        other.add_utilization(resource, together, needed)
    candidates = [
        node for node in resource.nodes_of(resource.allowed) if resource.available(node)
    ]
    most: Node | None = None
    for node in candidates:
        if most is None or compare_capacities(node, most) < 0:
            most = node
    if any(_fits(node, needed) for node in candidates):
        most = None
    else:
        needed = dict(resource.utilization)
    for node in candidates:
        if not _fits(node, needed):
            resource.add_score(node, -INFINITY, "__limit_utilization__")
    return most


def _load_stopped(workspace: Workspace, node: Node) -> Action:
    event = act.ask_pseudo(workspace, f"load_stopped_{node.name}")
    if event.node is None:
        event.node = node
        event.flags &= ~act.OPTIONAL
    return event


def order_after_load(resource: Resource, allowed: list[Node]) -> None:
    """On a node with limits, what leaves stops before anything comes."""
    workspace = resource.workspace
    for node in resource.active:
        order(
            workspace, rel.IF_ON_SAME_NODE_OR_TARGET, "utilization",
            first_resource=resource, first_key=act.key_of(resource, act.STOP),
            then=_load_stopped(workspace, node),
        )
    for node in allowed:
        event = _load_stopped(workspace, node)
        for task in (act.START, act.MIGRATE_TO):
            order(
                workspace, rel.IF_ON_SAME_NODE_OR_TARGET, "utilization", first=event,
                then_resource=resource, then_key=act.key_of(resource, task),
            )


def show_capacities(workspace: Workspace, comment: str) -> None:
    if workspace.show_utilization:
        for node in workspace.nodes:
            if not node.is_bundle_node:
                workspace.lines.append(CapacityLine(comment, node.name, dict(node.capacity)))


def show_use(resource: Resource, node: Node) -> None:
    if resource.workspace.show_utilization:
        resource.workspace.lines.append(
            UtilizationLine(resource.id, node.name, dict(resource.utilization))
        )
