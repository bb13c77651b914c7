"""From constraints: colocation constraints and their sets → colocations.

Source: lib/pacemaker/pcmk_sched_colocation.c; Pacemaker Explained, "Colocation constraints".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.constraints import ColocationConstraint, ResourceSet
from hashell.scheduler.colocation.relations import add_colocation
from hashell.scheduler.references import (
    expand_sets,
    find_resource,
    is_valid,
    set_of,
)
from hashell.values.booleans import parse_boolean
from hashell.values.integers import leading_integer
from hashell.values.scores import is_score, parse_score

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Workspace


def add_constraint(workspace: Workspace, constraint: ColocationConstraint) -> None:
    """Make the colocations of one constraint; what makes no sense is reported and left out."""
    sets = constraint.sets
    dependent_role, primary_role = constraint.role, constraint.with_role
    if sets:
        sets = expand_sets(workspace, constraint.id, sets)
    elif constraint.resource is not None and constraint.with_resource is not None:
        made = _sets_of_tags(workspace, constraint)
        if made is None:
            return
        sets = made
    score = 0
    if constraint.score is not None:
        if not is_number(constraint.score):
            workspace.problem(
                f"Ignoring colocation {constraint.id} because '{constraint.score}' is not a valid "
                "score"
            )
            return
        score = parse_score(constraint.score)
    if not sets:
        _add_pair(workspace, constraint, score, dependent_role, primary_role)
        return
    last: ResourceSet | None = None
    for one in sets:
        if not one.id:
            workspace.problem("Ignoring resource_set without id")
            continue
        _add_set(workspace, constraint, one, score)
        if last is not None:
            _add_between(workspace, constraint, last, one, score)
        last = one


def is_number(text: str) -> bool:
    """Whether Pacemaker reads it as a score: a whole number at the beginning, or a word."""
    head = text.strip().lower()
    if head in ("red", "yellow", "green"):
        return True
    return is_score(text.strip()) or leading_integer(head) is not None


def _sets_of_tags(
    workspace: Workspace, constraint: ColocationConstraint
) -> tuple[ResourceSet, ...] | None:
    """Two sets where one side is a template or tag; () where both are resources; None: ignore."""
    assert constraint.resource is not None and constraint.with_resource is not None
    names = (constraint.resource, constraint.with_resource)
    for name in names:
        if not is_valid(workspace, name):
            workspace.problem(
                f"Ignoring constraint '{constraint.id}' because '{name}' is not a valid resource "
                "or tag"
            )
            return None
    tags = [find_resource(workspace, name) is None for name in names]
    if not any(tags):
        return ()
    if all(tags):
        workspace.problem(
            f"Ignoring constraint '{constraint.id}' because two templates or tags cannot be "
            "colocated"
        )
        return None
    made = []
    for name, role in zip(names, (constraint.role, constraint.with_role), strict=True):
        one = set_of(workspace, name, convert=True)
        assert one is not None
        made.append(ResourceSet(
            one.id, one.references, sequential=one.sequential, role=role,
            sequential_text=one.sequential_text,
        ))
    return tuple(made)


def _influence(workspace: Workspace, constraint: ColocationConstraint, resource: Resource) -> bool:
    if constraint.influence is not None:
        value = parse_boolean(constraint.influence)
        if value is not None:
            return value
        workspace.problem(
            f"Constraint '{constraint.id}' has invalid value for influence (using default)"
        )
    return resource.critical


def _add_pair(
    workspace: Workspace, constraint: ColocationConstraint, score: int, role: str | None,
    with_role: str | None,
) -> None:
    dependent = find_resource(workspace, constraint.resource)
    primary = find_resource(workspace, constraint.with_resource)
    for resource, name in (
        (dependent, constraint.resource), (primary, constraint.with_resource)
    ):
        if resource is None:
            workspace.problem(
                f"Ignoring constraint '{constraint.id}' because resource '{name or '(null)'}' does "
                "not exist"
            )
            return
    assert dependent is not None and primary is not None
    add_colocation(
        workspace, constraint.id, score, dependent, primary, dependent_role=role,
        primary_role=with_role, node_attribute=constraint.node_attribute, explicit=True,
        influence=_influence(workspace, constraint, dependent),
    )


def _add_set(
    workspace: Workspace, constraint: ColocationConstraint, one: ResourceSet, score: int
) -> None:
    """The members of one set among themselves."""
    if one.score is not None:
        if not is_number(one.score):
            workspace.problem(
                f"Ignoring colocation '{constraint.id}' for set '{one.id}' because '{one.score}' "
                "is not a valid score"
            )
            return
        score = parse_score(one.score)
    if score == 0 or one.sequential is False:
        return
    with_previous = one.ordering is None or one.ordering.lower() == "group"

    def add(dependent: Resource, primary: Resource, *, influenced: Resource) -> None:
        add_colocation(
            workspace, one.id, score, dependent, primary, dependent_role=one.role,
            primary_role=one.role, explicit=True,
            influence=_influence(workspace, constraint, influenced),
        )

    members: list[Resource] = []
    for name in one.references:
        resource = find_resource(workspace, name)
        if resource is None:
            workspace.problem(
                f"Ignoring {name} and later resources in set {one.id}: No such resource"
            )
            return
        if score > 0 and members:
            last = members[-1]
            if with_previous:
                add(resource, last, influenced=resource)
            else:
                add(last, resource, influenced=resource)
        elif score < 0:
            # Those before it; of one that is named twice, those before its first place.
            for other in members[: one.references.index(name)]:
                add(resource, other, influenced=resource)
        members.append(resource)


def _one(
    workspace: Workspace, constraint: ColocationConstraint, first: ResourceSet,
    second: ResourceSet, name: str, what: str,
) -> Resource | None:
    resource = find_resource(workspace, name)
    if resource is None:
        workspace.problem(
            f"Ignoring colocation of set {first.id} with set {second.id} because {what} resource "
            f"{name} not found"
        )
    return resource


def _add_between(
    workspace: Workspace, constraint: ColocationConstraint, first: ResourceSet,
    second: ResourceSet, score: int,
) -> None:
    """The members of one set with those of the next."""
    if score == 0:
        return
    dependents = list(first.references)
    primaries = list(second.references)
    whole = True
    if first.sequential is not False and dependents:
        if _one(workspace, constraint, first, second, dependents[0], "first") is None:
            return
        dependents = dependents[:1]
        whole = False
    if second.sequential is not False:
        if not primaries or (
            _one(workspace, constraint, first, second, primaries[-1], "last") is None
        ):
            return
        primaries = primaries[-1:]
        whole = False
    for name in dependents:
        dependent = find_resource(workspace, name)
        if dependent is None:
            workspace.problem(
                f"Ignoring colocation of set {first.id} resource {name} with set {second.id}"
                f": No such resource"
            )
            continue
        for other in primaries:
            primary = find_resource(workspace, other)
            if primary is None:
                workspace.problem(
                    f"Ignoring colocation of set {first.id} resource {name} with set {second.id} "
                    f"resource {other}: No such resource" if whole else
                    f"Ignoring set {first.id} colocation with resource {other} in set {second.id}"
                    ": No such resource"
                )
                continue
            add_colocation(
                workspace, constraint.id, score, dependent, primary, dependent_role=first.role,
                primary_role=second.role, explicit=True,
                influence=_influence(workspace, constraint, dependent),
            )
