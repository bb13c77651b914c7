"""Assign: in which order resources get their nodes; setting and undoing.

Source: lib/pacemaker/pcmk_sched_resource.c, pcmk_scheduler.c (assign_resources).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.cluster_options import PlacementStrategy
from hashell.scheduler import actions as act
from hashell.scheduler import utilization
from hashell.scheduler.colocation import spread
from hashell.scheduler.explain import ScoreLine
from hashell.scheduler.nodes import sort_nodes
from hashell.scheduler.sorting import merge_sorted
from hashell.scheduler.workspace import Node, Rank, Workspace
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource


def assign_all(workspace: Workspace) -> None:
    """Give every resource its node; connections of remote nodes first.

    With a placement strategy, resources that matter more, and those with more to lose, come first.
    """
    if workspace.options.placement_strategy is not PlacementStrategy.DEFAULT:
        _sort_resources(workspace)
    utilization.show_capacities(workspace, "Original")
    if workspace.have_remote_nodes:
        for resource in workspace.resources:
            if resource.is_remote_connection:
                resource.assign(resource.partial_target, stop_if_fail=True)
    for resource in workspace.resources:
        if not resource.is_remote_connection:
            resource.assign(None, stop_if_fail=True)
    utilization.show_capacities(workspace, "Remaining")


def _sort_resources(workspace: Workspace) -> None:
    scores = {node.id: node.score for node in workspace.nodes}
    nodes = sort_nodes(workspace, scores, None)
    tables: dict[str, dict[str, int]] = {}

    def table_of(resource: Resource) -> dict[str, int]:
        found = tables.get(resource.id)
        if found is None:
            found = resource.spread_scores(None, None, None, 1.0, spread.THIS_WITH) or {}
            tables[resource.id] = found
        return found

    def compare(left: Resource, right: Resource) -> int:
        if left.priority != right.priority:
            return right.priority - left.priority
        left_table, right_table = table_of(left), table_of(right)

        def score(table: dict[str, int], node: Node | None) -> int:
            return -INFINITY if node is None else table.get(node.id, -INFINITY)

        result = score(right_table, right.active_node()) - score(left_table, left.active_node())
        if result:
            return result
        for node in nodes:
            result = score(right_table, node) - score(left_table, node)
            if result:
                return result
        return 0

    workspace.resources[:] = merge_sorted(workspace.resources, compare)


def show_scores(resource: Resource, stage: str, table: dict[str, int] | None = None) -> None:
    """Note a resource's scores, and those of all below it, for who asked to see them."""
    workspace = resource.workspace
    if not workspace.show_scores or resource.removed:
        return
    table = resource.allowed if table is None else table
    for node in sorted(resource.nodes_of(table), key=lambda node: node.place):
        workspace.lines.append(ScoreLine(stage, resource.id, node.name, table[node.id]))
    for child in resource.children:
        show_scores(child, stage)


def set_node(
    resource: Resource, node: Node | None, *, score: int = 0, force: bool, stop_if_fail: bool
) -> bool:
    """Assign a node to a resource and all below; whether that changed anything.

    `score` are the resource's points there. Without `force` only an available node will do. Without
    a node (and not in a trial) the resource will be stopped.
    """
    if resource.children:
        changed = False
        for child in resource.children:
            changed |= set_node(child, node, score=score, force=force, stop_if_fail=stop_if_fail)
        return changed
    if not force and node is not None and (
        score < 0 or (not node.can_run and not node.is_guest)
    ):
        if stop_if_fail:
            resource.next_role = Rank.STOPPED
        node = None
    changed = node is not resource.assigned
    unset_node(resource)
    resource.unassigned = False
    if node is None:
        if stop_if_fail:
            resource.next_role = Rank.STOPPED
            _stop_planned(resource)
        return changed
    resource.assigned = node
    resource.root.places_at += 1
    resource.assigned_score = score
    node.resources_count += 1
    resource.counts[node.id] = resource.counts.get(node.id, 0) + 1
    utilization.consume(node, resource)
    utilization.show_use(resource, node)
    return changed


def _stop_planned(resource: Resource) -> None:
    """Actions that were made already are to fit a resource that will not run."""
    for action in reversed(resource.actions):
        if action.task == act.STOP:
            action.flags &= ~act.OPTIONAL
        elif action.task == act.START or (
            action.meta.get("interval", "0") != "0" and action.meta.get("op_target_rc") != "7"
        ):
            action.flags &= ~act.RUNNABLE


def unset_node(resource: Resource) -> None:
    """Undo the assignment of a resource and all below."""
    resource.unassigned = True
    if resource.children:
        for child in resource.children:
            unset_node(child)
        return
    old = resource.assigned
    if old is None:
        return
    resource.assigned = None
    resource.root.places_at += 1
    old.resources_count -= 1
    utilization.release(old, resource)
