"""Outline: a status as headings and lines, before anyone decides how a line looks. Text and HTML are made from it.

Source: lib/pengine/pe_output.c, native.c, group.c, clone.c, bundle.c (the messages of format "default").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from hashell.status import words
from hashell.status.cluster_status import (
    BundleStatus,
    CloneStatus,
    FailureStatus,
    GroupStatus,
    NodeStatus,
    OperationStatus,
    PrimitiveStatus,
    ReplicaStatus,
    ResourceHistory,
    ResourceStatus,
    TicketStatus,
    is_active,
    primitives_of,
)
from hashell.status.options import Release, Section
from hashell.status.selection import Names, View, passes
from hashell.values.integers import leading_integer
from hashell.values.roles import Role


class Line(msgspec.Struct, frozen=True):
    """One line. `css` is the class that colours a resource; the theme of a terminal may use it too."""

    text: str
    css: str = ""


class Block(msgspec.Struct, frozen=True):
    """A heading with what stands below it. `quiet`: the heading is a plain line (a replica's), no colon behind it."""

    heading: str
    entries: tuple[Line | Block, ...]
    quiet: bool = False


Entries = Iterator[Line | Block]


class Detail(msgspec.Struct, frozen=True):
    """How much of a resource is said. `bare`: without its node, since it stands below that node."""

    inactive: bool
    details: bool
    brief: bool
    pending: bool
    description: bool
    implied: bool
    bare: bool = False


def detail_of(view: View, *, bare: bool = False) -> Detail:
    """As the options of a status ask."""
    options = view.status.options
    return Detail(
        inactive=options.inactive, details=options.details, brief=options.brief,
        pending=options.pending, description=view.describes, implied=options.details, bare=bare,
    )


# --- one resource
# --------------------------------------------------------------------------------------


def resource(view: View, one: ResourceStatus, detail: Detail, only: Names) -> Entries:
    """The lines of a resource, nothing when filters hide it."""
    if view.hidden(one, only, with_parent=True):
        return
    match one:
        case PrimitiveStatus():
            yield from _primitive(view, one, one.name, one.current or one.pending_on, detail)
        case GroupStatus():
            yield from _group(view, one, detail, only)
        case CloneStatus():
            yield from _clone(view, one, detail, only)
        case BundleStatus():
            yield from _bundle(view, one, detail, only)


def _primitive(
    view: View, one: PrimitiveStatus, name: str, node: str, detail: Detail
) -> Entries:
    if one.internal and not detail.implied:
        return
    yield Line(describe(view, one, name, node, detail), css_class(one))


def css_class(one: PrimitiveStatus) -> str:
    """How worried to be about it, as a class of the style sheet."""
    if not one.managed:
        return "rsc-managed"
    if one.failed or not one.active_on:
        return "rsc-failed"
    if len(one.active_on) > 1:
        return "rsc-multiple"
    return "rsc-failure-ignored" if one.failure_ignored else "rsc-ok"


def describe(view: View, one: PrimitiveStatus, name: str, where: str, detail: Detail) -> str:
    """`web    (ocf:heartbeat:apache):  Started node1 (flags)`: everything that is said of one primitive."""
    several = len(one.active_on) > 1
    node = view.node(where or one.locked_to)
    if detail.bare or several:
        node = None
    text = f"{name}\t({one.agent}):\t"
    if one.orphaned:
        text += " ORPHANED"
    if one.failed:
        text += " FAILED"
        if one.role is Role.PROMOTED:
            text += f" {one.role}"
    else:
        text += f" {words.state(one, pending=detail.pending)}"
    if node is not None:
        text += f" {node.name}"
    if one.role is Role.STOPPED:
        code = failed_probe(view, one.probe_id, node.name if node is not None else None)
        if code is not None:
            text += f" ({words.result(code, view.status.release)}) "
    found = words.flags(one, node, view.status.release, pending=detail.pending)
    if found:
        text += f" ({', '.join(found)})"
    if one.description and (detail.bare or detail.description or several):
        plain = view.status.release is Release.TWO and not detail.description
        text += f" {one.description}" if plain else f" ({one.description})"
    if several and not detail.bare:
        text += f" [ {' '.join(one.active_on)} ]"
    return text


def failed_probe(view: View, resource_id: str, node: str | None) -> int | None:
    """The exit code of the first masked probe failure of a resource (on a node, or on any), if there is one."""
    for probe in view.status.failed_probes:
        if probe.resource == resource_id and (node is None or probe.node.lower() == node.lower()):
            return probe.rc
    return None


def _aside(*remarks: str) -> str:
    shown = ", ".join(remark for remark in remarks if remark)
    return f" ({shown})" if shown else ""


def _state_remarks(view: View, one: ResourceStatus) -> list[str]:
    """That it is disabled, and that the cluster leaves it alone; the order changed with release 3."""
    release = view.status.release
    managed, disabled = words.management(one, release), ["disabled"] if one.disabled else []
    return [*managed, *disabled] if release is Release.TWO else [*disabled, *managed]


def _description(one: ResourceStatus, detail: Detail) -> str:
    return f" ({one.description})" if one.description and detail.description else ""


def _group(view: View, one: GroupStatus, detail: Detail, only: Names) -> Entries:
    inactive = [member for member in one.members if not member.active]
    count = len(inactive) if len(inactive) < len(one.members) and not detail.inactive else 0
    heading = (
        f"Resource Group: {one.id}"
        + _aside(
            f"{count} member{words.plural(count)} inactive" if count else "",
            *_state_remarks(view, one),
        )
        + _description(one, detail)
    )
    entries: list[Line | Block] = []
    if detail.brief:
        named = [m for m in one.members if _named(view, m, only)]
        if not named:
            return
        entries.extend(brief(view, named, inactive=True, bare=detail.bare))
    else:
        whole = passes(one.name, only) or (":" in one.id and passes(one.id, only))
        for member in one.members:
            if not skips_member(view, member, detail.inactive, only, whole=whole):
                entries.extend(resource(view, member, detail, only))
        if not entries:
            return
    yield Block(heading, tuple(entries))


def skips_member(
    view: View, member: PrimitiveStatus, inactive: bool, only: Names, *, whole: bool
) -> bool:
    """Whether a group leaves a member out: inactive ones unless asked for; `whole`: the group itself was named."""
    hidden = view.hidden(member, only, with_parent=False)
    if only is not None and not hidden:
        return False
    return (hidden and not whole) or not (member.active or inactive)


def _named(view: View, one: ResourceStatus, only: Names) -> bool:
    parent = view.parent(one)
    return passes(one.name, only) or (parent is not None and passes(parent.name, only))


def _clone(view: View, one: CloneStatus, detail: Detail, only: Names) -> Entries:
    entries: list[Line | Block] = []
    promoted: list[str] = []
    started: list[str] = []
    stopped: dict[str, str] = {}
    whole = passes(one.name, only) or (":" in one.id and passes(one.id, only))
    for instance in one.instances:
        named = None if whole else only
        if view.kept_off(instance) or view.hidden(instance, named, with_parent=whole):
            continue
        place = _summarize(view, one, instance, detail)
        match place:
            case "full":
                entries.extend(resource(view, instance, detail, None))
            case "stopped":
                stopped[instance.id] = "Stopped"
            case "promoted" | "started" if not detail.details:
                (promoted if place == "promoted" else started).append(_single_node(instance))
    if not detail.details:
        promoted = sorted(filter(view.node_passes, promoted), key=words.by_name)
        started = sorted(filter(view.node_passes, started), key=words.by_name)
        if promoted:
            entries.append(Line(f"Promoted: [ {' '.join(promoted)} ]"))
        if started:
            word = "Unpromoted" if one.promotable else "Started"
            if one.promotable and _target(one) is Role.UNPROMOTED:
                word = "Unpromoted (target-role)"
            entries.append(Line(f"{word}: [ {' '.join(started)} ]"))
        if detail.inactive:
            active = len(promoted) + len(started)
            entries.extend(_stopped(view, one, stopped, active))
    if not entries and (detail.details or not detail.inactive):
        return
    heading = (
        f"Clone Set: {one.id} [{one.child}]"
        + _aside(
            "promotable" if one.promotable else "", "unique" if one.unique else "",
            *_state_remarks(view, one),
        )
        + _description(one, detail)
    )
    yield Block(heading, tuple(entries))


def _single_node(instance: PrimitiveStatus | GroupStatus) -> str:
    nodes = instance.active_on
    return nodes[0] if len(nodes) == 1 else ""


def _target(one: CloneStatus) -> Role | None:
    """The target-role of a clone, or of its instances."""
    if one.target_role is not None:
        return Role.find(one.target_role)
    return Role.find(one.instances[0].target_role) if one.instances else None


def _summarize(
    view: View, clone: CloneStatus, instance: PrimitiveStatus | GroupStatus, detail: Detail
) -> str:
    """Where an instance of a clone is shown: in full, in a list of nodes, or not at all."""
    partly = is_active(instance, wholly=False)
    full = detail.details
    if clone.unique:
        full = full or partly or not clone.orphaned
        return "full" if full else ""
    pending = instance.pending if isinstance(instance, PrimitiveStatus) else ""
    if detail.pending and pending and pending != "probe":
        return "full"
    if not partly:
        if not instance.orphaned and not detail.details and detail.inactive:
            return "stopped"
        return "full" if full else ""
    parts = list(primitives_of(instance))
    if (
        instance.orphaned or any(part.orphaned for part in parts)
        or not (instance.managed and all(part.managed for part in parts))
        or instance.failed or any(part.failed for part in parts)
        or not is_active(instance, wholly=True)
    ):
        return "full"
    node = view.node(_single_node(instance))
    if node is None or (not node.online and node.unclean):
        return "full"
    if full:
        return "full"
    return "promoted" if any(part.role is Role.PROMOTED for part in parts) else "started"


def _stopped(view: View, one: CloneStatus, stopped: dict[str, str], active: int) -> Entries:
    """Where no instance runs though one could."""
    if not one.unique and one.clone_max > active:
        stopped = {}
        state = "Stopped (disabled)" if _target(one) is Role.STOPPED else "Stopped"
        somewhere = _occupied(view, one)
        for name in one.candidates:
            if name in somewhere or not view.node_passes(name):
                continue
            code = failed_probe(view, one.child, name)
            stopped[name] = (
                state if code is None
                else f"Stopped ({words.result(code, view.status.release)})"
            )
    for state in sorted(set(stopped.values())):
        names = sorted((n for n, value in stopped.items() if value == state), key=words.by_name)
        yield Line(f"{state}: [ {' '.join(names)} ]")


def _occupied(view: View, one: CloneStatus) -> set[str]:
    """The nodes where an instance counts as active; in release 2.1 not an unmanaged one on a node that is offline."""
    if view.status.release is not Release.TWO:
        return set(one.active_on)
    found = set()
    for part in primitives_of(one):
        for name in part.active_on:
            node = view.node(name)
            if part.managed or (node is not None and node.online):
                found.add(name)
    return found


def _bundle(view: View, one: BundleStatus, detail: Detail, only: Names) -> Entries:
    heading = (
        f"Container bundle{' set' if one.replicas_max > 1 else ''}: {one.id} [{one.image}]"
        + (" (unique)" if one.unique else "")
        + _description(one, detail)
        + _aside(*words.management(one, view.status.release))
    )
    whole = passes(one.id, only)
    entries: list[Line | Block] = []
    for replica in one.replicas:
        if view.kept_off(replica.container):
            continue
        shown = [
            part for part in replica.parts()
            if whole or not view.hidden(part, only, with_parent=False)
        ]
        if detail.implied or (not whole and shown):
            below: list[Line | Block] = []
            implied = Detail(
                inactive=detail.inactive, details=detail.details, brief=detail.brief,
                pending=detail.pending, description=detail.description, implied=True,
                bare=detail.bare,
            )
            for part in shown:
                below.extend(resource(view, part, implied, only))
            title = f"Replica[{replica.number}]" if len(one.replicas) > 1 else ""
            entries.append(Block(title, tuple(below), quiet=True))
        elif whole:
            entries.extend(_replica(view, replica, detail))
    if entries:
        yield Block(heading, tuple(entries))


def _replica(view: View, replica: ReplicaStatus, detail: Detail) -> Entries:
    """One line for a replica: what runs in it, by the name of its connection and with its address."""
    name = (replica.remote or replica.container).name
    if replica.address:
        name = f"{name} ({replica.address})"
    inner = replica.child or replica.container
    yield from _primitive(view, inner, name, replica.container.current, detail)


def brief(
    view: View, resources: Iterable[ResourceStatus], *, inactive: bool, bare: bool
) -> Entries:
    """Primitives counted by agent and node, those that stand alone and not in a clone or bundle."""
    total: dict[str, int] = {}
    active: dict[str, dict[str, int]] = {}
    for one in resources:
        if not isinstance(one, PrimitiveStatus):
            continue
        total[one.agent] = total.get(one.agent, 0) + 1
        for name in one.active_on:
            node = view.node(name)
            if node is not None and not node.unclean and not node.online and one.managed:
                continue
            there = active.setdefault(name, {})
            there[one.agent] = there.get(one.agent, 0) + 1
    nodes = sorted(active, key=words.by_name)
    for agent in sorted(total):
        some = False
        for name in nodes:
            count = active[name].get(agent, 0)
            if not count:
                continue
            some = True
            share = f"{count}/{total[agent]}" if inactive else f"{count}"
            yield Line(f"{share}\t({agent}):\tActive {'' if bare else name}")
        if inactive and not some:
            yield Line(f"0/{total[agent]}\t({agent}):\tActive")


# --- sections
# ------------------------------------------------------------------------------------------


def resource_section(view: View, *, summary: bool = True) -> tuple[Block | None, bool]:
    """The section of resources, and whether it counts as output (an empty one does not, though it is printed)."""
    options = view.status.options
    only = view.status.only_resources
    if options.by_node and not options.inactive:
        return None, False
    if options.by_node:
        heading, none = "Inactive Resources", "No inactive resources"
    elif options.inactive:
        heading, none = "Full List of Resources", "No resources"
    else:
        heading, none = "Active Resources", "No active resources"
    detail = detail_of(view)
    entries: list[Line | Block] = []
    shown = False
    counted = options.brief and not options.by_node
    if counted:
        named = [one for one in view.status.resources if _named(view, one, only)]
        entries.extend(brief(view, named, inactive=options.inactive, bare=False))
        shown = True
    some = bool(entries)
    for one in view.status.resources:
        if not lists(view, one, counted=counted):
            continue
        shown = True
        lines = list(resource(view, one, detail, only))
        some = some or bool(lines)
        entries.extend(lines)
    if summary and not some:
        shown = True
        entries.append(Line(none))
    return (Block(heading, tuple(entries)) if shown else None), some


def lists(view: View, one: ResourceStatus, *, counted: bool) -> bool:
    """Whether the section of resources comes to this one; `counted`: primitives were already counted."""
    options = view.status.options
    wholly = is_active(one, wholly=True)
    if one.orphaned and not wholly:
        return False
    if options.by_node:
        return not wholly
    if counted and isinstance(one, PrimitiveStatus):
        return False
    partly = is_active(one, wholly=False)
    if not partly:
        return options.inactive
    return view.runs_where_wanted(one)


def node_resources(view: View, node: NodeStatus) -> list[PrimitiveStatus]:
    """What is recorded as running on a node."""
    found = (view.primitive(name) for name in node.running)
    return [one for one in found if one is not None]


def brief_on_node(view: View, node: NodeStatus) -> list[PrimitiveStatus]:
    """What the short form counts on a node."""
    only = view.status.only_resources
    return [one for one in node_resources(view, node) if _named(view, one, only)]


def attribute_section(view: View) -> Block | None:
    """Node attributes; `value` of a ping attribute is judged by what the ping resource there should reach."""
    blocks: list[Line | Block] = []
    details = view.status.options.details
    for entry in view.status.attributes:
        node = view.node(entry.node)
        if node is None or not view.node_passes(node.name):
            continue
        lines = []
        for attribute in entry.attributes:
            text = f"{attribute.name:<32}\t: {attribute.value:<10}"
            if attribute.expected is not None:
                reached = leading_number(attribute.value)
                if reached <= 0:
                    text += "\t: Connectivity is lost"
                elif reached < attribute.expected:
                    text += f"\t: Connectivity is degraded (Expected={attribute.expected})"
            lines.append(Line(text))
        blocks.append(Block(f"Node: {words.node_name(node, details=details)}", tuple(lines)))
    return Block("Node Attributes", tuple(blocks)) if blocks else None


def leading_number(text: str) -> int:
    """The number at the beginning of a text, 0 without one."""
    return leading_integer(text) or 0


def history_section(view: View) -> Block | None:
    """Operations by node and resource, or only fail counts."""
    status = view.status
    operations = status.options.shows(Section.OPERATIONS)
    blocks: list[Line | Block] = []
    some = False
    for entry in status.history:
        node = view.node(entry.node)
        if node is None or not view.node_passes(node.name):
            continue
        some = True
        lines: list[Line | Block] = []
        for one in entry.resources:
            if not history_passes(view, one):
                continue
            if operations:
                heading = one.name + _history_words(one, always=True)
                done = tuple(Line(_operation(op, view)) for op in one.operations)
                if done:
                    lines.append(Block(heading, done))
            elif one.fail_count > 0:
                lines.append(Line(one.id + _history_words(one, always=False)))
        if lines:
            name = words.node_name(node, details=status.options.details)
            blocks.append(Block(f"Node: {name}", tuple(lines)))
    heading = "Operations" if operations else "Migration Summary"
    return Block(heading, tuple(blocks)) if some else None


def history_passes(view: View, one: ResourceHistory) -> bool:
    """Whether filters let the history of a resource through. A group's members stand for themselves."""
    only = view.status.only_resources
    if only is None:
        return True
    found = view.primitive(one.id)
    if found is None:
        found = next((p for p in view.status.primitives() if p.name == one.id), None)
    if found is None:
        return False
    top = view.top(found)
    if isinstance(top, GroupStatus):
        return found.name in only or top.name in only
    return not view.hidden(found, only, with_parent=True)


def _history_words(one: ResourceHistory, *, always: bool) -> str:
    if not always and one.fail_count <= 0 and one.last_failure_s <= 0:
        return ":"
    text = f": migration-threshold={one.threshold}"
    if one.fail_count > 0:
        text += f" fail-count={one.fail_count}"
    if one.last_failure_s > 0:
        text += f" last-failure='{words.when(one.last_failure_s)}'"
    return text


def _operation(op: OperationStatus, view: View) -> str:
    options = view.status.options
    every = f' interval="{op.interval}ms"' if op.interval not in ("", "0") else ""
    if not options.timing:
        return f"({op.call}) {op.task}{':' if every else ''}{every}"
    text = f"({op.call}) {op.task}:{every}"
    if op.changed_s > 0:
        text += f' last-rc-change="{words.when(op.changed_s)}"'
    if op.exec_ms is not None:
        text += f' exec-time="{op.exec_ms}ms"'
    if op.queue_ms is not None:
        text += f' queue-time="{op.queue_ms}ms"'
    return f"{text} rc={op.rc} ({words.result(op.rc, view.status.release)})"


def failure_section(view: View) -> Block | None:
    """Failed actions, in plain words or in technical ones."""
    status = view.status
    options = status.options
    tell = _technical if options.failed_detail or options.details else _friendly
    lines = tuple(Line(tell(view, one)) for one in shown_failures(view))
    return Block("Failed Resource Actions", lines) if lines else None


def shown_failures(view: View) -> Iterator[FailureStatus]:
    """Those that filters let through. The name in an operation key has no number of an instance."""
    for one in view.status.failures:
        if view.node_passes(one.node) and passes(one.resource, view.status.only_resources):
            yield one


def _friendly(view: View, one: FailureStatus) -> str:
    release = view.status.release
    every = f"{words.interval(one.interval_ms, release)}-interval " if one.interval_ms else ""
    task = "probe" if one.task == "monitor" and not one.interval_ms else one.task
    text = f"{one.resource} {every}{task} on {one.node or 'unknown node'}"
    if one.status == 0:
        text += f" returned '{words.result(one.rc, release)}'"
        if one.reason:
            text += f" ({one.reason})"
    else:
        why = f": {one.reason}" if one.reason else ""
        text += f" could not be executed ({words.execution(one.status, release)}{why})"
    if one.changed_s is not None:
        text += f" at {words.when(one.changed_s)}"
    took = leading_number(one.exec_ms or "")
    if took > 0:
        text += f" after {words.interval(took, release)}"
    return text


def _technical(view: View, one: FailureStatus) -> str:
    rc = words.result(one.rc, view.status.release)
    text = (
        f"{one.key or 'unknown operation'} on {one.node or 'unknown node'} '{rc}' ({one.rc}): "
        f"call={one.call or 'unknown'}, status='{words.execution(one.status, view.status.release)}'"
    )
    if one.reason:
        text += f", exitreason='{one.reason}'"
    if one.changed_s is not None:
        text += f", last-rc-change='{words.when(one.changed_s)}'"
    if one.queue_ms:
        text += f", queued={one.queue_ms}ms"
    if one.exec_ms:
        text += f", exec={one.exec_ms}ms"
    return text


def ticket_section(view: View) -> Block | None:
    """Tickets, granted or not."""
    between = ": " if view.status.release is Release.TWO else "\t"
    lines = tuple(Line(_ticket(one, between)) for one in view.status.tickets)
    return Block("Tickets", lines) if lines else None


def _ticket(one: TicketStatus, between: str) -> str:
    text = f"{one.id}{between}{'granted' if one.granted else 'revoked'}"
    if one.standby:
        text += " [standby]"
    if one.last_granted_s is not None:
        text += f' last-granted="{words.when(one.last_granted_s)}"'
    return text


def ban_section(view: View) -> Block | None:
    """Where constraints keep resources away."""
    details = view.status.options.details
    lines: list[Line | Block] = []
    for ban in view.status.bans:
        node = view.node(ban.node)
        name = words.node_name(node, details=details) if node is not None else ban.node
        role = "in Promoted role " if ban.promoted_only else ""
        lines.append(Line(f"{ban.id}\tprevents {ban.resource} from running {role}on {name}"))
    return Block("Negative Location Constraints", tuple(lines)) if lines else None
