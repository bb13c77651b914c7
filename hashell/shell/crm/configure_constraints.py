"""Constraints in the configure language → sketches: locations, colocations, orders, tickets and resource sets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from hashell.commands.facts import (
    RESOURCE_ACTIONS,
    RESOURCE_ROLES,
)
from hashell.shell.crm.configure_cursor import KINDS, NUMERIC_SCORE, ROLE, SCORE, Cursor, read_rules, read_score

Element = etree._Element


def read_location(cursor: Cursor) -> Element:
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
    if match := cursor.accept(SCORE):
        out.set(*read_score(match[1]))
        out.set("node", cursor.name("a node"))
        if match := cursor.accept(ROLE):
            out.set("role", cursor.role(match[1]))
        return out
    rules = read_rules(cursor)
    if not rules:
        cursor.fail("expected SCORE: NODE or rule …")
    out.extend(rules)
    return out


def read_colocation(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("rsc_colocation", {"id": cursor.name()})
    out.set(*read_score(cursor.expect(SCORE, "SCORE:")[1]))
    if match := cursor.take_last(re.compile(r"node-attribute=(.+)")):
        out.set("node-attribute", match[1].lower())
    _pair_or_sets(cursor, out, ("rsc", "with-rsc"), "role")
    return out


def read_order(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("rsc_order", {"id": cursor.name()})
    start = cursor.place
    if match := cursor.accept(SCORE):
        kind = next((kind for kind in KINDS if kind.lower() == match[1].lower()), "")
        if not kind and NUMERIC_SCORE.fullmatch(match[1]):
            kind = "Optional" if match[1] == "0" else "Mandatory"
        if not kind:
            cursor.fail(f"no kind of order is called {match[1]}: use {', '.join(KINDS)}", start)
        out.set("kind", kind)
    if match := cursor.take_last(re.compile(r"symmetrical=(true|false|yes|no|on|off)", re.IGNORECASE)):
        out.set("symmetrical", "true" if match[1].lower() in ("true", "yes", "on") else "false")
    _pair_or_sets(cursor, out, ("first", "then"), "action")
    return out


def read_ticket(cursor: Cursor) -> Element:
    cursor.at_least(2)
    out = etree.Element("rsc_ticket", {"id": cursor.name()})
    out.set("ticket", cursor.expect(SCORE, "TICKET:")[1])
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
            out.set(f"{name}-{suffix}", read_qualifier(cursor, suffix, qualifier, cursor.place - 1))


def read_qualifier(cursor: Cursor, suffix: str, text: str, place: int) -> str:
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
            wanted = read_qualifier(cursor, suffix, text, place) if text else ""
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
