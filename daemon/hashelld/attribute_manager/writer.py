"""Writer: transient attributes → changes of the status section, and back. Pure.

Source: Pacemaker Explained, "Transient node attributes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml import etree

from hashell.cib.document import Cib
from hashell.values.scores import INFINITY, clamp, parse_score, show_score
from hashelld.core.events import CibOperation

_EXPRESSION = re.compile(r"value(?:\+\+|(\+=)(-?\d+))")
#: What an XML id may not hold; Pacemaker puts a dot in its place.
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9_.-]")


def node_ids(cib: Cib) -> dict[str, str]:
    """Name → id of every node that the CIB knows; remote nodes have their name as id."""
    found: dict[str, str] = {}
    for path in ("configuration/nodes/node", "status/node_state"):
        for element in cib.root.iterfind(path):
            name = element.get("uname", "")
            if name:
                found.setdefault(name, element.get("id", name))
    return found


def values(cib: Cib, node_id: str, kind: str = "") -> dict[str, str] | None:
    """A node's transient attributes (or `utilization` ones); None when it has no place for any."""
    tag = kind or "instance_attributes"
    for state in cib.root.iterfind("status/node_state"):
        if state.get("id") == node_id:
            holder = state.find("transient_attributes")
            if holder is None:
                return None
            return {
                pair.get("name", ""): pair.get("value", "")
                for pair in holder.iterfind(f"{tag}/nvpair")
            }
    return None


def evaluate(wanted: str, present: str | None) -> str:
    """A value, or `value++` and `value+=N` counted from the present one and held at INFINITY."""
    match = _EXPRESSION.fullmatch(wanted)
    if match is None:
        return wanted
    step = int(match[2]) if match[1] else 1
    before = parse_score(present)
    if abs(before) >= INFINITY:
        return show_score(before)
    return show_score(clamp(before + step))


def update(
    node_id: str, node: str, changed: Mapping[str, str | None], kind: str = ""
) -> tuple[CibOperation, ...]:
    """Set or remove (None) attributes of one node; `kind` is empty or utilization."""
    tag = kind or "instance_attributes"
    operations: list[CibOperation] = []
    kept = {name: value for name, value in changed.items() if value is not None}
    if kept:
        state = etree.Element("node_state", id=node_id, uname=node)
        state.set("crm-debug-origin", "attrd_write_attribute")
        holder = etree.SubElement(state, "transient_attributes", id=node_id)
        base = f"status-{kind and kind + '-'}{node_id}"
        values_element = etree.SubElement(holder, tag, id=base)
        for name, value in kept.items():
            etree.SubElement(
                values_element, "nvpair", id=_NOT_IN_ID.sub(".", f"{base}-{name}"), name=name,
                value=value,
            )
        operations.append(CibOperation("modify", etree.tostring(state)))
    for name, removed in changed.items():
        if removed is None:
            quoted = name.replace("'", "")
            operations.append(CibOperation("delete", path=(
                f"/cib/status/node_state[@id='{node_id}']/transient_attributes"
                f"/{tag}/nvpair[@name='{quoted}']"
            )))
    return tuple(operations)
