"""Rule expressions of pcs → a sketch of a <rule>.

`and` binds tighter than `or`; parentheses group. Source: pcs(8), "constraint location … rule", "resource defaults
set create".
"""

from __future__ import annotations

import re
from typing import NoReturn

from lxml import etree

from hashell.commands.binding import Element
from hashell.errors import BadUsage

_COMPARISONS = ("lt", "gt", "lte", "gte", "eq", "ne")
_TYPES = ("string", "integer", "number", "version")
#: Smallest and largest value of each field of a date; None: anything.
_FIELDS: dict[str, tuple[int, int] | None] = {
    "seconds": (0, 59),
    "minutes": (0, 59),
    "hours": (0, 23),
    "monthdays": (1, 31),
    "weekdays": (1, 7),
    "yeardays": (1, 366),
    "yearsdays": (1, 366),
    "months": (1, 12),
    "weeks": (1, 53),
    "years": None,
    "weekyears": None,
    "moon": (0, 7),
}
_DURATION = (
    "years",
    "months",
    "weeks",
    "days",
    "hours",
    "minutes",
    "seconds",
    "monthdays",
    "weekdays",
    "yearsdays",
    "weekyears",
)


class BadRule(BadUsage):
    id = "rule-bad"


class _Reader:
    def __init__(self, words: list[str], *, resource: bool, operation: bool, node: bool) -> None:
        self.text = " ".join(words)
        self.words = [piece for word in words for piece in _split(word)]
        self.place = 0
        self.resource, self.operation, self.node = resource, operation, node

    def fail(self, message: str) -> NoReturn:
        raise BadRule(f"'{self.text}' is not a valid rule expression: {message}", "see pcs constraint help")

    def peek(self) -> str:
        return self.words[self.place] if self.place < len(self.words) else ""

    def take(self, what: str = "more") -> str:
        if self.place >= len(self.words):
            self.fail(f"{what} expected at the end")
        self.place += 1
        return self.words[self.place - 1]

    def either(self, operator: str = "or") -> Element:
        """Terms joined by one operator; one term alone stands for itself."""
        terms = [self.inner(operator)]
        while self.peek() == operator:
            self.place += 1
            terms.append(self.inner(operator))
        if len(terms) == 1:
            return terms[0]
        rule = etree.Element("rule", {"boolean-op": operator})
        for term in terms:
            # The same operator inside says nothing new.
            if term.tag == "rule" and term.get("boolean-op") == operator:
                rule.extend(list(term))
            else:
                rule.append(term)
        return rule

    def inner(self, operator: str) -> Element:
        return self.either("and") if operator == "or" else self.term()

    def term(self) -> Element:
        if self.peek() == "(":
            self.place += 1
            found = self.either()
            if self.take("')'") != ")":
                self.place -= 1
                self.fail(f"')' expected, found '{self.peek()}'")
            return found
        word = self.take("an expression")
        if word == "date":
            return self.date()
        if word == "date-spec":
            return self.date_spec()
        if word == "resource" and self.resource:
            return self.agent()
        if word == "op" and self.operation:
            return self.op()
        if not self.node:
            self.fail(f"unexpected '{word}'")
        if word in ("defined", "not_defined"):
            return etree.Element("expression", {"operation": word, "attribute": self.take("an attribute")})
        if word in (")", "and", "or"):
            self.fail(f"unexpected '{word}'")
        comparison = self.take("a comparison")
        if comparison not in _COMPARISONS:
            self.fail(f"unexpected '{comparison}'")
        kind = self.peek()
        element = etree.Element("expression", {"operation": comparison, "attribute": word})
        if kind in _TYPES and self.place + 1 < len(self.words) and self.words[self.place + 1] not in ("and", "or", ")"):
            self.place += 1
            element.set("type", kind)
        value = self.take("a value")
        if element.get("type") == "integer" and not re.fullmatch(r"[+-]?\d+", value):
            self.fail(f"invalid integer value '{value}'")
        if element.get("type") == "version" and not re.fullmatch(r"\d+(\.\d+)*", value):
            self.fail(f"invalid version value '{value}'")
        element.set("value", value)
        return element

    def date(self) -> Element:
        word = self.take("gt, lt or in_range")
        if word in ("gt", "lt"):
            return etree.Element(
                "date_expression", {"operation": word, "start" if word == "gt" else "end": self.moment()}
            )
        if word != "in_range":
            self.fail(f"unexpected '{word}'")
        element = etree.Element("date_expression", {"operation": "in_range"})
        if self.peek() != "to":
            element.set("start", self.moment())
        if self.take("'to'") != "to":
            self.fail("'to' expected")
        if self.peek() == "duration":
            self.place += 1
            etree.SubElement(element, "duration", self.fields(dict.fromkeys(_DURATION)))
        else:
            element.set("end", self.moment())
        return element

    def moment(self) -> str:
        word = self.take("a date")
        if not re.match(r"\d{4}|--|[+-]?\d", word):
            self.fail(f"invalid date '{word}'")
        return word

    def date_spec(self) -> Element:
        element = etree.Element("date_expression", {"operation": "date_spec"})
        etree.SubElement(element, "date_spec", self.fields(_FIELDS))
        return element

    def fields(self, known: dict[str, tuple[int, int] | None]) -> dict[str, str]:
        found: dict[str, str] = {}
        while "=" in self.peek():
            name, _, value = self.take().partition("=")
            if name not in known:
                self.fail(f"unexpected '{name}={value}'")
            match = re.fullmatch(r"(\d+)(?:-(\d+))?", value)
            if match is None:
                self.fail(f"invalid {name} '{value}'")
            limits = known[name]
            if limits is not None and not all(limits[0] <= int(part) <= limits[1] for part in match.groups() if part):
                self.fail(f"invalid {name} '{value}' in 'date-spec'")
            found[name] = value
        if not found:
            self.fail("name=value expected")
        return found

    def agent(self) -> Element:
        parts = self.take("an agent").split(":")
        if len(parts) != 3:
            self.fail("write resource STANDARD:PROVIDER:TYPE")
        names = zip(("class", "provider", "type"), parts, strict=True)
        return etree.Element("rsc_expression", {name: value for name, value in names if value})

    def op(self) -> Element:
        element = etree.Element("op_expression", {"name": self.take("an operation")})
        if self.peek().startswith("interval="):
            element.set("interval", self.take().partition("=")[2])
        return element


def _split(word: str) -> list[str]:
    """Parentheses that stick to a word taken off."""
    if re.search(r"\s", word):
        return [piece for part in word.split() for piece in _split(part)]
    before = re.match(r"\(*", word)
    assert before is not None
    rest = word[before.end() :]
    after = len(rest) - len(rest.rstrip(")"))
    core = rest[: len(rest) - after] if after else rest
    return [*before[0], *([core] if core else []), *(")" * after)]


def parse_rule(words: list[str], *, resource: bool = False, operation: bool = False, node: bool = True) -> Element:
    """A <rule> without ids and score. Raises BadRule."""
    if not words:
        raise BadRule("no rule expression was specified", "give an expression")
    reader = _Reader(words, resource=resource, operation=operation, node=node)
    found = reader.either()
    if reader.place < len(reader.words):
        reader.fail(f"unexpected '{reader.peek()}'")
    if found.tag != "rule":
        rule = etree.Element("rule", {"boolean-op": "and"})
        rule.append(found)
        found = rule
    return found
