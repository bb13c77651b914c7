"""Resources: primitives, groups, clones and bundles, with all that they inherit.

Source: Pacemaker Explained, "Resources", "Advanced resource types"; lib/pengine/complex.c, group.c, clone.c,
bundle.c.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping

from lxml import etree
from msgspec import Struct, field

from hashell.model.nvpairs import ParameterSource
from hashell.model.operations import OperationConfig
from hashell.values.roles import Role
from hashell.values.scores import INFINITY


class ResourceKind(enum.StrEnum):
    """The value is the element's name."""

    PRIMITIVE = "primitive"
    GROUP = "group"
    CLONE = "clone"
    BUNDLE = "bundle"


class MultipleActive(enum.StrEnum):
    """What to do with a resource that is active on more nodes than it should be."""

    STOP_START = "stop_start"
    STOP_ONLY = "stop_only"
    BLOCK = "block"
    STOP_UNEXPECTED = "stop_unexpected"


class Forced(enum.Enum):
    """A clone that is to be unique but holds what cannot be: Pacemaker finds out while it makes the instances, and then
    makes anonymous what it has made already. So one instance keeps members that are unique: the last one where members
    find in the configuration that they are to be unique, the first one where they only hear it from the clone.
    """

    NO = enum.auto()
    LAST_KEEPS = enum.auto()
    FIRST_KEEPS = enum.auto()


class CloneOptions(Struct, frozen=True):
    """How many instances; `promoted_max` and `promoted_node_max` are 0 for clones that cannot be promoted. Where a
    clone is `forced_anonymous` its child is configured as the one instance that is an exception.
    """

    clone_max: int
    clone_node_max: int
    promoted_max: int = 0
    promoted_node_max: int = 0
    ordered: bool = False
    interleave: bool = False
    forced_anonymous: Forced = Forced.NO


class BundleReplica(Struct, frozen=True):
    """The resources that one replica of a bundle stands for. `node_id` is the guest node made by `remote`."""

    offset: int
    container: ResourceConfig
    ip: ResourceConfig | None = None
    remote: ResourceConfig | None = None
    ip_address: str = ""
    node_id: str = ""


class BundleConfig(Struct, frozen=True):
    """`agent` is docker or podman. `instances` is the implied clone of the bundle's primitive, if it has one."""

    agent: str
    image: str
    replicas: tuple[BundleReplica, ...]
    replicas_per_host: int = 1
    promoted_max: int = 0
    network: str = ""
    instances: ResourceConfig | None = None


class ResourceConfig(Struct, frozen=True, eq=False):
    """A resource as configured, evaluated for the moment of reading.

    `meta` is Pacemaker's table: attributes of the element (class, type, id …), own meta-attributes, those of the
    parents, rsc_defaults. `element` is the resource's XML with its template merged in; `template` is the template's
    id. `managed`, `maintenance` and `unique` are what configuration alone says (the state may say otherwise).
    `target_role` is None where nothing restricts the role ("Started", "Promoted" and unset). `requires_…` say what
    must be there before a start. `container` is the id of the resource that launches this one. `migration_threshold`
    is INFINITY where failures never ban. Times are milliseconds, scores points. `children` are the members of a
    group, the one member of a clone, and for a bundle those that `bundle` names, in Pacemaker's order.
    """

    id: str
    kind: ResourceKind
    element: etree._Element
    standard: str = ""
    provider: str = ""
    type: str = ""
    template: str = ""
    children: tuple[ResourceConfig, ...] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    utilization: Mapping[str, str] = field(default_factory=dict)
    parameter_source: ParameterSource | None = None
    operations: tuple[OperationConfig, ...] = ()
    priority: int = 0
    stickiness: int = 0
    migration_threshold: int = INFINITY
    failure_timeout_ms: int = 0
    remote_reconnect_ms: int = 0
    multiple_active: MultipleActive = MultipleActive.STOP_START
    target_role: Role | None = None
    managed: bool = True
    maintenance: bool = False
    critical: bool = True
    notify: bool = False
    unique: bool = True
    promotable: bool = False
    migratable: bool = False
    fence_device: bool = False
    is_remote_connection: bool = False
    requires_quorum: bool = False
    requires_fencing: bool = False
    requires_unfencing: bool = False
    container: str | None = None
    clone: CloneOptions | None = None
    bundle: BundleConfig | None = None
    group_ordered: bool = True
    group_colocated: bool = True
    implied: bool = False

    @property
    def agent(self) -> str:
        """`ocf:heartbeat:IPaddr2`, `stonith:fence_xvm`; empty for collectives."""
        return ":".join(part for part in (self.standard, self.provider, self.type) if part)

    def tree(self) -> Iterator[ResourceConfig]:
        """Itself and everything below, parents first."""
        yield self
        for child in self.children:
            yield from child.tree()

    def parameters(self, node_attributes: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """Instance attributes, own ones before those of the parents; with a node's attributes, evaluated for that
        node.
        """
        if self.parameter_source is None:
            return {}
        return self.parameter_source.values(node_attributes)
