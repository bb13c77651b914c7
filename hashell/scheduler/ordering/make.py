"""Make: ask for an ordering before the actions exist.

Source: lib/pacemaker/pcmk_sched_ordering.c (pcmk__new_ordering), pcmk_sched_migration.c
(pcmk__order_migration_equivalents).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.relations import Ordering

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Workspace


def order(
    workspace: Workspace, flags: int, why: str, *,
    first: Action | None = None, first_resource: Resource | None = None,
    first_key: str | None = None,
    then: Action | None = None, then_resource: Resource | None = None, then_key: str | None = None,
) -> None:
    """Ask for an ordering of two actions, each as made or by resource and key."""
    if first is not None:
        first_resource = first_resource or first.resource
        first_key = first_key or first.key
    if then is not None:
        then_resource = then_resource or then.resource
        then_key = then_key or then.key
    ordering = Ordering(
        first_resource, first_key, first, then_resource, then_key, then, flags, why
    )
    workspace.orderings.append(ordering)
    _add_migration_equivalents(workspace, ordering)


def order_resource_actions(
    first: Resource, first_task: str, then: Resource, then_task: str, flags: int, why: str = ""
) -> None:
    """Order actions of two resources, each named by its task."""
    order(
        first.workspace, flags, why,
        first_resource=first, first_key=act.key_of(first, first_task),
        then_resource=then, then_key=act.key_of(then, then_task),
    )


def _add_migration_equivalents(workspace: Workspace, ordering: Ordering) -> None:
    """A migration stands for a stop and a start, so what is ordered with those is ordered with it."""
    first, then = ordering.first_resource, ordering.then_resource
    if (
        first is None or then is None or first is then or not (first.migratable or then.migratable)
        or first.is_below(then) or then.is_below(first)
    ):
        return
    first_task = ordering.first.task if ordering.first else act.task_of_key(ordering.first_key or "")
    then_task = ordering.then.task if ordering.then else act.task_of_key(ordering.then_key or "")
    flags = rel.ORDERED
    why = ordering.why

    def also(first_task: str, then_task: str) -> None:
        order_resource_actions(first, first_task, then, then_task, flags, why)

    if first_task == act.START and then_task == act.START:
        if first.migratable and then.migratable:
            also(act.MIGRATE_FROM, act.MIGRATE_TO)
        if then.migratable:
            if first.migratable:
                flags |= rel.IF_FIRST_UNMIGRATABLE
            also(act.START, act.MIGRATE_TO)
    elif then.migratable and first_task == act.STOP and then_task == act.STOP:
        if first.migratable:
            flags |= rel.IF_FIRST_UNMIGRATABLE
        also(act.STOP, act.MIGRATE_TO)
        if then.partial_target is not None:
            also(act.STOP, act.MIGRATE_FROM)
    elif then.migratable and first_task == act.PROMOTE and then_task == act.START:
        also(act.PROMOTE, act.MIGRATE_TO)
    elif then.migratable and first_task == act.DEMOTE and then_task == act.STOP:
        also(act.DEMOTE, act.MIGRATE_TO)
        if then.partial_target is not None:
            also(act.DEMOTE, act.MIGRATE_FROM)
