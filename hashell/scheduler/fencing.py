"""Fencing: which nodes must be fenced or shut down, and what has to wait for that.

Source: lib/pacemaker/pcmk_sched_fencing.c, lib/pacemaker/pcmk_scheduler.c, lib/pengine/unpack.c
(pe_fence_node), lib/pengine/pe_actions.c (pe_fence_op), lib/pengine/utils.c (pe_can_fence).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.cluster_options import NoQuorumPolicy
from hashell.model.nodes import NodeKind
from hashell.model.operations import Requires
from hashell.scheduler import actions as act
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.relations import link
from hashell.scheduler.workspace import Node, Workspace

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource

ON, OFF, REBOOT = "on", "off", "reboot"


def can_fence(workspace: Workspace, node: Node | None) -> bool:
    """Whether the partition may fence this node (or any, for None).

    A guest is fenced by recovering its container, so the container's node must allow it.
    """
    if node is not None and node.is_guest:
        launcher = node.launcher
        assert launcher is not None
        return all(host.online or can_fence(workspace, host) for host in launcher.active)
    if not workspace.options.fencing_enabled or not workspace.have_fencing:
        return False
    if workspace.has_quorum or workspace.no_quorum_policy is NoQuorumPolicy.IGNORE:
        return True
    if node is None or not node.online:
        return False
    if node.is_remote and not workspace.options.fence_remote_without_quorum:
        # Another partition might hold the connection.
        assert node.remote is not None
        return all(workspace.node_by_id[name].online for name in node.remote.allowed)
    return True


def fence_node(
    workspace: Workspace, node: Node, reason: str, *, priority_delay: bool = False
) -> None:
    """Mark a node as one that must be fenced; a guest as one whose container must be recovered."""
    if node.is_guest:
        launcher = node.launcher
        assert launcher is not None
        if not launcher.failed and launcher.managed:
            node.remote_reset = True
            launcher.failed = launcher.stop_if_failed = True
        return
    if node.is_remote and node.remote is not None and node.remote.removed_launched:
        node.remote.failed = node.remote.stop_if_failed = True
        return
    if node.is_remote:
        if node.remote is None or node.remote.managed:
            node.remote_reset = True
        node.unclean = True
        workspace.nodes_changed()
        fence_action(workspace, node, None, optional=True, reason=reason)
    elif not node.unclean:
        node.unclean = True
        workspace.nodes_changed()
        fence_action(
            workspace, node, None, optional=True, reason=reason, priority_delay=priority_delay
        )


def fence_action(
    workspace: Workspace, node: Node, operation: str | None, *, optional: bool,
    reason: str | None = None, priority_delay: bool = False,
) -> Action:
    """The action that fences (or unfences: "on") a node."""
    operation = operation or workspace.options.fencing_action
    key = f"{act.FENCE}-{node.name}-{operation}"
    fence = workspace.singletons.get(key)
    if fence is None:
        fence = act.ask(workspace, None, key, act.FENCE, node, optional=True)
        fence.meta["on_node"] = node.name
        fence.meta["on_node_uuid"] = node.id
        fence.meta["stonith_action"] = operation
        if workspace.enable_unfencing:
            optional = _note_device_digests(workspace, fence, node, optional=optional)
    if workspace.options.priority_fencing_delay_ms > 0 and (
        priority_delay or "priority-fencing-delay" in fence.meta
    ):
        fence.meta["priority-fencing-delay"] = str(_priority_delay_s(workspace, node))
    if not optional and can_fence(workspace, node):
        fence.flags &= ~act.OPTIONAL
        fence.because(reason)
    elif reason and fence.reason is None:
        fence.reason = reason
    return fence


def _unfencing_devices(resources: list[Resource]) -> list[Resource]:
    found: list[Resource] = []
    for resource in resources:
        if resource.children:
            found.extend(_unfencing_devices(resource.children))
        elif resource.fence_device and (
            resource.requires_unfencing
            or resource.meta.get("provides", "").lower() == "unfencing"
        ):
            found.append(resource)
    return found


def _note_device_digests(
    workspace: Workspace, fence: Action, node: Node, *, optional: bool
) -> bool:
    """Remember with what parameters a node was unfenced; changed ones unfence it anew."""
    from hashell.scheduler import config_changes

    every, secure = "", ""
    for device in reversed(_unfencing_devices(workspace.resources)):
        agent = device.meta.get("type", "")
        digests = config_changes.fencing_digests(device, agent, node)
        if digests.mismatch:
            optional = False
            workspace.notices.append(
                f"notice: Unfencing node {node.name} because the definition of {device.id} changed"
            )
        every += f"{device.id}:{agent}:{digests.all_digest},"
        secure += f"{device.id}:{agent}:{digests.secure_digest},"
    fence.meta["digests-all"] = every
    fence.meta["digests-secure"] = secure
    return optional


def _priority_delay_s(workspace: Workspace, node: Node) -> int:
    """How long fencing of a node waits, because the most important resources run there."""
    if node.kind is not NodeKind.CLUSTER or node.online:
        return 0
    members = [other for other in workspace.nodes if other.kind is NodeKind.CLUSTER]
    if sum(other.online for other in members) > len(members) // 2:
        return 0
    top = max(other.priority for other in members)
    if min(other.priority for other in members) == top or node.priority < top:
        return 0
    return timeout_s(workspace.options.priority_fencing_delay_ms)


def timeout_s(milliseconds: int) -> int:
    """Milliseconds as whole seconds, rounded, and at least one unless there are none."""
    seconds = (milliseconds + 500) // 1000
    return 1 if milliseconds > 0 and seconds == 0 else seconds


# Unfencing ----------------------------------------------------------------------------------------


def is_unfenced(node: Node) -> bool:
    return node.attributes.get("#node-unfenced", "0") != "0"


def trigger_unfencing(
    workspace: Workspace, resource: Resource | None, node: Node | None, reason: str,
    dependency: Action | None = None,
) -> None:
    """Unfence a node (or all nodes where a device may run) because something changed."""
    if not workspace.enable_unfencing or (resource is not None and not resource.fence_device):
        return
    if node is not None and node.online and not node.unclean and not node.shutdown:
        unfence = fence_action(workspace, node, ON, optional=False, reason=reason)
        if dependency is not None:
            link(unfence, dependency, rel.ORDERED, "unfencing")
    elif resource is not None:
        for name in list(resource.allowed):
            other = workspace.node_by_id[name]
            if other.online and not other.unclean and not other.shutdown:
                trigger_unfencing(workspace, resource, other, reason, dependency)


def order_after_unfencing(resource: Resource, node: Node, action: Action, flags: int) -> None:
    """What needs an unfenced node waits for that."""
    workspace = resource.workspace
    if not (
        (resource.fence_device and workspace.enable_unfencing) or resource.requires_unfencing
    ):
        return
    unfence = fence_action(workspace, node, ON, optional=True)
    link(unfence, action, flags, "unfencing")
    if not is_unfenced(node):
        trigger_unfencing(workspace, None, node, f"required by {resource.id} {action.task}")


# What waits for fencing ---------------------------------------------------------------------------


def _known_on(resource: Resource, node: Node) -> bool:
    if node.knows(resource):
        return True
    parent = resource.parent
    return (
        resource.is_primitive and parent is not None and parent.is_anonymous_clone
        and node.knows(parent)
    )


def _order_starts(resource: Resource, fence: Action) -> None:
    target = fence.node
    assert target is not None
    for action in reversed(resource.actions):
        if action.needs is Requires.FENCING:
            link(fence, action, rel.ORDERED, "fencing")
        elif (
            action.needs is Requires.QUORUM and action.task == act.START
            and target.id in resource.allowed and not _known_on(resource, target)
        ):
            # It might run there, and only fencing can tell.
            link(fence, action, rel.ORDERED | rel.UNRUNNABLE_FIRST_BLOCKS, "fencing")


def _order_stops(resource: Resource, fence: Action) -> None:
    from hashell.scheduler import notifications

    target = fence.node
    assert target is not None
    implicit = resource.requires_fencing or target.is_guest
    stops = act.find_all(resource, act.key_of(resource, act.STOP), target)
    parent_stop = None
    if stops and implicit:
        parent_stop = act.find_first(resource.top, task=act.STOP)
    for stop in stops:
        # Fencing does the stopping.
        stop.flags |= act.PSEUDO | act.RUNNABLE
        if implicit:
            if not resource.is_bundled:
                link(fence, stop, rel.GUEST_ALLOWED, "fencing")
            link(fence, parent_stop, rel.GUEST_ALLOWED, "fencing")
        if resource.notify:
            notifications.order_after_fencing(stop, resource, fence)
    for demote in act.find_all(resource, act.key_of(resource, act.DEMOTE), target):
        node = demote.node
        assert node is not None
        if not node.online or node.unclean or resource.failed:
            demote.flags |= act.PSEUDO | act.RUNNABLE
            if not resource.is_bundled and implicit:
                link(fence, demote, rel.GUEST_ALLOWED | rel.ORDERED, "fencing")


def order_resources(workspace: Workspace, fence: Action) -> None:
    """Starts wait for the fencing of a node, stops there are done by it."""
    def walk(resource: Resource) -> None:
        if resource.children:
            for child in list(resource.children):
                walk(child)
        elif resource.managed:
            _order_starts(resource, fence)
            _order_stops(resource, fence)

    for resource in workspace.resources:
        walk(resource)


def _fence_guest(workspace: Workspace, node: Node) -> None:
    """A guest is fenced by its container's stop; the event only has things to wait for."""
    operation = OFF
    stop = None
    launcher = node.launcher
    if launcher is not None:
        stop = act.find_first(launcher, task=act.STOP)
        if act.find_first(launcher, task=act.START) is not None:
            operation = REBOOT
    fence = fence_action(workspace, node, operation, optional=False, reason="guest is unclean")
    fence.flags |= act.PSEUDO | act.RUNNABLE
    if stop is not None and stop.flags & act.PSEUDO:
        assert stop.node is not None
        host_fence = fence_action(workspace, stop.node, None, optional=False)
        link(host_fence, fence, rel.UNRUNNABLE_FIRST_BLOCKS | rel.FIRST_IMPLIES_THEN, "guest")
    elif stop is not None:
        link(stop, fence, rel.UNRUNNABLE_FIRST_BLOCKS | rel.FIRST_IMPLIES_THEN, "guest")
    else:
        assert node.remote is not None
        stop = act.find_first(node.remote, task=act.STOP)
        if stop is not None:
            link(stop, fence, rel.ORDERED, "guest")
    order_resources(workspace, fence)


# The stage ----------------------------------------------------------------------------------------


def _any_managed(resources: list[Resource]) -> bool:
    return any(
        resource.managed or _any_managed(resource.children) for resource in resources
    )


def _shut_down(workspace: Workspace, node: Node) -> Action:
    """The node leaves when all stops there are done."""
    shutdown = act.ask(
        workspace, None, f"{act.SHUTDOWN}-{node.name}", act.SHUTDOWN, node, optional=False
    )
    for action in reversed(workspace.actions):
        if action.node is not node or action.task != act.STOP:
            continue
        resource = action.resource
        assert resource is not None
        if resource.maintenance or node.maintenance or not (resource.managed or resource.blocked):
            continue
        action.flags &= ~act.OPTIONAL
        workspace.orderings.append(rel.Ordering(
            resource, action.key, action, None, act.SHUTDOWN, shutdown,
            rel.ORDERED | rel.UNRUNNABLE_FIRST_BLOCKS, "shutdown",
        ))
    shutdown.meta["op_no_wait"] = "true"
    return shutdown


def fence_and_shut_down(workspace: Workspace) -> None:
    """Fence nodes that must be, shut down those that asked for it; the DC last.

    Without anything to manage nobody is fenced.
    """
    have_managed = _any_managed(workspace.resources)
    concurrent = workspace.options.concurrent_fencing
    dc_down: Action | None = None
    fences: list[Action] = []
    shutdowns: list[Action] = []
    for node in workspace.nodes:
        is_dc = node is workspace.dc
        if node.is_guest:
            if node.remote_reset and have_managed and can_fence(workspace, node):
                _fence_guest(workspace, node)
            continue
        if have_managed and node.unclean and can_fence(workspace, node):
            fence = fence_action(
                workspace, node, None, optional=False, reason="node is unclean"
            )
            order_resources(workspace, fence)
            if is_dc:
                dc_down = fence
            else:
                if not concurrent and fences:
                    link(fences[-1], fence, rel.ORDERED, "concurrent-fencing")
                fences.append(fence)
        else:
            if not node.is_remote and node.online and node.shutdown:
                shutdown = _shut_down(workspace, node)
                if is_dc:
                    dc_down = shutdown
                else:
                    shutdowns.append(shutdown)
            if node.unclean:
                workspace.problem(f"Node {node.name} is unclean but cannot be fenced")
    if dc_down is None:
        return
    if dc_down.task == act.SHUTDOWN:
        for shutdown in reversed(shutdowns):
            link(shutdown, dc_down, rel.ORDERED, "dc-last")
    if concurrent:
        for fence in reversed(fences):
            link(fence, dc_down, rel.ORDERED, "dc-last")
    elif fences:
        link(fences[-1], dc_down, rel.ORDERED, "dc-last")
