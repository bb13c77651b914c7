"""Variant: what a resource is during one run, and the protocol that each kind of resource keeps.

A `Resource` here is the run's own copy: scores, assigned node, roles, actions. Data stands in this
class, since colocation, ordering and actions treat all kinds alike; what differs by kind are the
methods below, each kind in its file.

Source: lib/pacemaker/libpacemaker_private.h (assignment methods), lib/pengine/native.c, complex.c.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from hashell.model.cluster_options import PlacementStrategy
from hashell.model.operations import OperationConfig, Requires
from hashell.model.resources import MultipleActive, ResourceConfig, ResourceKind
from hashell.scheduler.scores import add
from hashell.scheduler.workspace import RANK_OF, Node, Rank, Workspace
from hashell.state.resources import ProbeMode
from hashell.values.integers import leading_integer
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.colocation.relations import Colocation, Relations
    from hashell.scheduler.colocation.wishes import Wish
    from hashell.scheduler.tickets import TicketUse
    from hashell.scheduler.variants.instances import Places
    from hashell.scheduler.workspace import Location
    from hashell.state.resources import Resource as Found

#: How kinds compare where Pacemaker compares them.
#: What an int of C holds.
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1

VARIANT = {
    ResourceKind.PRIMITIVE: 0, ResourceKind.GROUP: 1, ResourceKind.CLONE: 2, ResourceKind.BUNDLE: 3,
}


class Resource(ABC):
    """One resource, collective or instance.

    `allowed` are points by node id; a node that is missing is not allowed. `counts` are, for
    collectives, how many instances a node has got. `assigned_score` are the points that the
    assigned node had at that moment. Who changes `allowed` calls `touch`, which spoils the wishes
    that were made from it, the `readers`. `root` is the outermost parent, or the resource itself;
    there `flags_at` counts changes of actions of all below, and `places_at` changes of places.
    `actions_by_place` has the oldest action of each key on each node, but for `unplaced` keys, of
    which some action was made without a node.
    """

    def __init__(self, workspace: Workspace, found: Found, parent: Resource | None) -> None:
        config: ResourceConfig = found.config
        self.workspace = workspace
        self.found = found
        self.number = number_of(found.id)
        self.config = config
        self.id = found.id
        self.kind = found.kind
        self.variant = VARIANT[found.kind]
        self.is_primitive = self.variant == 0
        self.is_group = self.variant == 1
        self.is_clone = self.variant == 2
        self.is_bundle = self.variant == 3
        self.parent = parent
        self.root: Resource = self if parent is None else parent.root
        self.flags_at = 0
        self.places_at = 0
        self.children: list[Resource] = []
        self.meta: dict[str, str] = dict(found.meta)
        self.utilization: Mapping[str, int] = {
            name: _whole(value) for name, value in found.utilization.items()
        }
        self.history_id = found.history_id
        get = config.element.get
        self.agent = get("type"), get("class"), get("provider")
        self.priority = found.priority
        self.promotion_priority = 0
        self.stickiness = found.stickiness
        self.role = RANK_OF[found.role]
        self.next_role = RANK_OF[found.next_role]
        self.allowed: dict[str, int] = dict(found.allowed)
        self.readers: list[Wish] = []
        self.counts: dict[str, int] = {}
        self.probe_modes: dict[str, ProbeMode] = dict(found.probe_modes)
        self.known_on: set[str] = set(found.known_on)
        self.active: list[Node] = []
        self.assigned: Node | None = None
        self.assigned_score = 0
        self.launcher: Resource | None = None
        self.launched: list[Resource] = []
        self.lock_node: Node | None = None
        self.lock_time = found.lock_time
        self.partial_source: Node | None = None
        self.partial_target: Node | None = None
        self.dangling_sources: list[Node] = []
        self.actions: list[Action] = []
        self.actions_by_key: dict[str, list[Action]] = {}
        self.actions_by_task: dict[str, list[Action]] = {}
        self.actions_by_place: dict[tuple[str, Node], Action] = {}
        self.unplaced: set[str] = set()
        self.this_with: list[Colocation] = []
        self.with_this: list[Colocation] = []
        self.relations: Relations | None = None
        self.places: Places | None = None
        self.locations: list[Location] = []
        self.tickets: list[TicketUse] = []
        self.managed = found.managed
        self.blocked = found.blocked
        self.failed = found.failed
        self.stop_if_failed = found.stop_if_failed
        self.maintenance = found.maintenance
        self.removed = found.removed
        self.removed_launched = found.removed_launched
        self.unique = found.unique
        self.notify = found.notify
        self.promotable = found.promotable
        self.migratable = found.migratable
        self.start_pending = found.start_pending
        self.ignore_failure = found.ignore_failure
        self.exclusive_probes = found.exclusive_probes
        self.replica_container = found.replica_container
        self.remote_nesting_allowed = found.remote_nesting_allowed
        self.critical = found.critical
        self.fence_device = found.fence_device
        self.is_remote_connection = found.is_remote_connection
        self.requires_quorum = found.requires_quorum
        self.requires_fencing = found.requires_fencing
        self.requires_unfencing = found.requires_unfencing
        self.unassigned = True
        self.assigning = False
        self.updating_nodes = False
        self.restarting = False
        self.reload = False
        self.stop_unexpected = False
        self._operations = {
            (operation.name, operation.interval_ms): operation
            for operation in reversed(config.operations)
        }
        self._enabled = {
            (operation.name, operation.interval_ms): operation
            for operation in reversed(config.operations) if operation.enabled
        }
        self._parameters: dict[str, Mapping[str, str]] = {}
        self.parameter_overrides: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{self.kind.value} {self.id}>"

    # What it is ---------------------------------------------------------------------------------

    @property
    def is_anonymous_clone(self) -> bool:
        return self.variant == 2 and not self.unique

    @property
    def is_bundled(self) -> bool:
        """Whether it is a bundle or a part of one."""
        return self.outermost.variant == 3

    @property
    def top(self) -> Resource:
        """The topmost parent below a bundle."""
        found = self
        while found.parent is not None and found.parent.variant != 3:
            found = found.parent
        return found

    @property
    def outermost(self) -> Resource:
        return self.root

    def is_below(self, other: Resource) -> bool:
        """Whether `other` is one of its parents."""
        parent = self.parent
        while parent is not None:
            if parent is other:
                return True
            parent = parent.parent
        return False

    @property
    def base_id(self) -> str:
        """The id without the number of an instance."""
        return strip_instance(self.id)

    @property
    def interleave(self) -> bool:
        return self.meta.get("interleave", "").lower() in ("true", "on", "yes", "y", "1")

    @property
    def multiple_active(self) -> MultipleActive:
        return self.config.multiple_active

    def any_flag(self, name: str) -> bool:
        """Whether the flag is set on it or anything below."""
        return bool(getattr(self, name)) or any(child.any_flag(name) for child in self.children)

    # Where it is --------------------------------------------------------------------------------

    def active_node(self) -> Node | None:
        """The node that counts as the one where it is active."""
        return self.count_active()[0]

    def count_active(self) -> tuple[Node | None, int, int]:
        """That node; on how many nodes it is active; on how many of those that are clean."""
        return pick_active(self, self.active)

    def is_active(self, *, all_members: bool) -> bool:
        """Whether it is active on a node that counts."""
        return any(node.unclean or node.online or not self.managed for node in self.active)

    def current_role(self) -> Rank:
        return self.role

    def planned_role(self) -> Rank:
        return self.next_role

    def assigned_nodes(self) -> list[Node]:
        """Where it and all below it will be, each node once."""
        if not self.children:
            return [] if self.assigned is None else [self.assigned]
        return _once(node for child in self.children for node in child.assigned_nodes())

    def current_nodes(self) -> list[Node]:
        if not self.children:
            return list(self.active)
        return _once(node for child in self.children for node in child.current_nodes())

    def assigned_place(self) -> Node | None:
        """The one node where all of it will be; None for none or several."""
        return _only(self.assigned_nodes())

    def current_place(self) -> Node | None:
        return _only(self.current_nodes())

    def top_count(self, node: Node) -> int | None:
        """How many instances the node has in the eyes of the parent; None where not allowed."""
        holder = self if self.parent is None else self.parent
        if node.id not in holder.allowed:
            return None
        return holder.counts.get(node.id, 0)

    # Scores -------------------------------------------------------------------------------------

    def add_score(self, node: Node, score: int, reason: str) -> None:
        """Change points on a node, for it and all below."""
        self._add_score(node, score)
        self.workspace.scores.record(self.id, node.name, score, reason)

    def add_score_everywhere(self, score: int, reason: str) -> None:
        """On all nodes of the cluster; a ban takes the place away that was assigned."""
        for node in self.workspace.nodes:
            self._add_score(node, score)
        self.workspace.scores.record(self.id, "", score, reason)
        if score == -INFINITY and self.assigned is not None:
            self.assigned = None
            self.root.places_at += 1

    def _add_score(self, node: Node, score: int) -> None:
        for child in self.children:
            child._add_score(node, score)
        old = self.allowed.get(node.id)
        self.allowed[node.id] = add(node.score if old is None else old, score)
        self.touch()

    def touch(self) -> None:
        """Tell that its scores have changed."""
        if self.readers:
            for wish in self.readers:
                wish.spoil()
            self.readers.clear()

    def available(self, node: Node) -> bool:
        """Whether the node can run anything and this has no negative score there."""
        return node.can_run and self.allowed.get(node.id, -1) >= 0

    def any_available(self) -> bool:
        nodes = self.workspace.node_by_id
        return any(score >= 0 and nodes[name].can_run for name, score in self.allowed.items())

    def probe_mode(self, node: Node) -> ProbeMode:
        """Whether it may be looked for on a node."""
        found = self.probe_modes.get(node.id)
        if found is None:
            return ProbeMode.NEVER if node.probe_never else ProbeMode.ALWAYS
        return found

    def nodes_of(self, table: Mapping[str, int]) -> list[Node]:
        """The nodes of a table of scores."""
        nodes = self.workspace.node_by_id
        return [nodes[name] for name in table]

    # Operations and parameters ------------------------------------------------------------------

    def operation(
        self, task: str, interval_ms: int, *, include_disabled: bool = True
    ) -> OperationConfig | None:
        """What is configured for an action; a migration may be configured as `migrate`."""
        table = self._operations if include_disabled else self._enabled
        found = table.get((task, interval_ms))
        if found is None and task in ("migrate_to", "migrate_from"):
            found = table.get(("migrate", 0))
        return found

    def operation_meta(
        self, task: str, interval_ms: int, operation: OperationConfig | None, node: Node | None
    ) -> Mapping[str, str]:
        """The effective meta-attributes of an action."""
        return self.workspace.configuration.operations.meta(
            self.config, task, interval_ms, operation, None if node is None else node.attributes
        )

    def operation_parameters(self, operation: OperationConfig, node: Node) -> Mapping[str, str]:
        """Parameters that stand in the `op` itself, as they are on a node."""
        return self.workspace.configuration.operations.parameters(operation, node.attributes)

    def parameters(self, node: Node | None) -> Mapping[str, str]:
        """Its own parameters on a node, or without one; kept for the run."""
        name = "" if node is None else node.id
        found = self._parameters.get(name)
        if found is None:
            found = self.config.parameters(None if node is None else node.attributes)
            if self.parameter_overrides:
                found = {**found, **self.parameter_overrides}
            self._parameters[name] = found
        return found

    def needs_for(self, task: str) -> Requires:
        """What must be there before this action."""
        if task not in ("start", "promote"):
            return Requires.NOTHING
        if self.requires_fencing:
            return Requires.FENCING
        return Requires.QUORUM if self.requires_quorum else Requires.NOTHING

    @property
    def reads_utilization(self) -> bool:
        """Whether its utilization counts."""
        strategy = self.workspace.options.placement_strategy
        return bool(self.utilization) and strategy is not PlacementStrategy.DEFAULT

    # The protocol -------------------------------------------------------------------------------

    @abstractmethod
    def assign(self, prefer: Node | None, *, stop_if_fail: bool) -> Node | None:
        """Find its node (and those of all below), once. With `stop_if_fail` False it is a trial."""

    @abstractmethod
    def create_actions(self) -> None:
        """Make the actions that bring it from its role to its next role."""

    @abstractmethod
    def create_probe(self, node: Node) -> bool:
        """Look whether it runs on a node, where that is not known; whether any probe was made."""

    @abstractmethod
    def internal_constraints(self) -> None:
        """Orderings and colocations that its kind implies."""

    @abstractmethod
    def apply_colocation(
        self, dependent: Resource, primary: Resource, colocation: Colocation, *,
        for_dependent: bool,
    ) -> int:
        """Change the dependent's scores or priority by where the primary is.

        Called on the dependent (`for_dependent`), which passes it on to the primary's kind. Gives
        the change of the dependent's priority.
        """

    @abstractmethod
    def add_with_this(self, origin: Resource, found: list[Colocation]) -> None:
        """Add the colocations in which it is the primary, as `origin` sees them."""

    @abstractmethod
    def add_this_with(self, origin: Resource, found: list[Colocation]) -> None:
        """Add the colocations in which it is the dependent, as `origin` sees them."""

    def spread_scores(
        self, target: Resource | None, nodes: dict[str, int] | None,
        colocation: Colocation | None, factor: float, flags: int,
    ) -> dict[str, int] | None:
        """Points of a table with the preferences of this and its relatives added."""
        from hashell.scheduler.colocation import spread

        return spread.spread_scores(self, target, nodes, colocation, factor, flags)

    def colocated(self, origin: Resource | None, found: list[Resource]) -> list[Resource]:
        """Resources that have to be where it is, itself among them, as found."""
        from hashell.scheduler.colocation import relations

        return relations.colocated_resources(self, origin, found)

    @abstractmethod
    def apply_location(self, location: Location) -> None:
        """Change scores by a location constraint."""

    @abstractmethod
    def action_flags(self, action: Action, node: Node | None) -> int:
        """Flags of an action, for collectives summed up from the members' actions."""

    @abstractmethod
    def update_ordered(
        self, first: Action, then: Action, node: Node | None, flags: int, mask: int, relation: int
    ) -> int:
        """Let two ordered actions change one another; which of them changed."""

    @abstractmethod
    def add_to_graph(self) -> None:
        """Put its actions into the graph."""

    @abstractmethod
    def list_changes(self) -> None:
        """Say what will happen to it."""

    def graph_meta(self) -> Mapping[str, str]:
        """Meta-attributes that it adds to all its actions in the graph."""
        return {}

    @abstractmethod
    def add_utilization(
        self, origin: Resource, everything: list[Resource], total: dict[str, int]
    ) -> None:
        """Add what it will use to a total."""

    @abstractmethod
    def lock_for_shutdown(self) -> None:
        """Hold it for a node that shuts down cleanly."""

    @property
    def max_per_node(self) -> int:
        return 1


def pick_active(
    resource: Resource, nodes: Iterable[Node], *, counting: bool = True
) -> tuple[Node | None, int, int]:
    """Of the nodes where a resource is active, the one that counts, and how many there are."""
    chosen: Node | None = None
    every = clean = 0
    for node in nodes:
        happy = node.online and not node.unclean
        every += 1
        clean += happy
        if resource.partial_source is not None:
            if node is resource.partial_source:
                chosen = node
        elif not resource.requires_fencing and happy and (
            chosen is None or not chosen.online or chosen.unclean
        ):
            chosen = node
        if chosen is None:
            chosen = node
    return chosen, every, clean


def number_of(name: str) -> int:
    """The number at the end of an instance's name, `web:12` or `web-docker-12`; 0 for none."""
    for separator in (":", "-"):
        _, found, tail = name.rpartition(separator)
        if found:
            return max(leading_integer(tail) or 0, 0) if tail[:1].isdecimal() else 0
    return 0


def strip_instance(name: str) -> str:
    """`web:12` → `web`."""
    base, colon, number = name.rpartition(":")
    return base if colon and number.isdecimal() and number.isascii() and base else name


def _once(nodes: Iterable[Node]) -> list[Node]:
    return list(dict.fromkeys(nodes))


def _only(nodes: list[Node]) -> Node | None:
    return nodes[0] if len(nodes) == 1 else None


def _whole(text: str) -> int:
    """Leading digits of a utilization value, as far as an int of C goes; what is no number counts 0."""
    return min(max(leading_integer(text) or 0, _INT_MIN), _INT_MAX)
