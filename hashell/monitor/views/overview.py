"""The overview as lines: what is wrong first, then nodes, then resources as a tree.

`survey` also has the status that the lines were made of, and figures for the header.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hashell.cib.document import Cib
from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span, fit
from hashell.monitor.scene import Scene
from hashell.monitor.views import View, Wishes
from hashell.monitor.views.times import moment
from hashell.simulate.source import zone
from hashell.state.cluster_state import read_cluster_state
from hashell.status import build as status_build
from hashell.status.cluster_status import (
    BundleStatus,
    CloneStatus,
    ClusterStatus,
    GroupStatus,
    NodeStatus,
    PrimitiveStatus,
    ResourceStatus,
)
from hashell.status.options import EVERYTHING, Section, StatusOptions
from hashell.values.intervals import show_interval
from hashell.values.outcomes import exec_status_text, ocf_text
from hashell.values.roles import Role
from hashell.wire.messages import Info


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview shows, and figures for the header."""

    lines: tuple[Line, ...] = ()
    status: ClusterStatus | None = None
    nodes_online: int = 0
    nodes: int = 0
    running: int = 0
    resources: int = 0
    faults: int = 0


NOTHING = Overview()


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """The lines alone."""
    return survey(scene, wishes).lines


def survey(scene: Scene, wishes: Wishes) -> Overview:
    """Everything from the CIB. Raises HashellError for a CIB that cannot be read."""
    if scene.cib is None:
        return NOTHING if scene.live else Overview((_unknown(scene),))
    glyphs, sections, by_node = wishes.glyphs, wishes.sections, wishes.by_node
    now_s = wishes.now_s if scene.live else scene.when_s
    info = scene.info
    state = read_cluster_state(scene.cib, now_s, zone(now_s))
    options = StatusOptions(
        sections=_wanted(sections), inactive=True, by_node=by_node, details="detail" in sections
    )
    status = status_build.cluster_status(state, info, options)
    lines: list[Line] = []
    lines += _failures(status, glyphs)
    lines += _nodes(status, glyphs, by_node=by_node)
    if not by_node:
        lines.append(_heading("resources", f"Resources ({status.summary.resources})"))
        for resource in status.resources:
            lines += _resource(resource, glyphs, 0, "heading:resources", promotable=False)
    else:
        idle = [one for one in status.resources if not one.active_on]
        if idle:
            lines.append(_heading("inactive", "Not running"))
            for resource in idle:
                lines += _resource(resource, glyphs, 0, "heading:inactive", promotable=False)
    if "attributes" in sections:
        lines += _attributes(status)
    if "failcounts" in sections or "operations" in sections:
        lines += _history(status, operations="operations" in sections)
    if "bans" in sections:
        lines += _bans(status)
    if status.tickets:
        lines.append(_heading("tickets", "Tickets"))
        for ticket in status.tickets:
            word = "granted" if ticket.granted else "revoked"
            lines.append(
                Line(
                    f"ticket:{ticket.id}",
                    (Span(f" {ticket.id:<24} "), Span(word, "ok" if ticket.granted else "warn")),
                    "ticket", ticket.id, parent="heading:tickets",
                )
            )
    primitives = [one for one in status.primitives() if not one.orphaned]
    return Overview(
        tuple(lines), status,
        nodes_online=sum(1 for node in status.nodes if node.online),
        nodes=len(status.nodes),
        running=sum(1 for one in primitives if one.active_on),
        resources=len(primitives),
        faults=sum(1 for line in lines if line.fault >= 2 and line.kind != "heading"),
    )


#: Parts of a status that are shown only when somebody asks for them: in a large cluster they are dear.
_ASKED = (
    (Section.OPERATIONS | Section.FAILCOUNTS, {"operations", "failcounts"}), (Section.ATTRIBUTES, {"attributes"}),
    (Section.BANS, {"bans"}),
)


def _wanted(sections: frozenset[str]) -> Section:
    wanted = EVERYTHING
    for parts, names in _ASKED:
        if not names & sections:
            wanted &= ~parts
    return wanted


def _unknown(scene: Scene) -> Line:
    text = f" the cluster of then is not known: it is listened to since {moment(scene.began_s)}"
    return Line("unknown", (Span(text, "muted"),), "text", selectable=False)


# --- the parts
# ------------------------------------------------------------------------------------------


def _heading(key: str, text: str, meaning: str = "accent") -> Line:
    return Line(f"heading:{key}", (Span(text, meaning, True),), "heading", selectable=False)


def node_state(node: NodeStatus) -> tuple[str, str, int]:
    """(word, meaning, fault) of a node, in crm_mon's words."""
    if node.unclean:
        word = "UNCLEAN (online)" if node.online else "UNCLEAN (pending)" if node.pending else "UNCLEAN (offline)"
        return word, "fenced", 3
    if node.pending:
        return "pending", "pending", 0
    if node.standby_onfail and node.online:
        return "standby (on-fail)", "warn", 2
    if node.standby:
        return ("standby" if node.online else "OFFLINE (standby)"), "warn", 1
    if node.maintenance:
        return ("maintenance" if node.online else "OFFLINE (maintenance)"), "maint", 1
    if not node.online:
        return "OFFLINE", "fail", 2
    if node.shutdown:
        return "shutting down", "pending", 0
    return "online", "ok", 0


def _nodes(status: ClusterStatus, glyphs: Glyphs, *, by_node: bool) -> Iterator[Line]:
    yield _heading("nodes", f"Nodes ({len(status.nodes)})")
    parts = {one.id: one for one in status.primitives()}
    wide = max((len(node.name) for node in status.nodes), default=0)
    words = max((len(node_state(node)[0]) for node in status.nodes), default=0)
    for node in status.nodes:
        word, meaning, fault = node_state(node)
        note = " DC" if node.is_dc else ""
        kind = "" if node.kind.value == "cluster" else f" {node.kind.value}"
        health = "" if node.health.value == "green" else f" health {node.health.value}"
        count = f"{len(node.running)} running" if node.running else "nothing runs"
        yield Line(
            f"node:{node.name}",
            (
                Span(f" {glyphs.of(meaning)} ", meaning),
                Span(f"{node.name:<{min(wide, 28)}} ", bold=True),
                Span(f"{word:<{max(words, 10)}}  ", meaning),
                Span(f"{count}{kind}{health}", "muted"),
                Span(note, "accent"),
            ),
            "node", node.name, node.name, fault, parent="heading:nodes",
        )
        if by_node:
            for name in node.running:
                if name in parts:
                    yield from _resource(parts[name], glyphs, 1, f"node:{node.name}", promotable=False)


def _resource_state(one: PrimitiveStatus) -> tuple[str, str, int]:
    """(word, meaning, fault): the state, then its flags as crm_mon puts them in brackets."""
    flags: list[str] = []
    meaning, fault = "ok", 0
    if one.role is Role.PROMOTED:
        meaning = "promoted"
    if not one.active_on:
        meaning = "muted"
        if not one.disabled and not one.orphaned and one.managed:
            meaning, fault = "warn", 1
    if one.pending:
        meaning, fault = "pending", 0
        flags.append(one.pending)
    if one.orphaned:
        flags.append("ORPHANED")
        meaning, fault = "warn", max(fault, 1)
    if one.disabled:
        flags.append("disabled")
    if one.maintenance:
        flags.append("maintenance")
        meaning = "maint"
    elif not one.managed:
        flags.append("unmanaged")
        meaning, fault = "maint", max(fault, 1)
    if one.failed:
        flags.append("FAILED")
        meaning, fault = "fail", 2
    if one.blocked:
        flags.append("blocked")
        meaning, fault = "fail", 2
    if len(one.active_on) > 1:
        flags.append(f"ACTIVE ON {len(one.active_on)} NODES")
        meaning, fault = "fail", 3
    if one.locked_to:
        flags.append(f"locked to {one.locked_to}")
    word = one.role.value
    return word + (f" ({', '.join(flags)})" if flags else ""), meaning, fault


def _resource(
    resource: ResourceStatus, glyphs: Glyphs, depth: int, parent: str, *, promotable: bool
) -> Iterator[Line]:
    pad = " " + "  " * depth
    match resource:
        case PrimitiveStatus():
            word, meaning, fault = _resource_state(resource)
            where = ", ".join(resource.active_on) or resource.pending_on
            key = f"resource:{parent}:{resource.id}"
            yield Line(
                key,
                (
                    Span(f"{pad}{glyphs.of(meaning)} ", meaning),
                    Span(f"{resource.name:<{max(8, 26 - 2 * depth)}} ", bold=depth == 0),
                    Span(f"{word} ", meaning),
                    Span(f"{where}  ", "foreground"),
                    Span(resource.agent, "muted"),
                ),
                "resource", resource.id.partition(":")[0], where, fault, depth, parent,
            )
        case GroupStatus():
            yield from _collection("group", resource, resource.members, glyphs, depth, parent)
        case CloneStatus():
            kind = "promotable clone" if resource.promotable else "clone"
            yield from _collection(kind, resource, resource.instances, glyphs, depth, parent)
        case BundleStatus():
            parts = [part for replica in resource.replicas for part in replica.parts()]
            yield from _collection("bundle", resource, parts, glyphs, depth, parent)


def _collection(
    kind: str, resource: GroupStatus | CloneStatus | BundleStatus, parts: Iterable[ResourceStatus],
    glyphs: Glyphs, depth: int, parent: str,
) -> Iterator[Line]:
    pad = " " + "  " * depth
    key = f"resource:{parent}:{resource.id}"
    inner = [
        line for part in parts
        for line in _resource(part, glyphs, depth + 1, key, promotable=isinstance(resource, CloneStatus))
    ]
    fault = max((line.fault for line in inner), default=0)
    meaning = ("ok", "warn", "fail", "fail")[min(fault, 3)]
    flags = [
        word for word, given in (
            ("disabled", resource.disabled), ("unmanaged", not resource.managed),
            ("maintenance", resource.maintenance), ("blocked", resource.blocked),
        ) if given
    ]
    yield Line(
        key,
        (
            Span(f"{pad}{glyphs.opened} ", meaning),
            Span(f"{resource.name:<{max(8, 26 - 2 * depth)}} ", bold=True),
            Span(kind, "muted"),
            Span(f" ({', '.join(flags)})" if flags else "", "maint"),
        ),
        "resource", resource.id.partition(":")[0], "", fault, depth, parent,
    )
    yield from inner


def _failures(status: ClusterStatus, glyphs: Glyphs) -> Iterator[Line]:
    if not status.failures:
        return
    yield _heading("failures", f"Failed actions ({len(status.failures)})", "fail")
    for number, one in enumerate(status.failures):
        interval = f" every {show_interval(one.interval_ms)}" if one.interval_ms else ""
        result = ocf_text(one.rc) if one.status == 0 else exec_status_text(one.status)
        yield Line(
            f"failure:{one.node}:{one.key}:{number}",
            (
                Span(f" {glyphs.fail} ", "fail"),
                Span(f"{one.resource} ", bold=True),
                Span(f"{one.task}{interval} on {one.node}: "),
                Span(result, "fail"),
                Span(f" {one.reason}" if one.reason else "", "muted"),
            ),
            "failure", one.resource.partition(":")[0], one.node, 2, parent="heading:failures",
        )


def _attributes(status: ClusterStatus) -> Iterator[Line]:
    yield _heading("attributes", "Node attributes")
    for node in status.attributes:
        for one in node.attributes:
            low = one.expected is not None and one.value.isdigit() and int(one.value) < one.expected
            note = f"  (expected {one.expected})" if low else ""
            yield Line(
                f"attribute:{node.node}:{one.name}",
                (
                    Span(f" {node.node:<14} ", "muted"), Span(f"{one.name:<30} "),
                    Span(one.value + note, "warn" if low else "foreground"),
                ),
                "attribute", one.name, node.node, 1 if low else 0, parent="heading:attributes",
            )


def _history(status: ClusterStatus, *, operations: bool) -> Iterator[Line]:
    yield _heading("history", "Operations" if operations else "Fail counts")
    for node in status.history:
        for one in node.resources:
            if not operations and not one.fail_count:
                continue
            words = f"migration-threshold={one.threshold}"
            if one.fail_count:
                words += f" fail-count={one.fail_count}"
            yield Line(
                f"history:{node.node}:{one.id}",
                (
                    Span(f" {node.node:<14} ", "muted"), Span(f"{one.name:<24} "),
                    Span(words, "fail" if one.fail_count else "muted"),
                ),
                "failure" if one.fail_count else "text", one.id.partition(":")[0], node.node,
                1 if one.fail_count else 0, parent="heading:history",
            )
            if not operations:
                continue
            for place, done in enumerate(one.operations):
                yield Line(
                    f"history:{node.node}:{one.id}:{place}",
                    (
                        Span(f"   ({done.call}) {done.task} ", "muted"),
                        Span(f"rc={done.rc} ({ocf_text(done.rc)})", "muted"),
                    ),
                    "text", depth=1, parent=f"history:{node.node}:{one.id}",
                )


def _bans(status: ClusterStatus) -> Iterator[Line]:
    yield _heading("bans", "Bans and moves")
    for ban in status.bans:
        role = " (promoted only)" if ban.promoted_only else ""
        yield Line(
            f"ban:{ban.id}",
            (Span(f" {ban.id:<30} ", "muted"), Span(f"keeps {ban.resource} off {ban.node}{role}", "warn")),
            "constraint", ban.id, ban.node, parent="heading:bans",
        )


# --- the header
# ------------------------------------------------------------------------------------------


def header(info: Info | None, cib: Cib | None, overview: Overview) -> tuple[Span, ...]:
    """Cluster, DC, quorum, how many of what are well."""
    name = info.cluster if info is not None else ""
    if not name and cib is not None:
        for pair in cib.root.iterfind("configuration/crm_config/cluster_property_set/nvpair"):
            if pair.get("name") == "cluster-name":
                name = pair.get("value", "")
    spans = [Span(name or "cluster", "accent", True), Span("  ")]
    status = overview.status
    if status is None:
        return (*spans, Span("waiting" if overview is NOTHING else "not known", "muted"))
    # Members know of a new coordinator before the CIB does.
    dc = info.dc if info is not None and info.dc else status.dc.name if status.dc is not None else ""
    spans.append(Span(f"DC {dc}  " if dc else "no DC  ", "foreground" if dc else "warn"))
    quorate = info.quorate if info is not None else status.summary.quorate
    spans.append(Span("quorum  " if quorate else "NO QUORUM  ", "ok" if quorate else "fail", not quorate))
    well = overview.nodes_online == overview.nodes
    spans.append(Span(f"{overview.nodes_online}/{overview.nodes} nodes  ", "ok" if well else "warn"))
    spans.append(Span(f"{overview.running}/{overview.resources} resources  ", "foreground"))
    if overview.faults:
        spans.append(Span(f"{overview.faults} fault{'s' if overview.faults > 1 else ''}  ", "fail", True))
    if status.summary.maintenance_mode:
        spans.append(Span("MAINTENANCE  ", "maint", True))
    if cib is not None:
        spans.append(Span(str(cib.version), "muted"))
    return tuple(spans)


def fit_header(left: list[Span], right: tuple[Span, ...], width: int) -> tuple[Span, ...]:
    """Both ends of the header in `width` cells; the connection's state is never cut."""
    room = max(10, width)
    cut = tuple(Span(span.text[: room // 2], span.meaning, span.bold) for span in right)
    taken = sum(len(span.text) for span in cut) + 1
    kept: list[Span] = []
    for span in left:  # what does not fit whole is left out: half a version is none
        if sum(len(one.text) for one in kept) + len(span.text.rstrip()) <= room - taken:
            kept.append(span)
    return fit(tuple(kept), cut, room)


VIEW = View(
    "overview", build, frozenset({"cib", "info"}), heavy=True, empty="waiting for the cluster …",
    help=(
        ("n", "by node or by resource"),
        ("A f o L R", "attributes, fail counts, operations, bans, detail"),
    ),
)
