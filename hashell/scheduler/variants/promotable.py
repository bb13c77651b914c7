"""Promotable: who of a clone's instances is promoted.

Source: lib/pacemaker/pcmk_sched_promotable.c; Pacemaker Explained, "Promotable clones".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.cluster_options import NoQuorumPolicy
from hashell.scheduler import actions as act
from hashell.scheduler import explain, notifications, tickets
from hashell.scheduler.colocation import spread
from hashell.scheduler.colocation.relations import (
    Colocation,
    priority_changed,
    this_with,
    with_this,
)
from hashell.scheduler.colocation.scores import attribute_value, intersect, node_value, same
from hashell.scheduler.colocation.wishes import spread_wish
from hashell.scheduler.explain import PromotionLine, PromotionTerm
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order_resource_actions
from hashell.scheduler.scores import add
from hashell.scheduler.sorting import merge_sorted
from hashell.scheduler.variants import instances
from hashell.scheduler.variants.variant import Resource, strip_instance
from hashell.scheduler.workspace import Node, Rank
from hashell.values.scores import INFINITY, parse_score

if TYPE_CHECKING:
    from collections.abc import Callable

    from hashell.scheduler.variants.clone import Clone

# Promotion scores ---------------------------------------------------------------------------------


def _below_by_id(instance: Resource, name: str) -> Resource | None:
    """The primitive in an instance that has this id, or this id in the configuration."""
    if name in (instance.id, instance.config.id):
        return instance
    for child in instance.children:
        found = _below_by_id(child, name)
        if found is not None:
            return found
    return None


def _active_below(instance: Resource, name: str, node: Node) -> Resource | None:
    if name in (instance.id, instance.config.id) and node in instance.active:
        return instance
    for child in instance.children:
        found = _active_below(child, name, node)
        if found is not None:
            return found
    return None


def _score_applies(resource: Resource, node: Node) -> bool:
    """Whether the node's promotion score is meant for this instance."""
    clone = resource.top
    known = False
    if not resource.unique:
        name = resource.base_id
        active = None
        for instance in clone.children:
            active = _active_below(instance, name, node)
            if active is not None:
                break
        if active is resource:
            known = True
        elif active is None:
            for instance in clone.children:
                below = _below_by_id(instance, name)
                if below is not None and node.knows(below):
                    known = True
                    break
    if not known and (resource.active or resource.known_on) and not (
        node.knows(resource) or node in resource.active
    ):
        return False
    return resource.allowed.get(node.id, -1) >= 0


def _attribute(resource: Resource, node: Node, name: str) -> str | None:
    target = resource.meta.get("container-attribute-target")
    return attribute_value(node, f"master-{name}", target, assigned=not resource.unassigned)


def promotion_score(resource: Resource, node: Node) -> tuple[int, bool]:
    """Points that the agent gave for being promoted there, and whether it gave any."""
    if resource.children:
        total, given = 0, False
        for child in resource.children:
            score, child_given = promotion_score(child, node)
            total += score
            given |= child_given
        return total, given
    value = _attribute(resource, node, resource.history_id or resource.id)
    if value is None and not resource.unique:
        name = strip_instance(resource.id)
        if name != resource.id:
            value = _attribute(resource, node, name)
    if value is None or not _score_applies(resource, node):
        return 0, False
    return parse_score(value), True


def add_promotion_scores(clone: Clone) -> None:
    """Instances prefer nodes where they would be promoted."""
    if clone.promotion_scores_added:
        return
    clone.promotion_scores_added = True
    for child in clone.children:
        for node in _nodes_with_scores(child):
            if not node.can_run:
                continue
            score, _ = promotion_score(child, node)
            if score > 0:
                old = child.allowed[node.id]
                new = add(old, score)
                if new != old:
                    child.allowed[node.id] = new
                    child.touch()
                    clone.workspace.scores.record(child.id, node.name, score, "promotion score")
            if score > child.priority:
                child.priority = score
                priority_changed(child)


def _nodes_with_scores(instance: Resource) -> list[Node]:
    """Nodes that the instance may have, but for those that surely say nothing of its promotion.

    Those say 0, which is news only for a priority below it.
    """
    nodes = instance.nodes_of(instance.allowed)
    workspace = instance.workspace
    if instance.children or instance.priority < 0 or workspace.launches_nodes:
        return nodes
    names = instance.history_id or instance.id, strip_instance(instance.id)
    with_scores = workspace.nodes_with(f"master-{name}" for name in names)
    return [node for node in nodes if node in with_scores]


# Who is promoted ----------------------------------------------------------------------------------


class _Sums:
    """Where points for promotion come from, noted for who asked to see them."""

    __slots__ = ("_terms", "wanted")

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        self._terms: dict[Resource, list[PromotionTerm]] = {}

    def note(self, instance: Resource, points: int, reason: str, other: str = "", *, sets: bool = False) -> None:
        if self.wanted:
            self._terms.setdefault(instance, []).append(PromotionTerm(points, reason, other, sets))

    def difference(self, instance: Resource, before: int, after: int, reason: str) -> None:
        """Points that were changed elsewhere."""
        if before != after:
            anew = abs(before) >= INFINITY
            self.note(instance, after if anew or abs(after) >= INFINITY else after - before, reason, sets=anew)

    def of(self, instance: Resource) -> tuple[PromotionTerm, ...]:
        return tuple(self._terms.get(instance, ()))


def _add_promoted_locations(child: Resource, holder: Resource, chosen: Node, sums: _Sums) -> None:
    for location in reversed(holder.locations):
        if location.role is Rank.PROMOTED:
            for node, score in location.wishes:
                if node is chosen:
                    child.priority = add(child.priority, score)
                    priority_changed(child)
                    sums.note(child, score, location.id)
                    break


def _become_unpromoted(resource: Resource) -> None:
    if resource.role is Rank.STARTED:
        resource.role = Rank.UNPROMOTED
    for child in resource.children:
        _become_unpromoted(child)


def _set_next_unpromoted(resource: Resource) -> None:
    resource.next_role = Rank.UNPROMOTED if resource.assigned_nodes() else Rank.STOPPED
    for child in resource.children:
        _set_next_unpromoted(child)


def _set_next_promoted(resource: Resource) -> None:
    if resource.next_role is Rank.UNKNOWN:
        resource.next_role = Rank.PROMOTED
    for child in resource.children:
        _set_next_promoted(child)


def _set_priority(instance: Resource, clone: Clone, sums: _Sums) -> None:
    if instance.current_role() is Rank.STARTED:
        _become_unpromoted(instance)
    places = instance.assigned_nodes()
    if len(places) > 1:
        clone.workspace.problem(f"Cannot promote non-colocated child {instance.id}")
    chosen = instance.assigned_place()
    if chosen is None:
        return
    following = instance.planned_role()
    if following in (Rank.STARTED, Rank.UNKNOWN):
        score, given = promotion_score(instance, chosen)
        instance.priority = score if given else -1
        sums.note(
            instance, instance.priority, explain.FROM_AGENT if given else explain.NONE_GIVEN, chosen.name, sets=True
        )
    elif following in (Rank.UNPROMOTED, Rank.STOPPED):
        instance.priority = -INFINITY
        sums.note(instance, -INFINITY, explain.ROLE_SETTLED, following.text, sets=True)
    else:
        sums.note(instance, instance.priority, explain.FROM_AGENT, chosen.name, sets=True)
    priority_changed(instance)
    _add_promoted_locations(instance, instance, chosen, sums)
    _add_promoted_locations(instance, clone, chosen, sums)
    for colocation in this_with(instance):
        before = instance.priority
        instance.apply_colocation(
            instance, colocation.primary, colocation, for_dependent=True
        )
        sums.difference(
            instance, before, instance.priority, f"{colocation.id}: colocation with {colocation.primary.id}"
        )
    instance.promotion_priority = instance.priority
    if following is Rank.PROMOTED:
        instance.promotion_priority = INFINITY
        sums.note(instance, INFINITY, explain.ROLE_SETTLED, following.text, sets=True)


def _comparison() -> Callable[[Resource, Resource], int]:
    """Which instance is promoted first, for one sorting."""
    by_place = instances.comparison()

    def compare(left: Resource, right: Resource) -> int:
        return _compare(left, right) or by_place(left, right)

    return compare


def _compare(left: Resource, right: Resource) -> int:
    if left.promotion_priority != right.promotion_priority:
        return right.promotion_priority - left.promotion_priority
    return right.current_role() - left.current_role()


def _sort(clone: Clone, sums: _Sums) -> None:
    """By points for promotion, among them wishes of those that go with a promoted instance."""
    if clone.promotion_constrained:
        return
    clone.promotion_constrained = True
    clone.updating_nodes = True
    clone.workspace.held = clone
    book = _TableBook(clone, sums) if sums.wanted else None
    for child in clone.children:
        if child.promotion_priority < 0:
            continue
        chosen = child.assigned_place()
        if chosen is not None and chosen.id in clone.allowed:
            clone.allowed[chosen.id] = add(child.promotion_priority, clone.allowed[chosen.id])
            if book is not None:
                book.add_instance(child, chosen)
    clone.touch()
    for colocation in with_this(clone):
        if colocation.primary_role is not Rank.PROMOTED or not colocation.has_influence():
            continue
        clone.allowed = spread_wish(
            colocation.dependent, clone, clone.allowed, colocation,
            spread.ACTIVE | spread.NONNEGATIVE,
        )
        clone.touch()
        if book is not None:
            book.add_change(f"{colocation.id}: wish of {colocation.dependent.id}")
    tickets.require_for_promotion(clone)
    if book is not None:
        book.add_change(explain.NO_TICKET)
    for child in clone.children:
        chosen = child.assigned_place()
        if not child.managed and child.next_role is Rank.PROMOTED:
            child.promotion_priority = INFINITY
            sums.note(child, INFINITY, explain.UNMANAGED, sets=True)
        elif chosen is None:
            child.promotion_priority = -INFINITY
            sums.note(child, -INFINITY, explain.NO_PLACE, sets=True)
        elif child.promotion_priority >= 0 and chosen.id in clone.allowed:
            child.promotion_priority = clone.allowed[chosen.id]
            if book is not None:
                book.give(child, chosen)
    clone.children[:] = merge_sorted(clone.children, _comparison())
    clone.root.places_at += 1
    clone.updating_nodes = False
    clone.workspace.held = None


class _TableBook:
    """How a clone's table changes while its instances are sorted, so that each can be told its part."""

    def __init__(self, clone: Clone, sums: _Sums) -> None:
        self._clone = clone
        self._sums = sums
        self._base = dict(clone.allowed)
        self._last = dict(clone.allowed)
        self._instances: dict[str, list[Resource]] = {}
        self._changes: dict[str, list[PromotionTerm]] = {}

    def add_instance(self, instance: Resource, node: Node) -> None:
        self._instances.setdefault(node.id, []).append(instance)
        self._last[node.id] = self._clone.allowed[node.id]

    def add_change(self, reason: str) -> None:
        for name, new in self._clone.allowed.items():
            old = self._last.get(name, 0)
            if new != old:
                anew = abs(old) >= INFINITY
                points = new if anew or abs(new) >= INFINITY else new - old
                self._changes.setdefault(name, []).append(PromotionTerm(points, reason, "", anew))
        self._last = dict(self._clone.allowed)

    def give(self, instance: Resource, node: Node) -> None:
        """What else counts for an instance on its node, besides what it has itself."""
        base = self._base.get(node.id, 0)
        if base:
            self._sums.note(instance, base, explain.OF_CLONE, self._clone.id)
        for other in self._instances.get(node.id, ()):
            if other is not instance:
                self._sums.note(instance, _own(other), explain.OF_OTHER, other.id)
        for term in self._changes.get(node.id, ()):
            self._sums.note(instance, term.points, term.reason, sets=term.sets)


def _own(instance: Resource) -> int:
    """An instance's points for promotion before the clone's table counted."""
    return instance.priority if instance.next_role is not Rank.PROMOTED else INFINITY


def _place_for_promotion(resource: Resource) -> Node | None:
    """Where an instance may be promoted; None where it may not."""
    for child in resource.children:
        if _place_for_promotion(child) is None:
            return None
    node = resource.assigned_place()
    if node is None:
        return None
    if not resource.managed:
        if resource.current_role() is not Rank.PROMOTED:
            return None
    elif resource.priority < 0 or not _available(node):
        return None
    clone = resource.top
    if node.id not in clone.allowed:
        return None
    if resource.managed and clone.counts.get(node.id, 0) >= _clone(clone).promoted_node_max:
        return None
    return node


def _available(node: Node) -> bool:
    """Whether it can run anything; a guest only if its container will run."""
    launcher = node.launcher
    return node.can_run and (launcher is None or launcher.assigned_place() is not None)


def _clone(resource: Resource) -> Clone:
    from hashell.scheduler.variants.clone import Clone

    assert isinstance(resource, Clone)
    return resource


def _show(instance: Resource, sums: _Sums) -> None:
    workspace = instance.workspace
    if workspace.show_scores:
        chosen = instance.assigned_place()
        workspace.lines.append(PromotionLine(
            instance.id, "" if chosen is None else chosen.name, instance.promotion_priority, sums.of(instance)
        ))


def set_roles(clone: Clone) -> None:
    """Promote as many as shall be, the best first; all others stay or become unpromoted."""
    workspace = clone.workspace
    clone.counts = {}
    sums = _Sums(wanted=workspace.show_scores)
    for instance in clone.children:
        _set_priority(instance, clone, sums)
    _sort(clone, sums)
    promoted = 0
    for instance in clone.children:
        _show(instance, sums)
        chosen: Node | None = None
        if instance.promotion_priority >= 0 and (
            promoted < clone.promoted_max or not clone.managed
        ):
            chosen = _place_for_promotion(instance)
        if chosen is None or (
            instance.role < Rank.PROMOTED and not workspace.has_quorum
            and workspace.no_quorum_policy is NoQuorumPolicy.FREEZE
        ):
            _set_next_unpromoted(instance)
            continue
        clone.counts[chosen.id] = clone.counts.get(chosen.id, 0) + 1
        _set_next_promoted(instance)
        promoted += 1


# Actions and orderings ----------------------------------------------------------------------------


def _role_changes(resource: Resource) -> tuple[bool, bool]:
    """Whether anything in it is promoted, and demoted."""
    if resource.children:
        changes = [_role_changes(child) for child in resource.children]
        return any(up for up, _ in changes), any(down for _, down in changes)
    up, down = (
        any(not action.flags & act.OPTIONAL for action in resource.actions_by_task.get(task, ()))
        for task in (act.PROMOTE, act.DEMOTE)
    )
    return up, down


def create_actions(clone: Clone) -> None:
    """Promotions and demotions, and the events that tell of them."""
    promoting = demoting = False
    for instance in clone.children:
        instance.create_actions()
        up, down = _role_changes(instance)
        promoting |= up
        demoting |= down
    notifications.prepare_promotion(clone, promoting=promoting, demoting=demoting)
    for instance in clone.children:
        instance.priority = clone.priority
        priority_changed(instance)


def order_restart(resource: Resource) -> None:
    """Down before up, for a collective as a whole."""
    for first, then in (
        (act.STOPPED, act.START), (act.STOPPED, act.PROMOTE), (act.DEMOTED, act.STOP),
        (act.DEMOTED, act.START), (act.DEMOTED, act.PROMOTE), (act.STARTED, act.PROMOTE),
        (act.DEMOTE, act.DEMOTED),
    ):
        order_resource_actions(resource, first, resource, then, rel.ORDERED, "promotable")


def order_promotion(clone: Clone) -> None:
    def order(
        first: Resource, first_task: str, then: Resource, then_task: str, flags: int
    ) -> None:
        order_resource_actions(first, first_task, then, then_task, flags, "promotable")

    order_restart(clone)
    previous: Resource | None = None
    for instance in clone.children:
        order(instance, act.DEMOTE, instance, act.PROMOTE, rel.ORDERED)
        order(clone, act.PROMOTE, instance, act.PROMOTE, rel.ORDERED)
        order(instance, act.PROMOTE, clone, act.PROMOTED, rel.ORDERED)
        if previous is not None and clone.ordered:
            order(previous, act.PROMOTE, instance, act.PROMOTE, rel.ORDERED)
        order(clone, act.DEMOTE, instance, act.DEMOTE, rel.THEN_IMPLIES_FIRST_GRAPHED)
        order(instance, act.DEMOTE, clone, act.DEMOTED, rel.FIRST_IMPLIES_THEN_GRAPHED)
        if previous is not None and clone.ordered:
            order(instance, act.DEMOTE, previous, act.DEMOTE, rel.ORDERED)
        previous = instance


# Those that go with a promoted instance -----------------------------------------------------------


def change_dependent(clone: Clone, dependent: Resource, colocation: Colocation) -> None:
    """The dependent's points by where instances in the primary's role will be."""
    attribute = colocation.node_attribute
    places: list[tuple[Node, int]] = []
    for instance in clone.children:
        node = instance.assigned_place()
        if node is None or instance.planned_role() is not colocation.primary_role:
            continue
        if colocation.score < INFINITY:
            value = node_value(node, attribute, clone)
            for other in dependent.nodes_of(dependent.allowed):
                if same(value, node_value(other, attribute, dependent)):
                    dependent.allowed[other.id] = add(
                        dependent.allowed[other.id], colocation.score
                    )
                    dependent.touch()
                    clone.workspace.scores.record(
                        dependent.id, other.name, colocation.score,
                        f"{colocation.id}: colocation with {instance.id}",
                    )
        places.insert(0, (node, _score_of(instance)))
    if colocation.score >= INFINITY and (
        colocation.dependent_role is not Rank.PROMOTED
        or colocation.primary_role is not Rank.PROMOTED
    ):
        intersect(dependent, colocation, places, merge=True)


def _score_of(instance: Resource) -> int:
    """The points that an instance had on its node when that was assigned."""
    while instance.children:
        instance = instance.children[0]
    return instance.assigned_score


def change_dependent_priority(
    clone: Clone, dependent: Resource, colocation: Colocation
) -> int:
    """The dependent's points for promotion by where instances in the primary's role will be."""
    instance = instances.find_compatible(
        dependent, clone, colocation.primary_role, current=False,
        attribute=colocation.node_attribute,
    )
    if instance is not None:
        dependent.priority = add(dependent.priority, colocation.score)
        priority_changed(dependent)
        return colocation.score
    if colocation.score >= INFINITY:
        dependent.priority = -INFINITY
        priority_changed(dependent)
        return -INFINITY
    return 0
