"""Constraints as pcs prints them: text, with ids or without; commands that would make them; JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hashell.commands.binding import Element, attributes
from hashell.commands.creation import is_old
from hashell.commands.env import Env

_HEADS = {
    "rsc_location": ("Location Constraints:", "Location Set Constraints:"),
    "rsc_colocation": ("Colocation Constraints:", "Colocation Set Constraints:"),
    "rsc_order": ("Order Constraints:", "Order Set Constraints:"),
    "rsc_ticket": ("Ticket Constraints:", "Ticket Set Constraints:"),
}
_SET_NAMES = ("sequential", "require-all", "ordering", "action", "role", "score", "kind")


def _all(env: Env, tag: str) -> list[Element]:
    section = env.root.find("configuration/constraints")
    return section.findall(tag) if section is not None else []


def render(env: Env, kinds: tuple[str, ...], form: str, *, full: bool) -> Iterator[str]:
    """`form` is text, cmd or json."""
    if form == "json":
        yield json.dumps(as_data(env, kinds), indent=2)
    elif form == "cmd":
        commands = [command for kind in kinds for command in _commands(env, kind)]
        yield from ";\n".join(commands).split("\n") if commands else []
    elif form == "old" or is_old(env):
        yield from old_lines(env, kinds, full=full)
    else:
        for kind in kinds:
            yield from _text(env, kind, full=full)


def _id(element: Element, full: bool) -> str:
    return f" (id: {element.get('id')})" if full else ""


def _text(env: Env, kind: str, *, full: bool) -> Iterator[str]:
    plain = [one for one in _all(env, kind) if one.find("resource_set") is None]
    with_sets = [one for one in _all(env, kind) if one.find("resource_set") is not None]
    if plain:
        yield _HEADS[kind][0]
        for one in plain:
            yield from (f"  {line}" for line in _one(one, full))
    if with_sets:
        yield _HEADS[kind][1]
        for one in with_sets:
            yield "  Set Constraint:" + (f" {one.get('id')}" if full else "")
            options = [_shown(name, value) for name, value in _rest(one, ())]
            if options:
                yield f"    {' '.join(options)}"
            for inner in one.findall("resource_set"):
                yield "    Resource Set:" + (f" {inner.get('id')}" if full else "")
                yield "      Resources: " + ", ".join(f"'{ref.get('id')}'" for ref in inner.findall("resource_ref"))
                options = [_shown(name, inner.get(name) or "") for name in _SET_NAMES if inner.get(name)]
                if options:
                    yield f"      {' '.join(options)}"


#: Yes and no, which pcs prints as 1 and 0.
_SWITCHES = frozenset({"symmetrical", "require-all", "sequential"})


def _shown(name: str, value: str) -> str:
    """An option as text has it."""
    number = {True: "1", False: "0"}.get(_boolean(value)) if name in _SWITCHES else None  # type: ignore[arg-type]
    return f"{name}={number or value}"


def _rest(element: Element, known: tuple[str, ...]) -> list[tuple[str, str]]:
    """Attributes that the head of a line does not say."""
    return [(str(name), str(value)) for name, value in element.items() if name not in ("id", *known)]


def _resource(element: Element, name: str = "rsc", role: str = "") -> str:
    if element.get("rsc-pattern") is not None and name == "rsc":
        return f"resource pattern '{element.get('rsc-pattern')}'"
    word = element.get(role) if role else None
    return (f"{word} " if word else "") + f"resource '{element.get(name)}'"


def _one(one: Element, full: bool) -> Iterator[str]:
    tag = one.tag
    if tag == "rsc_location":
        yield from _location(one, full)
        return
    if tag == "rsc_colocation":
        head = f"{_resource(one, 'rsc', 'rsc-role')} with {_resource(one, 'with-rsc', 'with-rsc-role')}"
        rest = _rest(one, ("rsc", "with-rsc", "rsc-role", "with-rsc-role"))
    elif tag == "rsc_order":
        head = (
            f"{one.get('first-action') or 'start'} resource '{one.get('first')}' then "
            f"{one.get('then-action') or one.get('first-action') or 'start'} resource '{one.get('then')}'"
        )
        rest = _rest(one, ("first", "then", "first-action", "then-action"))
    else:
        head = f"{_resource(one, 'rsc', 'rsc-role')} depends on ticket '{one.get('ticket')}'"
        rest = _rest(one, ("rsc", "ticket", "rsc-role"))
    yield head + _id(one, full)
    if rest:
        yield "  " + " ".join(_shown(name, value) for name, value in rest)


def _location(one: Element, full: bool) -> Iterator[str]:
    role = f"{one.get('role')} " if one.get("role") else ""
    subject = f"{role}{_resource(one)}"
    rest = _rest(one, ("rsc", "rsc-pattern", "node", "score", "role"))
    if one.get("node") is None:
        yield f"{subject}{_id(one, full)}"
        if rest:
            yield "  " + " ".join(f"{name}={value}" for name, value in rest)
        yield "  Rules:"
        for rule in one.findall("rule"):
            yield from (f"    {line}" for line in rule_lines(rule, full=full))
        return
    score = one.get("score") or "0"
    verb = "avoids" if score.startswith("-") else "prefers"
    yield f"{subject} {verb} node '{one.get('node')}' with score {score.removeprefix('-')}{_id(one, full)}"
    if rest:
        yield "  " + " ".join(f"{name}={value}" for name, value in rest)


def rule_lines(rule: Element, *, full: bool) -> Iterator[str]:
    """A rule, its options and its expressions, one a line."""
    options = [
        f"{name}={rule.get(name)}"
        for name in ("boolean-op", "score", "score-attribute", "role")
        if rule.get(name)
    ]
    yield "Rule:" + (" " + " ".join(options) if options else "") + _id(rule, full)
    for child in rule:
        if child.tag == "rule":
            yield from (f"  {line}" for line in rule_lines(child, full=full))
            continue
        spec = next(iter(child), None)
        if child.tag == "date_expression" and spec is not None:
            yield "  Expression:" + _id(child, full)
            word = "Date Spec:" if spec.tag == "date_spec" else "Duration:"
            if child.get("start"):
                yield f"    date in_range {child.get('start')} to duration"
            yield (
                f"    {word} "
                + " ".join(f"{name}={value}" for name, value in attributes(spec).items() if name != "id")
                + _id(spec, full)
            )
        else:
            yield f"  Expression: {expression_text(child)}{_id(child, full)}"


def expression_text(child: Element) -> str:
    """An expression as it would be typed."""
    operation = child.get("operation", "")
    if child.tag == "expression":
        if operation in ("defined", "not_defined"):
            return f"{operation} {child.get('attribute')}"
        kind = f"{child.get('type')} " if child.get("type") else ""
        value = child.get("value") or ""
        return f"{child.get('attribute')} {operation} {kind}" + (f'"{value}"' if " " in value else value)
    if child.tag == "rsc_expression":
        return "resource " + ":".join(child.get(name) or "" for name in ("class", "provider", "type"))
    if child.tag == "op_expression":
        return f"op {child.get('name')}" + (f" interval={child.get('interval')}" if child.get("interval") else "")
    if operation in ("gt", "lt"):
        return f"date {operation} {child.get('start') or child.get('end')}"
    spec = next(iter(child), None)
    fields = (
        " ".join(f"{name}={value}" for name, value in attributes(spec).items() if name != "id")
        if spec is not None
        else ""
    )
    if operation == "date_spec":
        return f"date-spec {fields}"
    start = f"{child.get('start')} " if child.get("start") else ""
    return f"date in_range {start}to " + (f"duration {fields}" if spec is not None else child.get("end") or "")


def rule_text(rule: Element) -> str:
    """A whole rule as it would be typed, nested ones in parentheses."""
    parts = [f"({rule_text(child)})" if child.tag == "rule" else expression_text(child) for child in rule]
    return f" {rule.get('boolean-op') or 'and'} ".join(parts)


def locations_by(env: Env, what: str, names: list[str], *, full: bool) -> Iterator[str]:
    """Locations gathered by resource or by node."""
    elements = [one for one in _all(env, "rsc_location") if one.find("resource_set") is None]
    yield "Location Constraints:"
    key = "node" if what == "nodes" else "rsc"
    seen = dict.fromkeys(
        one.get(key) or one.get("rsc-pattern") or "" for one in elements if one.get("node") is not None or key == "rsc"
    )
    for name in seen:
        if names and name not in names:
            continue
        mine = [one for one in elements if (one.get(key) or one.get("rsc-pattern")) == name]
        yield f"  {'Node' if key == 'node' else 'Resource'}: {name}"
        words = ("Preferred by:", "Avoided by:") if key == "node" else ("Prefers:", "Avoids:")
        for word, negative in zip(words, (False, True), strict=True):
            chosen = [one for one in mine if one.get("node") and (one.get("score") or "0").startswith("-") == negative]
            if chosen:
                yield f"    {word}"
            for one in chosen:
                other = _resource(one) if key == "node" else f"node '{one.get('node')}'"
                yield f"      {other} with score {(one.get('score') or '0').removeprefix('-')}{_id(one, full)}"
        for one in mine:
            if one.find("rule") is not None and key == "rsc":
                yield "    Constraint" + (f": {one.get('id')}" if full else ":")
                yield "      Rules:"
                for rule in one.findall("rule"):
                    yield from (f"        {line}" for line in rule_lines(rule, full=full))


# --- the text of 0.9 -----------------------------------------------------------------------------------


def old_lines(env: Env, kinds: tuple[str, ...], *, full: bool) -> Iterator[str]:
    """As pcs 0.9 printed them, and up to 0.11 in nearly the same words."""
    newer = not is_old(env)
    kinds = tuple(sorted(kinds, key=("rsc_location", "rsc_order", "rsc_colocation", "rsc_ticket").index))

    def identity(one: Element) -> str:
        return f" (id:{one.get('id')})" if full else ""

    for kind in kinds:
        yield {"rsc_order": "Ordering Constraints:"}.get(kind, _HEADS[kind][0])
        last = ""
        elements = _all(env, kind)
        if kind == "rsc_location":
            elements = sorted(elements, key=lambda one: one.get("rsc") or "")
        for one in elements:
            if one.find("resource_set") is not None:
                inner = " ".join(
                    "set " + " ".join(ref.get("id") or "" for ref in found) for found in one.findall("resource_set")
                )
                rest = " ".join(f"{name}={value}" for name, value in _rest(one, ()))
                yield f"  {inner}" + (f" setoptions {rest}" if rest else "") + identity(one)
            elif kind == "rsc_location":
                if one.get("rsc") != last:
                    last = one.get("rsc") or ""
                    yield f"  Resource: {last}"
                if one.get("node"):
                    score = one.get("score") or "0"
                    word = "Disabled on" if score.startswith("-") else "Enabled on"
                    role = f" (role: {one.get('role')})" if one.get("role") else ""
                    if newer:
                        yield f"    {word}:"
                        yield f"      Node: {one.get('node')} (score:{score}){role}{identity(one)}"
                    else:
                        yield f"    {word}: {one.get('node')} (score:{score}){role}{identity(one)}"
                for rule in one.findall("rule"):
                    yield f"    Constraint: {one.get('id')}"
                    yield f"      Rule: score={rule.get('score')} {identity(rule)}".rstrip()
                    for child in rule:
                        yield f"        Expression: {expression_text(child)} {identity(child)}".rstrip()
            elif kind == "rsc_colocation":
                roles = [
                    f" (rsc-role:{one.get('rsc-role')})" if one.get("rsc-role") else "",
                    f" (with-rsc-role:{one.get('with-rsc-role')})" if one.get("with-rsc-role") else "",
                ]
                yield f"  {one.get('rsc')} with {one.get('with-rsc')} (score:{one.get('score')}){''.join(roles)}{identity(one)}"  # noqa: E501
            elif kind == "rsc_order":
                rest = "".join(
                    f" ({name}:{value})"
                    for name, value in _rest(one, ("first", "then", "first-action", "then-action", "kind"))
                )
                yield (
                    f"  {one.get('first-action') or 'start'} {one.get('first')} then {one.get('then-action') or 'start'} "  # noqa: E501
                    f"{one.get('then')} (kind:{one.get('kind') or 'Mandatory'}){rest}{identity(one)}"
                )
            else:
                rest = "".join(f" ({name}:{value})" for name, value in _rest(one, ("rsc", "rsc-role", "ticket")))
                yield f"  {one.get('rsc-role') or ''} {one.get('rsc')} ticket={one.get('ticket')}{rest}{identity(one)}".replace(  # noqa: E501
                    "   ", "  "
                )


# --- commands and data ---------------------------------------------------------------------------------


def _commands(env: Env, kind: str) -> Iterator[str]:
    from shlex import quote

    for one in _all(env, kind):
        identity = one.get("id") or ""
        if one.find("resource_set") is not None:
            yield _set_command(one)
        elif kind == "rsc_location":
            subject = f"resource%{one.get('rsc')}" if one.get("rsc") is not None else f"regexp%{one.get('rsc-pattern')}"
            discovery = f" resource-discovery={one.get('resource-discovery')}" if one.get("resource-discovery") else ""
            if one.get("node") is not None:
                yield f"pcs -- constraint location add {identity} {quote(subject)} {one.get('node')} score={one.get('score')}{discovery}"  # noqa: E501
                continue
            for place, rule in enumerate(one.findall("rule")):
                head = (
                    f"constraint location {quote(subject)} rule"
                    if not place
                    else f"constraint rule add {identity}"
                )
                options = [f"id={rule.get('id')}", *([f"constraint-id={identity}"] if not place else [])]
                options += [
                    f"{name}={rule.get(name)}" for name in ("role", "score", "score-attribute") if rule.get(name)
                ]
                yield f"pcs -- {head} \\\n  {' '.join(options)}{discovery} \\\n  '{rule_text(rule)}'"
        elif kind == "rsc_colocation":
            parts = [one.get("rsc-role"), one.get("rsc"), "with", one.get("with-rsc-role"), one.get("with-rsc")]
            options = [
                f"id={identity}",
                *(f"{name}={value}" for name, value in _rest(one, ("rsc", "with-rsc", "rsc-role", "with-rsc-role"))),
            ]
            yield f"pcs -- constraint colocation add {' '.join(filter(None, parts))} \\\n  {' '.join(options)}"
        elif kind == "rsc_order":
            options = [
                f"id={identity}",
                *(f"{name}={value}" for name, value in _rest(one, ("first", "then", "first-action", "then-action"))),
            ]
            yield (
                f"pcs -- constraint order {one.get('first-action') or 'start'} {one.get('first')} then "
                f"{one.get('then-action') or 'start'} {one.get('then')} \\\n  {' '.join(options)}"
            )
        else:
            parts = [one.get("ticket"), one.get("rsc-role"), one.get("rsc")]
            options = [
                f"id={identity}",
                *(f"{name}={value}" for name, value in _rest(one, ("rsc", "rsc-role", "ticket"))),
            ]
            yield f"pcs -- constraint ticket add {' '.join(filter(None, parts))} \\\n  {' '.join(options)}"


def _set_command(one: Element) -> str:
    lines = [f"pcs -- constraint {str(one.tag).removeprefix('rsc_')}"]
    for inner in one.findall("resource_set"):
        members = " ".join(ref.get("id") or "" for ref in inner.findall("resource_ref"))
        options = [f"{name}={inner.get(name)}" for name in _SET_NAMES if inner.get(name)]
        lines.append(f"  set {members}")
        if options:
            lines.append(f"    {' '.join(options)}")
    lines.append(
        "  setoptions " + " ".join([f"id={one.get('id')}", *(f"{name}={value}" for name, value in _rest(one, ()))])
    )
    return " \\\n".join(lines)


def as_data(env: Env, kinds: tuple[str, ...] = tuple(_HEADS)) -> dict[str, Any]:
    """Constraints as pcs's JSON has them; kinds that are not asked for are there, and empty."""
    found: dict[str, Any] = {}
    for kind in ("location", "colocation", "order", "ticket"):
        elements = _all(env, f"rsc_{kind}") if f"rsc_{kind}" in kinds else []
        plain = [one for one in elements if one.find("resource_set") is None]
        with_sets = [one for one in elements if one.find("resource_set") is not None]
        found[kind] = [_data(kind, one) for one in plain]
        found[f"{kind}_set"] = [
            {
                "resource_sets": [_set_data(inner) for inner in one.findall("resource_set")],
                "attributes": _attributes(kind, one),
            }
            for one in with_sets
        ]
    return found


def _data(kind: str, one: Element) -> dict[str, Any]:
    get = one.get
    head: dict[str, Any] = {
        "location": {"resource_id": get("rsc"), "resource_pattern": get("rsc-pattern"), "role": get("role")},
        "colocation": {
            "resource_id": get("rsc"),
            "with_resource_id": get("with-rsc"),
            "node_attribute": get("node-attribute"),
            "resource_role": get("rsc-role"),
            "with_resource_role": get("with-rsc-role"),
            "resource_instance": get("rsc-instance"),
            "with_resource_instance": get("with-rsc-instance"),
        },
        "order": {
            "first_resource_id": get("first"),
            "then_resource_id": get("then"),
            "first_action": get("first-action"),
            "then_action": get("then-action"),
            "first_resource_instance": get("first-instance"),
            "then_resource_instance": get("then-instance"),
        },
        "ticket": {"resource_id": get("rsc"), "role": get("rsc-role")},
    }[kind]
    return {**head, "attributes": _attributes(kind, one)}


def _boolean(text: str | None) -> bool | None:
    from hashell.values.booleans import parse_boolean

    return parse_boolean(text)


def _attributes(kind: str, one: Element) -> dict[str, Any]:
    get = one.get
    by_kind: dict[str, dict[str, Any]] = {
        "location": {
            "score": get("score"),
            "node": get("node"),
            "rules": [rule_data(rule) for rule in one.findall("rule")],
            "lifetime": [],
            "resource_discovery": get("resource-discovery"),
        },
        "colocation": {"score": get("score"), "influence": get("influence"), "lifetime": []},
        "order": {
            "symmetrical": _boolean(get("symmetrical")),
            "require_all": _boolean(get("require-all")),
            "score": get("score"),
            "kind": get("kind"),
        },
        "ticket": {"ticket": get("ticket"), "loss_policy": get("loss-policy")},
    }
    return {"constraint_id": get("id"), **by_kind[kind]}


def _set_data(inner: Element) -> dict[str, Any]:
    get = inner.get
    return {
        "set_id": get("id"),
        "sequential": _boolean(get("sequential")),
        "require_all": _boolean(get("require-all")),
        "ordering": get("ordering"),
        "action": get("action"),
        "role": get("role"),
        "score": get("score"),
        "kind": get("kind"),
        "resources_ids": [ref.get("id") for ref in inner.findall("resource_ref")],
    }


def rule_data(one: Element) -> dict[str, Any]:
    kind = {
        "rule": "RULE",
        "expression": "EXPRESSION",
        "date_expression": "DATE_EXPRESSION",
        "rsc_expression": "RSC_EXPRESSION",
        "op_expression": "OP_EXPRESSION",
    }[str(one.tag)]
    options = {str(name): str(value) for name, value in one.items() if name != "id"}
    inner: dict[str, Any] = {"date_spec": None, "duration": None}
    for child in one:
        if child.tag in inner:
            inner[str(child.tag)] = {
                "id": child.get("id"),
                "options": {str(name): str(value) for name, value in child.items() if name != "id"},
            }
    return {
        "id": one.get("id"),
        "type": kind,
        "in_effect": "UNKNOWN",
        "options": options,
        **inner,
        "expressions": [rule_data(child) for child in one if child.tag not in inner] if one.tag == "rule" else [],
        "as_string": rule_text(one) if one.tag == "rule" else expression_text(one),
    }
