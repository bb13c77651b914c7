"""Report: a simulation as a document: XML as `crm_simulate --output-as=xml` gives it, or JSON with the same parts.

What happens is told here part by part, in order; text.py has the words for people.

Source: xml/api/crm_simulate-*.rng; lib/pacemaker/pcmk_output.c and lib/pengine/pe_output.c, the messages of format
"xml".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lxml import etree

from hashell.scheduler.explain import CapacityLine, Line, PromotionLine, ScoreLine, UtilizationLine
from hashell.scheduler.summary import Change, NodeChange, ResourceChange
from hashell.simulate.text import STAGES
from hashell.state.cluster_state import ClusterState
from hashell.values.roles import Role
from hashell.values.scores import show_score
from hashell.values.table_order import in_table_order

#: An element: its name, its attributes, and perhaps amounts, each an element in it.
Item = tuple[str, Mapping[str, str]] | tuple[str, Mapping[str, str], Mapping[str, int]]
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class Report:
    """The document of one run. `request` is the command line."""

    def __init__(self, request: str, *, as_json: bool) -> None:
        from hashell.status.xml import API_VERSION

        self.as_json = as_json
        self._root = etree.Element("pacemaker-result", {"api-version": API_VERSION, "request": request})
        self._data: dict[str, Any] = {"request": request}

    def status(self, state: ClusterState, part: str, *, attributes: bool, fail_counts: bool) -> None:
        """`part` is cluster_status or revised_cluster_status."""
        from hashell.status import json as status_json
        from hashell.status import xml as status_xml
        from hashell.status.build import cluster_status
        from hashell.status.simulate import status_options

        found = cluster_status(state, options=status_options(attributes=attributes, fail_counts=fail_counts))
        if self.as_json:
            self._data[part] = status_json.as_object(found)
        else:
            status_xml.fill(etree.SubElement(self._root, part), found)

    def part(self, name: str, items: Iterable[Item], attributes: Mapping[str, str] | None = None) -> None:
        """A list of elements under a name."""
        if self.as_json:
            listed = [
                {"kind": item[0], **item[1], **({"amounts": dict(item[2])} if len(item) > 2 else {})} for item in items
            ]
            self._data[name] = {**attributes, "items": listed} if attributes else listed
            return
        element = etree.SubElement(self._root, name, dict(attributes or {}))
        for item in items:
            made = etree.SubElement(element, item[0], dict(item[1]))
            if len(item) > 2:
                for key in in_table_order(item[2]):
                    _amount(made, key, item[2][key])

    def end(self, code: int, message: str, errors: Sequence[str] = ()) -> str:
        """The whole document."""
        if self.as_json:
            self._data["status"] = {"code": code, "message": message, "errors": list(errors)}
            return json.dumps(self._data, indent=2) + "\n"
        status = etree.SubElement(self._root, "status", {"code": str(code), "message": message})
        if errors:
            listed = etree.SubElement(status, "errors")
            for text in errors:
                etree.SubElement(listed, "error").text = text
        etree.indent(self._root, "  ")
        text = etree.tostring(self._root, encoding="unicode") + "\n"
        return _NOT_ASCII.sub(lambda match: f"&#x{ord(match[0]):X};", text)


def score_items(lines: Iterable[Line]) -> Iterable[Item]:
    """Points, promotion points, capacities and what is used of them."""
    for line in lines:
        match line:
            case ScoreLine():
                yield "node_weight", {
                    "function": STAGES[line.stage], "node": line.node, "score": show_score(line.score),
                    "id": line.resource,
                }
            case PromotionLine():
                where = {"node": line.node} if line.node else {}
                yield "promotion_score", {"id": line.resource, "score": show_score(line.score), **where}
            case CapacityLine():
                yield "capacity", {"node": line.node, "comment": line.comment}, line.capacity
            case UtilizationLine():
                yield "utilization", {
                    "resource": line.resource, "node": line.node, "function": "pcmk__assign_resource",
                }, line.used


def _amount(parent: etree._Element, name: str, value: int) -> None:
    """`<cpu>4</cpu>`; a name that is none for an element stands in an attribute."""
    try:
        element = etree.SubElement(parent, name)
    except ValueError:
        element = etree.SubElement(parent, "amount", name=name)
    element.text = str(value)


def change_items(changes: Iterable[Change]) -> Iterable[Item]:
    """What the transition does to nodes and resources."""
    for change in changes:
        if isinstance(change, NodeChange):
            if change.reason:
                guest = f" (resource: {change.resource})" if change.resource else ""
                yield "node_action", {"task": change.what, "node": change.node + guest, "reason": change.reason}
        else:
            yield "rsc_action", _resource_change(change)


def _resource_change(change: ResourceChange) -> Mapping[str, str]:
    role, following = change.role, change.next_role
    source, target = change.source, change.target
    by_role = role.rank > Role.STARTED.rank or following.rank > Role.UNPROMOTED.rank
    same_role, same_host = role is following, source == target
    values = {"action": change.what.lower(), "resource": change.resource}
    if not source:
        values |= {"role": str(role), "next-role": str(following), "dest": target} if by_role else {"node": target}
    elif not target:
        values |= {"role": str(role), "node": source} if by_role else {"node": source}
    elif by_role and same_role and same_host:
        values |= {"role": str(role), "source": source}
    elif same_role and same_host:
        values |= {"source": source}
    elif by_role and same_role:
        values |= {"source": source, "dest": target, "role": str(role)}
    elif same_role:
        values |= {"source": source, "dest": target}
    elif same_host:
        values |= {"role": str(role), "next-role": str(following), "source": source}
    else:
        values |= {"role": str(role), "source": source, "next-role": str(following), "dest": target}
    if change.reason:
        values["reason"] = change.reason
    if change.blocked:
        values["blocked"] = "true"
    return values
