"""Building: a cluster's state, and what only a live cluster knows → `ClusterStatus`.

Source: lib/pacemaker/pcmk_status.c; lib/pengine/pe_output.c.
"""

from __future__ import annotations

from typing import Protocol

from msgspec.structs import replace

from hashell.cib.document import Cib
from hashell.state.cluster_state import ClusterState
from hashell.state.nodes import Node
from hashell.state.resources import Resource
from hashell.status import history as recorded
from hashell.status.bans import bans
from hashell.status.cluster_status import (
    AttributeStatus,
    ClusterStatus,
    FencingEvent,
    Health,
    NodeAttributes,
    NodeKind,
    NodeStatus,
    Summary,
)
from hashell.status.options import Release, Section, StatusOptions, release_of
from hashell.status.resources import Seen, current_node, resource_status
from hashell.status.tickets import Losses, losses, tickets
from hashell.values.booleans import is_true

#: Attributes that the cluster keeps for itself; people see them in other sections or not at all.
_OWN_ATTRIBUTES = ("fail-count", "last-failure", "shutdown", "terminate", "standby", "#")


class Live(Protocol):
    """What a running cluster says beside its CIB: the node that answered, what its controller does ("" where
    Pacemaker's own daemons run), what worries it. `wire.messages.Info` is one.
    """

    @property
    def node(self) -> str: ...

    @property
    def controller_state(self) -> str: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...


def cluster_status(
    state: ClusterState, live: Live | None = None, options: StatusOptions | None = None,
    *, fencing: tuple[FencingEvent, ...] = (),
) -> ClusterStatus:
    """Gather what the options ask for. Without `live` the state is one of a file. `fencing` is newest first."""
    options = options or StatusOptions()
    release = options.release or release_of(state.configuration.feature_set)
    if state.dc is None and release is Release.TWO:
        # That nobody leads is said even when the line was not asked for.
        options = replace(options, sections=options.sections | Section.DC)
    if live is None and not fencing:
        # A CIB says nothing of what was fenced.
        options = replace(options, sections=options.sections & ~Section.FENCING, fence_level=0)
    told = release is Release.TWO and options.shows(Section.TICKETS | Section.BANS)
    seen = Seen(state, losses(state) if told else Losses())
    failed, probes = recorded.failures(state, release)
    only_nodes = _named_nodes(state, options.only_node)
    only_resources = _named_resources(state, options.only_resource)
    return ClusterStatus(
        options=options,
        release=release,
        summary=_summary(state, live, release),
        nodes=tuple(_node(state, seen, node, release) for node in state.nodes.values()),
        resources=tuple(resource_status(seen, one) for one in state.resources),
        attributes=_attributes(state) if options.shows(Section.ATTRIBUTES) else (),
        history=(
            recorded.history(state)
            if options.shows(Section.OPERATIONS | Section.FAILCOUNTS) else ()
        ),
        failures=failed,
        failed_probes=probes,
        tickets=tickets(state) if options.shows(Section.TICKETS) else (),
        bans=(
            bans(state, options.ban_prefix, only_resources)
            if options.shows(Section.BANS) else ()
        ),
        fencing=fencing,
        only_nodes=only_nodes,
        only_resources=only_resources,
        warnings=live.warnings if live is not None else (),
    )


def _summary(state: ClusterState, live: Live | None, release: Release) -> Summary:
    configuration = state.configuration
    options = configuration.options
    cib = state.cib
    root = cib.root
    return Summary(
        stack=_first_value(cib, "cluster-infrastructure") or "unknown",
        daemon=_daemon(live),
        dc_version=_first_value(cib, "dc-version"),
        quorate=is_true(root.get("have-quorum")),
        mixed_version=_mixed_version(state, release),
        now_s=int(state.now_s),
        here=live.node if live is not None else "",
        changed=root.get("cib-last-written"),
        changed_user=root.get("update-user"),
        changed_client=root.get("update-client"),
        changed_origin=root.get("update-origin"),
        nodes=len(state.nodes),
        resources=state.instances_total,
        disabled=state.instances_disabled,
        blocked=state.instances_blocked,
        fencing_enabled=options.fencing_enabled,
        fencing_timeout_ms=options.fencing_timeout_ms,
        symmetric=options.symmetric_cluster,
        no_quorum_policy=options.no_quorum_policy.value,
        maintenance_mode=options.maintenance_mode,
        stop_all_resources=options.stop_all_resources,
        priority_fencing_delay_ms=options.priority_fencing_delay_ms,
    )


def _daemon(live: Live | None) -> str:
    if live is None:
        return ""
    return "hashelld" if live.controller_state else "running"


def _first_value(cib: Cib, name: str) -> str | None:
    """The value of the first name/value pair with this name, wherever it stands."""
    for pair in cib.root.iter("nvpair"):
        if pair.get("name") == name:
            return pair.get("value")
    return None


def _feature_set(node: Node, release: Release) -> str | None:
    """What a node that is up can do; those before 3.15.1 did not say. Release 2.1 asks nodes that still join, too."""
    if node.online and not node.is_remote and (node.expected_up or release is Release.TWO):
        return node.attributes.get("#feature-set", "<3.15.1")
    return None


def _mixed_version(state: ClusterState, release: Release) -> bool:
    sets = {_feature_set(node, release) for node in state.nodes.values()} - {None}
    return len(sets) > 1


def _node(state: ClusterState, seen: Seen, node: Node, release: Release) -> NodeStatus:
    container = node.remote.launcher if node.is_guest and node.remote is not None else None
    kind = NodeKind.CLUSTER
    if node.is_remote:
        kind = NodeKind.GUEST if container is not None else NodeKind.REMOTE
    host = current_node(seen, container) if container is not None else None
    return NodeStatus(
        name=node.name, id=node.id, kind=kind, online=node.online, standby=node.standby,
        standby_onfail=node.standby_on_fail, maintenance=node.maintenance, pending=node.pending,
        unclean=seen.unclean(node), shutdown=node.shutdown, expected_up=node.expected_up,
        is_dc=node.id == state.dc, health=_health(node.health), feature_set=_feature_set(node, release),
        running=tuple(one.id for one in node.running),
        container=container.id if container is not None else "",
        host=host.name if host is not None else "",
    )


def _health(score: int) -> Health:
    if score < 0:
        return Health.RED
    return Health.GREEN if score else Health.YELLOW


def _attributes(state: ClusterState) -> tuple[NodeAttributes, ...]:
    found = []
    for node in state.nodes.values():
        names = sorted(n for n in node.attributes if not n.startswith(_OWN_ATTRIBUTES))
        if node.online and names:
            rows = tuple(
                AttributeStatus(name, node.attributes[name], _expected(node, node.running, name))
                for name in names
            )
            found.append(NodeAttributes(node.name, rows))
    return tuple(found)


def _expected(node: Node, running: tuple[Resource, ...], name: str) -> int | None:
    """What the attribute of a ping resource is when all its hosts answer; None for other attributes.

    Source: lib/pengine/pe_output.c, add_extra_info.
    """
    for resource in running:
        if resource.config.type.lower() not in ("ping", "pingd"):
            continue
        parameters = resource.config.parameters(node.attributes)
        if parameters.get("name", "pingd").lower() != name.lower():
            continue
        hosts = parameters.get("host_list", "")
        count = len(hosts.split(" ")) if hosts else 0
        try:
            multiplier = int(parameters.get("multiplier", "1"))
        except ValueError:
            multiplier = 1
        return count * multiplier
    return None


def _named_nodes(state: ClusterState, wanted: str) -> tuple[str, ...] | None:
    """The names behind --node: a node, or all nodes with a tag. None for all nodes."""
    if wanted in ("", "*"):
        return None
    if state.node_named(wanted) is not None:
        return (wanted,)
    by_id = state.nodes
    tagged = state.configuration.tags.get(wanted, ())
    return tuple(by_id[one].name if one in by_id else one for one in tagged)


def _named_resources(state: ClusterState, wanted: str) -> tuple[str, ...] | None:
    """The names behind --resource: a resource (an instance with its number), or all with a tag."""
    if wanted in ("", "*"):
        return None
    found = _find(state, wanted)
    if found is not None:
        return (found.id if ":" in wanted else found.printable_id,)
    names = []
    for one in state.configuration.tags.get(wanted, ()):
        tagged = _find(state, one)
        if tagged is not None:
            names.append(tagged.printable_id)
    return tuple(names)


def _find(state: ClusterState, name: str) -> Resource | None:
    """The first resource with this id, this name in the history, or this name before an instance's number."""
    for one in state.all_resources():
        if name in (one.id, one.history_id, one.id.rpartition(":")[0]):
            return one
    return None
