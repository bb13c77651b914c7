"""The thing under the cursor, in a few lines: what it is, how it is configured, what binds it."""

from __future__ import annotations

import textwrap

from lxml import etree

from hashell.cib.document import Cib
from hashell.monitor.lines import Line, Span

#: Lines at most; the rest is under Enter.
LINES_MAX = 400
_SETS = (("parameters", "instance_attributes"), ("meta", "meta_attributes"), ("utilization", "utilization"))

#: What stands for a secret.
STARS = "******"


def _pairs(element: etree._Element, tag: str) -> list[tuple[str, str]]:
    return [
        (pair.get("name", ""), pair.get("value", ""))
        for group in element.findall(tag) for pair in group.findall("nvpair")
    ]


def is_secret(name: str) -> bool:
    """Whether the value of an attribute of this name is not for every eye."""
    return any(word in name.lower() for word in ("passw", "secret", "token"))


def _show_pairs(pairs: list[tuple[str, str]]) -> str:
    return " ".join(
        f"{name}={'***' if is_secret(name) else value}" for name, value in pairs if name
    )


def resource_lines(cib: Cib, resource: str) -> list[tuple[str, str]]:
    """(label, text) about a resource: agent, parameters, meta-attributes, operations, constraints.
    """
    element = cib.by_id(resource)
    if element is None:
        return [(resource, "is not in the configuration (any more)")]
    kind = element.get("type", "")
    if element.tag == "primitive":
        kind = ":".join(
            part for part in (element.get("class"), element.get("provider"), element.get("type")) if part
        ) or f"template {element.get('template', '')}"
        result = [(resource, kind)]
    else:
        children = [child.get("id", "") for child in element if child.tag in ("primitive", "group")]
        result = [(resource, f"{element.tag} of {' '.join(children)}")]
    for label, tag in _SETS:
        pairs = _pairs(element, tag)
        if pairs:
            result.append((label, _show_pairs(pairs)))
    for operation in element.findall("operations/op"):
        extra = " ".join(
            f"{name!s}={value!s}" for name, value in operation.attrib.items()
            if name in ("interval", "timeout", "role", "on-fail", "enabled")
        )
        result.append(("op", f"{operation.get('name', '')} {extra}"))
    result += [("constraint", text) for _, text in constraints_of(cib, resource)]
    return result


def constraints_of(cib: Cib, resource: str) -> list[tuple[str, str]]:
    """(id, words) of every constraint that names a resource, also in a set."""
    section = cib.section("constraints")
    found: list[tuple[str, str]] = []
    for constraint in section.iterchildren(etree.Element) if section is not None else ():
        named = {constraint.get(name) for name in ("rsc", "with-rsc", "first", "then")}
        named |= {ref.get("id") for ref in constraint.iter("resource_ref")}
        if resource in named:
            found.append((constraint.get("id", ""), constraint_words(constraint)))
    return found


def constraint_words(constraint: etree._Element) -> str:
    """`location on node1: 100 (web-on-node1)`, `colocation web with ip: INFINITY (…)`, `order ip
    then web (…)`.
    """
    get = constraint.attrib.get
    name = get("id", "")
    if constraint.tag == "rsc_location":
        where = f"on {get('node')}: {get('score', '')}" if get("node") else "by rule"
        return f"location {get('rsc') or get('rsc-pattern') or ''} {where} ({name})"
    if constraint.tag == "rsc_colocation":
        if get("rsc"):
            return f"colocation {get('rsc')} with {get('with-rsc')}: {get('score', 'INFINITY')} ({name})"
        return f"colocation of a set: {get('score', 'INFINITY')} ({name})"
    if constraint.tag == "rsc_order":
        kind = f" {get('kind')}" if get("kind") else ""
        if get("first"):
            return f"order {get('first')} then {get('then')}{kind} ({name})"
        return f"order of a set{kind} ({name})"
    if constraint.tag == "rsc_ticket":
        return f"ticket {get('ticket')} for {get('rsc', 'a set')} ({name})"
    return f"{constraint.tag} ({name})"


def node_lines(cib: Cib, node: str) -> list[tuple[str, str]]:
    """(label, text) about a node: permanent and transient attributes, utilization."""
    result: list[tuple[str, str]] = []
    for element in cib.root.iterfind("configuration/nodes/node"):
        if element.get("uname") == node:
            result.append((node, element.get("type", "member")))
            for label, tag in (("attributes", "instance_attributes"), ("utilization", "utilization")):
                pairs = _pairs(element, tag)
                if pairs:
                    result.append((label, _show_pairs(pairs)))
    for state in cib.root.iterfind("status/node_state"):
        if state.get("uname") == node:
            pairs = [
                pair for group in state.findall("transient_attributes")
                for pair in _pairs(group, "instance_attributes")
            ]
            if pairs:
                result.append(("transient", _show_pairs(pairs)))
    return result or [(node, "is not in the configuration")]


def lines(cib: Cib | None, about: Line | None, width: int = 78) -> list[Line]:
    """Details of a row as rows."""
    if cib is None or about is None:
        return []
    if about.kind == "resource":
        pairs = resource_lines(cib, about.about)
    elif about.kind == "node":
        pairs = node_lines(cib, about.about)
    elif about.kind == "constraint":
        element = cib.by_id(about.about)
        pairs = [(about.about, constraint_words(element) if element is not None else "is gone")]
    else:
        return [
            Line(f"detail:{about.key}:{place}", (Span(f" {text}"),), selectable=False)
            for place, text in enumerate(textwrap.wrap(" ".join(about.text.split()), max(20, width - 2)))
        ]
    return [
        Line(
            f"detail:{place}",
            (Span(f" {label:<11} ", "accent", place == 0), Span(text)),
            selectable=False,
        )
        for place, (label, text) in enumerate(pairs[:LINES_MAX])
    ]
