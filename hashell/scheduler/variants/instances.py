"""Instances: what clones and bundles share: spreading instances over nodes, and acting on all.

Source: lib/pacemaker/pcmk_sched_instances.c.
"""

from __future__ import annotations

from operator import attrgetter, gt
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler import assign, notifications
from hashell.scheduler.colocation.relations import this_with, with_this
from hashell.scheduler.colocation.scores import inside_container, node_value, same
from hashell.scheduler.colocation.wishes import points_alone
from hashell.scheduler.nodes import best_node, sort_nodes
from hashell.scheduler.ordering import apply
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.relations import link
from hashell.scheduler.variants.variant import Resource
from hashell.scheduler.workspace import Node, Rank
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hashell.scheduler.actions import Action

# Which instance first -----------------------------------------------------------------------------


def sort_by_number(collective: Resource) -> None:
    """Put instances into the order of their numbers."""
    children = collective.children
    numbers = [child.number for child in children]
    if any(map(gt, numbers, numbers[1:])):
        children.sort(key=attrgetter("number"))
        collective.root.places_at += 1


def _did_fail(resource: Resource) -> bool:
    return resource.failed or any(map(_did_fail, resource.children))


def _with_parents_colocations(resource: Resource, node: Node) -> int:
    """The node's points in the light of colocations of and with the instance."""
    return points_alone(
        resource, node, node.score, tuple(this_with(resource)),
        tuple(one for one in with_this(resource) if one.has_influence(resource)),
    )


def _usable_node(resource: Resource, node: Node | None) -> tuple[bool, Node | None]:
    """Whether it is not active where it must not be, and where it is."""
    if node is not None and resource.allowed.get(node.id, -1) < 0:
        return False, None
    return True, node


def _compare(left: Resource, right: Resource, wishes: dict[Resource, int]) -> int:
    left_node, left_count, _ = left.count_active()
    right_node, right_count, _ = right.count_active()
    if left_count and right_count and left_count != right_count:
        return left_count - right_count
    left_can, left_node = _usable_node(left, left_node)
    right_can, right_node = _usable_node(right, right_node)
    if left_can is not right_can:
        return -1 if left_can else 1
    if left.priority != right.priority:
        return right.priority - left.priority
    if left_node is None or right_node is None:
        return (left_node is None) - (right_node is None)
    if left_node.can_run is not right_node.can_run:
        return -1 if left_node.can_run else 1
    left_load, right_load = left.top_count(left_node), right.top_count(right_node)
    if left_load is None or right_load is None:
        return (left_load is None) - (right_load is None)
    if left_load != right_load:
        return left_load - right_load
    left_failed, right_failed = _did_fail(left), _did_fail(right)
    if left_failed is not right_failed:
        return 1 if left_failed else -1
    left_current, right_current = left.active_node(), right.active_node()
    assert left_current is not None and right_current is not None
    difference = _wish(right, right_current, wishes) - _wish(left, left_current, wishes)
    if difference:
        return difference
    return left.number - right.number


def _wish(resource: Resource, node: Node, wishes: dict[Resource, int]) -> int:
    known = wishes.get(resource)
    if known is None:
        known = wishes[resource] = _with_parents_colocations(resource, node)
    return known


def comparison() -> Callable[[Resource, Resource], int]:
    """Which instance gets its node first: those least likely to have to move.

    For one sorting, in which nobody's scores change.
    """
    wishes: dict[Resource, int] = {}
    return lambda left, right: _compare(left, right, wishes)


# Assignment ---------------------------------------------------------------------------------------


def _ban_unavailable(instance: Resource, max_per_node: int) -> None:
    runnable = instance.workspace.runnable()
    allowed = instance.allowed
    holder = instance if instance.parent is None else instance.parent
    theirs, counts = holder.allowed, holder.counts
    banned = allowed if instance.removed else [
        name for name in allowed
        if not runnable[name] or theirs.get(name, -1) < 0 or counts.get(name, 0) >= max_per_node
    ]
    bans = dict.fromkeys(banned, -INFINITY)
    allowed.update(bans)
    for child in instance.children:
        child.allowed.update({name: -INFINITY for name in bans if name in child.allowed})
    instance.touch()
    for child in instance.children:
        child.touch()


def _count(instance: Resource, node: Node | None) -> None:
    holder = instance if instance.parent is None else instance.parent
    if node is not None and node.id in holder.allowed:
        holder.counts[node.id] = holder.counts.get(node.id, 0) + 1


def _assign_one(instance: Resource, prefer: Node | None, max_per_node: int) -> Node | None:
    if instance.assigning:
        return None
    _ban_unavailable(instance, max_per_node)
    chosen = instance.assign(prefer, stop_if_fail=prefer is None)
    _count(instance, chosen)
    return chosen


def _tables(resource: Resource) -> dict[str, dict[str, int]]:
    """A copy of the scores of a resource and all below."""
    found = {resource.id: dict(resource.allowed)}
    for child in resource.children:
        found.update(_tables(child))
    return found


def _restore(resource: Resource, tables: dict[str, dict[str, int]]) -> None:
    resource.allowed = dict(tables[resource.id])
    resource.touch()
    for child in resource.children:
        _restore(child, tables)


def _assign_early(
    instance: Resource, current: Node, max_per_node: int, available: int
) -> bool:
    """Try to leave an instance where it is, while there is room for as many elsewhere."""
    parent = instance.parent
    assert parent is not None
    if current.id not in instance.allowed or not instance.available(current):
        return False
    tables = _tables(instance)
    parent_allowed, parent_counts = parent.allowed, parent.counts
    parent.allowed, parent.counts = dict(parent_allowed), dict(parent_counts)
    chosen: Node | None = None
    reserved = 0
    while reserved < available:
        chosen = _assign_one(instance, current, max_per_node)
        if chosen is current:
            break
        _restore(instance, tables)
        if chosen is None:
            instance.unassigned = True
            break
        reserved += 1
        assign.unset_node(instance)
        chosen = None
    changed = parent.allowed != parent_allowed
    parent.allowed, parent.counts = parent_allowed, parent_counts
    if changed:
        parent.touch()
    if chosen is None:
        return False
    _count(instance, chosen)
    return True


def _preferred(instance: Resource, optimal_per_node: int) -> Node | None:
    """Where an instance is, if it may stay there."""
    if not instance.active or not instance.unassigned or instance.failed:
        return None
    node = instance.active_node()
    if node is None or not node.can_run or node.score < 0:
        return None
    count = instance.top_count(node)
    return None if count is not None and count >= optimal_per_node else node


def assign_instances(
    collective: Resource, instances: Sequence[Resource], max_total: int, max_per_node: int
) -> None:
    """Give instances their nodes: those that may stay first, then the rest."""
    nodes = collective.workspace.node_by_id
    collective.counts = {}
    available = sum(nodes[name].can_run for name in collective.allowed)
    optimal = max(max_total // available if available else 0, 1)
    assigned = 0
    for instance in instances:
        if assigned >= max_total:
            break
        if not instance.unassigned:
            continue
        current = _preferred(instance, optimal)
        if current is not None and _assign_early(
            instance, current, max_per_node, max_total - assigned
        ):
            assigned += 1
    for instance in instances:
        if not instance.unassigned:
            continue
        if assigned >= max_total:
            instance.add_score_everywhere(-INFINITY, "collective_limit_reached")
        elif _assign_one(instance, None, max_per_node) is not None:
            assigned += 1


# Actions ------------------------------------------------------------------------------------------


class _Happening:
    """What happens to the instances of a collective, summed up."""

    __slots__ = ("active", "restarting", "starting", "stopping")

    def __init__(self) -> None:
        self.active = self.starting = self.stopping = self.restarting = False

    def note(self, instance: Resource) -> None:
        if not instance.is_primitive:
            for child in instance.children:
                self.note(child)
            return
        starts = any(
            not start.flags & act.OPTIONAL and start.flags & act.RUNNABLE
            for start in instance.actions_by_task.get(act.START, ())
        )
        stops = any(
            not stop.flags & act.OPTIONAL and stop.flags & (act.PSEUDO | act.RUNNABLE)
            for stop in instance.actions_by_task.get(act.STOP, ())
        )
        self.active |= bool(instance.active)
        self.starting |= starts
        self.stopping |= stops
        self.restarting |= starts and stops


def create_instance_actions(collective: Resource, instances: Sequence[Resource]) -> None:
    """The instances' actions, and the events that tell of all of them."""
    happening = _Happening()
    for instance in instances:
        instance.create_actions()
        happening.note(instance)
    start = act.ask_event(
        collective, act.START, optional=not happening.starting, runnable=True
    )
    started = act.ask_event(
        collective, act.STARTED, optional=not happening.starting, runnable=False
    )
    started.priority = INFINITY
    if happening.active or happening.starting:
        started.flags |= act.RUNNABLE
    stop = act.ask_event(collective, act.STOP, optional=not happening.stopping, runnable=True)
    stopped = act.ask_event(
        collective, act.STOPPED, optional=not happening.stopping, runnable=True
    )
    stopped.priority = INFINITY
    if not happening.restarting:
        stop.flags |= act.MIGRATABLE
    if collective.is_clone:
        notifications.prepare_start_and_stop(collective, start, started, stop, stopped)


def instances_of(collective: Resource) -> list[Resource]:
    """Instances of a clone, containers of a bundle."""
    if collective.is_bundle:
        return [replica.container for replica in collective.replicas]  # type: ignore[attr-defined]
    return collective.children


# Pairs of instances -------------------------------------------------------------------------------


def instance_matches(
    instance: Resource, node: Node, role: Rank, *, current: bool, attribute: str | None = None
) -> bool:
    """Whether an instance is (or will be) on a node, or one with the same attribute, in a role."""
    if role is not Rank.UNKNOWN and role is not (
        instance.current_role() if current else instance.planned_role()
    ):
        return False
    place = None
    if not instance.any_flag("blocked"):
        place = instance.current_place() if current else instance.assigned_place()
    if place is None:
        return False
    if attribute is not None:
        return same(
            node_value(place, attribute, instance), node_value(node, attribute, instance)
        )
    return place is node


class Places:
    """The first instance of a collective on each node, now and as assigned, until `made_at` is past."""

    __slots__ = ("assigned", "current", "made_at")

    def __init__(self, collective: Resource) -> None:
        self.made_at = collective.root.places_at
        self.current: dict[Node, Resource] = {}
        self.assigned: dict[Node, Resource] = {}
        for instance in instances_of(collective):
            if instance.any_flag("blocked"):
                continue
            place = instance.current_place()
            if place is not None:
                self.current.setdefault(place, instance)
            place = instance.assigned_place()
            if place is not None:
                self.assigned.setdefault(place, instance)


def _places(collective: Resource) -> Places:
    kept = collective.places
    if kept is None or kept.made_at != collective.root.places_at:
        kept = collective.places = Places(collective)
    return kept


def find_compatible(
    match: Resource, collective: Resource, role: Rank, *, current: bool,
    attribute: str | None = None,
) -> Resource | None:
    """The instance that belongs to another one: on its node, or on the best node that it may have."""
    node = match.current_place() if current else match.assigned_place()
    if role is Rank.UNKNOWN and attribute is None:
        known = _places(collective)
        first = known.current if current else known.assigned
        if node is None and first:
            allowed = match.allowed
            node = best_node(
                match.workspace, allowed, None, [one.id for one in first if one.id in allowed]
            )
        return None if node is None else first.get(node)
    nodes = [node] if node is not None else sort_nodes(match.workspace, match.allowed, None)
    for candidate in nodes:
        for instance in instances_of(collective):
            if instance_matches(
                instance, candidate, role, current=current, attribute=attribute
            ):
                return instance
    return None


def _action_of_instance(
    action: Action, instance: Resource, task: str, node: Node | None, *, for_first: bool
) -> Action | None:
    inner: Resource | None = None
    if (for_first and action.task not in (act.STOP, act.STOPPED)) or (
        not for_first
        and action.task in (act.PROMOTE, act.PROMOTED, act.DEMOTE, act.DEMOTED)
    ):
        # What counts is then what runs in the container, which is on another node.
        inner = inside_container(instance)
    if inner is not None:
        return act.find_first(inner, task=task)
    return act.find_first(instance, task=task, node=node)


def original_task(action: Action) -> str:
    """The task of an instance that an action of the collective stands for."""
    resource = action.resource
    assert resource is not None
    task = action.task
    if task in (act.NOTIFY, act.NOTIFIED):
        _, _, task = act.task_of_key(action.key).partition("_notify_")
    task = act.known_task(task)
    if resource.children and resource.children[0].is_primitive:
        task = act.ATOMIC_OF.get(task, task)
    return task


def _update_interleaved(
    first: Action, then: Action, node: Node | None, mask: int, relation: int
) -> int:
    assert first.resource is not None and then.resource is not None
    changed = apply.UNCHANGED
    asked = first.links.get(then)
    why = asked[0].why if asked else ""
    task = original_task(first)
    current = first.key.endswith((f"_{act.STOPPED}_0", f"_{act.DEMOTED}_0"))
    for then_instance in list(instances_of(then.resource)):
        first_instance = find_compatible(
            then_instance, first.resource, Rank.UNKNOWN, current=current
        )
        if first_instance is None:
            mandatory = relation & (rel.UNRUNNABLE_FIRST_BLOCKS | rel.FIRST_IMPLIES_THEN)
            if not current and mandatory and assign.set_node(
                then_instance, None, force=True, stop_if_fail=True
            ):
                changed |= apply.THEN_CHANGED
            continue
        first_action = _action_of_instance(first, first_instance, task, node, for_first=True)
        if first_action is None:
            continue
        then_action = _action_of_instance(
            then, then_instance, then.task, node, for_first=False
        )
        if then_action is None:
            continue
        if link(first_action, then_action, relation, why):
            changed |= apply.FIRST_CHANGED | apply.THEN_CHANGED
        changed |= then_instance.update_ordered(
            first_action, then_action, node, first_instance.action_flags(first_action, node),
            mask, relation,
        )
    return changed


def _interleaves(first: Action, then: Action) -> bool:
    one, other = first.resource, then.resource
    if one is None or other is None or one is other or one.variant < 2 or other.variant < 2:
        return False
    down = then.key.endswith(("_stop_0", "_demote_0"))
    return (one if down else other).interleave


def update_ordered(
    first: Action, then: Action, node: Node | None, flags: int, mask: int, relation: int
) -> int:
    """Two ordered actions of collectives: pairwise where instances belong together, else all."""
    collective = then.resource
    if collective is None:
        return apply.UNCHANGED
    if _interleaves(first, then):
        return _update_interleaved(first, then, node, mask, relation)
    idle = apply.is_idle(first, flags, mask, relation)
    instances = list(instances_of(collective))
    if idle and all(instance.is_primitive for instance in instances[:1]):
        return apply.UNCHANGED
    changed = apply.update_pair(first, then, flags, mask, relation)
    for instance in instances:
        of_instance = act.find_first(instance, task=then.task, node=node)
        if of_instance is None:
            continue
        if not instance.action_flags(of_instance, node) & act.RUNNABLE or idle:
            continue
        instance_changed = instance.update_ordered(
            first, of_instance, node, flags, mask, relation
        )
        if instance_changed & apply.THEN_CHANGED:
            for after in reversed(list(of_instance.after)):
                apply.revise(after.action)
        changed |= instance_changed
    return changed


def collective_flags(action: Action, instances: Sequence[Resource], node: Node | None) -> int:
    """The sum of the instances': required if one is, possible if one is."""
    resource = action.resource
    assert resource is not None
    known = action.summed.get(node)
    if known is not None and known[0] == resource.root.flags_at:
        return known[1]
    flags = _sum_flags(action, instances, node)
    action.summed[node] = (resource.root.flags_at, flags)
    return flags


def _sum_flags(action: Action, instances: Sequence[Resource], node: Node | None) -> int:
    flags = act.OPTIONAL | act.RUNNABLE | act.PSEUDO
    runnable = False
    task = original_task(action)
    for instance in instances:
        of_instance = act.find_first(
            instance, task=task, node=node if instance.is_primitive else None
        )
        if of_instance is None:
            continue
        instance_flags = instance.action_flags(of_instance, node)
        if flags & act.OPTIONAL and not instance_flags & act.OPTIONAL:
            flags &= ~act.OPTIONAL
            action.flags &= ~act.OPTIONAL
        runnable |= bool(instance_flags & act.RUNNABLE)
    if not runnable:
        flags &= ~act.RUNNABLE
        if node is None:
            action.flags &= ~act.RUNNABLE
    return flags
