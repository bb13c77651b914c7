"""Why: what a person is told of one resource: why it is here and not there, why it is stopped, why it moves.

In:  a state, its schedule and its trace. Out: `Why`, plain data in plain words; nothing is looked up or run here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from hashell.model.cluster_options import NoQuorumPolicy
from hashell.model.constraints import ColocationConstraint, OrderConstraint
from hashell.model.nodes import NodeKind
from hashell.model.resources import MultipleActive
from hashell.scheduler import reasons
from hashell.scheduler.explain import OF_CLONE, PromotionLine
from hashell.scheduler.reasons import Edit, Told, Way
from hashell.scheduler.schedule import Wanted
from hashell.scheduler.summary import ResourceChange
from hashell.scheduler.trace import PARENT_BARRED, ResourceTrace, Term, sum_up
from hashell.scheduler.trace import PROMOTION as PROMOTED
from hashell.scheduler.waits import Wait, Waits
from hashell.values.scores import INFINITY, show_score

if TYPE_CHECKING:
    from hashell.scheduler.schedule import Schedule
    from hashell.state.cluster_state import ClusterState
    from hashell.state.nodes import Node
    from hashell.state.resources import Resource

#: What a schedule has to keep so that `tell` can speak of it.
WANTED = Wanted(scores=True, reasons=True)


class Summand(Struct, frozen=True):
    """One term of a sum, for people.

    `of` is whom it concerned where that is not the resource itself; `constraint`, `rule` and `other` (the resource on
    the other side of a colocation) are ids, empty for none; `sets`: the sum begins anew with these points.
    """

    points: int
    kind: str
    text: str
    constraint: str = ""
    rule: str = ""
    other: str = ""
    of: str = ""
    sets: bool = False
    way: Way | None = None

    @property
    def is_veto(self) -> bool:
        return self.points <= -INFINITY


class NodeWhy(Struct, frozen=True):
    """A resource and one node.

    points      as crm_simulate shows them; None where the node is not even allowed
    base        points before any summand
    summands    base and these add up to the points
    later       what counted after the points were added up (capacity, limits)
    obstacles   why the node can run nothing at all
    veto        the first term that forbids the node
    ways        what would have to change so that the resource runs there; empty where it does
    note        why it is not even allowed, or why its points begin at -INFINITY; else empty
    """

    node: str
    chosen: bool
    points: int | None
    base: int
    summands: tuple[Summand, ...]
    later: tuple[Summand, ...]
    obstacles: tuple[Way, ...]
    veto: Summand | None
    ways: tuple[Way, ...]
    note: str = ""


class PromotionWhy(Struct, frozen=True):
    """An instance's points for promotion; `node` is empty where it will not run. The summands add up to the points."""

    node: str
    points: int
    summands: tuple[Summand, ...]
    note: str = ""


class Why(Struct, frozen=True):
    """One resource or instance.

    now         where it is active, with roles in words
    node        where it will be, empty for nowhere; `role` is what it does there
    verdict     one sentence
    change      what happens to it now and why; empty for nothing
    stopped     why it is not running, most important first
    waits       what its actions have to wait for, and why; first those that cannot be done
    promotion   points for promotion and where they come from, for instances that can be promoted
    """

    resource: str
    now: tuple[str, ...]
    now_role: str
    node: str
    role: str
    verdict: str
    change: str
    stopped: tuple[Way, ...]
    nodes: tuple[NodeWhy, ...]
    waits: tuple[Wait, ...] = ()
    promotion: PromotionWhy | None = None


def instances(state: ClusterState, name: str) -> tuple[str, ...]:
    """The primitives that a name means: itself, the members of a group, the instances of a clone or bundle.

    A name without an instance's number means all instances. Empty where nothing is called that.
    """
    found = state.by_id.get(name)
    tops = [found] if found is not None else [
        one for one in state.all_resources() if one.config.id == name
    ]
    names = [
        one.id for top in tops for one in top.primitives()
        if not (one.removed and not one.active_on)
    ]
    return tuple(dict.fromkeys(names))


def runs_next(state: ClusterState, schedule: Schedule, name: str) -> bool:
    """Whether a primitive will run once the transition is done: it has a place, and is there or can be started."""
    place = schedule.placements.get(name, "")
    if not place or schedule.roles.get(name) == "Stopped":
        return False
    here = {state.nodes[ident].name for ident in state.by_id[name].active_on if ident in state.nodes}
    return not any(
        action.resource == name and action.task == "start" and not action.runnable
        and not (action.optional and place in here) for action in schedule.actions
    )


def tell(
    state: ClusterState, schedule: Schedule, traces: Mapping[str, ResourceTrace], name: str, node: str = ""
) -> Why:
    """Everything about one primitive (on one node, if one is named). `traces` has it and its parents."""
    return _Teller(state, schedule, traces, state.by_id[name]).tell(node)


class _Teller:
    def __init__(
        self, state: ClusterState, schedule: Schedule, traces: Mapping[str, ResourceTrace], resource: Resource
    ) -> None:
        self.state = state
        self.schedule = schedule
        self.resource = resource
        self.traces = traces
        self.trace = traces[resource.id]
        self.place = schedule.placements.get(resource.id, "")
        self.words = reasons.Words(state, resource, schedule.placements)

    def tell(self, only: str) -> Why:
        state, resource = self.state, self.resource
        wanted = state.node_named(only) if only else None
        nodes = sorted(
            (self._node(node) for node in state.nodes.values() if wanted is None or node is wanted),
            key=lambda one: (not one.chosen, one.points is None, -(one.points or 0), one.node),
        )
        runs = self._runs_next()
        stopped = () if runs else tuple(_once(self._stopped()))
        return Why(
            resource.id, tuple(state.nodes[ident].name for ident in resource.active_on if ident in state.nodes),
            str(resource.role), self.place if runs else "", self.schedule.roles.get(resource.id, ""),
            self._verdict(runs), self._change(), stopped, tuple(nodes),
            self._waits(), self._promotion(),
        )

    def _waits(self) -> tuple[Wait, ...]:
        found = Waits(self.state, self.schedule).of(self.resource.id)
        return tuple(sorted(found, key=lambda one: one.possible))

    def _promotion(self) -> PromotionWhy | None:
        """Where an instance's points for promotion come from."""
        resource = self.resource
        if not resource.top.promotable:
            return None
        instance = resource
        while instance.parent is not None and instance.parent is not resource.top:
            instance = instance.parent
        lines = [
            one for one in self.schedule.lines if isinstance(one, PromotionLine) and one.resource == instance.id
        ]
        if not lines:
            return None
        line = lines[-1]
        words = self.words if instance is resource else reasons.Words(
            self.state, instance, self.schedule.placements
        )
        note = ""
        if not line.node:
            note = "it will not run, so it cannot be promoted"
        elif line.score < 0:
            note = "negative points: it is not promoted"
        return PromotionWhy(line.node, line.score, tuple(self._sum_promotion(words, line)), note)

    def _sum_promotion(self, words: reasons.Words, line: PromotionLine) -> Iterator[Summand]:
        top = self.resource.top.id
        for term in line.terms:
            clone = self.traces.get(top)
            own = [] if clone is None else [
                one for one in clone.terms if one.node == line.node and one.reason != PROMOTED
            ]
            if term.reason == OF_CLONE and own and clone is not None and clone.base.get(line.node) == 0 and (
                sum_up(own) == term.points
            ):
                # The clone's own points are told one by one where they are known.
                for one in own:
                    yield self._told(one.points, words.describe(one), top, sets=one.sets)
                continue
            told = words.promotion(term, line.node)
            yield self._told(term.points, told, "", sets=term.sets)

    # One node -------------------------------------------------------------------------------------

    def _node(self, node: Node) -> NodeWhy:
        summands = tuple(self._summand(term) for term in self.trace.terms if term.node == node.name)
        later = tuple(self._summand(term) for term in self.trace.later if term.node == node.name)
        points = self.trace.shown.get(node.name)
        obstacles = tuple(reasons.obstacles(self.state, node))
        veto = next((one for one in (*summands, *later) if one.is_veto), None)
        chosen = bool(self.place) and node.name == self.place
        ways = () if chosen else tuple(_once(self._ways(node, points, (*summands, *later), obstacles)))
        return NodeWhy(
            node.name, chosen, points, self.trace.base.get(node.name, 0), summands, later, obstacles, veto, ways,
            self._note(node, points),
        )

    def _note(self, node: Node, points: int | None) -> str:
        if points is None:
            return self._not_allowed(node)
        if self.trace.base.get(node.name, 0) <= -INFINITY:
            return f"{node.name} is offline or shutting down, so all points there begin so"
        return ""

    def _summand(self, term: Term) -> Summand:
        told = self.words.describe(term)
        if told.kind == "parent":
            cause = next(self._parents_vetoes(term.node), None)
            told = told if cause is None else replace(told, text=f"{told.text}: {cause.text}")
        return self._told(term.points, told, "" if term.resource == self.resource.id else term.resource, sets=term.sets)

    def _told(self, points: int, told: Told, of: str, *, sets: bool) -> Summand:
        return Summand(
            points, told.kind, told.text, told.constraint, told.rule, told.other, of, sets,
            Way(told.way, told.command, edits=told.edits) if told.way else None,
        )

    def _ways(
        self, node: Node, points: int | None, summands: tuple[Summand, ...], obstacles: tuple[Way, ...]
    ) -> Iterator[Way]:
        """All that stands between a resource and a node."""
        if not self._runs_next() or not self.resource.managed:
            yield from self._general()
        yield from obstacles
        vetoes = [one for one in summands if one.is_veto]
        for one in vetoes:
            if one.way is not None:
                yield one.way
            elif one.kind == "parent":
                yield from self._parents_ways(node)
        top = self.words.configured_top
        if points is None:
            if self._barred_by_kind(node):
                yield Way(self._not_allowed(node))
                return
            yield Way(
                f"the cluster is asymmetric and no constraint allows {top} on {node.name}: add one",
                f"hashell configure location {top}-on-{node.name} {top} 0: {node.name}",
                edits=(Edit("points", top, node.name, "0"),),
            )
            return
        if vetoes or obstacles:
            return
        best = self.trace.shown.get(self.place)
        if points < 0:
            yield self._more(node, -points, "its points there are negative")
        elif not self.place:
            yield from (way for way in self._left_over() if way.edits)
        elif self.place and best is not None and best >= INFINITY:
            yield from self._bound_to(self.place)
        elif self.place and best is not None and best >= points:
            yield self._more(
                node, best - points + 1, f"{self.place} has {show_score(best)}, {node.name} {show_score(points)}"
            )

    def _barred_by_kind(self, node: Node) -> bool:
        """Whether a node that is not even allowed could not be allowed by any constraint."""
        return self.state.configuration.options.symmetric_cluster or self.resource.is_bundled or (
            node.kind is NodeKind.GUEST and node.remote is not None and node.remote.is_bundled
        )

    def _not_allowed(self, node: Node) -> str:
        if not self._barred_by_kind(node):
            return "no constraint allows it there, and the cluster is asymmetric"
        if node.kind is NodeKind.GUEST:
            return f"{node.name} is the inside of a container: only what belongs there runs there"
        return "a part of a bundle runs only in its replica's place"

    def _bound_to(self, place: str) -> Iterator[Way]:
        """What keeps it on another node whatever is added here: demands, and stickiness without end."""
        forcing = [term for term in self.trace.terms if term.node == place and term.points >= INFINITY]
        for term in forcing:
            told = self.words.describe(term)
            text = f"it must be on {place} (INFINITY): {told.text}"
            if told.kind == "stickiness":
                top = self.words.configured_top
                family = dict.fromkeys(one.config.id for one in self.resource.outermost.tree())
                yield Way(
                    text, f"hashell resource meta {top} set resource-stickiness 0",
                    edits=tuple(Edit("meta", one, "resource-stickiness", "0") for one in family),
                )
            else:
                yield Way(text, told.command, edits=told.edits)
        if not forcing:
            yield Way(f"it must be on {place}: its points there add up to INFINITY")

    def _parents_ways(self, node: Node) -> Iterator[Way]:
        """What would let what the resource is in onto the node."""
        for told in self._parents_vetoes(node.name):
            if told.way:
                yield Way(told.way, told.command, edits=told.edits)

    def _parents_vetoes(self, node: str) -> Iterator[Told]:
        """What forbids the node to what the resource is in."""
        holder = self.resource.parent
        while holder is not None:
            found = self.traces.get(holder.id)
            words = reasons.Words(self.state, holder, self.schedule.placements)
            for term in () if found is None else (*found.terms, *found.later):
                if term.node == node and term.points <= -INFINITY and term.reason != PARENT_BARRED:
                    yield words.describe(term)
            holder = holder.parent

    def _more(self, node: Node, needed: int, why: str) -> Way:
        top = self.words.configured_top
        return Way(
            f"it needs at least {needed} more points there: {why}",
            f"hashell configure location {top}-on-{node.name} {top} {show_score(needed)}: {node.name}", needed,
            (Edit("points", top, node.name, show_score(needed)),),
        )

    # In general -----------------------------------------------------------------------------------

    def _runs_next(self) -> bool:
        """Whether it will run, as far as can be said: it has a place, and starting there is possible."""
        return runs_next(self.state, self.schedule, self.resource.id)

    def _verdict(self, runs: bool) -> str:
        resource, names = self.resource, self.resource.id
        now = [self.state.nodes[ident].name for ident in resource.active_on if ident in self.state.nodes]
        role = self.schedule.roles.get(names, "")
        shown = f" as {role.lower()}" if role in ("Promoted", "Unpromoted") else ""
        if not resource.managed and now:
            return f"{names} is active on {', '.join(now)}, and not managed: the cluster leaves it as it is"
        if runs and now == [self.place]:
            again = any(one.what in ("Restart", "Recover") for one in self._changes())
            return f"{names} runs on {self.place} and {'will run there again' if again else 'stays there'}{shown}"
        if runs and now:
            return f"{names} is active on {', '.join(now)} and will run on {self.place}{shown}"
        if runs:
            return f"{names} is not active and will be started on {self.place}{shown}"
        if now:
            return f"{names} is active on {', '.join(now)} and " + (
                "would have to be stopped" if resource.blocked else "will be stopped"
            )
        return f"{names} is not active, and will not be started"

    def _change(self) -> str:
        """What the transition does to it, and why."""
        told = [reasons.change(one) for one in self._changes()]
        return "; ".join(told)

    def _changes(self) -> Iterator[ResourceChange]:
        for one in self.schedule.changes:
            if isinstance(one, ResourceChange) and one.resource == self.resource.id:
                yield one

    def _general(self) -> Iterator[Way]:
        """What forbids the resource everywhere, whatever node is looked at."""
        state, resource, options = self.state, self.resource, self.state.configuration.options
        if resource.removed:
            yield Way("it is no longer configured: the cluster only cleans up after it")
        name = self._disabled()
        if name:
            yield Way(
                f"target-role of {name} is Stopped: somebody disabled it", f"hashell resource start {name}",
                edits=(Edit("meta", name, "target-role", "Started"),),
            )
        if options.stop_all_resources:
            yield Way(
                "the cluster option stop-all-resources is set", "hashell configure property stop-all-resources=false",
                edits=(Edit("option", "stop-all-resources", value="false"),),
            )
        if options.maintenance_mode:
            yield Way(
                "the cluster is in maintenance mode", "hashell configure property maintenance-mode=false",
                edits=(Edit("option", "maintenance-mode", value="false"),),
            )
        elif resource.blocked:
            yield Way(
                "it is blocked: a failed operation asks for that (on-fail=block), a stop failed and its node cannot be "
                "fenced, or it is active in several places",
                f"hashell resource cleanup {resource.config.id}", edits=(Edit("cleanup", resource.config.id),),
            )
        elif not resource.managed and any(
            node.maintenance for node in state.nodes.values() if node.id in resource.active_on
        ):
            for node in state.nodes.values():
                if node.id in resource.active_on and node.maintenance:
                    yield Way(
                        f"it runs on {node.name}, which is in maintenance mode, so the cluster leaves it there",
                        f"hashell node ready {node.name}", edits=(Edit("ready", node=node.name),),
                    )
        elif not resource.managed:
            yield Way(
                "it is not managed: the cluster neither starts nor stops it",
                f"hashell resource manage {resource.config.id}",
                edits=(Edit("meta", resource.config.id, "is-managed", "true"),),
            )
        if options.fencing_enabled and not state.have_fencing:
            yield Way(
                "fencing is enabled and there is no fence device: nothing is started or stopped before there is one",
                edits=(Edit("option", "fencing-enabled", value="false"),),
            )
        if not state.has_quorum and options.no_quorum_policy is not NoQuorumPolicy.IGNORE and (
            resource.requires_quorum or resource.requires_fencing
        ):
            yield Way(
                f"this partition has no quorum, and no-quorum-policy is {options.no_quorum_policy.value}: "
                "bring back more nodes", edits=(Edit("quorum"),),
            )
        if resource.config.multiple_active is MultipleActive.STOP_ONLY and len(resource.active_on) > 1:
            yield Way("it was active on several nodes, and multiple-active=stop_only keeps it stopped")

    def _disabled(self) -> str:
        """The outermost of what it is in that is to be stopped: what is inside inherits that. Empty for none."""
        name = ""
        holder: Resource | None = self.resource
        while holder is not None:
            if (holder.meta.get("target-role") or "").lower() == "stopped":
                name = holder.config.id
            holder = holder.parent
        return name

    def _stopped(self) -> Iterator[Way]:
        """Why it will not run, most important first."""
        yield from self._general()
        if self.place:
            yield from self._waiting()
            return
        usable = False
        for node in sorted(self.state.nodes.values(), key=lambda one: one.name):
            told = self._node(node)
            if told.obstacles:
                if not node.is_remote:
                    yield Way(f"{node.name}: {told.obstacles[0].text}", told.obstacles[0].command)
            elif told.veto is not None:
                way = told.veto.way
                yield Way(f"{node.name}: {told.veto.text}", "" if way is None else way.command)
            elif told.points is None:
                yield Way(f"{node.name}: {self._not_allowed(node)}")
            elif told.points < 0:
                yield Way(f"{node.name}: its points there are negative ({show_score(told.points)})")
            else:
                usable = True
        if usable:
            yield from self._left_over()

    def _left_over(self) -> Iterator[Way]:
        """Why an instance has no place though there are nodes that would do."""
        parent = self.resource.parent
        if parent is None or not parent.clone_max:
            return
        placed = sum(bool(self.schedule.placements.get(one.id)) for one in parent.children)
        if placed >= parent.clone_max:
            yield Way(f"{parent.id} has as many instances as it may have (clone-max={parent.clone_max})")
            return
        found = False
        for one in self.state.configuration.constraints:
            if isinstance(one, OrderConstraint) and one.then == parent.id and one.first:
                others = instances(self.state, one.first)
                if others and not all(self.schedule.placements.get(other) for other in others):
                    found = True
                    yield Way(
                        f"order constraint {one.id}: no instance of {one.first} is left that this one could follow",
                        f"hashell explain {one.first}", edits=(Edit("drop", one.id),),
                    )
        if not found:
            yield Way(f"{parent.id} has as many instances as nodes can hold, or as those that it follows")

    def _waiting(self) -> Iterator[Way]:
        """It has a place, and something has to come before its start that does not come."""
        for wait in self._waits():
            if wait.possible:
                continue
            for cause in wait.causes:
                other = cause.resource if cause.resource != self.resource.id else ""
                yield Way(
                    f"{wait.text} cannot be done: {cause.text} has to come first, and that cannot be done "
                    f"({cause.why})",
                    f"hashell explain {other}" if other else "",
                    edits=tuple(Edit("drop", one) for one in cause.constraints),
                )
            if wait.root:
                yield Way(f"it all begins with the {wait.root}, which cannot be done")
        for action in self.schedule.actions:
            if action.resource == self.resource.id and action.task in ("start", "stop") and not action.runnable and (
                action.reason and not action.optional
            ):
                bound = action.reason.removeprefix("colocation with ")
                yield Way(
                    f"its {action.task} on {action.node} cannot be done: {reasons.cause(action.reason)}",
                    edits=tuple(
                        Edit("drop", one.id) for one in self.state.configuration.constraints
                        if isinstance(one, ColocationConstraint) and one.with_resource == bound
                    ) if bound != action.reason else (),
                )


def _once(ways: Iterator[Way]) -> Iterator[Way]:
    seen = set()
    for way in ways:
        if way.text not in seen:
            seen.add(way.text)
            yield way
