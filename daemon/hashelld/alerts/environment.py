"""Environment: what an alert agent is told, as variables. Pure.

Source: Pacemaker Explained, "Alerts", "Environment variables passed to alert agents".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lxml import etree

from hashell.cib.document import Cib
from hashell.values.booleans import parse_boolean
from hashell.values.intervals import interval_ms

TIMEOUT_MS = 30_000
DEFAULT_FORMAT = "%H:%M:%S.%06N"
KINDS = ("node", "fencing", "resource", "attribute")


@dataclass(frozen=True, slots=True)
class Call:
    """One program to be run for an event; `kinds` and `attributes` are what it wants to hear of."""

    id: str
    path: str
    recipient: str = ""
    timeout_ms: int = TIMEOUT_MS
    timestamp_format: str = DEFAULT_FORMAT
    variables: Mapping[str, str] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset({"node", "fencing", "resource"})
    attributes: frozenset[str] = frozenset()

    def wants(self, kind: str, attribute: str = "") -> bool:
        """Attributes are told only to those who select them."""
        if kind not in self.kinds:
            return False
        return kind != "attribute" or not self.attributes or attribute in self.attributes


def calls(cib: Cib) -> tuple[Call, ...]:
    """Every alert with each of its recipients (one without any is called once)."""
    section = cib.section("alerts")
    found: list[Call] = []
    for alert in () if section is None else section.iterfind("alert"):
        meta, variables = _pairs(alert, "meta_attributes"), _pairs(alert, "instance_attributes")
        if not alert.get("path") or parse_boolean(meta.get("enabled", "true")) is False:
            continue
        kinds, attributes = _selected(alert)
        recipients: list[etree._Element | None] = [*alert.iterfind("recipient")]
        for recipient in recipients or [None]:
            own_meta, own = dict(meta), dict(variables)
            if recipient is not None:
                own_meta.update(_pairs(recipient, "meta_attributes"))
                own.update(_pairs(recipient, "instance_attributes"))
                if parse_boolean(own_meta.get("enabled", "true")) is False:
                    continue
            found.append(Call(
                alert.get("id", ""), alert.get("path", ""),
                "" if recipient is None else recipient.get("value", ""),
                interval_ms(own_meta.get("timeout"), TIMEOUT_MS),
                own_meta.get("timestamp-format", DEFAULT_FORMAT), own, kinds, attributes,
            ))
    return tuple(found)


def environment(
    call: Call, kind: str, what: Mapping[str, str], number: int, wall_s: float
) -> dict[str, str]:
    """All variables of one call. `what` are those of the event, without the CRM_alert_ prefix."""
    whole = int(wall_s)
    values = {
        "kind": kind, "version": "2.1", "node_sequence": str(number),
        "recipient": call.recipient, "timestamp": timestamp(call.timestamp_format, wall_s),
        "timestamp_epoch": str(whole), "timestamp_usec": str(int((wall_s - whole) * 1_000_000)),
        **what,
    }
    return {
        **{name: value for name, value in call.variables.items() if "=" not in name},
        **{f"CRM_alert_{name}": value for name, value in values.items()},
    }


def timestamp(layout: str, wall_s: float) -> str:
    """strftime's letters, and %N (with digits: %06N) for parts of a second."""
    fraction = f"{int((wall_s % 1) * 1e9):09d}"

    def part(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        return fraction[: max(1, min(int(match[1] or 9), 9))]

    # A doubled percent sign is strftime's to read, and what follows it is plain text.
    layout = re.sub(r"%%|%(\d*)N", part, layout)
    return datetime.fromtimestamp(wall_s, UTC).astimezone().strftime(layout)


def _selected(alert: etree._Element) -> tuple[frozenset[str], frozenset[str]]:
    select = alert.find("select")
    if select is None:
        return frozenset({"node", "fencing", "resource"}), frozenset()
    kinds = {
        word for word, tag in (
            ("node", "select_nodes"), ("fencing", "select_fencing"),
            ("resource", "select_resources"), ("attribute", "select_attributes"),
        ) if select.find(tag) is not None
    }
    names = {one.get("name", "") for one in select.iterfind("select_attributes/attribute")}
    return frozenset(kinds), frozenset(names)


def _pairs(element: etree._Element, tag: str) -> dict[str, str]:
    return {
        pair.get("name", ""): pair.get("value", "")
        for pair in element.iterfind(f"{tag}/nvpair") if pair.get("name")
    }
