"""Alerts: who is told of what happens in the cluster.

Source: Pacemaker Explained, "Alerts".
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from hashell.model.nvpairs import Document
from hashell.values.booleans import parse_boolean
from hashell.values.intervals import interval_ms

#: Kinds that are sent where no `select` says otherwise (attributes are not).
DEFAULT_KINDS = frozenset({"nodes", "fencing", "resources"})


#: How long an agent may take, unless it says otherwise. Source: Pacemaker Explained, "Alert
#: meta-attributes".
DEFAULT_TIMEOUT_MS = 30_000


class AlertRecipient(Struct, frozen=True):
    """One recipient; where its own sets say nothing, those of the alert hold."""

    id: str
    value: str
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    timestamp_format: str = "%H:%M:%S.%06N"
    enabled: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)


class AlertConfig(Struct, frozen=True):
    """An agent at `path`, called once for each recipient, or once without one. `attributes` empty means all of them."""

    id: str
    path: str
    kinds: frozenset[str] = DEFAULT_KINDS
    attributes: tuple[str, ...] = ()
    recipients: tuple[AlertRecipient, ...] = ()
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    timestamp_format: str = "%H:%M:%S.%06N"
    enabled: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)


_KINDS = {
    "select_nodes": "nodes", "select_fencing": "fencing", "select_resources": "resources",
    "select_attributes": "attributes",
}


def read_alerts(document: Document) -> tuple[AlertConfig, ...]:
    """The alerts in the order of the document."""
    parent = document.root.find("configuration/alerts")
    found = []
    for element in () if parent is None else parent.iterchildren("alert"):
        alert = AlertConfig(id=element.get("id", ""), path=element.get("path", ""))
        meta = document.values(element, "meta_attributes", document.known())
        parameters = document.values(element, "instance_attributes", document.known())
        select = element.find("select")
        kinds, attributes = alert.kinds, alert.attributes
        if select is not None and len(select):
            kinds = frozenset(
                _KINDS[child.tag] for child in select if child.tag in _KINDS
            )
            attributes = tuple(
                child.get("name", "") for child in select.iterfind("select_attributes/attribute")
            )
        recipients = []
        for child in element.iterchildren("recipient"):
            own_meta = {**meta, **document.values(child, "meta_attributes", document.known())}
            own = {
                **parameters, **document.values(child, "instance_attributes", document.known())
            }
            recipients.append(
                AlertRecipient(
                    id=child.get("id", ""), value=child.get("value", ""),
                    timeout_ms=_timeout(own_meta), enabled=_enabled(own_meta),
                    timestamp_format=own_meta.get("timestamp-format", alert.timestamp_format),
                    parameters=own,
                )
            )
        found.append(
            replace(
                alert, kinds=kinds, attributes=attributes, recipients=tuple(recipients),
                timeout_ms=_timeout(meta), enabled=_enabled(meta), parameters=parameters,
                timestamp_format=meta.get("timestamp-format", alert.timestamp_format),
            )
        )
    return tuple(found)


def _timeout(meta: Mapping[str, str]) -> int:
    return interval_ms(meta.get("timeout"), DEFAULT_TIMEOUT_MS) or DEFAULT_TIMEOUT_MS


def _enabled(meta: Mapping[str, str]) -> bool:
    return parse_boolean(meta.get("enabled")) is not False
