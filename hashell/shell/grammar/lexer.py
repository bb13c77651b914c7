"""A line as words with their places, also while it is unfinished; and a word as text that reads back.

Quoting is that of a POSIX shell without expansion: '…' is literal, in "…" a backslash guards `"` and itself, outside a
backslash guards any character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from hashell.errors import BadUsage

_PLAIN = re.compile(r"[\w.-]+")
#: Backslashes that would be read as an escape inside double quotes.
_ESCAPED = re.compile(r'\\(?=[\\"]|\Z)')


class UnclosedQuote(BadUsage):
    id = "quote-unclosed"


class BadCharacter(BadUsage):
    id = "character-bad"


def _forbidden(char: str) -> bool:
    """Control characters and halves of surrogate pairs stand in no XML document; a regular expression of that class
    takes longer to compile than a command to run.
    """
    return (char < " " and char not in "\t\n\r") or "\ud800" <= char <= "\udfff" or char in "\ufffe\uffff"


def check_characters(words: list[str]) -> None:
    """Raises BadCharacter for a word that could never stand in a CIB."""
    for word in words:
        if not word.isprintable() and any(_forbidden(char) for char in word):
            raise BadCharacter(f"{word!r} holds a character that no CIB can hold", "leave control characters out")


class Token(msgspec.Struct, frozen=True):
    """One word: its text without quotes, and the half-open place `start`..`end` in the line."""

    text: str
    start: int
    end: int
    closed: bool = True


def lex(line: str) -> tuple[Token, ...]:
    """The words of a line; the last one has `closed` False where a quote or an escape is still open."""
    tokens: list[Token] = []
    text: list[str] = []
    start = -1
    quote = ""
    place = 0
    while place < len(line):
        char = line[place]
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"' and line[place + 1 : place + 2] in ('"', "\\"):
                place += 1
                text.append(line[place])
            else:
                text.append(char)
        elif char.isspace():
            if start >= 0:
                tokens.append(Token("".join(text), start, place))
                text, start = [], -1
        else:
            start = place if start < 0 else start
            if char in "'\"":
                quote = char
            elif char == "\\":
                place += 1
                if place == len(line):
                    tokens.append(Token("".join(text), start, place, closed=False))
                    return tuple(tokens)
                text.append(line[place])
            else:
                text.append(char)
        place += 1
    if start >= 0:
        tokens.append(Token("".join(text), start, place, closed=not quote))
    return tuple(tokens)


def split_words(line: str) -> list[str]:
    """The words of a finished line. Raises UnclosedQuote."""
    tokens = lex(line)
    if tokens and not tokens[-1].closed:
        raise UnclosedQuote(f"no closing quotation in: {line.strip()}", "close the quote")
    words = [token.text for token in tokens]
    check_characters(words)
    return words


def typed_words(arguments: list[str]) -> list[str]:
    """The words that a one-shot command line means.

    An argument with a blank was quoted for the outer shell and stays one word; any other one is read as if it had been
    typed at the prompt, so that quotes meant for this shell count. Quotes of JSON are none of them.
    """
    words: list[str] = []
    for argument in arguments:
        if not argument or argument[0] in "[{" or any(char.isspace() for char in argument):
            words.append(argument)
            continue
        tokens = lex(argument)
        whole = len(tokens) == 1 and tokens[0].closed
        words.append(tokens[0].text if whole else argument)
    check_characters(words)
    return words


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Number of the first line, and the text, of each line; a backslash at the end joins the next, blank ones are
    dropped.
    """
    parts: list[str] = []
    first = 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        first = first or number
        if line.endswith("\\"):
            parts.append(line.rstrip("\\"))
            continue
        parts.append(line)
        joined = "".join(parts).strip()
        if joined:
            yield first, joined
        parts, first = [], 0
    joined = "".join(parts).strip()
    if joined:
        yield first, joined


def quote(text: str) -> str:
    """The text as one word of a configuration: bare where that is safe, else in double quotes."""
    if _PLAIN.fullmatch(text):
        return text
    return '"' + _ESCAPED.sub(r"\\\\", text).replace('"', '\\"') + '"'


def shell_quote(text: str) -> str:
    """The text as one word of a command line; only what needs it is quoted."""
    if text and not re.search(r"[\s'\"\\#]", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
