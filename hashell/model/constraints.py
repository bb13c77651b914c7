"""Constraints: where, with whom, after whom and under which ticket, as written (sets kept, references not yet
resolved).

A reference may name a resource, a template or a tag; which it is depends on the resources that exist, so the
scheduler resolves it (`Configuration.templates`, `Configuration.tags`). Texts that may be wrong are kept as text
beside their meaning, since what is wrong is reported by the one who uses it.

Source: Pacemaker Explained, "Resource constraints";
lib/pacemaker/pcmk_sched_{location,colocation,ordering,tickets}.c.
"""

from __future__ import annotations

from lxml import etree
from msgspec import Struct

from hashell.rules.expressions import Rule


class ResourceSet(Struct, frozen=True):
    """A `resource_set`; what is not written is None."""

    id: str
    references: tuple[str, ...]
    sequential: bool | None = None
    require_all: bool | None = None
    action: str | None = None
    role: str | None = None
    score: str | None = None
    kind: str | None = None
    ordering: str | None = None
    sequential_text: str | None = None
    """As written; the old way of ordering reads it by another rule than a boolean."""


class LocationRule(Struct, frozen=True):
    """A rule of a location constraint; `score` is as written. `rule` is None where the reference leads nowhere."""

    id: str | None
    rule: Rule | None
    score: str | None = None
    score_attribute: str | None = None
    role: str | None = None
    boolean_op: str | None = None


class LocationConstraint(Struct, frozen=True):
    id: str
    resource: str | None
    pattern: str | None
    node: str | None
    score: str | None
    role: str | None
    resource_discovery: str | None
    rules: tuple[LocationRule, ...]
    sets: tuple[ResourceSet, ...]
    element: etree._Element


class ColocationConstraint(Struct, frozen=True):
    id: str
    resource: str | None
    with_resource: str | None
    score: str | None
    role: str | None
    with_role: str | None
    node_attribute: str | None
    influence: str | None
    sets: tuple[ResourceSet, ...]
    element: etree._Element


class OrderConstraint(Struct, frozen=True):
    """`symmetrical` None is the default, which depends on the kind."""

    id: str
    first: str | None
    then: str | None
    first_action: str | None
    then_action: str | None
    kind: str | None
    score: str | None
    symmetrical: bool | None
    symmetrical_text: str | None
    require_all: bool | None
    sets: tuple[ResourceSet, ...]
    element: etree._Element


class TicketConstraint(Struct, frozen=True):
    id: str
    ticket: str | None
    resource: str | None
    role: str | None
    loss_policy: str | None
    sets: tuple[ResourceSet, ...]
    element: etree._Element


class UnknownConstraint(Struct, frozen=True):
    """An element below `constraints` that is none of the four."""

    id: str
    tag: str
    element: etree._Element


Constraint = (
    LocationConstraint | ColocationConstraint | OrderConstraint | TicketConstraint |
    UnknownConstraint
)
