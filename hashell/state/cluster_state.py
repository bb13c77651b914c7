"""ClusterState: configuration, now, and everything that the status section says, frozen.

Source: lib/pengine/status.c, cluster_status; include/crm/common/scheduler_internal.h.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field

from hashell.cib.document import Cib
from hashell.model.configuration import Configuration, read_configuration
from hashell.state.digests import DigestCache
from hashell.state.findings import Finding
from hashell.state.garbage import collection_paused
from hashell.state.history import HistoryEntry, NodeHistory
from hashell.state.memory import Memory
from hashell.state.nodes import Node
from hashell.state.reader import read_status
from hashell.state.resources import Resource
from hashell.state.tickets import Ticket
from hashell.values.roles import Role


class ClusterState(Struct, frozen=True, eq=False):
    """The scheduler's only input.

    cib             the document that was read
    nodes           node id → node, sorted by name
    resources       top resources: by priority, as configured, removed ones last
    by_id           every resource and instance by id; `find` looks in the way of the history too
    history         per node, in the order of the status section
    failed          entries of failed operations on online nodes, each once, as crm_mon lists them
    findings        what reading forces, in order
    tickets         those that the status section has, by id
    dc              node id, None where none is known
    have_fencing    whether any node can be fenced at all
    recheck_at      next moment (seconds since 1970) at which the answer may differ without an event; None for never
    digests         digests computed while reading; ask it for more
    problems        complaints about the input, in Pacemaker's words
    instances_total, instances_disabled, instances_blocked    primitives, as crm_mon counts them
    node_by_name    by name in lower case; see `node_named`
    """

    cib: Cib
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
    have_fencing: bool = False
    instances_total: int = 0
    instances_disabled: int = 0
    instances_blocked: int = 0
    recheck_at: int | None = None
    problems: tuple[str, ...] = ()
    digests: DigestCache = field(default_factory=DigestCache)
    node_by_name: Mapping[str, Node] = field(default_factory=dict)
    _named: dict[str, Resource] = field(default_factory=dict)

    def node_named(self, name: str) -> Node | None:
        """The node with this name, in any case of letters."""
        return self.node_by_name.get(name.lower())

    def find(self, name: str) -> Resource | None:
        """The first resource with this id, or whose history goes by this name, in the order of `resources`."""
        if not self._named:
            named: dict[str, Resource] = {}
            for resource in self.all_resources():
                named.setdefault(resource.id, resource)
                if resource.history_id is not None:
                    named.setdefault(resource.history_id, resource)
            self._named.update(named)
        return self._named.get(name)

    def all_resources(self) -> Iterator[Resource]:
        """Every resource and instance, parents before what is below them."""
        for top in self.resources:
            yield from top.tree()


def read_cluster_state(
    cib: Cib, now_s: float, utc_offset_s: int = 0, configuration: Configuration | None = None,
    memory: Memory | None = None,
) -> ClusterState:
    """A CIB as it stands at a moment (seconds since 1970); see `read_configuration` for the zone.

    `configuration` spares reading it again, if it is of the same document and moment; `memory` spares what an earlier
    version had in common with this one. What makes no sense is left out or replaced by its default, with a complaint;
    nothing raises.
    """
    with collection_paused():
        if configuration is None:
            if memory is None:
                configuration = read_configuration(cib, now_s, utc_offset_s)
            else:
                configuration = memory.configuration(cib, now_s, utc_offset_s)
        return _read(cib, now_s, configuration, memory)


def _read(cib: Cib, now_s: float, configuration: Configuration, memory: Memory | None) -> ClusterState:
    workspace = read_status(configuration, cib.status, memory)
    instances, disabled, blocked = _count(workspace.resources)
    state = ClusterState(
        cib=cib,
        configuration=configuration,
        now_s=now_s,
        nodes={node.id: node for node in workspace.nodes},
        resources=tuple(workspace.resources),
        by_id=dict(workspace.resources_by_id()),
        history=tuple(found for found in workspace.history.values() if found.node_id),
        failed=tuple(workspace.failed.values()),
        findings=tuple(workspace.findings),
        tickets=workspace.tickets,
        dc=None if workspace.dc is None else workspace.dc.id,
        has_quorum=configuration.has_quorum,
        have_fencing=workspace.have_fencing,
        instances_total=instances,
        instances_disabled=disabled,
        instances_blocked=blocked,
        recheck_at=workspace.recheck_at,
        problems=tuple(configuration.document.problems),
        digests=workspace.digests,
        node_by_name={node.name.lower(): node for node in reversed(workspace.nodes)},
    )
    workspace.seal()
    return state


def _count(resources: Iterable[Resource]) -> tuple[int, int, int]:
    """Primitives that exist, are disabled, are blocked; removed ones count while they run."""
    instances = disabled = blocked = 0
    for top in resources:
        for resource in top.tree():
            if resource.children or (resource.removed and resource.role in (Role.UNKNOWN, Role.STOPPED)):
                continue
            instances += 1
            disabled += is_disabled(resource)
            blocked += resource.blocked
    return instances, disabled, blocked


def is_disabled(resource: Resource) -> bool:
    """Whether target-role keeps it from being as active as it could."""
    role = Role.find(resource.meta.get("target-role"))
    return role is Role.STOPPED or (role is Role.UNPROMOTED and resource.top.promotable)
