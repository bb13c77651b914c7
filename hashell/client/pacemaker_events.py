"""What a Pacemaker can tell of the past: fencing, from its fencer's history, and operations, from the CIB's status.

Sources: Pacemaker Explained, "Status"; the XML of `stonith_admin --history`. Pacemaker keeps the last operation of each
kind and node, so this is no log: what came before is gone.
"""

from __future__ import annotations

from datetime import datetime

from hashell.cib.document import Cib, parse_xml
from hashell.errors import HashellError
from hashell.wire.messages import EventInfo

#: Operations that are worth a line; probes and monitors are, where they failed.
_TOLD = frozenset({"start", "stop", "promote", "demote", "migrate_to", "migrate_from"})
_DONE = {
    "start": "started", "stop": "stopped", "promote": "promoted", "demote": "demoted",
    "migrate_to": "migrated away", "migrate_from": "migrated here",
}
#: Notes of what was numbered before; the oldest go.
_SEEN_MAX = 20_000


def events(cib: Cib, fencing: bytes, seen: dict[tuple[object, ...], int], limit: int) -> tuple[EventInfo, ...]:
    """Oldest first, the newest `limit`. `seen` gives each its number, the same at each look, and grows by the new."""
    found = [*_operations(cib), *_fencing(fencing)]
    found.sort(key=lambda one: one.when_s)
    if len(seen) > _SEEN_MAX:
        for key in list(seen)[: _SEEN_MAX // 2]:
            del seen[key]
    next_number = max(seen.values(), default=0) + 1
    numbered = []
    for one in found[-limit:]:
        key = (one.when_s, one.node, one.text)
        if key not in seen:
            seen[key] = next_number
            next_number += 1
        numbered.append(EventInfo(seen[key], one.when_s, one.node, one.kind, one.level, one.text, one.about, one.data))
    return tuple(sorted(numbered, key=lambda one: one.number))


def _operations(cib: Cib) -> list[EventInfo]:
    found = []
    for state in cib.root.iterfind("status/node_state"):
        node = state.get("uname", "")
        for resource in state.iterfind("lrm/lrm_resources/lrm_resource"):
            name = resource.get("id", "")
            for operation in resource.iterfind("lrm_rsc_op"):
                event = _operation(node, name, {str(k): str(v) for k, v in operation.attrib.items()})
                if event is not None:
                    found.append(event)
    return found


def _operation(node: str, name: str, attributes: dict[str, str]) -> EventInfo | None:
    task, when, code = (attributes.get(key, "") for key in ("operation", "last-rc-change", "rc-code"))
    if not when.isdigit() or not code.lstrip("-").isdigit() or code == "-1":
        return None
    if attributes.get("operation_key", "").endswith("_last_failure_0") or "_last_failure_" in attributes.get("id", ""):
        reason = attributes.get("exit-reason", "")
        text = f"{task} of {name} failed with {code}" + (f": {reason}" if reason else "")
        return EventInfo(0, float(when), node, "operation-failed", "error", text, (name,))
    if task not in _TOLD or code != "0":
        return None
    return EventInfo(0, float(when), node, f"resource-{task}", "info", f"{name} {_DONE[task]}", (name,))


def _fencing(xml: bytes) -> list[EventInfo]:
    if not xml:
        return []
    try:
        root = parse_xml(xml, "the fencer's history")
    except HashellError:
        return []
    found = []
    for one in root.iter("fence_event"):
        target, action = one.get("target", ""), one.get("action", "")
        state = one.get("status", "")
        said = {"success": "done", "pending": "begun"}.get(state, state)
        data = {
            "target": target, "action": action, "state": state, "origin": one.get("origin", ""),
            "client": one.get("client", ""), "delegate": one.get("delegate", ""),
            "reason": one.get("exit-reason", ""),
        }
        found.append(
            EventInfo(
                0, _seconds(one.get("completed", "")), one.get("origin", ""), "fencing",
                "error" if state == "failed" else "warning", f"fencing of {target} ({action}): {said}", (target,), data,
            )
        )
    return found


def _seconds(text: str) -> float:
    """`2026-11-22 21:00:22.123456Z` or with an offset; 0 where it does not say."""
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        return 0.0
