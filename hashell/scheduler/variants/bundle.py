"""Bundles: containers with an address and a connection each, and what runs in them.

Source: lib/pacemaker/pcmk_sched_bundle.c, lib/pengine/bundle.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler import assign, failures
from hashell.scheduler.colocation.relations import (
    Colocation,
    add_colocation,
    merge_this_with,
    merge_with_this,
)
from hashell.scheduler.colocation.scores import intersect
from hashell.scheduler.node_criteria import apply_location
from hashell.scheduler.nodes import sort_nodes
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order, order_resource_actions
from hashell.scheduler.scores import add
from hashell.scheduler.sorting import merge_sorted
from hashell.scheduler.variants import instances, promotable
from hashell.scheduler.variants.clone import Clone
from hashell.scheduler.variants.variant import Resource, pick_active
from hashell.scheduler.workspace import Node, Rank
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.workspace import Location, Workspace
    from hashell.state.resources import Resource as Found

_OF_INSTANCES = frozenset({
    "no_action", act.NOTIFY, act.NOTIFIED, act.PROMOTE, act.PROMOTED, act.DEMOTE, act.DEMOTED,
})


@dataclass(slots=True, eq=False)
class Replica:
    """A container with what belongs to it; `node` is the guest node that it is."""

    container: Resource
    child: Resource | None = None
    ip: Resource | None = None
    remote: Resource | None = None
    node: Node | None = None


class Bundle(Resource):
    """Replicas, and the clone whose instances run in their containers."""

    def __init__(self, workspace: Workspace, found: Found, parent: Resource | None) -> None:
        super().__init__(workspace, found, parent)
        self.replicas: list[Replica] = []

    @property
    def inner(self) -> Clone | None:
        last = self.children[-1] if self.children else None
        return last if isinstance(last, Clone) else None

    @property
    def containers(self) -> list[Resource]:
        return [replica.container for replica in self.replicas]

    @property
    def max_per_node(self) -> int:
        return 1 if self.config.bundle is None else self.config.bundle.replicas_per_host

    def current_role(self) -> Rank:
        return Rank.UNKNOWN

    def planned_role(self) -> Rank:
        return Rank.UNKNOWN

    def is_active(self, *, all_members: bool) -> bool:
        for replica in self.replicas:
            for part in (replica.ip, replica.child, replica.container, replica.remote):
                if part is not None and part.is_active(all_members=all_members) != all_members:
                    return not all_members
        return all_members

    def count_active(self) -> tuple[Node | None, int, int]:
        containers = [container for container in self.containers if container.active]
        if not containers:
            return None, 0, 0
        if len(containers) == 1:
            return containers[0].count_active()
        nodes = dict.fromkeys(node for one in containers for node in one.active)
        return pick_active(self, nodes)

    # Assignment ---------------------------------------------------------------------------------

    def assign(self, prefer: Node | None, *, stop_if_fail: bool) -> Node | None:
        self.assigning = True
        assign.show_scores(self, "bundle")
        containers = merge_sorted(self.containers, instances.comparison())
        instances.assign_instances(
            self, containers, len(self.replicas), self.max_per_node
        )
        for replica in self.replicas:
            self._assign_replica(replica, prefer, stop_if_fail=stop_if_fail)
        inner = self.inner
        if inner is not None:
            own = {replica.node.id for replica in self.replicas if replica.node is not None}
            for name in inner.allowed:
                inner.allowed[name] = 0 if name in own else -INFINITY
            inner.touch()
            inner.assign(prefer, stop_if_fail=stop_if_fail)
        self.assigning = self.unassigned = False
        return None

    def _assign_replica(
        self, replica: Replica, prefer: Node | None, *, stop_if_fail: bool
    ) -> None:
        if replica.ip is not None:
            replica.ip.assign(prefer, stop_if_fail=stop_if_fail)
        host = replica.container.assigned
        if replica.remote is not None:
            if host is not None and host.is_remote and host.remote is not None:
                # A connection can not go through another one, so it stays with that.
                add_colocation(
                    self.workspace, "#replica-remote-with-host-remote", INFINITY, replica.remote,
                    host.remote, influence=True,
                )
            replica.remote.assign(prefer, stop_if_fail=stop_if_fail)
        child = replica.child
        if child is None or child.parent is None:
            return
        for node in child.nodes_of(child.allowed):
            if node is not replica.node:
                child.allowed[node.id] = -INFINITY
            elif failures.threshold_reached(child, node) is None:
                child.allowed[node.id] = INFINITY
        child.touch()
        child.parent.assigning = True
        child.assign(replica.node, stop_if_fail=stop_if_fail)
        child.parent.assigning = False

    # Constraints --------------------------------------------------------------------------------

    def internal_constraints(self) -> None:
        def order_tasks(
            first: Resource, first_task: str, then: Resource, then_task: str, flags: int
        ) -> None:
            order_resource_actions(first, first_task, then, then_task, flags, "bundle")

        for replica in self.replicas:
            container = replica.container
            container.internal_constraints()
            order_tasks(
                self, act.START, container, act.START,
                rel.UNRUNNABLE_FIRST_BLOCKS | rel.THEN_IMPLIES_FIRST_GRAPHED,
            )
            if replica.child is not None:
                order_tasks(
                    self, act.STOP, replica.child, act.STOP, rel.THEN_IMPLIES_FIRST_GRAPHED
                )
            order_tasks(self, act.STOP, container, act.STOP, rel.THEN_IMPLIES_FIRST_GRAPHED)
            order_tasks(
                container, act.START, self, act.STARTED, rel.FIRST_IMPLIES_THEN_GRAPHED
            )
            order_tasks(container, act.STOP, self, act.STOPPED, rel.FIRST_IMPLIES_THEN_GRAPHED)
            if replica.ip is not None:
                replica.ip.internal_constraints()
                order_tasks(
                    replica.ip, act.START, container, act.START,
                    rel.UNRUNNABLE_FIRST_BLOCKS | rel.GUEST_ALLOWED,
                )
                order_tasks(
                    container, act.STOP, replica.ip, act.STOP,
                    rel.THEN_IMPLIES_FIRST | rel.GUEST_ALLOWED,
                )
                add_colocation(
                    self.workspace, "#ip-with-container", INFINITY, replica.ip, container,
                    influence=True,
                )
            if replica.remote is not None:
                replica.remote.internal_constraints()
        inner = self.inner
        if inner is None:
            return
        down, up = rel.THEN_IMPLIES_FIRST_GRAPHED, rel.FIRST_IMPLIES_THEN_GRAPHED
        order_tasks(self, act.START, inner, act.START, down)
        order_tasks(inner, act.STARTED, self, act.STARTED, up)
        order_tasks(self, act.STOP, inner, act.STOP, down)
        order_tasks(inner, act.STOPPED, self, act.STOPPED, up)
        inner.internal_constraints()
        if not inner.promotable:
            return
        promotable.order_restart(self)
        order_tasks(self, act.DEMOTE, inner, act.DEMOTE, down)
        order_tasks(inner, act.DEMOTED, self, act.DEMOTED, up)
        order_tasks(self, act.PROMOTE, inner, act.PROMOTE, down)
        order_tasks(inner, act.PROMOTED, self, act.PROMOTED, up)

    def apply_colocation(
        self, dependent: Resource, primary: Resource, colocation: Colocation, *,
        for_dependent: bool,
    ) -> int:
        assert not for_dependent, "containers follow, not the bundle"
        if self.unassigned:
            return 0
        if colocation.dependent.variant > 1:
            container = self._compatible(dependent)
            if container is not None:
                return dependent.apply_colocation(
                    dependent, container, colocation, for_dependent=True
                )
            if colocation.score >= INFINITY:
                assign.set_node(dependent, None, force=True, stop_if_fail=True)
            return 0
        change = 0
        places: list[tuple[Node, int]] = []
        for replica in self.replicas:
            container = replica.container
            if colocation.score < INFINITY:
                change = add(change, container.apply_colocation(
                    dependent, container, colocation, for_dependent=False
                ))
                continue
            node = container.assigned_place()
            if node is None or container.any_flag("blocked"):
                continue
            if colocation.primary_role >= Rank.PROMOTED and (
                replica.child is None or replica.child.next_role < Rank.PROMOTED
            ):
                continue
            places.append((node, container.assigned_score))
        if colocation.score >= INFINITY:
            intersect(dependent, colocation, places, merge=False)
        return change

    def _compatible(self, dependent: Resource) -> Resource | None:
        """The container on the dependent's host, or on the best host that it may have."""
        node = _host(dependent.assigned_place())
        if node is not None:
            return self._container_on(node)
        for candidate in sort_nodes(self.workspace, dependent.allowed, None):
            host = _host(candidate)
            if host is not None:
                container = self._container_on(host)
                if container is not None:
                    return container
        return None

    def _container_on(self, node: Node) -> Resource | None:
        for container in self.containers:
            if instances.instance_matches(container, node, Rank.UNKNOWN, current=False):
                return container
        return None

    def _counts_for(self, origin: Resource) -> bool:
        if origin is self or origin.replica_container:
            return True
        inner = self.inner
        if inner is None or not inner.promotable or origin.top is not inner:
            return False
        if origin is inner:
            return inner.promotion_constrained
        return not origin.unassigned

    def add_with_this(self, origin: Resource, found: list[Colocation]) -> None:
        if self._counts_for(origin):
            merge_with_this(found, self.with_this)

    def add_this_with(self, origin: Resource, found: list[Colocation]) -> None:
        if self._counts_for(origin):
            merge_this_with(found, self.this_with)

    def apply_location(self, location: Location) -> None:
        apply_location(self, location)
        for replica in self.replicas:
            replica.container.apply_location(location)
            if replica.ip is not None:
                replica.ip.apply_location(location)
        inner = self.inner
        if inner is not None and location.role in (Rank.UNPROMOTED, Rank.PROMOTED):
            inner.apply_location(location)
            inner.locations.append(location)

    # Actions ------------------------------------------------------------------------------------

    def create_actions(self) -> None:
        for replica in self.replicas:
            for part in (replica.ip, replica.container, replica.remote):
                if part is not None:
                    part.create_actions()
        instances.create_instance_actions(self, self.containers)
        inner = self.inner
        if inner is None:
            return
        inner.create_actions()
        if inner.promotable:
            for task in (act.PROMOTE, act.PROMOTED, act.DEMOTE, act.DEMOTED):
                event = act.ask_event(self, task, optional=True, runnable=True)
                if task in (act.PROMOTED, act.DEMOTED):
                    event.priority = INFINITY

    def create_probe(self, node: Node) -> bool:
        created = False
        for replica in self.replicas:
            container, child = replica.container, replica.child
            if replica.ip is not None and replica.ip.create_probe(node):
                created = True
            if child is not None and node is replica.node and child.create_probe(node):
                created = True
            if container.create_probe(node):
                created = True
                if self.max_per_node == 1:
                    self._order_others_after_probe(container)
            remote = replica.remote
            if remote is not None and remote.create_probe(node):
                probe = act.find_first(
                    remote, key=act.key_of(remote, act.MONITOR), node=node
                )
                if probe is not None:
                    created = True
                    order(
                        self.workspace, rel.NESTED_REMOTE_PROBE, "bundle",
                        first_resource=container, first_key=act.key_of(container, act.START),
                        then=probe, then_resource=remote,
                    )
        return created

    def _order_others_after_probe(self, container: Resource) -> None:
        """With one container a node, others start there only when it is known that none runs."""
        for other in self.containers:
            if other is not container:
                order_resource_actions(
                    container, act.MONITOR, other, act.START,
                    rel.ORDERED | rel.IF_ON_SAME_NODE, "bundle",
                )

    def action_flags(self, action: Action, node: Node | None) -> int:
        inner = self.inner
        if inner is not None and act.known_task(action.task) in _OF_INSTANCES:
            return instances.collective_flags(action, inner.children, node)
        return instances.collective_flags(action, self.containers, node)

    def update_ordered(
        self, first: Action, then: Action, node: Node | None, flags: int, mask: int, relation: int
    ) -> int:
        return instances.update_ordered(first, then, node, flags, mask, relation)

    def add_to_graph(self) -> None:
        inner = self.inner
        if inner is not None:
            inner.add_to_graph()
        for replica in self.replicas:
            if replica.remote is not None:
                self._set_address(replica)
            for part in (replica.ip, replica.container, replica.remote):
                if part is not None:
                    part.add_to_graph()

    def _set_address(self, replica: Replica) -> None:
        """A connection without an address of its own goes to where the container runs."""
        remote = replica.remote
        assert remote is not None
        name = remote_address(remote)
        if name is not None:
            # The base parameters alone: those for a node keep the word that stands for it, and
            # the graph puts the name in its place.
            remote.parameters(None)
            remote._parameters[""] = {**remote.parameters(None), "addr": name}

    def list_changes(self) -> None:
        for replica in self.replicas:
            for part in (replica.ip, replica.container, replica.remote, replica.child):
                if part is not None:
                    part.list_changes()

    # The rest -----------------------------------------------------------------------------------

    def add_utilization(
        self, origin: Resource, everything: list[Resource], total: dict[str, int]
    ) -> None:
        if self.unassigned and self.replicas:
            self.containers[0].add_utilization(origin, everything, total)

    def lock_for_shutdown(self) -> None:
        """Bundles are not locked."""


def _host(node: Node | None) -> Node | None:
    """The node that a bundle's node will run on; any other node itself."""
    if node is not None and node.is_bundle_node:
        assert node.launcher is not None
        return node.launcher.assigned_place()
    return node


def needs_remote_name(resource: Resource) -> bool:
    """Whether a connection's address is the word that stands for its container's node."""
    return resource.is_remote_connection and (
        resource.parameters(None).get("addr", "").lower() == "#uname"
    )


def remote_address(remote: Resource) -> str | None:
    """The node where a connection's container will run, or runs, if the address asks for it."""
    if not needs_remote_name(remote):
        return None
    bundle = remote.outermost
    if not isinstance(bundle, Bundle):
        return None
    for replica in bundle.replicas:
        if replica.remote is remote:
            node = replica.container.assigned or replica.container.active_node()
            return None if node is None else node.name
    return None
