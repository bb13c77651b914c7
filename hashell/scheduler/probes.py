"""Probes: where to look first, and what waits for the answer.

Source: lib/pacemaker/pcmk_sched_probes.c.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler import fencing, remote
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order, order_resource_actions
from hashell.scheduler.ordering.relations import Link, Ordering, link
from hashell.scheduler.recurring import expect
from hashell.scheduler.workspace import Node, Rank
from hashell.state.resources import ProbeMode
from hashell.values.outcomes import OcfCode

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Workspace

    #: An action after another: whether the first implies it, and its resource.
    _Way = tuple[Action, bool, Resource | None]


_UNDONE_BY = {act.START: act.STOP, act.PROMOTE: act.DEMOTE}


def probe_all(resources: Iterable[Resource], node: Node) -> bool:
    """Look for all of them on a node; whether any probe was made."""
    created = False
    for resource in list(resources):
        created |= resource.create_probe(node)
    return created


def schedule_probes(workspace: Workspace) -> None:
    """Look for everything on every node where it is not known whether it runs."""
    if not workspace.options.enable_startup_probes:
        return
    plain: dict[str, int] = {}
    others: list[int] = []
    tops = workspace.resources
    for place, top in enumerate(tops):
        leaves = [top] if top.is_primitive else top.children if top.is_group else []
        if leaves and plain.keys().isdisjoint(leaf.id for leaf in leaves):
            plain.update((leaf.id, place) for leaf in leaves)
        else:
            others.append(place)
    for node in workspace.nodes:
        if not node.online:
            if remote.has_failed(node):
                fencing.fence_node(workspace, node, "the connection is unrecoverable")
        elif not node.unclean and node.probes_allowed:
            # Where all is known of a resource there is nothing to do; that is so of most.
            unknown = {plain[name] for name in plain.keys() - node.quiet}
            probe_all([tops[place] for place in sorted(unknown.union(others))], node)


def _will_stop(node: Node) -> bool:
    """Whether a guest's container will stop, so that looking there is in vain."""
    launcher = node.launcher
    assert launcher is not None
    return (
        node.remote_reset or node.unclean or launcher.failed
        or launcher.next_role is Rank.STOPPED
        or (
            launcher.role > Rank.STOPPED and launcher.assigned is not None
            and launcher.assigned not in launcher.active
        )
    )


def probe_on_node(resource: Resource, node: Node) -> bool:
    """Look for a resource on a node, if that is needed and possible."""
    workspace = resource.workspace
    top = resource.top
    if not workspace.options.enable_startup_probes:
        return False
    if node.is_remote:
        from hashell.scheduler.variants.primitive import guest_connection

        if resource.fence_device or resource.is_remote_connection or (
            node.is_guest and guest_connection(resource) is not None
        ):
            return False
    if resource.children:
        return probe_all(resource.children, node)
    if (
        (resource.launcher is not None and not resource.is_remote_connection)
        or resource.removed or node.knows(resource) or not resource.is_primitive
    ):
        return False
    mode = resource.probe_mode(node)
    if (resource.exclusive_probes or top.exclusive_probes) and (
        mode is not ProbeMode.EXCLUSIVE or node.id not in resource.allowed
    ):
        return False
    if mode is ProbeMode.NEVER:
        return False
    launcher = node.launcher
    if launcher is not None:
        if launcher.role is Rank.STOPPED:
            _order_after_container_probe(launcher, top)
            return False
        if _will_stop(node):
            order_resource_actions(
                launcher, act.STOP, top, act.START, rel.ORDERED, "container"
            )
            return False
    _make_probe(resource, top, node)
    return True


def _order_after_container_probe(container: Resource, resource: Resource) -> None:
    node = container.assigned
    if node is not None and not node.knows(container):
        order_resource_actions(
            container, act.MONITOR, resource, act.START, rel.ORDERED, "container"
        )


def _make_probe(resource: Resource, top: Resource, node: Node) -> None:
    workspace = resource.workspace
    probe = act.ask_resource(resource, act.MONITOR, node, optional=False)
    if probe.flags & act.OPTIONAL:
        probe.flags &= ~act.OPTIONAL
    fencing.order_after_unfencing(resource, node, probe, rel.ORDERED)
    if node not in resource.active:
        expect(probe, OcfCode.NOT_RUNNING)
    elif resource.role is Rank.PROMOTED:
        expect(probe, OcfCode.RUNNING_PROMOTED)
    if not top.is_clone:
        top = resource
    flags = rel.ORDERED
    if not probe.flags & act.RUNNABLE and not top.active:
        flags |= rel.UNRUNNABLE_FIRST_BLOCKS
    order(
        workspace, flags, "probe", first=probe, then_resource=top,
        then_key=act.key_of(top, act.START),
    )
    if act.RELOAD in top.actions_by_task:
        order(
            workspace, rel.ORDERED, "probe", first=probe, then_resource=top,
            then_key=act.key_of(resource, act.RELOAD),
        )


# Orderings of probes ------------------------------------------------------------------------------


def order_probes(workspace: Workspace) -> None:
    """What waits for a stop waits for the probe that might find something to stop."""
    further: dict[Action, list[_Way]] = {}
    for resource in workspace.resources:
        _order_of_resource(resource, further)
    for ordering in workspace.orderings:
        _order_before_stops(ordering)


def _order_of_resource(resource: Resource, further: dict[Action, list[_Way]]) -> None:
    if not resource.is_primitive:
        for child in resource.children:
            _order_of_resource(child, further)
        return
    ways: dict[Action, list[Action]] = {}
    walk = _Walk(resource, further)
    probes = resource.actions_by_key.get(act.key_of(resource, act.MONITOR), ())
    for probe in probes:
        if probe.task != act.MONITOR:
            continue
        for after in probe.after[::-1]:
            _block_starts_of_instances(probe, after)
            # The probes of one resource have the same before them, whatever the node.
            stops = ways.get(after.action)
            if stops is None:
                stops = []
                visited: set[Action] = set()
                walk.find_stops(after.action, visited, stops)
                if visited.isdisjoint(probes):
                    ways[after.action] = stops
            for stop in stops:
                link(probe, stop, rel.ORDERED, "probe")


def _block_starts_of_instances(probe: Action, after: Link) -> None:
    """A probe that can not be done blocks the starts of instances that are not active."""
    collective = after.action.resource
    if (
        collective is None or collective.variant <= 1 or probe.flags & act.RUNNABLE
        or after.flags & rel.UNRUNNABLE_FIRST_BLOCKS or probe.resource is None
        or probe.resource.top is not collective or after.action.task != act.START
    ):
        return
    for then in reversed(list(after.action.after)):
        resource = then.action.resource
        if (
            resource is not None and not resource.active and resource.top is collective
            and then.action.task == act.START
        ):
            link(probe, then.action, rel.ORDERED | rel.UNRUNNABLE_FIRST_BLOCKS, "probe")


def _ways_on(action: Action) -> list[_Way]:
    """The ways on from an action that some resource may go, the newest first; but those that end at once, in what
    nobody undoes, like recurring monitors.
    """
    collective = action.resource
    members = collective is not None and collective.variant >= 1
    found: list[_Way] = []
    for wrapper in reversed(action.after):
        then = wrapper.action
        if not then.after and then.task not in _UNDONE_BY and (then.task != act.MONITOR or "interval" in then.meta):
            continue
        chained = then.resource
        if wrapper.flags & rel.FIRST_IMPLIES_THEN:
            found.append((then, True, chained))
        elif members and chained is not None and chained.variant <= 1 and chained.parent is collective:
            found.append((then, False, chained))
    return found


class _Walk:
    """If a probe finds a resource, it restarts, and so do those that depend on it: their stops wait for the probe.

    `further` has the ways on from actions that get no more of them meanwhile: all but probes.
    """

    __slots__ = ("further", "resource")

    def __init__(self, resource: Resource, further: dict[Action, list[_Way]]) -> None:
        self.resource = resource
        self.further = further

    def find_stops(self, after: Action, visited: set[Action], stops: list[Action]) -> None:
        """The stops that are met from an action on, in order; nobody is visited twice."""
        visited.add(after)
        resource = self.resource
        other = after.resource
        if other is not None and other.is_primitive and resource is not other:
            down = _UNDONE_BY.get(after.task)
            if down is not None:
                stops += [
                    then for then in other.actions_by_key.get(act.key_of(other, down), ())
                    if not then.flags & act.PSEUDO
                ]
        ways = self.further.get(after)
        if ways is None:
            ways = _ways_on(after)
            if after.task != act.MONITOR:
                self.further[after] = ways
        if not ways:
            return
        compatible: Resource | None = None
        interleave = False
        if other is not None and other.variant > 1:
            interleave = other.interleave
            if interleave:
                from hashell.scheduler.variants.instances import find_compatible

                compatible = find_compatible(resource, other, Rank.UNKNOWN, current=False)
        for then, implied, chained in ways:
            if then in visited or (
                not implied and (resource.parent is other or (interleave and compatible is not chained))
            ):
                continue
            self.find_stops(then, visited, stops)


def _needed_before(probe: Action, then: Action) -> bool:
    if (
        then.task == act.FENCE and probe.node is then.node
        and then.meta.get("stonith_action") == fencing.ON
    ):
        # Probes themselves wait for the unfencing.
        return False
    return not (
        then.task == act.SHUTDOWN and probe.node is not None and then.node is not None
        and probe.node is not then.node
    )


def _order_before_stops(ordering: Ordering) -> None:
    first_resource, then_resource = ordering.first_resource, ordering.then_resource
    if (
        ordering.flags == rel.NONE or first_resource is None or first_resource is then_resource
        or (ordering.first is None and ordering.first_key is None)
        or (ordering.then is None and ordering.then_key is None)
    ):
        return
    if ordering.first is not None:
        if ordering.first.task != act.STOP:
            return
    elif ordering.first_key is not None and not ordering.first_key.endswith("_stop_0"):
        return
    if then_resource is not None and first_resource.launcher is then_resource:
        # A container stops only when what it launched has stopped, or was never found.
        if ordering.then is not None:
            if ordering.then.task == act.STOP:
                return
        elif (ordering.then_key or "").endswith("_stop_0"):
            return
    flags = rel.ORDERED | (
        ordering.flags & (rel.IF_FIRST_UNMIGRATABLE | rel.IF_ON_SAME_NODE)
    )
    if ordering.flags in (rel.IF_REQUIRED_ON_SAME_NODE, rel.IF_ON_SAME_NODE_OR_TARGET):
        flags = ordering.flags
    probes = act.find_all(first_resource, act.key_of(first_resource, act.MONITOR), None)
    if not probes:
        return
    if ordering.then is not None:
        thens = [ordering.then]
    elif then_resource is not None:
        thens = act.find_all(then_resource, ordering.then_key or "", None)
    else:
        thens = []
    for probe in probes:
        for then in thens:
            if _needed_before(probe, then):
                link(probe, then, flags, ordering.why)
