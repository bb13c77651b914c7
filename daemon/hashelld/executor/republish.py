"""Republish: tell the cluster again what is known on this node. Pure.

The status section lives in memory: a restarted majority, or a partition whose CIB lost, knows
nothing of what ran here meanwhile. With its history a node also writes `join=member`: from then on
it may be given work. (`join=pending`: not yet, see `join_of`.)
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from hashell.cib.document import Cib
from hashelld.core.events import CibOperation
from hashelld.executor.history import node_update


def join_of(cib: Cib | None, *, was_quorate: bool) -> str:
    """What a node says of its joining; `was_quorate`: its daemon has been in a partition with quorum since it started.

    Under `no-quorum-policy=freeze` a partition without quorum goes on with what it has. Elsewhere those that it has are
    known to be lost, and are fenced before anything of theirs is started. A node that has come to it since is not: the
    rest of the cluster may know it to be off, as it has fenced it itself. What were moved to it would be started twice.
    So it waits for quorum, as one that is not ready. Source: Pacemaker Explained, "Cluster Options", no-quorum-policy.
    """
    section = None if cib is None else cib.section("crm_config")
    if was_quorate or section is None:
        return "member"
    pairs = section.iterfind("cluster_property_set/nvpair[@name='no-quorum-policy']")
    policy = next((one.get("value", "") for one in pairs), "")
    return "pending" if policy.strip().lower() == "freeze" else "member"


def operations(
    node_id: str, node: str, resources: tuple[etree._Element, ...], *, join: str = "member"
) -> tuple[CibOperation, ...]:
    """One change: the old history goes, what is known here comes. A remote node joins nothing: no `join`."""
    return (
        CibOperation("delete", path=f"/cib/status/node_state[@id='{node_id}']/lrm"),
        CibOperation("modify", node_update(
            node_id, node, resources, origin="do_lrm_query", join=join, remote=not join
        )),
    )


def agrees(
    cib: Cib, node_id: str, known: Mapping[str, Mapping[str, Mapping[str, str]]], *, join: str = "member"
) -> bool:
    """Whether the status section has this node as joined so, with these entries and no others.

    `known` is resource → id of an entry → its attributes. Entries are told by their transition
    magic and call: the rest follows from these.
    """
    status = cib.status
    if status is None:
        return False
    state = next((one for one in status.iterfind("node_state") if one.get("id") == node_id), None)
    if state is None or state.get("join") != join:
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
