"""The nouns of pcs, and how a line finds its command."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, HashellError, Refused
from hashell.shell.grammar.lexer import check_characters
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, read_options

if TYPE_CHECKING:
    from hashell.shell.session import Session

NOUNS = {
    "resource": "Resources: create, change, move, look.",
    "stonith": "Fence devices and levels.",
    "constraint": "Where, together, in which order.",
    "property": "Options of the cluster.",
    "cluster": "The cluster as a whole.",
    "config": "The whole configuration.",
    "status": "What the cluster does now.",
    "node": "Nodes: attributes, standby, maintenance.",
    "tag": "Names for several objects.",
    "alert": "Programs that hear of events.",
    "acl": "Who may read and write what.",
    "quorum": "Votes and quorum.",
}


def commands_of(noun: str) -> tuple[Command, ...]:
    """The commands of a noun; a name may be several words, the empty one is the noun alone."""
    found: tuple[Command, ...] = importlib.import_module(f"hashell.shell.pcs.{noun}").COMMANDS
    return found


def find(noun: str, words: list[str]) -> tuple[Command | None, list[str]]:
    """The command with the longest name that the words begin with, and the words after it."""
    best: Command | None = None
    length = -1
    for command in commands_of(noun):
        for name in command.names:
            parts = name.split()
            if words[: len(parts)] == parts and len(parts) > length:
                best, length = command, len(parts)
    return best, words[max(length, 0) :]


def run_pcs(session: Session, words: list[str]) -> int:
    """One pcs line; errors are told as pcs tells them, and end with 1."""
    try:
        return _run(session, words)
    except HashellError as error:
        for line in error.message.split("\n"):
            session.err(f"Error: {line}")
        if error.hint:
            session.err(f"       {error.hint}")
        return 1


def _run(session: Session, words: list[str]) -> int:
    check_characters(words)
    plain, options = read_options(words)
    if "-f" in options:
        from hashell.client.choose import open_client

        session.use_client(open_client("", options["-f"], session.options.read_only))
    if "--version" in options:
        from hashell import __version__

        session.out(f"{__version__}\n")
        return 0
    if not plain or plain[0] in ("help",) or ("--help" in options and len(plain) < 1):
        session.out(usage())
        return 0 if plain or options else 1
    noun, rest = plain[0], plain[1:]
    if noun not in NOUNS:
        raise BadUsage(f"'{noun}' is not a command of pcs here", "there are " + ", ".join(NOUNS))
    if rest[:1] == ["help"] or "--help" in options or "-h" in options:
        session.out(noun_usage(noun))
        return 0
    command, arguments = find(noun, rest)
    if command is None or (command.name == "" and arguments and not command.usage):
        raise BadUsage(f"'{' '.join(rest) or noun}' is no command of pcs {noun}", noun_usage(noun))
    if command.danger is not Danger.READS and session.options.read_only:
        raise Refused(
            f"pcs {noun} {command.name} would change the cluster, and this session only reads", "leave out --read-only"
        )
    call = Call(session, arguments, options)
    result = command.handler()(call, arguments)  # type: ignore[arg-type]
    return result or 0


def usage() -> str:
    lines = ["Usage: pcs [-f FILE] [options] COMMAND …", "", *(f"    {noun:<12}{text}" for noun, text in NOUNS.items())]
    return "\n".join([*lines, "", "pcs COMMAND help lists the commands of each."]) + "\n"


def noun_usage(noun: str) -> str:
    lines = [f"Usage: pcs {noun} …"]
    for command in commands_of(noun):
        lines.append(f"    {command.name} {command.usage}".rstrip() or "    (alone)")
        lines.append(f"        {command.help}")
    return "\n".join(lines) + "\n"


def need(words: list[str], least: int, most: int, text: str) -> None:
    """Raises BadUsage unless there are so many words."""
    if not least <= len(words) <= most:
        raise BadUsage(f"usage: pcs {text}", "see pcs help")
