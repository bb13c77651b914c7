"""The controller's state machine: what each node hears, and what the one that coordinates does then.

    view ─ integrate ─ ask the scheduler ─ walk the graph ─ idle
             ▲              ▲    ▲                │           │
             │              └────┼── aborted ─────┘           │
             └── view changes    └── CIB changes, time ───────┘

The steps of this circle stand in coordinator.py; here is who sets it going: views, changes of the
CIB, results, messages, time and clients.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable

import msgspec

from hashell.transition.runner import ActionState
from hashell.values.outcomes import ExecStatus, exec_status_text, ocf_text
from hashelld.controller import membership, requests, throttle, words
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
from hashelld.controller.coordinator import (
    DC_DEADTIME_MS,
    ESCALATION_MS,
    JOIN_MS,
    SENT_DIRECTLY,
    Coordinator,
    TimeIsUp,
)
from hashelld.controller.results import REASONS, Origin, Reading, fail_count, read
from hashelld.controller.transition import ActionLate, Orders, together
from hashelld.core.effects import (
    CancelTimer,
    Effect,
    Log,
    Multicast,
    ReadyScheduler,
    Reply,
    Send,
    StartTimer,
    Tell,
)
from hashelld.core.events import (
    AttributeWanted,
    Blocked,
    ChangeAnswered,
    CibChanged,
    ClientAsked,
    Event,
    FencingDone,
    FencingTakes,
    GraphReady,
    Happened,
    Leaving,
    LoadTold,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    OperationDone,
    OperationsWithdrawn,
    OperationWanted,
    ShutdownWanted,
    Started,
    TransitionEnded,
    TransitionStarted,
    View,
    WatchdogReady,
)

#: Members that have a scheduler's process ready: the DC, and who comes after it.
NEXT_DCS = 3
#: They try their hands at a cluster of at most so many resources (groups and clones count once) when its configuration
#: has changed and all is at rest: a first decision there takes ten times as long as the next.
TRY_MAX = 200


class Controller(Coordinator):
    """One node's controller. `state` is one of Pacemaker's names, for people and for crm_mon."""

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
                return [*self._ordered(event), *self._try_hand(event)]
            case OperationDone():
                return self._operation_done(event)
            case ActionLate(transition, number):
                return self._late(transition, number, now_ms, wall_s)
            case GraphReady():
                return self._graph_ready(event, now_ms, wall_s)
            case FencingTakes(request, timeout_ms):
                return list(self._walk.fencing_takes(request, timeout_ms)) if self._walk is not None else []
            case FencingDone():
                return self._fencing_done(event, now_ms, wall_s)
            case LoadTold():
                return self._load_told(event)
            case WatchdogReady(timeout_ms):
                self._guarded = timeout_ms > 0
                return self._next(now_ms, wall_s)
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

    # --- views ----------------------------------------------------------------------------------------

    def _members_changed(self, view: View, now_ms: int, wall_s: float) -> list[Effect]:
        was_dc, before = self.is_dc, self._view
        self._view = view
        me = self._me()
        assert me is not None, "a node is a member of its own view"
        restarted = [
            one for one in view.members if self._boots.get(one.name, one.boot) != one.boot
        ]
        # Who is in a new view is alive, whatever a fence agent said.
        self._fenced.difference_update(view.names)
        self._left = (self._left | frozenset(view.left)) - frozenset((*view.names, *view.lost))
        self._boots.update((one.name, one.boot) for one in view.members)
        effects: list[Effect] = list(self._loads_after(view))
        if before is None:
            # On every node: whoever coordinates when it ends must know that it has ended.
            effects.append(StartTimer(
                "grace", self._option_ms("dc-deadtime", DC_DEADTIME_MS), TimeIsUp("grace")
            ))
        if before is None or before.dc != view.dc:
            effects.append(Tell(Happened(
                "dc", "notice", f"{view.dc} coordinates the cluster now", (view.dc,)
            )))
        if self._leaving == "asked":
            # Those who had lost this node have taken its wish out of the CIB.
            effects += self._ask_to_leave(wall_s)
        if me in view.members[:NEXT_DCS]:
            effects.append(ReadyScheduler())
        if not self.is_dc:
            self.state = "S_NOT_DC" if not self._leaving else "S_STOPPING"
            effects += self._give_up("another node coordinates") if was_dc else []
            # Questions of clients that went to the old DC are asked again of the new one.
            return effects + self._ask_waiters_again(now_ms, wall_s)
        if not was_dc:
            seed = f"{me.uuid}:{me.boot}:{view.number}".encode()
            self._uuid = str(uuid.UUID(bytes=hashlib.blake2b(seed, digest_size=16).digest()))
        effects += self._integrate(view, restarted)
        gone = {*view.lost, *view.left}
        for node_id, name in membership.configured(self._cib).items():
            if self._walk is not None and (name in gone or self._member(name) is None):
                effects += self._node_gone(self._walk, node_id, name)
        if self._walk is not None:
            effects += together(self._walk.again(view.names), self._walk.at_once, again=True)
        self._join_over = False
        effects.append(StartTimer("join", JOIN_MS, TimeIsUp("join")))
        effects += self._abort("Peer joined" if view.joined else "Peer left")
        return effects + self._ask_waiters_again(now_ms, wall_s) + self._next(now_ms, wall_s)

    # --- what the CIB tells ---------------------------------------------------------------------------

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
            if isinstance(meaning, Joined):
                effects += self._remote_changed(event, meaning.node_id)
            elif isinstance(meaning, Result):
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

    def _remote_changed(self, event: CibChanged, node_id: str) -> list[Effect]:
        """Membership is the view's business, but for remote nodes: what they can run is to be decided when they come
        and go."""
        before, after = (membership.states(one).get(node_id) for one in (event.before, event.after))
        if after is None or after.get("remote_node") != "true":
            return []
        was, now = (None if one is None else one.get("in_ccm") for one in (before, after))
        if was == now:
            return []
        if now == "true":
            return self._abort("Pacemaker Remote node integrated")
        if self._walk is not None and self._walk.takes_down(node_id) is not None:
            return []
        return self._abort("Pacemaker Remote node lost")

    def _meaning(self, meaning: Meaning) -> list[Effect]:
        walk = self._walk
        match meaning:
            case Reconsider(reason):
                return self._abort(reason)
            case NodeForgotten(node_id, reason):
                if walk is not None and walk.takes_down(node_id) is not None:
                    return []
                return self._abort(reason)
            case EntryRemoved(node_id, entry):
                if walk is not None and (action := walk.cancels(node_id, entry)):
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
        directly = event.task in SENT_DIRECTLY or event.reason == "postponed" or event.unrecorded
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
        if walk.runner.aborted and status == ExecStatus.CANCELLED and task == "monitor" and interval == 0:
            return self._take_back(walk, reading.key.action) + self._next(now_ms, wall_s)
        # Who was told of something need not agree: a failed notification changes nothing.
        failed = reading.failed and task != "notify"
        effects = self._confirm(walk, reading.key.action, failed=failed, rc=rc)
        if failed:
            effects += self._abort("Event failed")
        return effects + self._next(now_ms, wall_s)

    # --- answers and time -----------------------------------------------------------------------------

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

    # --- messages -------------------------------------------------------------------------------------

    def _message(self, event: MessageDirect, now_ms: int, wall_s: float) -> list[Effect]:
        view = self._view
        if view is None or not event.topic.startswith("controller."):
            return []
        if event.view != view.number:
            return [Log("info", f"{event.topic} of another view is dropped")]
        match event.topic:
            case "controller.operations":
                return self._ordered_to_do(event) if event.origin == view.dc else []
            case "controller.withdraw":
                return [Tell(OperationsWithdrawn())] if event.origin == view.dc else []
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
            case "controller.remote_lost":
                if self.is_dc and self._walk is not None:
                    effects = self._node_gone(self._walk, event.payload.decode("utf-8", "replace"))
                    return effects + self._next(now_ms, wall_s)
            case "controller.idle":
                return self._idle_told(event.payload)
            case "controller.do":
                return [Tell(OperationWanted(event.payload, view.dc))]
        return []

    @staticmethod
    def _ordered_to_do(event: MessageDirect) -> list[Effect]:
        try:
            orders = msgspec.msgpack.decode(event.payload, type=Orders)
        except msgspec.MsgspecError as error:
            return [Log("error", f"operations that {event.origin} wants cannot be read: {error}")]
        return [
            Tell(OperationWanted(operation, event.origin, again=orders.again, at_once=orders.at_once))
            for operation in orders.operations
        ]

    def _load_told(self, event: LoadTold) -> list[Effect]:
        """Told to all, since anybody may coordinate tomorrow; only when it has changed."""
        target = throttle.target_of(membership.option(self._cib, "load-threshold"))
        mode = throttle.mode(event.load, event.cores, event.own, target)
        limit = throttle.jobs_max(membership.option(self._cib, "node-action-limit"))
        told = throttle.Told(int(mode), limit)
        if self._view is None or self._loads.get(self._node, throttle.Told(0, limit)) == told:
            return []
        return [
            Log("info", f"load {event.load:.1f} on {event.cores} cores: {mode.name.lower()}"),
            Multicast("controller.load", msgspec.msgpack.encode(told)),
        ]

    def _loads_after(self, view: View) -> Iterable[Effect]:
        """A node that comes may have been another before; and what we told it has not heard."""
        self._loads = {
            name: told for name, told in self._loads.items()
            if name == self._node or (name in view.names and name not in view.joined)
        }
        own = self._loads.get(self._node)
        if view.joined and own is not None:
            yield Multicast("controller.load", msgspec.msgpack.encode(own))

    def _take_load(self, event: MessageOrdered) -> list[Effect]:
        try:
            self._loads[event.origin] = msgspec.msgpack.decode(event.payload, type=throttle.Told)
        except msgspec.MsgspecError as error:
            return [Log("error", f"a load of {event.origin} cannot be read: {error}")]
        return []

    def _ordered(self, event: MessageOrdered) -> list[Effect]:
        if event.topic == "controller.load":
            return self._take_load(event)
        if event.topic != "controller.transition":
            return []
        notices = requests.decode_notices(event.payload)
        for notice in notices:
            if not self.is_dc and isinstance(notice, TransitionStarted):
                self.transition = notice.number
        return [Tell(notice) for notice in notices]

    def _try_hand(self, event: MessageOrdered) -> list[Effect]:
        """All is at rest: have the scheduler's process of who may have to decide next warm for this configuration."""
        if event.topic != "controller.transition" or self.is_dc or self._view is None:
            return []
        version, resources = self._cib.version, self._cib.section("resources")
        tried, epoch = self._tried, (version.admin_epoch, version.epoch)
        if tried == epoch or resources is None or not 0 < len(resources) <= TRY_MAX:
            return []
        if self._me() not in self._view.members[:NEXT_DCS] or not any(
            isinstance(notice, TransitionEnded) and notice.idle for notice in requests.decode_notices(event.payload)
        ):
            return []
        self._tried = epoch
        return [ReadyScheduler(self._cib.to_bytes())]

    # --- leaving --------------------------------------------------------------------------------------

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
            *self._ask_to_leave(wall_s),
            StartTimer(
                "escalation", self._option_ms("shutdown-escalation", ESCALATION_MS),
                TimeIsUp("escalation"),
            ),
        ]

    def _ask_to_leave(self, wall_s: float) -> list[Effect]:
        """By this the scheduler knows that everything here is to be stopped first."""
        return [Tell(AttributeWanted(self._node, "shutdown", str(int(wall_s))))]

    # --- clients --------------------------------------------------------------------------------------

    def _idle(self) -> list[Effect]:
        return self._tell_waiters()

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
