"""Runner: walks a graph without doing anything itself: results in, next actions out.

    runner = Runner(graph)
    for action in runner.start_next():      # marked as in flight
        ...start it; pseudo events are done at once: runner.confirm(action.id)
    runner.confirm(action_id, failed=...)   # when a result comes; then start_next() again
    runner.complete                         # nothing in flight, nothing more can start

A walk is made of passes over the synapses in their order, because that order is what people
compare: what becomes ready behind the place where a pass is, starts in the same pass, what becomes
ready before it, in the next. Two heaps of places keep that without looking at every synapse in
every pass. Where actions are held back by what they need (a node with all hands full), those that
need the same stand in a lane, and nobody looks at each of thousands to find each time that it may not
start: only at the first.

Source: lib/pacemaker/pcmk_graph_consumer.c decides when a synapse may start and how a walk ends.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hashell.transition.graph import Action, ActionKind, Graph
from hashell.values.scores import INFINITY


class RunState(enum.StrEnum):
    """How far a walk is."""

    RUNNING = "running"
    COMPLETE = "complete"
    """All that was in the graph is done."""
    STOPPED = "stopped"
    """An abort ended it; what had begun is done."""
    STUCK = "stuck"
    """Nothing is in flight, something is left, and nobody aborted it: the graph was wrong, or an
    action failed."""


class Completion(enum.StrEnum):
    """What is to be done when the walk has ended; a later abort may only raise it."""

    DONE = "done"
    RESTART = "restart"
    SHUTDOWN = "shutdown"


class ActionState(enum.StrEnum):
    """How far one action of a walk is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many actions are done (well or not), in flight, and not begun."""

    done: int
    in_flight: int
    failed: int
    left: int


class Runner:
    """One walk through one graph.

    `allowed` may defer an action: it is asked again in each pass. `lane` names what an action needs ("" for nothing
    that others need, too), and while `full` says that there is none of it, no action of that lane starts; both ask only
    of actions that are no pseudo events, or say the same of these. Order holds in a lane.
    `batch_limit` 0 means no limit; it may be changed at any time (a loaded cluster).
    """

    def __init__(
        self, graph: Graph, *, allowed: Callable[[Action], bool] | None = None,
        batch_limit: int | None = None, lane: Callable[[Action], str] | None = None,
        full: Callable[[str], bool] | None = None,
    ) -> None:
        self.graph = graph
        self.batch_limit = graph.batch_limit if batch_limit is None else batch_limit
        self.abort_priority = 0
        self.abort_reason = ""
        self.completion = Completion.DONE
        self._allowed = allowed
        self._full = full
        self._place = {synapse.action.id: n for n, synapse in enumerate(graph.synapses)}
        assert len(self._place) == len(graph.synapses), "one id, one action"
        #: How many inputs of each are not done.
        self._missing = [len(set(synapse.inputs)) for synapse in graph.synapses]
        self._waiting: dict[int, list[int]] = {}
        for place, synapse in enumerate(graph.synapses):
            for number in dict.fromkeys(synapse.inputs):
                self._waiting.setdefault(number, []).append(place)
        self._lane_of = [lane(synapse.action) if lane else "" for synapse in graph.synapses]
        #: What is ready in each lane; in a pass one place stands for all of a lane.
        self._lanes: dict[str, list[int]] = {}
        self._lanes_in_pass: set[str] = set()
        self._this_pass: list[int] = []
        self._next_pass: list[int] = []
        self._at = len(graph.synapses)
        self._in_flight: dict[int, Action] = {}
        self._done: set[int] = set()
        self._failed: set[int] = set()
        for place, missing in enumerate(self._missing):
            if not missing:
                self._ready(place)

    @property
    def in_flight(self) -> tuple[int, ...]:
        """Ids of actions that were started and not confirmed, in the order of starting."""
        return tuple(self._in_flight)

    @property
    def failed(self) -> tuple[int, ...]:
        """Ids of actions that failed."""
        return tuple(sorted(self._failed))

    @property
    def counts(self) -> Counts:
        done, flying = len(self._done), len(self._in_flight)
        return Counts(done, flying, len(self._failed), len(self._place) - done - flying)

    @property
    def aborted(self) -> bool:
        return self.abort_priority > 0

    def action(self, action_id: int) -> Action | None:
        """The action of the graph with this id."""
        place = self._place.get(action_id)
        return None if place is None else self.graph.synapses[place].action

    def priority(self, action_id: int) -> int:
        """Of the synapse that holds an action; 0 where none does."""
        place = self._place.get(action_id)
        return 0 if place is None else self.graph.synapses[place].priority

    def action_state(self, action_id: int) -> ActionState:
        """What became of an action of the graph; of one that is none, that it was skipped."""
        if action_id in self._in_flight:
            return ActionState.RUNNING
        if action_id in self._done:
            return ActionState.FAILED if action_id in self._failed else ActionState.DONE
        place = self._place.get(action_id)
        if place is None or self.complete:
            return ActionState.SKIPPED
        return ActionState.WAITING

    def not_begun(self) -> Iterator[Action]:
        """Actions that neither run nor are done; of a walk that is complete, those that were skipped."""
        for synapse in self.graph.synapses:
            if synapse.action.id not in self._in_flight and synapse.action.id not in self._done:
                yield synapse.action

    def runs(self, action_id: int) -> bool:
        """Whether an action was started and is not confirmed."""
        return action_id in self._in_flight

    def _ready(self, place: int) -> None:
        """All that this one waits for is done."""
        lane = self._lane_of[place]
        if lane:
            heapq.heappush(self._lanes.setdefault(lane, []), place)
            if lane in self._lanes_in_pass:
                return
            self._lanes_in_pass.add(lane)
        self._queue(place)

    def _queue(self, place: int) -> None:
        if place > self._at:
            heapq.heappush(self._this_pass, place)
        else:
            self._next_pass.append(place)

    def _begin_pass(self) -> None:
        """All lanes are asked again, also those that were full."""
        for lane, heap in self._lanes.items():
            if heap and lane not in self._lanes_in_pass:
                self._lanes_in_pass.add(lane)
                self._next_pass.append(heap[0])
        self._this_pass, self._next_pass = self._next_pass, []
        heapq.heapify(self._this_pass)

    def _first_of(self, lane: str) -> int | None:
        """The first place of a lane, for which the next one stands in the pass; None when the lane is full."""
        heap = self._lanes[lane]
        while heap and self._given_up(heap[0]):
            heapq.heappop(heap)
        if not heap or (self._full is not None and self._full(lane)):
            self._lanes_in_pass.discard(lane)
            return None
        place = heapq.heappop(heap)
        if heap:
            # In this pass, also where it stands before the place that the pass has come to: were the one before it
            # refused, nobody might ask again.
            heapq.heappush(self._this_pass, heap[0])
        else:
            self._lanes_in_pass.discard(lane)
        return place

    def _given_up(self, place: int) -> bool:
        """Whether an abort ended all hope: none is ever taken back."""
        synapse = self.graph.synapses[place]
        return synapse.priority < self.abort_priority and synapse.action.kind is not ActionKind.PSEUDO

    def _may_start(self, place: int) -> bool:
        """Asked of what is not given up."""
        action = self.graph.synapses[place].action
        return action.kind is ActionKind.PSEUDO or self._allowed is None or self._allowed(action)

    def next_action(self) -> Action | None:
        """One action that may start now, marked as in flight; None ends the pass.

        Who confirms each action before asking for the next one (a simulation) walks in the order
        in which Pacemaker's would.
        """
        fresh_pass = False
        while self.batch_limit <= 0 or len(self._in_flight) < self.batch_limit:
            if not self._this_pass:
                if fresh_pass:
                    break
                fresh_pass = True
                self._begin_pass()
                if not self._this_pass:
                    break
            at = self._at = heapq.heappop(self._this_pass)
            lane = self._lane_of[at]
            place = self._first_of(lane) if lane else at
            if place is None or self._given_up(place):
                continue
            if self._may_start(place):
                action = self.graph.synapses[place].action
                self._in_flight[action.id] = action
                return action
            # For a reason of its own: from now on it is asked by itself.
            self._lane_of[place] = ""
            self._next_pass.append(place)
        # The pass ends here: whatever becomes ready later is looked at from the beginning.
        self._next_pass += self._this_pass
        self._this_pass = []
        self._at = len(self.graph.synapses)
        return None

    def start_next(self) -> tuple[Action, ...]:
        """All that may start now, marked as in flight; pseudo events are among them."""
        started = []
        while (action := self.next_action()) is not None:
            started.append(action)
        return tuple(started)

    def confirm(self, action_id: int, *, failed: bool = False) -> bool:
        """Tell the result of an action; False when it was not in flight (late, or twice).

        What waits for an action that failed never starts, but for synapses of priority INFINITY.
        """
        if self._in_flight.pop(action_id, None) is None:
            return False
        self._done.add(action_id)
        if failed:
            self._failed.add(action_id)
        for place in self._waiting.get(action_id, ()):
            if failed and self.graph.synapses[place].priority < INFINITY:
                continue
            self._missing[place] -= 1
            if not self._missing[place]:
                self._ready(place)
        return True

    def take_back(self, action_id: int) -> bool:
        """Of an aborted walk: this one, though started, was not begun; False when it was not in flight. It is left."""
        assert self.aborted, "what is taken back is not started again"
        return self._in_flight.pop(action_id, None) is not None

    def abort(
        self, priority: int = INFINITY, completion: Completion = Completion.RESTART,
        reason: str = "",
    ) -> None:
        """From now on only pseudo events, and synapses of at least this priority, may start.

        The highest abort counts, and the strongest completion.
        """
        if priority > self.abort_priority:
            self.abort_priority = priority
            self.abort_reason = reason
        order = list(Completion)
        if order.index(completion) > order.index(self.completion):
            self.completion = completion

    @property
    def state(self) -> RunState:
        """Ask after `start_next` or `next_action` came back empty."""
        if self._in_flight or self._something_may_start():
            return RunState.RUNNING
        if len(self._done) == len(self._place):
            return RunState.COMPLETE
        return RunState.STOPPED if self.aborted else RunState.STUCK

    def _something_may_start(self) -> bool:
        alone = (
            place for heap in (self._this_pass, self._next_pass) for place in heap if not self._lane_of[place]
        )
        laned = (
            place for lane, heap in self._lanes.items() if heap and not (self._full and self._full(lane))
            for place in heap
        )
        return any(not self._given_up(place) and self._may_start(place) for some in (alone, laned) for place in some)

    @property
    def complete(self) -> bool:
        """Nothing is in flight, and nothing more can start."""
        return self.state is not RunState.RUNNING
