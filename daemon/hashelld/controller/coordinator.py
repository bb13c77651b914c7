"""The DC's part of a controller: integrate members, ask the scheduler, walk its graph, be idle.

Everything ends in `_next`: it looks at what is known and takes the one step that can be taken.
There is never more than one question at the scheduler and one walk, so nothing piles up however
fast the CIB changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell import __version__
from hashell.cib.document import Cib
from hashell.errors import BadInput
from hashell.transition.graph import Action, ActionKind
from hashell.transition.packed import pack
from hashell.transition.runner import Completion
from hashell.transition.xml import graph_from_xml
from hashell.values.booleans import parse_boolean
from hashell.values.intervals import interval_ms
from hashelld.controller import membership, requests, throttle, words
from hashelld.controller.transition import ClusterStep, Walk, late, together
from hashelld.core.effects import (
    AskScheduler,
    CancelTimer,
    Effect,
    Log,
    Send,
    StartTimer,
    Tell,
)
from hashelld.core.events import (
    ActionsChanged,
    AttributeWanted,
    Author,
    ChangeWanted,
    CibOperation,
    Event,
    FencingDone,
    GraphReady,
    Happened,
    Leaving,
    Member,
    TransitionEnded,
    TransitionStarted,
    View,
)

if TYPE_CHECKING:
    from hashelld.settings import Settings

#: How long members may take to tell what runs on them, before the DC decides without them.
JOIN_MS = 5000
#: How soon to write again what the CIB refused.
RETRY_MS = 300
#: How long the scheduler may think.
SCHEDULER_MS = 120_000
#: Pause after a question that had no answer; doubled each time, up to the last.
ASK_AGAIN_MS, ASK_AGAIN_MAX_MS = 1000, 60_000
#: Why is decided again when nobody could be fenced.
FENCING_FAILED = "Stonith failed"
#: After a decision that nothing is to be done, changes of these kinds wait until so long after the question: who
#: writes without end what changes nothing for the resources must not keep every core busy with decisions.
DECIDE_AGAIN_MS = 100
PATIENT = frozenset({"Configuration change", "Transient attribute change"})
#: Questions in a row without an answer after which a DC that is told to leave just leaves.
FAILURES_MAX = 3
#: Answers in a row that may be thrown away because the CIB had changed meanwhile. Then the newest
#: is used: a cluster whose attributes change all the time must still get somewhere.
STALE_MAX = 5
#: Defaults of cluster options, as in Pacemaker.
RECHECK_MS, ESCALATION_MS, DC_DEADTIME_MS = 15 * 60_000, 20 * 60_000, 20_000
#: Results that nobody finds in the CIB: they are sent to the DC.
SENT_DIRECTLY = frozenset({"notify", "cancel", "delete", "lrm_delete"})



@dataclass(frozen=True, slots=True)
class TimeIsUp(Event):
    """A timer ended; `what` is join, grace, retry, recheck, ask, pause, advance, escalation or wait:NUMBER."""

    what: str


class Coordinator:
    """State and steps of the DC. On other nodes it rests: `is_dc` says which of both it is."""

    name = "controller"

    def __init__(self, settings: Settings) -> None:
        self.state = "S_STARTING"
        self.transition = 0
        self._node = settings.node
        self._cluster = settings.cluster
        self._cib: Cib = Cib.empty()
        self._view: View | None = None
        self._boots: dict[str, int] = {}
        self._uuid = ""
        self._walk: Walk | None = None
        self._number = 0
        self._need = ""
        self._asked = 0
        self._asks = 0
        self._asked_ms = 0
        self._nothing_to_do = False
        self._notices: list[Event] = []
        self._failures = 0
        self._stale = 0
        self._pause_ms = self._fence_pause_ms = ASK_AGAIN_MS
        self._join_over = False
        self._grace_over = False
        self._fenced: set[str] = set()
        #: Those that said goodbye and were in no view since: that this is written is not sure before they are back.
        self._left: frozenset[str] = frozenset()
        """Nodes that are known to be off and have not come back, though the view or the CIB may not say so yet."""
        self._retrying = False
        self._written: dict[str, str] = {}
        self._writes = 0
        self._leaving = ""
        self._waiters: dict[int, requests.Waiter] = {}
        self._wait_number = 0
        self._guarded = False
        self._loads: dict[str, throttle.Told] = {}
        #: The configuration for which this node's scheduler process is warm.
        self._tried = (-1, -1)

    @property
    def is_dc(self) -> bool:
        return self._view is not None and self._view.dc == self._node

    def _me(self) -> Member | None:
        return self._member(self._node)

    def _member(self, name: str) -> Member | None:
        if self._view is None:
            return None
        return next((one for one in self._view.members if one.name == name), None)

    def _node_name(self, node_id: str) -> str:
        if self._view is not None:
            for member in self._view.members:
                if str(member.id) == node_id:
                    return member.name
        state = membership.states(self._cib).get(node_id)
        return "" if state is None else state.get("uname", "")

    def _write(self, operations: tuple[CibOperation, ...], purpose: str = "state") -> list[Effect]:
        if not operations:
            return []
        self._writes += 1
        request = f"controller:{self._writes}"
        self._written[request] = purpose
        author = Author("hashelld", self._node, "controller")
        # What a DC says of others holds in its view: in a later one somebody else may coordinate, and know better.
        return [Tell(ChangeWanted(operations, author, request, in_this_view=not purpose.startswith("client:")))]

    def _announce(self, event: Event) -> list[Effect]:
        """Let every node show how the transition goes, or what happened to it."""
        self._notices.append(event)
        return []

    def _announce_action(self, walk: Walk, number: int, state: str, rc: int = 0) -> None:
        self._notices.append(ActionsChanged(walk.number, ((number, state, rc),)))

    def _option_ms(self, name: str, default: int) -> int:
        return interval_ms(membership.option(self._cib, name), default)

    # --- members --------------------------------------------------------------------------------------

    def _integrate(self, view: View, restarted: Iterable[Member] = ()) -> list[Effect]:
        """Bring the CIB to say what the view says."""
        operations = [
            CibOperation(
                "delete", path=f"/cib/status/node_state[@id='{one.id}']/transient_attributes"
            )
            for one in restarted
        ]
        return self._write((*operations, *self._unsaid(view)))

    def _living(self, view: View) -> tuple[Member, ...]:
        """Members but for those just fenced: the view has not noticed yet."""
        return tuple(one for one in view.members if one.name not in self._fenced)

    def _unsaid(self, view: View) -> tuple[CibOperation, ...]:
        """What the CIB must be told before it agrees with the view; empty when it does."""
        me = self._me()
        assert me is not None, "only a member integrates"
        properties = {
            "have-watchdog": "true" if self._guarded else "false", "dc-version": f"{__version__}+hashell",
            "cluster-infrastructure": "hashell", "cluster-name": self._cluster,
        }
        members = self._living(view)
        operations = membership.present(self._cib, me, members, view.quorate, properties)
        here = {str(one.id) for one in members}
        states = membership.states(self._cib)
        gone = {
            node_id: state.get("uname", "") for node_id, state in states.items()
            if node_id not in here and state.get("remote_node") != "true"
        }
        # What was written of a fencing is lost if the view ended with it; what is known is written again.
        for node_id in [one for one, name in gone.items() if name in self._fenced]:
            if not membership.is_down(states[node_id]):
                operations += membership.fenced(node_id, gone.pop(node_id))
        polite = {
            node_id for node_id, name in gone.items()
            if name in self._left or states[node_id].get("expected") == "down"
        }
        return operations + membership.absent(self._cib, gone, polite)

    def _node_gone(self, walk: Walk, node_id: str, name: str = "") -> list[Effect]:
        effects: list[Effect] = []
        for number in walk.node_gone(node_id, name):
            action = walk.runner.action(number)
            polite = action is not None and action.task == "do_shutdown"
            effects += self._confirm(walk, number, failed=not polite)
            if not polite:
                walk.abort("Node failure")
        return effects

    def _give_up(self, reason: str) -> list[Effect]:
        """This node coordinates no more: what it began is the next one's to look at."""
        effects: list[Effect] = []
        if self._walk is not None:
            effects += self._walk.timers()
            effects += self._announce(TransitionEnded(self._walk.number, "aborted", reason))
            self._walk = None
        self._need, self._asked, self._stale, self._retrying = "", 0, 0, False
        self._nothing_to_do = False
        effects += [CancelTimer(one) for one in ("join", "retry", "recheck", "ask", "pause", "advance")]
        return effects

    # --- the one next step ----------------------------------------------------------------------------

    def _abort(self, reason: str, completion: Completion = Completion.RESTART) -> list[Effect]:
        """Something changed: what is decided is to be decided again."""
        if not self.is_dc:
            return []
        if completion is Completion.RESTART:
            if self._need == FENCING_FAILED and reason != FENCING_FAILED and self._asked == -1:
                # Something new is not to wait until a device may work again: who came is not to be fenced any more, and
                # who lives is to be served.
                self._asked, self._need = 0, reason
            self._need = reason if self._need in PATIENT else self._need or reason
        if self._walk is not None:
            self._walk.abort(reason, completion=completion)
        return []

    def _next(self, now_ms: int, wall_s: float) -> list[Effect]:
        if not self.is_dc or self._view is None:
            return []
        effects: list[Effect] = []
        if self._walk is not None:
            effects += self._advance(self._walk, now_ms, wall_s)
            if not self._walk.runner.complete:
                self.state = "S_TRANSITION_ENGINE"
                return effects
            effects += self._end_walk(self._walk, now_ms)
        if self._leaving == "now":
            self.state = "S_STOPPING"
            return [*effects, Tell(Leaving(True, "all is stopped here"))]
        if self._need:
            if self._not_ready():
                self.state = "S_INTEGRATION"
                return effects + self._retry_later()
            if not self._asked:
                effects += self._pause(now_ms) or self._ask(now_ms, wall_s)
            self.state = "S_POLICY_ENGINE"
            return effects
        if self._asked:
            self.state = "S_POLICY_ENGINE"
            return effects
        if self.state != "S_IDLE":
            self.state = "S_IDLE"
        return effects + self._idle()

    def _not_ready(self) -> tuple[str, ...]:
        """Whom (or what) to wait for before anything is decided."""
        assert self._view is not None, "asked of a DC"
        if "state" in self._written.values() or self._unsaid(self._view):
            # A decision on a CIB that still has a lost node online would be no decision.
            return ("the CIB",)
        waiting = membership.waiting_for(
            self._cib, self._living(self._view), quorate=self._view.quorate
        )
        me = [name for name in waiting if name == self._node]
        if waiting and (me or not self._join_over):
            return waiting
        if not self._grace_over and self._view.quorate and self._fences():
            # Nodes of which nothing is known would be fenced: give them the time to come.
            return membership.unseen(self._cib)
        return ()

    def _retry_later(self) -> list[Effect]:
        """Write again, before long, what the CIB still lacks."""
        if self._retrying or "state" in self._written.values():
            return []
        self._retrying = True
        return [StartTimer("retry", RETRY_MS, TimeIsUp("retry"))]

    def _fences(self) -> bool:
        enabled = parse_boolean(membership.option(self._cib, "stonith-enabled", "true"))
        startup = parse_boolean(membership.option(self._cib, "startup-fencing", "true"))
        resources = self._cib.section("resources")
        devices = resources is not None and resources.find(".//primitive[@class='stonith']")
        return enabled is not False and startup is not False and devices is not None

    def _pause(self, now_ms: int) -> list[Effect]:
        """A timer to wait for before the next question, where it can wait."""
        left_ms = self._asked_ms + DECIDE_AGAIN_MS - now_ms
        if not self._nothing_to_do or self._need not in PATIENT or left_ms <= 0:
            return []
        return [StartTimer("pause", left_ms, TimeIsUp("pause"))]

    def _ask(self, now_ms: int, wall_s: float) -> list[Effect]:
        self._need = ""
        self._asked_ms = now_ms
        self._asks += 1
        self._asked = self._asks
        self._number += 1
        return [
            CancelTimer("ask"), CancelTimer("recheck"),
            AskScheduler(
                self._asked, self._number, self._cib.to_bytes(), wall_s, SCHEDULER_MS
            ),
        ]

    def _graph_ready(self, event: GraphReady, now_ms: int, wall_s: float) -> list[Effect]:
        if event.request != self._asked:
            return []
        self._asked = 0
        if event.error:
            return self._no_graph(event.error)
        if self._need and self._stale < STALE_MAX:
            self._stale += 1
            return self._next(now_ms, wall_s)
        try:
            graph = graph_from_xml(event.graph_xml) if event.graph is None else event.graph
        except BadInput as error:
            return self._no_graph(error.message)
        self._stale, self._pause_ms, self._failures = 0, ASK_AGAIN_MS, 0
        walk = self._walk = Walk(graph, self._uuid, now_ms, self._jobs_of)
        self.transition = walk.number
        self._nothing_to_do = not graph.synapses
        effects = self._recheck(event.recheck_at_s, wall_s)
        if self._need:
            walk.abort(self._need)
        if graph.synapses:
            effects += self._announce(TransitionStarted(
                walk.number, self._node, event.graph_packed or pack(event.graph_xml), event.summary, event.input_name
            ))
            effects += self._announce(Happened(
                "transition", "info", words.plan(graph), words.about(graph)
            ))
        return effects + self._next(now_ms, wall_s)

    def _no_graph(self, error: str) -> list[Effect]:
        pause, self._pause_ms = self._pause_ms, min(2 * self._pause_ms, ASK_AGAIN_MAX_MS)
        self._need = self._need or "Scheduler failed"
        self._failures += 1
        if self._leaving and self._failures >= FAILURES_MAX:
            # Nobody can tell what to stop, and a node that is told to go must go.
            return [
                Log("error", f"leaving without a decision: {error}"),
                Tell(Leaving(False, "no decision could be made")),
            ]
        # Until the timer ends, -1 keeps `_next` from asking again at once.
        self._asked = -1
        return [
            Log("error", f"no decision: {error}"),
            *self._announce(
                Happened("transition", "error", f"no decision could be made: {error}")
            ),
            StartTimer("ask", pause, TimeIsUp("ask")),
        ]

    def _recheck(self, at_s: int | None, wall_s: float) -> list[Effect]:
        delay = self._option_ms("cluster-recheck-interval", RECHECK_MS)
        if at_s is not None:
            until = max(1000, int((at_s - wall_s) * 1000) + 1000)
            delay = min(delay, until) if delay else until
        return [StartTimer("recheck", delay, TimeIsUp("recheck"))] if delay else []

    def _idle(self) -> list[Effect]:
        """Nothing is to be done: who waits for that is told."""
        return []

    # --- walking --------------------------------------------------------------------------------------

    def _advance(self, walk: Walk, now_ms: int, wall_s: float) -> list[Effect]:
        effects: list[Effect] = []
        names = () if self._view is None else self._view.names
        walk.runner.batch_limit = throttle.cluster_jobs(walk.graph.batch_limit, self._loads, names)
        for step in walk.advance():
            if isinstance(step, Action):
                if step.kind is not ActionKind.PSEUDO:
                    self._announce_action(walk, step.id, "running")
            elif isinstance(step, ClusterStep):
                effects += self._cluster_step(walk, step.action, wall_s)
            else:
                effects.append(step)
        if walk.more:
            effects.append(StartTimer("advance", 0, TimeIsUp("advance")))
        return together(effects, walk.at_once) + list(walk.withdraw())

    def _jobs_of(self, node: str) -> int:
        """How many actions a node may have at once now."""
        limit = throttle.jobs_max(membership.option(self._cib, "node-action-limit"))
        return throttle.node_jobs(self._loads.get(node), limit)

    def _cluster_step(self, walk: Walk, action: Action, wall_s: float) -> list[Effect]:
        """Actions that change the CIB or a node's life, not a resource."""
        if action.kind is ActionKind.PSEUDO:
            return self._write((
                *membership.maintenance(self._cib, action.maintenance),
                *(one for guest in action.downed for one in membership.fenced(
                    guest, guest, remote=True, when_s=int(wall_s)
                )),
            ))
        effects: list[Effect] = []
        match action.task:
            case "do_shutdown":
                effects += self._write((membership.expect_down(action.node_id, action.node),))
                if action.node == self._node:
                    # Not before everything else is done.
                    walk.abort("local shutdown", 0, Completion.SHUTDOWN)
                else:
                    effects.append(Send(action.node, "controller.shutdown", b""))
                effects += self._confirm(walk, action.id)
            case "clear_failcount":
                assert action.primitive is not None, "a fail count belongs to a resource"
                effects += self._write(requests.forget_failures(
                    self._cib, action.node_id, (action.primitive.id,)
                ))
                effects += self._confirm(walk, action.id)
            case "lrm_delete":
                assert action.primitive is not None, "a history belongs to a resource"
                through = action.router_node or action.node
                if self._member(through) is None:
                    effects += self._write((
                        requests.forget_history(action.node_id, action.primitive.id),
                    ))
                    effects += self._confirm(walk, action.id)
                else:
                    room = "controller" if through == action.node else "remote"
                    effects.append(Send(through, f"{room}.operation", requests.operation(
                        action.primitive, "delete", action.node, walk.key(action)
                    )))
            case _:
                effects.append(Log("warning", f"nothing is done for {action.task}"))
                effects += self._confirm(walk, action.id)
        return effects

    def _take_back(self, walk: Walk, number: int) -> list[Effect]:
        """A probe was withdrawn: it has not begun, and an aborted walk will not begin it again."""
        effects = list(walk.take_back(number))
        if effects:
            self._announce_action(walk, number, "skipped")
        return effects

    def _confirm(self, walk: Walk, number: int, *, failed: bool = False, rc: int = 0) -> list[Effect]:
        effects = list(walk.confirm(number, failed=failed))
        if not effects:
            return []
        self._announce_action(walk, number, "failed" if failed else "done", rc)
        return effects

    def _end_walk(self, walk: Walk, now_ms: int) -> list[Effect]:
        self._walk = None
        runner = walk.runner
        if runner.completion is Completion.SHUTDOWN and not self._need:
            self._leaving = "now"
        if not walk.graph.synapses:
            return []
        result = "aborted" if runner.aborted else "complete"
        if runner.counts.failed or (runner.counts.left and not runner.aborted):
            result = "failed"
        effects: list[Effect] = []
        for action in runner.not_begun():
            self._announce_action(walk, action.id, "skipped")
        took_ms = now_ms - walk.began_ms
        level = "warning" if result == "failed" else "info"
        text = words.end(walk.number, result, runner.abort_reason, took_ms)
        effects += self._announce(Happened("transition", level, text, words.about(walk.graph)))
        return effects + self._announce(TransitionEnded(
            walk.number, result, runner.abort_reason,
            idle=not self._need and not self._asked, duration_ms=took_ms,
        ))

    def _late(self, transition: int, number: int, now_ms: int, wall_s: float) -> list[Effect]:
        walk = self._walk
        if walk is None or walk.number != transition or not walk.runner.runs(number):
            return []
        action = walk.runner.action(number)
        assert action is not None, "what is in flight is in the graph"
        effects: list[Effect] = [late(walk, action)]
        effects += self._confirm(walk, number, failed=True)
        if action.kind is ActionKind.RESOURCE and action.task not in SENT_DIRECTLY:
            effects += self._write((
                requests.timed_out(action, walk.key(action), int(wall_s)),
            ))
        effects += self._abort("Action lost")
        return effects + self._next(now_ms, wall_s)

    # --- fencing --------------------------------------------------------------------------------------

    def _fencing_done(self, event: FencingDone, now_ms: int, wall_s: float) -> list[Effect]:
        later_life = 0 < event.life < self._boots.get(event.target, 0)
        takes_down = not event.error and event.action != "on"
        cluster_node = event.target in membership.configured(self._cib).values()
        if takes_down and cluster_node and not later_life and event.target != self._node:
            # On every node: the next view may have another DC.
            self._fenced.add(event.target)
        if not self.is_dc:
            return []
        walk = self._walk
        action = walk.fencing_action(event.request) if walk is not None else None
        effects: list[Effect] = []
        if event.error:
            if walk is not None and action is not None:
                effects += self._confirm(walk, action.id, failed=True)
                effects += self._abort(FENCING_FAILED)
                # A device that cannot do it now is asked again, and not in a tight loop. What fails in one transition
                # is waited for once.
                if self._asked != -1:
                    pause = self._fence_pause_ms
                    self._fence_pause_ms = min(2 * pause, ASK_AGAIN_MAX_MS)
                    effects.append(StartTimer("ask", pause, TimeIsUp("ask")))
                self._need, self._asked = FENCING_FAILED, self._asked or -1
            return effects + self._next(now_ms, wall_s)
        self._fence_pause_ms = ASK_AGAIN_MS
        if takes_down and later_life:
            # It has started again meanwhile. What runs there now was not ended by this: the CIB says what that is.
            effects += self._abort("Fenced node is back")
            if walk is not None and action is not None:
                effects += self._confirm(walk, action.id)
            return effects + self._next(now_ms, wall_s)
        remote = membership.remotes(self._cib).get(event.target, "")
        node_id = remote or next(
            (i for i, name in membership.configured(self._cib).items() if name == event.target),
            action.node_id if action is not None else "",
        )
        if event.action != "on" and node_id:
            purpose = f"fenced:{action.id}:{walk.number}" if walk and action else "state"
            effects += self._write(membership.fenced(
                node_id, event.target, remote=bool(remote), when_s=int(wall_s)
            ), purpose)
            if remote and walk is not None:
                effects += self._node_gone(walk, node_id)
            if action is None:
                effects += self._abort("External fencing operation")
        elif event.action == "on":
            effects += self._unfenced(event, action)
            if walk is not None and action is not None:
                effects += self._confirm(walk, action.id)
        elif walk is not None and action is not None:
            effects += self._confirm(walk, action.id)
        return effects + self._next(now_ms, wall_s)

    def _unfenced(self, event: FencingDone, action: Action | None) -> list[Effect]:
        """A node was turned on: it need not be again before its devices' parameters change. Before the action counts
        as done, or the next decision would want it again. Source: controld_fencing.c, tengine_stonith_callback()."""
        values = {"#node-unfenced": str(int(event.when_s))}
        if action is not None:
            for word in ("all", "secure"):
                digests = action.attributes.get(f"CRM_meta_digests_{word}", "")
                if digests:
                    values[f"#digests-{word}"] = digests
        return [Tell(AttributeWanted(event.target, name, value)) for name, value in values.items()]

    def _fenced_written(self, purpose: str, *, failed: bool = False) -> list[Effect]:
        _, action, transition = purpose.split(":")
        walk = self._walk
        if walk is None or walk.number != int(transition):
            return self._abort("Node fenced")
        effects = self._confirm(walk, int(action), failed=failed)
        return effects + (self._abort("Stonith not recorded") if failed else [])
