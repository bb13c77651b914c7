"""Reading constraints: XML elements → `Constraint`, in the order of the document.

Source: Pacemaker Explained, "Resource constraints".
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from hashell.model.constraints import (
    ColocationConstraint,
    Constraint,
    LocationConstraint,
    LocationRule,
    OrderConstraint,
    ResourceSet,
    TicketConstraint,
    UnknownConstraint,
)
from hashell.model.nvpairs import Document
from hashell.rules.expressions import Rule
from hashell.values.booleans import parse_boolean


def read_constraints(document: Document) -> Iterator[Constraint]:
    """All that have an id; one without is complained of."""
    parent = document.root.find("configuration/constraints")
    for element in () if parent is None else parent.iterchildren(etree.Element):
        ident = element.get("id")
        if ident is None:
            document.complain(f"Ignoring <{element.tag}> constraint without id")
            continue
        yield _read(element, ident, document)


def _read(element: etree._Element, ident: str, document: Document) -> Constraint:
    sets = tuple(_read_set(child) for child in element.iterchildren("resource_set"))
    get = element.get
    match element.tag:
        case "rsc_location":
            return LocationConstraint(
                id=ident, resource=get("rsc"), pattern=get("rsc-pattern"), node=get("node"),
                score=get("score"), role=get("role"),
                resource_discovery=get("resource-discovery"),
                rules=tuple(
                    _read_rule(child, document) for child in element.iterchildren("rule")
                ),
                sets=sets, element=element,
            )
        case "rsc_colocation":
            return ColocationConstraint(
                id=ident, resource=get("rsc"), with_resource=get("with-rsc"),
                score=get("score"), role=get("rsc-role"), with_role=get("with-rsc-role"),
                node_attribute=get("node-attribute"), influence=get("influence"),
                sets=sets, element=element,
            )
        case "rsc_order":
            return OrderConstraint(
                id=ident, first=get("first"), then=get("then"),
                first_action=get("first-action"), then_action=get("then-action"),
                kind=get("kind"), score=get("score"),
                symmetrical=parse_boolean(get("symmetrical")),
                symmetrical_text=get("symmetrical"),
                require_all=parse_boolean(get("require-all")),
                sets=sets, element=element,
            )
        case "rsc_ticket":
            return TicketConstraint(
                id=ident, ticket=get("ticket"), resource=get("rsc"), role=get("rsc-role"),
                loss_policy=get("loss-policy"), sets=sets, element=element,
            )
        case _:
            return UnknownConstraint(ident, str(element.tag), element)


def _read_set(element: etree._Element) -> ResourceSet:
    get = element.get
    return ResourceSet(
        id=get("id", ""),
        references=tuple(child.get("id", "") for child in element.iterchildren("resource_ref")),
        sequential=parse_boolean(get("sequential")),
        require_all=parse_boolean(get("require-all")),
        action=get("action"), role=get("role"), score=get("score"), kind=get("kind"),
        ordering=get("ordering"), sequential_text=get("sequential"),
    )


def _read_rule(element: etree._Element, document: Document) -> LocationRule:
    """A rule of a location constraint; score and role are those of the rule that a reference names."""
    real = document.dereference(element)
    if real is None:
        return LocationRule(None, None)
    rule = document.rule(real)
    return LocationRule(
        id=real.get("id"), rule=rule if isinstance(rule, Rule) else None,
        score=real.get("score"), score_attribute=real.get("score-attribute"),
        role=real.get("role"), boolean_op=real.get("boolean-op"),
    )
