"""Words: how times, intervals, results and one resource are put in crm_mon's words.

Source: lib/pengine/native.c and pe_output.c, lib/common/iso8601.c and results.c.
"""

from __future__ import annotations

import functools
from datetime import datetime

from hashell.status.cluster_status import NodeStatus, PrimitiveStatus, ResourceStatus
from hashell.status.options import Release
from hashell.values.outcomes import ExecStatus, exec_status_text, ocf_text
from hashell.values.roles import Role

#: Exit codes that crm_mon 2.1 words in its own way.
_CRM_MON_TEXT = {190: "OCF_DEGRADED", 193: "unknown"}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: Exit codes as crm_simulate 3.0 words them.
_EXIT_TEXT = {
    0: "OK", 1: "Error occurred", 2: "Invalid parameter", 3: "Unimplemented",
    4: "Insufficient privileges", 5: "Not installed", 6: "Not configured", 7: "Not running",
    8: "Promoted", 9: "Failed in promoted role", 190: "Service is active but might fail soon",
    191: "Service is promoted but might fail soon", 193: "No exit status available",
}

#: What release 3 calls how an action was carried out, where that is new.
_EXECUTION_TEXT = {
    ExecStatus.PENDING.value: "Pending", ExecStatus.DONE.value: "Done", ExecStatus.TIMEOUT.value: "Timed out",
    ExecStatus.NOT_SUPPORTED.value: "Unsupported",
}


def when(seconds: int) -> str:
    """A moment in local time as ctime() words it, in English whatever the locale."""
    at = datetime.fromtimestamp(seconds)
    return (
        f"{_DAYS[at.weekday()]} {_MONTHS[at.month - 1]} {at.day:2d} "
        f"{at.hour:02d}:{at.minute:02d}:{at.second:02d} {at.year}"
    )


def when_iso(seconds: int) -> str:
    """A moment in local time with its zone: 2022-07-13 22:13:26Z, or with " +02:00"."""
    at = datetime.fromtimestamp(seconds).astimezone()
    offset = at.utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset is not None else 0
    zone = "Z"
    if minutes:
        sign = "-" if minutes < 0 else "+"
        zone = f" {sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return f"{at:%Y-%m-%d %H:%M:%S}{zone}"


def interval(milliseconds: int, release: Release) -> str:
    """1h30m, 10s, 1.500s, 20ms: the units that are not zero, one after the other.

    Release 2.1 kept to the smaller unit where a larger one would be exactly 1: 60s, 1000ms.
    """
    if milliseconds == 0:
        return "0s"
    least = 1 if release is Release.TWO else 0
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if milliseconds >= size + least:
            text += f"{milliseconds // size}{unit}"
            milliseconds %= size
    if milliseconds < 1000 + least:
        return f"{text}{milliseconds}ms" if milliseconds else text
    seconds, rest = divmod(milliseconds, 1000)
    return f"{text}{seconds}" + (f".{rest:03d}s" if rest else "s")


def result(code: int, release: Release) -> str:
    """The words for an exit code of an agent."""
    if release is Release.THREE:
        return _EXIT_TEXT.get(code, "Unknown exit status")
    return _CRM_MON_TEXT.get(code) or ocf_text(code)


def execution(status: int, release: Release) -> str:
    """The words for whether and how an action was carried out."""
    if release is Release.THREE:
        return _EXECUTION_TEXT.get(status) or exec_status_text(status)
    return exec_status_text(status)


def plural(count: int) -> str:
    """The ending of a regular noun."""
    return "" if count == 1 else "s"


def compare_names(left: str, right: str) -> int:
    """Negative, 0 or positive: without case, and numbers in names by value (node2 before node10).

    Of equal numbers the one written shorter comes first. Source: lib/common/strings.c, pcmk__numeric_strcasecmp.
    """
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] in _DIGITS and right[j] in _DIGITS:
            first, i = _number(left, i)
            second, j = _number(right, j)
            if (int(first), len(first)) != (int(second), len(second)):
                return -1 if (int(first), len(first)) < (int(second), len(second)) else 1
        else:
            one, other = left[i].lower(), right[j].lower()
            if one != other:
                return -1 if one < other else 1
            i += 1
            j += 1
    return (i < len(left)) - (j < len(right))


_DIGITS = frozenset("0123456789")


def _number(text: str, start: int) -> tuple[str, int]:
    end = start
    while end < len(text) and text[end] in _DIGITS:
        end += 1
    return text[start:end], end


#: For `sorted(names, key=by_name)`.
by_name = functools.cmp_to_key(compare_names)

#: An action in flight as a state, or (monitor) as a flag beside the state.
_PENDING_STATE = {
    "start": "Starting", "stop": "Stopping", "migrate_to": "Migrating",
    "migrate_from": "Migrating", "promote": "Promoting", "demote": "Demoting",
}


def pending_action(resource: PrimitiveStatus) -> str:
    """The flag for a recurring monitor in flight. Probes are never shown."""
    return "Monitoring" if resource.pending == "monitor" else ""


def state(resource: PrimitiveStatus, *, pending: bool) -> str:
    """The word for what it does; with `pending` for what it is about to do."""
    if pending and resource.pending in _PENDING_STATE:
        return _PENDING_STATE[resource.pending]
    return resource.role.value


def flags(
    resource: PrimitiveStatus, node: NodeStatus | None, release: Release, *, pending: bool
) -> list[str]:
    """What stands in brackets behind the state."""
    found = []
    if node is not None and not node.online and node.unclean:
        found.append("UNCLEAN")
    if node is not None and node.name == resource.locked_to:
        found.append("LOCKED")
    if pending and pending_action(resource):
        found.append(pending_action(resource))
    target = Role.find(resource.target_role)
    if target is Role.STOPPED:
        found.append("disabled")
    elif target is Role.UNPROMOTED and resource.promotable:
        found.append(f"target-role:{resource.target_role}")
    if resource.blocked:
        found.append("blocked")
    else:
        found.extend(management(resource, release))
    if resource.failure_ignored:
        found.append("failure ignored")
    return found


def management(resource: ResourceStatus, release: Release) -> list[str]:
    """Whether the cluster leaves a resource alone. That maintenance is the reason was not said before release 3."""
    if resource.maintenance and release is not Release.TWO:
        return ["maintenance"]
    return [] if resource.managed and not resource.maintenance else ["unmanaged"]


def node_state(node: NodeStatus) -> str:
    """The words for a node in text: online, OFFLINE, standby, pending …"""
    if node.unclean:
        if node.online:
            return "UNCLEAN (online)"
        return "UNCLEAN (pending)" if node.pending else "UNCLEAN (offline)"
    if node.pending:
        return "pending"
    if node.standby_onfail and node.online:
        return "standby (on-fail)"
    if node.standby:
        if not node.online:
            return "OFFLINE (standby)"
        return "standby (with active resources)" if node.running else "standby"
    if node.maintenance:
        return "maintenance" if node.online else "OFFLINE (maintenance)"
    return "online" if node.online else "OFFLINE"


def node_name(node: NodeStatus, *, details: bool) -> str:
    """Its name; with details also a guest's host, and the id where that says more."""
    if not details:
        return node.name
    host = f"@{node.host}" if node.container else ""
    shown_id = f" ({node.id})" if node.id.lower() != node.name.lower() else ""
    return f"{node.name}{host}{shown_id}"
