"""The nouns of pcs, and how a line finds its command."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from hashell.errors import BadUsage, HashellError, Refused
from hashell.shell.grammar.lexer import check_characters
from hashell.shell.grammar.words import Command, Danger
from hashell.shell.pcs.call import Call, read_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
    "cib": "Descriptions of what the configuration holds.",
    "host": "Whether other machines can be reached.",
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
        code = _run(session, words)
        # Codes from 64 on say what kind of error it was, which pcs does not; below are an agent's, or an answer.
        return 1 if code >= 64 else code
    except HashellError as error:
        for line in dict.fromkeys(error.message.split("\n")):
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
        _refuse_elsewhere(plain)
        raise BadUsage(f"'{noun}' is not a command of pcs here", hint_for(noun, NOUNS))
    if rest[:1] == ["help"] or "--help" in options or "-h" in options:
        session.out(noun_usage(noun))
        return 0
    command, arguments = find(noun, rest)
    if command is None or (arguments and not command.usage):
        _refuse_elsewhere(plain)
        raise no_command(noun, rest)
    if command.danger is not Danger.READS and session.options.read_only:
        raise Refused(
            f"pcs {noun} {command.name} would change the cluster, and this session only reads", "leave out --read-only"
        )
    call = Call(session, arguments, options, f"{noun} {command.name}".rstrip())
    try:
        result = command.handler()(call, arguments)  # type: ignore[arg-type]
    except BadUsage as error:
        if not error.message.startswith("usage: "):
            raise
        raise BadUsage(_what_is_wrong(noun, command, arguments), error.message) from None
    return result or 0


def _refuse_elsewhere(words: list[str]) -> None:
    """Raises Refused with the way that there is here, for what pcs has and this cluster does not need."""
    from hashell.shell import elsewhere

    way = elsewhere.way(elsewhere.PCS, words)
    if way:
        raise Refused(f"pcs {' '.join(words[:3])} is not needed here", f"instead: {way}")


def hint_for(word: str, names: Iterable[str]) -> str:
    """The way out for who typed a word that is none of these names."""
    import difflib

    every = list(dict.fromkeys(name for name in names if name))
    close = difflib.get_close_matches(word, every, 1)
    return f"did you mean {close[0]}?" if close else "expected one of " + ", ".join(every)


def next_names(noun: str, words: Sequence[str]) -> tuple[str, ...]:
    """Words with which a command of the noun goes on after these, which begin it."""
    found: dict[str, None] = {}
    for command in commands_of(noun):
        for name in command.names:
            parts = name.split()
            if len(parts) > len(words) and parts[: len(words)] == list(words):
                found[parts[len(words)]] = None
    return tuple(found)


def no_command(noun: str, rest: Sequence[str]) -> BadUsage:
    """No command of the noun begins like that: the first word that leads nowhere, and what could stand there."""
    known = 0
    while known < len(rest) and rest[known] in next_names(noun, rest[:known]):
        known += 1
    place = " ".join([noun, *rest[:known]])
    names = next_names(noun, rest[:known])
    if known == len(rest):
        return BadUsage(f"pcs {place}: something is missing", hint_for("", names))
    if not names:
        return BadUsage(f"pcs {place}: '{rest[known]}' does not fit here, nothing more is expected", f"pcs {noun} help")
    return BadUsage(f"'{rest[known]}' is no command of pcs {place}", hint_for(rest[known], names))


def _what_is_wrong(noun: str, command: Command, words: list[str]) -> str:
    """The word that does not fit a command's usage; its handler did not say which."""
    from hashell.shell.grammar.pattern import WrongWords, check

    name = f"pcs {noun} {command.name}".rstrip()
    try:
        check(command, words)
    except WrongWords as wrong:
        return f"{name}: {wrong.message.removeprefix(f'{command.name}: ')}"
    return f"{name}: {' '.join(words)!r} does not fit" if words else f"{name}: something is missing"


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
