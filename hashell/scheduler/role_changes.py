"""Role changes: from role to role, the table of actions.

Source: lib/pacemaker/pcmk_sched_primitive.c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hashell.model.resources import MultipleActive
from hashell.scheduler import actions as act
from hashell.scheduler import fencing, migration, recurring
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order_resource_actions
from hashell.scheduler.ordering.relations import link
from hashell.scheduler.workspace import Node, Rank

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource

U, S, R, N, P = Rank.UNKNOWN, Rank.STOPPED, Rank.STARTED, Rank.UNPROMOTED, Rank.PROMOTED

#: [role now][role wanted] → the next role on the way.
NEXT: tuple[tuple[Rank, ...], ...] = (
    # to unknown, stopped, started, unpromoted, promoted
    (U, S, S, S, S),  # from unknown
    (S, S, R, N, N),  # from stopped
    (S, S, R, N, P),  # from started
    (S, S, S, N, P),  # from unpromoted
    (S, N, N, N, P),  # from promoted
)


def _step(role: Rank, following: Rank) -> Callable[[Resource, Node | None, bool], None] | None:
    """What takes a resource from a role to the next one on its way; None for nothing."""
    if role is following or (role, following) == (R, N):
        return None
    if following is P:
        return _promote
    if role is P:
        return _demote
    if following is S or (role, following) == (N, R):
        return _stop
    assert role is S, f"no way from {role.text} to {following.text}"
    return _start


def create_actions(resource: Resource) -> None:
    """All actions of a primitive: restart or recover, change role, recurring, migration."""
    if resource.next_role is Rank.UNKNOWN:
        resource.next_role = Rank.STOPPED if resource.assigned is None else Rank.STARTED
    current, every, clean = resource.count_active()
    for source in resource.dangling_sources:
        stop = act.ask_resource(resource, act.STOP, source, optional=False)
        stop.flags |= act.MIGRATION_ABORT
    moving = migrate = need_stop = need_promote = multiply_active = False
    target = resource.assigned
    if (
        current is not None and target is not None and current is not target
        and resource.next_role >= Rank.STARTED
    ):
        moving = need_stop = True
        migrate = migration.can_migrate(resource, current)
    if (
        resource.partial_source is not None and resource.partial_target is not None and migrate
        and every == 2 and current is resource.partial_source
        and target is resource.partial_target
    ):
        # A migration that is under way goes on.
        pass
    elif resource.partial_source is not None or resource.partial_target is not None:
        need_stop = True
        resource.partial_source = resource.partial_target = None
        migrate = False
    else:
        multiply_active = (every if resource.requires_fencing else clean) > 1
    if multiply_active:
        if resource.multiple_active is MultipleActive.STOP_START:
            need_stop = True
        elif resource.multiple_active is MultipleActive.STOP_UNEXPECTED:
            need_stop = True
            resource.stop_unexpected = True
    else:
        resource.stop_unexpected = False
    if resource.start_pending:
        start = act.ask_resource(resource, act.START, target, optional=True)
        start.flags |= act.ALWAYS_IN_GRAPH
    if moving:
        pass
    elif resource.failed:
        if resource.stop_if_failed:
            need_stop = True
        elif resource.next_role is Rank.PROMOTED:
            need_promote = True
    elif resource.blocked:
        need_stop = True
    elif resource.role > Rank.STARTED and current is not None and target is not None:
        start = act.ask_resource(resource, act.START, target, optional=True)
        if not start.flags & act.OPTIONAL:
            # Its restart was asked for already, because its definition changed.
            need_stop = True
    _restart(resource, current, need_stop=need_stop, need_promote=need_promote)
    _change_role(resource)
    recurring.create_recurring(resource)
    if migrate:
        assert current is not None
        migration.create_migration(resource, current)


def _restart(
    resource: Resource, current: Node | None, *, need_stop: bool, need_promote: bool
) -> None:
    """Down to stopped and up again to the present role; optional unless something asks for it."""
    resource.restarting = True
    role = resource.role
    while role is not Rank.STOPPED:
        following = NEXT[role][Rank.STOPPED]
        step = _step(role, following)
        if step is None:
            break
        step(resource, current, not need_stop)
        role = following
    while (
        resource.role <= resource.next_role and role is not resource.role
        and not resource.blocked
    ):
        following = NEXT[role][resource.role]
        required = need_stop or (following is Rank.PROMOTED and need_promote)
        step = _step(role, following)
        if step is None:
            break
        step(resource, resource.assigned, not required)
        role = following
    resource.restarting = False


def _change_role(resource: Resource) -> None:
    role = resource.role
    while role is not resource.next_role:
        following = NEXT[role][resource.next_role]
        step = _step(role, following)
        if step is None:
            break
        step(resource, resource.assigned, False)
        role = following


def _is_expected(resource: Resource, node: Node | None) -> bool:
    """Whether it may go on running there while it is stopped elsewhere."""
    return (
        resource.stop_unexpected and resource.restarting and resource.next_role > Rank.STOPPED
        and resource.assigned is not None and resource.assigned is node
    )


def _stop(resource: Resource, node: Node | None, optional: bool) -> None:
    for current in resource.active:
        if _is_expected(resource, current):
            continue
        if resource.partial_target is not None:
            if current is resource.partial_target and current is resource.assigned:
                continue
            optional = False
        stop = act.ask_resource(resource, act.STOP, current, optional=optional)
        if resource.assigned is None:
            stop.because("node availability", overwrite=True)
        elif resource.restarting and resource.stop_unexpected:
            stop.because("being multiply active", overwrite=True)
        if not resource.managed:
            stop.flags &= ~act.RUNNABLE
        if resource.requires_unfencing:
            unfence = fencing.fence_action(
                resource.workspace, current, fencing.ON, optional=True
            )
            link(stop, unfence, rel.THEN_IMPLIES_FIRST, "unfencing")


def _start(resource: Resource, node: Node | None, optional: bool) -> None:
    if node is None:
        return
    start = act.ask_resource(resource, act.START, node, optional=True)
    fencing.order_after_unfencing(resource, node, start, rel.FIRST_IMPLIES_THEN)
    if start.flags & act.RUNNABLE and not optional:
        start.flags &= ~act.OPTIONAL
    if _is_expected(resource, node):
        start.flags |= act.PSEUDO


def _promote(resource: Resource, node: Node | None, optional: bool) -> None:
    if node is None:
        return
    starts = act.find_exact(resource, act.key_of(resource, act.START), node)
    if all(start.flags & act.RUNNABLE for start in starts):
        promote = act.ask_resource(resource, act.PROMOTE, node, optional=optional)
        if _is_expected(resource, node):
            promote.flags |= act.PSEUDO
        return
    for promote in act.find_exact(resource, act.key_of(resource, act.PROMOTE), node):
        promote.flags &= ~act.RUNNABLE


def _demote(resource: Resource, node: Node | None, optional: bool) -> None:
    for current in resource.active:
        if not _is_expected(resource, current):
            act.ask_resource(resource, act.DEMOTE, current, optional=optional)


def schedule_cleanup(resource: Resource, node: Node, *, optional: bool) -> None:
    """Have a node's executor forget a resource, between its stop and its start."""
    if resource.failed or node.unclean or not node.online:
        return
    flags = rel.FIRST_IMPLIES_THEN if optional else rel.ORDERED
    act.ask_resource(resource, act.DELETE, node, optional=optional)
    order_resource_actions(resource, act.STOP, resource, act.DELETE, flags, "clean-up")
    order_resource_actions(resource, act.DELETE, resource, act.START, flags, "clean-up")
