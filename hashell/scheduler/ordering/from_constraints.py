"""From constraints: order constraints and their sets → orderings.

Source: lib/pacemaker/pcmk_sched_ordering.c; Pacemaker Explained, "Ordering constraints".
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from hashell.model.constraints import OrderConstraint, ResourceSet
from hashell.scheduler import actions as act
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order, order_resource_actions
from hashell.scheduler.references import expand_sets, find_resource, is_valid, set_of
from hashell.values.booleans import is_true, parse_boolean
from hashell.values.scores import parse_score

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Workspace


class Kind(enum.Enum):
    OPTIONAL = "Optional"
    MANDATORY = "Mandatory"
    SERIALIZE = "Serialize"


class Symmetry(enum.Enum):
    """Whether the opposite actions are ordered the other way round; INVERSE is that other way."""

    NONE = enum.auto()
    SYMMETRIC = enum.auto()
    INVERSE = enum.auto()


INVERSE = {
    act.START: act.STOP, act.STOP: act.START, act.PROMOTE: act.DEMOTE, act.DEMOTE: act.PROMOTE,
    act.PROMOTED: act.DEMOTED, act.DEMOTED: act.PROMOTED, act.STARTED: act.STOPPED,
    act.STOPPED: act.STARTED,
}
_UP = frozenset({act.START, act.PROMOTE, act.MIGRATE_FROM})


class _Ignored(Exception):
    """The rest of a constraint is ignored; why was reported."""


def _kind(workspace: Workspace, name: str, kind: str | None, score: str | None) -> Kind:
    if kind is None:
        if score is not None and parse_score(score) == 0:
            return Kind.OPTIONAL
        return Kind.MANDATORY
    try:
        return Kind(kind)
    except ValueError:
        workspace.problem(
            f"Resetting 'kind' for constraint {name} to 'Mandatory' because '{kind}' is not valid"
        )
        return Kind.MANDATORY


def _symmetry(
    workspace: Workspace, name: str, kind: Kind, symmetrical: bool | None
) -> Symmetry:
    if symmetrical is None:
        return Symmetry.NONE if kind is Kind.SERIALIZE else Symmetry.SYMMETRIC
    if not symmetrical:
        return Symmetry.NONE
    if kind is Kind.SERIALIZE:
        workspace.problem(
            f"Ignoring symmetrical for '{name}' because not valid with kind of 'Serialize'"
        )
        return Symmetry.NONE
    return Symmetry.SYMMETRIC


def _flags(kind: Kind, first_task: str, symmetry: Symmetry) -> int:
    if kind is Kind.OPTIONAL:
        return rel.ORDERED
    if kind is Kind.SERIALIZE:
        return rel.SERIALIZE
    if symmetry is Symmetry.NONE:
        return rel.ORDERED | rel.ASYMMETRIC
    if symmetry is Symmetry.INVERSE:
        return rel.ORDERED | rel.THEN_IMPLIES_FIRST
    flags = rel.ORDERED | rel.FIRST_IMPLIES_THEN
    return flags | rel.UNRUNNABLE_FIRST_BLOCKS if first_task in _UP else flags


def _invert(workspace: Workspace, task: str) -> str | None:
    inverse = INVERSE.get(task)
    if inverse is None:
        workspace.problem(f"Unknown action '{task}' specified in order constraint")
    return inverse


def add_constraint(workspace: Workspace, constraint: OrderConstraint) -> None:
    """Make the orderings of one constraint; what makes no sense is reported and left out."""
    kind = _kind(workspace, constraint.id, constraint.kind, constraint.score)
    symmetrical = parse_boolean(constraint.symmetrical_text)
    symmetry = _symmetry(workspace, constraint.id, kind, symmetrical)
    sets: Sequence[ResourceSet] = constraint.sets
    try:
        if sets:
            sets = expand_sets(workspace, constraint.id, sets)
        elif constraint.first is not None and constraint.then is not None:
            sets = _sets_of_tags(workspace, constraint)
        last: ResourceSet | None = None
        for one in sets:
            _order_set(workspace, constraint, one, kind)
            if last is not None:
                _order_sets(workspace, constraint, last, one, kind, symmetry)
                if symmetry is Symmetry.SYMMETRIC:
                    _order_sets(workspace, constraint, one, last, kind, Symmetry.INVERSE)
            last = one
    except _Ignored:
        return
    if not sets:
        _order_pair(workspace, constraint, kind, symmetry)


def _sets_of_tags(workspace: Workspace, constraint: OrderConstraint) -> Sequence[ResourceSet]:
    assert constraint.first is not None and constraint.then is not None
    names = (constraint.first, constraint.then)
    for name in names:
        if not is_valid(workspace, name):
            workspace.problem(
                f"Ignoring constraint '{constraint.id}' because '{name}' is not a valid resource "
                "or tag"
            )
            raise _Ignored
    if all(find_resource(workspace, name) is not None for name in names):
        return ()
    made = []
    for name, task in zip(names, (constraint.first_action, constraint.then_action), strict=True):
        one = set_of(workspace, name, convert=True)
        assert one is not None
        made.append(ResourceSet(
            one.id, one.references, sequential=one.sequential, action=task,
            sequential_text=one.sequential_text,
        ))
    return made


def _resource(
    workspace: Workspace, constraint: OrderConstraint, name: str | None, attribute: str
) -> Resource:
    if name is None:
        workspace.problem(f"Ignoring constraint '{constraint.id}' without {attribute}")
        raise _Ignored
    resource = find_resource(workspace, name)
    if resource is None:
        workspace.problem(
            f"Ignoring constraint '{constraint.id}' because resource '{name}' does not exist"
        )
        raise _Ignored
    return resource


def _order_pair(
    workspace: Workspace, constraint: OrderConstraint, kind: Kind, symmetry: Symmetry
) -> None:
    try:
        first = _resource(workspace, constraint, constraint.first, "first")
        then = _resource(workspace, constraint, constraint.then, "then")
    except _Ignored:
        return
    first_task = constraint.first_action or act.START
    then_task = constraint.then_action or first_task
    flags = _flags(kind, first_task, symmetry)
    least = _least_instances(first, constraint)
    if least > 0:
        _order_after_some(workspace, constraint.id, first, first_task, then, then_task, flags, least)
    else:
        order_resource_actions(first, first_task, then, then_task, flags, constraint.id)
    if symmetry is not Symmetry.SYMMETRIC:
        return
    first_inverse, then_inverse = _invert(workspace, first_task), _invert(workspace, then_task)
    if first_inverse is None or then_inverse is None:
        workspace.problem(
            f"Cannot invert constraint '{constraint.id}' (please specify inverse manually)"
        )
        return
    order_resource_actions(
        then, then_inverse, first, first_inverse,
        _flags(kind, first_inverse, Symmetry.INVERSE), constraint.id,
    )


def _least_instances(first: Resource, constraint: OrderConstraint) -> int:
    """How many instances of a clone are enough; 0 where all count together."""
    if not first.is_clone:
        return 0
    least = first.meta.get("clone-min")
    if least is not None:
        return max(parse_score(least), 0)
    return 1 if constraint.require_all is False else 0


def _order_after_some(
    workspace: Workspace, name: str, first: Resource, first_task: str, then: Resource,
    then_task: str, flags: int, least: int,
) -> None:
    enough = act.ask_pseudo(workspace, f"clone-one-or-more:{name}")
    enough.needed_before = least
    for child in first.children:
        order(
            workspace, rel.MIN_RUNNABLE | rel.FIRST_IMPLIES_THEN_GRAPHED, name,
            first_resource=child, first_key=act.key_of(child, first_task), then=enough,
        )
    order(
        workspace, flags | rel.UNRUNNABLE_FIRST_BLOCKS, name,
        first=enough, then_resource=then, then_key=act.key_of(then, then_task),
    )


def _members(workspace: Workspace, name: str, references: Sequence[str]) -> list[Resource]:
    found = []
    for reference in references:
        resource = find_resource(workspace, reference)
        if resource is None:
            workspace.problem(f"{name}: No resource found for {reference}")
            raise _Ignored
        found.append(resource)
    return found


def _order_set(
    workspace: Workspace, constraint: OrderConstraint, one: ResourceSet, parent_kind: Kind
) -> None:
    """The members of one set among themselves."""
    kind = parent_kind
    if one.kind is not None:
        kind = _kind(workspace, one.id, one.kind, one.score)
    symmetry_kind = parent_kind
    if one.kind is not None or one.score is not None:
        symmetry_kind = _kind(workspace, one.id, one.kind, one.score)
    text = constraint.symmetrical_text
    symmetrical = None if text is None else is_true(text)
    symmetry = _symmetry(workspace, one.id, symmetry_kind, symmetrical)
    task = one.action or act.START
    sequential = one.sequential_text is None or is_true(one.sequential_text)
    flags = _flags(kind, task, symmetry)
    members = _members(workspace, one.id, one.references)
    if len(members) == 1:
        return
    last: Resource | None = None
    for place, resource in enumerate(members):
        if kind is Kind.SERIALIZE:
            for later in members[place + 1 :]:
                order_resource_actions(resource, task, later, task, flags, constraint.id)
        elif sequential:
            if last is not None:
                order_resource_actions(last, task, resource, task, flags, constraint.id)
            last = resource
    if symmetry is Symmetry.NONE or not sequential:
        return
    inverse = _invert(workspace, task)
    if inverse is None:
        return
    flags = _flags(kind, inverse, Symmetry.INVERSE)
    for earlier, later in pairwise(members):
        order_resource_actions(later, inverse, earlier, inverse, flags, constraint.id)


def _order_sets(
    workspace: Workspace, constraint: OrderConstraint, first: ResourceSet, second: ResourceSet,
    kind: Kind, symmetry: Symmetry,
) -> None:
    """The members of one set before those of the next."""
    name = constraint.id
    first_task, then_task = first.action or act.START, second.action or act.START
    if symmetry is Symmetry.INVERSE:
        first_task = _invert(workspace, first_task) or first_task
        then_task = _invert(workspace, then_task) or then_task
    require_all = first.require_all is not False or first_task in (act.STOP, act.DEMOTE)
    flags = _flags(kind, first_task, symmetry)
    if not require_all:
        some = act.ask_pseudo(workspace, f"one-or-more:{first.id}")
        some.needed_before = 1
        for resource in _members(workspace, name, first.references):
            order(
                workspace, rel.MIN_RUNNABLE | rel.FIRST_IMPLIES_THEN_GRAPHED, name,
                first_resource=resource, first_key=act.key_of(resource, first_task), then=some,
            )
        for resource in _members(workspace, name, second.references):
            order(
                workspace, flags | rel.UNRUNNABLE_FIRST_BLOCKS, name, first=some,
                then_resource=resource, then_key=act.key_of(resource, then_task),
            )
        return
    inverse = symmetry is Symmetry.INVERSE
    firsts = _members(workspace, name, _end(first, at_start=inverse))
    thens = _members(workspace, name, _end(second, at_start=not inverse))
    for one in firsts:
        for other in thens:
            order_resource_actions(one, first_task, other, then_task, flags, name)


def _end(one: ResourceSet, *, at_start: bool) -> Sequence[str]:
    """All members, or only the one at the end that counts where they are in sequence."""
    if one.sequential is True and one.references:
        return one.references[:1] if at_start else one.references[-1:]
    return one.references
