"""Runner: walks a graph without doing anything itself: results in, next actions out.

    runner = Runner(graph)
    while (action := runner.next_action()) is not None:
        ...start it; pseudo events are done at once: runner.finish(action.id)
    runner.state            RUNNING while actions are under way, then COMPLETE, STOPPED or STUCK

A walk is made of passes over the synapses in their order, because that order is what people compare: what becomes ready
behind the place where a pass is, starts in the same pass, what becomes ready before it, in the next. Two heaps of places keep that
without looking at every synapse in every pass.

Source: lib/pacemaker/pcmk_graph_consumer.c decides when a synapse may start and how a walk ends.
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable

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
    """Nothing is under way, something is left, and nobody aborted it: the graph was wrong, or an action failed."""


class Runner:
    """One walk through one graph.

    `allowed` may defer an action (a node at its limit of jobs): it is asked again in each pass. `batch_limit` 0 means no limit;
    it may be changed at any time (a loaded cluster).
    """

    def __init__(
        self, graph: Graph, *, allowed: Callable[[Action], bool] | None = None,
        batch_limit: int | None = None,
    ) -> None:
        self.graph = graph
        self.batch_limit = graph.batch_limit if batch_limit is None else batch_limit
        self.abort_priority = 0
        self.abort_reason = ""
        self._allowed = allowed
        self._place = {synapse.action.id: n for n, synapse in enumerate(graph.synapses)}
        assert len(self._place) == len(graph.synapses), "one id, one action"
        self._missing = [set(synapse.inputs) for synapse in graph.synapses]
        self._waiting: dict[int, list[int]] = {}
        for place, synapse in enumerate(graph.synapses):
            for number in synapse.inputs:
                self._waiting.setdefault(number, []).append(place)
        self._this_pass: list[int] = []
        self._next_pass = [place for place, missing in enumerate(self._missing) if not missing]
        self._at = -1
        self._under_way: dict[int, Action] = {}
        self._done: set[int] = set()
        self._failed: set[int] = set()

    @property
    def under_way(self) -> tuple[Action, ...]:
        """Started and not finished, in the order of starting."""
        return tuple(self._under_way.values())

    @property
    def failed(self) -> tuple[int, ...]:
        """Ids of actions that failed."""
        return tuple(sorted(self._failed))

    @property
    def done(self) -> int:
        """How many actions have ended, well or not."""
        return len(self._done)

    def _may_start(self, place: int) -> bool:
        synapse = self.graph.synapses[place]
        if synapse.action.kind is ActionKind.PSEUDO:
            return True
        if synapse.priority < self.abort_priority:
            return False
        return self._allowed is None or self._allowed(synapse.action)

    def next_action(self) -> Action | None:
        """What may start now, marked as under way; None when nothing more can until a result, an abort or a release."""
        fresh_pass = False
        while self.batch_limit <= 0 or len(self._under_way) < self.batch_limit:
            if not self._this_pass:
                if fresh_pass or not self._next_pass:
                    break
                fresh_pass = True
                self._this_pass, self._next_pass = self._next_pass, []
                heapq.heapify(self._this_pass)
            place = heapq.heappop(self._this_pass)
            self._at = place
            if self._may_start(place):
                action = self.graph.synapses[place].action
                self._under_way[action.id] = action
                return action
            self._next_pass.append(place)
        # The pass ends here: whatever becomes ready later is looked at from the beginning.
        self._next_pass += self._this_pass
        self._this_pass = []
        self._at = len(self.graph.synapses)
        return None

    def finish(self, action_id: int, *, failed: bool = False) -> bool:
        """Tell the result of an action; False when it was not under way (a result that comes late or twice).

        What waits for an action that failed never starts, but for synapses of priority INFINITY.
        """
        if self._under_way.pop(action_id, None) is None:
            return False
        self._done.add(action_id)
        if failed:
            self._failed.add(action_id)
        for place in self._waiting.get(action_id, ()):
            if failed and self.graph.synapses[place].priority < INFINITY:
                continue
            missing = self._missing[place]
            missing.discard(action_id)
            if not missing:
                if place > self._at:
                    heapq.heappush(self._this_pass, place)
                else:
                    self._next_pass.append(place)
        return True

    def abort(self, priority: int = INFINITY, reason: str = "") -> None:
        """From now on only pseudo events, and synapses of at least this priority, may start; the highest abort counts."""
        if priority > self.abort_priority:
            self.abort_priority = priority
            self.abort_reason = reason

    @property
    def state(self) -> RunState:
        """Ask after `next_action` gave None."""
        if self._under_way or any(
            self._may_start(place) for heap in (self._this_pass, self._next_pass) for place in heap
        ):
            return RunState.RUNNING
        if len(self._done) == len(self.graph.synapses):
            return RunState.COMPLETE
        return RunState.STOPPED if self.abort_priority > 0 else RunState.STUCK
