"""Membership in the CIB: what the DC writes about nodes, quorum and itself. Pure.

Values of in_ccm and crmd are the words that every version of Pacemaker's tools reads; since 2.1.7
Pacemaker itself writes the time since when instead. `join` of a living node is written by the node
itself, together with its history (see the executor): so a node counts as joined exactly when the
cluster knows what runs on it.
Source: Pacemaker Explained, "Status", "Node status"; lib/pengine/unpack.c reads these.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from lxml import etree

from hashell.cib.document import Cib
from hashelld.core.events import CibOperation, Member

ORIGIN = "do_state_transition"


def states(cib: Cib) -> dict[str, etree._Element]:
    """node_state elements by node id."""
    status = cib.status
    return {} if status is None else {
        one.get("id", ""): one for one in status.iterfind("node_state")
    }


def configured(cib: Cib) -> dict[str, str]:
    """Cluster nodes of the configuration: id → name; remote ones are not members."""
    nodes = cib.section("nodes")
    return {} if nodes is None else {
        one.get("id", ""): one.get("uname", "") for one in nodes.iterfind("node")
        if one.get("type", "member") in ("member", "normal", "")
    }


def present(
    cib: Cib, dc: Member, members: Sequence[Member], quorate: bool, properties: Mapping[str, str]
) -> tuple[CibOperation, ...]:
    """What a view says that the CIB does not say yet; empty when it says all of it.

    `properties` are what the DC notes of itself among the cluster's options.
    """
    found: list[CibOperation] = []
    wanted = {"have-quorum": "1" if quorate else "0", "dc-uuid": str(dc.id)}
    if dc.feature_set:
        # What all members can do, as the DC is the oldest of them. Source: do_dc_takeover(), controld_election.c.
        wanted["crm_feature_set"] = dc.feature_set
    if any(cib.root.get(name) != value for name, value in wanted.items()):
        found.append(CibOperation("modify", etree.tostring(etree.Element("cib", wanted))))
    known = configured(cib)
    for member in members:
        if known.get(str(member.id)) != member.name:
            node = etree.Element("node", id=str(member.id), uname=member.name)
            found.append(CibOperation("modify", etree.tostring(node), "nodes"))
    found += _properties(cib, properties)
    there = states(cib)
    for member in members:
        state = {"uname": member.name, "in_ccm": "true", "crmd": "online"}
        old = there.get(str(member.id))
        if old is None or old.get("expected") is None or old.get("in_ccm") != "true":
            # Only of one that comes: who was told to leave is expected to be down while it is here.
            state["expected"] = "member"
        found += _state(old, str(member.id), state)
    return tuple(found)


def absent(
    cib: Cib, gone: Mapping[str, str], expected_down: Collection[str]
) -> tuple[CibOperation, ...]:
    """What to write of nodes that are not in the view: id → name. Their attributes end with them.

    `expected_down` are the ids of those that said goodbye or were taken down: they are no danger.
    """
    found: list[CibOperation] = []
    there = states(cib)
    for node_id, name in gone.items():
        old = there.get(node_id)
        if old is None and node_id not in expected_down:
            continue
        state = {"uname": name, "in_ccm": "false", "crmd": "offline", "join": "down"}
        if node_id in expected_down:
            state["expected"] = "down"
        elif old is not None and old.get("expected"):
            # Said again, so that nowhere a state comes to be by this that looks like that of a node which left.
            state["expected"] = old.get("expected", "")
        found += _state(old, node_id, state)
        if old is not None and old.find("transient_attributes") is not None:
            found.append(CibOperation(
                "delete", path=f"/cib/status/node_state[@id='{node_id}']/transient_attributes"
            ))
    return tuple(found)


def remotes(cib: Cib) -> dict[str, str]:
    """Remote nodes and guests that the status section has: name → id, which is the name again."""
    return {
        state.get("uname", ""): node_id for node_id, state in states(cib).items()
        if state.get("remote_node") == "true"
    }


def maintenance(cib: Cib, wanted: Sequence[tuple[str, bool]]) -> tuple[CibOperation, ...]:
    """Note of remote nodes whether they are in maintenance, so that who hosts their connections knows."""
    found = []
    there = states(cib)
    for node_id, on in wanted:
        state = etree.Element("node_state", id=node_id, uname=node_id, remote_node="true")
        state.set("node_in_maintenance", "true" if on else "false")
        old = there.get(node_id)
        if old is not None and old.get("node_in_maintenance") != state.get("node_in_maintenance"):
            found.append(CibOperation("modify", etree.tostring(state)))
    return tuple(found)


def fenced(node_id: str, name: str, *, remote: bool = False, when_s: int = 0) -> tuple[CibOperation, ...]:
    """What to write of a node that is known to be off: nothing runs there any more."""
    state = etree.Element("node_state", id=node_id, uname=name, in_ccm="false")
    if remote:
        # Its connection may be tried again when the reconnect interval is over, counted from here.
        state.set("remote_node", "true")
        state.set("node_fenced", str(when_s))
    else:
        state.set("crmd", "offline")
        state.set("join", "down")
        state.set("expected", "down")
    state.set("crm-debug-origin", "send_stonith_update")
    base = f"/cib/status/node_state[@id='{node_id}']"
    return (
        CibOperation("modify", etree.tostring(state)),
        CibOperation("delete", path=f"{base}/lrm"),
        CibOperation("delete", path=f"{base}/transient_attributes"),
    )


def is_down(state: etree._Element) -> bool:
    """Whether a node's state says all that `fenced` writes of it."""
    wanted = {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "down"}
    return all(state.get(name) == value for name, value in wanted.items()) and state.find("lrm") is None


def expect_down(node_id: str, name: str) -> CibOperation:
    """A node is told to leave: when it is gone, nobody needs to fence it."""
    state = etree.Element("node_state", id=node_id, uname=name, expected="down")
    state.set("crm-debug-origin", "do_shutdown")
    return CibOperation("modify", etree.tostring(state))


def waiting_for(cib: Cib, members: Sequence[Member], *, quorate: bool) -> tuple[str, ...]:
    """Names of members whose history the cluster does not know yet. Without quorum some may be given no work, and say
    so with their history (see the executor's republish.join_of)."""
    joined = ("member",) if quorate else ("member", "pending")
    there = states(cib)
    return tuple(
        member.name for member in members
        if (state := there.get(str(member.id))) is None or state.get("join") not in joined
        or state.get("in_ccm") != "true"
    )


def unseen(cib: Cib) -> tuple[str, ...]:
    """Names of configured nodes of which nothing at all is known: they would be fenced at once."""
    there = states(cib)
    return tuple(
        name for node_id, name in configured(cib).items()
        if (state := there.get(node_id)) is None or state.get("in_ccm") is None
    )


def option(cib: Cib, name: str, default: str = "") -> str:
    """A cluster option as it stands in the first property set that has it."""
    section = cib.section("crm_config")
    if section is not None:
        for pair in section.iterfind("cluster_property_set/nvpair"):
            if pair.get("name") == name:
                return pair.get("value", default)
    return default


def _state(
    old: etree._Element | None, node_id: str, wanted: Mapping[str, str]
) -> tuple[CibOperation, ...]:
    if old is not None and all(old.get(name) == value for name, value in wanted.items()):
        return ()
    state = etree.Element("node_state", id=node_id)
    for name, value in wanted.items():
        state.set(name, value)
    state.set("crm-debug-origin", ORIGIN)
    return (CibOperation("modify", etree.tostring(state)),)


def _properties(cib: Cib, wanted: Mapping[str, str]) -> tuple[CibOperation, ...]:
    """Notes among the options. A set of its own would outrank or shadow nothing, so the usual one."""
    missing = {
        name: value for name, value in wanted.items() if option(cib, name) != value
    }
    if not missing:
        return ()
    home = etree.Element("cluster_property_set", id="cib-bootstrap-options")
    for name, value in missing.items():
        etree.SubElement(
            home, "nvpair", id=f"cib-bootstrap-options-{name}", name=name, value=value
        )
    return (CibOperation("modify", etree.tostring(home), "crm_config"),)
