"""Primitives: one thing that runs on one node.

Source: lib/pacemaker/pcmk_sched_primitive.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hashell.model.cluster_options import NoQuorumPolicy
from hashell.scheduler import actions as act
from hashell.scheduler import assign, fencing, probes, role_changes
from hashell.scheduler import utilization as use
from hashell.scheduler.colocation import spread
from hashell.scheduler.colocation.relations import (
    Colocation,
    add_colocation,
    insert_this_with,
    insert_with_this,
    merge_this_with,
    merge_with_this,
    this_with,
    with_this,
)
from hashell.scheduler.colocation.scores import (
    Affects,
    affects,
    change_location,
    change_priority,
)
from hashell.scheduler.node_criteria import apply_location
from hashell.scheduler.nodes import best_node
from hashell.scheduler.ordering import apply, make
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.variants.variant import Resource
from hashell.scheduler.workspace import Node, Rank
from hashell.values.integers import leading_integer
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.workspace import Location


class Primitive(Resource):
    """One thing that an agent runs."""

    # Assignment ---------------------------------------------------------------------------------

    def assign(self, prefer: Node | None, *, stop_if_fail: bool) -> Node | None:
        parent = self.parent
        if parent is not None and not parent.assigning:
            parent.assign(prefer, stop_if_fail=stop_if_fail)
        if not self.unassigned:
            return self.assigned
        if self.assigning:
            return None
        self.assigning = True
        this_list, with_list = this_with(self), with_this(self)
        for mandatory in (True, False):
            for colocation in this_list:
                if colocation.mandatory is mandatory:
                    self._follow(colocation)
            if with_list:
                spread.add_all_dependent_scores(
                    [one for one in with_list if one.mandatory is mandatory], self
                )
        self._heed_role()
        assign.show_scores(self, "primitive")
        self._choose(prefer, stop_if_fail=stop_if_fail)
        self.assigning = False
        if self.is_remote_connection:
            self._tell_remote_node()
        return self.assigned

    def _follow(self, colocation: Colocation) -> None:
        """Let a colocation in which this is the dependent count."""
        primary = colocation.primary
        kept: dict[str, int] | None = None
        if colocation.dependent_role >= Rank.PROMOTED or -INFINITY < colocation.score < 0:
            kept = dict(self.allowed)
        if primary.unassigned:
            primary.assign(None, stop_if_fail=True)
        self.apply_colocation(self, primary, colocation, for_dependent=True)
        if kept is not None and not self.any_available():
            # A mere wish must not leave it without any node.
            self.allowed = kept
            self.touch()

    def _heed_role(self) -> None:
        workspace = self.workspace
        if self.next_role is Rank.STOPPED:
            self.add_score_everywhere(-INFINITY, "target-role")
        elif (
            self.next_role > self.role and not workspace.has_quorum
            and workspace.no_quorum_policy is NoQuorumPolicy.FREEZE
        ):
            self.next_role = self.role

    def _choose(self, prefer: Node | None, *, stop_if_fail: bool) -> None:
        workspace = self.workspace
        if workspace.options.fencing_enabled and not workspace.have_fencing and self.managed:
            self.managed = False
            workspace.relations_changed()
        if not self.managed:
            self.next_role = self.role
            node = self.active_node()
            assign.set_node(
                self, node, score=0 if node is None else node.score, force=True,
                stop_if_fail=stop_if_fail,
            )
        elif workspace.options.stop_all_resources:
            assign.set_node(self, None, force=True, stop_if_fail=stop_if_fail)
        else:
            self._choose_best(prefer, stop_if_fail=stop_if_fail)

    def _choose_best(self, prefer: Node | None, *, stop_if_fail: bool) -> None:
        """The node with the most points; a preferred one, or the present one, among equals."""
        roomiest = use.ban_insufficient(self)
        if prefer is None:
            prefer = roomiest
        if not self.unassigned:
            return
        running = self.active_node()
        chosen = best = best_node(self.workspace, self.allowed, running)
        if best is not None:
            if (
                prefer is not None and prefer.id in self.allowed
                and self.allowed[prefer.id] >= self.allowed[best.id] and self.available(prefer)
            ):
                chosen = prefer
            else:
                chosen = self._stay_among_equals(best, running)
        assign.set_node(
            self, chosen, score=0 if chosen is None else self.allowed[chosen.id], force=False,
            stop_if_fail=stop_if_fail,
        )

    def _stay_among_equals(self, best: Node, running: Node | None) -> Node:
        points = self.allowed[best.id]
        if self.parent is not None and self.parent.is_clone and self.parent.unique:
            return best
        if points <= 0 or not best.can_run:
            return best
        # The score that counts here is the node's own, not this resource's.
        if running is None or not running.can_run or running.score < 0:
            return best
        return running if self.allowed.get(running.id) == points else best

    def _tell_remote_node(self) -> None:
        """A remote node will be online if its connection is assigned, else it shuts down."""
        node = self.workspace.node_named(self.id)
        if node is None:
            return
        if self.assigned is not None and self.next_role is not Rank.STOPPED:
            node.online = True
            if not node.seen:
                node.unclean = False
        else:
            node.shutdown = True
        self.workspace.nodes_changed()

    # Constraints --------------------------------------------------------------------------------

    def internal_constraints(self) -> None:
        if not self.managed:
            return
        workspace = self.workspace
        check_unfencing = (
            not self.fence_device and workspace.enable_unfencing and self.requires_unfencing
        )
        restart = rel.ORDERED | rel.FIRST_IMPLIES_THEN | rel.INTERMEDIATE_STOP
        make.order_resource_actions(self, act.STOP, self, act.START, restart, "restart")
        if self.top.promotable or self.role > Rank.UNPROMOTED:
            make.order_resource_actions(
                self, act.DEMOTE, self, act.STOP, rel.PROMOTED_THEN_IMPLIES_FIRST, "promotion"
            )
            make.order_resource_actions(
                self, act.START, self, act.PROMOTE, rel.UNRUNNABLE_FIRST_BLOCKS, "promotion"
            )
        make.order_resource_actions(
            self, act.LRM_DELETE, self, act.MONITOR,
            rel.IF_ON_SAME_NODE | rel.THEN_CANCELS_FIRST, "history",
        )
        if check_unfencing or self.reads_utilization or self.launcher is not None:
            allowed = sorted(self.nodes_of(self.allowed), key=lambda node: node.place)
            if check_unfencing:
                for node in allowed:
                    self._order_restart_with_unfencing(node)
            if self.reads_utilization:
                use.order_after_load(self, allowed)
            if self.launcher is not None:
                self._go_with_launcher(self.launcher, allowed)
        if self.is_remote_connection or self.fence_device:
            _avoid_remote_nodes(self)

    def _order_restart_with_unfencing(self, node: Node) -> None:
        unfence = fencing.fence_action(self.workspace, node, fencing.ON, optional=True)
        make.order(
            self.workspace, rel.ORDERED | rel.IF_ON_SAME_NODE, "unfencing",
            first_resource=self, first_key=act.key_of(self, act.STOP), then=unfence,
        )
        make.order(
            self.workspace, rel.FIRST_IMPLIES_SAME_NODE_THEN | rel.IF_ON_SAME_NODE, "unfencing",
            first=unfence, then_resource=self, then_key=act.key_of(self, act.START),
        )

    def _go_with_launcher(self, launcher: Resource, allowed: list[Node]) -> None:
        """What a container launches runs on the guest that it is, or else beside it."""
        connection: Resource | None
        if self.is_remote_connection:
            connection = None
            if not self.remote_nesting_allowed:
                _avoid_remote_nodes(launcher)
            make.order_resource_actions(
                launcher, act.MONITOR, self, act.STOP, rel.ORDERED, "container"
            )
        elif launcher.is_remote_connection:
            connection = launcher
        else:
            connection = guest_connection(launcher)
        if connection is not None:
            for node in allowed:
                if node.remote is not connection:
                    self.allowed[node.id] = -INFINITY
            self.touch()
            return
        make.order_resource_actions(
            launcher, act.START, self, act.START,
            rel.FIRST_IMPLIES_THEN | rel.UNRUNNABLE_FIRST_BLOCKS, "container",
        )
        make.order_resource_actions(
            self, act.STOP, launcher, act.STOP, rel.THEN_IMPLIES_FIRST, "container"
        )
        # Far from its container a connection works, if less well.
        score = 10_000 if self.remote_nesting_allowed else INFINITY
        add_colocation(
            self.workspace, "#resource-with-container", score, self, launcher, influence=True
        )

    def apply_colocation(
        self, dependent: Resource, primary: Resource, colocation: Colocation, *,
        for_dependent: bool,
    ) -> int:
        if for_dependent:
            return primary.apply_colocation(dependent, primary, colocation, for_dependent=False)
        effect = affects(dependent, primary, colocation, preview=False)
        if effect is Affects.ROLE:
            return change_priority(dependent, primary, colocation)
        if effect is Affects.LOCATION:
            change_location(dependent, primary, colocation)
        return 0

    def add_with_this(self, origin: Resource, found: list[Colocation]) -> None:
        if self is origin:
            merge_with_this(found, self.with_this)
            if self.parent is not None:
                self.parent.add_with_this(origin, found)
            return
        for colocation in self.with_this:
            if colocation.explicit:
                insert_with_this(found, colocation)

    def add_this_with(self, origin: Resource, found: list[Colocation]) -> None:
        if self is origin:
            merge_this_with(found, self.this_with)
            if self.parent is not None:
                self.parent.add_this_with(origin, found)
            return
        for colocation in self.this_with:
            if colocation.explicit:
                insert_this_with(found, colocation)

    def apply_location(self, location: Location) -> None:
        apply_location(self, location)

    # Actions ------------------------------------------------------------------------------------

    def create_actions(self) -> None:
        role_changes.create_actions(self)

    def create_probe(self, node: Node) -> bool:
        return probes.probe_on_node(self, node)

    def action_flags(self, action: Action, node: Node | None) -> int:
        return action.flags

    def update_ordered(
        self, first: Action, then: Action, node: Node | None, flags: int, mask: int, relation: int
    ) -> int:
        return apply.update_pair(first, then, flags, mask, relation)

    def add_to_graph(self) -> None:
        from hashell.scheduler import make_graph

        make_graph.add_resource(self)

    def list_changes(self) -> None:
        from hashell.scheduler import summary

        summary.list_primitive(self)

    def graph_meta(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name, meta in (("CRM_meta_clone", "clone"), ("CRM_meta_remote_node", "remote-node")):
            value = self.meta.get(meta)
            if value is not None:
                found[name] = value
        holder: Resource | None = self
        while holder is not None:
            if holder.launcher is not None:
                found["CRM_meta_container"] = holder.launcher.id
            holder = holder.parent
        address = self.meta.get("external-ip")
        if address is not None:
            found["pcmk_external_ip"] = address
        return found

    # The rest -----------------------------------------------------------------------------------

    def add_utilization(
        self, origin: Resource, everything: list[Resource], total: dict[str, int]
    ) -> None:
        if self.unassigned:
            use.add_to(total, self)

    def lock_for_shutdown(self) -> None:
        if self.fence_device or self.is_remote_connection:
            return
        workspace = self.workspace
        if self.lock_node is not None:
            if self.active:
                # It was started elsewhere meanwhile, so the lock is void.
                act.clear_history(self, self.lock_node)
                self.lock_node = None
                self.lock_time = 0
        elif len(self.active) == 1:
            node = self.active[0]
            if node.shutdown and not node.unclean:
                self.lock_node = node
                self.lock_time = _shutdown_time(node, int(workspace.now_s))
        if self.lock_node is None:
            return
        limit_ms = workspace.options.shutdown_lock_limit_ms
        if limit_ms > 0:
            workspace.recheck(self.lock_time + fencing.timeout_s(limit_ms) + 1)
        for node in workspace.nodes:
            if node is not self.lock_node:
                self.add_score(node, -INFINITY, "shutdown-lock")


def _avoid_remote_nodes(resource: Resource) -> None:
    for node in resource.nodes_of(resource.allowed):
        if node.remote is not None:
            resource.allowed[node.id] = -INFINITY
    resource.touch()


def guest_connection(launcher: Resource) -> Resource | None:
    """The connection to the guest that a container is, if it is one."""
    if launcher.workspace.have_remote_nodes:
        for launched in launcher.launched:
            if launched.is_remote_connection:
                return launched
    return None


def _shutdown_time(node: Node, now_s: int) -> int:
    """When the node asked to shut down; now where that is not known."""
    text = node.attributes.get("shutdown", "")
    return leading_integer(text) or now_s
