"""Why: what a person is told of one resource: why it is here and not there, why it is stopped, why it moves.

In:  a state, its schedule and its trace. Out: `Why`, plain data in plain words; nothing is looked up or run here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from hashell.model.cluster_options import NoQuorumPolicy
from hashell.model.resources import MultipleActive
from hashell.scheduler import reasons
from hashell.scheduler.reasons import Way
from hashell.scheduler.summary import ResourceChange
from hashell.scheduler.trace import ResourceTrace, Term
from hashell.values.scores import INFINITY, show_score

if TYPE_CHECKING:
    from hashell.scheduler.schedule import Schedule
    from hashell.state.cluster_state import ClusterState
    from hashell.state.nodes import Node
    from hashell.state.resources import Resource

#: Causes that are named for a start that has to wait; a long chain says no more.
_CAUSES_MAX = 8


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


class Why(Struct, frozen=True):
    """One resource or instance.

    now         where it is active, with roles in words
    node        where it will be, empty for nowhere; `role` is what it does there
    verdict     one sentence
    change      what happens to it now and why; empty for nothing
    stopped     why it is not running, most important first
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
    promotion: tuple[str, ...] = ()


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
            tuple(reasons.promotion(state, self.schedule, resource)),
        )

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
            node.name, chosen, points, self.trace.base.get(node.name, 0), summands, later, obstacles, veto, ways
        )

    def _summand(self, term: Term) -> Summand:
        told = self.words.describe(term)
        return Summand(
            term.points, told.kind, told.text, told.constraint, told.rule, told.other,
            "" if term.resource == self.resource.id else term.resource, term.sets,
            Way(told.way, told.command) if told.way else None,
        )

    def _ways(
        self, node: Node, points: int | None, summands: tuple[Summand, ...], obstacles: tuple[Way, ...]
    ) -> Iterator[Way]:
        """All that stands between a resource and a node."""
        if not self._runs_next():
            yield from self._general()
        yield from obstacles
        vetoes = [one for one in summands if one.is_veto]
        for one in vetoes:
            if one.way is not None:
                yield one.way
        top = self.words.configured_top
        if points is None:
            yield Way(
                f"the cluster is asymmetric and no constraint allows {top} on {node.name}: add one",
                f"hashell configure location {top}-on-{node.name} {top} 0: {node.name}",
            )
            return
        if vetoes or obstacles:
            return
        best = self.trace.shown.get(self.place)
        if points < 0:
            yield self._more(node, -points, "its points there are negative")
        elif self.place and best is not None and best >= INFINITY:
            yield Way(
                f"it must be on {self.place} ({show_score(best)}): take away what forces it there, "
                f"see `hashell explain {self.resource.id} {self.place}`"
            )
        elif self.place and best is not None and best >= points:
            yield self._more(
                node, best - points + 1, f"{self.place} has {show_score(best)}, {node.name} {show_score(points)}"
            )

    def _more(self, node: Node, needed: int, why: str) -> Way:
        top = self.words.configured_top
        return Way(
            f"it needs at least {needed} more points there: {why}",
            f"hashell configure location {top}-on-{node.name} {top} {needed}: {node.name}", needed,
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
            return f"{names} runs on {self.place} and stays there{shown}"
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
            yield Way(f"target-role of {name} is Stopped: somebody disabled it", f"hashell resource start {name}")
        if options.stop_all_resources:
            yield Way(
                "the cluster option stop-all-resources is set", "hashell configure property stop-all-resources=false"
            )
        if options.maintenance_mode:
            yield Way("the cluster is in maintenance mode", "hashell configure property maintenance-mode=false")
        elif resource.blocked:
            yield Way(
                "it is blocked: a failed operation asks for that (on-fail=block), a stop failed and its node cannot be "
                "fenced, or it is active in several places",
                f"hashell resource cleanup {resource.config.id}",
            )
        elif not resource.managed:
            yield Way(
                "it is not managed: the cluster neither starts nor stops it",
                f"hashell resource manage {resource.config.id}",
            )
        if options.fencing_enabled and not state.have_fencing:
            yield Way(
                "fencing is enabled and there is no fence device: nothing is started or stopped before there is one"
            )
        if not state.has_quorum and options.no_quorum_policy is not NoQuorumPolicy.IGNORE and resource.requires_quorum:
            yield Way(
                f"this partition has no quorum, and no-quorum-policy is {options.no_quorum_policy.value}: "
                "bring back more nodes"
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
                yield Way(f"{node.name}: no constraint allows it there, and the cluster is asymmetric")
            elif told.points < 0:
                yield Way(f"{node.name}: its points there are negative ({show_score(told.points)})")
            else:
                usable = True
        if usable:
            parent = self.resource.parent
            if parent is not None and parent.clone_max:
                yield Way(
                    f"{parent.id} has as many instances as it may have (clone-max={parent.clone_max}), or as nodes can "
                    "hold"
                )

    def _waiting(self) -> Iterator[Way]:
        """It has a place, and something has to come before its start that does not come."""
        reasons_seen = 0
        for action in self.schedule.actions:
            if action.resource != self.resource.id or action.task not in ("start", "stop") or action.runnable:
                continue
            for ordering in self.schedule.order_reasons:
                if ordering.then != action.key or reasons_seen >= _CAUSES_MAX:
                    continue
                first = [one for one in self.schedule.actions if one.key == ordering.first]
                if first and all(not one.runnable for one in first):
                    reasons_seen += 1
                    yield reasons.waits_for(self.state, ordering.first, ordering.why)
            if action.reason:
                reasons_seen += 1
                yield Way(f"its {action.task} on {action.node} cannot be done: {action.reason}")


def _once(ways: Iterator[Way]) -> Iterator[Way]:
    seen = set()
    for way in ways:
        if way.text not in seen:
            seen.add(way.text)
            yield way
