"""Transition: one graph on its way — which effects its actions are, and which results end them.

The runner (hashell.transition) decides what may start; here each action becomes an operation for a
node, a request for fencing, or a change of the CIB. Every action that waits for somebody has a
timer: a node that says nothing must not hold the cluster for ever.
Source: daemons/controld/controld_te_actions.c.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from hashell.transition.graph import Action, ActionKind, Graph
from hashell.transition.runner import Completion, Runner
from hashell.transition.xml import action_to_xml
from hashell.values.booleans import is_true
from hashell.values.keys import TransitionKey
from hashell.values.scores import INFINITY
from hashelld.controller.throttle import NODE_JOBS_MAX
from hashelld.core.effects import CancelTimer, Effect, Log, Send, StartTimer, Tell
from hashelld.core.events import Event, FencingWanted


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
            if not synapse.inputs and synapse.action.task == "monitor" and synapse.action.interval_ms == 0
        }
        self.runner = Runner(graph, allowed=self._allowed)
        self.graph = graph
        self.number = graph.transition_id
        self.began_ms = began_ms
        self._uuid = uuid
        self._jobs: dict[str, int] = {}
        self._jobs_of = jobs
        #: Nodes' limits as they were when the pass began: thousands of actions may wait for the same few nodes.
        self._limits: dict[str, int] = {}
        self._fencing: dict[str, int] = {}

    def key(self, action: Action) -> str:
        """The transition key that an operation of this walk carries."""
        text = action.attributes.get("CRM_meta_op_target_rc", "0")
        target = int(text) if text.isdigit() else 0
        return str(TransitionKey(action.id, self.number, target, self._uuid))

    def advance(self) -> Iterator[Effect | ClusterStep | Action]:
        """Start all that may start now. An `Action` among the yields says that this one began (or,
        when it is a pseudo event, is done): whoever shows the walk wants to know.
        """
        self._limits.clear()
        progress = True
        while progress:
            progress = False
            # One by one: what has begun counts before the next is asked whether it may.
            while (action := self.runner.next_action()) is not None:
                progress = True
                yield action
                yield from self._begin(action)

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
        elif action.id in self.runner.in_flight:
            patience = (action.timeout_ms or self.graph.cluster_delay_ms)
            if action.task in ("stonith", "fence"):
                patience = max(patience, self.graph.stonith_timeout_ms)
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
                    yield Send(to, f"{_room(action)}.again", self._ask(action))

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
        if action is None or action.id not in self.runner.in_flight:
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
        self._probes.pop(action_id, None)
        self._count(action, -1)
        return (CancelTimer(_timer(self.number, action_id)),)

    def priority(self, action_id: int) -> int:
        """Of the synapse that holds an action."""
        for synapse in self.graph.synapses:
            if synapse.action.id == action_id:
                return synapse.priority
        return 0

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
        for action in self.graph.actions:
            started = self.runner.action_state(action.id) in ("running", "done")
            if started and (node_id in action.downed or (
                action.task in ("stonith", "do_shutdown") and action.node_id == node_id
            )):
                return action
        return None

    def operation(self, node_id: str, task: str, key: str) -> Action | None:
        """An action of the graph by node, task and operation key (cancel, delete)."""
        for action in self.graph.actions:
            if (
                action.node_id == node_id and action.task == task and action.key == key
                and self.runner.action_state(action.id) in ("running", "done")
            ):
                return action
        return None

    def deletes(self, node_id: str, resource: str) -> bool:
        """Whether this graph has a resource forgotten on a node."""
        return any(
            action.node_id == node_id and action.task in ("delete", "lrm_delete")
            and action.primitive is not None and action.primitive.id == resource
            and self.runner.action_state(action.id) in ("running", "done")
            for action in self.graph.actions
        )

    def timers(self) -> tuple[Effect, ...]:
        """Cancels of all that still run: the walk is given up."""
        return tuple(CancelTimer(_timer(self.number, one)) for one in self.runner.in_flight)

    def _allowed(self, action: Action) -> bool:
        """Whether the node may be given one more job; cluster actions are not jobs. Nobody is let go before its probes
        are done: what one finds running (an earlier life of the node left it) is to be stopped first."""
        if action.task == "do_shutdown":
            return action.node_id not in self._probes.values()
        if action.kind is not ActionKind.RESOURCE:
            return True
        limit = self._limits.get(action.node)
        if limit is None:
            limit = self._limits[action.node] = self._jobs_of(action.node)
        if self._jobs.get(action.node, 0) >= limit:
            return False
        limit = self.graph.migration_limit
        if limit < 0 or action.task not in ("migrate_to", "migrate_from"):
            return True
        moving = sum(
            1 for one in self.runner.in_flight
            if (other := self.runner.action(one)) is not None and other.node == action.node
            and other.task in ("migrate_to", "migrate_from")
        )
        return moving < limit

    def _count(self, action: Action, step: int) -> None:
        if action.kind is ActionKind.RESOURCE:
            self._jobs[action.node] = max(0, self._jobs.get(action.node, 0) + step)


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
