"""What a document answers without a cluster behind it; file, fake and Pacemaker's tools share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.versions import Version
from hashell.client.api import ReadOnly
from hashell.errors import Conflict, NotFound
from hashell.values.booleans import is_true

if TYPE_CHECKING:
    from hashell.wire.messages import Change, Info

#: Spellings of "not there" in a node_state: words of older versions, 0 where newer ones write the second it joined.
_ABSENT = frozenset({"", "0", "false", "offline"})


def cluster_option(cib: Cib, name: str, default: str = "") -> str:
    """The first value of a cluster option, rules left out: enough for the cluster's name and its messaging layer."""
    section = cib.section("crm_config")
    if section is None:
        return default
    for pair in section.iterfind(f"cluster_property_set/nvpair[@name='{name}']"):
        return pair.get("value", default)
    return default


def info_of(cib: Cib, *, warnings: Sequence[str] = ()) -> Info:
    """Members, quorum and DC as a CIB alone tells them; a node is a member when its state says that it was there."""
    from hashell.wire.messages import Info, MemberInfo

    names: dict[str, str] = {}
    for element in (*cib.root.iterfind("configuration/nodes/node"), *cib.root.iterfind("status/node_state")):
        names.setdefault(element.get("id", ""), element.get("uname", ""))
    present = {
        state.get("id", "")
        for state in cib.root.iterfind("status/node_state")
        if state.get("in_ccm", "") not in _ABSENT and state.get("crmd", "") not in _ABSENT
    }
    members = tuple(
        MemberInfo(
            id=int(id) if id.isdigit() else 0, name=name, state="member" if id in present else "lost"
        )
        for id, name in names.items() if name
    )
    votes = sum(member.state == "member" for member in members)
    dc = cib.root.get("dc-uuid", "")
    return Info(
        cluster=cluster_option(cib, "cluster-name"),
        node="",
        engine=cluster_option(cib, "cluster-infrastructure"),
        members=members,
        dc=names.get(dc, dc),
        quorate=is_true(cib.root.get("have-quorum")),
        votes=votes,
        expected_votes=len(members),
        quorum=len(members) // 2 + 1,
        view=0,
        controller_state="",
        warnings=tuple(warnings),
    )


def check_base(change: Change, current: Version) -> None:
    """Raises Conflict when the change says which configuration it was made for, and that is no longer current."""
    if change.epoch < 0:
        return
    made_for = (max(change.admin_epoch, 0), change.epoch)
    if made_for != (current.admin_epoch, current.epoch):
        raise Conflict(
            f"the configuration is {current.admin_epoch}.{current.epoch} by now, "
            f"the change was made for {made_for[0]}.{made_for[1]}",
            "look at what changed and try again",
        )


def for_status_of(change: Change, current: Cib) -> Change:
    """A patch of the configuration that is there now, made when its status was another: the same, for this status.

    What the patch was made for stays its condition: where the configuration moved on, it is given back as it is.
    """
    if change.kind != "patch":
        return change
    from hashell.cib.document import parse_xml
    from hashell.cib.patch import versions_of

    patch = parse_xml(change.xml, "a patch")
    source, _ = versions_of(patch)
    now = current.version
    if source is None or source == now or (source.admin_epoch, source.epoch) != (now.admin_epoch, now.epoch):
        return change
    for version in patch.findall("version"):
        patch.remove(version)
    patch.attrib.pop("digest", "")
    return msgspec.structs.replace(change, xml=etree.tostring(patch))


def changed(before: Cib, changes: Sequence[Change]) -> Cib:
    """The document after all changes, with the version that it gets; `before` itself where nothing changed.

    Raises Conflict, and what the edits raise (NotFound, BadInput …); nothing is half done.
    """
    from hashell.cib.transaction import commit

    for change in changes:
        check_base(change, before.version)
    return commit(before, changes).after


def attribute_change(cib: Cib, node: str, name: str, value: str | None) -> Change:
    """The edit of the status section that sets (or with None removes) a transient attribute. Raises NotFound."""
    from hashell.wire.messages import Change

    found = [
        element
        for element in (*cib.root.iterfind("configuration/nodes/node"), *cib.root.iterfind("status/node_state"))
        if element.get("uname") == node
    ]
    if not found:
        raise NotFound(f"no node is called {node!r}", "the names stand in the nodes section")
    id = found[0].get("id", node)
    if value is None:
        path = (
            f'/cib/status/node_state[@id="{id}"]/transient_attributes/instance_attributes'
            f'/nvpair[@name="{name}"]'
        )
        return Change("delete", path=path)
    state = etree.Element("node_state", {"id": id, "uname": node})
    holder = etree.SubElement(state, "transient_attributes", {"id": id})
    pairs = etree.SubElement(holder, "instance_attributes", {"id": f"status-{id}"})
    etree.SubElement(pairs, "nvpair", {"id": f"status-{id}-{name}", "name": name, "value": value})
    return Change("modify", etree.tostring(state), "status")


def refuse_read_only(read_only: bool, where: str) -> None:
    """Raises ReadOnly where the client was opened without leave to write."""
    if read_only:
        raise ReadOnly(f"{where} was opened read-only", "leave out --read-only to change it")
