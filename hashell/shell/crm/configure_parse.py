"""Configure language → sketches of CIB elements.

A sketch is an element as a person typed it: ids may be missing, resources inside a container stand as `<member
id=…/>`, and
an `id-ref` may name an object instead of one of its sets. `hashell.commands.binding` settles all three.
Source: the CRM shell's manual, "configure".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn

import msgspec
from lxml import etree

from hashell.commands.binding import MEMBER, attributes
from hashell.commands.facts import (
    ACL_SHORTCUTS,
    DATE_SPEC_FIELDS,
    OP_ATTRIBUTES,
    RESOURCE_ACTIONS,
    RESOURCE_ROLES,
    settle_role,
    with_unit,
)
from hashell.errors import BadUsage
from hashell.shell.grammar.lexer import check_characters

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
_ID_OR_REFERENCE = re.compile(r"\$(id-ref|id)=(.*)", re.IGNORECASE)
_SET_ID = re.compile(r"\$id=(.*)", re.IGNORECASE)
_HEAD_ID = re.compile(r"([\w.-]+):")
_SCORE = re.compile(r"([^:]+):")
_ROLE = re.compile(r"\$?role=(.+)", re.IGNORECASE)
_DESCRIPTION = re.compile(r"description=(.+)", re.IGNORECASE | re.DOTALL)
_NUMERIC_SCORE = re.compile(r"([+-]?)(inf|infinity|[0-9]+)", re.IGNORECASE)
_COMPARISON = re.compile(r"(?:(string|version|number|integer):)?(lte|gte|lt|gt|eq|ne)", re.IGNORECASE)
_VALUE_SOURCE = re.compile(r"(param|meta|literal)\{(\S+)\}")
_KINDS = ("Mandatory", "Optional", "Serialize")


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


def _pairs(
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
    match = cursor.accept(_ID_OR_REFERENCE)
    if match and match[1].lower() == "id-ref":
        element.set("id-ref", match[2])
        return element
    if match:
        element.set("id", match[2])
    if match := cursor.accept(_SCORE):
        element.set("score", match[1])
    for rule in _rules(cursor):
        element.append(rule)
    for pair in _pairs(cursor, stop):
        element.append(pair)
    return element


def _body(
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


def _score(text: str) -> tuple[str, str]:
    """Attribute and value: a score, or the node attribute that holds it."""
    word = {"advisory": "0", "mandatory": "INFINITY"}.get(text.lower())
    if word is not None:
        return "score", word
    match = _NUMERIC_SCORE.fullmatch(text)
    if match is None:
        return "score-attribute", text
    if match[2][0] in "iI":
        return "score", ("-" if match[1] == "-" else "") + "INFINITY"
    return "score", text


def _rules(cursor: Cursor) -> list[Element]:
    """`rule [$id=ID|$id-ref=ID] [$role=ROLE] [SCORE:] EXPRESSION`, any number of them."""
    found: list[Element] = []
    while cursor.accept_word("rule"):
        rule = etree.Element("rule")
        found.append(rule)
        reference = cursor.accept(_ID_OR_REFERENCE)
        if reference:
            rule.set(reference[1].lower(), reference[2])
        if match := cursor.accept(_ROLE):
            rule.set("role", cursor.role(match[1]))
        if reference and reference[1].lower() == "id-ref":
            continue
        match = cursor.accept(_SCORE)
        rule.set(*(_score(match[1]) if match else ("score", "INFINITY")))
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
    for offset, pair in enumerate(_pairs(cursor)):
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
    _body(cursor, element, {"op_params": "instance_attributes", "op_meta": "meta_attributes"}, "op_params")
    return element


def _operations(cursor: Cursor, out: Element) -> None:
    """`op …` or `operations $id=…|$id-ref=…` and the operations that follow; all of a resource share one element."""
    holder = out.find("operations")
    if cursor.accept_word("operations"):
        match = cursor.expect(_ID_OR_REFERENCE, "$id=ID or $id-ref=ID")
        holder = etree.SubElement(out, "operations", {match[1].lower(): match[2]})
    elif holder is None:
        holder = etree.SubElement(out, "operations")
    while cursor.accept_word("op"):
        holder.append(_operation(cursor))


# --- resources -----------------------------------------------------------------------------------------

_RESOURCE_SETS = {"params": "instance_attributes", "meta": "meta_attributes"}


def _primitive(cursor: Cursor) -> Element:
    cursor.at_least(2)
    is_template = cursor.words[0] == "rsc_template"
    out = etree.Element("template" if is_template else "primitive", {"id": cursor.name()})
    agent = cursor.take("a resource type")
    if agent.startswith("@") and not is_template:
        out.set("template", agent[1:])
    else:
        if not re.fullmatch(r"[\w:./@-]+", agent):
            cursor.fail("unknown resource type", cursor.place - 1)
        for name, value in zip(("class", "provider", "type"), cursor.context.agent_of(agent), strict=True):
            if value:
                out.set(name, value)
    cursor.description(out)
    _body(
        cursor,
        out,
        {**_RESOURCE_SETS, "utilization": "utilization"},
        "params",
        extra={"op": _operations, "operations": _operations},
    )
    return out


def _group(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("group", {"id": cursor.name()})
    members: list[str] = []
    while (word := cursor.peek()) and "=" not in word and word.lower() not in _RESOURCE_SETS:
        if word in members:
            cursor.fail(f"{word} is listed more than once in group {out.get('id')}")
        members.append(cursor.take("a resource"))
    cursor.description(out)
    _body(cursor, out, _RESOURCE_SETS, "params")
    for member in members:
        etree.SubElement(out, MEMBER, {"id": member})
    return out


def _clone(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("clone" if cursor.words[0] == "clone" else "master", {"id": cursor.name()})
    member = etree.Element(MEMBER, {"id": cursor.resource()})
    cursor.description(out)
    _body(cursor, out, _RESOURCE_SETS, "params")
    out.append(member)
    return out


_BUNDLE_STOP = frozenset({"network", "storage", "meta", "primitive", "docker", "podman", "rkt"})


def _bundle(cursor: Cursor) -> Element:
    cursor.at_least(2)
    word = cursor.take("an id")
    out = etree.Element("bundle", {"id": word.removeprefix("id=")})
    cursor.description(out)
    parts = dict.fromkeys(("docker", "podman", "rkt", "network", "storage", "primitive"), _bundle_part)
    _body(cursor, out, {"meta": "meta_attributes"}, stop=_BUNDLE_STOP, extra=parts)
    return out


def _bundle_part(cursor: Cursor, out: Element) -> None:
    """A container, its network, its storage, or the primitive inside; mappings begin with a word of their own."""
    start = cursor.place
    part = cursor.take("a part").lower()
    pairs = _pairs(cursor, _BUNDLE_STOP)
    if part == "primitive":
        if len(pairs) != 1 or pairs[0].get("value") or not pairs[0].get("name"):
            cursor.fail("expected a reference to one primitive", start + 1)
        etree.SubElement(out, MEMBER, {"id": pairs[0].get("name") or ""})
        return
    holder = out.find(part)
    if holder is None:
        holder = etree.SubElement(out, part)
    target = holder
    for pair in pairs:
        name, value = pair.get("name") or "", pair.get("value")
        if name in ("port-mapping", "storage-mapping"):
            target = etree.SubElement(holder, name)
        elif not re.fullmatch(r"[A-Za-z_][\w.-]*", name):
            cursor.fail(f"{name!r} cannot be the name of an option", start + 1)
        else:
            target.set(name, value or "")


# --- constraints ---------------------------------------------------------------------------------------


def _location(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("rsc_location", {"id": cursor.name()})
    if match := cursor.accept(re.compile(r"/(.+)/")):
        out.set("rsc-pattern", match[1])
    elif cursor.accept_word("{"):
        inner: list[str] = []
        while (word := cursor.peek()) is not None and word != "}":
            inner.append(cursor.take("a resource"))
        if not cursor.accept_word("}"):
            cursor.fail("expected }")
        if not inner:
            cursor.fail("empty resource set", cursor.place - 1)
        out.extend(_resource_sets(cursor, inner, "role"))
    else:
        out.set("rsc", cursor.resource())
    while match := cursor.accept(re.compile(r"\$?([A-Za-z_][\w.-]*)=(.*)")):
        out.set(match[1], cursor.role(match[2], match[1]))
    if match := cursor.accept(_SCORE):
        out.set(*_score(match[1]))
        out.set("node", cursor.name("a node"))
        if match := cursor.accept(_ROLE):
            out.set("role", cursor.role(match[1]))
        return out
    rules = _rules(cursor)
    if not rules:
        cursor.fail("expected SCORE: NODE or rule …")
    out.extend(rules)
    return out


def _colocation(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("rsc_colocation", {"id": cursor.name()})
    out.set(*_score(cursor.expect(_SCORE, "SCORE:")[1]))
    if match := cursor.take_last(re.compile(r"node-attribute=(.+)")):
        out.set("node-attribute", match[1].lower())
    _pair_or_sets(cursor, out, ("rsc", "with-rsc"), "role")
    return out


def _order(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("rsc_order", {"id": cursor.name()})
    start = cursor.place
    if match := cursor.accept(_SCORE):
        kind = next((kind for kind in _KINDS if kind.lower() == match[1].lower()), "")
        if not kind and _NUMERIC_SCORE.fullmatch(match[1]):
            kind = "Optional" if match[1] == "0" else "Mandatory"
        if not kind:
            cursor.fail(f"no kind of order is called {match[1]}: use {', '.join(_KINDS)}", start)
        out.set("kind", kind)
    if match := cursor.take_last(re.compile(r"symmetrical=(true|false|yes|no|on|off)", re.IGNORECASE)):
        out.set("symmetrical", "true" if match[1].lower() in ("true", "yes", "on") else "false")
    _pair_or_sets(cursor, out, ("first", "then"), "action")
    return out


def _ticket(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("rsc_ticket", {"id": cursor.name()})
    out.set("ticket", cursor.expect(_SCORE, "TICKET:")[1])
    if match := cursor.take_last(re.compile(r"loss-policy=(stop|demote|fence|freeze)", re.IGNORECASE)):
        out.set("loss-policy", match[1].lower())
    _pair_or_sets(cursor, out, ("rsc",), "role")
    return out


def _pair_or_sets(cursor: Cursor, out: Element, names: tuple[str, ...], suffix: str) -> None:
    """Exactly as many resources as `names` make a plain constraint; anything else is resource sets."""
    words = cursor.words[cursor.place :]
    if not words:
        cursor.fail(f"expected a resource[:{suffix}] or resource sets")
    if len(words) != len(names) or any(word[0] in "([" or word[-1] in ")]" for word in words if word):
        sets = _resource_sets(cursor, words, suffix)
        cursor.place = len(cursor.words)
        if not sets:
            cursor.fail("empty resource set")
        out.extend(sets)
        return
    for name in names:
        resource, _, qualifier = cursor.take("a resource").partition(":")
        out.set(name, resource)
        if qualifier.isdigit():
            out.set(f"{name}-instance", qualifier)
        elif qualifier:
            out.set(f"{name}-{suffix}", _qualifier(cursor, suffix, qualifier, cursor.place - 1))


def _qualifier(cursor: Cursor, suffix: str, text: str, place: int) -> str:
    """A role or an action in its own spelling."""
    if suffix == "role":
        text = cursor.role(text)
    choices = RESOURCE_ROLES if suffix == "role" else RESOURCE_ACTIONS
    found = next((known for known in choices if known.lower() == text.lower()), None)
    if found is None:
        cursor.fail(f"invalid {suffix} {text}", place)
    return found


def _resource_sets(cursor: Cursor, words: list[str], suffix: str) -> list[Element]:
    """Runs of resources, `( … )` without order inside, `[ … ]` of which one is enough.

    A change of role or action begins a new set. `sequential=` and `require-all=` hold until the set's end.
    """
    sets: list[Element] = []
    members: list[str] = []
    opened = qualifier = ""
    sequential = require_all = True

    def close() -> None:
        nonlocal members
        if members:
            element = etree.Element("resource_set")
            if not require_all:
                element.set("require-all", "false")
            if not sequential:
                element.set("sequential", "false")
            if qualifier:
                element.set(suffix, qualifier)
            for member in members:
                etree.SubElement(element, "resource_ref", {"id": member})
            sets.append(element)
        members = []

    for word, place in _spread(words, cursor.place):
        if word == "_rsc_set_":
            continue
        if word in ("(", "["):
            if opened:
                cursor.fail("resource sets cannot be nested", place)
            close()
            opened, qualifier, sequential, require_all = word, "", False, word != "["
        elif word in (")", "]"):
            if not members:
                cursor.fail("empty resource set", place)
            if not opened:
                cursor.fail("unmatched closing bracket", place)
            if (opened, word) not in (("(", ")"), ("[", "]")):
                cursor.fail("mismatched closing bracket", place)
            close()
            opened, qualifier, sequential, require_all = "", "", True, True
        elif "=" in word:
            name, _, value = word.partition("=")
            if name not in ("sequential", "require-all") or value.lower() not in (
                "true",
                "false",
                "yes",
                "no",
                "on",
                "off",
                "1",
                "0",
            ):
                cursor.fail(f"unknown attribute {word}", place)
            truth = value.lower() in ("true", "yes", "on", "1")
            sequential, require_all = (truth, require_all) if name == "sequential" else (sequential, truth)
        else:
            resource, _, text = word.partition(":")
            wanted = _qualifier(cursor, suffix, text, place) if text else ""
            if wanted != qualifier:
                close()
                qualifier = wanted
            members.append(resource)
    if opened:
        cursor.fail("unmatched opening bracket", len(cursor.words) - 1)
    close()
    return sets


def _spread(words: list[str], first: int) -> Iterator[tuple[str, int]]:
    """Words with brackets that stick to them taken off, each with the place of the word it came from."""
    for place, word in enumerate(words, first):
        rest = word
        if len(rest) > 1 and rest[0] in "([":
            yield rest[0], place
            rest = rest[1:]
        if len(rest) > 1 and rest[-1] in ")]":
            yield rest[:-1], place
            yield rest[-1], place
        else:
            yield rest, place


# --- everything else -----------------------------------------------------------------------------------


def _node(cursor: Cursor) -> Element:
    cursor.at_least(1)
    out = etree.Element("node")
    if match := cursor.accept(_SET_ID) or cursor.accept(_HEAD_ID):
        out.set("id", match[1])
    match = cursor.expect(re.compile(r"([^:=]+)(?::(member|remote))?", re.IGNORECASE), "uname[:type]")
    out.set("uname", match[1])
    if match[2]:
        out.set("type", match[2].lower())
    cursor.description(out)
    _body(cursor, out, {"attributes": "instance_attributes", "utilization": "utilization"}, "attributes")
    return out


def _options(cursor: Cursor) -> Element:
    """property, rsc_defaults, op_defaults: one set of options, with rules."""
    word = cursor.words[0]
    out = etree.Element("cluster_property_set" if word == "property" else word)
    holder = out if word == "property" else etree.SubElement(out, "meta_attributes")
    if match := cursor.accept(_HEAD_ID):
        holder.set("id", match[1])
    elif match := cursor.accept(_ID_OR_REFERENCE):
        holder.set(match[1].lower(), match[2])
    holder.extend(_rules(cursor))
    typed = cursor.context.typed
    holder.extend(_pairs(cursor, frozenset() if typed else STOP_WORDS, bare=not typed, empty=not typed))
    return out


def _topology(cursor: Cursor) -> Element:
    out = etree.Element("fencing-topology")
    target: dict[str, str] | None = None
    levels: list[tuple[dict[str, str] | None, str]] = []
    while cursor.peek() is not None:
        if match := cursor.accept(re.compile(r"attr:([\w-]+)=([\w.-]+)", re.IGNORECASE)):
            target = {"target-attribute": match[1], "target-value": match[2]}
        elif match := cursor.accept(re.compile(r"pattern:(.+)", re.IGNORECASE)):
            target = {"target-pattern": match[1]}
        elif match := cursor.accept(re.compile(r"([^:]+):")):
            target = {"target": match[1]}
        else:
            levels.append((target, cursor.take("devices")))
    if levels and levels[0][0] is None:
        devices = [name for _, name in levels]
        levels = [({"target": node}, name) for node in cursor.context.node_names for name in devices]
    counts: dict[tuple[str, ...], int] = {}
    for where, devices_text in levels:
        key = tuple((where or {}).values())
        counts[key] = counts.get(key, 0) + 1
        etree.SubElement(out, "fencing-level", {**(where or {}), "index": str(counts[key]), "devices": devices_text})
    return out


def _tag(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("tag", {"id": cursor.expect(re.compile(r"([A-Za-z_][^\s:]*):?"), "a tag's name")[1]})
    while cursor.peek() is not None:
        etree.SubElement(out, "obj_ref", {"id": cursor.resource()})
    if not len(out):
        cursor.fail("expected at least one resource")
    return out


_SPECIFIERS = {
    "xpath": "xpath",
    "ref": "reference",
    "reference": "reference",
    "tag": "object-type",
    "type": "object-type",
    "attr": "attribute",
    "attribute": "attribute",
}


def _role(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("acl_role", {"id": cursor.name()})
    cursor.description(out)
    while cursor.peek() is not None:
        _permission(cursor, out)
    return out


def _permission(cursor: Cursor, out: Element) -> None:
    """`RIGHT [$id=ID] [description=TEXT] SPEC…`; each of xpath, reference and object type makes a permission of its
    own.
    """
    right = cursor.accept_word("read", "write", "deny")
    if not right:
        cursor.fail("expected one of read, write, deny")
    common = etree.Element("acl_permission", {"kind": right})
    if match := cursor.accept(_SET_ID) or cursor.accept(_HEAD_ID):
        common.set("id", match[1])
    cursor.description(common)
    found: dict[str, str] = {}
    while (word := cursor.peek()) is not None:
        kind, _, value = word.partition(":")
        if kind in ACL_SHORTCUTS:
            found["xpath"] = _shortcut(cursor, kind, value)
        elif kind in _SPECIFIERS:
            if not value:
                cursor.fail("expected TYPE:SPEC")
            found[_SPECIFIERS[kind]] = value
        else:
            break
        cursor.place += 1
    if "attribute" in found and "object-type" not in found:
        cursor.fail("attribute: goes only with type:")
    for name in ("xpath", "reference", "object-type"):
        if name in found:
            element = etree.SubElement(out, "acl_permission", attributes(common))
            element.set(name, found[name])
            if name == "object-type" and "attribute" in found:
                element.set("attribute", found["attribute"])


def _shortcut(cursor: Cursor, kind: str, value: str) -> str:
    """The XPath that a short name stands for; its arguments fill the holes in their order."""
    parts = ACL_SHORTCUTS[kind]
    arguments = value.split(":") if value else []
    if not arguments:
        if "@@" in parts[0]:
            cursor.fail(f"{kind} needs an argument")
        return parts[0]
    path = ""
    for part in parts:
        if "@@" in part:
            if not arguments:
                break
            path += part.replace("@@", arguments.pop(0))
            continue
        path += part
    if arguments:
        cursor.fail(f"too many arguments for {kind}")
    return path


def _target(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element(cursor.words[0], {"id": cursor.name()})
    while cursor.peek() is not None:
        etree.SubElement(out, "role", {"id": cursor.name("a role")})
    return out


def _user(cursor: Cursor) -> Element:
    """The form before Pacemaker 1.1.12; current schemas refuse it."""
    cursor.at_least(2)
    out = etree.Element("acl_user", {"id": cursor.name()})
    while cursor.peek() is not None:
        if match := cursor.accept(re.compile(r"role:(.+)", re.IGNORECASE)):
            etree.SubElement(out, "role_ref", {"id": match[1]})
            continue
        right = cursor.accept_word("read", "write", "deny")
        if not right:
            cursor.fail("expected one of role:ID, read, write, deny")
        rule = etree.SubElement(out, right)
        while (word := cursor.peek()) is not None:
            kind, _, value = word.partition(":")
            if kind in ACL_SHORTCUTS:
                rule.set("xpath", _shortcut(cursor, kind, value))
            elif kind in ("xpath", "ref", "tag", "attribute") and value:
                rule.set(kind, value)
            else:
                break
            cursor.place += 1
    return out


_ALERT_SETS = {"attributes": "instance_attributes", "meta": "meta_attributes"}


def _alert(cursor: Cursor) -> Element:
    cursor.at_least(2)
    name = cursor.name()
    out = etree.Element("alert", {"id": name, "path": cursor.take("a path")})
    cursor.description(out)
    stop = frozenset({"attributes", "meta", "to", "select"})
    count = 0
    while cursor.peek() is not None:
        if cursor.peek() in _ALERT_SETS:
            _body(cursor, out, _ALERT_SETS, stop=stop)
        elif cursor.accept_word("select"):
            _select(cursor, out)
        elif cursor.accept_word("to"):
            count += 1
            braced = bool(cursor.accept_word("{"))
            recipient = etree.SubElement(
                out, "recipient", {"id": f"{name}-recipient-{count}", "value": cursor.take("a recipient")}
            )
            cursor.description(recipient)
            _body(cursor, recipient, _ALERT_SETS, stop=stop | ({"}"} if braced else frozenset()))
            if braced and not cursor.accept_word("}"):
                cursor.fail("expected }")
        else:
            cursor.fail("expected one of attributes, meta, select, to")
    return out


def _select(cursor: Cursor, out: Element) -> None:
    """What an alert is about; `attributes { A… }` narrows it, `attributes` without braces begins a set."""
    holder = etree.SubElement(out, "select")
    while kind := cursor.accept_word("nodes", "fencing", "resources", "attributes"):
        if kind == "attributes" and not cursor.accept_word("{"):
            cursor.place -= 1
            return
        element = etree.SubElement(holder, f"select_{kind}")
        while kind == "attributes" and not cursor.accept_word("}"):
            etree.SubElement(element, "attribute", {"name": cursor.name("an attribute")})


def _monitor(cursor: Cursor) -> Element:
    """`monitor RSC[:ROLE] INTERVAL[:TIMEOUT]`: an operation with the resource's id in `rsc`."""
    cursor.at_least(2)
    out = etree.Element("op", {"name": "monitor"})
    resource, _, role = cursor.take("a resource").partition(":")
    if role:
        out.set("role", _qualifier(cursor, "role", role, cursor.place - 1))
    out.set("rsc", resource)
    interval, _, timeout = cursor.take("an interval").partition(":")
    out.set("interval", interval)
    if timeout:
        out.set("timeout", timeout)
    return out


def _xml(cursor: Cursor) -> Element:
    from hashell.cib.document import parse_xml

    cursor.at_least(1)
    text = " ".join(cursor.words[1:])
    cursor.place = len(cursor.words)
    element = parse_xml(text, "the element")
    if element.tag not in PARENTS:
        cursor.fail(f"<{element.tag}> is no element of the configuration", 1)
    return element


#: Where each kind of object lives in the configuration.
PARENTS = {
    "node": "nodes",
    "primitive": "resources",
    "group": "resources",
    "clone": "resources",
    "master": "resources",
    "template": "resources",
    "bundle": "resources",
    "rsc_location": "constraints",
    "rsc_colocation": "constraints",
    "rsc_order": "constraints",
    "rsc_ticket": "constraints",
    "cluster_property_set": "crm_config",
    "rsc_defaults": "rsc_defaults",
    "op_defaults": "op_defaults",
    "fencing-topology": "configuration",
    "acl_role": "acls",
    "acl_user": "acls",
    "acl_target": "acls",
    "acl_group": "acls",
    "tag": "tags",
    "alert": "alerts",
}

_READERS: dict[str, Callable[[Cursor], Element]] = {
    "node": _node,
    "primitive": _primitive,
    "rsc_template": _primitive,
    "group": _group,
    "clone": _clone,
    "ms": _clone,
    "master": _clone,
    "bundle": _bundle,
    "location": _location,
    "colocation": _colocation,
    "collocation": _colocation,
    "order": _order,
    "rsc_ticket": _ticket,
    "property": _options,
    "rsc_defaults": _options,
    "op_defaults": _options,
    "fencing_topology": _topology,
    "fencing-topology": _topology,
    "tag": _tag,
    "role": _role,
    "acl_target": _target,
    "acl_group": _target,
    "user": _user,
    "alert": _alert,
    "monitor": _monitor,
    "xml": _xml,
}
KEYWORDS = frozenset(_READERS)


def parse_words(words: list[str], context: ParseContext | None = None) -> Element:
    """The sketch of one command's words, keyword first. Raises SyntaxProblem."""
    assert words
    check_characters(words)
    words = [words[0].lower(), *words[1:]]
    reader = _READERS.get(words[0])
    if reader is None:
        raise SyntaxProblem(f"no object is called {words[0]}", "help configure", 0)
    cursor = Cursor(words, context or ParseContext())
    element = reader(cursor)
    if cursor.peek() is not None:
        cursor.fail(f"unknown arguments: {' '.join(cursor.words[cursor.place :])}")
    return element
