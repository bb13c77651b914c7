"""Patterns: the words in which table.py says what an element may have, and the *ways* that follow from them. Pure.

    attr("type", TEXT)                 this attribute must be there
    opt(…)                             all of it may be there
    one(a, b)                          one of these
    both(a, b), in_order(a, b)         all of these; children of the second stand after those of the first
    kid("op"), any_of(…), some_of(…)   a child once; any number of any of these; at least one
    since(305, …), until(310, …)       only from this version of the schemas on; only up to it

A version is a hundred times the major number and the minor one: 3.5 is 305, and 2.10 is 210. A *way* is one flat answer
to "what may an element of this kind have": attributes with their values, and children with their numbers. An element is
right when it is right in one of its ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from msgspec import Struct

from hashell.cib.ids import is_valid_id

#: Above every version.
NEVER = 10**6
_MANY = 10**9
#: Ways of one element; the widest (rsc_location) has a few dozen.
WAYS_MAX = 500


class Values(Struct, frozen=True):
    """What an attribute may be: one of `words`, or of one of these `types`, or a text like `pattern`; never one of
    `but`. With none of these, any text. `own`: it is an id that no other element has; `refers`: such an id, of another.
    """

    words: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    pattern: str = ""
    but: frozenset[str] = frozenset()
    own: bool = False
    refers: bool = False

    def allow(self, value: str) -> bool:
        if self.but:
            return " ".join(value.split()) not in self.but
        if not (self.words or self.types or self.pattern):
            return True
        if value in self.words:
            return True
        for name in self.types:
            if _TYPES[name](value):
                return True
        if " ".join(value.split()) in self.words:
            return True
        return bool(self.pattern and re.fullmatch(self.pattern, value))

    def __str__(self) -> str:
        names = [_TYPE_NAMES[name] for name in self.types] + list(self.words)
        if self.pattern:
            names.append(f"text like {self.pattern}")
        if self.but:
            names.append("any other text")
        if len(names) > 3:
            return "any of " + ", ".join(names)
        return " or ".join(names)


def _integer(text: str) -> bool:
    return bool(re.fullmatch(r"[ \t\r\n]*[+-]?[0-9]+[ \t\r\n]*", text))


@lru_cache(maxsize=8192)
def _id(text: str) -> bool:
    return is_valid_id(text) or is_valid_id(text.strip(" \t\r\n"))


_TYPES: dict[str, Callable[[str], bool]] = {
    "id": _id,
    "integer": _integer,
    "from 0": lambda text: _integer(text) and int(text) >= 0,
    "from 1": lambda text: _integer(text) and int(text) > 0,
    "1 to 9": lambda text: _integer(text) and 0 < int(text) < 10,
    "boolean": lambda text: text.strip(" \t\r\n") in ("true", "false", "1", "0"),
}
_TYPE_NAMES = {
    "id": "an id (expected are letters, digits, '.', '-', '_', and no digit at its beginning)",
    "integer": "a whole number", "from 0": "a whole number from 0", "from 1": "a whole number from 1",
    "1 to 9": "a whole number from 1 to 9", "boolean": "true or false",
}

TEXT = Values()
ID = Values(types=("id",), own=True)
REFERENCE = Values(types=("id",), refers=True)
BOOLEAN = Values(types=("boolean",))
INTEGER = Values(types=("integer",))
FROM_0 = Values(types=("from 0",))
FROM_1 = Values(types=("from 1",))


def words(*all_: str) -> Values:
    return Values(all_)


def but(*never: str) -> Values:
    return Values(but=frozenset(never))


class Part(Struct, frozen=True):
    """How often a child may stand there, as which kind of element, and where among the others."""

    least: int
    most: int
    kind: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """`some`: of each of these sets of children one must be there. `ordered`: ranks of children may only grow."""

    attributes: dict[str, tuple[bool, Values]] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    some: tuple[frozenset[str], ...] = ()
    ordered: bool = False
    required: frozenset[str] = frozenset()

    def beside(self, other: Way, *, after: bool = False) -> Way:
        base = max((part.rank for part in self.parts.values()), default=-1) + 1 if after else 0
        parts = dict(self.parts)
        for tag, part in other.parts.items():
            old = parts.get(tag)
            parts[tag] = Part(part.least, part.most, part.kind, part.rank + base) if old is None else Part(
                old.least + part.least, old.most + part.most, part.kind, old.rank
            )
        ordered = self.ordered or other.ordered or (after and bool(self.parts) and bool(other.parts))
        return Way({**self.attributes, **other.attributes}, parts, self.some + other.some, ordered)

    def maybe(self) -> Way:
        return Way(
            {name: (False, values) for name, (_, values) in self.attributes.items()},
            {tag: Part(0, part.most, part.kind, part.rank) for tag, part in self.parts.items()}, (), self.ordered,
        )

    def sealed(self) -> Way:
        """With what the check wants to have at hand."""
        required = frozenset(name for name, (needed, _) in self.attributes.items() if needed)
        return Way(self.attributes, self.parts, self.some, self.ordered, required)


class Pattern:
    """The root. `ways(version)` spreads it out; empty where the version does not know it."""

    def ways(self, version: int) -> list[Way]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _Attribute(Pattern):
    name: str
    values: Values

    def ways(self, version: int) -> list[Way]:
        return [Way({self.name: (True, self.values)})]


@dataclass(frozen=True, slots=True)
class _Kid(Pattern):
    tag: str
    kind: str

    def ways(self, version: int) -> list[Way]:
        return [Way({}, {self.tag: Part(1, 1, self.kind)})]


@dataclass(frozen=True, slots=True)
class _All(Pattern):
    items: tuple[Pattern, ...]
    ordered: bool

    def ways(self, version: int) -> list[Way]:
        made = [Way()]
        for item in self.items:
            spread = item.ways(version)
            if spread:
                made = [left.beside(right, after=self.ordered) for left in made for right in spread]
            assert len(made) <= WAYS_MAX, "too many choices in one place"
        return made


@dataclass(frozen=True, slots=True)
class _One(Pattern):
    items: tuple[Pattern, ...]

    def ways(self, version: int) -> list[Way]:
        return [way for item in self.items for way in item.ways(version)]


@dataclass(frozen=True, slots=True)
class _Maybe(Pattern):
    """All of it or nothing; attributes and children that need one another are written as one(…)."""

    item: Pattern

    def ways(self, version: int) -> list[Way]:
        return [way.maybe() for way in self.item.ways(version)]


@dataclass(frozen=True, slots=True)
class _Many(Pattern):
    items: tuple[Pattern, ...]
    some: bool

    def ways(self, version: int) -> list[Way]:
        found = [part for item in self.items for way in item.ways(version) for part in way.parts.items()]
        parts = {tag: Part(0, _MANY, part.kind) for tag, part in found}
        if not parts:
            return []
        return [Way({}, parts, (frozenset(parts),) if self.some else ())]


@dataclass(frozen=True, slots=True)
class _Between(Pattern):
    first: int
    last: int
    item: Pattern

    def ways(self, version: int) -> list[Way]:
        return self.item.ways(version) if self.first <= version <= self.last else []


def attr(name: str, values: Values = TEXT) -> Pattern:
    return _Attribute(name, values)


def kid(tag: str, kind: str = "") -> Pattern:
    return _Kid(tag, kind or tag)


def both(*items: Pattern) -> Pattern:
    return _All(items, ordered=False)


def in_order(*items: Pattern) -> Pattern:
    return _All(items, ordered=True)


def one(*items: Pattern) -> Pattern:
    return _One(items)


def opt(*items: Pattern) -> Pattern:
    """Each of these may be missing by itself."""
    return _All(tuple(_Maybe(item) for item in items), ordered=False)


def any_of(*items: Pattern) -> Pattern:
    return _Many(items, some=False)


def some_of(*items: Pattern) -> Pattern:
    return _Many(items, some=True)


def since(version: int, *items: Pattern) -> Pattern:
    return _Between(version, NEVER, _All(items, ordered=False))


def until(version: int, *items: Pattern) -> Pattern:
    return _Between(0, version, _All(items, ordered=False))


def between(first: int, last: int, *items: Pattern) -> Pattern:
    return _Between(first, last, _All(items, ordered=False))


@dataclass(frozen=True, slots=True)
class _Words(Pattern):
    name: str
    rows: tuple[tuple[str, int, int], ...]

    def ways(self, version: int) -> list[Way]:
        known = tuple(word for word, first, last in self.rows if first <= version <= last)
        return [Way({self.name: (True, Values(known))})]


def worded(name: str, *rows: str | tuple[str, int] | tuple[str, int, int]) -> Pattern:
    """An attribute of words, each known always, from a version on, or between two."""
    made = []
    for row in rows:
        if isinstance(row, str):
            made.append((row, 0, NEVER))
        elif len(row) == 2:
            made.append((row[0], row[1], NEVER))
        else:
            made.append(row)
    return _Words(name, tuple(made))
