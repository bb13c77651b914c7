"""JSON: a status as one object, for programs; Pacemaker has no such format, so the names are ours.

The shape is that of `ClusterStatus`, reduced to the sections and filters that were asked for; times are seconds since
1970.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from hashell.status import outline
from hashell.status.cluster_status import ClusterStatus, ResourceStatus
from hashell.status.options import Section
from hashell.status.selection import View

#: Raised when a name or a meaning changes.
FORMAT = 1


def render(status: ClusterStatus) -> str:
    """One JSON object, indented, with a newline at its end."""
    return json.dumps(as_object(status), indent=2, ensure_ascii=False) + "\n"


def as_object(status: ClusterStatus) -> dict[str, Any]:
    """The status as dicts, lists, texts, numbers and booleans."""
    view = View(status)
    options = status.options
    shown: dict[str, Any] = {"format": FORMAT}
    if options.shows(Section.SUMMARY | Section.OPTIONS):
        dc = status.dc
        shown["summary"] = {**_plain(status.summary), "dc": dc.name if dc is not None else None}
    if options.shows(Section.NODES):
        shown["nodes"] = [_plain(node) for node in status.nodes if view.node_passes(node.name)]
    if options.shows(Section.RESOURCES):
        only = status.only_resources
        shown["resources"] = [
            _resource(one) for one in status.resources
            if (options.inactive or outline.lists(view, one, counted=False))
            and not view.hidden(one, only, with_parent=True)
        ]
    for section, name, rows in (
        (Section.ATTRIBUTES, "attributes", status.attributes),
        (Section.OPERATIONS | Section.FAILCOUNTS, "history", status.history),
    ):
        if options.shows(section):
            shown[name] = [_plain(row) for row in rows if view.node_passes(row.node)]
    if options.shows(Section.FAILURES):
        shown["failures"] = [_plain(row) for row in outline.shown_failures(view)]
    if options.shows(Section.FENCING):
        shown["fencing"] = [_plain(row) for row in status.fencing if view.node_passes(row.target)]
    if options.shows(Section.TICKETS):
        shown["tickets"] = [
            {**_plain(row), "attributes": dict(row.attributes)} for row in status.tickets
        ]
    if options.shows(Section.BANS):
        shown["bans"] = [_plain(row) for row in status.bans]
    if status.warnings:
        shown["warnings"] = list(status.warnings)
    return shown


def _resource(one: ResourceStatus) -> dict[str, Any]:
    """With its kind first, which the class says inside."""
    return {"kind": one.variant.value, **_plain(one)}


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
