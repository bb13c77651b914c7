"""Sources: where the values in a usage come from: the CIB's names, agents and what they say, the tables of options.

Nothing here waits: a CIB is read and agents are asked in a thread of their own, each result swapped in whole; what is
not known yet is simply not offered, and `on_change` tells when there is more.
"""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import HashellError
from hashell.shell.grammar.snapshot import EMPTY, Known, Snapshot, snapshot_of
from hashell.values.agent_names import AgentName

if TYPE_CHECKING:
    from hashell.agents.metadata import AgentAction, AgentMetadata, AgentParameter
    from hashell.cib.document import Cib
    from hashell.model.options.row import Row
    from hashell.shell.grammar.line import Line

#: Questions to agents that may wait; more are dropped, since asking again is free.
WAITING_MAX = 64
#: How many times as long as reading a CIB took nothing is read after it; and at most, in seconds.
REST = 4
REST_MAX_S = 5.0
#: Entries of a folder that are looked at for a file name.
FILES_MAX = 1000
_BOOLEANS = ("true", "false")
#: What people set in corosync.conf. Source: corosync.conf(5), votequorum(5).
COROSYNC_PATHS = {
    "totem.cluster_name": "what the cluster is called",
    "totem.token": "milliseconds without a token until a node counts as lost",
    "totem.token_coefficient": "milliseconds that each node beyond two adds to it",
    "totem.consensus": "milliseconds to agree on a new membership; at least 1.2 tokens",
    "totem.join": "milliseconds to wait for join messages",
    "totem.transport": "knet, udpu or udp",
    "totem.link_mode": "passive, active or rr: how several links are used",
    "totem.crypto_cipher": "none, aes128, aes192 or aes256",
    "totem.crypto_hash": "none, md5, sha1, sha256, sha384 or sha512",
    "totem.ip_version": "ipv4, ipv6, ipv4-6 or ipv6-4",
    "totem.interface.knet_link_priority": "the higher one is used, with link_mode passive",
    "nodelist.node.name": "a node's name",
    "nodelist.node.nodeid": "a node's number",
    "nodelist.node.ring0_addr": "a node's address on the first link",
    "nodelist.node.ring1_addr": "a node's address on the second link",
    "nodelist.node.quorum_votes": "a node's votes",
    "quorum.provider": "corosync_votequorum",
    "quorum.expected_votes": "votes of the whole cluster",
    "quorum.two_node": "1: each of two nodes may go on alone; fencing decides",
    "quorum.wait_for_all": "1: first quorum only when all have been seen",
    "quorum.auto_tie_breaker": "1: of two halves the one with the lowest node goes on",
    "quorum.last_man_standing": "1: expected votes follow the nodes that leave",
    "quorum.device.model": "net: a quorum device",
    "quorum.device.net.host": "where qnetd runs",
    "quorum.device.net.algorithm": "ffsplit or lms",
    "logging.to_logfile": "yes or no",
    "logging.logfile": "the file",
    "logging.debug": "on or off",
}
_AGENT_NAMES = ("AGENT", "FENCEAGENT")
_BRACKETS = frozenset("(){}[]")
_RESOURCE_NAMES = frozenset({"RESOURCE", "PRIMITIVE", "GROUP", "CLONE", "FENCEDEVICE", "ANYID"})
_CONTAINER_KINDS = frozenset({"group", "clone", "master", "bundle"})


class Candidate(msgspec.Struct, frozen=True):
    """A word to offer: `text` replaces what is typed of the word, `help` is its line in the menu.

    `show` is what the menu shows of it, if that differs; `open` words are only a beginning: name=, so no blank follows.
    """

    text: str
    help: str = ""
    show: str = ""
    open: bool = False


class Sources:
    """What completion may offer now. One object for a session; replaced parts are immutable."""

    def __init__(self, snapshot: Snapshot = EMPTY, agents: tuple[AgentName, ...] | None = None) -> None:
        self.snapshot = snapshot
        self.agents: tuple[AgentName, ...] = agents or ()
        #: Told from the loading thread.
        self.on_change: Callable[[], None] = lambda: None
        self.shadows: tuple[str, ...] = ()
        #: Kept versions of the configuration → what made them.
        self.versions: dict[str, str] = {}
        self._described: dict[AgentName, AgentMetadata | None] = {}
        self._asked: set[AgentName] = set()
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._newest: Cib | None = None
        self._has_newest = threading.Event()
        self._ended = threading.Event()
        self._rows: tuple[Snapshot, tuple[tuple[Known, Candidate], ...]] = (EMPTY, ())

    # --- loading, beside the keyboard

    def start(self) -> None:
        """Begin to load: the list of agents first."""
        self._thread = threading.Thread(target=self._load, name="agents", daemon=True)
        self._thread.start()
        threading.Thread(target=self._read_cibs, name="names", daemon=True).start()
        self._later(_warm)
        self._later(self._list_agents)

    def stop(self) -> None:
        """No more loading; what runs is not waited for long: an agent that hangs must not hold up the end."""
        self._ended.set()
        self._has_newest.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                return  # It is a daemon thread: it ends with the program.
            thread.join(0.2)

    def show_cib(self, cib: Cib) -> None:
        """Read this CIB soon; of several that come quickly only the last is read."""
        self._newest = cib
        self._has_newest.set()

    def learn(self, name: AgentName, said: AgentMetadata | None) -> None:
        """What an agent says of itself; None if it does not answer."""
        self._described[name] = said
        self._asked.add(name)

    def _later(self, step: Callable[[], None]) -> None:
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(step)

    def _load(self) -> None:
        while (step := self._queue.get()) is not None:
            try:
                step()
            except HashellError:
                continue
            self.on_change()

    def _read_cibs(self) -> None:
        """The newest CIB, again and again; a large one is read less often, so that the keyboard keeps its share."""
        while self._has_newest.wait() and not self._ended.is_set():
            self._has_newest.clear()
            cib = self._newest
            if cib is None:
                continue
            begin = time.monotonic()
            self.snapshot = snapshot_of(cib)
            for name in {one.agent for one in self.snapshot.resources.values() if one.agent is not None}:
                self.metadata(name)
            self.on_change()
            self._ended.wait(min(REST * (time.monotonic() - begin), REST_MAX_S))

    def _list_agents(self) -> None:
        from hashell.commands.agents import installed

        self.agents = installed()

    def _describe(self, name: AgentName) -> None:
        from hashell.commands.agents import metadata

        self._described[name] = metadata(name)

    # --- agents

    def metadata(self, name: AgentName) -> AgentMetadata | None:
        """What an agent says of itself, if it is known by now; else it is asked."""
        if name not in self._asked and self._thread is not None:
            self._asked.add(name)
            self._later(functools.partial(self._describe, name))
        return self._described.get(name)

    def agent_named(self, text: str) -> AgentName | None:
        """The agent that `[class:[provider:]]type` or `@template` means; heartbeat's and pacemaker's come first."""
        if text.startswith("@"):
            known = self.snapshot.templates.get(text[1:])
            return known.agent if known is not None else None
        named = AgentName.parse(text)
        if named is not None:
            return named
        kind = text.rpartition(":")[2]
        fitting = [one for one in self.agents if one.type == kind and (":" not in text or str(one).endswith(text))]
        order = {"heartbeat": 0, "pacemaker": 1}
        return min(fitting, key=lambda one: (one.standard != "ocf", order.get(one.provider, 2)), default=None)

    def agent_of_line(self, line: Line) -> AgentName | None:
        """The agent whose parameters a line sets: named in it, or that of the resource that it is about."""
        text = line.value(*_AGENT_NAMES)
        if not text and line.command is not None and line.command.name in ("primitive", "rsc_template"):
            # `primitive` also takes a template where an agent stands.
            text = line.value("TEMPLATE")
        if text:
            return self.agent_named(text if not line.pcs or ":" in text else self._fencing(line, text))
        known = self.snapshot.resources.get(line.value("RESOURCE", "PRIMITIVE"))
        return known.agent if known is not None else None

    def _fencing(self, line: Line, text: str) -> str:
        return f"stonith:{text}" if line.value("FENCEAGENT") else text

    def resources(self) -> tuple[tuple[Known, Candidate], ...]:
        """Every resource with what is offered for it; made once for a snapshot. Those inside others come last."""
        snapshot, rows = self._rows
        if snapshot is not self.snapshot:
            snapshot = self.snapshot
            listed = sorted(snapshot.resources.items(), key=lambda row: bool(row[1].inside))
            rows = tuple((one, Candidate(name, one.text)) for name, one in listed)
            self._rows = (snapshot, rows)
        return rows

    # --- values

    def candidates(self, name: str, line: Line, word: str) -> Iterator[Candidate]:
        """What can stand for a value of the usage; `word` is what is typed of it."""
        if "=" in name:
            yield from self._pairs(name, line, word)
            return
        maker = _VALUES.get(name)
        if maker is not None:
            yield from maker(self, line, word)

    def _pairs(self, name: str, line: Line, word: str) -> Iterator[Candidate]:
        typed, equals, _ = word.partition("=")
        used = {part.token.text.partition("=")[0] for part in line.parts if part.kind == "value" and part.name == name}
        table = _PAIRS.get(name)
        if table is None:
            literal = name.partition("=")[0]
            fixed = _FIXED.get(literal)
            if not equals:
                if fixed is not None and literal.lower() not in used:
                    yield Candidate(f"{literal.lower()}=", fixed[0], open=True)
            elif fixed is not None:
                yield from (Candidate(f"{typed}={value}") for value in fixed[1])
            return
        if not equals:
            yield from (one for one in table(self, line) if one.text.rstrip("=") not in used)
            return
        yield from (
            Candidate(f"{typed}={_quoted(one.text)}", one.help, one.text) for one in self._values(name, line, typed)
        )

    def _values(self, name: str, line: Line, key: str) -> Iterator[Candidate]:
        """Values of one parameter, option or attribute."""
        from hashell.model.options import cluster, operation, resource

        tables = {"META=VALUE": resource.BY_NAME, "PROPERTY=VALUE": cluster.BY_NAME, "OPATTR=VALUE": operation.BY_NAME}
        if name == "PARAM=VALUE":
            yield from self._parameter_values(line, key)
            return
        if name == "OPATTR=VALUE":
            for action in self._actions(line):
                advised = {"timeout": action.timeout, "interval": action.interval, "role": action.role}.get(key)
                if advised:
                    yield Candidate(advised, "as the agent advises")
        row = tables[name].get(key) if name in tables else None
        if row is None:
            return
        if key == "role":
            yield from (Candidate(one) for one in ("Started", "Stopped", "Promoted", "Unpromoted"))
            return
        for value in row.values or (_BOOLEANS if str(row.type) == "boolean" else ()):
            word = value.capitalize() if key == "target-role" else value
            if value not in ("slave", "master"):
                yield Candidate(word, "the default" if row.default and value.lower() == row.default.lower() else "")
        if row.default and not row.values and str(row.type) != "boolean":
            yield Candidate(row.default, "the default")

    def _parameter(self, line: Line, key: str) -> AgentParameter | None:
        agent = self.agent_of_line(line)
        said = self.metadata(agent) if agent is not None else None
        return said.parameter(key) if said is not None else None

    def _parameter_values(self, line: Line, key: str) -> Iterator[Candidate]:
        found = self._parameter(line, key)
        if found is None:
            return
        now = self.snapshot.settings.get((line.value("RESOURCE", "PRIMITIVE"), key))
        if now:
            yield Candidate(now, "as it is now")
        values = found.values or (_BOOLEANS if found.type == "boolean" else ())
        for value in values:
            yield Candidate(value, "the default" if value == found.default else "")
        if found.default and found.default not in values:
            yield Candidate(found.default, "the default")

    def _actions(self, line: Line) -> Iterator[AgentAction]:
        """The agent's advice for the operation that the line is about."""
        agent = self.agent_of_line(line)
        said = self.metadata(agent) if agent is not None else None
        wanted = line.value("OPERATION")
        if said is not None:
            yield from (one for one in said.actions if one.name == wanted)

    def explain(self, name: str, line: Line, word: str) -> str:
        """A line about a value that stands there: what the word is."""
        if "=" in name:
            key = word.partition("=")[0]
            for one in (_PAIRS[name](self, line) if name in _PAIRS else ()):
                if one.text.rstrip("=") == key:
                    return f"{key}: {one.help}"
            return ""
        if name in _RESOURCE_NAMES and (known := self.snapshot.resources.get(word)) is not None:
            return f"{word}: {known.text}"  # Without a look at every other one.
        found = next((one for one in self.candidates(name, line, word) if one.text == word), None)
        if found is not None and found.help:
            return f"{word}: {found.help}"
        known = self.snapshot.resources.get(word) if name not in ("NEWID",) else None
        if known is not None:
            return f"{word}: {known.text}"
        if name in _AGENT_NAMES:
            agent = self.agent_named(word)
            said = self.metadata(agent) if agent is not None else None
            return f"{agent}: {' '.join(said.shortdesc.split())}" if said is not None else ""
        return ""

    def doubt(self, name: str, line: Line, word: str) -> str:
        """What is probably wrong with a value, where the CIB or the agent knows better; empty where nothing is."""
        from hashell.commands.env import nearest

        if self.is_unknown(name, word) and not _odd_name(name, line, word):
            known = self.snapshot
            if name in ("NODE", "NODESCORE"):
                node = word.partition("=")[0]
                return _sentence(f"no node is called {node} here", nearest(node, list(known.nodes)))
            names = known.constraints if name == "CONSTRAINT" else known.resources
            return _sentence(f"nothing is called {word} here", nearest(word, list(names)))
        agent = self.agent_of_line(line) if name in ("PARAM=VALUE", "OPERATION") else None
        said = self.metadata(agent) if agent is not None else None
        if agent is None or said is None:
            return ""
        if name == "OPERATION":
            offered = [one.name for one in said.actions]
            # What every resource can do, fence agents do by themselves.
            if word.partition(":")[0] in (*offered, "start", "stop", "monitor") or not offered:
                return ""
            return _sentence(f"{agent.type} has no operation {word}", nearest(word, offered))
        key = word.partition("=")[0]
        if key.startswith("$") or said.parameter(key) is not None:
            return ""
        named = [one.name for one in said.parameters]
        if agent.standard == "stonith":
            from hashell.model.options import fencing

            named += [row.name for row in fencing.PARAMETERS]
            if key in named or key.startswith("pcmk_"):
                return ""
        return _sentence(f"{agent.type} has no parameter {key}", nearest(key, named))

    def is_unknown(self, name: str, word: str) -> bool:
        """Whether a word certainly names nothing that there is. Only a hint: it may be about to be made."""
        base = word.partition(":")[0]
        known = self.snapshot
        match name:
            case "RESOURCE" | "PRIMITIVE" | "GROUP" | "CLONE" | "FENCEDEVICE":
                return bool(known.resources) and not (
                    base in known.resources or base in known.tags or base in known.templates or "/" in word
                )
            case "NODE":
                return bool(known.nodes) and word not in known.nodes
            case "NODESCORE":
                return bool(known.nodes) and word.partition("=")[0] not in known.nodes
            case "CONSTRAINT":
                return word not in known.constraints
            case _:
                return False


def _warm() -> None:
    """Import what completion will read, before somebody waits for it."""
    import importlib

    from hashell.shell.crm.root import LEVELS
    from hashell.shell.pcs.root import NOUNS

    for name in (*LEVELS, "configure_parse"):
        importlib.import_module(f"hashell.shell.crm.{name}")
    for name in NOUNS:
        with contextlib.suppress(ImportError):
            importlib.import_module(f"hashell.shell.pcs.{name}")


def _odd_name(name: str, line: Line, word: str) -> bool:
    """Whether a word may name what the names do not tell: a pattern, a rule, an operation, a bracket."""
    command = line.command.name if line.command is not None else ""
    patterns = "%" in word or "," in word or word.startswith(("pattern:", "attr:", "/")) or word in _BRACKETS
    return patterns or (line.pcs and (name == "CONSTRAINT" or command.startswith("op ")))


def _sentence(problem: str, hint: str) -> str:
    return f"{problem}; {hint}" if hint else problem


def _quoted(value: str) -> str:
    from hashell.shell.grammar.lexer import shell_quote

    return shell_quote(value) if value else value


def _rows(rows: Iterable[Row]) -> Iterator[Candidate]:
    """Options by what people set most: what the cluster writes itself is left out, the seldom needed comes last."""
    shown = [row for row in rows if not row.generated]
    for row in sorted(shown, key=lambda row: (row.deprecated, row.advanced)):
        kind = "|".join(row.values) if row.values else str(row.type)
        default = f" [{row.default}]" if row.default not in (None, "") else ""
        yield Candidate(f"{row.name}=", f"{kind}{default}: {row.text}", open=True)


def parameter_help(one: AgentParameter) -> str:
    """A parameter in one line: star, type, default, what it is."""
    kind = "|".join(one.values) if one.values else one.type
    default = f" [{one.default}]" if one.default not in (None, "") else ""
    return f"{'* ' if one.required else ''}{kind}{default}: {' '.join(one.shortdesc.split())}".rstrip(": ")


def _parameters(sources: Sources, line: Line) -> Iterator[Candidate]:
    agent = sources.agent_of_line(line)
    if agent is None:
        return
    said = sources.metadata(agent)
    if said is not None:
        for one in sorted(said.parameters, key=lambda one: (not one.required, one.deprecated, one.advanced)):
            yield Candidate(f"{one.name}=", parameter_help(one), f"{one.name}{'*' if one.required else ''}=", open=True)
    if agent.standard == "stonith":
        from hashell.model.options import fencing

        yield from _rows(fencing.PARAMETERS)


def _metas(sources: Sources, line: Line) -> Iterator[Candidate]:
    from hashell.model.options import resource

    name = line.command.name if line.command is not None else ""
    clone = name in ("clone", "ms", "promotable", "rsc_defaults", "defaults")
    yield from _rows((*resource.CLONE, *resource.META) if clone else resource.META)


def _operation_attributes(sources: Sources, line: Line) -> Iterator[Candidate]:
    from hashell.model.options import operation

    yield from _rows(row for row in operation.ATTRIBUTES if row.name != "name")


def _properties(sources: Sources, line: Line) -> Iterator[Candidate]:
    from hashell.model.options import cluster

    for one in _rows(cluster.OPTIONS):
        now = sources.snapshot.options.get(one.text.rstrip("="))
        yield msgspec.structs.replace(one, help=f"({now}) {one.help}") if now else one


_PAIRS: dict[str, Callable[[Sources, Line], Iterator[Candidate]]] = {
    "PARAM=VALUE": _parameters,
    "META=VALUE": _metas,
    "OPATTR=VALUE": _operation_attributes,
    "PROPERTY=VALUE": _properties,
}
#: `name=value` words of their own: what they are, and their values.
_FIXED: dict[str, tuple[str, tuple[str, ...]]] = {
    "DESCRIPTION": ("a text for people", ()),
    "SYMMETRICAL": ("whether the reverse order holds for stopping", _BOOLEANS),
    "LOSS-POLICY": ("what to do when the ticket is lost", ("stop", "demote", "fence", "freeze")),
    "NODE-ATTRIBUTE": ("nodes alike in this attribute count as one", ("#uname",)),
    "LOCATION": ("", ()),
}


# --- values by name ------------------------------------------------------------------------------------

Maker = Callable[[Sources, "Line", str], Iterator[Candidate]]


def _table(pairs: Iterable[tuple[str, str]]) -> Iterator[Candidate]:
    yield from (Candidate(name, text) for name, text in pairs if name)


def _resources(*kinds: str) -> Maker:
    """Resources of these kinds, or all; those inside others come last: one acts on the outermost as a rule."""

    def make(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
        base, colon, _ = word.partition(":")
        if colon and line.command is not None and line.command.name in ("order", "colocation"):
            words = (
                ("start", "stop", "promote", "demote")
                if line.command.name == "order"
                else ("Started", "Promoted", "Unpromoted")
            )
            yield from (Candidate(f"{base}:{one}") for one in words)
            return
        used = {
            part.token.text
            for part in line.parts
            if part.kind == "value" and part.name.startswith(("RESOURCE", "PRIMITIVE"))
        }
        late: list[Candidate] = []
        for one, offered in sources.resources():
            if kinds and one.kind not in kinds:
                continue
            if offered.text in used:
                late.append(offered)
            else:
                yield offered
        yield from late

    return make


def _any_id(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    known = sources.snapshot
    yield from _resources()(sources, line, word)
    for table in (known.constraints, known.nodes, known.tags, known.others):
        yield from _table(table.items())
    yield from _table((name, one.text) for name, one in known.templates.items())


def _agents(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    """Types of OCF agents by their short name, then classes and providers, level by level as they are typed."""
    fencing = (
        line.value("NEWID") != ""
        and line.command is not None
        and any(item_name == "FENCEAGENT" for item_name in _names(line))
    )
    standard, colon, rest = word.partition(":")
    if not colon:
        by_class: dict[str, int] = {}
        for one in sources.agents:
            by_class[one.standard] = by_class.get(one.standard, 0) + 1
        seen: set[str] = set()
        if not fencing:
            for one in sorted(
                sources.agents,
                key=lambda one: (one.provider not in ("hashell", "heartbeat", "pacemaker"), one.type.lower()),
            ):
                if one.standard == "ocf" and one.type not in seen:
                    seen.add(one.type)
                    said = sources._described.get(one)
                    yield Candidate(
                        one.type, f"ocf:{one.provider}" + (f" {' '.join(said.shortdesc.split())}" if said else "")
                    )
        for name, count in sorted(by_class.items()):
            yield Candidate(f"{name}:", f"{count} agents", open=True)
        yield from (Candidate(f"@{name}", one.text) for name, one in sources.snapshot.templates.items())
        return
    provider, more, _ = rest.partition(":")
    if standard == "ocf" and not more:
        counts: dict[str, int] = {}
        for one in sources.agents:
            if one.standard == "ocf":
                counts[one.provider] = counts.get(one.provider, 0) + 1
        yield from (Candidate(f"ocf:{name}:", f"{count} agents", open=True) for name, count in sorted(counts.items()))
        return
    for one in sources.agents:
        if one.standard == standard and (standard != "ocf" or one.provider == provider):
            said = sources._described.get(one)
            yield Candidate(str(one), " ".join(said.shortdesc.split()) if said else "")


def _names(line: Line) -> tuple[str, ...]:
    from hashell.shell.grammar.pattern import Value

    return tuple(item.name for item in line.items if isinstance(item, Value))


def _fence_agents(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield from (Candidate(one.type, "fence agent") for one in sources.agents if one.standard == "stonith")


def _classes(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield from _table((name, "") for name in dict.fromkeys(one.standard for one in sources.agents))


def _providers(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield from _table((name, "") for name in dict.fromkeys(one.provider for one in sources.agents))


def _types(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield from _table((name, "") for name in dict.fromkeys(one.type for one in sources.agents if one.standard == "ocf"))


def _operations(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    usual = ("monitor", "start", "stop", "promote", "demote", "migrate_to", "migrate_from", "notify", "reload")
    agent = sources.agent_of_line(line)
    said = sources.metadata(agent) if agent is not None else None
    if said is None:
        yield from (Candidate(name) for name in usual)
        return
    for name in dict.fromkeys(one.name for one in said.actions if one.name not in ("meta-data", "validate-all")):
        advised = [
            f"{key}={value}"
            for one in said.actions
            if one.name == name
            for key, value in (("interval", one.interval), ("timeout", one.timeout))
            if value
        ]
        yield Candidate(name, "advised " + " ".join(advised) if advised else "")


def _scores(colon: str) -> Maker:
    def make(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
        for value, text in (
            ("inf", "must"),
            ("-inf", "must not"),
            ("100", "likes it"),
            ("-100", "rather not"),
            ("0", "no wish"),
        ):
            yield Candidate(value + colon, text)

    return make


def _kinds(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield Candidate("Mandatory:", "the second only after the first, always")
    yield Candidate("Optional:", "only when both act anyway")
    yield Candidate("Serialize:", "never both at once")


def _files(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    folder, _, _ = word.rpartition("/")
    base = folder + "/" if folder or word.startswith("/") else ""
    try:
        with os.scandir(Path(base).expanduser()) as found:
            for number, entry in enumerate(found):
                if number >= FILES_MAX:
                    return
                folder_mark = "/" if entry.is_dir() else ""
                yield Candidate(base + entry.name + folder_mark, open=bool(folder_mark))
    except (OSError, ValueError):  # Unreadable, or no path at all: one with a null character.
        return


def _property_names(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield from (Candidate(one.text.rstrip("="), one.help) for one in _properties(sources, line))


def _meta_names(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield from (Candidate(one.text.rstrip("="), one.help) for one in _metas(sources, line))


def _parameter_names(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield from (Candidate(one.text.rstrip("="), one.help) for one in _parameters(sources, line))


def _node_attributes(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    usual = (("standby", "no resources here"), ("maintenance", "leave all resources here alone"))
    seen = dict.fromkeys(sources.snapshot.node_attributes, "")
    yield from _table({**seen, **dict(usual)}.items())


def _node_scores(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield from (Candidate(f"{name}=INFINITY", text) for name, text in sources.snapshot.nodes.items())


def _targets(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    yield from (Candidate(f"{name}:", text) for name, text in sources.snapshot.nodes.items())


def _devices(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    for name, one in sources.snapshot.resources.items():
        if one.agent is not None and one.agent.standard == "stonith":
            yield Candidate(name, one.text)


def _topics(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    from hashell.shell.grammar.line import choices_at

    path = line.path
    for part in line.parts[1:]:
        found = next((one for one in choices_at(path) if part.token.text in one.names), None)
        if found is None or isinstance(found, _command_type()):
            return
        path = (*path, found.name)
    yield from (Candidate(one.name, one.help) for one in choices_at(path))
    if path == line.path and path:
        yield from (Candidate(one.name, one.help) for one in choices_at(()))


def _command_type() -> type:
    from hashell.shell.grammar.words import Command

    return Command


def _levels(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    from hashell.shell.crm.root import LEVELS

    yield Candidate("..", "up one level")
    yield from (Candidate(one.name, one.help) for one in LEVELS.values())


def _selections(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
    if not word.startswith(("type:", "tag:", "related:")):
        yield Candidate("type:", "objects of a kind", open=True)
        yield Candidate("tag:", "members of a tag", open=True)
        yield Candidate("related:", "an object and what names it", open=True)
        return
    prefix = word.partition(":")[0]
    if prefix == "type":
        from hashell.shell.crm.configure_parse import KEYWORDS

        yield from (Candidate(f"type:{one}") for one in sorted(KEYWORDS))
    elif prefix == "tag":
        yield from (Candidate(f"tag:{one}") for one in sources.snapshot.tags)
    else:
        yield from (Candidate(f"related:{one}") for one in sources.snapshot.resources)


def _wizards() -> Iterator[tuple[str, str]]:
    from hashell.shell.wizards import wizards

    return ((name, one.help) for name, one in wizards().items())


def _constant(*pairs: tuple[str, str]) -> Maker:
    def make(sources: Sources, line: Line, word: str) -> Iterator[Candidate]:
        yield from _table(pairs)

    return make


_VALUES: dict[str, Maker] = {
    "RESOURCE": _resources(),
    "PRIMITIVE": _resources("primitive"),
    "GROUP": _resources("group"),
    #: One that there is, or a new one.
    "ANYGROUP": _resources("group"),
    "CLONE": _resources("clone", "master"),
    "FENCEDEVICE": _devices,
    "TEMPLATE": lambda sources, line, word: (
        Candidate(f"@{name}", one.text) for name, one in sources.snapshot.templates.items()
    ),
    "ANYID": _any_id,
    "NODE": lambda sources, line, word: _table(sources.snapshot.nodes.items()),
    "CONSTRAINT": lambda sources, line, word: _table(sources.snapshot.constraints.items()),
    "ROLE": lambda sources, line, word: _table(sources.snapshot.roles.items()),
    "TICKET": lambda sources, line, word: _table(sources.snapshot.tickets.items()),
    "TICKET:": lambda sources, line, word: (
        Candidate(f"{name}:", text) for name, text in sources.snapshot.tickets.items()
    ),
    "TARGET:": _targets,
    "TARGET": lambda sources, line, word: _table(sources.snapshot.nodes.items()),
    "NODESCORE": _node_scores,
    "AGENT": _agents,
    "FENCEAGENT": _fence_agents,
    "CLASS": _classes,
    "PROVIDER": _providers,
    "TYPE": _types,
    "PARAM": _parameter_names,
    "META": _meta_names,
    "PROPERTY": _property_names,
    "ATTRIBUTE": _node_attributes,
    "OPERATION": _operations,
    "SCORE": _scores(""),
    "SCORE:": _scores(":"),
    "KIND:": _kinds,
    "COMPARISON": _constant(
        ("eq", "equal"), ("ne", "not equal"), ("lt", "less"), ("gt", "greater"), ("lte", "at most"), ("gte", "at least")
    ),
    "INTERVAL": _constant(("10s", ""), ("30s", ""), ("60s", "")),
    "LIFETIME": _constant(("PT30M", "half an hour"), ("PT1H", "an hour"), ("P1D", "a day")),
    "COUNT": _constant(("0", ""), ("INFINITY", "")),
    "FILE": _files,
    "PATH": _files,
    "WIZARD": lambda sources, line, word: _table(_wizards()),
    "RETURNCODE": _constant(("success", "0"), ("unknown", "1"), ("not_running", "7"), ("promoted", "8")),
    "COROSYNCPATH": lambda sources, line, word: _table(COROSYNC_PATHS.items()),
    "SHADOW": lambda sources, line, word: _table((name, "shadow CIB") for name in sources.shadows),
    "VERSION": lambda sources, line, word: _table(sources.versions.items()),
    "TOPIC": _topics,
    "LEVEL": _levels,
    "SELECTION": _selections,
}
