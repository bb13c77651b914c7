"""Block: a dependent whose primary cannot run cannot run either.

Source: lib/pacemaker/pcmk_sched_colocation.c (pcmk__block_colocation_dependents).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler.colocation.relations import with_this
from hashell.scheduler.workspace import Rank
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.colocation.relations import Colocation
    from hashell.scheduler.variants.variant import Resource


def _block(resource: Resource, task: str, cause: Resource) -> None:
    from hashell.scheduler.ordering.apply import revise

    for action in reversed(list(resource.actions_by_task.get(task, ()))):
        if action.flags & act.RUNNABLE:
            action.flags &= ~act.RUNNABLE
            action.because(f"colocation with {cause.id}")
            block_dependents(action)
            revise(action)
    for child in resource.children:
        _block(child, task, cause)


def _blocked(child: Resource, task: str) -> bool:
    """Whether an instance can not run; while one can, dependents can go there."""
    of_child = act.find_first(child, task=task)
    return of_child is not None and not of_child.flags & act.RUNNABLE


def _concerned(resource: Resource, *, starting: bool) -> list[Colocation]:
    """The colocations of those that can't be without this resource."""
    return [
        colocation for colocation in with_this(resource)
        if colocation.score >= INFINITY and (starting or colocation.primary_role is Rank.PROMOTED)
    ]


def block_dependents(action: Action) -> None:
    """If a start or promotion can not be done, neither can that of those that must be with it."""
    if action.flags & act.RUNNABLE or action.task not in (act.START, act.PROMOTE):
        return
    if action.resource is None:
        return
    starting = action.task == act.START
    resource = action.resource.top
    if resource.parent is not None:
        resource = resource.parent
    if not resource.children:
        concerned = _concerned(resource, starting=starting)
    elif not _blocked(resource.children[0], action.task):
        return
    else:
        # Whom it concerns is asked before all the instances are, which may be thousands, each with its action.
        concerned = _concerned(resource, starting=starting)
        if not concerned or not all(_blocked(child, action.task) for child in resource.children):
            return
    for colocation in concerned:
        task = act.PROMOTE if colocation.dependent_role is Rank.PROMOTED else act.START
        _block(colocation.dependent, task, action.resource)
