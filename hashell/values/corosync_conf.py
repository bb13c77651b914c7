"""corosync.conf: read strictly, every mistake with its line and the way out.

Source: corosync.conf(5), votequorum(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hashell.errors import BadInput

#: Bytes of a file that is still taken for a corosync.conf; sections within sections.
SIZE_MAX = 1024 * 1024
DEPTH_MAX = 8
NODE_ID_MAX = 2**32 - 1
#: Milliseconds. Source: votequorum(5).
WINDOW_MS = 10_000

_SWITCHES = ("two_node", "wait_for_all", "last_man_standing", "auto_tie_breaker", "allow_downscale")
_QUORUM_KEYS = {
    *_SWITCHES, "provider", "expected_votes", "votes", "last_man_standing_window", "auto_tie_breaker_node",
    "expected_votes_tracking",
}


class BadCorosyncConf(BadInput):
    id = "corosync-conf-bad"


@dataclass(frozen=True, slots=True)
class Value:
    """A value with the line that it stands in."""

    text: str
    line: int


@dataclass(slots=True)
class Section:
    """`name { … }`: values by key (the last one counts, as for corosync), sections in their order."""

    name: str
    line: int
    values: dict[str, Value] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Section]:
        return (section for section in self.sections if section.name == name)


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the nodelist. `name` is empty where the file gives none; `addresses` by ring number."""

    id: int
    name: str
    addresses: tuple[str, ...]
    votes: int
    line: int


@dataclass(frozen=True, slots=True)
class CorosyncConf:
    """What hashelld reads of it. Times in milliseconds. `device_votes`: of a quorum device (qdevice)."""

    cluster_name: str
    nodes: tuple[Node, ...]
    expected_votes: int = 0
    two_node: bool = False
    wait_for_all: bool = False
    last_man_standing: bool = False
    last_man_standing_window_ms: int = WINDOW_MS
    auto_tie_breaker: bool = False
    auto_tie_breaker_node: str = "lowest"
    allow_downscale: bool = False
    device: str = ""
    device_votes: int = 0
    token_ms: int = 0

    @property
    def votes(self) -> int:
        """Of all nodes and the quorum device together."""
        return max(self.expected_votes, sum(node.votes for node in self.nodes) + self.device_votes)

    def node_called(self, name: str) -> Node | None:
        """A node by its name, or by an address that is its name."""
        for node in self.nodes:
            if node.name == name or (not node.name and name in node.addresses):
                return node
        return None


def parse_sections(text: str, where: str = "corosync.conf") -> Section:
    """The whole file as one section. Raises BadCorosyncConf with the line."""
    if len(text) > SIZE_MAX:
        raise BadCorosyncConf(f"{where} has {len(text)} characters", f"at most {SIZE_MAX} are read")
    root = Section("", 0)
    open_sections = [root]
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        here = open_sections[-1]
        if line.endswith("{"):
            name = line[:-1].strip()
            if not name or ":" in name or " " in name:
                raise BadCorosyncConf(f"{where}, line {number}: {line!r} opens no section", "write `name {`")
            if len(open_sections) > DEPTH_MAX:
                raise BadCorosyncConf(f"{where}, line {number}: too many sections within one another", "close some")
            section = Section(name, number)
            here.sections.append(section)
            open_sections.append(section)
        elif line == "}":
            if len(open_sections) == 1:
                raise BadCorosyncConf(f"{where}, line {number}: nothing is open that }} could close", "remove it")
            open_sections.pop()
        else:
            key, colon, value = line.partition(":")
            key = key.strip()
            if not colon or not key or " " in key:
                raise BadCorosyncConf(
                    f"{where}, line {number}: {line!r} is neither `key: value` nor `name {{` nor `}}`",
                    "mend or remove that line",
                )
            here.values[key] = Value(value.strip(), number)
    if len(open_sections) > 1:
        left = open_sections[-1]
        raise BadCorosyncConf(f"{where}, line {left.line}: the section {left.name} is not closed", "add a line with }")
    return root


class _Reader:
    """Typed values of one section, with errors that name file and line."""

    def __init__(self, section: Section, where: str) -> None:
        self._section = section
        self._where = where

    def fail(self, key: str, complaint: str, hint: str) -> BadCorosyncConf:
        value = self._section.values.get(key)
        line = value.line if value else self._section.line
        return BadCorosyncConf(f"{self._where}, line {line}: {self._section.name}.{key} {complaint}", hint)

    def text(self, key: str, default: str = "") -> str:
        value = self._section.values.get(key)
        return value.text if value else default

    def number(self, key: str, low: int, high: int, default: int) -> int:
        value = self._section.values.get(key)
        if value is None:
            return default
        if not (value.text.isascii() and value.text.isdigit()) or not low <= int(value.text) <= high:
            raise self.fail(key, f"is {value.text!r}", f"use a whole number, {low} to {high}")
        return int(value.text)

    def switch(self, key: str, default: bool) -> bool:
        value = self._section.values.get(key)
        if value is None:
            return default
        if value.text not in ("0", "1", "yes", "no"):
            raise self.fail(key, f"is {value.text!r}", "use 1 or 0")
        return value.text in ("1", "yes")


def parse(text: str, where: str = "corosync.conf") -> CorosyncConf:
    """What a cluster engine needs of a corosync.conf. Raises BadCorosyncConf."""
    root = parse_sections(text, where)
    totem = next(root.all("totem"), None)
    if totem is None:
        raise BadCorosyncConf(f"{where}: there is no section totem", "add totem { version: 2 … }")
    read = _Reader(totem, where)
    if read.number("version", 2, 2, 2) != 2:
        raise AssertionError("the bounds say so")
    cluster_name = read.text("cluster_name")
    if not cluster_name:
        raise BadCorosyncConf(f"{where}, line {totem.line}: totem.cluster_name is missing", "add cluster_name: NAME")
    token_ms = read.number("token", 1, 2**31, 0)
    nodes = tuple(_nodes(root, where))
    return _with_quorum(root, where, cluster_name, nodes, token_ms)


def _nodes(root: Section, where: str) -> Iterator[Node]:
    found: dict[str, int] = {}
    sections = [node for nodelist in root.all("nodelist") for node in nodelist.all("node")]
    if not sections:
        raise BadCorosyncConf(f"{where}: there is no nodelist with nodes", "add nodelist { node { … } }")
    for section in sections:
        read = _Reader(section, where)
        if "nodeid" not in section.values:
            raise BadCorosyncConf(f"{where}, line {section.line}: the node has no nodeid", "add nodeid: 1, 2, …")
        id = read.number("nodeid", 1, NODE_ID_MAX, 0)
        addresses = tuple(
            section.values[f"ring{ring}_addr"].text for ring in range(8) if f"ring{ring}_addr" in section.values
        )
        if not addresses or not all(addresses):
            raise BadCorosyncConf(
                f"{where}, line {section.line}: node {id} has no address", "add ring0_addr: ADDRESS"
            )
        name = read.text("name")
        votes = read.number("quorum_votes", 0, 1000, 1)
        for key in (f"nodeid {id}", *(f"name {one}" for one in (name,) if one), *(f"address {a}" for a in addresses)):
            if key in found:
                raise BadCorosyncConf(
                    f"{where}, line {section.line}: {key} is used by the node of line {found[key]} too",
                    "give each node its own",
                )
            found[key] = section.line
        yield Node(id, name, addresses, votes, section.line)


def _with_quorum(
    root: Section, where: str, cluster_name: str, nodes: tuple[Node, ...], token_ms: int
) -> CorosyncConf:
    section = next(root.all("quorum"), None)
    if section is None:
        raise BadCorosyncConf(f"{where}: there is no section quorum", "add quorum { provider: corosync_votequorum }")
    read = _Reader(section, where)
    if read.text("provider") != "corosync_votequorum":
        raise read.fail("provider", f"is {read.text('provider')!r}", "write provider: corosync_votequorum")
    for key, value in section.values.items():
        if key not in _QUORUM_KEYS:
            raise BadCorosyncConf(
                f"{where}, line {value.line}: quorum has no option {key}", "known: " + ", ".join(sorted(_QUORUM_KEYS))
            )
    device = next(section.all("device"), None)
    device_votes, model = 0, ""
    if device is not None:
        read_device = _Reader(device, where)
        model = read_device.text("model")
        if not model:
            raise read_device.fail("model", "is missing", "add model: net")
        device_votes = read_device.number("votes", 0, 1000, max(1, len(nodes) - 1) if len(nodes) != 2 else 1)
    two_node = read.switch("two_node", False)
    total = read.number("expected_votes", 1, 100_000, 0) or sum(node.votes for node in nodes)
    if two_node and total != 2:
        raise read.fail("two_node", f"is 1 and there are {total} votes", "use it with two votes only")
    for key in ("auto_tie_breaker", "last_man_standing"):
        if two_node and read.switch(key, False):
            raise read.fail(key, "and two_node exclude one another", "choose one of them")
    tie = read.text("auto_tie_breaker_node", "lowest")
    if tie not in ("lowest", "highest") and not all(word.isdigit() for word in tie.split()):
        raise read.fail("auto_tie_breaker_node", f"is {tie!r}", "use lowest, highest, or node ids")
    return CorosyncConf(
        cluster_name, nodes, read.number("expected_votes", 1, 100_000, 0), two_node,
        read.switch("wait_for_all", two_node), read.switch("last_man_standing", False),
        read.number("last_man_standing_window", 1, 2**31, WINDOW_MS), read.switch("auto_tie_breaker", False), tie,
        read.switch("allow_downscale", False), model, device_votes, token_ms,
    )
