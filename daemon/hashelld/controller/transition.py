"""Transition: one graph on its way — which effects its actions are, and which results end them.

The runner (hashell.transition) decides what may start; here each action becomes an operation for a
node, a request for fencing, or a change of the CIB. Every action that waits for somebody has a
timer: a node that says nothing must not hold the cluster for ever.
Source: daemons/controld/controld_te_actions.c.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from hashell.transition.graph import Action, ActionKind, Graph
from hashell.transition.runner import Completion, Runner
from hashell.transition.xml import action_to_xml
from hashell.values.booleans import is_true
from hashell.values.keys import TransitionKey
from hashell.values.scores import INFINITY
from hashelld.controller.throttle import NODE_JOBS_MAX
from hashelld.core.effects import CancelTimer, Effect, Log, Send, StartTimer, Tell
from hashelld.core.events import Event, FencingWanted

#: Probes are looks that change nothing, and on many nodes with many resources there are more of them than of all else:
#: a node is given so many times as many as it does at once, and goes on with them while its results are on their way.
PROBES_AHEAD = 8
#: Actions that are begun in one go: each takes a tenth of a millisecond and more, and peers want to be answered.
BEGIN_MAX = 250
_MOVES = frozenset({"migrate_to", "migrate_from"})
#: Behind a node's name: the lane of its probes.
_PROBES = " probes"


class Orders(msgspec.Struct, frozen=True, array_like=True):
    """DC to node: do these operations (each the graph's rsc_op element), of probes at most so many `at_once`. `again`:
    they may have been asked for in the view before."""

    operations: tuple[bytes, ...]
    at_once: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class ActionLate(Event):
    """An action's time is over and nobody said what became of it."""

    transition: int
    action: int


@dataclass(frozen=True, slots=True)
class ClusterStep:
    """An action that the controller itself carries out: do_shutdown, clear_failcount, lrm_delete."""

    action: Action


class Walk:
    """One transition. `uuid` marks the keys of its operations as this DC's."""

    def __init__(
        self, graph: Graph, uuid: str, began_ms: int, jobs: Callable[[str], int] = lambda node: NODE_JOBS_MAX,
    ) -> None:
        """`jobs` says how many actions a node may have at once; it may change its mind at any time."""
        #: Probes that wait for nothing and are not done yet, and the ids of their nodes.
        self._probes = {
            synapse.action.id: synapse.action.node_id for synapse in graph.synapses
            if not synapse.inputs and _is_probe(synapse.action)
        }
        self._probes_of = Counter(self._probes.values())
        #: What may explain that something vanishes from the CIB.
        self._takes_down = [one for one in graph.actions if one.downed or one.task in ("stonith", "do_shutdown")]
        self._deletes: dict[tuple[str, str], Action] = {}
        self._cancels: dict[tuple[str, str], Action] = {}
        for action in graph.actions:
            if action.task in ("delete", "lrm_delete") and action.primitive is not None:
                self._deletes[action.node_id, action.primitive.id] = action
            elif action.task == "cancel":
                self._cancels[action.node_id, action.key] = action
        self.runner = Runner(graph, allowed=self._allowed, lane=_lane, full=self._full)
        self._withdrawn = False
        self.more = False
        self.graph = graph
        self.number = graph.transition_id
        self.began_ms = began_ms
        self._uuid = uuid
        #: How many jobs each lane has now.
        self._jobs: Counter[str] = Counter()
        self._moving: Counter[str] = Counter()
        self._jobs_of = jobs
        #: Nodes' limits as they were when the pass began: thousands of actions may wait for the same few nodes.
        self._limits: dict[str, int] = {}
        self._fencing: dict[str, int] = {}

    def key(self, action: Action) -> str:
        """The transition key that an operation of this walk carries."""
        text = action.attributes.get("CRM_meta_op_target_rc", "0")
        target = int(text) if text.isdigit() else 0
        return str(TransitionKey(action.id, self.number, target, self._uuid))

    def advance(self, most: int = BEGIN_MAX) -> Iterator[Effect | ClusterStep | Action]:
        """Start all that may start now, or the first `most` of it: then `more` says that it is to be called again. An
        `Action` among the yields says that this one began (or, when it is a pseudo event, is done): whoever shows the
        walk wants to know.
        """
        self._limits.clear()
        self.more = False
        progress = True
        while progress:
            progress = False
            # One by one: what has begun counts before the next is asked whether it may.
            while (action := self.runner.next_action()) is not None:
                progress = True
                yield action
                yield from self._begin(action)
                most -= 1
                if most <= 0:
                    self.more = True
                    return

    def _begin(self, action: Action) -> Iterator[Effect | ClusterStep]:
        if action.kind is ActionKind.PSEUDO:
            if action.maintenance or (action.downed and action.task == "stonith"):
                # Nothing is done, and something becomes true: of remote nodes, and of guests whose host is gone.
                yield ClusterStep(action)
            self.runner.confirm(action.id)
            return
        wait = not is_true(action.attributes.get("CRM_meta_op_no_wait"))
        if action.kind is ActionKind.RESOURCE:
            self._count(action, 1)
            yield Send(action.router_node or action.node, f"{_room(action)}.operation", self._ask(action))
        elif action.task in ("stonith", "fence"):
            yield from self._fence(action)
        else:
            yield ClusterStep(action)
        if not wait:
            self._count(action, -1)
            self.runner.confirm(action.id)
        elif self.runner.runs(action.id):
            patience = (action.timeout_ms or self.graph.cluster_delay_ms)
            if action.task in ("stonith", "fence"):
                patience = max(patience, self.graph.stonith_timeout_ms)
            elif _lane(action).endswith(_PROBES):
                # It may have to wait for those that the node was given before.
                patience *= 1 + self._jobs[_lane(action)] // max(1, self._limit(action.node))
            yield StartTimer(
                _timer(self.number, action.id), patience + self.graph.cluster_delay_ms,
                ActionLate(self.number, action.id),
            )

    def again(self, names: Collection[str]) -> Iterator[Effect]:
        """Ask once more for all operations in flight on these nodes: a view that ends may take messages with it.
        An executor does each key once, and says again what came of it."""
        for number in self.runner.in_flight:
            action = self.runner.action(number)
            if action is not None and action.kind is ActionKind.RESOURCE:
                to = action.router_node or action.node
                if to in names:
                    room = _room(action)
                    topic = "controller.operation" if room == "controller" else f"{room}.again"
                    yield Send(to, topic, self._ask(action))

    def withdraw(self) -> tuple[Effect, ...]:
        """Once after an abort: what nodes have not begun of the probes that they were given they need not begin."""
        if self._withdrawn or not self.runner.aborted:
            return ()
        self._withdrawn = True
        return tuple(
            Send(lane.removesuffix(_PROBES), "controller.withdraw", b"")
            for lane, count in self._jobs.items() if count > 0 and lane.endswith(_PROBES)
        )

    def at_once(self, node: str) -> int:
        """How many jobs a node is to do at the same time."""
        return self._limit(node)

    def _ask(self, action: Action) -> bytes:
        mark = f'<{action.kind} transition-key="{self.key(action)}" '
        return action_to_xml(action).replace(f"<{action.kind} ".encode(), mark.encode(), 1)

    def _fence(self, action: Action) -> Iterator[Effect]:
        word = action.attributes.get("CRM_meta_stonith_action", "reboot")
        request = f"controller:{self.number}:{action.id}"
        self._fencing[request] = action.id
        delay = action.attributes.get("CRM_meta_priority_fencing_delay", "")
        yield Tell(FencingWanted(
            action.node, word, request,
            max(action.timeout_ms, self.graph.stonith_timeout_ms),
            delay_ms=int(delay) * 1000 if delay.isdigit() else 0, origin="transition",
        ))

    def fencing_takes(self, request: str, timeout_ms: int) -> tuple[Effect, ...]:
        """The fencer has looked at devices and levels: wait for it as long as they may need."""
        action = self.fencing_action(request)
        if action is None or not self.runner.runs(action.id):
            return ()
        return (StartTimer(
            _timer(self.number, action.id), timeout_ms + self.graph.cluster_delay_ms,
            ActionLate(self.number, action.id),
        ),)

    def fencing_action(self, request: str) -> Action | None:
        """Which action asked for a fencing; None when it was another walk's."""
        number = self._fencing.get(request)
        return None if number is None else self.runner.action(number)

    def confirm(self, action_id: int, *, failed: bool = False) -> tuple[Effect, ...]:
        """A result came. Empty when it had come before, or was not waited for."""
        action = self.runner.action(action_id)
        if action is None or not self.runner.confirm(action_id, failed=failed):
            return ()
        if (node_id := self._probes.pop(action_id, None)) is not None:
            self._probes_of[node_id] -= 1
        self._count(action, -1)
        return (CancelTimer(_timer(self.number, action_id)),)

    def take_back(self, action_id: int) -> tuple[Effect, ...]:
        """A node says that it has not begun this one, and will not. Empty when that was not waited for."""
        action = self.runner.action(action_id)
        if action is None or not self.runner.take_back(action_id):
            return ()
        self._count(action, -1)
        return (CancelTimer(_timer(self.number, action_id)),)

    def priority(self, action_id: int) -> int:
        """Of the synapse that holds an action."""
        return self.runner.priority(action_id)

    def abort(
        self, reason: str, priority: int = INFINITY, completion: Completion = Completion.RESTART
    ) -> None:
        self.runner.abort(priority, completion, reason)

    def node_gone(self, node_id: str, name: str = "") -> tuple[int, ...]:
        """Ids of actions in flight that only that node could have answered, or (with its `name`) those which it was to
        pass on to a remote node; fencing is not among them."""
        found = []
        for number in self.runner.in_flight:
            action = self.runner.action(number)
            if action is None or action.task == "stonith":
                continue
            if action.node_id == node_id or (name and action.router_node == name):
                found.append(number)
        return tuple(found)

    def takes_down(self, node_id: str) -> Action | None:
        """The action in flight (or done) after which a node is expected to be down."""
        for action in self._takes_down:
            if self._began(action) and (node_id in action.downed or (
                action.task in ("stonith", "do_shutdown") and action.node_id == node_id
            )):
                return action
        return None

    def cancels(self, node_id: str, key: str) -> Action | None:
        """What this graph has done so that a recurring operation ends."""
        action = self._cancels.get((node_id, key))
        return action if action is not None and self._began(action) else None

    def deletes(self, node_id: str, resource: str) -> bool:
        """Whether this graph has a resource forgotten on a node."""
        action = self._deletes.get((node_id, resource))
        return action is not None and self._began(action)

    def _began(self, action: Action) -> bool:
        return self.runner.action_state(action.id) in ("running", "done")

    def timers(self) -> tuple[Effect, ...]:
        """Cancels of all that still run: the walk is given up."""
        return tuple(CancelTimer(_timer(self.number, one)) for one in self.runner.in_flight)

    def _limit(self, node: str) -> int:
        limit = self._limits.get(node)
        if limit is None:
            limit = self._limits[node] = self._jobs_of(node)
        return limit

    def _full(self, lane: str) -> bool:
        """Whether the node may be given no more jobs of this kind."""
        node = lane.removesuffix(_PROBES)
        limit = self._limit(node) * (PROBES_AHEAD if node != lane else 1)
        return self._jobs[lane] >= limit

    def _allowed(self, action: Action) -> bool:
        """Nobody is let go before its probes are done: what one finds running (an earlier life of the node left it) is
        to be stopped first. Of moves a node has so many at once and no more."""
        if action.task == "do_shutdown":
            return not self._probes_of[action.node_id]
        if action.kind is not ActionKind.RESOURCE:
            return True
        limit = self.graph.migration_limit
        if limit >= 0 and action.task in _MOVES and self._moving[action.node] >= limit:
            return False
        return not self._full(_lane(action))

    def _count(self, action: Action, step: int) -> None:
        if action.kind is ActionKind.RESOURCE:
            self._jobs[_lane(action)] += step
            if action.task in _MOVES:
                self._moving[action.node] += step


def together(effects: Iterable[Effect], at_once: Callable[[str], int], *, again: bool = False) -> list[Effect]:
    """All operations that one node is sent become one message, in the place of the first."""
    found: list[Effect] = []
    operations: dict[str, list[bytes]] = {}
    places: dict[str, int] = {}
    for effect in effects:
        if isinstance(effect, Send) and effect.topic == "controller.operation":
            if effect.to not in places:
                places[effect.to] = len(found)
                found.append(effect)
            operations.setdefault(effect.to, []).append(effect.payload)
        else:
            found.append(effect)
    for to, place in places.items():
        orders = Orders(tuple(operations[to]), at_once(to), again)
        found[place] = Send(to, "controller.operations", msgspec.msgpack.encode(orders))
    return found


def _is_probe(action: Action) -> bool:
    return action.task == "monitor" and action.interval_ms == 0


def _lane(action: Action) -> str:
    """Whose hands an action needs. Remote nodes and guests are given no probes ahead: who is connected to them passes
    each on."""
    if action.kind is not ActionKind.RESOURCE:
        return ""
    own = not action.router_node or action.router_node == action.node
    return action.node + _PROBES if own and _is_probe(action) else action.node


def late(walk: Walk, action: Action) -> Log:
    """What is logged when an action's time is over."""
    return Log("error", f"nobody said what became of {action.key or action.task} on {action.node}", {
        "transition": walk.number, "action": action.id,
    })


def _room(action: Action) -> str:
    """Who hears of an operation where it is sent: the controller, or the room that is connected to the remote node."""
    return "remote" if action.router_node and action.router_node != action.node else "controller"


def _timer(transition: int, action: int) -> str:
    return f"action:{transition}:{action}"
