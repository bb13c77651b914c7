"""One call of a pcs command: its words, its options, and the session that it runs in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import BadUsage

if TYPE_CHECKING:
    from hashell.commands.env import Env
    from hashell.shell.session import Session

#: Options that take a value, in the next word or after an equals sign.
WITH_VALUE = frozenset(
    {
        "--group",
        "--before",
        "--after",
        "--name",
        "--output-format",
        "--corosync_conf",
        "--node",
        "--lifetime",
        "--from",
        "--to",
        "--request-timeout",
        "--addr",
        "--token",
        "--interval",
        "--bundle",
        "-f",
        "-u",
        "-p",
    }
)
#: Options that are there or not; `--wait` may have a value after an equals sign.
FLAGS = frozenset(
    {
        "--force",
        "--full",
        "--disabled",
        "--no-default-ops",
        "--agent-validation",
        "--promoted",
        "--master",
        "--all",
        "--clone",
        "--autodelete",
        "--simulate",
        "--safe",
        "--brief",
        "--no-strict",
        "--strict",
        "--monitor",
        "--hide-inactive",
        "--expired",
        "--config",
        "--yes",
        "--skip-offline",
        "--show-secrets",
        "--future",
        "--nodesc",
        "--wait",
        "--debug",
        "--defaults",
        "--local",
        "--no-expire-check",
        "--enable",
        "--start",
        "--off",
        "--quiet",
        "--overwrite",
        "--help",
        "-h",
        "--version",
        "--pacemaker",
        "--corosync",
        "--force-cib",
        "--no-hardened",
    }
)


class Call(msgspec.Struct, eq=False):
    """`options` maps an option with its dashes to its value, empty for a flag; `name` is the noun and the command."""

    session: Session
    words: list[str]
    options: dict[str, str] = msgspec.field(default_factory=dict)
    name: str = ""
    _env: Env | None = None

    @property
    def env(self) -> Env:
        """One for the whole call, so that all of it edits the same working copy."""
        if self._env is not None:
            return self._env
        env = self._env = self.session.env()
        env.force = self.force
        env.say = self.session.err
        env.warn = lambda text: self.session.err(f"Warning: {text}")
        return env

    @property
    def force(self) -> bool:
        return "--force" in self.options or self.session.options.force

    @property
    def full(self) -> bool:
        return "--full" in self.options

    def has(self, name: str) -> bool:
        return name in self.options

    def out(self, text: str) -> None:
        self.session.out(text)

    def lines(self, lines: Iterable[str]) -> int:
        self.out("".join(f"{line}\n" for line in lines))
        return 0

    def finish(self, env: Env, message: str = "") -> int:
        """Commit; with --wait until the cluster is idle. Raises BadUsage for a file, which never gets anywhere."""
        if "--wait" in self.options and self.session.client.kind == "file":
            raise BadUsage("Only one of '--wait', '-f' can be used", "a file has nothing to wait for")
        env.settle()
        env.commit(message)
        if "--wait" in self.options and self.session.client.kind != "file":
            value = self.options["--wait"]
            self.session.client.wait_idle(float(value) if value.isdigit() and int(value) else 60.0)
        return 0


def read_options(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Words without options, and the options. Raises BadUsage for one that pcs does not know.

    A negative score is a word; everything after `--` is too.
    """
    plain: list[str] = []
    options: dict[str, str] = {}
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        name, equals, value = word.partition("=")
        if word == "--":
            return [*plain, *words[place:]], options
        if not word.startswith("-") or word == "-" or _is_number(word):
            plain.append(word)
        elif name in WITH_VALUE:
            if not equals:
                if place >= len(words):
                    raise BadUsage(f"option {word} requires argument", "give a value")
                value = words[place]
                place += 1
            options[name] = value
        elif name in FLAGS and (not equals or name in ("--wait",)):
            options[name] = value
        else:
            raise BadUsage(f"option {word} not recognized", "see pcs --help")
    return plain, options


def _is_number(word: str) -> bool:
    return word[1:2].isdigit() or word.upper().startswith("-INF")


def pairs(words: Iterable[str]) -> dict[str, str]:
    """`name=value` words. Raises BadUsage for any other, and for a name that is given twice with different values."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise BadUsage(f"missing value of '{word}' option", "write name=value")
        if not name:
            raise BadUsage(f"missing key in '{word}' option", "write name=value")
        if found.get(name, value) != value:
            raise BadUsage(
                f"duplicate option '{name}' with different values '{found[name]}' and '{value}'", "give it once"
            )
        found[name] = value
    return found


def sections(words: list[str], keywords: Iterable[str], *, repeat: Iterable[str] = ()) -> dict[str, list[list[str]]]:
    """Words grouped by the keywords that begin each group; what comes first is under the empty text.

    A keyword of `repeat` makes a group of its own each time; others continue their first.
    """
    known = set(keywords)
    repeated = set(repeat)
    found: dict[str, list[list[str]]] = {"": [[]]}
    current = found[""][0]
    for word in words:
        if word in known:
            groups = found.setdefault(word, [])
            if not groups or word in repeated:
                groups.append([])
            current = groups[-1]
        else:
            current.append(word)
    return found


def first(groups: dict[str, list[list[str]]], name: str) -> list[str]:
    """The words of a keyword that comes once."""
    return groups[name][0] if groups.get(name) else []


def operations(groups: list[list[str]]) -> list[dict[str, str]]:
    """`op NAME k=v… [NAME k=v…]…`: a word without an equals sign begins the next operation."""
    found: list[dict[str, str]] = []
    for words in groups:
        if not words:
            raise BadUsage(
                "When using 'op' you must specify an operation name and at least one option", "op monitor interval=10s"
            )
        if "=" in words[0]:
            raise BadUsage("When using 'op' you must specify an operation name after 'op'", "op monitor interval=10s")
        start = len(found)
        for word in words:
            name, equals, value = word.partition("=")
            if not name:
                raise BadUsage(f"{word!r} is neither the name of an operation nor an option", "op monitor interval=10s")
            if not equals:
                found.append({"name": word})
            elif name in found[-1] and found[-1][name] != value:
                raise BadUsage(
                    f"duplicate option '{name}' with different values '{found[-1][name]}' and '{value}'", "give it once"
                )
            else:
                found[-1][name] = value
        if any(len(one) < 2 for one in found[start:]):
            raise BadUsage(
                "When using 'op' you must specify an operation name and at least one option", "op monitor interval=10s"
            )
    return found
