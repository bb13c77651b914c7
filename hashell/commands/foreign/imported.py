"""What an import gives, and how it is written: settings of hashelld, a corosync.conf, lines of the crm language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hashell.errors import BadInput

#: A cluster engine's times where nothing is said. Source: corosync.conf(5), "token".
TOKEN_MS = 3000


class BadForeign(BadInput):
    id = "foreign-bad"


@dataclass(frozen=True, slots=True)
class Left:
    """Something that could not be carried over: where it stands, what it is, why, or what to do instead."""

    where: str
    what: str
    why: str

    def text(self) -> str:
        return f"{self.where}: {self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class ForeignNode:
    """`addresses` by link."""

    name: str
    addresses: tuple[str, ...] = ()
    id: int = 0
    votes: int = 1


@dataclass(slots=True)
class Imported:
    """Collected while the files are read. Times in milliseconds, 0 where nothing was said."""

    source: str
    cluster: str = ""
    nodes: list[ForeignNode] = field(default_factory=list)
    token_ms: int = 0
    heartbeat_ms: int = 0
    two_node: bool = False
    expected_votes: int = 0
    watchdog: str = ""
    #: Lines for a corosync.conf: path → value, beside those that follow from the rest.
    corosync: dict[str, str] = field(default_factory=dict)
    crm: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def leave(self, where: str, what: str, why: str) -> None:
        self.left.append(Left(where, what, why))

    def with_addresses(self, given: Mapping[str, str]) -> None:
        """Addresses that a person adds; a node that was not known is one more."""
        known = {node.name: place for place, node in enumerate(self.nodes)}
        for name, text in given.items():
            addresses = tuple(text.split(","))
            if name in known:
                old = self.nodes[known[name]]
                self.nodes[known[name]] = ForeignNode(name, addresses, old.id, old.votes)
            else:
                self.nodes.append(ForeignNode(name, addresses))

    def _need_nodes(self) -> None:
        if not self.nodes:
            raise BadForeign(
                f"{self.source} does not say which nodes there are",
                "add NODE=ADDRESS for each: they found one another by multicast",
            )
        bare = [node.name for node in self.nodes if not node.addresses]
        if bare:
            raise BadForeign(
                f"{self.source} does not say where {', '.join(bare)} can be reached",
                f"add {bare[0]}=ADDRESS, and so on",
            )

    def settings_text(self) -> str:
        """hashelld's settings, the same file for all nodes but for its own name. Raises BadForeign."""
        self._need_nodes()
        lines = [f"# hashelld's settings, from {self.source}. Each node gets its own `node`, all get the same key:",
                 "# make it with `hashell keygen` and copy it."]
        lines.append(f"cluster = {_quoted(self.cluster or 'cluster')}")
        lines.append(f"node = {_quoted(self.nodes[0].name)}  # on the others: "
                     + ", ".join(node.name for node in self.nodes[1:]))
        lines.append("peers = [" + ", ".join(_quoted(node.addresses[0]) for node in self.nodes) + "]")
        lines.append("zeroconf = false")
        lines.append(f"expect = {self.expected_votes or sum(node.votes for node in self.nodes)}")
        if self.two_node and len(self.nodes) == 2:
            lines.append("two_node = true")
        heartbeat = min(5000, max(20, self.heartbeat_ms or 100))
        if self.heartbeat_ms:
            lines.append(f"heartbeat_ms = {heartbeat}")
        if self.token_ms:
            lines.append(f"detect_ms = {min(60_000, max(200, 3 * heartbeat, self.token_ms))}")
        if self.watchdog:
            lines.append(f"watchdog = {_quoted(self.watchdog)}")
        voters = [node for node in self.nodes if node.votes != 1]
        lines += [f"# on {node.name}: votes = {node.votes}" for node in voters]
        return "\n".join(lines) + "\n"

    def corosync_text(self) -> str:
        """A corosync.conf for corosync 3, with knet and a list of nodes. Raises BadForeign."""
        from hashell.values import corosync_edit

        self._need_nodes()
        text = "totem {\n    version: 2\n    cluster_name: " + (self.cluster or "cluster") + "\n}\n"
        if self.token_ms:
            text = corosync_edit.set_value(text, "totem.token", str(self.token_ms))
        for path, value in self.corosync.items():
            text = corosync_edit.set_value(text, path, value)
        if not corosync_edit.values(text, "totem.transport"):
            text = corosync_edit.set_value(text, "totem.transport", "knet")
        taken = {node.id for node in self.nodes if node.id}
        text += "\nnodelist {\n}\n"
        text += "\nquorum {\n    provider: corosync_votequorum\n}\n"
        for place, node in enumerate(self.nodes):
            free = next(number for number in range(1, len(self.nodes) + len(taken) + 2) if number not in taken)
            taken.add(node.id or free)
            text = corosync_edit.add_node(text, node.name, node.addresses, node.id or free)
            if node.votes != 1:
                text = corosync_edit.set_value(text, "nodelist.node.quorum_votes", str(node.votes), place)
        if sum(node.votes for node in self.nodes) != 2 and corosync_edit.values(text, "quorum.two_node"):
            text = corosync_edit.delete(text, "quorum.two_node")
        return text

    def crm_text(self) -> str:
        """The configuration in the crm language."""
        return "".join(f"{line}\n" for line in self.crm)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def value(name: str, text: str) -> str:
    """`name=value` as the crm language wants it."""
    return f'{name}="{text}"' if not re.fullmatch(r"[\w./:@,+%-]+", text) else f"{name}={text}"


def pairs(values: Mapping[str, str]) -> str:
    return " ".join(value(name, text) for name, text in values.items())


class Names:
    """Ids for objects of the crm language: letters that an id may have, each used once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def make(self, *words: str) -> str:
        base = re.sub(r"[^\w.-]+", "_", "-".join(word for word in words if word)).strip("_.-") or "object"
        if base[0].isdigit():
            base = f"r{base}"
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}-{number}"
        self._taken.add(name)
        return name


def primitive(name: str, agent: str, params: Mapping[str, str], meta: Mapping[str, str] | None = None,
              monitor: str = "30s") -> str:
    """A line of the crm language for a resource."""
    line = f"primitive {name} {agent}"
    if params:
        line += f" params {pairs(params)}"
    if meta:
        line += f" meta {pairs(meta)}"
    return line + (f" op monitor interval={monitor}" if monitor else "")


def milliseconds(text: str, unit_ms: int = 1000) -> int:
    """A time as old files write it: a number with ms, us or s, in seconds where no unit is given; 0 for none."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(us|ms|s|sec|m|min)?", text.strip().lower())
    if not found:
        return 0
    factors = {"us": 0.001, "ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000}
    return round(float(found.group(1)) * factors.get(found.group(2) or "", unit_ms))


def unique(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))
