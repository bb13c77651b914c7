"""What agents call of Pacemaker's tools, asked of the node's own daemon. Standard library only, one short process.

    cluster_tool.py crm_attribute|crm_master|attrd_updater|crm_standby OPTIONS

Here are the tools that monitors call again and again, and what all tools share; the others are in cluster_more.py.
Agents find these names first in PATH and through HA_SBIN_DIR; the socket comes with HASHELL_SOCKET. Only what agents
use is understood; anything else ends with exit code 64 and says so.
"""
# An agent calls this in every monitor: nothing is imported that is not needed to answer.

from __future__ import annotations

import os
import re
import socket
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any
    from xml.etree.ElementTree import Element

PROTOCOL = 1
TIMEOUT_S = 15.0
OK, ERROR, USAGE, NO_SUCH, DISCONNECTED = 0, 1, 64, 105, 102
INFINITY = 1_000_000


class Trouble(Exception):
    """Something that ends the tool: text and exit code."""

    def __init__(self, text: str, code: int = ERROR) -> None:
        super().__init__(text)
        self.code = code


# --- msgpack, as much of it as the daemon speaks ---------------------------------------------------


def pack(value: Any) -> bytes:
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return struct.pack(">Bq", 0xD3, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        data = value.encode()
        return struct.pack(">BI", 0xDB, len(data)) + data
    if isinstance(value, bytes):
        return struct.pack(">BI", 0xC6, len(value)) + value
    if isinstance(value, list | tuple):
        return struct.pack(">BI", 0xDD, len(value)) + b"".join(pack(one) for one in value)
    return struct.pack(">BI", 0xDF, len(value)) + b"".join(
        pack(name) + pack(one) for name, one in value.items()
    )


#: First byte → (kind, layout of the length or value).
_KINDS = {
    0xC4: ("bin", ">B"), 0xC5: ("bin", ">H"), 0xC6: ("bin", ">I"),
    0xD9: ("str", ">B"), 0xDA: ("str", ">H"), 0xDB: ("str", ">I"),
    0xDC: ("array", ">H"), 0xDD: ("array", ">I"), 0xDE: ("map", ">H"), 0xDF: ("map", ">I"),
    0xCA: ("value", ">f"), 0xCB: ("value", ">d"), 0xCC: ("value", ">B"), 0xCD: ("value", ">H"),
    0xCE: ("value", ">I"), 0xCF: ("value", ">Q"), 0xD0: ("value", ">b"), 0xD1: ("value", ">h"),
    0xD2: ("value", ">i"), 0xD3: ("value", ">q"),
}
_CONSTANTS: dict[int, bool | None] = {0xC0: None, 0xC2: False, 0xC3: True}


def unpack(data: bytes, at: int = 0) -> tuple[Any, int]:
    """(value, place behind it)."""
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    if first >= 0xE0:
        return first - 256, at
    if first in _CONSTANTS:
        return _CONSTANTS[first], at
    if first < 0x90:
        kind, size = "map", first & 0x0F
    elif first < 0xA0:
        kind, size = "array", first & 0x0F
    elif first < 0xC0:
        kind, size = "str", first & 0x1F
    else:
        kind, layout = _KINDS[first]
        (size,) = struct.unpack_from(layout, data, at)
        at += struct.calcsize(layout)
    if kind == "value":
        return size, at
    if kind in ("str", "bin"):
        part = data[at : at + size]
        return (part.decode("utf-8", "replace") if kind == "str" else bytes(part)), at + size
    items = []
    for _ in range(size * (2 if kind == "map" else 1)):
        item, at = unpack(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2], strict=True)) if kind == "map" else items), at


# --- the daemon ------------------------------------------------------------------------------------


class Daemon:
    """One connection; `ask` sends a request and gives back the answer's fields."""

    def __init__(self) -> None:
        path = os.environ.get("HASHELL_SOCKET", "/run/hashell/hashelld.sock")
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(TIMEOUT_S)
        try:
            self.link.connect(path)
        except OSError as error:
            raise Trouble(f"no daemon answers at {path}: {error}", DISCONNECTED) from None
        self.number = 0
        self.welcome = self.ask("Hello", protocol=PROTOCOL, program="agent-tool", version="1")

    def ask(self, kind: str, /, **fields: Any) -> dict[str, Any]:
        self.number += 1
        body = pack([self.number, {"type": kind, **fields}])
        try:
            self.link.sendall(struct.pack("!I", len(body)) + body)
            while True:
                number, answer = unpack(self._take(struct.unpack("!I", self._take(4))[0]))[0]
                if number == self.number:
                    break
        except OSError as error:
            raise Trouble(f"the daemon does not answer: {error}", DISCONNECTED) from None
        if answer.get("type") == "Failure":
            raise Trouble(answer.get("message", ""), answer.get("exit_code", ERROR))
        return dict(answer)

    def _take(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self.link.recv(min(size - len(data), 1 << 20))
            if not part:
                raise Trouble("the daemon closed the connection", DISCONNECTED)
            data += part
        return bytes(data)

    @property
    def node(self) -> str:
        # Pacemaker spells it like this; the agent's node may be another than the daemon's one day.
        return os.environ.get("OCF_RESKEY_CRM_meta_on_node") or str(self.welcome["node"])  # noqa: SIM112

    def cib(self) -> Element:
        from xml.etree import ElementTree

        return ElementTree.fromstring(self.ask("GetCib")["xml"])

    def attributes(self, name: str, node: str = "", kind: str = "") -> list[tuple[str, str]]:
        """(node, value) of every node that has a transient attribute."""
        return [(one[0], one[1]) for one in self.ask("GetAttribute", name=name, node=node, kind=kind).get("values", ())]

    def change(self, kind: str, xml: str = "", path: str = "", command: str = "") -> None:
        self.changes(((kind, xml, path),), command)

    def changes(self, all_: tuple[tuple[str, str, str], ...], command: str = "") -> None:
        """Several at once: (kind, XML, path) each."""
        self.ask("ApplyChanges", changes=[
            {"kind": kind, "xml": xml.encode(), "path": path} for kind, xml, path in all_
        ], command=command)


# --- options ---------------------------------------------------------------------------------------


def options(
    words: list[str], flags: dict[str, str], valued: dict[str, str], maybe: str = ""
) -> dict[str, str]:
    """Getopt's habits for the few options that a tool has: {letter: value}. `flags` and `valued` map long names to
    letters; those in `maybe` take a value only with `=`.
    """
    found: dict[str, str] = {}
    words = list(words)
    letters = dict.fromkeys(flags.values(), False) | dict.fromkeys(valued.values(), True)
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            letter = flags.get(name) or valued.get(name)
            if letter is None:
                raise Trouble(f"option --{name} is not understood here", USAGE)
            if letter in maybe:
                found[letter] = value if equals else ""
            elif letters[letter]:
                found[letter] = value if equals else _next(words, word)
            else:
                found[letter] = "1"
        elif word.startswith("-") and len(word) > 1:
            rest = word[1:]
            while rest:
                letter, rest = rest[0], rest[1:]
                if letter not in letters:
                    raise Trouble(f"option -{letter} is not understood here", USAGE)
                if letter in maybe:
                    found[letter], rest = rest, ""
                elif letters[letter]:
                    found[letter], rest = rest or _next(words, word), ""
                else:
                    found[letter] = "1"
    return found


def _next(words: list[str], word: str) -> str:
    if not words:
        raise Trouble(f"option {word} needs a value", USAGE)
    return words.pop(0)


def quoted(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("\n", "&#10;")
    )


def identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", ".", text)


# --- the tools -------------------------------------------------------------------------------------


def node_id(cib: Element, node: str) -> str:
    for path in ("configuration/nodes/node", "status/node_state"):
        for element in cib.iterfind(path):
            if element.get("uname") == node:
                return element.get("id", node)
    raise Trouble(f"no node is called {node}", NO_SUCH)


def pairs_of(cib: Element, node: str, kind: str = "") -> dict[str, str]:
    """Permanent attributes of a node, or what it offers (kind utilization)."""
    path = f"configuration/nodes/node[@uname='{node}']/{kind or 'instance_attributes'}/nvpair"
    return {one.get("name", ""): one.get("value", "") for one in cib.iterfind(path)}


def promotion_name(resource: str | None) -> str:
    resource = resource or os.environ.get("OCF_RESOURCE_INSTANCE", "")
    if not resource:
        raise Trouble("no resource is named, and OCF_RESOURCE_INSTANCE is not set", USAGE)
    return f"master-{resource}"


def counted(value: str, present: str | None) -> str:
    """`value++` and `value+=N`, as for fail counts."""
    match = re.fullmatch(r"value(?:\+\+|\+=(-?\d+))", value)
    if not match:
        return value
    step = int(match[1]) if match[1] is not None else 1
    try:
        total = int(present or 0) + step
    except ValueError:
        total = step
    return str(max(-INFINITY, min(INFINITY, total)))


def crm_attribute(words: list[str], lifetime: str = "", promotion: str | None = None) -> int:
    found = options(
        words,
        {"delete": "D", "query": "G", "quiet": "q", "verbose": "V", "inhibit-policy-engine": "!",
         "brief": "Q", "utilization": "z"},
        {"node": "N", "name": "n", "update": "v", "lifetime": "l", "type": "t", "set-name": "s", "default": "d",
         "promotion": "p", "uname": "U", "attr-value": "Z", "attr-name": "y", "id": "i", "resource": "r",
         "output-as": "o", "wait": "W", "node-path": "P"},
        maybe="p",
    )
    if "p" in found or promotion is not None:
        name, lifetime = promotion_name(found.get("p") or found.get("r") or promotion), found.get("l", "reboot")
    else:
        name = found.get("n") or found.get("y") or ""
    if not name:
        raise Trouble("an attribute is to be named: -n NAME", USAGE)
    kind = found.get("t", "")
    lifetime = {"status": "reboot", "nodes": "forever"}.get(kind, found.get("l", lifetime))
    if kind == "crm_config":
        lifetime = ""
    elif not lifetime:
        # As Pacemaker: with a node the default is its permanent attributes, without one the cluster's options.
        lifetime = "forever" if "N" in found or "U" in found else ""
    daemon = Daemon()
    node = found.get("N") or found.get("U") or daemon.node
    if node in ("localhost", "auto"):
        node = daemon.node
    value = found.get("v", found.get("Z"))
    set_name, kind = found.get("s", ""), "utilization" if "z" in found else ""
    if value is not None and "D" not in found:
        set_value(daemon, node, name, value, lifetime, set_name, kind)
        return OK
    if "D" in found:
        delete_value(daemon, node, name, lifetime, kind)
        return OK
    if lifetime == "reboot":
        # Not the CIB but the daemon that writes it: what an agent has just set it finds set.
        rows = daemon.attributes(name, node, kind)
        present = {name: rows[0][1]} if rows else {}
    elif lifetime:
        present = pairs_of(daemon.cib(), node, kind)
    else:
        present = {
            one.get("name", ""): one.get("value", "")
            for one in daemon.cib().iterfind("configuration/crm_config/cluster_property_set/nvpair")
        }
    if name not in present and "d" not in found:
        raise Trouble("Error performing operation: No such device or address", NO_SUCH)
    shown = present.get(name, found.get("d", ""))
    scope = {"reboot": "status", "forever": "nodes"}.get(lifetime, "crm_config")
    print(shown if "q" in found or "Q" in found else f"scope={scope}  name={name} value={shown}")
    return OK


def set_value(
    daemon: Daemon, node: str, name: str, value: str, lifetime: str, set_name: str, kind: str
) -> None:
    if lifetime == "reboot":
        daemon.ask("SetAttribute", node=node, name=name, value=value, kind=kind)
        return
    if lifetime == "forever":
        cib = daemon.cib()
        number = node_id(cib, node)
        value = counted(value, pairs_of(cib, node, kind).get(name))
        set_id = set_name or f"nodes-{number}" + (f"-{kind}" if kind else "")
        tag = kind or "instance_attributes"
        xml = (
            f'<node id="{quoted(number)}" uname="{quoted(node)}"><{tag} id="{quoted(set_id)}">'
            f'<nvpair id="{identifier(set_id + "-" + name)}" name="{quoted(name)}" value="{quoted(value)}"/>'
            f"</{tag}></node>"
        )
        daemon.change("modify", xml, "nodes", f"crm_attribute -n {name}")
        return
    set_id = set_name or "cib-bootstrap-options"
    xml = (
        f'<cluster_property_set id="{quoted(set_id)}"><nvpair id="{identifier(set_id + "-" + name)}"'
        f' name="{quoted(name)}" value="{quoted(value)}"/></cluster_property_set>'
    )
    daemon.change("modify", xml, "crm_config", f"crm_attribute -n {name}")


def delete_value(daemon: Daemon, node: str, name: str, lifetime: str, kind: str) -> None:
    if lifetime == "reboot":
        daemon.ask("SetAttribute", node=node, name=name, value=None, kind=kind)
        return
    clean = name.replace("'", "")
    tag = kind or "instance_attributes"
    place = f"nodes/node[@uname='{node}']/{tag}" if lifetime else "crm_config/cluster_property_set"
    daemon.change("delete", "", f"/cib/configuration/{place}/nvpair[@name='{clean}']", f"crm_attribute -D -n {name}")


def crm_master(words: list[str]) -> int:
    return crm_attribute(words, "reboot", "")


def attrd_updater(words: list[str]) -> int:
    found = options(
        words, {"delete": "D", "query": "Q", "quiet": "q", "all": "A", "refresh": "R", "private": "p", "verbose": "V",
                "update-delay": "Y", "utilization": "z"},
        {"name": "n", "update": "U", "value": "v", "update-both": "B", "delay": "d", "node": "N",
         "set": "S", "section": "s", "lifetime": "l", "pattern": "P", "output-as": "o", "wait": "W"},
    )
    if "R" in found:
        return OK  # what this node has set is written again whenever the CIB lacks it
    name = found.get("n", "")
    if not name:
        raise Trouble("an attribute is to be named: -n NAME", USAGE)
    daemon = Daemon()
    node = found.get("N") or daemon.node
    kind = "private" if "p" in found else "utilization" if "z" in found else ""
    value = found.get("U", found.get("v", found.get("B")))
    if value is not None:
        daemon.ask(
            "SetAttribute", node=node, name=name, value=value, dampening_ms=milliseconds(found.get("d", "0")), kind=kind
        )
    elif "D" in found:
        daemon.ask("SetAttribute", node=node, name=name, value=None, kind=kind)
    elif "Q" in found:
        rows = daemon.attributes(name, "" if "A" in found else node, kind)
        if not rows:
            raise Trouble(f"Could not query value of {name}: attribute does not exist", NO_SUCH)
        print("\n".join(f'name="{name}" host="{host}" value="{present}"' for host, present in rows))
    return OK


def milliseconds(text: str) -> int:
    match = re.fullmatch(r"\s*(\d+)\s*(ms|us|s|min|m|h)?.*", text)
    if not match:
        return 0
    unit = {"ms": 1, "us": 0, "min": 60_000, "m": 60_000, "h": 3_600_000}.get(match[2], 1000)
    return int(match[1]) * unit


def crm_standby(words: list[str]) -> int:
    found = options(words, {"delete": "D", "query": "G", "quiet": "q"},
                    {"node": "N", "update": "v", "lifetime": "l", "uname": "U"})
    arguments = ["-n", "standby", "-l", found.get("l", "forever")]
    for letter in ("N", "v"):
        if letter in found:
            arguments += [f"-{letter}", found[letter]]
    arguments += [f"-{letter}" for letter in ("D", "G", "q") if letter in found]
    return crm_attribute(arguments)


TOOLS = {
    "crm_attribute": crm_attribute, "crm_master": crm_master, "attrd_updater": attrd_updater,
    "crm_standby": crm_standby,
}


def main(tools: Mapping[str, Callable[[list[str]], int]]) -> int:
    """Run the tool that the first argument names; its exit code."""
    tool = tools.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if tool is None:
        print("which tool? " + ", ".join(tools), file=sys.stderr)
        return USAGE
    try:
        return tool(sys.argv[2:])
    except Trouble as trouble:
        print(f"{sys.argv[1]}: {trouble}", file=sys.stderr)
        return trouble.code


if __name__ == "__main__":
    sys.exit(main(TOOLS))
