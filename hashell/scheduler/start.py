"""Start: a run's own copy of what the state says, and the actions that reading already forces.

Source: lib/pengine/unpack.c (what it makes while it reads), here from the state's findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.resources import ResourceKind
from hashell.scheduler import actions as act
from hashell.scheduler import fencing
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.relations import link
from hashell.scheduler.variants.bundle import Bundle, Replica
from hashell.scheduler.variants.clone import Clone
from hashell.scheduler.variants.group import Group
from hashell.scheduler.variants.primitive import Primitive
from hashell.scheduler.variants.variant import Resource
from hashell.scheduler.workspace import Node, Workspace
from hashell.state.findings import (
    ActionFound,
    FailureCleared,
    FencingNeeded,
    Finding,
    HistoryCleared,
    ParametersToCheck,
    ScoreChanged,
    StopNotNeeded,
)
from hashell.values.integers import leading_integer

if TYPE_CHECKING:
    from hashell.state.cluster_state import ClusterState
    from hashell.state.nodes import Node as FoundNode
    from hashell.state.resources import Resource as Found

_KINDS: dict[ResourceKind, type[Resource]] = {
    ResourceKind.PRIMITIVE: Primitive, ResourceKind.GROUP: Group, ResourceKind.CLONE: Clone,
    ResourceKind.BUNDLE: Bundle,
}


def begin(state: ClusterState) -> Workspace:
    """Tables filled from a state, and the actions of its findings."""
    workspace = Workspace(state)
    for place, found in enumerate(state.nodes.values()):
        node = _copy_node(place, found)
        workspace.nodes.append(node)
        workspace.node_by_id[node.id] = node
        workspace.node_by_name.setdefault(node.name.lower(), node)
    workspace.dc = None if state.dc is None else workspace.node_by_id.get(state.dc)
    copies: dict[Found, Resource] = {}
    for top in state.resources:
        workspace.resources.append(_copy_resource(workspace, top, None, copies))
    for one, resource in copies.items():
        _connect(workspace, one, resource, copies)
    for found_node in state.nodes.values():
        node = workspace.node_by_id[found_node.id]
        node.running = [copies[one] for one in found_node.running if one in copies]
        if found_node.remote is not None:
            node.remote = copies.get(found_node.remote)
    for finding in state.findings:
        _act_on(workspace, finding, copies)
    return workspace


def _copy_node(place: int, found: FoundNode) -> Node:
    node = Node(place, found.id, found.name, found.kind)
    node.attributes = found.attributes
    node.capacity = {
        name: leading_integer(value) or 0 for name, value in found.utilization.items()
    }
    node.online = found.online
    node.pending = found.pending
    node.unclean = found.unclean
    node.standby = found.standby
    node.maintenance = found.maintenance
    node.shutdown = found.shutdown
    node.seen = found.seen
    node.probes_allowed = found.probes_allowed
    node.probe_never = found.probe_never
    node.remote_reset = found.remote_reset
    node.remote_fenced = found.remote_fenced
    node.remote_maintenance = found.remote_maintenance
    node.score = found.score
    node.quiet = found.quiet
    node.priority = found.priority
    return node


def _copy_resource(
    workspace: Workspace, found: Found, parent: Resource | None, copies: dict[Found, Resource]
) -> Resource:
    resource = _KINDS[found.kind](workspace, found, parent)
    copies[found] = resource
    workspace.order[resource] = len(workspace.order)
    workspace.by_id.setdefault(resource.id, resource)
    workspace.same_id.setdefault(resource.id, []).append(resource)
    if resource.history_id is not None:
        workspace.by_history_id.setdefault(resource.history_id, []).append(resource)
    resource.children = [
        _copy_resource(workspace, child, resource, copies) for child in found.children
    ]
    return resource


def _connect(
    workspace: Workspace, found: Found, resource: Resource, copies: dict[Found, Resource]
) -> None:
    """What a resource says of nodes and of other resources."""
    nodes = workspace.node_by_id

    def node(name: str | None) -> Node | None:
        return None if name is None else nodes.get(name)

    resource.active = [nodes[name] for name in found.active_on if name in nodes]
    resource.lock_node = node(found.lock_node)
    resource.partial_source = node(found.partial_migration_source)
    resource.partial_target = node(found.partial_migration_target)
    resource.dangling_sources = [
        nodes[name] for name in found.dangling_migration_sources if name in nodes
    ]
    if found.launcher is not None:
        resource.launcher = copies.get(found.launcher)
    resource.launched = [copies[one] for one in found.launched if one in copies]
    if isinstance(resource, Bundle):
        resource.replicas = [
            Replica(
                copies[one.container],
                None if one.child is None else copies[one.child],
                None if one.ip is None else copies[one.ip],
                None if one.remote is None else copies[one.remote],
                node(one.node_id),
            )
            for one in found.replicas
        ]


def _act_on(workspace: Workspace, finding: Finding, copies: dict[Found, Resource]) -> None:
    """Make the actions of one finding. What it changed in nodes and resources is in the state."""
    nodes = workspace.node_by_id
    match finding:
        case FencingNeeded():
            fencing.fence_action(
                workspace, nodes[finding.node], None, optional=True,
                reason=finding.reason or None, priority_delay=finding.priority_delay,
            )
        case ActionFound():
            resource = copies[finding.resource]
            key = act.key_of(resource, finding.task, finding.interval_ms)
            action = act.note(
                workspace, resource, key, finding.task, nodes[finding.node],
                optional=finding.optional, runnable=finding.runnable,
            )
            assert action.resource is resource
        case StopNotNeeded():
            resource = copies[finding.resource]
            for stop in act.find_all(
                resource, act.key_of(resource, act.STOP), nodes[finding.node]
            ):
                stop.flags |= act.OPTIONAL
        case FailureCleared():
            resource = copies[finding.resource]
            clear = act.note(
                workspace, resource, act.key_of(resource, act.CLEAR_FAILCOUNT),
                act.CLEAR_FAILCOUNT, nodes[finding.node], optional=finding.optional,
                runnable=finding.runnable,
            )
            clear.meta["op_no_wait"] = "true"
            if finding.after_fencing_of is not None:
                target = workspace.node_by_id.get(finding.after_fencing_of) or (
                    workspace.node_named(finding.after_fencing_of)
                )
                if target is not None:
                    fence = fencing.fence_action(workspace, target, None, optional=True)
                    link(fence, clear, rel.FIRST_IMPLIES_THEN, "fencing")
        case HistoryCleared():
            resource = copies[finding.resource]
            act.note(
                workspace, resource, act.key_of(resource, act.LRM_DELETE), act.LRM_DELETE,
                nodes[finding.node], optional=finding.optional, runnable=finding.runnable,
            )
        case ScoreChanged():
            node = None if finding.node is None else nodes[finding.node]
            workspace.scores.record(
                finding.resource.id, "" if node is None else node.name, finding.score,
                finding.reason,
            )
        case ParametersToCheck():
            workspace.param_checks.append(
                (copies[finding.resource], nodes[finding.node], finding.entry, False)
            )
