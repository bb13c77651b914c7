"""Colours of a text while it is typed, by what each word is; and what is certainly wrong in it.

Names of colours are meanings of this grammar; the prompt turns them into those of the theme.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hashell.shell.grammar.line import Line, Part, Path, Wrong, read_text
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
    for offset, line in read_text(text, path):
        for part in line.parts:
            typing = offset + part.token.end == cursor
            found += _spans_of(line, part, offset, sources, typing=typing)
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
    if part.kind == "command" and line.command is not None:
        yield Span(start, end, _DANGER.get(line.command.danger, "command"))
        return
    if part.kind != "value":
        yield Span(start, end, _KINDS[part.kind])
        return
    if "=" in part.name:
        equals = line.text.find("=", part.token.start, part.token.end)
        if equals >= 0:
            yield Span(start, offset + equals + 1, "name")
            if offset + equals + 1 < end:
                yield Span(offset + equals + 1, end, "value")
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
    """The usage of the command that a place belongs to."""
    if line.command is None:
        return ""
    place = f"{part.name.lower()} of: " if part is not None else ""
    return f"{place}{line.command.name} {line.command.usage}".rstrip()
