"""Resources: every instance as it is now.

See the door (`hashell/state/__init__.py`) for what an instance is. Source: include/crm/common/resources_internal.h.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import field

from hashell.model.resources import MultipleActive, ResourceConfig, ResourceKind
from hashell.state.sealing import sealable
from hashell.values.roles import Role


class ProbeMode(enum.StrEnum):
    """Where a resource is looked for while its state is unknown (resource-discovery)."""

    ALWAYS = "always"
    NEVER = "never"
    EXCLUSIVE = "exclusive"


@sealable
class Replica:
    """One replica of a bundle, by role. `child` is the instance inside the container; `node_id` the guest node."""

    offset: int
    container: Resource
    child: Resource | None = None
    ip: Resource | None = None
    remote: Resource | None = None
    ip_address: str = ""
    node_id: str = ""


@sealable
class Resource:
    """One resource, collective or instance, now.

    Identity counts (two objects are never equal), so it can be a key of a table.

    role, next_role     now, and what configuration and failures ask for (UNKNOWN: nothing special)
    active_on           node ids where it is active, in the order in which history told of it
    known_on            node ids where its state is known (no probe needed), as keys; see also `quiet` of nodes
    allowed             node id → score, as reading leaves it: 0 everywhere in a symmetric cluster, -INFINITY after a
                        ban; a node that is missing is not allowed. Insertion order is kept; constraints are not in it
    probe_modes         node id → mode, only where it is not ALWAYS
    failed              marked FAILED; stop_if_failed: must be stopped (not only demoted)
    removed             not configured any more, or an instance above clone_max
    removed_launched    removed, and was launched by another resource
    pending_task        operation that is running now (`start` …), on `pending_on`
    lock_node           held back for this node, which shut down cleanly at `lock_time` (seconds since 1970)
    partial_migration_source, _target   between migrate_to and migrate_from
    dangling_migration_sources          nodes where a migrated resource still has to be stopped
    launcher, launched  container and what it launches (guest connections, `container` meta-attribute)
    """

    id: str
    config: ResourceConfig
    kind: ResourceKind
    parent: Resource | None = None
    children: tuple[Resource, ...] = ()
    instance: int | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    utilization: Mapping[str, str] = field(default_factory=dict)
    replicas: tuple[Replica, ...] = ()
    clone_max: int = 0
    clone_node_max: int = 0
    history_id: str | None = None
    role: Role = Role.STOPPED
    next_role: Role = Role.UNKNOWN
    active_on: tuple[str, ...] = ()
    known_on: Mapping[str, None] = field(default_factory=dict)
    allowed: Mapping[str, int] = field(default_factory=dict)
    probe_modes: Mapping[str, ProbeMode] = field(default_factory=dict)
    stickiness: int = 0
    failure_timeout_ms: int = 0
    managed: bool = True
    blocked: bool = False
    failed: bool = False
    stop_if_failed: bool = False
    maintenance: bool = False
    removed: bool = False
    removed_launched: bool = False
    unique: bool = True
    notify: bool = False
    promotable: bool = False
    migratable: bool = False
    start_pending: bool = False
    ignore_failure: bool = False
    exclusive_probes: bool = False
    replica_container: bool = False
    remote_nesting_allowed: bool = False
    pending_task: str | None = None
    pending_on: str | None = None
    lock_node: str | None = None
    lock_time: int = 0
    partial_migration_source: str | None = None
    partial_migration_target: str | None = None
    dangling_migration_sources: tuple[str, ...] = ()
    launcher: Resource | None = None
    launched: tuple[Resource, ...] = ()

    @property
    def is_primitive(self) -> bool:
        return self.kind is ResourceKind.PRIMITIVE

    @property
    def is_group(self) -> bool:
        return self.kind is ResourceKind.GROUP

    @property
    def is_clone(self) -> bool:
        return self.kind is ResourceKind.CLONE

    @property
    def is_bundle(self) -> bool:
        return self.kind is ResourceKind.BUNDLE

    @property
    def is_anonymous_clone(self) -> bool:
        return self.kind is ResourceKind.CLONE and not self.unique

    @property
    def is_bundled(self) -> bool:
        """Whether it is a part of a bundle, at any depth, and not the bundle itself."""
        return self.parent is not None and self.outermost.kind is ResourceKind.BUNDLE

    @property
    def top(self) -> Resource:
        """The topmost parent below a bundle: the clone of an instance, the bundle's clone for what is in it, else the
        resource itself.
        """
        found = self
        while found.parent is not None and found.parent.kind is not ResourceKind.BUNDLE:
            found = found.parent
        return found

    @property
    def outermost(self) -> Resource:
        """The topmost parent, bundles included."""
        found = self
        while found.parent is not None:
            found = found.parent
        return found

    @property
    def printable_id(self) -> str:
        """The id without the number of an anonymous instance."""
        return self.id if self.unique else self.config.id

    @property
    def priority(self) -> int:
        return self.config.priority

    @property
    def migration_threshold(self) -> int:
        return self.config.migration_threshold

    @property
    def remote_reconnect_ms(self) -> int:
        return self.config.remote_reconnect_ms

    @property
    def multiple_active(self) -> MultipleActive:
        return self.config.multiple_active

    @property
    def critical(self) -> bool:
        return self.config.critical

    @property
    def fence_device(self) -> bool:
        return self.config.fence_device

    @property
    def is_remote_connection(self) -> bool:
        return self.config.is_remote_connection

    @property
    def requires_quorum(self) -> bool:
        return self.config.requires_quorum

    @property
    def requires_fencing(self) -> bool:
        return self.config.requires_fencing

    @property
    def requires_unfencing(self) -> bool:
        return self.config.requires_unfencing

    def tree(self) -> Iterator[Resource]:
        """Itself and everything below, parents first."""
        yield self
        for child in self.children:
            yield from child.tree()

    def primitives(self) -> Iterator[Resource]:
        """The primitives at or below it, in order."""
        for found in self.tree():
            if not found.children and found.kind is ResourceKind.PRIMITIVE:
                yield found
