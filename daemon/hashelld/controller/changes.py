"""Changes: what a patch of the CIB means for the one who coordinates. Pure.

Source: te_update_diff() in daemons/controld/controld_te_callbacks.c decides what starts a new
decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from hashell.cib.document import parse_xml
from hashell.errors import BadInput

_NODE = re.compile(r"/node_state\[@id='([^']*)'\]")
_LAST_ID = re.compile(r"\[@id='([^']*)'\]$")
_RESOURCE = re.compile(r"/lrm_resource\[@id='([^']*)'\]")


@dataclass(frozen=True, slots=True)
class Meaning:
    """The root of what a change can mean. `reason` is for people, in Pacemaker's words."""


@dataclass(frozen=True, slots=True)
class Result(Meaning):
    """A history entry is new or changed. `refresh`: it came with a whole history."""

    node_id: str
    resource: str
    entry: Mapping[str, str]
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class EntryRemoved(Meaning):
    """A history entry is gone; `entry` is its id (for a recurring operation its key)."""

    node_id: str
    entry: str


@dataclass(frozen=True, slots=True)
class ResourceRemoved(Meaning):
    """All history of a resource on a node is gone."""

    node_id: str
    resource: str


@dataclass(frozen=True, slots=True)
class NodeForgotten(Meaning):
    """A node's history, attributes or whole state is gone; expected when it was taken down."""

    node_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Joined(Meaning):
    """A node's own words about itself came or went (join), or who is a member changed."""

    node_id: str


@dataclass(frozen=True, slots=True)
class Reconsider(Meaning):
    """Something changed that only a new decision can answer."""

    reason: str


def meanings(patch: bytes) -> tuple[Meaning, ...]:
    """What each change of a patch means, in its order; a patch that cannot be read means all."""
    try:
        root = parse_xml(patch, "a patch")
    except BadInput:
        return (Reconsider("CIB replaced"),)
    found: list[Meaning] = []
    seen: set[Meaning] = set()
    for change in root.iterfind("change"):
        for meaning in _meaning(change):
            if isinstance(meaning, Result):
                found.append(meaning)
            elif meaning not in seen:
                seen.add(meaning)
                found.append(meaning)
    return tuple(found)


def _meaning(change: etree._Element) -> Iterator[Meaning]:
    operation, path = change.get("operation", ""), change.get("path", "")
    if not path:
        return
    if operation == "move":
        if path.startswith("/cib/configuration/resources"):
            yield Reconsider("Configuration change")
        return
    element = None
    if operation == "create":
        element = next((one for one in change if isinstance(one.tag, str)), None)
    elif operation == "modify":
        holder = change.find("change-result")
        if holder is not None:
            element = next((one for one in holder if isinstance(one.tag, str)), None)
    tag = "" if element is None else str(element.tag)
    if path.startswith("/cib/configuration") or tag == "configuration":
        yield Reconsider("Configuration change")
    elif "/tickets" in path or tag == "tickets":
        yield Reconsider("Ticket attribute change")
    elif "/transient_attributes" in path or tag == "transient_attributes":
        if operation == "delete":
            yield NodeForgotten(_node(path), "Transient attribute change")
        else:
            yield Reconsider("Transient attribute change")
    elif operation == "delete":
        yield from _deletion(path)
    elif element is not None:
        yield from _arrival(element, path, whole=operation == "create")


def _deletion(path: str) -> Iterator[Meaning]:
    last = _LAST_ID.search(path)
    tail = path.rpartition("/")[2]
    if tail.startswith("lrm_rsc_op["):
        yield EntryRemoved(_node(path), last[1] if last else "")
    elif tail.startswith("lrm_resource["):
        yield ResourceRemoved(_node(path), last[1] if last else "")
    elif tail.startswith(("lrm[", "lrm_resources")) or tail == "lrm":
        yield NodeForgotten(_node(path), "Resource state removal")
    elif tail.startswith("node_state["):
        yield NodeForgotten(_node(path), "Node state removal")


def _arrival(element: etree._Element, path: str, *, whole: bool) -> Iterator[Meaning]:
    """What came, at any depth: a created element brings all that is in it."""
    tag = str(element.tag)
    node = _node(path)
    if tag == "lrm_rsc_op":
        resource = _RESOURCE.search(path)
        yield Result(node, resource[1] if resource else "", _plain(element))
        return
    if tag == "lrm_resource":
        for entry in element.iterfind("lrm_rsc_op"):
            yield Result(node, element.get("id", ""), _plain(entry))
        return
    if tag in ("node_state", "status"):
        for state in element.iter("node_state"):
            yield Joined(state.get("id", ""))
    if not whole:
        return
    for entry in element.iter("lrm_rsc_op"):
        resource_element = entry.getparent()
        assert resource_element is not None, "the entry stands below the created element"
        owner = next((one.get("id", "") for one in entry.iterancestors("node_state")), node)
        yield Result(owner, resource_element.get("id", ""), _plain(entry), refresh=True)
    for state in element.iter("transient_attributes"):
        if len(state):
            yield Reconsider("Transient attribute change")


def _node(path: str) -> str:
    found = _NODE.search(path)
    return found[1] if found else ""


def _plain(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.attrib.items()}
