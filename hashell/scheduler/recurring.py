"""Recurring: recurring operations, by role.

Source: lib/pacemaker/pcmk_sched_recurring.c; Pacemaker Explained, "Monitoring resources".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell.model.operations import OperationConfig
from hashell.scheduler import actions as act
from hashell.scheduler import fencing
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order
from hashell.scheduler.ordering.relations import link
from hashell.scheduler.workspace import Node, Rank, parse_rank
from hashell.values.outcomes import OcfCode

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource

_ONCE = frozenset({
    act.STOP, act.START, act.DEMOTE, act.PROMOTE, act.RELOAD, act.MIGRATE_TO, act.MIGRATE_FROM,
})


@dataclass(frozen=True, slots=True)
class _Recurring:
    name: str
    interval_ms: int
    role: Rank
    key: str


def _read(resource: Resource, operation: OperationConfig) -> _Recurring | None:
    """An `op` as a recurring operation; None where it is none, is disabled or makes no sense."""
    workspace = resource.workspace
    if operation.interval_ms == 0:
        return None
    if not operation.id:
        workspace.problem("Ignoring resource history entry without ID")
        return None
    if operation.name in _ONCE:
        workspace.problem(
            f"Ignoring {operation.id} because {operation.name or 'unnamed'} action cannot be "
            "recurring"
        )
        return None
    alike = [
        other for other in resource.config.operations
        if other.name == operation.name and other.interval_ms == operation.interval_ms and other.id
    ]
    if len(alike) > 1:
        workspace.problem(
            f"Operation {alike[1].id} is duplicate of {alike[0].id} (do not use same name and "
            "interval combination more than once per resource)"
        )
        return None
    role = Rank.UNKNOWN
    if operation.role is not None:
        role = parse_rank(operation.role)
        if role is Rank.UNKNOWN:
            workspace.problem(
                f"Ignoring {operation.id} role because {operation.role} is not a valid role"
            )
            return None
    if resource.operation(operation.name, operation.interval_ms, include_disabled=False) is None:
        return None
    key = act.key_of(resource, operation.name, operation.interval_ms)
    return _Recurring(operation.name, operation.interval_ms, role, key)


def create_recurring(resource: Resource) -> None:
    """Schedule what recurs in the next role, cancel what does not, look where it is stopped."""
    if resource.blocked or resource.maintenance:
        return
    node = resource.assigned
    start: Action | None = None
    if node is not None and not node.maintenance and (
        resource.next_role is not Rank.STOPPED or not resource.managed
    ):
        start = act.ask_resource(resource, act.START, node, optional=True)
    for operation in resource.config.operations:
        recurring = _read(resource, operation)
        if recurring is None:
            continue
        if start is not None:
            _for_active(resource, start, node, recurring)
        _for_inactive(resource, node, recurring)


def _is_active_already(
    resource: Resource, node: Node | None, recurring: _Recurring, start: Action
) -> bool:
    if node is None or not resource.action_flags(start, None) & act.OPTIONAL:
        return False
    known = act.find_exact(resource, recurring.key, node)
    return bool(known) and not any(action.flags & act.RESCHEDULE for action in known)


def _for_active(
    resource: Resource, start: Action, node: Node | None, recurring: _Recurring
) -> None:
    role = recurring.role
    if role is Rank.STOPPED:
        return
    optional = _is_active_already(resource, node, recurring, start)
    if role is Rank.UNKNOWN:
        fits = resource.next_role is not Rank.PROMOTED
    else:
        fits = resource.next_role is role
    if not fits:
        if optional:
            assert node is not None
            _cancel_for_role(resource, node, recurring)
        return
    workspace = resource.workspace
    monitor = act.ask(
        workspace, resource, recurring.key, recurring.name, node, optional=optional
    )
    if not start.flags & act.RUNNABLE or node is None or not node.online or node.unclean:
        monitor.flags &= ~act.RUNNABLE
    if resource.next_role is Rank.PROMOTED:
        expect(monitor, OcfCode.RUNNING_PROMOTED)
    if node is not None and not resource.managed:
        return
    blocks = rel.FIRST_IMPLIES_THEN | rel.UNRUNNABLE_FIRST_BLOCKS
    why = "recurring"
    # Who reloads is known by now.
    for task in (act.START, act.RELOAD) if act.RELOAD in resource.actions_by_task else (act.START,):
        order(
            workspace, blocks, why, first_resource=resource,
            first_key=act.key_of(resource, task), then=monitor,
        )
    task = ""
    if resource.next_role is Rank.PROMOTED:
        task = act.PROMOTE
    elif resource.role is Rank.PROMOTED:
        task = act.DEMOTE
    if task:
        order(
            workspace, rel.ORDERED | rel.UNRUNNABLE_FIRST_BLOCKS, why, first_resource=resource,
            first_key=act.key_of(resource, task), then=monitor, then_resource=resource,
        )


def _cancel_for_role(resource: Resource, node: Node, recurring: _Recurring) -> None:
    """What belonged to the old role ends, and only then the role changes."""
    cancel = new_cancel(resource, recurring.name, recurring.interval_ms, node)
    task = ""
    if resource.role in (Rank.STARTED, Rank.UNPROMOTED):
        if resource.next_role is Rank.PROMOTED:
            task = act.PROMOTE
        elif resource.next_role is Rank.STOPPED:
            task = act.STOP
    elif resource.role is Rank.PROMOTED:
        task = act.DEMOTE
    if task:
        order(
            resource.workspace, rel.UNRUNNABLE_FIRST_BLOCKS, "recurring", first=cancel,
            then_resource=resource, then_key=act.key_of(resource, task),
        )


def _for_inactive(resource: Resource, node: Node | None, recurring: _Recurring) -> None:
    """Monitors for role Stopped run on all nodes where the resource is not."""
    if recurring.role is not Rank.STOPPED or not resource.unique:
        return
    for other in resource.workspace.nodes:
        if other is node:
            _cancel_if_running(resource, other, recurring)
            continue
        known = bool(act.find_exact(resource, recurring.key, other))
        monitor = act.ask(
            resource.workspace, resource, recurring.key, recurring.name, other, optional=known
        )
        expect(monitor, OcfCode.NOT_RUNNING)
        if resource.managed:
            for probe in act.find_all(resource, act.key_of(resource, act.MONITOR), other):
                link(probe, monitor, rel.UNRUNNABLE_FIRST_BLOCKS, "probe")
        _order_after_stops(resource, other, monitor)
        if not other.online or other.unclean:
            monitor.flags &= ~act.RUNNABLE


def _cancel_if_running(resource: Resource, node: Node, recurring: _Recurring) -> None:
    if not act.find_exact(resource, recurring.key, node):
        return
    cancel = new_cancel(resource, recurring.name, recurring.interval_ms, node)
    if resource.next_role in (Rank.STARTED, Rank.UNPROMOTED):
        order(
            resource.workspace, rel.UNRUNNABLE_FIRST_BLOCKS, "recurring", first=cancel,
            then_resource=resource, then_key=act.key_of(resource, act.START),
        )


def _order_after_stops(resource: Resource, node: Node, monitor: Action) -> None:
    for stop in act.find_exact(resource, act.key_of(resource, act.STOP), node):
        if (
            not stop.flags & act.OPTIONAL and not monitor.flags & act.OPTIONAL
            and not resource.managed
        ):
            monitor.flags |= act.OPTIONAL
        if not stop.flags & act.RUNNABLE:
            monitor.flags &= ~act.RUNNABLE
        if resource.managed:
            order(
                resource.workspace, rel.FIRST_IMPLIES_THEN | rel.UNRUNNABLE_FIRST_BLOCKS,
                "recurring", first=stop, first_resource=resource,
                first_key=act.key_of(resource, act.STOP), then=monitor,
            )


def expect(action: Action, code: OcfCode) -> None:
    """What exit code is the good one, where that is not OK."""
    action.meta["op_target_rc"] = str(int(code))


# Cancelling ---------------------------------------------------------------------------------------


def new_cancel(resource: Resource, task: str, interval_ms: int, node: Node) -> Action:
    """End a recurring operation. It goes under the key of what it ends."""
    key = act.key_of(resource, task, interval_ms)
    cancel = act.ask(
        resource.workspace, resource, key, act.CANCEL, node, optional=False
    )
    retask(cancel, act.CANCEL)
    cancel.cancel_task = task
    cancel.meta["operation"] = task
    cancel.meta["interval"] = str(interval_ms)
    return cancel


def retask(action: Action, task: str) -> None:
    """An operation that is known to be active becomes its own end."""
    if action.task == task:
        return
    resource = action.resource
    assert resource is not None
    resource.actions_by_task[action.task].remove(action)
    action.task = task
    known = resource.actions_by_task.setdefault(task, [])
    known.append(action)
    known.sort(key=lambda other: other.id)


def cancel_on_node(
    resource: Resource, call_id: str | None, task: str, interval_ms: int, node: Node
) -> None:
    """End what a node still does, before the resource stops there."""
    cancel = new_cancel(resource, task, interval_ms, node)
    if call_id is not None:
        cancel.meta["call-id"] = call_id
    order(
        resource.workspace, rel.ORDERED, "cancel", first_resource=resource,
        first_key=act.key_of(resource, act.STOP), then=cancel, then_resource=resource,
    )


def reschedule(resource: Resource, task: str, interval_ms: int, node: Node) -> None:
    """Begin an active recurring operation anew, with other parameters."""
    fencing.trigger_unfencing(
        resource.workspace, resource, node, "Device parameters changed (reschedule)"
    )
    action = act.ask(
        resource.workspace, resource, act.key_of(resource, task, interval_ms), task, node,
        optional=True,
    )
    action.flags |= act.RESCHEDULE
