"""Groups: members that start one after another in one place.

Source: lib/pacemaker/pcmk_sched_group.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler import assign, probes
from hashell.scheduler.colocation.relations import (
    Colocation,
    add_colocation,
    colocated_resources,
    insert_this_with,
    merge_this_with,
    merge_with_this,
    priority_changed,
)
from hashell.scheduler.node_criteria import apply_location
from hashell.scheduler.ordering import apply
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order_resource_actions
from hashell.scheduler.scores import add
from hashell.scheduler.variants.variant import Resource
from hashell.scheduler.workspace import Node, Rank
from hashell.values.booleans import is_true
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.workspace import Location


class Group(Resource):
    """Members in order; `ordered` and `colocated` unless an old option says otherwise."""

    @property
    def ordered(self) -> bool:
        return self.config.group_ordered

    @property
    def colocated_members(self) -> bool:
        return self.config.group_colocated

    # Assignment ---------------------------------------------------------------------------------

    def assign(self, prefer: Node | None, *, stop_if_fail: bool) -> Node | None:
        if not self.unassigned:
            return self.assigned
        if self.assigning:
            return None
        if not self.children:
            self.unassigned = False
            return None
        self.assigning = True
        self.role = self.children[0].role
        assign.show_scores(self, "group")
        first: Node | None = None
        for member in self.children:
            node = member.assign(prefer, stop_if_fail=stop_if_fail)
            first = first or node
        self.next_role = self.children[0].next_role
        self.assigning = self.unassigned = False
        return first if self.colocated_members else None

    def is_active(self, *, all_members: bool) -> bool:
        if all_members:
            return all(child.is_active(all_members=True) for child in self.children)
        return any(child.is_active(all_members=False) for child in self.children)

    def current_role(self) -> Rank:
        return max((child.current_role() for child in self.children), default=Rank.UNKNOWN)

    def planned_role(self) -> Rank:
        return max((child.planned_role() for child in self.children), default=Rank.UNKNOWN)

    # Constraints --------------------------------------------------------------------------------

    def internal_constraints(self) -> None:
        why = "group"
        order_resource_actions(
            self, act.STOP, self, act.STOPPED, rel.UNRUNNABLE_FIRST_BLOCKS, why
        )
        order_resource_actions(self, act.STOPPED, self, act.START, rel.ORDERED, why)
        order_resource_actions(
            self, act.START, self, act.STARTED, rel.UNRUNNABLE_FIRST_BLOCKS, why
        )
        previous: Resource | None = None
        last_active: Resource | None = None
        for member in self.children:
            self._member_constraints(member, previous, last_active)
            if member.active:
                last_active = member
            previous = member

    def _member_constraints(
        self, member: Resource, previous: Resource | None, last_active: Resource | None
    ) -> None:
        member.internal_constraints()
        ordered, promotable = self.ordered, self.top.promotable
        down = rel.THEN_IMPLIES_FIRST_GRAPHED
        post_down = rel.FIRST_IMPLIES_THEN_GRAPHED
        if previous is None:
            if ordered:
                down |= rel.ORDERED
                post_down = rel.FIRST_IMPLIES_THEN
        elif self.colocated_members:
            add_colocation(
                self.workspace, "#group-members", INFINITY, member, previous,
                influence=member.critical,
            )
        done = (
            rel.UNRUNNABLE_FIRST_BLOCKS | rel.FIRST_IMPLIES_THEN | rel.FIRST_IMPLIES_THEN_GRAPHED
        )

        def order(
            first: Resource, first_task: str, then: Resource, then_task: str, flags: int
        ) -> None:
            order_resource_actions(first, first_task, then, then_task, flags, "group")

        if promotable:
            order(self, act.DEMOTE, member, act.DEMOTE, down)
            order(member, act.DEMOTE, self, act.DEMOTED, post_down)
            order(member, act.PROMOTE, self, act.PROMOTED, done)
            order(self, act.PROMOTE, member, act.PROMOTE, rel.THEN_IMPLIES_FIRST_GRAPHED)
        order(self, act.STOP, member, act.STOP, down)
        order(member, act.STOP, self, act.STOPPED, post_down)
        order(self, act.START, member, act.START, rel.THEN_IMPLIES_FIRST_GRAPHED)
        order(member, act.START, self, act.STARTED, done)
        if not ordered:
            flags = (
                rel.FIRST_IMPLIES_THEN | rel.UNRUNNABLE_FIRST_BLOCKS
                | rel.THEN_IMPLIES_FIRST_GRAPHED
            )
            order(self, act.START, member, act.START, flags)
            if promotable:
                order(self, act.PROMOTE, member, act.PROMOTE, flags)
        elif previous is None:
            order(self, act.START, member, act.START, rel.NONE)
            if promotable:
                order(self, act.PROMOTE, member, act.PROMOTE, rel.NONE)
        else:
            after = rel.FIRST_IMPLIES_THEN | rel.UNRUNNABLE_FIRST_BLOCKS
            order(previous, act.START, member, act.START, after)
            order(
                member, act.STOP, previous, act.STOP, rel.ORDERED | rel.INTERMEDIATE_STOP
            )
            if member.active and not previous.active:
                # Started out of turn: it has to stop before the earlier one starts.
                order(
                    member, act.STOP, previous, act.START,
                    rel.THEN_IMPLIES_FIRST | rel.UNRUNNABLE_FIRST_BLOCKS,
                )
            if promotable:
                order(previous, act.PROMOTE, member, act.PROMOTE, after)
                order(member, act.DEMOTE, previous, act.DEMOTE, rel.ORDERED)
        if (
            member.active and ordered and previous is not None and not previous.active
            and last_active is not None and last_active.active
        ):
            order(member, act.STOP, last_active, act.STOP, rel.ORDERED)

    def apply_colocation(
        self, dependent: Resource, primary: Resource, colocation: Colocation, *,
        for_dependent: bool,
    ) -> int:
        if for_dependent:
            return self._follow(primary, colocation)
        return self._lead(dependent, colocation)

    def _follow(self, primary: Resource, colocation: Colocation) -> int:
        """The group is the dependent: its first member follows, and the others follow that."""
        if not self.children:
            return 0
        if self.colocated_members:
            change = self.children[0].apply_colocation(
                self.children[0], primary, colocation, for_dependent=True
            )
        else:
            if colocation.score >= INFINITY:
                self.workspace.problem(
                    f"{self.id}: Cannot perform mandatory colocation between non-colocated group "
                    f"and {primary.id}"
                )
                return 0
            change = 0
            for member in self.children:
                change = add(change, member.apply_colocation(
                    member, primary, colocation, for_dependent=False
                ))
        if change:
            self.priority = add(change, self.priority)
            priority_changed(self)
        return change

    def _lead(self, dependent: Resource, colocation: Colocation) -> int:
        """The group is the primary: who must be with it is with its last member."""
        if self.unassigned:
            return 0
        if self.colocated_members:
            if not self.children:
                return 0
            member = self.children[-1 if colocation.score >= INFINITY else 0]
            return member.apply_colocation(dependent, member, colocation, for_dependent=False)
        if colocation.score >= INFINITY:
            self.workspace.problem(
                f"{dependent.id}: Cannot perform mandatory colocation with non-colocated group "
                f"{self.id}"
            )
            return 0
        change = 0
        for member in self.children:
            change = add(change, member.apply_colocation(
                dependent, member, colocation, for_dependent=False
            ))
        return change

    def add_with_this(self, origin: Resource, found: list[Colocation]) -> None:
        if not self.children or origin not in (self, self.children[-1]):
            return
        merge_with_this(found, self.with_this)
        if self.parent is not None:
            self.parent.add_with_this(origin, found)
        if self.colocated_members:
            for member in self.children:
                if member is not origin:
                    member.add_with_this(origin, found)

    def add_this_with(self, origin: Resource, found: list[Colocation]) -> None:
        if not self.children:
            return
        if origin in (self, self.children[0]):
            merge_this_with(found, self.this_with)
            if self.parent is not None:
                self.parent.add_this_with(origin, found)
            if self.colocated_members:
                for member in self.children:
                    if member is not origin:
                        member.add_this_with(origin, found)
            return
        for member in self.children:
            if member is origin:
                break
            if not member.managed:
                # Nobody moves what is not managed, so later members follow the constraint.
                for colocation in self.this_with:
                    if colocation.score == INFINITY:
                        insert_this_with(found, colocation)
                break

    def spread_scores(
        self, target: Resource | None, nodes: dict[str, int] | None,
        colocation: Colocation | None, factor: float, flags: int,
    ) -> dict[str, int] | None:
        if self.updating_nodes:
            return nodes
        self.updating_nodes = True
        if not self.children:
            return nodes
        member = self.children[-1 if nodes is None else 0]
        found = member.spread_scores(target, nodes, colocation, factor, flags)
        self.updating_nodes = False
        return found

    def colocated(self, origin: Resource | None, found: list[Resource]) -> list[Resource]:
        origin = self if origin is None else origin
        if self.colocated_members or (self.parent is not None and self.parent.is_clone):
            found.append(self)
            for member in self.children:
                found = member.colocated(origin, found)
        elif self.children:
            found = colocated_resources(self, origin, found)
        return found

    def apply_location(self, location: Location) -> None:
        """Points go to the first member alone where the others follow it anyway."""
        apply_location(self, location)
        wishes = location.wishes
        for place, member in enumerate(self.children):
            if self.colocated_members and place > 0:
                location.wishes = [(node, 0) for node, _ in reversed(wishes)]
            member.apply_location(location)
        location.wishes = wishes

    # Actions ------------------------------------------------------------------------------------

    def create_actions(self) -> None:
        for member in self.children:
            member.create_actions()
        tasks = [act.START, act.STARTED, act.STOP, act.STOPPED]
        if is_true(self.meta.get("promotable")):
            tasks += [act.DEMOTE, act.DEMOTED, act.PROMOTE, act.PROMOTED]
        for task in tasks:
            act.ask_event(self, task, optional=True, runnable=True)

    def create_probe(self, node: Node) -> bool:
        return probes.probe_on_node(self, node)

    def action_flags(self, action: Action, node: Node | None) -> int:
        """The sum of the members': required if one is; done only when all are."""
        known = action.summed.get(node)
        if known is not None and known[0] == self.root.flags_at:
            return known[1]
        flags = self._sum_flags(action, node)
        action.summed[node] = (self.root.flags_at, flags)
        return flags

    def _sum_flags(self, action: Action, node: Node | None) -> int:
        flags = act.OPTIONAL | act.RUNNABLE | act.PSEUDO
        for member in self.children:
            task = act.known_task(action.task)
            if member.is_primitive:
                task = act.ATOMIC_OF.get(task, task)
            of_member = act.find_first(member, task=task, node=node)
            if of_member is None:
                if task not in (act.STOP, act.DEMOTE):
                    flags &= ~act.RUNNABLE
                continue
            member_flags = member.action_flags(of_member, node)
            if flags & act.OPTIONAL and not member_flags & act.OPTIONAL:
                flags &= ~act.OPTIONAL
                action.flags &= ~act.OPTIONAL
            if task != action.task and flags & act.RUNNABLE and not member_flags & act.RUNNABLE:
                flags &= ~act.RUNNABLE
                action.flags &= ~act.RUNNABLE
        return flags

    def update_ordered(
        self, first: Action, then: Action, node: Node | None, flags: int, mask: int, relation: int
    ) -> int:
        if apply.is_idle(first, flags, mask, relation):
            return apply.UNCHANGED
        changed = apply.update_pair(first, then, flags, mask, relation)
        assert then.resource is not None
        for member in then.resource.children:
            of_member = act.find_first(member, task=then.task, node=node)
            if of_member is not None:
                changed |= member.update_ordered(first, of_member, node, flags, mask, relation)
        return changed

    def add_to_graph(self) -> None:
        from hashell.scheduler import make_graph

        make_graph.add_resource(self)

    def list_changes(self) -> None:
        for member in self.children:
            member.list_changes()

    # The rest -----------------------------------------------------------------------------------

    def add_utilization(
        self, origin: Resource, everything: list[Resource], total: dict[str, int]
    ) -> None:
        if not self.unassigned:
            return
        together = self.colocated_members or (self.parent is not None and self.parent.is_clone)
        for member in self.children if together else self.children[:1]:
            if member.unassigned and member not in everything:
                member.add_utilization(origin, everything, total)

    def lock_for_shutdown(self) -> None:
        for member in self.children:
            member.lock_for_shutdown()
