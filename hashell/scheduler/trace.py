"""Trace: a second run up to the assignment, watched, that says term by term how a resource came to its points.

The scheduler records why it changes points, in its own order, some reasons before the change and some after it, and
some changes are trials that are taken back. A `_Watch` holds each reason against what really became of a resource's
table, so that what is kept here adds up to the points that crm_simulate shows. Only asked-for resources are watched,
so an ordinary run pays nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from hashell.scheduler import assign, config_changes, node_criteria, schedule, start
from hashell.scheduler.colocation.relations import Colocation, this_with
from hashell.scheduler.colocation.scores import node_value, same
from hashell.scheduler.explain import Line, ScoreLine
from hashell.scheduler.node_health import apply_node_health
from hashell.scheduler.scores import ScoreBook, add
from hashell.scheduler.workspace import Node, Rank, Workspace
from hashell.state.resources import ProbeMode
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource
    from hashell.state.cluster_state import ClusterState

#: Tables kept of one resource, to know a trial that was taken back; a trial takes few steps.
_SNAPSHOTS_MAX = 64
_COLOCATION, _WISH, _ONLY_WITH = ": colocation with ", ": wish of ", ": only with "
#: Why points changed where the scheduler records no reason: all are bans, or set a bundle's insides.
EXCLUSIVE, NO_REMOTE, WITH_GUEST = "#exclusive-discovery", "#no-remote-nodes", "#with-guest"
NODE_UNUSABLE, PARENT_BARRED, INSTANCES = "#node-unusable", "#parent-barred", "#instances-per-node"
BUNDLE_PLACE, PROMOTION, REMOVED = "#bundle-place", "#promotion", "#removed"
STOP_FOR_GOOD, NODE_SCORE, OTHER = "#stop-for-good", "#node-score", "#other"
IN_CONTAINER, IN_BUNDLE_NODE = "#in-container", "#in-bundle-node"


class Term(Struct, frozen=True):
    """One summand. `points` were added to `before` and gave `after`; with `sets` they took its place.

    `resource` is whom the reason concerned: the resource itself or one of its parents. `reason` is the scheduler's
    word: the id of a constraint or rule, `ID: colocation with RSC`, `stickiness`, `__fail_limit__` … or one of the
    words above.
    """

    resource: str
    node: str
    points: int
    before: int
    after: int
    reason: str
    sets: bool = False


class Stage(Struct, frozen=True):
    """Points as they are shown at one moment (node → points), and how they came about; a group is shown before its
    members are, so these have two.
    """

    shown: Mapping[str, int]
    terms: tuple[Term, ...]


class ResourceTrace(Struct, frozen=True):
    """How one resource came to its points.

    base     node → points before any term: 0, or -INFINITY where the node is gone
    terms    in the order in which they counted, up to the moment when the place was chosen
    later    terms after that moment: what did not fit, what was stopped afterwards
    shown    node → points as crm_simulate shows them; a node that is missing was not even allowed
    node     the place that was chosen, empty for none
    stages   every moment at which its points are shown; the last is what `terms` and `shown` are of
    """

    resource: str
    base: Mapping[str, int]
    terms: tuple[Term, ...]
    later: tuple[Term, ...]
    shown: Mapping[str, int]
    node: str
    stages: tuple[Stage, ...] = ()

    def total(self, node: str, stage: Stage | None = None) -> int:
        """What the terms (of a stage, else all) add up to."""
        terms = self.terms if stage is None else stage.terms
        return sum_up((term for term in terms if term.node == node), self.base.get(node, 0))


def sum_up(terms: Iterable[Term], points: int = 0) -> int:
    """Points after these terms, by Pacemaker's addition."""
    for term in terms:
        points = term.points if term.sets else add(points, term.points)
    return points


def trace(state: ClusterState, resources: Iterable[str]) -> dict[str, ResourceTrace]:
    """How these resources, and all that they are in, came to their points; those that are not there are left out."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, schedule._RECURSION))
    try:
        workspace = start.begin(state)
        ledger = _Ledger(workspace, set(resources))
        apply_node_health(workspace)
        schedule._add_constraints(workspace)
        node_criteria.apply_node_criteria(workspace)
        for resource in workspace.resources:
            resource.internal_constraints()
        config_changes.handle_config_changes(workspace)
        assign.assign_all(workspace)
    finally:
        sys.setrecursionlimit(limit)
    return ledger.result()


class _Watch:
    """One resource's table of points, and the terms that explain it so far."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.nodes = resource.workspace.node_by_id
        # An instance that was made while its node still counted as up begins with 0 there; what is not in the table
        # begins with 0 when it comes into it.
        self.base = {
            node.id: node.score if resource.allowed.get(node.id, 0) == -INFINITY else 0
            for node in resource.workspace.nodes
        }
        self.last = dict(self.base)
        self.terms: list[Term] = []
        self.pending: list[tuple[str, str, Mapping[str, int]]] = []
        self.snapshots: list[tuple[dict[str, int], int]] = []
        self.shown: dict[str, int] = {}
        self.stage = ""
        self.stages: list[Stage] = []
        self.terms_shown: tuple[Term, ...] | None = None

    # What happens -------------------------------------------------------------------------------

    def hear(self, who: str, reason: str, points: Mapping[str, int], *, before: bool) -> None:
        """Points by node that are about to be added (`before`), or have been."""
        self._flush(reason)
        current = self._current()
        if before:
            if current != self.last:
                self._unexplained(current)
            self.pending.append((who, reason, points))
            return
        if current != self._plus(points):
            self._take_back(current, points)
        for node in points:
            old, new = self.last.get(node, 0), current.get(node, 0)
            if new == add(old, points[node]):
                self._book(who, node, points[node], old, new, reason)
            elif new != old:
                self._book(who, node, new, old, new, reason, sets=True)
            self.last[node] = new
        if current != self.last:
            self._unexplained(current)
        self._keep()

    def settle(self) -> None:
        """Explain what there is until now."""
        self._flush("")
        current = self._current()
        if current != self.last:
            self._take_back(current, {})
        if current != self.last:
            self._unexplained(current)
        self._keep()

    def show(self, line: ScoreLine) -> None:
        """A line with points is shown: here they have to add up."""
        if not self.shown or line.node in self.shown or line.stage != self.stage:
            self.shown, self.stage = {}, line.stage
            self.settle()
            self.terms_shown = tuple(self.terms)
            self.stages.append(Stage(self.shown, self.terms_shown))
        self.shown[line.node] = line.score

    # How it is explained --------------------------------------------------------------------------

    def _current(self) -> dict[str, int]:
        """The table as it is; nodes that are not in it count as the node itself does."""
        return {**self.base, **self.resource.allowed}

    def _plus(self, points: Mapping[str, int]) -> dict[str, int]:
        return {node: add(old, points.get(node, 0)) for node, old in self.last.items()}

    def _flush(self, reason: str) -> None:
        """Book what was announced, if it came; forget it, if it was taken back."""
        if not self.pending:
            return
        current = self._current()
        kept, start_terms = dict(self.last), len(self.terms)
        for who, why, points in self.pending:
            for node, change in points.items():
                old = self.last.get(node, 0)
                new = self.last[node] = add(old, change)
                self._book(who, node, change, old, new, why)
        if self.last == current:
            self.pending.clear()
            self._keep()
            return
        after, self.last = self.last, kept
        booked = self.terms[start_terms:]
        del self.terms[start_terms:]
        if current == kept:
            if reason != self.pending[-1][1]:
                self.pending.clear()
            return
        # It came in another shape than announced (rounding at the ends of the scale): what came counts.
        self.pending.clear()
        for term in booked:
            node = self.resource.workspace.node_by_name[term.node.lower()].id
            if current.get(node) == after.get(node):
                self.terms.append(term)
                self.last[node] = after[node]
            elif current.get(node) != self.last.get(node):
                new = current.get(node, 0)
                self._book(term.resource, node, new, self.last.get(node, 0), new, term.reason, sets=True)
                self.last[node] = new

    def _book(
        self, who: str, node: str, points: int, old: int, new: int, reason: str, *, sets: bool = False
    ) -> None:
        if points or sets:
            self.terms.append(Term(who, self.nodes[node].name, points, old, new, reason, sets))

    def _keep(self) -> None:
        self.snapshots.append((dict(self.last), len(self.terms)))
        del self.snapshots[:-_SNAPSHOTS_MAX]

    def _take_back(self, current: dict[str, int], points: Mapping[str, int]) -> None:
        """A trial was undone: forget the terms since the table looked as it does now without `points`."""
        for place in range(len(self.snapshots) - 1, -1, -1):
            table, count = self.snapshots[place]
            if current == {node: add(old, points.get(node, 0)) for node, old in table.items()}:
                del self.terms[count:]
                del self.snapshots[place + 1 :]
                self.last = dict(table)
                return

    def _unexplained(self, current: dict[str, int]) -> None:
        """Changes for which the scheduler records no reason; it can be seen from the circumstances."""
        for node, new in current.items():
            old = self.last.get(node, 0)
            if new != old:
                if self._retract(node, new):
                    self.last[node] = new
                    continue
                points = -INFINITY if new == -INFINITY else new
                self._book(
                    self.resource.id, node, points, old, new, _circumstance(self.resource, self.nodes[node], new),
                    sets=old != 0 and new != -INFINITY,
                )
                self.last[node] = new

    def _retract(self, node: str, new: int) -> bool:
        """Whether the points are what they were before the last terms of this node, which are forgotten then."""
        name = self.nodes[node].name
        points = self.base.get(node, 0)
        kept = 0 if points == new else -1
        for place, term in enumerate(self.terms):
            if term.node == name:
                points = term.points if term.sets else add(points, term.points)
                if points == new:
                    kept = place + 1
        if kept < 0:
            return False
        self.terms[kept:] = [term for term in self.terms[kept:] if term.node != name]
        return True

    def result(self) -> ResourceTrace:
        self.settle()
        every = tuple(self.terms)
        counted = every if self.terms_shown is None else self.terms_shown
        place = self.resource.assigned_place()
        return ResourceTrace(
            self.resource.id,
            {self.nodes[node].name: points for node, points in self.base.items()},
            counted, every[len(counted):] if every[: len(counted)] == counted else (), dict(self.shown),
            "" if place is None else place.name, tuple(self.stages),
        )


def _circumstance(resource: Resource, node: Node, new: int) -> str:
    """Why a node's points were set without a recorded reason. The order is from the particular to the general."""
    if resource.removed:
        return REMOVED
    if node.is_remote and (resource.is_remote_connection or resource.fence_device):
        return NO_REMOTE
    if resource.is_bundled and not resource.replica_container and resource.parent is not None and (
        new != -INFINITY or node.is_bundle_node or resource.config.id != resource.outermost.id
    ):
        if resource.launcher is not None or resource.is_remote_connection:
            return BUNDLE_PLACE
        return IN_CONTAINER if new == -INFINITY else IN_BUNDLE_NODE
    if (resource.exclusive_probes or resource.top.exclusive_probes) and (
        resource.probe_mode(node) is not ProbeMode.EXCLUSIVE
    ):
        return EXCLUSIVE
    if node.is_remote and resource.launched:
        return NO_REMOTE
    if resource.launcher is not None:
        return WITH_GUEST
    if not node.can_run:
        return NODE_UNUSABLE
    if resource.promotable and resource.is_clone:
        return PROMOTION
    holder = resource.parent
    if holder is not None and new == -INFINITY:
        return PARENT_BARRED if holder.allowed.get(node.id, -1) < 0 else INSTANCES
    if new == node.score:
        return NODE_SCORE
    if new == -INFINITY and all(points == -INFINITY for points in resource.allowed.values()):
        return STOP_FOR_GOOD
    return OTHER


class _Ledger(ScoreBook):
    """A score book that tells its watches."""

    __slots__ = ("_below", "_locations", "_watches", "_workspace")

    def __init__(self, workspace: Workspace, wanted: set[str]) -> None:
        super().__init__()
        self._workspace = workspace
        self._watches: dict[str, _Watch] = {}
        self._below: dict[str, list[_Watch]] = {}
        self._locations: set[str] = set()
        for name in wanted:
            resource = workspace.by_id.get(name)
            while resource is not None and resource.id not in self._watches:
                self._watches[resource.id] = _Watch(resource)
                resource = resource.parent
        for watch in self._watches.values():
            holder: Resource | None = watch.resource
            while holder is not None:
                self._below.setdefault(holder.id, []).append(watch)
                holder = holder.parent
        read = workspace.scores.frozen()
        for change in read:
            for watch in self._below.get(change.resource, ()):
                self._read(watch, change.resource, change.node, change.score, change.reason)
        for watch in self._watches.values():
            watch.settle()
        workspace.scores = self
        workspace.show_scores = True
        workspace.lines = _Lines(self._watches)

    def _read(self, watch: _Watch, who: str, node: str, score: int, reason: str) -> None:
        """A change that was made while the state was read: only its result is there."""
        for one in watch.nodes.values():
            if node not in ("", one.name) or one.id not in watch.resource.allowed:
                continue
            old = watch.last.get(one.id, 0)
            new = watch.last[one.id] = add(old, score)
            watch._book(who, one.id, score, old, new, reason)

    def record(self, resource: str, node: str, score: int, reason: str) -> None:
        for watch in self._below.get(resource, ()):
            own = watch.resource.id == resource
            if own or not self._only_itself(reason):
                points, before = self._points(watch.resource, node, score, reason)
                watch.hear(resource, reason, points, before=before)

    def is_watched(self, resource: str) -> bool:
        return resource in self._below

    def _only_itself(self, reason: str) -> bool:
        """Whether a reason concerns the resource that it names and nothing below it."""
        locations = self._workspace.locations
        if len(self._locations) < len(locations):
            self._locations = {location.id for location in locations} | {""}
        return (
            reason in self._locations or reason == "promotion score"
            or any(word in reason for word in (_COLOCATION, _WISH, _ONLY_WITH))
        )

    def _points(
        self, resource: Resource, node: str, score: int, reason: str
    ) -> tuple[Mapping[str, int], bool]:
        """Points by node id, and whether the table does not have them yet."""
        nodes = self._workspace.nodes
        if _COLOCATION in reason:
            name, _, other = reason.partition(_COLOCATION)
            found = self._colocation(resource, name, other)
            if found is not None:
                return _by_place(resource, found, self._workspace.by_id[other]), True
        if _ONLY_WITH in reason:
            name, _, other = reason.partition(_ONLY_WITH)
            return self._only_with(resource, name, other), False
        named = {one.id: score for one in nodes if node in ("", one.name)}
        return named, _WISH in reason

    def _colocation(self, resource: Resource, name: str, other: str) -> Colocation | None:
        """The colocation that compares with one primary; not one with all promoted instances, which is recorded node
        by node.
        """
        primary = self._workspace.by_id.get(other)
        for colocation in this_with(resource):
            if colocation.id == name and primary is not None and (
                primary is colocation.primary or primary.is_below(colocation.primary)
            ):
                by_role = colocation.primary.promotable and colocation.primary_role is not Rank.UNKNOWN
                return None if by_role else colocation
        return None

    def _only_with(self, resource: Resource, name: str, other: str) -> Mapping[str, int]:
        """A ban from where no instance of the primary is; where one is, its points may count."""
        primary = self._workspace.by_id.get(other)
        watch = self._watches[resource.id]
        points: dict[str, int] = {}
        role = Rank.UNKNOWN
        for colocation in this_with(resource):
            if colocation.id == name:
                role = colocation.primary_role
        places: set[str] = set()
        for instance in () if primary is None else primary.children:
            if role in (Rank.UNKNOWN, instance.planned_role()):
                places.update(node.id for node in instance.assigned_nodes())
        for node, new in resource.allowed.items():
            old = watch.last.get(node, 0)
            if new == -INFINITY and (old != new or node not in places):
                points[node] = -INFINITY
            elif new != old:
                points[node] = new - old
        return points

    def result(self) -> dict[str, ResourceTrace]:
        return {name: watch.result() for name, watch in self._watches.items()}


def _by_place(dependent: Resource, colocation: Colocation, primary: Resource) -> Mapping[str, int]:
    """What a colocation adds to the dependent's points on each node."""
    score, attribute = colocation.score, colocation.node_attribute
    here = primary.assigned
    value = None if here is None else node_value(here, attribute, primary)
    points: dict[str, int] = {}
    for node in dependent.nodes_of(dependent.allowed):
        if here is None:
            points[node.id] = -score
        elif same(node_value(node, attribute, dependent), value):
            if score < INFINITY:
                points[node.id] = score
        elif score >= INFINITY:
            points[node.id] = -INFINITY
    return points


class _Lines(list[Line]):
    """Lines that are shown, told to who watches."""

    def __init__(self, watches: Mapping[str, _Watch]) -> None:
        super().__init__()
        self._watches = watches

    def append(self, line: Line) -> None:
        super().append(line)
        if isinstance(line, ScoreLine):
            watch = self._watches.get(line.resource)
            if watch is not None:
                watch.show(line)
