"""Words of one object of the configuration, read from left to right; the parts that all objects share.

In:  a `Cursor` over the words. Out: attribute sets, rules and operations, appended to a sketch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NoReturn

import msgspec
from lxml import etree

from hashell.commands.facts import (
    DATE_SPEC_FIELDS,
    OP_ATTRIBUTES,
    settle_role,
    with_unit,
)
from hashell.errors import BadUsage

Element = etree._Element


class SyntaxProblem(BadUsage):
    """`place` is the number of the word that is wrong, counted from 0; len(words) means after the last."""

    id = "configure-syntax"

    def __init__(self, message: str, hint: str = "", place: int = -1) -> None:
        super().__init__(message, hint)
        self.place = place


def plain_agent(text: str) -> tuple[str, str, str]:
    """Class, provider and type without a look at what is installed: a bare type is ocf:heartbeat."""
    parts = text.split(":")
    if len(parts) == 1:
        return "ocf", "heartbeat", text
    if parts[0] == "ocf" and len(parts) == 3:
        return "ocf", parts[1], parts[2]
    if parts[0] == "ocf":
        return "ocf", "heartbeat", parts[1]
    return parts[0], "", ":".join(parts[1:])


class ParseContext(msgspec.Struct):
    """What the language needs to know about the cluster; the defaults parse without one."""

    #: Typed by a person as one command: times get units, empty options are refused.
    typed: bool = False
    #: Whether the schema knows Promoted and Unpromoted.
    modern_roles: bool = True
    #: Old role names are rewritten to new ones (not while a print is checked against its source).
    convert_roles: bool = True
    node_names: tuple[str, ...] = ()
    #: `[class:[provider:]]type` → (class, provider, type).
    agent_of: Callable[[str], tuple[str, str, str]] = plain_agent


STOP_WORDS = frozenset(
    {"params", "meta", "utilization", "operations", "op", "op_params", "op_meta", "rule", "attributes"}
)
_PAIR = re.compile(r"([^=@$][^=]*)=(.*)", re.DOTALL)
_PAIR_WITH_ID = re.compile(r"\$([^:=]+)(?::([^=]+))?=(.*)", re.DOTALL)
_PAIR_REFERENCE = re.compile(r"@([^:]+)(?::(.+))?")
_BARE_NAME = re.compile(r"[^:=]+")
_NAME = re.compile(r"[A-Za-z0-9_#$-][^=]*")
_RESOURCE = re.compile(r"[A-Za-z_#$][^=]*")
ID_OR_REFERENCE = re.compile(r"\$(id-ref|id)=(.*)", re.IGNORECASE)
SET_ID = re.compile(r"\$id=(.*)", re.IGNORECASE)
HEAD_ID = re.compile(r"([\w.-]+):")
SCORE = re.compile(r"([^:]+):")
ROLE = re.compile(r"\$?role=(.+)", re.IGNORECASE)
_DESCRIPTION = re.compile(r"description=(.+)", re.IGNORECASE | re.DOTALL)
NUMERIC_SCORE = re.compile(r"([+-]?)(inf|infinity|[0-9]+)", re.IGNORECASE)
_COMPARISON = re.compile(r"(?:(string|version|number|integer):)?(lte|gte|lt|gt|eq|ne)", re.IGNORECASE)
_VALUE_SOURCE = re.compile(r"(param|meta|literal)\{(\S+)\}")
KINDS = ("Mandatory", "Optional", "Serialize")


class Cursor:
    """Where we are in the words of one command; every failure names its word."""

    def __init__(self, words: list[str], context: ParseContext) -> None:
        self.words = words
        self.place = 1
        self.context = context

    def peek(self) -> str | None:
        return self.words[self.place] if self.place < len(self.words) else None

    def fail(self, message: str, place: int = -1) -> NoReturn:
        place = self.place if place < 0 else place
        near = f" near <{self.words[place]}>" if place < len(self.words) else ""
        raise SyntaxProblem(f"syntax in {self.words[0]}: {message}{near}", f"help configure {self.words[0]}", place)

    def take(self, what: str) -> str:
        """The next word, whatever it is."""
        word = self.peek()
        if word is None:
            self.fail(f"expected {what}")
        self.place += 1
        return word

    def accept(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The next word if it is of this form; then it is consumed."""
        word = self.peek()
        found = pattern.fullmatch(word) if word is not None else None
        if found:
            self.place += 1
        return found

    def expect(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        found = self.accept(pattern)
        if found is None:
            self.fail(f"expected {what}")
        return found

    def accept_word(self, *wanted: str) -> str:
        """The keyword, in lower case, if the next word is one of these in any case; else the empty text."""
        word = self.peek()
        if word is not None and word.lower() in wanted:
            self.place += 1
            return word.lower()
        return ""

    def name(self, what: str = "an id") -> str:
        return self.expect(_NAME, what)[0]

    def resource(self) -> str:
        return self.expect(_RESOURCE, "a resource")[0]

    def at_least(self, count: int) -> None:
        if len(self.words) < count + 1:
            self.fail(f"expected at least {count} arguments", len(self.words))

    def description(self, element: Element) -> None:
        found = self.accept(_DESCRIPTION)
        if found:
            element.set("description", found[1])

    def role(self, text: str, name: str = "role") -> str:
        return settle_role(name, text, self.context.modern_roles, self.context.convert_roles)

    def take_last(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """An option that stands at the very end of the command, taken away before the rest is read."""
        if self.place < len(self.words):
            found = pattern.fullmatch(self.words[-1])
            if found:
                del self.words[-1]
                return found
        return None


# --- attribute sets ------------------------------------------------------------------------------------


def read_pairs(
    cursor: Cursor, stop: frozenset[str] = STOP_WORDS, *, bare: bool = True, empty: bool = True
) -> list[Element]:
    """`name=value`, `$id:name=value`, `@id[:name]` and, where allowed, names without a value."""
    found: list[Element] = []
    while (word := cursor.peek()) is not None and word.lower() not in stop:
        if match := cursor.accept(_PAIR_REFERENCE):
            pair = etree.Element("nvpair")
            pair.set("id-ref", match[1])
            if match[2]:
                pair.set("name", match[2])
        elif match := cursor.accept(_PAIR_WITH_ID):
            pair = etree.Element("nvpair", {"id": match[1], "name": match[2] or match[1], "value": match[3]})
        elif match := cursor.accept(_PAIR):
            if not empty and not match[2]:
                cursor.fail(f"an empty value for {match[1]} is not allowed", cursor.place - 1)
            value = cursor.role(match[2], match[1])
            pair = etree.Element("nvpair", {"name": match[1], "value": value})
        elif bare and (match := cursor.accept(_BARE_NAME)):
            pair = etree.Element("nvpair", {"name": match[0]})
        else:
            break
        found.append(pair)
    return found


def _attribute_set(cursor: Cursor, tag: str, stop: frozenset[str] = STOP_WORDS) -> Element:
    """`[$id=ID] [SCORE:] [rule …]… pairs`, or `$id-ref=ID`."""
    element = etree.Element(tag)
    match = cursor.accept(ID_OR_REFERENCE)
    if match and match[1].lower() == "id-ref":
        element.set("id-ref", match[2])
        return element
    if match:
        element.set("id", match[2])
    if match := cursor.accept(SCORE):
        element.set("score", match[1])
    for rule in read_rules(cursor):
        element.append(rule)
    for pair in read_pairs(cursor, stop):
        element.append(pair)
    return element


def read_body(
    cursor: Cursor,
    out: Element,
    sets: dict[str, str],
    first: str = "",
    stop: frozenset[str] = STOP_WORDS,
    extra: Mapping[str, Callable[[Cursor, Element], None]] | None = None,
) -> None:
    """The sets and operations of an object, in any order; `first` names the set that pairs without a keyword belong
    to.
    """
    extra = extra or {}
    begun = False
    while (word := cursor.peek()) is not None:
        key = word.lower()
        if key in sets:
            cursor.place += 1
            out.append(_attribute_set(cursor, sets[key], stop))
        elif key in extra:
            extra[key](cursor, out)
        elif first and not begun:
            element = _attribute_set(cursor, sets[first], stop)
            if not len(element) and not element.attrib:
                return
            out.append(element)
        else:
            return
        begun = True


# --- rules ---------------------------------------------------------------------------------------------


def read_score(text: str) -> tuple[str, str]:
    """Attribute and value: a score, or the node attribute that holds it."""
    word = {"advisory": "0", "mandatory": "INFINITY"}.get(text.lower())
    if word is not None:
        return "score", word
    match = NUMERIC_SCORE.fullmatch(text)
    if match is None:
        return "score-attribute", text
    if match[2][0] in "iI":
        return "score", ("-" if match[1] == "-" else "") + "INFINITY"
    return "score", text


def read_rules(cursor: Cursor) -> list[Element]:
    """`rule [$id=ID|$id-ref=ID] [$role=ROLE] [SCORE:] EXPRESSION`, any number of them."""
    found: list[Element] = []
    while cursor.accept_word("rule"):
        rule = etree.Element("rule")
        found.append(rule)
        reference = cursor.accept(ID_OR_REFERENCE)
        if reference:
            rule.set(reference[1].lower(), reference[2])
        if match := cursor.accept(ROLE):
            rule.set("role", cursor.role(match[1]))
        if reference and reference[1].lower() == "id-ref":
            continue
        match = cursor.accept(SCORE)
        rule.set(*(read_score(match[1]) if match else ("score", "INFINITY")))
        operator = _expression(cursor, rule)
        if operator == "or":
            rule.set("boolean-op", operator)
    return found


def _expression(cursor: Cursor, rule: Element) -> str:
    """Simple expressions joined by one kind of operator, appended to the rule; the operator, or the empty text."""
    rule.append(_simple_expression(cursor))
    operator = ""
    while word := cursor.accept_word("and", "or"):
        if operator and word != operator:
            cursor.fail(f"`and` and `or` cannot be mixed in one rule: {operator}, {word}", cursor.place - 1)
        operator = word
        rule.append(_simple_expression(cursor))
    return operator


def _simple_expression(cursor: Cursor) -> Element:
    if cursor.accept_word("date"):
        return _date(cursor)
    if word := cursor.accept_word("defined", "not_defined"):
        return etree.Element("expression", {"operation": word, "attribute": cursor.name("an attribute")})
    attribute = cursor.name("an attribute")
    match = cursor.expect(_COMPARISON, "one of lt, gt, lte, gte, eq, ne")
    element = etree.Element("expression", {"operation": match[2].lower(), "attribute": attribute})
    if match[1]:
        element.set("type", match[1].lower())
    value = cursor.take("a value")
    source = _VALUE_SOURCE.fullmatch(value)
    if source:
        element.set("value", source[2])
        element.set("value-source", source[1])
    else:
        element.set("value", value)
    return element


def _date(cursor: Cursor) -> Element:
    word = cursor.accept_word("lt", "gt", "in", "in_range", "spec", "date_spec")
    if not word:
        cursor.fail("expected one of lt, gt, in, spec")
    operation = {"in": "in_range", "spec": "date_spec"}.get(word, word)
    element = etree.Element("date_expression", {"operation": operation})
    if operation in ("lt", "gt"):
        element.set("end" if operation == "lt" else "start", cursor.take("a date"))
        return element
    allowed = DATE_SPEC_FIELDS if operation == "date_spec" else (*DATE_SPEC_FIELDS, "start", "end")
    values: dict[str, str] = {}
    while (pair := cursor.peek()) is not None:
        name, _, value = pair.partition("=")
        if name not in allowed:
            break
        values[name] = value
        cursor.place += 1
    if len(values) < (2 if operation == "in_range" else 1):
        cursor.fail("expected a date or duration as name=value")
    for name in ("start", "end"):
        if operation == "in_range" and name in values:
            element.set(name, values.pop(name))
    if values:
        etree.SubElement(element, "date_spec" if operation == "date_spec" else "duration", values)
    return element


# --- operations ----------------------------------------------------------------------------------------


def _operation(cursor: Cursor) -> Element:
    """`NAME [attribute=value]… [op_params …] [op_meta …]` after the word `op`."""
    element = etree.Element("op", {"name": cursor.name("an operation")})
    start = cursor.place
    parameters: list[Element] = []
    for offset, pair in enumerate(read_pairs(cursor)):
        name = pair.get("name") or ""
        value = pair.get("value")
        if name not in OP_ATTRIBUTES or value is None:
            parameters.append(pair)
            continue
        if parameters:
            cursor.fail(f"attribute order error: {name} must come before any instance attribute", start + offset)
        if cursor.context.typed and name in ("interval", "timeout"):
            value = with_unit(value)
        element.set(name, value)
    if element.get("interval") is None and element.get("name") != "monitor":
        element.set("interval", "0s")
    if parameters:
        holder = etree.SubElement(element, "instance_attributes")
        holder.extend(parameters)
    read_body(cursor, element, {"op_params": "instance_attributes", "op_meta": "meta_attributes"}, "op_params")
    return element


def read_operations(cursor: Cursor, out: Element) -> None:
    """`op …` or `operations $id=…|$id-ref=…` and the operations that follow; all of a resource share one element."""
    holder = out.find("operations")
    if cursor.accept_word("operations"):
        match = cursor.expect(ID_OR_REFERENCE, "$id=ID or $id-ref=ID")
        holder = etree.SubElement(out, "operations", {match[1].lower(): match[2]})
    elif holder is None:
        holder = etree.SubElement(out, "operations")
    while cursor.accept_word("op"):
        holder.append(_operation(cursor))
