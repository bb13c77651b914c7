"""Relations: who goes with whom, directly and through parents and members.

Lists of colocations are sorted: those of more important resources first, collectives before what is
in them, then by id; of equals the newest first.

Source: lib/pacemaker/pcmk_sched_colocation.c, pcmk_sched_resource.c.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.references import UnknownRole, constraint_role
from hashell.scheduler.workspace import Rank, Workspace
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource

#: Lists longer than this are searched by halves.
_SHORT = 32


@dataclass(slots=True, eq=False)
class Colocation:
    """`dependent` goes where `primary` is (or, with a negative score, where it is not).

    `explicit`: configured by somebody. `influence`: the dependent's wishes count for the primary
    even where the primary runs already. `mandatory`: a demand, not a wish. `alike` is the first one that says the
    same.
    """

    id: str
    dependent: Resource
    primary: Resource
    score: int
    dependent_role: Rank
    primary_role: Rank
    node_attribute: str
    explicit: bool
    influence: bool
    mandatory: bool = field(init=False)
    alike: Colocation = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.mandatory = self.score >= INFINITY or self.score <= -INFINITY
        says = (
            self.dependent, self.primary, self.score, self.dependent_role, self.primary_role, self.node_attribute,
            self.influence,
        )
        self.alike = self.dependent.workspace.said.setdefault(says, self)

    def has_influence(self, resource: Resource | None = None) -> bool:
        """Whether the dependent's wishes count for `resource` (else for the primary)."""
        resource = self.primary if resource is None else resource
        if (
            self.dependent.remote_nesting_allowed and not resource.failed
            and len(resource.active) == 1
        ):
            return False
        return self.influence or not resource.active


def _weight(resource: Resource) -> tuple[int, int, bool, str]:
    plain_clone = resource.is_clone and not resource.promotable
    return -resource.priority, -resource.variant, plain_clone, resource.id


def _insert(found: list[Colocation], new: Colocation, *, by_primary: bool) -> None:
    def weight(colocation: Colocation) -> tuple[int, int, bool, str]:
        return _weight(colocation.primary if by_primary else colocation.dependent)

    if len(found) > _SHORT:
        found.insert(bisect_left(found, weight(new), key=weight), new)
        return
    mine = weight(new)
    for place, other in enumerate(found):
        if mine <= weight(other):
            found.insert(place, new)
            return
    found.append(new)


def insert_this_with(found: list[Colocation], new: Colocation) -> None:
    """Into a list of colocations of one dependent."""
    _insert(found, new, by_primary=True)


def insert_with_this(found: list[Colocation], new: Colocation) -> None:
    """Into a list of colocations of one primary."""
    _insert(found, new, by_primary=False)


def merge_this_with(found: list[Colocation], added: Sequence[Colocation]) -> None:
    """Add a list of colocations to those of one dependent.

    Pacemaker 3.0 enters the first of the added as often as there are added, where others stand already; the rest of
    them does not count. Who wants its placements has to do the same.
    """
    if not found:
        found.extend(added)
        return
    for _ in added:
        insert_this_with(found, added[0])


def merge_with_this(found: list[Colocation], added: Sequence[Colocation]) -> None:
    """Add a list of colocations to those of one primary; as in `merge_this_with`, the first stands for all."""
    if not found:
        found.extend(added)
        return
    for _ in added:
        insert_with_this(found, added[0])


class Relations:
    """Both lists of one resource, kept until the workspace's `relations_at` has moved on."""

    __slots__ = ("made_at", "this_with", "with_this")

    def __init__(self, made_at: int) -> None:
        self.made_at = made_at
        self.this_with: list[Colocation] | None = None
        self.with_this: list[Colocation] | None = None


def _relations(resource: Resource) -> Relations:
    kept = resource.relations
    now = resource.workspace.relations_at
    if kept is None or kept.made_at != now:
        # What counts for a part of a bundle changes as the bundle is assigned.
        kept = resource.relations = Relations(-1 if resource.is_bundled else now)
    return kept


def this_with(resource: Resource) -> Sequence[Colocation]:
    """All colocations in which the resource follows another."""
    kept = _relations(resource)
    if kept.this_with is None:
        found: list[Colocation] = []
        resource.add_this_with(resource, found)
        kept.this_with = found
    return kept.this_with


def with_this(resource: Resource) -> Sequence[Colocation]:
    """All colocations in which another follows the resource."""
    kept = _relations(resource)
    if kept.with_this is None:
        found: list[Colocation] = []
        resource.add_with_this(resource, found)
        kept.with_this = found
    return kept.with_this


def priority_changed(resource: Resource) -> None:
    """Lists in which the resource stands may be sorted otherwise now."""
    if resource.this_with or resource.with_this:
        resource.workspace.relations_changed()


def add_colocation(
    workspace: Workspace, name: str, score: int, dependent: Resource, primary: Resource, *,
    dependent_role: str | None = None, primary_role: str | None = None,
    node_attribute: str | None = None, explicit: bool = False, influence: bool = False,
) -> None:
    """Enter a colocation into the lists of both sides; a score of 0 means nothing."""
    try:
        first = constraint_role(workspace, name, dependent_role)
        second = constraint_role(workspace, name, primary_role)
    except UnknownRole:
        return
    if score == 0:
        return
    colocation = Colocation(
        name, dependent, primary, score, first, second, node_attribute or "#uname", explicit,
        influence,
    )
    workspace.relations_changed()
    insert_this_with(dependent.this_with, colocation)
    insert_with_this(primary.with_this, colocation)
    if score <= -INFINITY:
        _order_apart(name, dependent, first, primary, second)
        _order_apart(name, primary, second, dependent, first)


def _order_apart(
    name: str, first: Resource, first_role: Rank, then: Resource, then_role: Rank
) -> None:
    """Where two must not be together, one leaves a node before the other comes."""
    from hashell.scheduler.ordering.make import order_resource_actions

    leaving = [act.DEMOTE] if first_role is Rank.PROMOTED else [act.STOP]
    if first_role is Rank.UNPROMOTED:
        leaving.append(act.PROMOTE)
    coming = [act.PROMOTE] if then_role is Rank.PROMOTED else [act.START]
    if then_role is Rank.UNPROMOTED:
        coming.append(act.DEMOTE)
    for first_task in leaving:
        for then_task in coming:
            order_resource_actions(
                first, first_task, then, then_task, rel.IF_REQUIRED_ON_SAME_NODE, name
            )


def colocated_resources(
    resource: Resource, origin: Resource | None, found: list[Resource]
) -> list[Resource]:
    """Resources that must be where this one is, in the order of finding; newest last."""
    from hashell.scheduler.colocation.scores import Affects, affects

    origin = resource if origin is None else origin
    if resource in found:
        return found
    found.append(resource)
    for colocation in this_with(resource):
        primary = colocation.primary
        if (
            primary is not origin and colocation.score == INFINITY
            and affects(resource, primary, colocation, preview=True) is Affects.LOCATION
        ):
            found = primary.colocated(origin, found)
    for colocation in with_this(resource):
        dependent = colocation.dependent
        if dependent is origin or (resource.is_clone and not dependent.is_clone):
            continue
        if (
            colocation.score == INFINITY
            and affects(dependent, resource, colocation, preview=True) is Affects.LOCATION
        ):
            found = dependent.colocated(origin, found)
    return found
