"""Nodes: those that the configuration names, and those that resources imply.

Source: Pacemaker Explained, "Cluster nodes", "Pacemaker Remote nodes"; lib/pengine/unpack.c.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping

from lxml import etree
from msgspec import Struct, field

from hashell.model.nvpairs import Document
from hashell.values.scores import parse_score


class NodeKind(enum.StrEnum):
    """What makes it a node: the cluster layer, a connection of its own, or a resource that launches it."""

    CLUSTER = "cluster"
    REMOTE = "remote"
    GUEST = "guest"


#: `#kind`, as rules see it.
KIND_ATTRIBUTE = {
    NodeKind.CLUSTER: "cluster", NodeKind.REMOTE: "remote", NodeKind.GUEST: "container",
}


class NodeConfig(Struct, frozen=True):
    """A node as configured.

    `attributes` are the permanent ones with Pacemaker's own (#uname, #id, #kind, #is_dc, #cluster-name, #site-name),
    rules evaluated; a node that has no `node` element (`implied`) has #kind alone until its state is read. `score` is
    added to every resource's score there. `remote` is the id of the connection resource: None for cluster nodes and
    for entries that were left behind when the connection was deleted. `container` is the id of the resource that
    launches a guest, `bundle` that of the bundle.
    """

    id: str
    name: str
    kind: NodeKind
    score: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    utilization: Mapping[str, str] = field(default_factory=dict)
    remote: str | None = None
    container: str | None = None
    implied: bool = False
    bundle: str = ""


class NodeList(Struct):
    """Nodes sorted by name as they are found; of equal names the later one comes first, as in Pacemaker."""

    nodes: list[NodeConfig] = field(default_factory=list)

    def add(self, node: NodeConfig) -> None:
        key = name_key(node.name)
        at = next(
            (i for i, other in enumerate(self.nodes) if key <= name_key(other.name)),
            len(self.nodes),
        )
        self.nodes.insert(at, node)

    def named(self, name: str) -> NodeConfig | None:
        wanted = name.lower()
        return next((node for node in self.nodes if node.name.lower() == wanted), None)

    def replace(self, old: NodeConfig, new: NodeConfig) -> None:
        self.nodes[self.nodes.index(old)] = new


_PIECES = re.compile(r"([0-9]+)")
#: Digits of a number in a name that count; a name is 255 long at most, a number in it is seldom
#: above three.
_DIGITS_MAX = 18


def name_key(name: str) -> tuple[tuple[int, int, int], ...]:
    """Sorts names in any case of letters, numbers in them as numbers: node9 before node10, 7 before 007.

    Source: lib/common/strings.c, pcmk__numeric_strcasecmp.
    """
    key: list[tuple[int, int, int]] = []
    for piece in _PIECES.split(name.lower()):
        if piece.isdecimal() and piece.isascii():
            key.append((ord("0"), int(piece[:_DIGITS_MAX]), len(piece)))
        else:
            key.extend((ord(char), 0, 0) for char in piece)
    return tuple(key)


def read_nodes(
    document: Document, cluster_name: str | None, dc_id: str | None
) -> NodeList:
    """The `node` elements of the configuration."""
    found = NodeList()
    parent = document.root.find("configuration/nodes")
    for element in () if parent is None else parent.iterchildren("node"):
        ident = element.get("id")
        if ident is None:
            document.complain("Ignoring <node> entry in configuration without id")
            continue
        name = element.get("uname", ident)
        if found.named(name) is not None:
            document.complain(f"More than one node entry has name '{name}'")
        kind = (element.get("type") or "member").lower()
        if kind not in ("member", "remote"):
            document.complain(
                f"Ignoring node {name} with unrecognized type '{element.get('type')}'"
            )
            break
        found.add(_read_node(element, ident, name, kind, document, cluster_name, dc_id))
    return found


def _read_node(
    element: etree._Element, ident: str, name: str, kind: str, document: Document,
    cluster_name: str | None, dc_id: str | None,
) -> NodeConfig:
    is_cluster = kind == "member"
    attributes = {"#kind": "cluster" if is_cluster else "remote"}
    add_builtin_attributes(
        attributes, ident, name, cluster_name,
        is_dc=dc_id is not None and ident.lower() == dc_id.lower(),
    )
    document.unpack(
        document.sets(element, "instance_attributes"), document.known(), attributes
    )
    add_site_name(attributes, cluster_name)
    return NodeConfig(
        id=ident, name=name, kind=NodeKind.CLUSTER if is_cluster else NodeKind.REMOTE,
        score=parse_score(element.get("score")), attributes=attributes,
        utilization=document.values(element, "utilization", document.known()),
    )


def add_builtin_attributes(
    attributes: dict[str, str], ident: str, name: str, cluster_name: str | None, *, is_dc: bool
) -> None:
    """What Pacemaker itself says of every node."""
    attributes["#uname"] = name
    attributes["#id"] = ident
    attributes["#is_dc"] = "true" if is_dc else "false"
    if cluster_name is not None:
        attributes["#cluster-name"] = cluster_name


def add_site_name(attributes: dict[str, str], cluster_name: str | None) -> None:
    """#site-name: the attribute site-name, else the name of the cluster."""
    if "#site-name" in attributes:
        return
    site = attributes.get("site-name", cluster_name)
    if site is not None:
        attributes["#site-name"] = site


def names(nodes: Iterable[NodeConfig]) -> tuple[str, ...]:
    return tuple(node.name for node in nodes)
