"""Remote and guest nodes: the nodes that resources imply, and the connections that guests imply.

Source: Pacemaker Explained, "Pacemaker Remote nodes", "Guest nodes"; lib/pengine/unpack.c, unpack_remote_nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from hashell.model.bundles import remote_xml
from hashell.model.nodes import NodeConfig, NodeKind, NodeList
from hashell.model.resource_reader import is_remote_connection


def imply(resources: etree._Element | None, nodes: NodeList) -> list[etree._Element]:
    """Add the nodes that the resources bring to `nodes`; the implied connections of guests, as XML.

    Guests are found in primitives at the top or in a group. As in Pacemaker, rules, references and templates are not
    looked at.
    """
    connections: list[etree._Element] = []
    for element in () if resources is None else resources.iterchildren(etree.Element):
        if is_remote_connection(element):
            ident = element.get("id")
            if ident:
                _add(nodes, ident)
        elif element.tag == "primitive":
            connections.extend(_guest(element, nodes))
        elif element.tag == "group":
            for member in element.iterchildren(etree.Element):
                connections.extend(_guest(member, nodes))
    return connections


def _guest(element: etree._Element, nodes: NodeList) -> Iterator[etree._Element]:
    name = server = port = migratable = managed = None
    timeout: str | None = "60s"
    for pair in element.iterfind("meta_attributes/*"):
        value = pair.get("value")
        match pair.get("name"):
            case "remote-node":
                name = value
            case "remote-addr":
                server = value
            case "remote-port":
                port = value
            case "remote-connect-timeout":
                timeout = value
            case "remote-allow-migrate":
                migratable = value
            case "is-managed":
                managed = value
    if name is None:
        return
    _add(nodes, name)
    yield remote_xml(
        name, element.get("id", ""), migratable=migratable, managed=managed,
        start_timeout=timeout, server=server, port=port,
    )


def _add(nodes: NodeList, name: str) -> None:
    if nodes.named(name) is None:
        nodes.add(
            NodeConfig(
                id=name, name=name, kind=NodeKind.REMOTE, attributes={"#kind": "remote"},
                implied=True,
            )
        )
