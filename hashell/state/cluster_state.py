"""ClusterState: configuration, now, and everything that the status section says, frozen.

Source: lib/pengine/status.c, cluster_status; include/crm/common/scheduler_internal.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hashell.model.configuration import Configuration
from hashell.model.resources import ResourceConfig
from hashell.state.findings import Finding
from hashell.state.history import HistoryEntry, NodeHistory
from hashell.state.nodes import Node
from hashell.state.resources import Resource
from hashell.state.tickets import Ticket


@dataclass(frozen=True, slots=True, eq=False)
class ClusterState:
    """The scheduler's only input.

    nodes           node id → node, sorted by name
    resources       top resources: by priority, as configured, removed ones last
    by_id           every resource and instance by id; `find` looks in the way of the history too
    history         per node, in the order of the status section
    failed          entries of failed operations on online nodes, each once, as crm_mon lists them
    findings        what reading forces, in order
    tickets         those that the status section has, by id
    dc              node id, None where none is known
    recheck_at      next moment (seconds since 1970) at which the answer may differ without an
                    event; None for never
    problems        complaints about the input, in Pacemaker's words
    instances_total, disabled, blocked   counts of primitives as crm_mon shows them
    """

    configuration: Configuration
    now_s: float
    nodes: Mapping[str, Node]
    resources: tuple[Resource, ...]
    by_id: Mapping[str, Resource]
    history: tuple[NodeHistory, ...]
    failed: tuple[HistoryEntry, ...] = ()
    findings: tuple[Finding, ...] = ()
    tickets: Mapping[str, Ticket] = field(default_factory=dict)
    dc: str | None = None
    has_quorum: bool = False
    instances_total: int = 0
    instances_disabled: int = 0
    instances_blocked: int = 0
    recheck_at: int | None = None
    problems: tuple[str, ...] = ()
    node_by_name: Mapping[str, Node] = field(default_factory=dict)
    """By name in lower case; see `node_named`."""

    def node_named(self, name: str) -> Node | None:
        """The node with this name, in any case of letters."""
        return self.node_by_name.get(name.lower())

    def find(self, name: str) -> Resource | None:
        """The first resource with this id, or whose history goes by this name, in the order of
        `resources`.
        """
        for top in self.resources:
            for resource in top.tree():
                if name in (resource.id, resource.history_id):
                    return resource
        return None

    def all_resources(self) -> Iterator[Resource]:
        """Every resource and instance, parents before what is below them."""
        for top in self.resources:
            yield from top.tree()

    def config_of(self, resource: Resource) -> ResourceConfig:
        return resource.config
