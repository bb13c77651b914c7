"""References: the resource, template or tag that a constraint names.

Source: lib/pacemaker/pcmk_sched_constraints.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from hashell.model.constraints import ResourceSet
from hashell.scheduler.workspace import Rank, Workspace, parse_rank

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource


class UnknownRole(Exception):
    """A role in a constraint that is none; the constraint is ignored."""


def find_resource(workspace: Workspace, name: str | None) -> Resource | None:
    """By id; or by the name that a node's history has for an instance, then its topmost parent."""
    if name is None:
        return None
    found = workspace.by_id.get(name)
    if found is not None:
        return found
    known = workspace.by_history_id.get(name)
    return known[0].top if known else None


def find_references(workspace: Workspace, name: str) -> tuple[str, ...] | None:
    """The resources under a template or tag, or None."""
    configuration = workspace.configuration
    for table in (configuration.templates, configuration.tags):
        if name in table:
            return table[name] or None
    return None


def expand_sets(
    workspace: Workspace, constraint: str, sets: Sequence[ResourceSet]
) -> tuple[ResourceSet, ...]:
    """Sets with templates and tags replaced by what they stand for.

    Where one reference means nothing, all sets stay as written, and who reads them complains again.
    """
    expanded = []
    for one in sets:
        references: list[str] = []
        for name in one.references:
            if find_resource(workspace, name) is not None:
                references.append(name)
                continue
            below = find_references(workspace, name)
            if below is None:
                workspace.problem(
                    f"Ignoring resource sets for constraint '{constraint}' because '{name}' is not "
                    "a valid resource or tag"
                )
                return tuple(sets)
            references.extend(below)
        expanded.append(replace(one, references=tuple(references)))
    return tuple(expanded)


def set_of(workspace: Workspace, name: str, *, convert: bool) -> ResourceSet | None:
    """A set made of a template or tag (and, with `convert`, of one resource); else None."""
    if find_resource(workspace, name) is not None:
        return ResourceSet(name, (name,)) if convert else None
    below = find_references(workspace, name)
    assert below is not None, "only called for valid references"
    return ResourceSet(name, below, sequential=False, sequential_text="false")


def is_valid(workspace: Workspace, name: str) -> bool:
    return (
        find_resource(workspace, name) is not None or find_references(workspace, name) is not None
    )


def constraint_role(workspace: Workspace, constraint: str, text: str | None) -> Rank:
    """A role as constraints mean it: Started is any. Raises UnknownRole."""
    role = parse_rank(text)
    if role is Rank.UNKNOWN and text is not None:
        workspace.problem(f"Ignoring constraint {constraint}: Invalid role '{text}'")
        raise UnknownRole
    return Rank.UNKNOWN if role is Rank.STARTED else role
