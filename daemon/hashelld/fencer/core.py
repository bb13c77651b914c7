"""The fencer's state machine: who asks, who hears, what is kept. Leading a fencing is in leader.py, agents in hands.py.

    FencingWanted, Fence ─ nobody leads the same? ─ yes → Task (leader.py) → "fencer.done" ─┐
                               └─ no: wait for what comes of that one ◀─────────────────────┴→ history, on disk too
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from hashell.agents import find
from hashell.agents.call import Place
from hashell.values.agent_names import AgentName
from hashell.wire.messages import Done, Failure, Fence, FenceDevices, FencingDevice, FencingDevices, ForgetFencing
from hashelld.core.effects import (
    AgentEnded,
    Effect,
    Log,
    Multicast,
    Reply,
    StartTimer,
    Stored,
    StoreValue,
    Tell,
)
from hashelld.core.events import (
    CibChanged,
    ClientAsked,
    Event,
    FencingDone,
    FencingWanted,
    Happened,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    SelfFenceWanted,
    Started,
    View,
    WatchdogReady,
)
from hashelld.fencer import history, watchdog
from hashelld.fencer.devices import WATCHDOG, devices, executors, running_on
from hashelld.fencer.hands import Hands
from hashelld.fencer.history import Row
from hashelld.fencer.leader import TASKS_MAX, Leader
from hashelld.fencer.messages import Began, Begin, Guarded, Ran, Run, SelfFenced, StepLate, TaskLate
from hashelld.fencer.tasks import TIMEOUT_MAX_MS, Task

if TYPE_CHECKING:
    from hashelld.settings import Settings

ACTIONS = frozenset({"off", "reboot", "on"})
#: Under which names the storage keeps what outlives the daemon.
HISTORY, GUARDS = "fencing", "watchdogs"


class Fencer(Leader):
    """Fencing on one node: leads what it is asked for, runs agents for others. `kept`: what an earlier life stored."""

    name = "fencer"

    def __init__(
        self, settings: Settings, resolve: Callable[[AgentName], str] = find.resolve,
        kept: Mapping[str, bytes] | None = None,
    ) -> None:
        self.place = Place(
            settings.node, settings.cluster, str(settings.state_dir), str(settings.run_dir),
            ocf_root=find.ocf_root(),
        )
        super().__init__(settings.node, Hands(self.place, resolve))
        kept = kept or {}
        # What was under way when this node went down is settled when it knows who is here.
        self.rows: tuple[Row, ...] = history.decode(kept.get(HISTORY, b""))
        self._guards.update(_read_guards(kept.get(GUARDS, b"")))
        self._following: dict[str, list[Task]] = {}
        self._guarded_ms = 0
        self._write_failed = False

    # --- events ---------------------------------------------------------------------------------

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case FencingWanted():
                return self._wanted(event, wall_s)
            case AgentEnded():
                return self.hands.ended(event, self._devices, now_ms)
            case MessageDirect():
                return self._message(event, now_ms, wall_s)
            case MessageOrdered():
                return self._ordered(event)
            case StepLate(name, attempt) | Begin(name, attempt) | SelfFenced(name, attempt):
                return self._step_timer(event, name, attempt, wall_s)
            case TaskLate(name):
                return self._task_late(name, wall_s)
            case MembersChanged(view):
                return self._members(view, wall_s)
            case CibChanged():
                self._cib = event.after
                if event.configuration_changed or not event.patch:
                    return self._read()
            case ClientAsked(client, user, body):
                return self._client(client, user, body, wall_s)
            case WatchdogReady(timeout_ms):
                self._guarded_ms = timeout_ms
                return self._tell_guard() if self._view is not None else []
            case Stored(_, error):
                return self._stored(error)
            case Started():
                self._cib = event.cib
                return self._read()
            case _:
                pass
        return []

    def _read(self) -> list[Effect]:
        self._devices = devices(self._cib)
        return self.hands.learn({name: one for name, one in self._devices.items() if name != WATCHDOG})

    def _step_timer(self, event: Event, name: str, attempt: int, wall_s: float) -> list[Effect]:
        task = self._tasks.get(name)
        if task is None or task.attempt != attempt:
            return []
        match event:
            case Begin():
                return self._send(task)
            case SelfFenced():
                return self._self_fenced(task, wall_s)
        return self._failed(task, f"{task.asked} did not answer", wall_s)

    def _task_late(self, name: str, wall_s: float) -> list[Effect]:
        task = self._tasks.get(name)
        if task is not None:
            return self._finish(task, wall_s, f"no success in {task.timeout_ms} ms: {task.error}")
        # One that another node leads, and does not end: lead it ourselves.
        return self._lead_again(self._following.pop(name, []), wall_s)

    # --- members --------------------------------------------------------------------------------

    def _members(self, view: View, wall_s: float) -> list[Effect]:
        before, self._view = self._view, view
        lives = {one.name: one.boot for one in view.members}
        self._boot = lives.get(self._node, 0)
        self._lives.update(lives)
        self.hands.drop(view.names)
        self.rows = history.settle(self.rows, lives)
        effects: list[Effect] = []
        came_along = [one for one in view.names if before is not None and one in before.names]
        if view.joined or before is None:
            effects += self._tell_guard()
            if self.rows and (came_along or [self._node])[0] == self._node:
                # One of those who were together tells for all of them: their histories are the same.
                effects.append(Multicast("fencer.history", history.encode(self.rows)))
        for task in list(self._tasks.values()):
            if task.asked and task.asked not in view.names:
                effects += self._failed(task, f"{task.asked} was lost", wall_s)
            elif task.ends_itself:
                effects += self._still_ends(task, wall_s)
        under_way = {row.id for row in self.rows if row.state == "pending"}
        for name in [one for one in self._following if one not in under_way]:
            effects += self._lead_again(self._following.pop(name), wall_s)
        return effects

    def _tell_guard(self) -> list[Effect]:
        """Let all know whether this node's watchdog can be relied on; so they know it when it is gone."""
        return [Multicast("fencer.guarded", msgspec.msgpack.encode(Guarded(self._node, self._guarded_ms)))]

    # --- a fencing is wanted --------------------------------------------------------------------

    def _wanted(self, event: FencingWanted, wall_s: float) -> list[Effect]:
        for task in self._tasks.values():
            if task.target == event.target and history.serves(task.action, event.action, event.origin):
                task.requests.append(event.request)
                return []
        if len(self._tasks) >= TASKS_MAX or self._view is None:
            why = "this node is in no cluster" if self._view is None else "too many fencings at once"
            return [Tell(FencingDone(event.target, event.action, event.request, error=why))]
        task = self._begin(event.target, event.action, event.timeout_ms, event.delay_ms,
                           event.origin or "stonith_admin")
        task.requests.append(event.request)
        return self._lead_or_follow(task, wall_s)

    def _lead_or_follow(self, task: Task, wall_s: float) -> list[Effect]:
        """Two nodes that want the same at once would shoot twice, the second time at a node that is coming back."""
        same = history.pending(self.rows, task.target, task.action, task.client)
        if same is None or same.origin == self._node:
            return self._start(task, wall_s)
        del self._tasks[task.id]
        self._following.setdefault(same.id, []).append(task)
        return [StartTimer(f"task:{same.id}", TIMEOUT_MAX_MS // 12, TaskLate(same.id))]

    def _lead_again(self, found: list[Task], wall_s: float) -> list[Effect]:
        effects: list[Effect] = []
        for task in found:
            self._tasks[task.id] = task
            effects += self._start(task, wall_s)
        return effects

    # --- messages -------------------------------------------------------------------------------

    def _message(self, event: MessageDirect, now_ms: int, wall_s: float) -> list[Effect]:
        try:
            match event.topic:
                case "fencer.run":
                    run = msgspec.msgpack.decode(event.payload, type=Run)
                    return self.hands.run(run, event.origin, self._devices, now_ms)
                case "fencer.ran":
                    return self._ran(msgspec.msgpack.decode(event.payload, type=Ran), event.origin, wall_s)
                case "fencer.began":
                    return self._began(msgspec.msgpack.decode(event.payload, type=Began), event.origin)
                case "fencer.die":
                    return [Tell(SelfFenceWanted(f"{event.origin} fences this node by its watchdog"))]
        except msgspec.MsgspecError as error:
            return [Log("error", f"{event.topic} of {event.origin} cannot be read: {error}")]
        return []

    def _ordered(self, event: MessageOrdered) -> list[Effect]:
        try:
            match event.topic:
                case "fencer.started":
                    row = msgspec.msgpack.decode(event.payload, type=Row)
                    self.rows = history.add(self.rows, row)
                    text = f"{row.target} is to be fenced ({row.action})"
                    return [Tell(Happened(
                        "fencing", "warning", text, (row.target,), history.details(row)
                    ))]
                case "fencer.done":
                    row, requests = msgspec.msgpack.decode(
                        event.payload, type=tuple[Row, tuple[str, ...]]
                    )
                    return self._told(row, requests, event.origin)
                case "fencer.history":
                    before = self.rows
                    self.rows = history.merge(self.rows, history.decode(event.payload))
                    return self._keep() if self.rows != before else []
                case "fencer.forget":
                    self.rows = history.forget(self.rows, msgspec.msgpack.decode(event.payload, type=str))
                    return self._keep()
                case "fencer.guarded":
                    guarded = msgspec.msgpack.decode(event.payload, type=Guarded)
                    return self._guard(guarded, event.origin)
        except msgspec.MsgspecError as error:
            return [Log("error", f"{event.topic} of {event.origin} cannot be read: {error}")]
        return []

    def _told(self, row: Row, requests: tuple[str, ...], origin: str) -> list[Effect]:
        self.rows = history.add(self.rows, row)
        text = f"{row.target} is fenced ({row.action}) by {row.device} on {row.executor}"
        if row.error:
            text = f"{row.target} could not be fenced ({row.action}): {row.error}"
        effects: list[Effect] = [*self._keep(), Tell(Happened(
            "fencing", "error" if row.error else "notice", text, (row.target,), history.details(row)
        ))]
        followers = self._following.pop(row.id, [])
        # Requests mean something only on the node that made them; others hear of it without.
        mine = [*(requests if origin == self._node else ()), *(one for task in followers for one in task.requests)]
        for request in mine or [""]:
            effects.append(Tell(FencingDone(
                row.target, row.action, request, row.executor, row.device, row.error, row.when_s, row.life
            )))
        for task in followers:
            for client in task.clients:
                effects.append(Reply(client, Failure("fencing-failed", row.error, "see: fencing history")
                                     if row.error else Done(f"{row.target} is fenced ({row.action})")))
        return effects

    def _guard(self, guarded: Guarded, origin: str) -> list[Effect]:
        if guarded.node != origin or self._guards.get(origin, 0) == guarded.timeout_ms:
            return []
        self._guards[origin] = guarded.timeout_ms
        return [StoreValue(GUARDS, GUARDS, msgspec.msgpack.encode(self._guards))]

    # --- what is kept ---------------------------------------------------------------------------

    def _keep(self) -> list[Effect]:
        return [StoreValue(HISTORY, HISTORY, history.encode(self.rows))]

    def _stored(self, error: str) -> list[Effect]:
        was, self._write_failed = self._write_failed, bool(error)
        return [Log("error", f"the fencing history is not on disk: {error}")] if error and not was else []

    # --- clients --------------------------------------------------------------------------------

    def _client(self, client: int, user: str, body: object, wall_s: float) -> list[Effect]:
        if not isinstance(body, Fence | FenceDevices | ForgetFencing):
            return []
        if self._view is None:
            return [Reply(client, Failure("not-reachable", "this node is in no cluster yet", "", 102))]
        match body:
            case FenceDevices(node):
                return [Reply(client, self._list(node))]
            case ForgetFencing(node):
                return [
                    Multicast("fencer.forget", msgspec.msgpack.encode(node)),
                    Reply(client, Done("the fencing history is forgotten" + (f" for {node}" if node else ""))),
                ]
        assert isinstance(body, Fence), "the only kind that is left"
        return self._fence(client, user, body, wall_s)

    def _fence(self, client: int, user: str, body: Fence, wall_s: float) -> list[Effect]:
        assert self._view is not None, "asked of a member"
        known = {one.get("uname") for one in self._cib.root.iterfind("configuration/nodes/node")}
        known |= {one.get("uname") for one in self._cib.root.iterfind("status/node_state")}
        if body.node not in known | set(self._view.names):
            return [Reply(client, Failure(
                "not-found", f"no node is called {body.node!r}", "see: node list", 105
            ))]
        if body.action not in ACTIONS:
            return [Reply(client, Failure(
                "bad-usage", f"{body.action!r} is no fencing action", "use off, reboot or on", 2
            ))]
        task = self._begin(body.node, body.action, body.timeout_ms, 0, f"{user}@{self._node}")
        task.clients.append(client)
        if not body.confirm:
            return self._lead_or_follow(task, wall_s)
        if body.node in self._view.names:
            del self._tasks[task.id]
            return [Reply(client, Failure(
                "refused", f"{body.node} is a member of the cluster", "it is not down"
            ))]
        task.device, task.executor = "a person", self._node
        effects = self._finish(task, wall_s)
        # What a person vouches for need not be shot any more; by the time of the shot the node may be well again.
        for other in [one for one in self._tasks.values() if one.target == body.node and one.action != "on"]:
            other.device, other.executor = "a person", self._node
            effects += self._finish(other, wall_s)
        return effects

    def _list(self, node: str) -> FencingDevices:
        """All devices, or those that may fence a node, as far as the configuration and the agents' meta-data tell."""
        found = []
        for one in self._devices.values():
            ability = self.hands.ability(one)
            check = one.check(ability)
            if node and check == "static-list" and not one.lists(node):
                continue
            running = running_on(self._cib, one.id)
            names = () if self._view is None else self._view.names
            found.append(FencingDevice(
                one.id, str(one.agent), check, running,
                executors(one, "off", node, self._node, names, running, ability) if node else (),
                tuple(sorted(ability.actions)) if ability is not None else (), one.enabled,
            ))
        wait, why_not = self._self_fencing(node) if node else (0, "")
        return FencingDevices(
            tuple(found), wait, why_not if node and watchdog.relied_on(self._cib) else "",
        )


def _read_guards(data: bytes) -> dict[str, int]:
    """Empty for what cannot be read: then nobody's watchdog is relied on before it is told again."""
    if not data:
        return {}
    try:
        return msgspec.msgpack.decode(data, type=dict[str, int])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return {}
