"""Why a CIB does not follow the grammar: our own reading of the same RELAX NG file, made for
messages.

libxml2 decides what is valid; its messages name the wrong place more often than not. Here each
element's pattern is spread out into *alternatives* (which attributes with which values, which
children how often), the nearest one is taken, and what separates the element from it is said in
words. The order of children is not looked at.
"""

from __future__ import annotations

import difflib
import enum
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lxml import etree
from msgspec import Struct, field

from hashell.cib.ids import is_valid_id
from hashell.cib.query import is_element

_NS = "{http://relaxng.org/ns/structure/1.0}"
#: Alternatives of one element; the widest (rsc_colocation) has a few dozen.
_ALTERNATIVES_MAX = 500
#: Findings in one document: after so many nobody reads on.
FINDINGS_MAX = 200
_MANY = 10**9


class Severity(enum.StrEnum):
    """An error makes a CIB unacceptable; a warning says that a part of it has no effect."""

    ERROR = "error"
    WARNING = "warning"


class Finding(Struct, frozen=True):
    """One thing that is wrong. `id` is that of the element or of the nearest one above it that has
    one.

    `line` is 0 where the element was not read from text; `hint` is the way out, often the nearest
    right name.
    """

    element: str
    id: str
    attribute: str
    line: int
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{hint}"


def finding(
    element: etree._Element, attribute: str, message: str, hint: str = "",
    severity: Severity = Severity.ERROR,
) -> Finding:
    """A finding about an element, which it names."""
    nearest = element.get("id") or next(
        (above.get("id", "") for above in element.iterancestors() if above.get("id")), ""
    )
    return Finding(
        str(element.tag), nearest, attribute, _line(element), message, hint, severity
    )


def _line(element: Any) -> int:
    # lxml-stubs do not know that an element made here has no line.
    return element.sourceline or 0


def name_of(element: etree._Element) -> str:
    """How messages call an element: `primitive 'web'`, or `operations of primitive 'web'` without
    an id.
    """
    own = element.get("id")
    if own:
        return f"{element.tag} {own!r}"
    for above in element.iterancestors():
        if above.get("id"):
            return f"{element.tag} of {above.tag} {above.get('id')!r}"
    return f"{element.tag}"


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint with the nearest right word, or all of them where they are few, or nothing."""
    known = sorted(set(words))
    close = difflib.get_close_matches(word.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if close:
        right = next(k for k in known if k.lower() == close[0])
        return f"did you mean {right}?"
    return "use " + ", ".join(known) if 0 < len(known) <= 12 else ""


class Values(Struct, frozen=True):
    """What an attribute may be: one of `words`, or of one of these XML Schema types, or a text like
    `pattern`.
    """

    words: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    pattern: str = ""

    def allow(self, value: str) -> bool:
        if not (self.words or self.types or self.pattern):
            return True
        if " ".join(value.split()) in self.words or any(_TYPES[t](value) for t in self.types):
            return True
        return bool(self.pattern and re.fullmatch(self.pattern, value))

    def __str__(self) -> str:
        names = [_TYPE_NAMES[t] for t in self.types] + list(self.words)
        if self.pattern:
            names.append(f"text like {self.pattern}")
        if len(names) > 3:
            return "any of " + ", ".join(names)
        return " or ".join(names)


def _integer(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[+-]?[0-9]+\s*", text))


_TYPES: dict[str, Callable[[str], bool]] = {
    "NCName": lambda text: is_valid_id(text.strip()),
    "integer": _integer,
    "nonNegativeInteger": lambda text: _integer(text) and int(text) >= 0,
    "positiveInteger": lambda text: _integer(text) and int(text) > 0,
    "boolean": lambda text: text.strip() in ("true", "false", "1", "0"),
}
_TYPE_NAMES = {
    "NCName": "an id (letters, digits, '.', '-', '_'; not beginning with a digit)",
    "integer": "a whole number", "nonNegativeInteger": "a whole number from 0",
    "positiveInteger": "a whole number from 1", "boolean": "true or false",
}


class _Part(Struct, frozen=True):
    """How often a child may stand there, and its pattern."""

    least: int
    most: int
    pattern: etree._Element


class _Alternative(Struct, frozen=True):
    """One way in which an element can be right. `some`: of each of these sets of children one must
    be there.
    """

    attributes: dict[str, tuple[bool, Values]] = field(default_factory=dict)
    parts: dict[str, _Part] = field(default_factory=dict)
    some: tuple[frozenset[str], ...] = ()

    def beside(self, other: _Alternative) -> _Alternative:
        parts = dict(self.parts)
        for tag, part in other.parts.items():
            old = parts.get(tag)
            parts[tag] = part if old is None else _Part(
                old.least + part.least, old.most + part.most, part.pattern
            )
        return _Alternative({**self.attributes, **other.attributes}, parts, self.some + other.some)

    def maybe(self) -> _Alternative:
        return _Alternative(
            {name: (False, values) for name, (_, values) in self.attributes.items()},
            {tag: _Part(0, part.most, part.pattern) for tag, part in self.parts.items()},
        )


class Explainer:
    """Finds words for what is wrong, by one grammar."""

    def __init__(self, grammar: etree._Element) -> None:
        self._defines = {d.get("name", ""): d for d in grammar.iterfind(f"{_NS}define")}
        self._known: dict[etree._Element, tuple[_Alternative, ...]] = {}
        self._parents: dict[str, set[str]] = {}
        for pattern in grammar.iter(f"{_NS}element"):
            for alternative in self._alternatives(pattern):
                for tag in alternative.parts:
                    self._parents.setdefault(tag, set()).add(pattern.get("name", ""))

    def explain(self, root: etree._Element) -> tuple[Finding, ...]:
        """All that separates a <cib> from the grammar, in document order, up to FINDINGS_MAX
        findings.
        """
        found: list[Finding] = []
        for one in self._element(root, self._defines["cib"][0]):
            found.append(one)
            if len(found) == FINDINGS_MAX:
                break
        return tuple(found)

    def _element(self, element: etree._Element, pattern: etree._Element) -> Iterator[Finding]:
        if pattern.get("name") == "status":
            return
        alternatives = self._alternatives(pattern)
        best = min(alternatives, key=lambda alternative: _distance(element, alternative))
        yield from self._attributes(element, best, alternatives)
        yield from self._children(element, best, alternatives)
        for child in element:
            if is_element(child):
                part = best.parts.get(str(child.tag)) or next(
                    (a.parts[str(child.tag)] for a in alternatives if child.tag in a.parts), None
                )
                if part is not None:
                    yield from self._element(child, part.pattern)

    def _attributes(
        self, element: etree._Element, best: _Alternative, all_: tuple[_Alternative, ...]
    ) -> Iterator[Finding]:
        called = name_of(element)
        names = {name for alternative in all_ for name in alternative.attributes}
        for key, text in element.attrib.items():
            name, value = str(key), str(text)
            if name not in names:
                hint = nearest(name, names - set(map(str, element.attrib)))
                yield finding(element, name, f"{called} cannot have an attribute {name!r}", hint)
            elif name not in best.attributes:
                rival = _rival(element, name, all_)
                message = f"{called} has {name!r} beside {rival}: they do not go together"
                if not rival:
                    message = f"{called} has {name!r}, which does not go with the rest of it"
                yield finding(element, name, message, f"remove {name!r}")
            elif not best.attributes[name][1].allow(value):
                allowed = _united(a.attributes[name][1] for a in all_ if name in a.attributes)
                hint = nearest(value, allowed.words) if allowed.words else ""
                yield finding(
                    element, name, f"{called} has {name}={value!r}, which is not {allowed}", hint
                )
        for name, (required, values) in best.attributes.items():
            if required and element.get(name) is None:
                hint = f"add it: {values}" if values != Values() else "add it"
                yield finding(element, name, f"{called} has no attribute {name!r}", hint)

    def _children(
        self, element: etree._Element, best: _Alternative, all_: tuple[_Alternative, ...]
    ) -> Iterator[Finding]:
        called = name_of(element)
        counts = Counter(str(child.tag) for child in element if is_element(child))
        names = {tag for alternative in all_ for tag in alternative.parts}
        seen: Counter[str] = Counter()
        for child in element:
            if not is_element(child):
                continue
            tag = str(child.tag)
            seen[tag] += 1
            if tag not in names:
                homes = sorted(self._parents.get(tag, ()))
                near = nearest(tag, names)
                hint = near if near.startswith("did") or not homes else (
                    "it belongs in " + ", ".join(homes)
                )
                yield finding(child, "", f"{called} cannot hold a <{tag}>", hint)
            elif tag not in best.parts:
                yield finding(
                    child, "", f"{called} cannot hold a <{tag}> beside what else it has",
                    f"remove it, or the rest that does not go with a <{tag}>",
                )
            elif seen[tag] == best.parts[tag].most + 1:
                yield finding(
                    child, "", f"{called} has {counts[tag]} <{tag}>, at most {best.parts[tag].most}"
                    " can be there", "remove one",
                )
        for tag, part in best.parts.items():
            if counts[tag] < part.least:
                yield finding(element, "", f"{called} has no <{tag}>", "add one")
        for tags in best.some:
            if not any(counts[tag] for tag in tags):
                one_of = " or ".join(f"<{tag}>" for tag in sorted(tags))
                yield finding(element, "", f"{called} has no {one_of}", "add one")

    def _alternatives(self, pattern: etree._Element) -> tuple[_Alternative, ...]:
        """Of an <element> pattern."""
        known = self._known.get(pattern)
        if known is None:
            opaque = pattern.get("name") in (None, "status")
            known = (_Alternative(),) if opaque else tuple(self._all_of(pattern))
            self._known[pattern] = known
        return known

    def _all_of(self, pattern: etree._Element) -> list[_Alternative]:
        """Everything inside a pattern, side by side."""
        made = [_Alternative()]
        for inner in pattern:
            if is_element(inner):
                spread = self._spread(inner)
                made = [left.beside(right) for left in made for right in spread]
                assert len(made) <= _ALTERNATIVES_MAX, "the grammar has too many choices in one place"
        return made

    def _spread(self, pattern: etree._Element) -> list[_Alternative]:
        kind = str(pattern.tag).removeprefix(_NS)
        if kind == "attribute":
            return [_Alternative({pattern.get("name", ""): (True, self._values(pattern))})]
        if kind == "element":
            return [_Alternative({}, {pattern.get("name", ""): _Part(1, 1, pattern)})]
        if kind == "ref":
            return self._all_of(self._defines[pattern.get("name", "")])
        if kind == "choice":
            return [a for inner in pattern if is_element(inner) for a in self._spread(inner)]
        if kind == "optional":
            return [alternative.maybe() for alternative in self._all_of(pattern)]
        if kind in ("zeroOrMore", "oneOrMore"):
            tags = {t: p for a in self._all_of(pattern) for t, p in a.parts.items()}
            parts = {tag: _Part(0, _MANY, part.pattern) for tag, part in tags.items()}
            return [_Alternative({}, parts, (frozenset(tags),) if kind == "oneOrMore" else ())]
        if kind in ("group", "interleave"):
            return self._all_of(pattern)
        assert kind in ("text", "empty", "data", "value"), f"no words for <{kind}>"
        return [_Alternative()]

    def _values(self, pattern: etree._Element) -> Values:
        words, types, like = [], [], ""
        nodes = list(pattern.iterdescendants())
        for node in nodes:
            kind = str(node.tag).removeprefix(_NS)
            if kind == "ref":
                nodes.extend(self._defines[node.get("name", "")].iterdescendants())
            elif kind == "value":
                words.append(node.text or "")
            elif kind == "param":
                like = node.text or ""
            elif kind == "data" and node.get("type") != "string":
                types.append(node.get("type", ""))
        return Values(tuple(words), tuple(types), like)


def _distance(element: etree._Element, alternative: _Alternative) -> int:
    """How much would have to change for an element to be right in this way."""
    distance = 0
    for name, value in element.attrib.items():
        if name not in alternative.attributes:
            distance += 3
        elif not alternative.attributes[str(name)][1].allow(str(value)):
            distance += 4
    distance += sum(
        3 for name, (required, _) in alternative.attributes.items()
        if required and element.get(name) is None
    )
    counts = Counter(str(child.tag) for child in element if is_element(child))
    distance += sum(3 for tag in counts if tag not in alternative.parts)
    for tag, part in alternative.parts.items():
        distance += 2 * (counts[tag] < part.least) + 2 * (counts[tag] > part.most)
    return distance + sum(2 for tags in alternative.some if not any(counts[t] for t in tags))


def _united(several: Iterable[Values]) -> Values:
    """All that an attribute may be in any of its ways."""
    words: dict[str, None] = {}
    types: dict[str, None] = {}
    pattern = ""
    for values in several:
        words.update(dict.fromkeys(values.words))
        types.update(dict.fromkeys(values.types))
        pattern = pattern or values.pattern
    return Values(tuple(words), tuple(types), pattern)


def _rival(element: etree._Element, name: str, all_: tuple[_Alternative, ...]) -> str:
    """Another attribute of the element with which `name` never stands."""
    ways = [alternative for alternative in all_ if name in alternative.attributes]
    for other in map(str, element.attrib):
        if other != name and not any(other in way.attributes for way in ways):
            return repr(other)
    return ""
