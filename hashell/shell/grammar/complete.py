"""Completion: text and cursor in, words to offer out. A plain function over the line's reading; it never waits.

Names that begin as what is typed come first; only where there are none, those that contain its letters in order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import msgspec

from hashell.shell.grammar.lexer import Token, lex, shell_quote
from hashell.shell.grammar.line import Line, Path, choices_at, level_at, pieces, read_line
from hashell.shell.grammar.pattern import Value, Word
from hashell.shell.grammar.sources import Candidate, Sources
from hashell.shell.grammar.words import Command

#: Words offered at once; whoever needs the rest types another letter.
OFFERED_MAX = 200


class Offer(msgspec.Struct, frozen=True):
    """A word to offer: it replaces the text from `start` up to the cursor."""

    text: str
    start: int
    help: str = ""
    show: str = ""
    open: bool = False


def complete(text: str, path: Path, sources: Sources) -> list[Offer]:
    """What may stand at the end of a text, which is where the cursor is; likeliest first."""
    offset, piece = 0, ""
    for offset, piece in pieces(text):  # noqa: B007 - the last one is wanted
        line = read_line(piece, path)
        before, path = path, line.after
    # The line at the cursor is read where the lines before it lead, not where it leads itself.
    path = before
    if piece.lstrip().startswith("#"):
        return []
    tokens = lex(piece)
    typed: Token | None = None
    if tokens and (tokens[-1].end == len(piece) or not tokens[-1].closed):
        typed = tokens[-1]
    head = piece[: typed.start] if typed is not None else piece
    word = typed.text if typed is not None else ""
    start = offset + (typed.start if typed is not None else len(piece))
    raw = piece[typed.start :] if typed is not None else ""
    line = read_line(head, path)
    found = _fitting(_expected(line, word, sources), word)
    return [_offer(one, start, raw) for one in itertools.islice(found, OFFERED_MAX)]


def _offer(one: Candidate, start: int, raw: str) -> Offer:
    text = one.text
    if raw[:1] in ("'", '"'):
        # Inside quotes the word goes on in them; they close when the word is whole.
        text = raw[0] + text + ("" if one.open else raw[0])
    elif "=" not in text:
        text = shell_quote(text) if text else text
    return Offer(text, start, one.help, one.show or one.text, one.open)


def _fitting(candidates: Iterable[Candidate], word: str) -> Iterator[Candidate]:
    """Those that begin with the word; else those that hold its letters in order, closest first."""
    lower = word.lower()
    every = list(candidates)
    if word:
        begin = [one for one in every if one.text.lower().startswith(lower)]
        if begin:
            every = sorted(begin, key=lambda one: not one.text.startswith(word))
        else:
            scored = [(spread, one) for one in every if (spread := _spread(one.text.lower(), lower)) is not None]
            every = [one for _, one in sorted(scored, key=lambda row: row[0])]
    seen: set[str] = set()
    for one in every:
        if one.text not in seen:
            seen.add(one.text)
            yield one


def _spread(text: str, word: str) -> int | None:
    """How far apart the letters of a word stand in a text; None if they do not all come in order."""
    place = first = text.find(word[0])
    if place < 0:
        return None
    for letter in word[1:]:
        place = text.find(letter, place + 1)
        if place < 0:
            return None
    return place - first


def _expected(line: Line, word: str, sources: Sources) -> Iterator[Candidate]:
    """Everything that may follow a line, likeliest first."""
    if line.pcs:
        yield from _expected_pcs(line, word, sources)
        return
    if line.command is None:
        if line.wrong is None:
            yield from _first_words(line)
        return
    yield from _from_items(line, word, sources)


def _first_words(line: Line) -> Iterator[Candidate]:
    from hashell.shell.crm.root import BUILT_IN, ROOT

    choices = choices_at(line.after)
    yield from (_of(one) for one in choices if isinstance(one, Command))
    yield from (_of(one) for one in choices if not isinstance(one, Command))
    alone = not line.parts
    if alone and level_at(line.after) is not ROOT:
        here = {one.name for one in choices}
        yield from (_of(one) for one in choices_at(()) if not isinstance(one, Command) and one.name not in here)
    yield from (Candidate(one.name, one.help) for one in BUILT_IN.commands if one.name != "up" or line.after)
    if alone:
        yield Candidate("pcs", "A line in the language of pcs.")


def _of(one: object) -> Candidate:
    name, text = getattr(one, "name", ""), getattr(one, "help", "")
    return Candidate(name, str(text).split("\n", 1)[0])


def _from_items(line: Line, word: str, sources: Sources) -> Iterator[Candidate]:
    """Values first where the CIB or an agent knows them, then keywords."""
    keywords = [item for item in line.items if isinstance(item, Word)]
    values = [item for item in line.items if isinstance(item, Value)]
    # With nothing given yet, `params` is what people want next, not the parameters without it.
    bare = bool(keywords) and any(item.text == "params" for item in keywords) and _section(line) == ""
    for item in values:
        if not (bare and item.name == "PARAM=VALUE"):
            yield from sources.candidates(item.name, line, word)
    yield from (Candidate(item.text, _KEYWORDS.get(item.text, "")) for item in keywords)
    if bare:
        for item in values:
            if item.name == "PARAM=VALUE":
                yield from sources.candidates(item.name, line, word)


def _section(line: Line) -> str:
    """The keyword that the line's end belongs to."""
    return next((part.name for part in reversed(line.parts) if part.kind == "keyword"), "")


_KEYWORDS = {
    "params": "parameters of the agent",
    "meta": "options of the resource",
    "utilization": "what it needs of a node",
    "op": "an operation: monitor, start, stop …",
    "operations": "an id for all operations",
    "rule": "only when a rule holds",
    "op_params": "parameters for this operation",
    "op_meta": "meta-attributes for this operation",
    "set": "give it a value",
    "delete": "take the value away",
    "show": "print the value",
    "force": "also when refused",
    "attributes": "attributes of the node",
    "date": "a moment or period",
    "defined": "the attribute has a value",
    "not_defined": "the attribute has no value",
    "clone": "as a clone: an instance on every node",
    "promotable": "as a promotable clone: some instances are promoted",
    "bundle": "inside the container of a bundle",
}


def _expected_pcs(line: Line, word: str, sources: Sources) -> Iterator[Candidate]:
    from hashell.shell.pcs.call import FLAGS, WITH_VALUE
    from hashell.shell.pcs.root import NOUNS, commands_of

    if word.startswith("-"):
        yield from (Candidate(name) for name in sorted(FLAGS | WITH_VALUE))
        return
    nouns = [part.token.text for part in line.parts if part.kind == "level"][1:]
    if not nouns:
        if not any(part.kind in ("command", "wrong") for part in line.parts):
            yield from (Candidate(name, text) for name, text in NOUNS.items())
        return
    done = [part.token.text for part in line.parts[2:] if part.kind in ("command", "unknown")]
    others = any(part.kind in ("value", "keyword") for part in line.parts[2:])
    if line.command is not None:
        yield from _from_items(line, word, sources)
    if others:
        return
    try:
        commands = commands_of(nouns[0])
    except ImportError:
        return
    for command in commands:
        for name in command.names:
            named = name.split()
            if len(named) > len(done) and named[: len(done)] == done:
                yield Candidate(named[len(done)], command.help if len(named) == len(done) + 1 else f"{name} …")
