"""Make graph: actions that are required and possible → `Graph`.

Source: lib/pacemaker/pcmk_graph_producer.c, lib/pacemaker/pcmk_simulate.c (write_sim_dotfile).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler import remote
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.relations import Link
from hashell.transition import graph as result
from hashell.transition.dot import DotEdge, DotNode
from hashell.transition.graph import ActionKind, Graph, PrimitiveRef, Synapse
from hashell.values.feature_set import FEATURE_SET
from hashell.values.scores import parse_score

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Node, Workspace

_MAINTENANCE = "maintenance_nodes"
_CLUSTER_TASKS = frozenset({act.SHUTDOWN, act.CLEAR_FAILCOUNT, act.LRM_DELETE})
_TAKES_DOWN = frozenset({"off", "reboot", "poweroff"})


@dataclass(slots=True)
class GraphBuilder:
    """Synapses as they are found: actions with what they wait for."""

    found: list[tuple[Action, list[Action]]] = field(default_factory=list)
    of_resource: dict[Resource, tuple[PrimitiveRef, Mapping[str, str]]] = field(default_factory=dict)
    of_kind: dict[tuple[object, ...], tuple[Mapping[str, str], dict[str, str]]] = field(default_factory=dict)

    def told_of(self, resource: Resource) -> tuple[PrimitiveRef, Mapping[str, str]]:
        """What all actions of a resource say of it: its agent, and the meta-attributes of it and its parents."""
        told = self.of_resource.get(resource)
        if told is None:
            meta: dict[str, str] = {}
            holder: Resource | None = resource
            while holder is not None:
                meta.update(holder.graph_meta())
                holder = holder.parent
            told = self.of_resource[resource] = _primitive(resource), meta
        return told


# Which actions ------------------------------------------------------------------------------------


def _belongs(action: Action) -> bool:
    """Whether an action is to be done and can be done."""
    flags = action.flags
    if not flags & act.RUNNABLE or (flags & act.OPTIONAL and not flags & act.ALWAYS_IN_GRAPH):
        return False
    resource = action.resource
    if (
        resource is not None and not resource.managed and action.task != act.MONITOR
        and action.meta.get("interval", "0") == "0"
    ):
        return False
    if flags & act.PSEUDO or action.task in (act.FENCE, act.SHUTDOWN):
        return True
    node = action.node
    if node is None:
        return False
    if flags & act.ON_DC or (node.is_guest and not node.remote_reset):
        return True
    return node.online and not node.unclean


def _counts_as_input(action: Action, before: Link) -> bool:
    """Whether the graph has to say that an action waits for another."""
    if before.graphed:
        return True
    first, flags = before.action, before.flags
    if flags == rel.NONE:
        return False
    runnable = first.flags & act.RUNNABLE
    soft = rel.THEN_IMPLIES_FIRST_GRAPHED | rel.FIRST_IMPLIES_THEN_GRAPHED | rel.ORDERED
    if not runnable and (
        not flags & ~soft or flags & rel.MIN_RUNNABLE or flags & rel.UNMIGRATABLE_THEN_BLOCKS
    ):
        return False
    migratable = first.flags & act.MIGRATABLE
    if flags & rel.IF_FIRST_UNMIGRATABLE and migratable:
        return False
    if flags == rel.ORDERED and migratable and first.key.endswith("_stop_0"):
        return False
    if flags == rel.IF_ON_SAME_NODE_OR_TARGET:
        resource = action.resource
        place = action.node
        if resource is not None and action.task == act.MIGRATE_TO:
            place = resource.assigned
        if first.node is None or first.node is not place or first.flags & act.OPTIONAL:
            before.flags = rel.NONE
            return False
    elif flags == rel.IF_REQUIRED_ON_SAME_NODE:
        apart = (
            first.node is not None and action.node is not None and first.node is not action.node
        )
        if apart or first.flags & act.OPTIONAL:
            before.flags = rel.NONE
            return False
    elif (
        first.resource is not None and first.resource is not action.resource
        and first.resource.failed and not first.resource.managed
        and first.key.endswith("_stop_0") and action.resource is not None
        and action.resource.is_clone
    ) or (
        first.flags & act.OPTIONAL and not first.flags & (act.ALWAYS_IN_GRAPH | act.IN_GRAPH)
        and not _belongs(first)
    ):
        return False
    return True


def _has_loop(start: Action, action: Action, before: Link) -> bool:
    first = before.action
    if first.flags & act.VISITED or not _counts_as_input(action, before):
        return False
    if first is start:
        return True
    first.flags |= act.VISITED
    found = any(_has_loop(start, first, further) for further in reversed(first.before))
    first.flags &= ~act.VISITED
    return found


def is_invalid(action: Action, before: Link) -> bool:
    """Whether an ordering can not be kept: on a guest before its own container, or in a loop. It is so only of actions
    of containers, and of migrations.
    """
    first = before.action
    if (
        not before.flags & rel.GUEST_ALLOWED and first.resource is not None
        and action.resource is not None and action.resource.launched
        and first.node is not None and first.node.launcher is action.resource
    ):
        action.resource.workspace.problem(
            f"Invalid ordering constraint between {first.resource.id} and {action.resource.id}"
        )
        return True
    return (
        before.flags == rel.IF_ON_SAME_NODE_OR_TARGET and action.resource is not None
        and action.task == act.MIGRATE_TO and _has_loop(action, action, before)
    )


def _both(one: Link, other: Link) -> str:
    """Who asked for either of two relations, where that still counts; several words have spaces between them."""
    if other.flags == rel.NONE or other.why in one.why.split(" "):
        return one.why
    return other.why if one.flags == rel.NONE or not one.why else f"{one.why} {other.why}".rstrip()


def _deduplicate(action: Action) -> None:
    """Several relations with one action become one."""
    kept: list[Link] = []
    newest_first = action.before[::-1]
    for before in sorted(newest_first, key=lambda before: before.action.id):
        if kept and kept[-1].action is before.action:
            kept[-1].why = _both(kept[-1], before)
            kept[-1].flags |= before.flags
            kept[-1].graphed |= before.graphed
        else:
            before.graphed = False
            kept.append(before)
    kept.reverse()
    action.before = kept


def _add(workspace: Workspace, action: Action) -> None:
    if not action.flags & act.DEDUPLICATED:
        if len(action.before) > 1:
            _deduplicate(action)
        action.flags |= act.DEDUPLICATED
    if action.flags & act.IN_GRAPH or not _belongs(action):
        return
    action.flags |= act.IN_GRAPH
    inputs = []
    for before in reversed(action.before):
        if _counts_as_input(action, before):
            before.graphed = True
            inputs.append(before.action)
    assert workspace.graph is not None
    workspace.graph.found.append((action, inputs))


def add_resource(resource: Resource) -> None:
    """A resource's actions, then those of all below."""
    for action in reversed(resource.actions):
        _add(resource.workspace, action)
    for child in resource.children:
        child.add_to_graph()


# What they look like ------------------------------------------------------------------------------


def _maintenance_changes(workspace: Workspace) -> tuple[tuple[str, bool], ...]:
    """Remote nodes whose maintenance mode is not what they were last told."""
    return tuple(
        (node.id, node.maintenance) for node in workspace.nodes
        if node.is_remote and node.maintenance is not node.remote_maintenance
    )


def _kind(action: Action) -> ActionKind:
    pseudo = bool(action.flags & act.PSEUDO)
    if action.task == act.FENCE:
        return ActionKind.PSEUDO if pseudo else ActionKind.CLUSTER
    if action.task in _CLUSTER_TASKS:
        return ActionKind.CLUSTER
    return ActionKind.PSEUDO if pseudo else ActionKind.RESOURCE


def _history_key(action: Action) -> str:
    """The operation key by the name that a node's history has for an instance."""
    resource = action.resource
    if resource is None or resource.history_id is None:
        return ""
    if action.task == act.NOTIFY:
        return act.notify_key(
            resource.history_id, action.meta.get("notify_type", ""),
            action.meta.get("notify_operation", ""),
        )
    task = action.cancel_task or action.task
    return f"{resource.history_id}_{task}_{action.interval_ms}"


def _primitive(resource: Resource) -> PrimitiveRef:
    history, config_id = resource.history_id, resource.config.id
    long_id = ""
    if resource.removed and history is not None:
        name, long_id = history, resource.id
    elif not resource.unique:
        name = config_id
        long_id = history if history is not None and history != config_id else resource.id
    else:
        name = resource.id
    meta = resource.meta
    return PrimitiveRef(
        name, long_id, meta.get("class", ""), meta.get("provider", ""), meta.get("type", "")
    )


def _parameters(action: Action) -> dict[str, str]:
    resource, node = action.resource, action.node
    if resource is None:
        return {}
    if node is None:
        return dict(resource.parameters(None)) if resource.is_primitive else {}
    found = dict(resource.parameters(node))
    if found.get("addr") == "#uname":
        base = resource.parameters(None).get("addr")
        if base is not None:
            found["addr"] = base
    return found


@lru_cache(maxsize=4096)
def meta_name(name: str) -> str:
    return "CRM_meta_" + name.replace("-", "_")


def _attributes(action: Action, builder: GraphBuilder, *, on_node: bool) -> dict[str, str]:
    """All that an agent is told; of one name the first value counts.

    Actions of one resource that differ but in the node are told the same; so are most probes.
    """
    node, resource = action.node, action.resource
    if node is None or resource is None or action.extra or node.launcher is not None or "on_node" in action.meta:
        return _read_attributes(action, builder, on_node=on_node)
    parameters = resource.parameters(node)
    # Parameters that are the same object are kept as long as the builder.
    kind = (resource, id(parameters), *action.meta.items())
    known = builder.of_kind.get(kind)
    if known is None:
        known = builder.of_kind[kind] = parameters, _read_attributes(action, builder, on_node=False)
    found = known[1].copy()
    if on_node:
        found.setdefault("CRM_meta_on_node", node.name)
        found.setdefault("CRM_meta_on_node_uuid", node.id)
    return found


def _read_attributes(action: Action, builder: GraphBuilder, *, on_node: bool) -> dict[str, str]:
    found = {"crm_feature_set": FEATURE_SET, **action.extra}
    for name, value in _parameters(action).items():
        found.setdefault(name, value)
    meta = dict(action.meta)
    if on_node and action.node is not None:
        meta["on_node"] = action.node.name
        meta["on_node_uuid"] = action.node.id
    for name, value in meta.items():
        if "#" not in name and ":" not in name:
            found.setdefault(meta_name(name), value)
    if action.resource is not None:
        found.update(builder.told_of(action.resource)[1])
    for name, value in remote.guest_meta(action).items():
        found.setdefault(meta_name(name), value)
    return found


def _downed(action: Action) -> tuple[str, ...]:
    """Nodes that an action takes down."""
    node, resource = action.node, action.resource
    if node is None:
        return ()
    if action.task == act.SHUTDOWN:
        return (node.id,)
    if action.task == act.FENCE:
        if action.meta.get("stonith_action") not in _TAKES_DOWN:
            return ()
        return (node.id, *_guests_on(node))
    if resource is not None and resource.is_remote_connection and action.task == act.STOP and not (
        any(
            before.action.resource is resource and before.action.task == act.MIGRATE_FROM
            for before in action.before
        )
    ):
        return (resource.id,)
    return ()


def _guests_on(host: Node) -> list[str]:
    found = []
    for resource in host.running:
        if resource.is_remote_connection and resource.launcher is not None:
            guest = resource.workspace.node_named(resource.id)
            if guest is not None:
                found.append(guest.id)
    return found


def _locks(action: Action) -> int:
    """When the resource was locked to the node of this action; 0 where it is not."""
    resource, node = action.resource, action.node
    if resource is None or node is None or resource.lock_node is not node:
        return 0
    return 0 if node.shutdown and action.task != act.STOP else resource.lock_time


def _frozen(workspace: Workspace, action: Action) -> result.Action:
    builder = workspace.graph
    assert builder is not None
    kind = _kind(action)
    # Events are done nowhere, but for the fencing of guests.
    on_node = action.node is not None and (
        kind is not ActionKind.PSEUDO or action.task == act.FENCE
    )
    node = action.node if on_node else None
    router = remote.router(action) if on_node else None
    resource = action.resource
    details = resource is not None and not action.flags & act.PSEUDO
    key = _history_key(action)
    return result.Action(
        id=action.id, kind=kind, task=action.task, key=action.key, key_clone=key,
        node="" if node is None else node.name, node_id="" if node is None else node.id,
        router_node="" if router is None else router.name,
        migrate_from=action.meta.get("migrate_source", ""),
        migrate_target=action.meta.get("migrate_target", ""),
        primitive=builder.told_of(resource)[0] if details and resource is not None else None,
        attributes=_attributes(action, builder, on_node=on_node),
        downed=_downed(action) if on_node else (),
        maintenance=_maintenance_changes(workspace) if action.task == _MAINTENANCE else (),
        shutdown_lock=_locks(action) if details else 0,
    )


def make_graph(workspace: Workspace, transition_id: int) -> Graph:
    """The graph of all that is to be done."""
    workspace.graph = GraphBuilder()
    for resource in workspace.resources:
        resource.add_to_graph()
    if _maintenance_changes(workspace):
        act.ask_pseudo(workspace, _MAINTENANCE).flags |= act.ALWAYS_IN_GRAPH
    for action in reversed(workspace.actions):
        _add(workspace, action)
    frozen: dict[int, result.Action] = {}
    synapses = []
    for number, (action, inputs) in enumerate(workspace.graph.found):
        priority = 0 if action.resource is None else action.resource.priority
        frozen[action.id] = _frozen(workspace, action)
        synapses.append(Synapse(
            number, frozen[action.id], tuple(before.id for before in inputs),
            max(priority, action.priority, 0),
        ))
    outside = {
        before.id: before for _, inputs in workspace.graph.found for before in inputs
        if before.id not in frozen
    }
    options = workspace.options
    raw = options.raw
    return Graph(
        transition_id=transition_id, synapses=tuple(synapses),
        cluster_delay=raw.get("cluster-delay", "60s"),
        fencing_timeout=raw.get("fencing-timeout", "60s"),
        failed_start_offset="INFINITY" if options.start_failure_is_fatal else "1",
        batch_limit=max(parse_score(raw.get("batch-limit")), 0),
        migration_limit=parse_score(raw.get("migration-limit"), -1),
        recheck_at=workspace.recheck_at,
        awaited=tuple(_frozen(workspace, action) for action in outside.values()),
    )


# Dot ----------------------------------------------------------------------------------------------


def _dot_name(action: Action, *, verbose: bool) -> str:
    resource = action.resource
    host = ""
    if action.node is not None:
        host = f" {action.node.name}"
    elif not action.flags & act.PSEUDO:
        host = " <none>"
    prefix, task = "", action.task
    if task == act.CANCEL:
        prefix, task = "Cancel ", action.cancel_task or ""
    if resource is not None and resource.history_id is not None:
        if action.task in (act.NOTIFY, act.NOTIFIED):
            key = act.notify_key(
                resource.history_id, action.meta.get("notify_key_type", ""),
                action.meta.get("notify_key_operation", ""),
            )
        else:
            key = f"{resource.history_id}_{task}_{action.interval_ms}"
        name = f"{prefix}{key}{host}"
    elif action.task == act.FENCE:
        name = f"{prefix}{action.task} '{action.meta.get('stonith_action')}'{host}"
    elif resource is not None and host:
        name = f"{prefix}{action.key}{host}"
    elif host:
        name = f"{prefix}{action.task}{host}"
    else:
        name = action.key
    return f"{name} ({action.id})" if verbose else name


def dot(
    workspace: Workspace, *, everything: bool, verbose: bool
) -> tuple[tuple[DotNode, ...], tuple[DotEdge, ...]]:
    """What crm_simulate draws: what is in the graph and what can not run, or `everything`."""
    names = {action.id: _dot_name(action, verbose=verbose) for action in workspace.actions}
    drawn: set[int] = set()
    nodes = []
    for action in reversed(workspace.actions):
        flags = action.flags
        node = DotNode(
            names[action.id], bool(flags & act.IN_GRAPH), pseudo=bool(flags & act.PSEUDO),
            unmanaged=action.resource is not None and not action.resource.managed,
            optional=bool(flags & act.OPTIONAL),
        )
        if everything or node.always_drawn:
            nodes.append(node)
            drawn.add(action.id)
    edges = []
    for action in reversed(workspace.actions):
        for before in reversed(action.before):
            if not before.graphed and before.flags == rel.NONE:
                continue
            wanted = before.graphed or (
                before.action.id in drawn and action.id in drawn
                and before.flags != rel.IF_ON_SAME_NODE_OR_TARGET
            )
            if wanted or everything:
                edges.append(DotEdge(names[before.action.id], names[action.id], before.graphed))
    return tuple(nodes), tuple(edges)
