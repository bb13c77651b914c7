"""Republish: tell the cluster again what is known on this node. Pure.

The status section lives in memory: a restarted majority, or a partition whose CIB lost, knows
nothing of what ran here meanwhile. With its history a node also writes `join=member`: from then on
it may be given work.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from hashell.cib.document import Cib
from hashelld.core.events import CibOperation
from hashelld.executor.history import node_update


def operations(
    node_id: str, node: str, resources: tuple[etree._Element, ...], *, remote: bool = False
) -> tuple[CibOperation, ...]:
    """One change: the old history goes, what is known here comes. A remote node is no member, and joins nothing."""
    return (
        CibOperation("delete", path=f"/cib/status/node_state[@id='{node_id}']/lrm"),
        CibOperation("modify", node_update(
            node_id, node, resources, origin="do_lrm_query", join="" if remote else "member", remote=remote
        )),
    )


def agrees(
    cib: Cib, node_id: str, known: Mapping[str, Mapping[str, Mapping[str, str]]]
) -> bool:
    """Whether the status section has this node as joined, with these entries and no others.

    `known` is resource → id of an entry → its attributes. Entries are told by their transition
    magic and call: the rest follows from these.
    """
    status = cib.status
    if status is None:
        return False
    state = next((one for one in status.iterfind("node_state") if one.get("id") == node_id), None)
    if state is None or state.get("join") != "member":
        return False
    there = {
        (entry.get("id"), entry.get("transition-magic"), entry.get("call-id"))
        for entry in state.iterfind("lrm/lrm_resources/lrm_resource/lrm_rsc_op")
    }
    here = {
        (name, one.get("transition-magic"), one.get("call-id"))
        for entries in known.values() for name, one in entries.items()
    }
    return there == here
