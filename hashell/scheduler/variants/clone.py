"""Clones: many instances of one thing.

Source: lib/pacemaker/pcmk_sched_clone.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler import assign, notifications, probes
from hashell.scheduler.colocation import spread
from hashell.scheduler.colocation.relations import (
    Colocation,
    merge_this_with,
    merge_with_this,
    this_with,
    with_this,
)
from hashell.scheduler.colocation.scores import intersect
from hashell.scheduler.node_criteria import apply_location
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order_resource_actions
from hashell.scheduler.scores import add
from hashell.scheduler.sorting import merge_sorted
from hashell.scheduler.variants import instances, promotable
from hashell.scheduler.variants.variant import Resource
from hashell.scheduler.workspace import Node, Rank
from hashell.state.resources import ProbeMode
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.notifications import Notifications
    from hashell.scheduler.workspace import Location, Workspace
    from hashell.state.resources import Resource as Found


class Clone(Resource):
    """Instances, and the events that tell of all of them."""

    def __init__(self, workspace: Workspace, found: Found, parent: Resource | None) -> None:
        super().__init__(workspace, found, parent)
        options = self.config.clone
        self.clone_max = found.clone_max
        self.clone_node_max = found.clone_node_max
        self.promoted_max = 0 if options is None else options.promoted_max
        self.promoted_node_max = 0 if options is None else options.promoted_node_max
        self.ordered = False if options is None else options.ordered
        self.promotion_scores_added = False
        self.promotion_constrained = False
        self.notices: dict[str, Notifications] = {}
        self._by_node: tuple[int, dict[str, Resource], dict[str, Resource]] | None = None

    # Assignment ---------------------------------------------------------------------------------

    def assign(self, prefer: Node | None, *, stop_if_fail: bool) -> Node | None:
        if not self.unassigned or self.assigning:
            return None
        self.assigning = True
        if self.promotable:
            promotable.add_promotion_scores(self)
        for colocation in this_with(self):
            colocation.primary.assign(prefer, stop_if_fail=stop_if_fail)
        for colocation in with_this(self):
            spread.add_dependent_scores(colocation, self)
        assign.show_scores(self, "clone")
        self.children[:] = merge_sorted(self.children, instances.comparison())
        self.root.places_at += 1
        instances.assign_instances(
            self, self.children, self.clone_max, self.clone_node_max
        )
        if self.promotable:
            promotable.set_roles(self)
        self.unassigned = self.assigning = False
        return None

    def is_active(self, *, all_members: bool) -> bool:
        if all_members:
            return all(child.is_active(all_members=True) for child in self.children)
        return any(child.is_active(all_members=False) for child in self.children)

    def current_role(self) -> Rank:
        return max((child.current_role() for child in self.children), default=Rank.UNKNOWN)

    def planned_role(self) -> Rank:
        return max((child.planned_role() for child in self.children), default=Rank.UNKNOWN)

    @property
    def max_per_node(self) -> int:
        return self.clone_node_max

    # Constraints --------------------------------------------------------------------------------

    def internal_constraints(self) -> None:
        def order(
            first: Resource, first_task: str, then: Resource, then_task: str, flags: int
        ) -> None:
            order_resource_actions(first, first_task, then, then_task, flags, "clone")

        order(self, act.STOPPED, self, act.START, rel.ORDERED)
        order(self, act.START, self, act.STARTED, rel.UNRUNNABLE_FIRST_BLOCKS)
        order(self, act.STOP, self, act.STOPPED, rel.UNRUNNABLE_FIRST_BLOCKS)
        if self.promotable:
            order(self, act.DEMOTED, self, act.STOP, rel.ORDERED)
            order(self, act.STARTED, self, act.PROMOTE, rel.UNRUNNABLE_FIRST_BLOCKS)
        if self.ordered:
            instances.sort_by_number(self)
        for place, instance in enumerate(self.children):
            instance.internal_constraints()
            order(
                self, act.START, instance, act.START,
                rel.UNRUNNABLE_FIRST_BLOCKS | rel.THEN_IMPLIES_FIRST_GRAPHED,
            )
            order(instance, act.START, self, act.STARTED, rel.FIRST_IMPLIES_THEN_GRAPHED)
            order(self, act.STOP, instance, act.STOP, rel.THEN_IMPLIES_FIRST_GRAPHED)
            order(instance, act.STOP, self, act.STOPPED, rel.FIRST_IMPLIES_THEN_GRAPHED)
            if self.ordered:
                for later in self.children[place + 1 :]:
                    order(instance, act.START, later, act.START, rel.ORDERED)
                    order(later, act.STOP, instance, act.STOP, rel.ORDERED)
        if self.promotable:
            promotable.order_promotion(self)

    def apply_colocation(
        self, dependent: Resource, primary: Resource, colocation: Colocation, *,
        for_dependent: bool,
    ) -> int:
        assert not for_dependent, "instances follow, not the clone"
        if self.unassigned:
            return 0
        if self.promotable and colocation.primary_role is not Rank.UNKNOWN:
            if dependent.unassigned:
                promotable.change_dependent(self, dependent, colocation)
                return 0
            if colocation.dependent_role is Rank.PROMOTED:
                return promotable.change_dependent_priority(self, dependent, colocation)
        if self._pairs_with(colocation):
            instance = instances.find_compatible(dependent, self, Rank.UNKNOWN, current=False)
            if instance is not None:
                return dependent.apply_colocation(
                    dependent, instance, colocation, for_dependent=True
                )
            if colocation.score >= INFINITY:
                assign.set_node(dependent, None, force=True, stop_if_fail=True)
            return 0
        if colocation.score >= INFINITY:
            places: list[tuple[Node, int]] = []
            for instance in self.children:
                node = instance.assigned_place()
                if node is not None and not instance.any_flag("blocked"):
                    places.append((node, instance.assigned_score))
            intersect(dependent, colocation, places, merge=False)
            return 0
        change = 0
        for instance in self.children:
            change = add(change, instance.apply_colocation(
                dependent, instance, colocation, for_dependent=False
            ))
        return change

    def _pairs_with(self, colocation: Colocation) -> bool:
        """Whether each instance of the dependent has its own instance here."""
        dependent = colocation.dependent
        if dependent.variant <= 1 or not dependent.interleave:
            return False
        if dependent.max_per_node != colocation.primary.max_per_node:
            self.workspace.problem(
                f"Cannot interleave {dependent.id} and {colocation.primary.id} because they do not "
                "support the same number of instances per node"
            )
            return False
        return True

    def add_with_this(self, origin: Resource, found: list[Colocation]) -> None:
        merge_with_this(found, self.with_this)
        if self.parent is not None:
            self.parent.add_with_this(origin, found)

    def add_this_with(self, origin: Resource, found: list[Colocation]) -> None:
        merge_this_with(found, self.this_with)
        if self.parent is not None:
            self.parent.add_this_with(origin, found)

    def apply_location(self, location: Location) -> None:
        apply_location(self, location)
        for instance in self.children:
            instance.apply_location(location)

    # Actions ------------------------------------------------------------------------------------

    def create_actions(self) -> None:
        instances.create_instance_actions(self, self.children)
        if self.promotable:
            promotable.create_actions(self)

    def create_probe(self, node: Node) -> bool:
        if self.exclusive_probes and (
            node.id not in self.allowed
            or self.probe_mode(node) is not ProbeMode.EXCLUSIVE
        ):
            self.allowed.pop(node.id, None)
            self.touch()
            return False
        instances.sort_by_number(self)
        if self.unique:
            return probes.probe_all(self.children, node)
        return self._probe_anonymous(node)

    def _probe_anonymous(self, node: Node) -> bool:
        """One instance stands for all: the one known there, or meant for there, or the first."""
        known, assigned = self._instances_by_node()
        return (known.get(node.id) or assigned.get(node.id) or self.children[0]).create_probe(node)

    def _instances_by_node(self) -> tuple[dict[str, Resource], dict[str, Resource]]:
        """By node id, the first instance that is known there, and the first that is meant for there."""
        at = self.root.places_at
        kept = self._by_node
        if kept is None or kept[0] != at:
            known: dict[str, Resource] = {}
            assigned: dict[str, Resource] = {}
            for instance in self.children:
                for part in instance.children or (instance,):
                    for name in part.known_on:
                        known.setdefault(name, instance)
                place = instance.assigned_place()
                if place is not None:
                    assigned.setdefault(place.id, instance)
            kept = self._by_node = at, known, assigned
        return kept[1:]

    def action_flags(self, action: Action, node: Node | None) -> int:
        return instances.collective_flags(action, self.children, node)

    def update_ordered(
        self, first: Action, then: Action, node: Node | None, flags: int, mask: int, relation: int
    ) -> int:
        return instances.update_ordered(first, then, node, flags, mask, relation)

    def add_to_graph(self) -> None:
        from hashell.scheduler import make_graph

        for action in reversed(self.actions):
            self.action_flags(action, None)
        notifications.create_notifications(self)
        for instance in self.children:
            instance.add_to_graph()
        make_graph.add_resource(self)

    def list_changes(self) -> None:
        for instance in self.children:
            instance.list_changes()

    def graph_meta(self) -> Mapping[str, str]:
        found = {
            "CRM_meta_globally_unique": _word(self.unique),
            "CRM_meta_notify": _word(self.notify),
            "CRM_meta_clone_max": str(self.clone_max),
            "CRM_meta_clone_node_max": str(self.clone_node_max),
        }
        if self.promotable:
            for name in ("promoted", "master"):
                found[f"CRM_meta_{name}_max"] = str(self.promoted_max)
                found[f"CRM_meta_{name}_node_max"] = str(self.promoted_node_max)
        return found

    # The rest -----------------------------------------------------------------------------------

    def add_utilization(
        self, origin: Resource, everything: list[Resource], total: dict[str, int]
    ) -> None:
        if not self.unassigned:
            return
        existing = False
        for child in self.children:
            if child in everything:
                existing = True
            elif any(member in everything for member in child.children):
                child.add_utilization(origin, everything, total)
                existing = True
        if not existing and self.children:
            self.children[0].add_utilization(origin, everything, total)

    def lock_for_shutdown(self) -> None:
        """Clones are not locked: they can run elsewhere at the same time."""


def _word(value: bool) -> str:
    return "true" if value else "false"
