"""A command's usage as a small automaton: does a line fit, what could come next, which word is wrong.

Usages: `word` is itself in any case; `NAME` is a value, `NAME=VALUE` a value with an equals sign in it, `NAME:` one
with a colon at its end; `[x]` optional, `{x}` repeated or left out, `(a|b)` either, `x...` once or more; `'('` a
bracket itself.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import msgspec

from hashell.errors import BadUsage
from hashell.shell.grammar.words import Command


class WrongWords(BadUsage):
    """`place` is the number of the word that does not fit; the count of words where one is missing."""

    id = "words-do-not-fit"

    def __init__(self, message: str, hint: str, place: int) -> None:
        super().__init__(message, hint)
        self.place = place


class Word(msgspec.Struct, frozen=True):
    """A keyword."""

    text: str

    def fits(self, word: str) -> bool:
        return word.lower() == self.text.lower()


class Value(msgspec.Struct, frozen=True):
    """A value; `name` finds its source. One with `=` in its name must have one in its text, one that ends in a colon
    a colon at the end."""

    name: str

    def fits(self, word: str) -> bool:
        if "=" in self.name:
            return "=" in word
        return not self.name.endswith(":") or word.endswith(":")

    @property
    def marked(self) -> bool:
        """Whether its text is recognized by a mark rather than by its place."""
        return "=" in self.name or self.name.endswith(":")


Item = Word | Value

_TOKEN = re.compile(r"'[^']*'|\.\.\.|[\[\]{}()|]|[^\s\[\]{}()|.']+(?:\.(?!\.\.)[^\s\[\]{}()|.']*)*")


class _Builder:
    """Thompson's construction; states are numbers, edges lists."""

    def __init__(self, usage: str) -> None:
        self.tokens = _TOKEN.findall(usage)
        self.place = 0
        self.edges: list[list[tuple[Item | None, int]]] = []

    def state(self) -> int:
        self.edges.append([])
        return len(self.edges) - 1

    def link(self, start: int, end: int, item: Item | None = None) -> None:
        self.edges[start].append((item, end))

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def either(self, start: int) -> int:
        """Alternatives between `|`; the state where all of them end."""
        end = self.state()
        while True:
            self.link(self.sequence(start), end)
            if self.peek() != "|":
                return end
            self.place += 1

    def sequence(self, start: int) -> int:
        while self.peek() and self.peek() not in ")]}|":
            start = self.part(start)
        return start

    def part(self, start: int) -> int:
        symbol = self.peek()
        self.place += 1
        begin = self.state()
        self.link(start, begin)
        if symbol in ("[", "{", "("):
            end = self.either(begin)
            assert self.peek() == {"[": "]", "{": "}", "(": ")"}[symbol], self.tokens
            self.place += 1
            if symbol in "[{":
                self.link(begin, end)
            if symbol == "{":
                self.link(end, begin)
        else:
            end = self.state()
            text = symbol.strip("'")
            named = text.upper() == text and any(char.isalpha() for char in text) and not symbol.startswith("'")
            self.link(begin, end, Value(text) if named else Word(text))
        if self.peek() == "...":
            self.place += 1
            self.link(end, begin)
        last = self.state()
        self.link(end, last)
        return last


class Pattern:
    """One usage, ready to be walked."""

    def __init__(self, usage: str) -> None:
        builder = _Builder(usage)
        self._start = builder.state()
        self._end = builder.either(self._start)
        assert not builder.peek(), f"usage is not well-formed: {usage}"
        self._edges = builder.edges

    def _closure(self, states: frozenset[int]) -> frozenset[int]:
        todo, found = list(states), set(states)
        while todo:
            for item, end in self._edges[todo.pop()]:
                if item is None and end not in found:
                    found.add(end)
                    todo.append(end)
        return frozenset(found)

    def start(self) -> frozenset[int]:
        return self._closure(frozenset({self._start}))

    def items(self, states: frozenset[int]) -> tuple[Item, ...]:
        """What could come next, in the order of the usage."""
        found: dict[Item, None] = {}
        for state in sorted(states):
            for item, _ in self._edges[state]:
                if item is not None:
                    found[item] = None
        return tuple(found)

    def step(self, states: frozenset[int], word: str) -> tuple[frozenset[int], Item | None]:
        """The states after a word, and the item it was taken for: a keyword rather than a value."""
        ends: dict[Item, set[int]] = {}
        for state in sorted(states):
            for item, end in self._edges[state]:
                if item is not None and item.fits(word):
                    ends.setdefault(item, set()).add(end)
        keywords = [item for item in ends if isinstance(item, Word)]
        marked = [item for item in ends if isinstance(item, Value) and item.marked]
        chosen: list[Item] = [*keywords] or [*marked] or [*ends]
        reached = frozenset(end for item in chosen for end in ends[item])
        return self._closure(reached), chosen[0] if chosen else None

    def accepts(self, states: frozenset[int]) -> bool:
        return self._end in states

    def walk(self, words: list[str]) -> Iterator[tuple[frozenset[int], Item | None]]:
        """States before each word and what the word is; ends with the states after the last, and None."""
        states = self.start()
        for word in words:
            after, item = self.step(states, word)
            yield states, item
            states = after
        yield states, None


@functools.lru_cache(maxsize=512)
def pattern_of(usage: str) -> Pattern:
    return Pattern(usage)


def show(item: Item) -> str:
    return item.text if isinstance(item, Word) else item.name


def check(command: Command, words: list[str]) -> None:
    """Raises WrongWords unless the words fit the command's usage."""
    pattern = pattern_of(command.usage)
    usage = f"usage: {command.name} {command.usage}".rstrip()
    states = pattern.start()
    for place, word in enumerate(words):
        after, item = pattern.step(states, word)
        if item is None:
            expected = ", ".join(show(one) for one in pattern.items(states))
            wanted = f"expected {expected}" if expected else "nothing more is expected"
            raise WrongWords(f"{command.name}: {word!r} does not fit here, {wanted}", usage, place)
        states = after
    if not pattern.accepts(states):
        expected = ", ".join(show(one) for one in pattern.items(states))
        raise WrongWords(f"{command.name}: something is missing, expected {expected}", usage, len(words))
