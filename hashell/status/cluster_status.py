"""`ClusterStatus`: what people see of a cluster, as frozen data with nothing rendered.

Times are seconds since 1970. Names in here are names of nodes and ids of resources; "" stands for nothing where a
text is.

Records are msgspec structs: a dataclass takes some thirty times as long to define, and a one-shot status defines all
of them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

import msgspec
from msgspec import Struct, field

from hashell.status.options import Release, StatusOptions
from hashell.values.roles import Role


class NodeKind(enum.StrEnum):
    """How a node takes part: with its own cluster layer, through a remote connection, or inside a resource."""

    CLUSTER = "cluster"
    REMOTE = "remote"
    GUEST = "guest"


class Health(enum.StrEnum):
    """The worst of a node's health attributes."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"


class Variant(enum.StrEnum):
    """The kind of a resource; the values are the names of the elements."""

    PRIMITIVE = "primitive"
    GROUP = "group"
    CLONE = "clone"
    BUNDLE = "bundle"


class NodeStatus(msgspec.Struct, frozen=True):
    """One node. `running` are ids of primitives that are recorded as active there, in the order they were read.

    `feature_set` is None unless the node is fully up. For a guest, `container` is the resource that it lives in,
    `host` the node where that runs now.
    """

    name: str
    id: str
    kind: NodeKind
    online: bool
    standby: bool
    standby_onfail: bool
    maintenance: bool
    pending: bool
    unclean: bool
    shutdown: bool
    expected_up: bool
    is_dc: bool
    health: Health
    feature_set: str | None
    running: tuple[str, ...] = ()
    container: str = ""
    host: str = ""


class Common(msgspec.Struct, frozen=True):
    """What every kind of resource has.

    `id` is unique (web:1); `name` is what people are shown, without an instance's number where instances are alike.
    `active_on` is in the order in which it was found active there.
    """

    id: str
    name: str
    managed: bool
    maintenance: bool
    orphaned: bool
    failed: bool
    failure_ignored: bool
    blocked: bool
    unique: bool
    target_role: str | None
    """As written; may be a word that is no role."""
    disabled: bool
    """By its own target-role (a member of a disabled group or clone counts)."""
    description: str
    active_on: tuple[str, ...]


class PrimitiveStatus(Common, frozen=True):
    """One primitive, or one instance of it.

    `role` is what is shown (Started becomes Unpromoted in a promotable clone). `active` says whether the places where
    it is recorded can be believed. `pending` is the task of an action in flight there, `pending_on` where it runs
    when nothing is active yet. `internal` marks what a bundle implies, shown only on request. `failed_probe` finds
    masked probe failures: it is the id that such an operation has.
    """

    standard: str
    provider: str
    type: str
    role: Role
    active: bool
    current: str = ""
    """The node that stands for it: of several the first sound one, or where a migration came from."""
    pending: str = ""
    pending_on: str = ""
    locked_to: str = ""
    internal: bool = False
    probe_id: str = ""
    promotable: bool = False

    @property
    def variant(self) -> Variant:
        return Variant.PRIMITIVE

    @property
    def agent(self) -> str:
        """standard[:provider]:type; a provider counts for classes that have one."""
        parts = (self.standard, self.provider if self.standard == "ocf" else "", self.type)
        return ":".join(part for part in parts if part)


class GroupStatus(Common, frozen=True):
    members: tuple[PrimitiveStatus, ...]

    @property
    def variant(self) -> Variant:
        return Variant.GROUP


class CloneStatus(Common, frozen=True):
    """`child` is the id of what is cloned, `candidates` the nodes where an instance may run, `probe_id` as in a
    primitive.
    """

    child: str
    promotable: bool
    clone_max: int
    candidates: tuple[str, ...]
    instances: tuple[PrimitiveStatus | GroupStatus, ...]

    @property
    def variant(self) -> Variant:
        return Variant.CLONE


class ReplicaStatus(msgspec.Struct, frozen=True):
    """One copy of a bundle's container with what belongs to it. `address` is its own IP, if it has one."""

    number: int
    container: PrimitiveStatus
    ip: PrimitiveStatus | None
    remote: PrimitiveStatus | None
    child: PrimitiveStatus | None
    address: str

    def parts(self) -> tuple[PrimitiveStatus, ...]:
        """In the order in which they are shown."""
        wanted = (self.ip, self.child, self.container, self.remote)
        return tuple(part for part in wanted if part is not None)


class BundleStatus(Common, frozen=True):
    container_type: str
    image: str
    replicas_max: int
    replicas: tuple[ReplicaStatus, ...]

    @property
    def variant(self) -> Variant:
        return Variant.BUNDLE


ResourceStatus = PrimitiveStatus | GroupStatus | CloneStatus | BundleStatus


class AttributeStatus(msgspec.Struct, frozen=True):
    """A node attribute that people are shown. `expected` is what a ping resource there should reach, None for others.
    """

    name: str
    value: str
    expected: int | None


class NodeAttributes(msgspec.Struct, frozen=True):
    node: str
    attributes: tuple[AttributeStatus, ...]


class OperationStatus(msgspec.Struct, frozen=True):
    """One entry of the history, as recorded. `changed_s` is 0 where nothing is recorded; times in ms stay text."""

    call: str
    task: str
    interval: str
    rc: int
    changed_s: int
    exec_ms: str | None
    queue_ms: str | None


class ResourceHistory(msgspec.Struct, frozen=True):
    """What one resource did on one node. `name` is shown with operations, `id` without (as crm_mon does).

    `threshold` is its migration-threshold in points.
    """

    id: str
    name: str
    threshold: int
    fail_count: int
    last_failure_s: int
    operations: tuple[OperationStatus, ...]


class NodeHistory(msgspec.Struct, frozen=True):
    node: str
    resources: tuple[ResourceHistory, ...]


class FailureStatus(msgspec.Struct, frozen=True):
    """A failed action, as recorded. `key` is its operation key, `has_key` whether it was recorded as such."""

    key: str
    has_key: bool
    resource: str
    task: str
    recorded_task: str
    interval_ms: int
    node: str
    rc: int
    status: int
    call: str | None
    reason: str | None
    changed_s: int | None
    exec_ms: str | None
    queue_ms: str | None


class FailedProbe(msgspec.Struct, frozen=True):
    """A probe that could not be done because nothing is installed there: shown beside Stopped, not as a failure."""

    resource: str
    node: str
    rc: int


class TicketStatus(msgspec.Struct, frozen=True):
    """`attributes` are what else was set on it."""

    id: str
    granted: bool
    standby: bool
    last_granted_s: int | None
    attributes: tuple[tuple[str, str], ...] = ()


class BanStatus(msgspec.Struct, frozen=True):
    """A location constraint keeps a resource (or its promoted role) off a node; `weight` in points."""

    id: str
    resource: str
    node: str
    weight: int
    promoted_only: bool


class FencingEvent(msgspec.Struct, frozen=True):
    """Something that was done, or tried, to a node. `state`: success, failed or pending; times in seconds."""

    target: str
    action: str
    state: str
    origin: str = ""
    client: str = ""
    delegate: str = ""
    completed_s: int | None = None
    reason: str = ""


class Summary(msgspec.Struct, frozen=True):
    """The head of a status. `daemon` is the state of the cluster's daemon, "" when nobody was asked."""

    stack: str
    daemon: str
    dc_version: str | None
    quorate: bool
    mixed_version: bool
    now_s: int
    here: str
    changed: str | None
    changed_user: str | None
    changed_client: str | None
    changed_origin: str | None
    nodes: int
    resources: int
    disabled: int
    blocked: int
    fencing_enabled: bool
    fencing_timeout_ms: int
    symmetric: bool
    no_quorum_policy: str
    maintenance_mode: bool
    stop_all_resources: bool
    priority_fencing_delay_ms: int


class ClusterStatus(Struct, frozen=True):
    """All that a rendering needs; lists are in the order in which they are shown.

    `only_nodes` and `only_resources` are the names behind the filters of `options`: None lets everything through.
    `removed` holds ids that only the history knows. `warnings` are for people and stand in no format of Pacemaker's.
    """

    options: StatusOptions
    release: Release
    summary: Summary
    nodes: tuple[NodeStatus, ...]
    resources: tuple[ResourceStatus, ...]
    attributes: tuple[NodeAttributes, ...] = ()
    history: tuple[NodeHistory, ...] = ()
    failures: tuple[FailureStatus, ...] = ()
    failed_probes: tuple[FailedProbe, ...] = ()
    tickets: tuple[TicketStatus, ...] = ()
    bans: tuple[BanStatus, ...] = ()
    fencing: tuple[FencingEvent, ...] = ()
    only_nodes: tuple[str, ...] | None = None
    only_resources: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = field(default=())

    @property
    def dc(self) -> NodeStatus | None:
        """The designated controller, if one is known."""
        return next((node for node in self.nodes if node.is_dc), None)

    def primitives(self) -> Iterator[PrimitiveStatus]:
        """Every primitive and instance, in the order of the resources."""
        for resource in self.resources:
            yield from primitives_of(resource)


def primitives_of(resource: ResourceStatus) -> Iterator[PrimitiveStatus]:
    """The primitives in a resource, itself included, in the order in which they are shown."""
    match resource:
        case PrimitiveStatus():
            yield resource
        case GroupStatus():
            yield from resource.members
        case CloneStatus():
            for instance in resource.instances:
                yield from primitives_of(instance)
        case BundleStatus():
            for replica in resource.replicas:
                yield from replica.parts()


def is_active(resource: ResourceStatus, *, wholly: bool) -> bool:
    """Whether it, or some (`wholly`: every) part of it, is active.

    Of a bundle the first part that decides counts. Source: lib/pengine/bundle.c, pe__bundle_active.
    """
    match resource:
        case PrimitiveStatus():
            return resource.active
        case GroupStatus():
            active = [member.active for member in resource.members]
            return any(active) and (all(active) or not wholly)
        case CloneStatus():
            parts = (is_active(one, wholly=wholly) for one in resource.instances)
            return all(parts) if wholly else any(parts)
        case BundleStatus():
            flags = [part.active for part in primitives_of(resource)]
            return all(flags) if wholly else any(flags)
