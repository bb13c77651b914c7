"""Resources: each as people see it now, with what it holds.

Source: lib/pengine/native.c, group.c, clone.c, bundle.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hashell.state.cluster_state import ClusterState
from hashell.state.nodes import Node
from hashell.state.resources import Replica, Resource
from hashell.status.cluster_status import (
    BundleStatus,
    CloneStatus,
    GroupStatus,
    PrimitiveStatus,
    ReplicaStatus,
    ResourceStatus,
)
from hashell.status.tickets import Losses
from hashell.values.booleans import is_true
from hashell.values.roles import Role


class Seen:
    """A state as it is shown: with what the loss of tickets changes in it."""

    __slots__ = ("losses", "nodes")

    def __init__(self, state: ClusterState, losses: Losses) -> None:
        self.nodes: Mapping[str, Node] = state.nodes
        self.losses = losses

    def managed(self, resource: Resource) -> bool:
        return resource.managed and resource.id not in self.losses.frozen

    def blocked(self, resource: Resource) -> bool:
        return resource.blocked or resource.id in self.losses.frozen

    def unclean(self, node: Node) -> bool:
        return node.unclean or node.id in self.losses.fenced


def resource_status(seen: Seen, resource: Resource) -> ResourceStatus:
    """A resource with all that is below it."""
    if resource.is_bundle:
        return _bundle(seen, resource)
    if resource.is_clone:
        return _clone(seen, resource)
    return _plain(seen, resource)


def _plain(seen: Seen, resource: Resource) -> PrimitiveStatus | GroupStatus:
    """A primitive or a group: what a clone may hold."""
    if resource.is_primitive:
        return _primitive(seen, resource)
    members = tuple(_primitive(seen, one) for one in resource.children)
    return GroupStatus(**_common(seen, resource), members=members)


def _common(seen: Seen, resource: Resource) -> dict[str, Any]:
    target = resource.meta.get("target-role")
    role = Role.find(target)
    return {
        "id": resource.id,
        "name": resource.printable_id,
        "managed": seen.managed(resource),
        "maintenance": resource.maintenance,
        "orphaned": resource.removed,
        "failed": resource.failed,
        "failure_ignored": resource.ignore_failure,
        "blocked": seen.blocked(resource),
        "unique": resource.unique,
        "target_role": target,
        "disabled": role is Role.STOPPED or (role is Role.UNPROMOTED and resource.top.promotable),
        "description": resource.config.element.get("description") or "",
        "active_on": tuple(seen.nodes[one].name for one in _active_on(resource)),
    }


def _active_on(resource: Resource) -> tuple[str, ...]:
    """Node ids where it or something below it is active, each once."""
    if resource.is_primitive:
        return resource.active_on
    found = (name for one in resource.primitives() for name in one.active_on)
    return tuple(dict.fromkeys(found))


def current_node(seen: Seen, resource: Resource) -> Node | None:
    """The node that stands for where it runs: the source of a migration that is half done; else the first, but a
    sound one before one that is not, where the resource needs no fencing.

    Source: lib/pengine/complex.c, pe__count_active_node.
    """
    found: Node | None = None
    for name in _active_on(resource):
        node = seen.nodes[name]
        if resource.partial_migration_source is not None:
            if name == resource.partial_migration_source:
                return node
        elif not resource.requires_fencing and node.online and not seen.unclean(node):
            return node
        if found is None:
            found = node
            if resource.partial_migration_source is None and resource.requires_fencing:
                return found
    return found


def _is_active(seen: Seen, resource: Resource) -> bool:
    """Recorded as active on a node where that can be so: online, or nobody knows, or not ours to stop.

    Source: lib/pengine/native.c, native_active.
    """
    nodes = (seen.nodes[name] for name in resource.active_on)
    return any(seen.unclean(node) or node.online or not seen.managed(resource) for node in nodes)


def _primitive(seen: Seen, resource: Resource) -> PrimitiveStatus:
    config, top = resource.config, resource.top
    role = resource.role
    if role is Role.STARTED and top.promotable:
        role = Role.UNPROMOTED
    current = current_node(seen, resource)
    pending_on = seen.nodes.get(resource.pending_on or "")
    lock = seen.nodes.get(resource.lock_node or "")
    return PrimitiveStatus(
        **_common(seen, resource),
        standard=config.standard,
        provider=config.provider,
        type=config.type,
        role=role,
        active=_is_active(seen, resource),
        current=current.name if current is not None else "",
        pending=resource.pending_task or "",
        pending_on=pending_on.name if pending_on is not None else "",
        locked_to=lock.name if lock is not None else "",
        internal=is_true(resource.meta.get("internal_rsc")),
        probe_id=_child_id(top) if top.is_clone else resource.id,
        promotable=top.promotable,
    )


def _child_id(clone: Resource) -> str:
    return clone.config.children[0].id if clone.config.children else ""


def _clone(seen: Seen, resource: Resource) -> CloneStatus:
    names = resource.allowed or resource.known_on
    candidates = (seen.nodes[name].name for name in names if name in seen.nodes)
    return CloneStatus(
        **_common(seen, resource),
        child=_child_id(resource),
        promotable=resource.promotable,
        clone_max=resource.clone_max,
        candidates=tuple(candidates),
        instances=tuple(_plain(seen, one) for one in resource.children),
    )


def _bundle(seen: Seen, resource: Resource) -> BundleStatus:
    config = resource.config.bundle
    assert config is not None, "a bundle has what makes it one"
    return BundleStatus(
        **_common(seen, resource),
        container_type=config.agent,
        image=config.image,
        replicas_max=len(config.replicas),
        replicas=tuple(_replica(seen, one) for one in resource.replicas),
    )


def _replica(seen: Seen, replica: Replica) -> ReplicaStatus:
    return ReplicaStatus(
        number=replica.offset,
        container=_primitive(seen, replica.container),
        ip=None if replica.ip is None else _primitive(seen, replica.ip),
        remote=None if replica.remote is None else _primitive(seen, replica.remote),
        child=None if replica.child is None else _primitive(seen, replica.child),
        address=replica.ip_address,
    )
