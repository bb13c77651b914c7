"""Text: a status as `crm_mon -1` prints it.

Source: lib/common/output_text.c; lib/pacemaker/pcmk_output.c, pcmk__cluster_status_text.
"""

from __future__ import annotations

from collections.abc import Iterator

from hashell.status import fencing, outline, words
from hashell.status.cluster_status import ClusterStatus, NodeKind, NodeStatus, Summary
from hashell.status.options import Release, Section
from hashell.status.outline import Block, Line
from hashell.status.selection import View

NO_QUORUM_TEXT = {
    "freeze": "Freeze resources",
    "stop": "Stop ALL resources",
    "demote": "Demote promotable resources and stop all other resources",
    "ignore": "Ignore",
    "fence": "Fence nodes in partition",
}


def render(status: ClusterStatus) -> str:
    """The whole text, ending in a newline unless it is empty."""
    return "".join(f"{line}\n" for line in lines(status))


def lines(status: ClusterStatus, depth: int = 0) -> Iterator[str]:
    """The lines without their ends; `depth` is how deep the list is in which they stand."""
    view = View(status)
    some = False
    for section, spaced, counts in _sections(view):
        if isinstance(section, str):
            # The warning about maintenance mode is a text of its own, in no list.
            yield from section.split("\n")
        else:
            if spaced and some:
                yield ""
            yield from _block(section, depth)
        some = some or counts


def _block(block: Block | Line, depth: int) -> Iterator[str]:
    bullet = "  " * depth + "* " if depth else ""
    if isinstance(block, Line):
        yield bullet + block.text
        return
    if block.heading:
        yield bullet + block.heading + ("" if block.quiet else ":")
    for entry in block.entries:
        yield from _block(entry, depth + 1)


def _sections(view: View) -> Iterator[tuple[Block | str, bool, bool]]:
    """Each section; whether a line is left free before it; whether it counts as output for the next one."""
    status = view.status
    options = status.options
    summary = _summary(view)
    if summary is not None:
        yield summary, False, True
    if options.shows(Section.MAINT_MODE):
        warning = _maintenance(status.summary)
        if warning:
            yield warning, False, True
    if options.shows(Section.NODES):
        nodes = node_section(view)
        if nodes is not None:
            yield nodes, True, True
    if options.shows(Section.RESOURCES):
        resources, counts = outline.resource_section(view)
        if resources is not None:
            yield resources, True, counts
    for wanted, make in (
        (Section.ATTRIBUTES, outline.attribute_section),
        (Section.OPERATIONS | Section.FAILCOUNTS, outline.history_section),
        (Section.FAILURES, outline.failure_section),
        (Section.FENCING_FAILED, fencing.failed_section),
        (Section.TICKETS, outline.ticket_section),
        (Section.BANS, outline.ban_section),
        (Section.FENCING, fencing.other_section),
    ):
        if options.shows(wanted):
            block = make(view)
            if block is not None:
                yield block, True, True


def _summary(view: View) -> Block | None:
    status = view.status
    options, head = status.options, status.summary
    found: list[Line | Block] = []
    if options.shows(Section.STACK):
        daemon = f" ({daemon_words(head.daemon)})" if head.daemon else ""
        found.append(Line(f"Stack: {head.stack}{daemon}"))
    if options.shows(Section.DC):
        found.append(Line(f"Current DC: {_dc(view)}"))
    if options.shows(Section.TIMES):
        here = f" on {head.here}" if head.here else ""
        found.append(Line(f"Last updated: {words.when(head.now_s)}{here}"))
        found.append(Line(f"Last change:  {last_change(head)}"))
    if options.shows(Section.COUNTS):
        found.append(Line(f"{head.nodes} node{words.plural(head.nodes)} configured"))
        found.append(
            Line(
                f"{head.resources} resource instance{words.plural(head.resources)} configured"
                + _held_back(head)
            )
        )
    if options.shows(Section.OPTIONS):
        found.extend(Line(text) for text in option_lines(head, status.release))
    return Block("Cluster Summary", tuple(found)) if found else None


def daemon_words(state: str) -> str:
    """How the state of the daemon is put to people."""
    return {
        "running": "Pacemaker is running",
        "hashelld": "hashelld is running",
        "shutting_down": "Pacemaker daemons shutting down",
        "remote": "Pacemaker Remote daemon is running",
    }.get(state, state)


def _dc(view: View) -> str:
    head = view.status.summary
    dc = view.status.dc
    if dc is None:
        return "NONE"
    name = words.node_name(dc, details=view.status.options.details)
    mixed = "MIXED-VERSION " if head.mixed_version else ""
    quorum = "with" if head.quorate else "WITHOUT"
    return f"{name} (version {head.dc_version or 'unknown'}) - {mixed}partition {quorum} quorum"


def last_change(head: Summary) -> str:
    """When the CIB was last written, by whom, with what, where."""
    text = head.changed or ""
    for word, value in (
        ("by", head.changed_user), ("via", head.changed_client), ("on", head.changed_origin)
    ):
        if value is not None:
            text += f" {word} {value}"
    return text


def _held_back(head: Summary) -> str:
    remarks = []
    if head.disabled:
        remarks.append(f"{head.disabled} DISABLED")
    if head.blocked:
        remarks.append(f"{head.blocked} BLOCKED from further action due to failure")
    return f" ({', '.join(remarks)})" if remarks else ""


def option_lines(head: Summary, release: Release) -> list[str]:
    """The options of the cluster that decide most."""
    what = "STONITH" if release is Release.TWO else "Fencing"
    return [
        f"{what} of failed nodes {'enabled' if head.fencing_enabled else 'disabled'}",
        f"Cluster is {'symmetric' if head.symmetric else 'asymmetric'}",
        f"No quorum policy: {_no_quorum(head.no_quorum_policy, release)}",
    ]


def _no_quorum(policy: str, release: Release) -> str:
    if policy == "fence" and release is Release.TWO:
        return "Suicide"
    return NO_QUORUM_TEXT.get(policy, policy)


def _maintenance(head: Summary) -> str:
    if head.maintenance_mode:
        return in_maintenance()
    return _warning(4, "keep all resources stopped") if head.stop_all_resources else ""


def in_maintenance() -> str:
    """What a status says of maintenance mode: two lines after an empty one."""
    return _warning(14, "not attempt to start, stop or recover services")


def _warning(indent: int, does: str) -> str:
    head = f"{' ' * indent}*** Resource management is DISABLED ***"
    return f"\n{head}\n  The cluster will {does}"


def node_section(view: View) -> Block | None:
    """Nodes: those in an unusual state one by one, the others in lists."""
    options = view.status.options
    lists: dict[str, list[str]] = {
        "Online": [], "OFFLINE": [], "RemoteOnline": [], "RemoteOFFLINE": [], "GuestOnline": [],
    }
    found: list[Line | Block] = []
    some = False
    for node in view.status.nodes:
        if not view.node_passes(node.name):
            continue
        some = True
        if (
            node.unclean or node.pending or (node.standby_onfail and node.online)
            or node.standby or node.maintenance or options.by_node or options.details
            or node.health != "green"
        ):
            found.extend(_node(view, node))
            continue
        kind = {NodeKind.REMOTE: "Remote", NodeKind.GUEST: "Guest"}.get(node.kind, "")
        which = kind + ("Online" if node.online else "OFFLINE")
        if which in lists:
            lists[which].append(words.node_name(node, details=options.details))
    for title, names in lists.items():
        if names:
            found.append(Line(f"{title}: [ {' '.join(names)} ]"))
    return Block("Node List", tuple(found)) if some else None


def _node(view: View, node: NodeStatus) -> Iterator[Line | Block]:
    options = view.status.options
    kind = {NodeKind.REMOTE: "RemoteNode", NodeKind.GUEST: "GuestNode"}.get(node.kind, "Node")
    text = f"{kind} {words.node_name(node, details=options.details)}: {words.node_state(node)}"
    if node.health != "green":
        text += f" (health is {node.health.upper()})"
    if options.details and node.feature_set is not None:
        text += f", feature set {node.feature_set}"
    if not options.by_node:
        yield Line(text)
        return
    detail = outline.detail_of(view, bare=True)
    below: list[Line | Block] = []
    if options.brief:
        named = outline.brief_on_node(view, node)
        if not named:
            return
        below.extend(outline.brief(view, named, inactive=False, bare=True))
    else:
        for one in outline.node_resources(view, node):
            below.extend(outline.resource(view, one, detail, view.status.only_resources))
    yield Block(text, (Block("Resources", tuple(below)),))
