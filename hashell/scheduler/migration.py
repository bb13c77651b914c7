"""Migration: live, instead of stop and start.

Source: lib/pacemaker/pcmk_sched_migration.c; Pacemaker Explained, "Migrating resources".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order_resource_actions

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Node


def can_migrate(resource: Resource, current: Node | None) -> bool:
    """Whether it may be migrated from where it is to where it was assigned."""
    return (
        resource.migratable and resource.managed and not resource.failed
        and not resource.start_pending and current is not None and not current.unclean
        and resource.assigned is not None and not resource.assigned.unclean
    )


def create_migration(resource: Resource, current: Node) -> None:
    """migrate_to on the present node, migrate_from on the next, stop on the first; the start is
    an event then.

    Where migrate_to was done already, it is not repeated.
    """
    target = resource.assigned
    assert target is not None
    begun = resource.partial_target is not None
    start = act.ask_resource(resource, act.START, target, optional=True)
    stop = act.ask_resource(resource, act.STOP, current, optional=True)
    send = None
    if not begun:
        send = act.ask_resource(resource, act.MIGRATE_TO, current, optional=True)
    receive = act.ask_resource(resource, act.MIGRATE_FROM, target, optional=True)
    start.flags |= act.MIGRATABLE | act.PSEUDO
    stop.flags |= act.MIGRATABLE
    receive.flags |= act.MIGRATABLE

    def order(first: str, then: str, flags: int) -> None:
        order_resource_actions(resource, first, resource, then, flags, "migration")

    if send is not None:
        send.flags |= act.MIGRATABLE
        send.needs = start.needs
        order(act.MONITOR, act.MIGRATE_TO, rel.ORDERED)
        order(
            act.MIGRATE_TO, act.MIGRATE_FROM, rel.ORDERED | rel.UNMIGRATABLE_THEN_BLOCKS
        )
    else:
        receive.needs = start.needs
        order(act.MONITOR, act.MIGRATE_FROM, rel.ORDERED)
    order(act.MIGRATE_FROM, act.STOP, rel.ORDERED | rel.UNMIGRATABLE_THEN_BLOCKS)
    order(
        act.MIGRATE_FROM, act.START,
        rel.ORDERED | rel.UNMIGRATABLE_THEN_BLOCKS | rel.FIRST_ELSE_THEN,
    )
    if send is not None:
        _note_ends(send, current, target)
        if not resource.is_remote_connection:
            # So that others see at once that it is on its way.
            send.meta["record-pending"] = "true"
    _note_ends(receive, current, target)


def _note_ends(action: act.Action, source: Node, target: Node) -> None:
    action.meta["migrate_source"] = source.name
    action.meta["migrate_target"] = target.name
