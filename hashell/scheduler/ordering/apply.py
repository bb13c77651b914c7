"""Apply: relations make actions required or impossible, until nothing changes.

A change of one action is followed to all that are ordered with it before the next relation is
looked at, as Pacemaker does; the order decides which reason an action keeps.

Source: lib/pacemaker/pcmk_sched_actions.c, pcmk_sched_ordering.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler.colocation.block import block_dependents
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.relations import Link, Ordering, link
from hashell.scheduler.workspace import Rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Node, Workspace

UNCHANGED = 0
FIRST_CHANGED = 1
THEN_CHANGED = 2


# One pair -----------------------------------------------------------------------------------------


def _clear(action: Action, flag: int, cause: Action) -> None:
    """Take a flag away, and remember why if that came from another resource."""
    if action.flags & flag:
        action.flags &= ~flag
        if action.resource is not cause.resource:
            action.because(act.why_changed(cause, flag))


def _asymmetric(first: Action, then: Action) -> None:
    """Without its first nothing may happen then, unless it is so already."""
    resource = then.resource
    if resource is None or first.flags & act.RUNNABLE:
        return
    if then.flags & act.OPTIONAL:
        role = resource.current_role()
        if role is Rank.STOPPED and then.task == act.STOP:
            return
        if role >= Rank.STARTED and then.task == act.START and (
            len(resource.active) == 1 and resource.active[0] is then.node
        ):
            return
    _clear(then, act.OPTIONAL, first)
    _clear(then, act.RUNNABLE, first)


def _restart(first: Action, then: Action, mask: int) -> None:
    """A start that must or can not happen makes its stop happen, and the other way round."""
    needed = bool(mask & act.OPTIONAL) and not then.flags & act.OPTIONAL
    if (
        mask & act.RUNNABLE and not then.flags & act.RUNNABLE and then.resource is not None
        and then.resource.managed and first.resource is then.resource
    ):
        needed = True
    if not needed:
        return
    if first.flags & act.RUNNABLE:
        _clear(first, act.OPTIONAL, then)
    if not then.flags & act.OPTIONAL:
        _clear(first, act.OPTIONAL, then)
    if not then.flags & act.MIGRATABLE:
        _clear(first, act.MIGRATABLE, then)
    if not first.flags & (act.OPTIONAL | act.RUNNABLE):
        _clear(then, act.RUNNABLE, first)


#: Relations whose effect depends on the second action, too.
_BY_THEN = rel.PROMOTED_THEN_IMPLIES_FIRST | rel.UNMIGRATABLE_THEN_BLOCKS | rel.INTERMEDIATE_STOP


def is_idle(first: Action, flags: int, mask: int, relation: int) -> bool:
    """Whether a relation can change neither action, whatever the second one is: most relations of what goes on as it
    is. Flags and mask are those of `update_pair`.
    """
    if relation & _BY_THEN:
        return False
    if relation & (rel.ASYMMETRIC | rel.FIRST_ELSE_THEN) and not first.flags & act.RUNNABLE:
        return False
    if relation & rel.UNRUNNABLE_FIRST_BLOCKS and mask & act.RUNNABLE and not flags & act.RUNNABLE:
        return False
    required = bool(mask & act.OPTIONAL) and not flags & act.OPTIONAL
    if relation & rel.FIRST_IMPLIES_THEN and required and not first.flags & act.MIGRATABLE:
        return False
    return not (
        relation & rel.THEN_IMPLIES_FIRST
        and ((required and first.flags & act.OPTIONAL) or flags & first.flags & act.MIGRATABLE)
    )


def update_pair(first: Action, then: Action, flags: int, mask: int, relation: int) -> int:
    """What a relation means for two actions of primitives; which of them changed.

    `flags` are those of `first` as the relation sees them, `mask` the flags that it is about.
    """
    then_before, first_before = then.flags, first.flags
    if relation & rel.ASYMMETRIC:
        _asymmetric(first, then)
    if relation & rel.THEN_IMPLIES_FIRST and not then_before & act.OPTIONAL:
        if mask & act.OPTIONAL and not flags & act.OPTIONAL and first_before & act.OPTIONAL:
            _clear(first, act.OPTIONAL, then)
        if flags & act.MIGRATABLE and not then.flags & act.MIGRATABLE:
            _clear(first, act.MIGRATABLE, then)
    if (
        relation & rel.PROMOTED_THEN_IMPLIES_FIRST and then.resource is not None
        and then.resource.role is Rank.PROMOTED and mask & act.OPTIONAL
        and not then.flags & act.OPTIONAL
    ):
        _clear(first, act.OPTIONAL, then)
        if first.flags & act.MIGRATABLE and not then.flags & act.MIGRATABLE:
            _clear(first, act.MIGRATABLE, then)
    if relation & rel.UNMIGRATABLE_THEN_BLOCKS and mask & act.OPTIONAL:
        both = act.MIGRATABLE | act.RUNNABLE
        if then.flags & both != both:
            _clear(first, act.RUNNABLE, then)
        if not then.flags & act.OPTIONAL:
            _clear(first, act.OPTIONAL, then)
    if (
        relation & rel.FIRST_ELSE_THEN and mask & act.OPTIONAL
        and not first.flags & act.RUNNABLE
    ):
        _clear(then, act.MIGRATABLE, first)
        then.flags &= ~act.PSEUDO
    if (
        relation & rel.UNRUNNABLE_FIRST_BLOCKS and mask & act.RUNNABLE
        and then.flags & act.RUNNABLE and not flags & act.RUNNABLE
    ):
        _clear(then, act.RUNNABLE, first)
        _clear(then, act.MIGRATABLE, first)
    if (
        relation & rel.FIRST_IMPLIES_THEN and mask & act.OPTIONAL and then.flags & act.OPTIONAL
        and not flags & act.OPTIONAL and not first.flags & act.MIGRATABLE
    ):
        _clear(then, act.OPTIONAL, first)
    if relation & rel.INTERMEDIATE_STOP:
        _restart(first, then, mask)
    changed = UNCHANGED
    if then_before != then.flags:
        changed |= THEN_CHANGED
        if then.resource is not None and then.resource.parent is not None:
            revise(then)
    if first_before != first.flags:
        changed |= FIRST_CHANGED
    return changed


# One action and all before it ---------------------------------------------------------------------


def _flags_for(action: Action, node: Node | None) -> int:
    """Flags of an action as an ordering sees them: on a node, for an action of a clone."""
    resource = action.resource
    if resource is None or resource.is_primitive:
        return action.flags
    flags = resource.action_flags(action, None)
    if node is None or not resource.is_clone:
        return flags
    on_node = resource.action_flags(action, node)
    return on_node | (flags & act.RUNNABLE)


def _telling(action: Action) -> Action:
    """For an action of a collective, the event that tells that all of it is done."""
    resource = action.resource
    if resource is None or resource.variant < 1 or act.NOTIFY in action.key:
        return action
    name, task, interval_ms = act.split_key(action.key)
    if interval_ms > 0:
        return action
    done = act.DONE_OF.get(task, task)
    if act.known_task(done) not in act.DONE_OF.values():
        return action
    if resource.notify and (resource.is_clone or resource.is_bundled):
        key = act.notify_key(name, "confirmed-post", done)
    else:
        key = f"{name}_{done}_0"
    return act.find_first(resource, key=key) or action


def _update(
    first: Action, then: Action, node: Node | None, flags: int, mask: int, relation: int, *,
    resource: Resource | None,
) -> int:
    if resource is None:
        return UNCHANGED
    return resource.update_ordered(first, then, node, flags, mask, relation)


#: Relations that are looked at last, and what each is about.
_LATE_MASKS = (
    (rel.UNMIGRATABLE_THEN_BLOCKS, act.OPTIONAL), (rel.FIRST_ELSE_THEN, act.OPTIONAL),
    (rel.ORDERED, act.RUNNABLE), (rel.ASYMMETRIC, act.RUNNABLE),
)
_LATE = rel.UNMIGRATABLE_THEN_BLOCKS | rel.FIRST_ELSE_THEN | rel.ORDERED | rel.ASYMMETRIC


def _update_by_flags(
    first: Action, then: Action, first_flags: int, then_flags: int, ordering: Link
) -> int:
    """All that one relation means for two actions; which of them changed."""
    changed = UNCHANGED
    node = then.node
    if ordering.flags & rel.FIRST_IMPLIES_SAME_NODE_THEN:
        ordering.flags &= ~rel.FIRST_IMPLIES_SAME_NODE_THEN
        ordering.flags |= rel.FIRST_IMPLIES_THEN
        node = first.node
    if ordering.flags & rel.FIRST_IMPLIES_THEN:
        if then.resource is not None:
            changed |= then.resource.update_ordered(
                first, then, node, first_flags & act.OPTIONAL, act.OPTIONAL,
                rel.FIRST_IMPLIES_THEN,
            )
        elif not first_flags & act.OPTIONAL and then.flags & act.OPTIONAL:
            then.flags &= ~act.OPTIONAL
            changed |= THEN_CHANGED
    if ordering.flags & rel.INTERMEDIATE_STOP:
        changed |= _update(
            first, then, node, first_flags, act.OPTIONAL | act.RUNNABLE, rel.INTERMEDIATE_STOP,
            resource=then.resource,
        )
    if ordering.flags & rel.THEN_IMPLIES_FIRST:
        if first.resource is not None:
            changed |= first.resource.update_ordered(
                first, then, node, first_flags, act.OPTIONAL, rel.THEN_IMPLIES_FIRST
            )
        elif not first_flags & act.OPTIONAL and first.flags & act.RUNNABLE:
            first.flags &= ~act.RUNNABLE
            changed |= FIRST_CHANGED
    if ordering.flags & rel.PROMOTED_THEN_IMPLIES_FIRST:
        changed |= _update(
            first, then, node, first_flags & act.OPTIONAL, act.OPTIONAL,
            rel.PROMOTED_THEN_IMPLIES_FIRST, resource=then.resource,
        )
    if ordering.flags & rel.MIN_RUNNABLE:
        if then.resource is not None:
            changed |= then.resource.update_ordered(
                first, then, node, first_flags, act.RUNNABLE, rel.MIN_RUNNABLE
            )
        elif first_flags & act.RUNNABLE:
            then.met_before += 1
            if then.met_before >= then.needed_before and not then.flags & act.RUNNABLE:
                then.flags |= act.RUNNABLE
                changed |= THEN_CHANGED
    if ordering.flags & rel.NESTED_REMOTE_PROBE and then.resource is not None:
        if (
            not first_flags & act.RUNNABLE and first.resource is not None
            and first.resource.active
        ):
            ordering.flags = rel.NONE
        else:
            changed |= then.resource.update_ordered(
                first, then, node, first_flags, act.RUNNABLE, rel.UNRUNNABLE_FIRST_BLOCKS
            )
    if ordering.flags & rel.UNRUNNABLE_FIRST_BLOCKS:
        if then.resource is not None:
            changed |= then.resource.update_ordered(
                first, then, node, first_flags, act.RUNNABLE, rel.UNRUNNABLE_FIRST_BLOCKS
            )
        elif not first_flags & act.RUNNABLE and then.flags & act.RUNNABLE:
            then.flags &= ~act.RUNNABLE
            changed |= THEN_CHANGED
    if ordering.flags & _LATE and then.resource is not None:
        for relation, mask in _LATE_MASKS:
            if ordering.flags & relation:
                changed |= then.resource.update_ordered(first, then, node, first_flags, mask, relation)
    if (
        first.flags & act.RUNNABLE and ordering.flags & rel.FIRST_IMPLIES_THEN_GRAPHED
        and not first_flags & act.OPTIONAL
    ):
        then.flags |= act.ALWAYS_IN_GRAPH
    if ordering.flags & rel.THEN_IMPLIES_FIRST_GRAPHED and not then_flags & act.OPTIONAL:
        first.flags |= act.ALWAYS_IN_GRAPH
    if (
        ordering.flags & (rel.FIRST_IMPLIES_THEN | rel.THEN_IMPLIES_FIRST | rel.INTERMEDIATE_STOP)
        and first.resource is not None and not first.resource.managed and first.resource.blocked
        and not first.flags & act.RUNNABLE and first.task == act.STOP
        and then.flags & act.RUNNABLE
    ):
        # What is blocked will not stop, so nobody waits for it in vain.
        then.flags &= ~act.RUNNABLE
        changed |= THEN_CHANGED
    return changed


#: What goes on as it is, and could be done otherwise.
_IDLE = act.OPTIONAL | act.RUNNABLE

#: Relations that may say something even of two primitives' actions that both are `_IDLE`.
_LOUD = (
    rel.UNMIGRATABLE_THEN_BLOCKS | rel.MIN_RUNNABLE | rel.NESTED_REMOTE_PROBE | rel.FIRST_IMPLIES_SAME_NODE_THEN
    | rel.IF_ON_SAME_NODE
)

#: Relations that may say something where only the first action is `_IDLE`, whatever the second one is.
_LOUDER = _LOUD & ~rel.IF_ON_SAME_NODE | _BY_THEN | rel.THEN_IMPLIES_FIRST_GRAPHED


def _are_collectives(first: Action, then: Action) -> bool:
    """Whether an ordering of the two may be one of their instances, or concerns a bundle."""
    one, other = first.resource, then.resource
    if one is None or other is None:
        return False
    return one.is_bundle or other.is_bundle or (one.is_clone and other.is_clone and one is not other)


def _group_place(action: Action) -> Node | None:
    """Where a group will be, for its start; else where the action is done."""
    resource = action.resource
    if resource is not None and resource.is_group and action.task == act.START:
        return resource.assigned_place()
    return action.node


def revise(then: Action) -> None:
    """Let everything that is ordered before an action change it, and follow what changes."""
    changed = UNCHANGED
    before = then.flags
    if then.needed_before > 0:
        then.met_before = 0
        then.flags &= ~act.RUNNABLE
    own = then.resource
    simple = own is not None and own.is_primitive
    for ordering in then.before[::-1]:
        first = ordering.action
        relation = ordering.flags
        if first.resource is None or first.resource.is_primitive:
            if simple:
                if not relation & ~rel.ORDERED or (not relation & _LOUD and first.flags & then.flags & _IDLE == _IDLE):
                    continue  # it says nothing but what comes first, or both go on as they are
            elif not relation & ~rel.ORDERED and own is not None and (own.is_group or own.is_clone):
                _flags_for(then, first.node)
                continue
        first_node, then_node = _group_place(first), _group_place(then)
        if (
            ordering.flags & rel.IF_ON_SAME_NODE and first_node is not None
            and then_node is not None and first_node is not then_node
        ):
            ordering.flags = rel.NONE
            continue
        changed &= ~FIRST_CHANGED
        if (
            first.resource is not None and ordering.flags & rel.THEN_CANCELS_FIRST
            and not then.flags & act.OPTIONAL
        ):
            first.flags |= act.OPTIONAL
            if first.task == act.RELOAD:
                first.resource.reload = False
        told = first
        if (
            first.resource is not None and then.resource is not None
            and first.resource is not then.resource
            and not then.resource.is_below(first.resource)
        ):
            told = _telling(first)
        if told is first:
            first_flags = _flags_for(first, then_node)
            then_flags = _flags_for(then, first_node)
            if (
                first_flags & first.flags & _IDLE == _IDLE and not first.flags & act.MIGRATABLE
                and not relation & _LOUDER and not _are_collectives(first, then)
            ):
                continue
            changed |= _update_by_flags(first, then, first_flags, then_flags, ordering)
        elif link(told, then, ordering.flags, ordering.why):
            changed |= THEN_CHANGED
            ordering.flags = rel.NONE
        if changed & FIRST_CHANGED:
            for after in reversed(list(told.after)):
                revise(after.action)
            revise(told)
    if then.needed_before > 0:
        changed = changed & ~THEN_CHANGED if before == then.flags else changed | THEN_CHANGED
    if changed & THEN_CHANGED:
        if before & act.RUNNABLE and not then.flags & act.RUNNABLE:
            block_dependents(then)
        revise(then)
        for after in reversed(list(then.after)):
            revise(after.action)


# The stage ----------------------------------------------------------------------------------------


def _by_key(resource: Resource, key: str) -> Sequence[Action]:
    """Actions by key; one that names a parent or member is read as this resource's."""
    found = resource.actions_by_key.get(key)
    if not found:
        _, task, interval_ms = act.split_key(key)
        if task:
            found = resource.actions_by_key.get(act.key_of(resource, task, interval_ms))
    return found or []


def _link_after(first: Action | None, resource: Resource, ordering: Ordering) -> None:
    flags = ordering.flags
    thens: Sequence[Action]
    if ordering.then is not None:
        thens = [ordering.then]
    else:
        thens = _by_key(resource, ordering.then_key or "")
    if first is not None and first.resource is resource and first.flags & act.MIGRATION_ABORT:
        flags &= ~rel.FIRST_IMPLIES_THEN
    if first is None and not flags & rel.FIRST_IMPLIES_THEN:
        return
    for then in thens:
        if first is not None:
            link(first, then, flags, ordering.why)
        else:
            then.flags &= ~act.RUNNABLE


def _link_resource(resource: Resource, ordering: Ordering) -> None:
    then_resource = ordering.then_resource
    firsts: Sequence[Action]
    if ordering.first is not None:
        firsts = [ordering.first]
    else:
        firsts = _by_key(resource, ordering.first_key or "")
    if not firsts and resource is not then_resource:
        # Nobody asked for it yet: it is made, unless it makes no sense in the present role.
        _, task, interval_ms = act.split_key(ordering.first_key or "")
        role = resource.current_role()
        if not (
            (role is Rank.STOPPED and task == act.STOP)
            or (role is Rank.UNPROMOTED and task == act.DEMOTE)
        ):
            firsts = [act.ask(
                resource.workspace, resource, act.key_of(resource, task, interval_ms), task,
                None, optional=True,
            )]
    if then_resource is None:
        if ordering.then is None:
            return
        then_resource = ordering.then.resource
    for first in firsts:
        if then_resource is None:
            link(first, ordering.then, ordering.flags, ordering.why)
        else:
            _link_after(first, then_resource, ordering)


def apply_orderings(workspace: Workspace) -> None:
    """Link what was asked for, then let all actions change one another."""
    from hashell.scheduler import make_graph, probes

    for ordering in workspace.orderings:
        if ordering.first_resource is not None:
            _link_resource(ordering.first_resource, ordering)
        elif ordering.then_resource is not None:
            _link_after(ordering.first, ordering.then_resource, ordering)
        else:
            link(ordering.first, ordering.then, ordering.flags, ordering.why)
    for action in reversed(list(workspace.actions)):
        block_dependents(action)
    probes.order_probes(workspace)
    for action in reversed(list(workspace.actions)):
        revise(action)
    for action in reversed(workspace.actions):
        if action.task == act.MIGRATE_TO or (action.resource is not None and action.resource.launched):
            for before in reversed(action.before):
                if make_graph.is_invalid(action, before):
                    before.flags = rel.NONE
