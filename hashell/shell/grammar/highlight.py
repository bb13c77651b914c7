"""Colours of a text while it is typed, by what each word is; and what is certainly wrong in it.

Names of colours are meanings of this grammar; the prompt turns them into those of the theme.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hashell.shell.grammar.line import Line, Part, Path, Wrong, read_text
from hashell.shell.grammar.pattern import show
from hashell.shell.grammar.sources import Sources
from hashell.shell.grammar.words import Danger

_KINDS = {
    "level": "level", "command": "command", "keyword": "keyword", "option": "keyword", "comment": "comment",
    "unknown": "plain",
}
_DANGER = {Danger.INTERRUPTS: "interrupts", Danger.FENCES: "fences"}
#: Values that name something of the cluster.
_IDS = frozenset({
    "RESOURCE", "PRIMITIVE", "GROUP", "CLONE", "ANYID", "NODE", "CONSTRAINT", "FENCEDEVICE", "TAG", "ROLE", "TICKET",
    "TICKET:", "TARGET:", "TEMPLATE", "SHADOW", "VERSION",
})
_AGENTS = frozenset({"AGENT", "FENCEAGENT"})
_SCORES = frozenset({"SCORE", "SCORE:", "KIND:", "COUNT"})
#: Style of the grammar → meaning of the theme, and what else marks it, so that it also shows without colour.
STYLES = {
    "level": ("accent", ""),
    "command": ("accent", "bold"),
    "interrupts": ("warn", "bold"),
    "fences": ("fenced", "bold reverse"),
    "keyword": ("pending", ""),
    "name": ("muted", ""),
    "value": ("foreground", ""),
    "id": ("ok", ""),
    "unknown-id": ("unknown", "underline"),
    "agent": ("maint", ""),
    "score": ("warn", ""),
    "comment": ("muted", "italic"),
    "wrong": ("fail", "underline"),
    "plain": ("foreground", ""),
}


class Span(msgspec.Struct, frozen=True):
    """A half-open place in the text and what stands there."""

    start: int
    end: int
    style: str


def spans(text: str, path: Path, sources: Sources, cursor: int = -1) -> list[Span]:
    """What is to be coloured, in order and without overlaps.

    A word that is being typed (the cursor is at its end) is not called wrong or unknown: it may become right.
    """
    found: list[Span] = []
    made: set[str] = set()
    for offset, line in read_text(text, path):
        for part in line.parts:
            typing = offset + part.token.end == cursor
            found += _spans_of(line, part, offset, sources, typing=typing or part.token.text in made)
            if part.name == "NEWID":
                made.add(part.token.text)
    return found


def _spans_of(line: Line, part: Part, offset: int, sources: Sources, *, typing: bool) -> Iterator[Span]:
    start, end = offset + part.token.start, offset + part.token.end
    if part.kind == "wrong":
        yield Span(start, end, "plain" if typing else "wrong")
        return
    wrong = line.wrong
    if wrong is not None and wrong.end > wrong.start and wrong.start == part.token.start and not typing:
        yield Span(start, end, "wrong")
        return
    if line.doubtful is not None and line.doubtful.start == part.token.start and not typing:
        yield Span(start, end, "unknown-id")
        return
    if part.kind == "command" and line.command is not None:
        yield Span(start, end, _DANGER.get(line.command.danger, "command"))
        return
    if part.kind != "value":
        yield Span(start, end, _KINDS[part.kind])
        return
    if "=" in part.name:
        equals = line.text.find("=", part.token.start, part.token.end)
        if equals >= 0:
            odd = not typing and sources.doubt(part.name, line, part.token.text)
            yield Span(start, offset + equals + 1, "unknown-id" if odd else "name")
            if offset + equals + 1 < end:
                yield Span(offset + equals + 1, end, "value")
            return
    if part.name == "OPERATION" and not typing and sources.doubt(part.name, line, part.token.text):
        yield Span(start, end, "unknown-id")
        return
    yield Span(start, end, _value_style(part, sources, typing=typing))


def _value_style(part: Part, sources: Sources, *, typing: bool) -> str:
    if part.name in _IDS:
        return "unknown-id" if not typing and sources.is_unknown(part.name, part.token.text) else "id"
    if part.name == "NEWID":
        return "id"
    if part.name in _AGENTS:
        return "agent"
    return "score" if part.name in _SCORES else "value"


def first_wrong(text: str, path: Path) -> Wrong | None:
    """The first thing in a text that is certainly wrong, with its place in the whole text."""
    for offset, line in read_text(text, path):
        if line.wrong is not None:
            return msgspec.structs.replace(line.wrong, start=offset + line.wrong.start, end=offset + line.wrong.end)
    return None


def trouble(text: str, cursor: int, path: Path, sources: Sources) -> str:
    """The first thing that is wrong or doubtful in a text, while it is typed: what it is and the way out.

    What is merely missing is no trouble yet, nor is the word that the cursor is at the end of: both may become right.
    """
    made: set[str] = set()
    for offset, line in read_text(text, path):
        wrong = line.wrong
        if wrong is not None and wrong.end > wrong.start and offset + wrong.end != cursor:
            return f"{wrong.message}; {wrong.hint}" if wrong.hint else wrong.message
        if line.doubtful is not None and offset + line.doubtful.end != cursor:
            return line.doubtful.message
        for part in line.parts:
            word = part.token.text
            if part.name == "NEWID":
                made.add(word)
            if part.kind == "value" and offset + part.token.end != cursor and word.partition(":")[0] not in made:
                doubt = sources.doubt(part.name, line, word)
                if doubt:
                    return doubt
    return ""


def about(text: str, cursor: int, path: Path, sources: Sources) -> str:
    """One line on the word under the cursor or just before it: what it is, or what is expected there."""
    for offset, line in read_text(text, path):
        if not offset <= cursor <= offset + len(line.text):
            continue
        part = next(
            (one for one in line.parts if offset + one.token.start <= cursor <= offset + one.token.end), None
        )
        if part is None:
            return _expectation(line)
        if line.wrong is not None and line.wrong.start == part.token.start and offset + part.token.end != cursor:
            return line.wrong.message
        if part.kind == "command" and line.command is not None:
            return f"{line.command.name} {line.command.usage}".rstrip() + f": {line.command.help}"
        if part.kind == "level":
            from hashell.shell.crm.root import LEVELS

            return LEVELS[part.token.text].help if part.token.text in LEVELS else ""
        if part.kind == "value":
            return sources.explain(part.name, line, part.token.text) or _expectation(line, part)
        return _expectation(line)
    return ""


def _expectation(line: Line, part: Part | None = None) -> str:
    """What the word at a place means, or what may come next there; behind the command's name its usage."""
    if line.command is None:
        return ""
    if part is not None:
        meaning = _MEANINGS.get(part.name, "")
        return f"{part.token.text}: {meaning}" if meaning else f"{part.name.lower()} of {line.command.name}"
    if not line.items or line.parts[-1].kind in ("command", "level"):
        return f"{line.command.name} {line.command.usage}".rstrip()
    names = ", ".join(dict.fromkeys(show(item) for item in line.items))
    return f"next {names}; or Enter" if line.whole else f"next {names}"


#: What the values of a usage are, where nothing else is known of the word that stands there.
_MEANINGS = {
    "NEWID": "a name of your choice",
    "OPERATION": "an operation of the agent",
    "SCORE": "how much: a number, inf or -inf",
    "SCORE:": "how much: a number, inf or -inf",
    "NODE": "a node",
    "RESOURCE": "a resource",
    "INTERVAL": "how often: seconds, or with a unit: 10s, 1min",
    "LIFETIME": "for how long: PT30M, PT1H, P1D",
    "PARAM=VALUE": "a parameter of the agent",
    "META=VALUE": "an option of the resource",
    "OPATTR=VALUE": "an attribute of the operation",
    "NAME=VALUE": "a name and its value",
    "DESCRIPTION=TEXT": "a text for people",
    "FILE": "a file; - is standard input or output",
    "AGENT": "an agent: [class:[provider:]]type",
}
