"""Scores: what a colocation means for the dependent's nodes, or for its chance to be promoted.

Source: lib/pacemaker/pcmk_sched_colocation.c.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hashell.scheduler.colocation.relations import priority_changed
from hashell.scheduler.scores import add
from hashell.scheduler.workspace import Node, Rank
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.colocation.relations import Colocation
    from hashell.scheduler.variants.variant import Resource


class Affects(enum.Enum):
    """What a colocation changes on the dependent at this moment."""

    NOTHING = enum.auto()
    LOCATION = enum.auto()
    ROLE = enum.auto()


def node_value(node: Node | None, attribute: str, resource: Resource | None) -> str | None:
    """The node attribute by which a colocation compares.

    For a resource inside a container it can be the attribute of the node where that runs.
    """
    if node is None:
        return None
    target = None
    if node.is_bundle_node and resource is not None and resource.is_bundled and (
        resource.top is bundled_clone(resource)
    ):
        target = "host"
    elif resource is not None:
        target = resource.meta.get("container-attribute-target")
    return attribute_value(node, attribute, target, assigned=True)


def attribute_value(
    node: Node, attribute: str, target: str | None, *, assigned: bool
) -> str | None:
    """A node attribute, from the host of a guest where `target` asks for that.

    The host is the one where the container will be (`assigned`), or is.
    """
    launcher = node.launcher
    if launcher is None or (target or "").lower() != "host":
        return node.attributes.get(attribute)
    if assigned:
        host = launcher.assigned
    else:
        host = launcher.active[0] if launcher.active else None
    return None if host is None else host.attributes.get(attribute)


def bundled_clone(resource: Resource) -> Resource | None:
    """The clone inside the bundle that a resource belongs to."""
    outermost = resource.outermost
    if not outermost.is_bundle:
        return None
    last = outermost.children[-1] if outermost.children else None
    return last if last is not None and last.is_clone else None


def inside_container(resource: Resource) -> Resource | None:
    """What runs in a bundle's container."""
    outermost = resource.outermost
    if not outermost.is_bundle:
        return None
    for replica in outermost.replicas:  # type: ignore[attr-defined]
        if replica.container is resource:
            child: Resource | None = replica.child
            return child
    return None


def role_holder(resource: Resource) -> Resource:
    """Whose role counts: for a container, that of the resource in it."""
    if resource.replica_container:
        return inside_container(resource) or resource
    return resource


def same(left: str | None, right: str | None) -> bool:
    """Equal in any case of letters; two missing values are equal."""
    if left is None or right is None:
        return left is right
    return left.lower() == right.lower()


def affects(
    dependent: Resource, primary: Resource, colocation: Colocation, *, preview: bool
) -> Affects:
    """What the colocation changes; with `preview`, what it would if both were unassigned."""
    if not preview and primary.unassigned:
        return Affects.NOTHING
    dependent_role = role_holder(dependent)
    primary_role = role_holder(primary)
    if (
        colocation.dependent_role >= Rank.UNPROMOTED and dependent_role.parent is not None
        and dependent_role.parent.promotable and not dependent_role.unassigned
    ):
        return Affects.ROLE
    if not preview and not dependent.unassigned:
        return Affects.NOTHING
    if colocation.dependent_role not in (Rank.UNKNOWN, dependent_role.next_role):
        return Affects.NOTHING
    if colocation.primary_role not in (Rank.UNKNOWN, primary_role.next_role):
        return Affects.NOTHING
    return Affects.LOCATION


def change_location(dependent: Resource, primary: Resource, colocation: Colocation) -> None:
    """Change the dependent's scores by where the primary is.

    A wish that would leave no node at all is dropped, a demand is not.
    """
    attribute, score = colocation.node_attribute, colocation.score
    workspace = dependent.workspace
    place = primary.assigned
    if place is None and score < 0:
        return
    allowed = dependent.allowed
    if place is None:
        table = {name: add(-score, old) for name, old in allowed.items()}
    elif workspace.values_of(attribute).distinct:
        # Only the node itself has the same value.
        here = allowed.get(place.id)
        table = dict.fromkeys(allowed, -INFINITY) if score >= INFINITY else dict(allowed)
        if here is not None:
            table[place.id] = here if score >= INFINITY else add(score, here)
    else:
        table = _by_value(dependent, allowed, score, attribute, node_value(place, attribute, primary))
    if colocation.mandatory or any(
        points >= 0 and workspace.node_by_id[name].can_run for name, points in table.items()
    ):
        workspace.scores.record(
            dependent.id, "" if place is None else place.name, score,
            f"{colocation.id}: colocation with {primary.id}",
        )
        dependent.allowed = table
        dependent.touch()


def _by_value(
    dependent: Resource, allowed: Mapping[str, int], score: int, attribute: str, value: str | None
) -> dict[str, int]:
    """A table after a colocation with what is on nodes where the attribute has a value."""
    nodes = dependent.workspace.node_by_id
    table: dict[str, int] = {}
    for name, old in allowed.items():
        if same(node_value(nodes[name], attribute, dependent), value):
            table[name] = old if score >= INFINITY else add(score, old)
        else:
            table[name] = -INFINITY if score >= INFINITY else old
    return table


def change_priority(dependent: Resource, primary: Resource, colocation: Colocation) -> int:
    """Change the dependent's priority for promotion by where the primary is; the change."""
    attribute = colocation.node_attribute
    if dependent.assigned is None:
        return 0
    if (
        primary.assigned is not None and colocation.primary_role is not Rank.UNKNOWN
        and colocation.primary_role is not role_holder(primary).next_role
    ):
        return 0
    factor = 1
    if not same(
        node_value(dependent.assigned, attribute, dependent),
        node_value(primary.assigned, attribute, primary),
    ):
        if colocation.score != INFINITY or colocation.dependent_role is not Rank.PROMOTED:
            return 0
        factor = -1
    elif colocation.dependent_role is Rank.UNPROMOTED:
        factor = -1
    change = factor * colocation.score
    dependent.priority = add(change, dependent.priority)
    priority_changed(dependent)
    return change


def intersect(
    dependent: Resource, colocation: Colocation, places: list[tuple[Node, int]], *, merge: bool
) -> None:
    """Ban the dependent from all but these nodes; with `merge`, add the primary's points there."""
    points: dict[str, int] = {}
    for node, score in places:
        points.setdefault(node.id, score)
    for name, old in dependent.allowed.items():
        if name not in points:
            dependent.allowed[name] = -INFINITY
        elif merge:
            dependent.allowed[name] = add(old, points[name])
    dependent.touch()
    dependent.workspace.scores.record(
        dependent.id, "", -INFINITY, f"{colocation.id}: only with {colocation.primary.id}"
    )
