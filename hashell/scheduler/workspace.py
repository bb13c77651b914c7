"""Workspace: the tables that the stages of one run fill, and nobody else's.

| table                        | written by                                        | read by          |
|------------------------------|---------------------------------------------------|------------------|
| nodes' flags                 | start (findings), assignment of remote connections, fencing | all    |
| resources' allowed scores    | node criteria, colocation, assignment             | assignment       |
| resources' assigned node     | assignment (and its undoing)                      | all after it     |
| roles                        | assignment, quorum, promotion                     | role changes     |
| locations, orderings         | constraints, internal constraints, any stage      | criteria, apply  |
| actions and their relations  | all stages in turn, revised by ordering/apply.py  | make_graph.py    |

A run begins with a copy of what the state says (start.py), so a `ClusterState` never changes. When
the graph is made, `Schedule` holds only frozen things and the workspace is dropped.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hashell.model.cluster_options import ClusterOptions, NoQuorumPolicy
from hashell.model.nodes import NodeKind
from hashell.rules.evaluate import RuleInput, evaluate
from hashell.scheduler.scores import ScoreBook
from hashell.state.resources import ProbeMode
from hashell.values.roles import Role

if TYPE_CHECKING:
    from hashell.model.constraints import LocationRule
    from hashell.scheduler.actions import Action
    from hashell.scheduler.colocation.relations import Colocation
    from hashell.scheduler.colocation.wishes import Key, Several, Wish
    from hashell.scheduler.explain import Line
    from hashell.scheduler.make_graph import GraphBuilder
    from hashell.scheduler.ordering.relations import Ordering
    from hashell.scheduler.summary import Change
    from hashell.scheduler.variants.variant import Resource
    from hashell.state.cluster_state import ClusterState
    from hashell.state.fail_counts import FailCount
    from hashell.state.history import HistoryEntry


class Rank(enum.IntEnum):
    """Roles as numbers that compare: from doing nothing to being in charge."""

    UNKNOWN = 0
    STOPPED = 1
    STARTED = 2
    UNPROMOTED = 3
    PROMOTED = 4

    @property
    def text(self) -> str:
        return self.name.capitalize()


RANK_OF = {
    Role.UNKNOWN: Rank.UNKNOWN, Role.STOPPED: Rank.STOPPED, Role.STARTED: Rank.STARTED,
    Role.UNPROMOTED: Rank.UNPROMOTED, Role.PROMOTED: Rank.PROMOTED,
}


def parse_rank(text: str | None) -> Rank:
    """UNKNOWN for no text and for what is no role."""
    role = Role.find(text)
    return Rank.UNKNOWN if role is None else RANK_OF[role]


class Node:
    """A node during one run: what it is, and what the run makes of it.

    `place` is its number among all nodes sorted by name. `resources_count` counts what was
    assigned to it; `capacity` is what is left of its utilization attributes.
    """

    __slots__ = (
        "attributes", "capacity", "fail_counts", "id", "kind", "maintenance", "name", "online", "pending", "place",
        "priority", "probe_never", "probes_allowed", "quiet", "remote", "remote_fenced", "remote_maintenance",
        "remote_reset", "resources_count", "running", "score", "seen", "shutdown", "standby",
        "unclean",
    )

    def __init__(self, place: int, node_id: str, name: str, kind: NodeKind) -> None:
        self.place = place
        self.id = node_id
        self.name = name
        self.kind = kind
        self.attributes: Mapping[str, str] = {}
        self.capacity: dict[str, int] = {}
        self.online = False
        self.pending = False
        self.unclean = False
        self.standby = False
        self.maintenance = False
        self.shutdown = False
        self.seen = False
        self.probes_allowed = True
        self.probe_never = False
        self.remote_reset = False
        self.remote_fenced = False
        self.remote_maintenance = False
        self.score = 0
        self.priority = 0
        self.resources_count = 0
        self.running: list[Resource] = []
        self.quiet: frozenset[str] = frozenset()
        self.remote: Resource | None = None
        self.fail_counts: Mapping[str, FailCount] | None = None

    def __repr__(self) -> str:
        return f"<Node {self.name}>"

    def knows(self, resource: Resource) -> bool:
        """Whether the state of the resource is known there, so that no probe is needed."""
        return resource.id in self.quiet or self.id in resource.known_on

    @property
    def is_remote(self) -> bool:
        """Whether Pacemaker Remote makes it a node: a remote node, a guest or a bundle's."""
        return self.kind is not NodeKind.CLUSTER

    @property
    def launcher(self) -> Resource | None:
        """The container of a guest or bundle node."""
        if self.kind is NodeKind.CLUSTER or self.remote is None:
            return None
        return self.remote.launcher

    @property
    def is_guest(self) -> bool:
        """Whether the cluster itself launches it: a guest or a bundle's node."""
        return self.launcher is not None

    @property
    def is_remote_node(self) -> bool:
        """A remote node that stands for itself."""
        return self.is_remote and self.launcher is None

    @property
    def is_bundle_node(self) -> bool:
        return self.is_guest and self.remote is not None and self.remote.is_bundled

    @property
    def can_run(self) -> bool:
        """Whether resources may run there at all."""
        return self.online and not (
            self.shutdown or self.unclean or self.standby or self.maintenance
        )


@dataclass(slots=True, eq=False)
class Location:
    """One location constraint as it applies to one resource: points on nodes."""

    id: str
    resource: Resource
    wishes: list[tuple[Node, int]]
    role: Rank = Rank.UNKNOWN
    probe_mode: ProbeMode = ProbeMode.ALWAYS


@dataclass(frozen=True, slots=True)
class NodeValues:
    """A node attribute in small letters, by node id, of nodes that no container launches.

    `distinct` where these are all nodes, and each has a value of its own.
    """

    table: Mapping[str, str | None]
    distinct: bool

    @staticmethod
    def read(nodes: Sequence[Node], attribute: str) -> NodeValues:
        table: dict[str, str | None] = {}
        for node in nodes:
            if node.launcher is None:
                value = node.attributes.get(attribute)
                table[node.id] = None if value is None else value.lower()
        values = set(table.values())
        return NodeValues(table, None not in values and len(values) == len(nodes))


class Workspace:
    """All tables of one run."""

    def __init__(self, state: ClusterState) -> None:
        self.state = state
        self.configuration = state.configuration
        self.options: ClusterOptions = state.configuration.options
        self.now_s = state.now_s
        self.nodes: list[Node] = []
        self.node_by_id: dict[str, Node] = {}
        self.node_by_name: dict[str, Node] = {}
        self.dc: Node | None = None
        self.resources: list[Resource] = []
        self.by_id: dict[str, Resource] = {}
        self.same_id: dict[str, list[Resource]] = {}
        self.by_history_id: dict[str, list[Resource]] = {}
        self.actions: list[Action] = []
        self.singletons: dict[str, Action] = {}
        self.locations: list[Location] = []
        self.orderings: list[Ordering] = []
        self.scores = ScoreBook()
        self.lines: list[Line] = []
        self.show_scores = False
        self.show_utilization = False
        self.sanitized = False
        self.notices: list[str] = []
        self.problems: list[str] = []
        self.param_checks: list[tuple[Resource, Node, HistoryEntry, bool]] = []
        self.digests = state.digests
        self.order: dict[Resource, int] = {}
        self.graph: GraphBuilder | None = None
        self.changes: list[Change] = []
        self.has_quorum = state.has_quorum
        self.have_remote_nodes = any(
            node.kind is not NodeKind.CLUSTER for node in state.nodes.values()
        )
        self.have_fencing = state.have_fencing
        self.enable_unfencing = state.configuration.enable_unfencing
        self.recheck_at = state.recheck_at
        self._values: dict[str, NodeValues] = {}
        self.relations_at = 0
        self.said: dict[tuple[object, ...], Colocation] = {}
        self.wishes: dict[Key, Wish] = {}
        self.several: dict[tuple[object, ...], Several] = {}
        self.held: Resource | None = None
        self._runnable: dict[str, bool] | None = None
        self._runnable_bits: int | None = None
        self._down: Set[str] | None = None
        self.no_quorum_policy: NoQuorumPolicy = self.options.no_quorum_policy

    def dissolve(self) -> None:
        """Take apart what refers to one another, at the end: so it is gone at once, and the collector need not look
        through all of it to find that nobody has it any more.
        """
        for action in self.actions:
            action.before.clear()
            action.after.clear()
            action.links.clear()
        for resources in self.same_id.values():
            for resource in resources:
                resource.__dict__.clear()
        for node in self.nodes:
            node.running.clear()
        for colocation in self.said.values():
            del colocation.alike
        self.__dict__.clear()

    def values_of(self, attribute: str) -> NodeValues:
        """A node attribute on all nodes that no container launches."""
        found = self._values.get(attribute)
        if found is None:
            found = self._values[attribute] = NodeValues.read(self.nodes, attribute)
        return found

    @cached_property
    def _by_attribute(self) -> Mapping[str, set[Node]]:
        found: dict[str, set[Node]] = {}
        for node in self.nodes:
            for name in node.attributes:
                found.setdefault(name, set()).add(node)
        return found

    def nodes_with(self, attributes: Iterable[str]) -> Set[Node]:
        """The nodes that have any of these attributes."""
        return set[Node]().union(*(self._by_attribute.get(name, ()) for name in attributes))

    @cached_property
    def launches_nodes(self) -> bool:
        """Whether some nodes are guests of this cluster's own containers."""
        return any(node.launcher is not None for node in self.nodes)

    @cached_property
    def bits(self) -> Mapping[str, int]:
        """A bit for each node, by id, so that a number can stand for a set of nodes."""
        return {name: 1 << place for place, name in enumerate(self.node_by_id)}

    def down(self) -> Set[str]:
        """The nodes that can not run resources, by id."""
        if self._down is None:
            self._down = frozenset(name for name, can_run in self.runnable().items() if not can_run)
        return self._down

    def runnable_bits(self) -> int:
        """The nodes that can run resources, as bits."""
        if self._runnable_bits is None:
            self._runnable_bits = sum(self.bits[name] for name, can_run in self.runnable().items() if can_run)
        return self._runnable_bits

    def runnable(self) -> Mapping[str, bool]:
        """Whether nodes can run resources, by id, in the order of nodes."""
        if self._runnable is None:
            self._runnable = {node.id: node.can_run for node in self.nodes}
        return self._runnable

    def nodes_changed(self) -> None:
        """Tell that some node can run resources now, or no more."""
        self._runnable = self._runnable_bits = self._down = None
        self.wishes.clear()
        self.several.clear()

    def relations_changed(self) -> None:
        """Tell that somebody goes with somebody else now, or in another order."""
        self.relations_at += 1
        self.wishes.clear()
        self.several.clear()

    def recheck(self, when_s: float) -> None:
        """Remember a moment at which the answer can differ without any event."""
        moment = int(when_s)
        if moment > self.now_s and (self.recheck_at is None or moment < self.recheck_at):
            self.recheck_at = moment

    def node_named(self, name: str) -> Node | None:
        """In any case of letters."""
        return self.node_by_name.get(name.lower())

    def rule_holds(
        self, rule: LocationRule, resource: Resource, node: Node, match: re.Match[str] | None
    ) -> bool:
        """Whether the rule of a location constraint holds for a resource on a node now."""
        assert rule.rule is not None
        document = self.configuration.document
        verdict = evaluate(rule.rule, RuleInput(
            document.now_s, document.offset_s, node_attributes=node.attributes,
            parameters=resource.parameters(node), meta=resource.meta, pattern=match,
        ))
        if verdict.changes_at is not None:
            self.recheck(verdict.changes_at)
        return verdict.met

    def problem(self, text: str) -> None:
        """A complaint about the configuration, in Pacemaker's words; each once."""
        if text not in self.problems:
            self.problems.append(text)
