"""The controller's state machine: what is to be done next on the DC, and what each node does for it.

    view ─ integrate ─ ask the scheduler ─ walk the graph ─ idle
             ▲              ▲    ▲                │           │
             │              └────┼── aborted ─────┘           │
             └── view changes    └── CIB changes, time ───────┘

On the DC everything ends in `_next`: it looks at what is known and takes the one step that can be
taken. There is never more than one question at the scheduler and one walk, so nothing piles up
however fast the CIB changes.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from hashell import __version__
from hashell.cib.document import Cib
from hashell.errors import BadInput
from hashell.transition.graph import Action, ActionKind
from hashell.transition.runner import ActionState, Completion
from hashell.transition.xml import graph_from_xml
from hashell.values.booleans import parse_boolean
from hashell.values.intervals import interval_ms
from hashell.values.outcomes import ExecStatus, exec_status_text, ocf_text
from hashelld.controller import membership, requests, words
from hashelld.controller.changes import (
    EntryRemoved,
    Joined,
    Meaning,
    NodeForgotten,
    Reconsider,
    ResourceRemoved,
    Result,
    meanings,
)
from hashelld.controller.results import REASONS, Origin, Reading, fail_count, read
from hashelld.controller.transition import NODE_JOBS_MAX, ActionLate, ClusterStep, Walk, late
from hashelld.core.effects import (
    AskScheduler,
    CancelTimer,
    Effect,
    Log,
    Multicast,
    Reply,
    Send,
    StartTimer,
    Tell,
)
from hashelld.core.events import (
    ActionChanged,
    AttributeWanted,
    Author,
    Blocked,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    CibOperation,
    ClientAsked,
    Event,
    FencingDone,
    GraphReady,
    Happened,
    Leaving,
    Member,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    OperationDone,
    OperationWanted,
    ShutdownWanted,
    Started,
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
    """A timer ended; `what` is join, grace, retry, recheck, ask, escalation or wait:NUMBER."""

    what: str


class Controller:
    """One node's controller. `state` is one of Pacemaker's names, for people and for crm_mon."""

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
        self._notices: list[Event] = []
        self._failures = 0
        self._stale = 0
        self._pause_ms = self._fence_pause_ms = ASK_AGAIN_MS
        self._join_over = False
        self._grace_over = False
        self._retrying = False
        self._written: dict[str, str] = {}
        self._writes = 0
        self._leaving = ""
        self._waiters: dict[int, requests.Waiter] = {}
        self._wait_number = 0

    # --- helpers --------------------------------------------------------------------------------

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
        return [Tell(ChangeWanted(operations, author, request))]

    def _option_ms(self, name: str, default: int) -> int:
        return interval_ms(membership.option(self._cib, name), default)

    # --- events ---------------------------------------------------------------------------------

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        """One event; what all nodes are to be told of it goes out as one message."""
        effects = list(self._react(event, now_ms, wall_s))
        if self._notices:
            notices, self._notices = tuple(self._notices), []
            effects.append(Multicast("controller.transition", requests.encode_notices(notices)))
        return effects

    def _react(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case CibChanged():
                self._cib = event.after
                return [*self._tell_change(event), *self._cib_changed(event, now_ms, wall_s)]
            case MessageDirect():
                return self._message(event, now_ms, wall_s)
            case MessageOrdered():
                return self._ordered(event)
            case OperationDone():
                return self._operation_done(event)
            case ActionLate(transition, number):
                return self._late(transition, number, now_ms, wall_s)
            case GraphReady():
                return self._graph_ready(event, now_ms, wall_s)
            case FencingDone():
                return self._fencing_done(event, now_ms, wall_s)
            case MembersChanged(view):
                return self._members_changed(view, now_ms, wall_s)
            case ChangeAnswered():
                return self._change_answered(event, now_ms, wall_s)
            case TimeIsUp():
                return self._time_is_up(event.what, now_ms, wall_s)
            case ClientAsked():
                return self._client_asked(event, now_ms, wall_s)
            case ShutdownWanted(reason):
                return self._shutdown_wanted(reason, wall_s)
            case Blocked():
                # Nothing begins in a view that is ending; what runs goes on and is found in the CIB.
                if self._view is not None and self._walk is not None:
                    self._walk.abort("Membership changes")
                return []
            case Started():
                self._cib = event.cib
                self.state = "S_PENDING"
            case _:
                pass
        return []

    # --- views ----------------------------------------------------------------------------------

    def _members_changed(self, view: View, now_ms: int, wall_s: float) -> list[Effect]:
        was_dc, before = self.is_dc, self._view
        self._view = view
        me = self._me()
        assert me is not None, "a node is a member of its own view"
        restarted = [
            one for one in view.members if self._boots.get(one.name, one.boot) != one.boot
        ]
        self._boots.update((one.name, one.boot) for one in view.members)
        effects: list[Effect] = []
        if before is None or before.dc != view.dc:
            effects.append(Tell(Happened(
                "dc", "notice", f"{view.dc} coordinates the cluster now", (view.dc,)
            )))
        if not self.is_dc:
            self.state = "S_NOT_DC" if not self._leaving else "S_STOPPING"
            effects += self._give_up("another node coordinates") if was_dc else []
            # Questions of clients that went to the old DC are asked again of the new one.
            return effects + self._ask_waiters_again(now_ms, wall_s)
        if not was_dc:
            seed = f"{me.uuid}:{me.boot}:{view.number}".encode()
            self._uuid = str(uuid.UUID(bytes=hashlib.blake2b(seed, digest_size=16).digest()))
            if before is None or not before.members:
                effects.append(StartTimer(
                    "grace", self._option_ms("dc-deadtime", DC_DEADTIME_MS), TimeIsUp("grace")
                ))
        effects += self._integrate(view, restarted)
        gone = {*view.lost, *view.left}
        for node_id, name in membership.configured(self._cib).items():
            if self._walk is not None and (name in gone or self._member(name) is None):
                effects += self._node_gone(self._walk, node_id)
        self._join_over = False
        effects.append(StartTimer("join", JOIN_MS, TimeIsUp("join")))
        effects += self._abort("Peer joined" if view.joined else "Peer left")
        return effects + self._ask_waiters_again(now_ms, wall_s) + self._next(now_ms, wall_s)

    def _integrate(self, view: View, restarted: Iterable[Member] = ()) -> list[Effect]:
        """Bring the CIB to say what the view says."""
        operations = [
            CibOperation(
                "delete", path=f"/cib/status/node_state[@id='{one.id}']/transient_attributes"
            )
            for one in restarted
        ]
        return self._write((*operations, *self._unsaid(view)))

    def _unsaid(self, view: View) -> tuple[CibOperation, ...]:
        """What the CIB must be told before it agrees with the view; empty when it does."""
        me = self._me()
        assert me is not None, "only a member integrates"
        properties = {
            "have-watchdog": "false", "dc-version": f"{__version__}+hashell",
            "cluster-infrastructure": "hashell", "cluster-name": self._cluster,
        }
        operations = membership.present(self._cib, me, view.members, view.quorate, properties)
        here = {str(one.id) for one in view.members}
        states = membership.states(self._cib)
        gone = {
            node_id: state.get("uname", "") for node_id, state in states.items()
            if node_id not in here and state.get("remote_node") != "true"
        }
        polite = {
            node_id for node_id, name in gone.items()
            if name in view.left or states[node_id].get("expected") == "down"
        }
        return operations + membership.absent(self._cib, gone, polite)

    def _node_gone(self, walk: Walk, node_id: str) -> list[Effect]:
        effects: list[Effect] = []
        for number in walk.node_gone(node_id):
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
        effects += [CancelTimer(one) for one in ("join", "retry", "recheck", "ask", "grace")]
        return effects

    # --- the one next step on the DC ------------------------------------------------------------

    def _abort(self, reason: str, completion: Completion = Completion.RESTART) -> list[Effect]:
        """Something changed: what is decided is to be decided again."""
        if not self.is_dc:
            return []
        if completion is Completion.RESTART:
            self._need = self._need or reason
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
                effects += self._ask(wall_s)
            self.state = "S_POLICY_ENGINE"
            return effects
        if self._asked:
            self.state = "S_POLICY_ENGINE"
            return effects
        if self.state != "S_IDLE":
            self.state = "S_IDLE"
        return effects + self._tell_waiters()

    def _not_ready(self) -> tuple[str, ...]:
        """Whom (or what) to wait for before anything is decided."""
        assert self._view is not None, "asked of a DC"
        if "state" in self._written.values() or self._unsaid(self._view):
            # A decision on a CIB that still has a lost node online would be no decision.
            return ("the CIB",)
        waiting = membership.waiting_for(self._cib, self._view.members)
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

    def _ask(self, wall_s: float) -> list[Effect]:
        self._need = ""
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
            graph = graph_from_xml(event.graph_xml)
        except BadInput as error:
            return self._no_graph(error.message)
        self._stale, self._pause_ms, self._failures = 0, ASK_AGAIN_MS, 0
        limit = membership.option(self._cib, "node-action-limit")
        jobs = int(limit) if limit.isdigit() and int(limit) else NODE_JOBS_MAX
        walk = self._walk = Walk(graph, self._uuid, now_ms, jobs)
        self.transition = walk.number
        effects = self._recheck(event.recheck_at_s, wall_s)
        if self._need:
            walk.abort(self._need)
        if graph.synapses:
            effects += self._announce(TransitionStarted(
                walk.number, self._node, event.graph_xml, event.summary, event.input_name
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

    # --- walking --------------------------------------------------------------------------------

    def _advance(self, walk: Walk, now_ms: int, wall_s: float) -> list[Effect]:
        effects: list[Effect] = []
        for step in walk.advance():
            if isinstance(step, Action):
                if step.kind is not ActionKind.PSEUDO:
                    effects += self._announce(ActionChanged(walk.number, step.id, "running"))
            elif isinstance(step, ClusterStep):
                effects += self._cluster_step(walk, step.action)
            else:
                effects.append(step)
        return effects

    def _cluster_step(self, walk: Walk, action: Action) -> list[Effect]:
        """Actions that change the CIB or a node's life, not a resource."""
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
                if self._member(action.node) is None:
                    effects += self._write((
                        requests.forget_history(action.node_id, action.primitive.id),
                    ))
                    effects += self._confirm(walk, action.id)
                else:
                    effects.append(Send(action.node, "controller.operation", requests.operation(
                        action.primitive, "delete", action.node, walk.key(action)
                    )))
            case _:
                effects.append(Log("warning", f"nothing is done for {action.task}"))
                effects += self._confirm(walk, action.id)
        return effects

    def _confirm(self, walk: Walk, number: int, *, failed: bool = False, rc: int = 0) -> list[Effect]:
        effects = list(walk.confirm(number, failed=failed))
        if not effects:
            return []
        state = "failed" if failed else "done"
        return effects + self._announce(ActionChanged(walk.number, number, state, rc))

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
        for action in walk.graph.actions:
            if runner.action_state(action.id) is ActionState.SKIPPED:
                effects += self._announce(ActionChanged(walk.number, action.id, "skipped"))
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
        if walk is None or walk.number != transition or number not in walk.runner.in_flight:
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

    # --- what the CIB tells ---------------------------------------------------------------------

    @staticmethod
    def _tell_change(event: CibChanged) -> list[Effect]:
        """Every node notes by itself what people changed; what components write is no news."""
        if not event.configuration_changed or event.author.user in ("", "hashelld"):
            return []
        text = words.change(event.author, str(event.after.version))
        return [Tell(Happened("config", "info", text, (event.author.node,)))]

    def _cib_changed(self, event: CibChanged, now_ms: int, wall_s: float) -> list[Effect]:
        if not self.is_dc or self._view is None:
            return []
        if not event.patch:
            effects = self._integrate(self._view) + self._abort("CIB replaced")
            return effects + self._next(now_ms, wall_s)
        effects = []
        seen: set[tuple[str, str, str]] = set()
        for meaning in meanings(event.patch):
            if isinstance(meaning, Result):
                entry = meaning.entry
                mark = (
                    meaning.node_id, entry.get("transition-magic", ""), entry.get("call-id", "")
                )
                # A failure stands in two entries, and counts once.
                if mark in seen:
                    continue
                seen.add(mark)
                effects += self._result(meaning, wall_s)
            else:
                effects += self._meaning(meaning)
        return effects + self._next(now_ms, wall_s)

    def _meaning(self, meaning: Meaning) -> list[Effect]:
        walk = self._walk
        match meaning:
            case Reconsider(reason):
                return self._abort(reason)
            case Joined():
                # Membership itself is the view's business; what counts is that all have come.
                return []
            case NodeForgotten(node_id, reason):
                if walk is not None and walk.takes_down(node_id) is not None:
                    return []
                return self._abort(reason)
            case EntryRemoved(node_id, entry):
                if walk is not None and (action := walk.operation(node_id, "cancel", entry)):
                    return self._confirm(walk, action.id)
                if entry.endswith(("_last_0", "_last_failure_0")) and walk is not None:
                    resource = entry.removesuffix("_last_0").removesuffix("_last_failure_0")
                    if walk.deletes(node_id, resource):
                        return []
                return self._abort("Resource operation removal")
            case ResourceRemoved(node_id, resource):
                if walk is not None and walk.deletes(node_id, resource):
                    return []
                return self._abort("Resource history removal")
            case _:
                return []

    def _result(self, result: Result, wall_s: float) -> list[Effect]:
        walk = self._walk
        running = walk is not None and not walk.runner.complete
        number = walk.number if walk is not None else self.transition
        reading = read(result.entry, self._uuid, number, running)
        if reading is None:
            return []
        if result.refresh:
            return self._abort("History refresh")
        effects: list[Effect] = []
        counted = True
        if reading.origin is Origin.OURS and walk is not None:
            action = walk.runner.action(reading.key.action)
            if action is None:
                effects += self._abort("Unknown event")
            elif walk.runner.action_state(action.id) in (ActionState.DONE, ActionState.FAILED):
                return []
            else:
                ignored = action.attributes.get("CRM_meta_on_fail") == "ignore"
                failed = reading.failed and not ignored
                counted = not ignored
                effects += self._confirm(walk, action.id, failed=failed, rc=reading.rc)
                if failed:
                    self._need = self._need or "Event failed"
                    walk.abort("Event failed", walk.priority(action.id) + 1)
        else:
            if reading.status == ExecStatus.CANCELLED:
                return []
            effects += self._abort(REASONS[reading.origin])
        if reading.status != ExecStatus.INVALID:
            effects += self._count_failure(result, reading, counted, wall_s)
        return effects

    def _count_failure(
        self, result: Result, reading: Reading, counted: bool, wall_s: float
    ) -> list[Effect]:
        graph = self._walk.graph if self._walk is not None else None
        count = fail_count(
            reading,
            "INFINITY" if graph is None else graph.failed_start_offset,
            "INFINITY" if graph is None else graph.failed_stop_offset,
        )
        node = self._node_name(result.node_id)
        if count is None or not node:
            return []
        reason = result.entry.get("exit-reason", "")
        status = ExecStatus(reading.status) if reading.status in list(ExecStatus) else ExecStatus.DONE
        what = ocf_text(reading.rc) if status is ExecStatus.DONE else exec_status_text(status)
        effects = self._announce(Happened(
            "operation", "error",
            f"{reading.task} of {reading.resource} on {node} failed: {what}"
            + (f" ({reason})" if reason else ""),
            (reading.resource, node),
        ))
        if counted:
            effects.append(Tell(AttributeWanted(node, count.name, count.value)))
        effects.append(Tell(AttributeWanted(node, count.last_name, str(int(wall_s)))))
        return effects

    def _operation_done(self, event: OperationDone) -> list[Effect]:
        """On the node that did it: results that stand in no history go straight to the DC."""
        directly = event.task in SENT_DIRECTLY or event.reason == "postponed"
        cancelled = event.status == ExecStatus.CANCELLED
        if self._view is None or not event.transition_key or not (directly or cancelled):
            return []
        payload = msgspec.msgpack.encode((
            event.transition_key, event.resource, event.task, event.interval_ms, event.rc,
            event.status,
        ))
        return [Send(self._view.dc, "controller.result", payload)]

    def _direct_result(self, payload: bytes, now_ms: int, wall_s: float) -> list[Effect]:
        try:
            key, resource, task, interval, rc, status = msgspec.msgpack.decode(
                payload, type=tuple[str, str, str, int, int, int]
            )
        except msgspec.DecodeError:
            return [Log("error", "a result that cannot be read")]
        walk = self._walk
        entry = {
            "transition-key": key, "operation": task, "op-status": str(status),
            "operation_key": f"{resource}_{task}_{interval}", "rc-code": str(rc),
        }
        reading = read(entry, self._uuid, walk.number if walk else -2, walk is not None)
        if walk is None or reading is None or reading.origin is not Origin.OURS:
            return []
        # Who was told of something need not agree: a failed notification changes nothing.
        failed = reading.failed and task != "notify"
        effects = self._confirm(walk, reading.key.action, failed=failed, rc=rc)
        if failed:
            effects += self._abort("Event failed")
        return effects + self._next(now_ms, wall_s)

    # --- fencing --------------------------------------------------------------------------------

    def _fencing_done(self, event: FencingDone, now_ms: int, wall_s: float) -> list[Effect]:
        if not self.is_dc:
            return []
        walk = self._walk
        action = walk.fencing_action(event.request) if walk is not None else None
        effects: list[Effect] = []
        if event.error:
            if walk is not None and action is not None:
                effects += self._confirm(walk, action.id, failed=True)
                effects += self._abort("Stonith failed")
                # A device that cannot do it now is asked again, and not in a tight loop.
                self._need, self._asked = "Stonith failed", self._asked or -1
                pause = self._fence_pause_ms
                self._fence_pause_ms = min(2 * pause, ASK_AGAIN_MAX_MS)
                effects.append(StartTimer("ask", pause, TimeIsUp("ask")))
            return effects + self._next(now_ms, wall_s)
        self._fence_pause_ms = ASK_AGAIN_MS
        node_id = next(
            (i for i, name in membership.configured(self._cib).items() if name == event.target),
            action.node_id if action is not None else "",
        )
        if event.action != "on" and node_id:
            purpose = f"fenced:{action.id}:{walk.number}" if walk and action else "state"
            effects += self._write(membership.fenced(node_id, event.target), purpose)
            if action is None:
                effects += self._abort("External fencing operation")
        elif walk is not None and action is not None:
            effects += self._confirm(walk, action.id)
        return effects + self._next(now_ms, wall_s)

    # --- answers and time -----------------------------------------------------------------------

    def _change_answered(self, event: ChangeAnswered, now_ms: int, wall_s: float) -> list[Effect]:
        purpose = self._written.pop(event.request, "")
        if not purpose:
            return []
        if purpose.startswith("client:"):
            return requests.changed(int(purpose.split(":")[1]), event)
        if not self.is_dc:
            return []
        if event.error_id:
            # What it should say is computed afresh from the CIB, so nothing is kept to be repeated;
            # a fenced node's state is the exception, and its action fails and is decided again.
            effects = self._retry_later()
            if purpose.startswith("fenced:"):
                effects += self._fenced_written(purpose, failed=True)
            return effects + self._next(now_ms, wall_s)
        effects = self._fenced_written(purpose) if purpose.startswith("fenced:") else []
        return effects + self._next(now_ms, wall_s)

    def _fenced_written(self, purpose: str, *, failed: bool = False) -> list[Effect]:
        _, action, transition = purpose.split(":")
        walk = self._walk
        if walk is None or walk.number != int(transition):
            return self._abort("Node fenced")
        effects = self._confirm(walk, int(action), failed=failed)
        return effects + (self._abort("Stonith not recorded") if failed else [])

    def _time_is_up(self, what: str, now_ms: int, wall_s: float) -> list[Effect]:
        match what:
            case "join":
                self._join_over = True
            case "grace":
                self._grace_over = True
            case "retry":
                self._retrying = False
                if self.is_dc and self._view is not None:
                    return self._integrate(self._view) + self._next(now_ms, wall_s)
            case "recheck":
                self._abort("Recheck interval is over")
            case "ask":
                if self._asked == -1:
                    self._asked = 0
            case "escalation":
                return [
                    Tell(Happened("member", "error", "leaving although not all is stopped here")),
                    Tell(Leaving(False, "the time for stopping is over")),
                ]
            case _ if what.startswith("wait:"):
                return self._waiter_late(int(what[5:]))
        return self._next(now_ms, wall_s)

    # --- messages -------------------------------------------------------------------------------

    def _message(self, event: MessageDirect, now_ms: int, wall_s: float) -> list[Effect]:
        view = self._view
        if view is None or not event.topic.startswith("controller."):
            return []
        if event.view != view.number:
            return [Log("info", f"{event.topic} of another view is dropped")]
        match event.topic:
            case "controller.operation":
                if event.origin == view.dc:
                    return [Tell(OperationWanted(event.payload, event.origin))]
            case "controller.shutdown":
                if event.origin == view.dc and self._leaving:
                    return [Tell(Leaving(True, "all is stopped here"))]
                if event.origin == view.dc:
                    return [Tell(Leaving(True, "the cluster asked this node to leave"))]
            case "controller.result":
                if self.is_dc:
                    return self._direct_result(event.payload, now_ms, wall_s)
            case "controller.stop":
                return [Tell(ShutdownWanted(f"asked for on {event.origin}"))]
            case "controller.wait":
                return self._peer_waits(event, now_ms, wall_s)
            case "controller.idle":
                return self._idle_told(event.payload)
            case "controller.do":
                return [Tell(OperationWanted(event.payload, view.dc))]
        return []

    def _announce(self, event: Event) -> list[Effect]:
        """Let every node show how the transition goes, or what happened to it."""
        self._notices.append(event)
        return []

    def _ordered(self, event: MessageOrdered) -> list[Effect]:
        if event.topic != "controller.transition":
            return []
        notices = requests.decode_notices(event.payload)
        for notice in notices:
            if not self.is_dc and isinstance(notice, TransitionStarted):
                self.transition = notice.number
        return [Tell(notice) for notice in notices]

    # --- leaving --------------------------------------------------------------------------------

    def _shutdown_wanted(self, reason: str, wall_s: float) -> list[Effect]:
        if self._view is None:
            return [Tell(Leaving(True, reason))]
        if self._leaving:
            return []
        self._leaving = "asked"
        if not self.is_dc:
            self.state = "S_STOPPING"
        return [
            Log("notice", f"leaving the cluster: {reason}"),
            Tell(AttributeWanted(self._node, "shutdown", str(int(wall_s)))),
            StartTimer(
                "escalation", self._option_ms("shutdown-escalation", ESCALATION_MS),
                TimeIsUp("escalation"),
            ),
        ]

    # --- clients --------------------------------------------------------------------------------

    def _client_asked(self, event: ClientAsked, now_ms: int, wall_s: float) -> list[Effect]:
        if not requests.is_ours(event.body):
            return []
        if self._view is None:
            return [Reply(event.client, requests.NOT_MEMBER)]
        found = requests.plan(event.body, self._cib, self._view, self._node)
        effects: list[Effect] = list(found.effects)
        if found.wait_ms:
            return effects + self._wait(event.client, found.wait_ms, now_ms, wall_s)
        if found.operations:
            effects += self._write(found.operations, f"client:{event.client}")
        elif found.reply is not None:
            effects.append(Reply(event.client, found.reply))
        return effects

    def _wait(self, client: int, timeout_ms: int, now_ms: int, wall_s: float) -> list[Effect]:
        self._wait_number += 1
        number = self._wait_number
        self._waiters[number] = requests.Waiter(client, "", self._cib.version)
        effects: list[Effect] = [
            StartTimer(f"wait:{number}", timeout_ms, TimeIsUp(f"wait:{number}"))
        ]
        return effects + self._ask_waiters_again(now_ms, wall_s)

    def _ask_waiters_again(self, now_ms: int, wall_s: float) -> list[Effect]:
        """Local waiters of a node that does not coordinate wait at the DC."""
        if self.is_dc:
            self._waiters = {n: one for n, one in self._waiters.items() if not one.peer}
            return self._next(now_ms, wall_s)
        assert self._view is not None, "waiters come with a view"
        return [
            Send(self._view.dc, "controller.wait", msgspec.msgpack.encode(
                (number, str(one.version))
            ))
            for number, one in self._waiters.items() if not one.peer
        ]

    def _peer_waits(self, event: MessageDirect, now_ms: int, wall_s: float) -> list[Effect]:
        try:
            number, version = msgspec.msgpack.decode(event.payload, type=tuple[int, str])
        except msgspec.DecodeError:
            return []
        self._wait_number += 1
        if len(self._waiters) < requests.WAITERS_MAX:
            self._waiters[self._wait_number] = requests.Waiter(
                number, event.origin, requests.parse_version(version)
            )
        return self._next(now_ms, wall_s)

    def _tell_waiters(self) -> list[Effect]:
        effects: list[Effect] = []
        for number, one in list(self._waiters.items()):
            if one.version > self._cib.version:
                continue
            del self._waiters[number]
            if one.peer:
                effects.append(
                    Send(one.peer, "controller.idle", msgspec.msgpack.encode(one.client))
                )
            else:
                effects += [CancelTimer(f"wait:{number}"), Reply(one.client, requests.IDLE)]
        return effects

    def _idle_told(self, payload: bytes) -> list[Effect]:
        try:
            number = msgspec.msgpack.decode(payload, type=int)
        except msgspec.DecodeError:
            return []
        one = self._waiters.pop(number, None)
        if one is None or one.peer:
            return []
        return [CancelTimer(f"wait:{number}"), Reply(one.client, requests.IDLE)]

    def _waiter_late(self, number: int) -> list[Effect]:
        one = self._waiters.pop(number, None)
        return [] if one is None or one.peer else [Reply(one.client, requests.TIMED_OUT)]
