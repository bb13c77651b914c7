"""The fencer's state machine.

    FencingWanted → a Task: levels → steps (device, action) → a node that runs the agent → next step
                                        │ failed: again, another node, next level
    every outcome → ordered message "fencer.done" → FencingDone on every node

A node that was asked to run an agent answers with what came of it; a node that is lost, or says
nothing in time, counts as a failure and the next one is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from hashell.agents import find, stonith
from hashell.agents.call import Place, build_call, read_answer
from hashell.agents.metadata import BadMetadata, parse_metadata
from hashell.cib.document import Cib
from hashell.errors import NotFound
from hashell.values.agent_names import AgentName
from hashell.values.intervals import interval_ms
from hashell.wire.messages import Done, Failure, Fence
from hashelld.core.effects import (
    AgentEnded,
    CancelTimer,
    Effect,
    Log,
    Multicast,
    Reply,
    RunAgent,
    Send,
    StartTimer,
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
    Started,
    View,
)
from hashelld.fencer import history, topology
from hashelld.fencer.devices import TIMEOUT_MS, Device, devices, executors, running_on
from hashelld.fencer.history import Row

if TYPE_CHECKING:
    from hashelld.settings import Settings

#: Fencings led by this node at once, and a task's longest life whatever anybody asks.
TASKS_MAX = 64
TIMEOUT_MAX_MS = 3_600_000
#: How much longer than its agent a node may take to answer.
SLACK_MS = 2000
ACTIONS = frozenset({"off", "reboot", "on"})


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Node to node: run this device's agent."""

    task: str
    attempt: int
    device: str
    action: str
    target: str
    timeout_ms: int


class Ran(msgspec.Struct, frozen=True, array_like=True):
    """Node to node: what came of it. `listing` is what `list` printed."""

    task: str
    attempt: int
    error: str = ""
    listing: bytes = b""


@dataclass(frozen=True, slots=True)
class StepLate(Event):
    """Who was to run an agent said nothing."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class TaskLate(Event):
    """A fencing's whole time is over."""

    task: str


@dataclass(frozen=True, slots=True)
class Begin(Event):
    """The delay before a step is over."""

    task: str
    attempt: int


@dataclass(slots=True)
class _Task:
    id: str
    target: str
    action: str
    timeout_ms: int
    delay_ms: int
    client: str
    requests: list[str] = field(default_factory=list)
    clients: list[int] = field(default_factory=list)
    levels: list[tuple[str, ...]] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    """Devices whose hosts are to be asked for before they are used."""
    steps: list[tuple[str, str]] = field(default_factory=list)
    tries: int = 0
    tried: list[str] = field(default_factory=list)
    attempt: int = 0
    asked: str = ""
    asking_hosts: bool = False
    device: str = ""
    executor: str = ""
    off: bool = False
    """All of a level turned it off: turning it on again may fail, fenced it is."""
    error: str = "no device can fence it"


class Fencer:
    """Fencing on one node: leads what it is asked for, runs agents for others."""

    name = "fencer"

    def __init__(
        self, settings: Settings, resolve: Callable[[AgentName], str] = find.resolve
    ) -> None:
        self.place = Place(
            settings.node, settings.cluster, str(settings.state_dir), str(settings.run_dir),
            ocf_root=find.ocf_root(),
        )
        self.rows: tuple[Row, ...] = ()
        self._resolve = resolve
        self._node = settings.node
        self._cib = Cib.empty()
        self._devices: dict[str, Device] = {}
        self._view: View | None = None
        self._tasks: dict[str, _Task] = {}
        self._numbers = 0
        self._boot = 0
        self._runs: dict[str, tuple[str, Run]] = {}
        self._actions: dict[AgentName, frozenset[str]] = {}
        self._metadata: dict[str, AgentName] = {}

    # --- events ---------------------------------------------------------------------------------

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case FencingWanted():
                return self._wanted(event, now_ms, wall_s)
            case AgentEnded():
                return self._ended(event, wall_s)
            case MessageDirect():
                return self._message(event, wall_s)
            case MessageOrdered():
                return self._ordered(event)
            case StepLate(name, attempt):
                task = self._tasks.get(name)
                if task is not None and task.attempt == attempt:
                    return self._failed(task, f"{task.asked} did not answer", wall_s)
            case Begin(name, attempt):
                task = self._tasks.get(name)
                if task is not None and task.attempt == attempt:
                    return self._send(task)
            case TaskLate(name):
                task = self._tasks.get(name)
                if task is not None:
                    return self._finish(task, wall_s, f"no success in {task.timeout_ms} ms: {task.error}")
            case MembersChanged(view):
                return self._members(view, wall_s)
            case CibChanged():
                self._cib = event.after
                if event.configuration_changed or not event.patch:
                    return self._read()
            case ClientAsked(client, user, Fence() as body):
                return self._client(client, user, body, now_ms, wall_s)
            case Started():
                self._cib = event.cib
                return self._read()
            case _:
                pass
        return []

    def _read(self) -> list[Effect]:
        self._devices = devices(self._cib)
        effects: list[Effect] = []
        for device in self._devices.values():
            agent = device.agent
            if agent in self._actions or agent in self._metadata.values():
                continue
            try:
                call = build_call(
                    self.place, agent, self._resolve(agent), "metadata", device.id, {}, 10_000
                )
            except NotFound:
                continue
            token = f"meta:{agent}"
            self._metadata[token] = agent
            effects.append(RunAgent(
                token, call.program, call.arguments, call.environment, call.timeout_ms, call.stdin
            ))
        return effects

    def _members(self, view: View, wall_s: float) -> list[Effect]:
        before, self._view = self._view, view
        me = next((one for one in view.members if one.name == self._node), None)
        self._boot = me.boot if me is not None else 0
        effects: list[Effect] = []
        if view.joined and before is not None and self.rows:
            effects.append(Multicast("fencer.history", history.encode(self.rows)))
        for task in list(self._tasks.values()):
            if task.asked and task.asked not in view.names:
                effects += self._failed(task, f"{task.asked} was lost", wall_s)
        return effects

    # --- a fencing begins -----------------------------------------------------------------------

    def _wanted(self, event: FencingWanted, now_ms: int, wall_s: float) -> list[Effect]:
        for task in self._tasks.values():
            if task.target == event.target and task.action == event.action:
                task.requests.append(event.request)
                return []
        if len(self._tasks) >= TASKS_MAX:
            return [Tell(FencingDone(
                event.target, event.action, event.request, error="too many fencings at once"
            ))]
        task = self._begin(event.target, event.action, event.timeout_ms, event.delay_ms,
                           event.origin or "stonith_admin", now_ms)
        task.requests.append(event.request)
        return self._start(task, wall_s)

    def _begin(
        self, target: str, action: str, timeout_ms: int, delay_ms: int, client: str, now_ms: int
    ) -> _Task:
        self._numbers += 1
        name = f"{self._node}.{self._boot}.{self._numbers}"
        task = _Task(
            name, target, action, min(timeout_ms or TIMEOUT_MS, TIMEOUT_MAX_MS), delay_ms, client
        )
        self._tasks[name] = task
        return task

    def _start(self, task: _Task, wall_s: float) -> list[Effect]:
        configured = topology.levels(self._cib, task.target)
        if configured:
            task.levels = list(configured)
        else:
            # Without a topology each device is a level of its own: who has priority is tried first.
            fit = [
                one for one in self._devices.values()
                if one.enabled and (one.lists(task.target) or one.check != "static-list")
            ]
            fit.sort(key=lambda one: -one.priority)
            task.levels = [(one.id,) for one in fit]
            task.unsure = [
                one.id for one in fit
                if not one.lists(task.target) and self._check(one) in ("dynamic-list", "status")
            ]
        if task.action == "on":
            task.levels = [tuple(name for level in task.levels for name in level)]
        row = Row(
            task.id, task.target, task.action, self._node, task.client, "pending", when_s=wall_s
        )
        effects: list[Effect] = [
            Multicast("fencer.started", msgspec.msgpack.encode(row)),
            StartTimer(f"task:{task.id}", task.timeout_ms + task.delay_ms, TaskLate(task.id)),
        ]
        return effects + self._next_level(task, wall_s)

    def _check(self, device: Device) -> str:
        return stonith.host_check(device.parameters, self._actions.get(device.agent))

    # --- step by step ---------------------------------------------------------------------------

    def _next_level(self, task: _Task, wall_s: float) -> list[Effect]:
        while task.levels:
            level = [
                self._devices[name] for name in task.levels.pop(0)
                if name in self._devices and self._devices[name].enabled
            ]
            if not level:
                continue
            if len(level) == 1 and level[0].id in task.unsure:
                task.unsure.remove(level[0].id)
                task.asking_hosts = True
                word = "list" if self._check(level[0]) == "dynamic-list" else "status"
                task.steps = [(level[0].id, word)]
            else:
                task.asking_hosts = False
                task.steps = list(topology.steps(level, task.action, {
                    one.id: "reboot" in self._actions.get(one.agent, frozenset({"reboot"}))
                    for one in level
                }))
            task.tries, task.tried, task.off = 0, [], False
            return self._step(task, wall_s)
        return self._finish(task, wall_s, task.error)

    def _step(self, task: _Task, wall_s: float) -> list[Effect]:
        """Run the first step that is left, on the best node that was not tried for it."""
        assert self._view is not None, "fencing begins in a view"
        name, action = task.steps[0]
        device = self._devices.get(name)
        if device is None:
            return self._failed(task, f"device {name} is gone", wall_s)
        fit = executors(
            device, task.target, self._node, self._view.names, running_on(self._cib, name)
        )
        left = [one for one in fit if one not in task.tried]
        if not left:
            task.error = task.error if task.tried else f"no node may run {name}"
            return self._next_level(task, wall_s)
        task.asked = left[0]
        task.attempt += 1
        delay = 0
        if task.tries == 0 and not task.asking_hosts and action in ("off", "reboot"):
            delay = device.delay_ms(task.target, f"{self._node}:{task.id}:{wall_s}")
            delay += task.delay_ms
            task.delay_ms = 0
        if delay:
            return [StartTimer(f"step:{task.id}", delay, Begin(task.id, task.attempt))]
        return self._send(task)

    def _send(self, task: _Task) -> list[Effect]:
        name, action = task.steps[0]
        device = self._devices.get(name)
        default = interval_ms(self._option("stonith-timeout"), TIMEOUT_MS)
        timeout = device.timeout_ms(action, default) if device is not None else default
        run = Run(task.id, task.attempt, name, action, task.target, timeout)
        return [
            Send(task.asked, "fencer.run", msgspec.msgpack.encode(run)),
            StartTimer(
                f"step:{task.id}", timeout + SLACK_MS, StepLate(task.id, task.attempt)
            ),
        ]

    def _option(self, name: str) -> str | None:
        section = self._cib.section("crm_config")
        for pair in () if section is None else section.iterfind("cluster_property_set/nvpair"):
            if pair.get("name") in (name, name.replace("stonith-", "fencing-")):
                return pair.get("value")
        return None

    def _ran(self, ran: Ran, origin: str, wall_s: float) -> list[Effect]:
        task = self._tasks.get(ran.task)
        if task is None or task.attempt != ran.attempt or task.asked != origin:
            return []
        if ran.error:
            return self._failed(task, ran.error, wall_s)
        name, action = task.steps.pop(0)
        effects: list[Effect] = [CancelTimer(f"step:{task.id}")]
        task.device, task.executor, task.asked = name, origin, ""
        if task.asking_hosts:
            device = self._devices.get(name)
            hosts = stonith.parse_listing(ran.listing)
            can = device is not None and (action == "status" or device.port(task.target) in hosts)
            if can:
                task.levels.insert(0, (name,))
            return effects + self._next_level(task, wall_s)
        if task.steps:
            task.tries, task.tried = 0, []
            if action == "off" and task.steps[0][1] == "on":
                task.off = True
            return effects + self._step(task, wall_s)
        return effects + self._finish(task, wall_s)

    def _failed(self, task: _Task, error: str, wall_s: float) -> list[Effect]:
        effects: list[Effect] = [CancelTimer(f"step:{task.id}")]
        name, action = task.steps[0]
        if not task.asking_hosts:
            task.error = f"{name}: {error}"
        if task.off:
            # It is off, which is what counts; that it does not come back is for people.
            effects.append(Tell(Happened(
                "fencing", "warning", f"{task.target} is off and cannot be turned on: {error}",
                (task.target,),
            )))
            return effects + self._finish(task, wall_s)
        device = self._devices.get(name)
        task.tries += 1
        if device is None or task.tries >= device.retries(action):
            task.tried.append(task.asked)
            task.tries = 0
        return effects + self._step(task, wall_s)

    def _finish(self, task: _Task, wall_s: float, error: str = "") -> list[Effect]:
        del self._tasks[task.id]
        row = Row(
            task.id, task.target, task.action, self._node, task.client,
            "failed" if error else "done", "" if error else task.executor,
            "" if error else task.device, error, wall_s,
        )
        effects: list[Effect] = [
            CancelTimer(f"step:{task.id}"), CancelTimer(f"task:{task.id}"),
            Multicast("fencer.done", msgspec.msgpack.encode((row, tuple(task.requests)))),
        ]
        for client in task.clients:
            effects.append(Reply(client, Failure("fencing-failed", error, "see: fencing history")
                                 if error else Done(f"{task.target} is fenced ({task.action})")))
        return effects

    # --- running agents for whoever leads ----------------------------------------------------------

    def _message(self, event: MessageDirect, wall_s: float) -> list[Effect]:
        try:
            match event.topic:
                case "fencer.run":
                    run = msgspec.msgpack.decode(event.payload, type=Run)
                    return self._run(run, event.origin)
                case "fencer.ran":
                    ran = msgspec.msgpack.decode(event.payload, type=Ran)
                    return self._ran(ran, event.origin, wall_s)
        except msgspec.MsgspecError as error:
            return [Log("error", f"{event.topic} of {event.origin} cannot be read: {error}")]
        return []

    def _run(self, run: Run, leader: str) -> list[Effect]:
        device = self._devices.get(run.device)
        if device is None:
            return self._report(leader, Ran(run.task, run.attempt, f"no device {run.device} here"))
        try:
            call = build_call(
                self.place, device.agent, self._resolve(device.agent), run.action, run.device,
                device.parameters, min(run.timeout_ms, TIMEOUT_MAX_MS), target=run.target,
            )
        except NotFound as error:
            return self._report(leader, Ran(run.task, run.attempt, error.message))
        token = f"run:{run.task}:{run.attempt}"
        self._runs[token] = (leader, run)
        return [RunAgent(
            token, call.program, call.arguments, call.environment, call.timeout_ms, call.stdin
        )]

    @staticmethod
    def _report(leader: str, ran: Ran) -> list[Effect]:
        return [Send(leader, "fencer.ran", msgspec.msgpack.encode(ran))]

    def _ended(self, event: AgentEnded, wall_s: float) -> list[Effect]:
        agent = self._metadata.pop(event.token, None)
        if agent is not None:
            try:
                described = parse_metadata(event.stdout, f"the meta-data of {agent}")
            except BadMetadata as error:
                return [Log("warning", error.message)]
            self._actions[agent] = frozenset(one.name for one in described.actions)
            return []
        leader, run = self._runs.pop(event.token, ("", None))
        if run is None:
            return []
        device = self._devices.get(run.device)
        answer = read_answer(
            device.agent if device is not None else AgentName("stonith", "", run.device),
            run.action, exit_code=event.exit_code, stdout=event.stdout, stderr=event.stderr,
            timed_out=event.timed_out, timeout_ms=run.timeout_ms, missing=event.missing,
            error=event.error,
        )
        # `status` tells by 2 that the node is off: the device knows it all the same.
        fine = answer.rc == 0 or (run.action == "status" and event.exit_code == 2)
        listing = event.stdout[:256 * 1024] if run.action == "list" else b""
        return self._report(leader, Ran(
            run.task, run.attempt, "" if fine else answer.reason or "it failed", listing
        ))

    # --- what everybody hears -------------------------------------------------------------------

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
                    self.rows = history.merge(self.rows, history.decode(event.payload))
        except msgspec.MsgspecError as error:
            return [Log("error", f"{event.topic} of {event.origin} cannot be read: {error}")]
        return []

    def _told(self, row: Row, requests: tuple[str, ...], origin: str) -> list[Effect]:
        self.rows = history.add(self.rows, row)
        text = f"{row.target} is fenced ({row.action}) by {row.device} on {row.executor}"
        if row.error:
            text = f"{row.target} could not be fenced ({row.action}): {row.error}"
        effects: list[Effect] = [Tell(Happened(
            "fencing", "error" if row.error else "notice", text, (row.target,), history.details(row)
        ))]
        # Requests mean something only on the node that made them; others hear of it without.
        mine = requests if origin == self._node and requests else ("",)
        for request in mine:
            effects.append(Tell(FencingDone(
                row.target, row.action, request, row.executor, row.device, row.error, row.when_s
            )))
        return effects

    # --- clients --------------------------------------------------------------------------------

    def _client(
        self, client: int, user: str, body: Fence, now_ms: int, wall_s: float
    ) -> list[Effect]:
        if self._view is None:
            return [Reply(client, Failure("not-reachable", "this node is in no cluster yet", "", 102))]
        known = {one.get("uname") for one in self._cib.root.iterfind("configuration/nodes/node")}
        if body.node not in known | set(self._view.names):
            return [Reply(client, Failure(
                "not-found", f"no node is called {body.node!r}", "see: node list", 105
            ))]
        if body.action not in ACTIONS:
            return [Reply(client, Failure(
                "bad-usage", f"{body.action!r} is no fencing action", "use off, reboot or on", 2
            ))]
        task = self._begin(
            body.node, body.action, body.timeout_ms, 0, f"{user}@{self._node}", now_ms
        )
        task.clients.append(client)
        if body.confirm:
            if body.node in self._view.names:
                del self._tasks[task.id]
                return [Reply(client, Failure(
                    "refused", f"{body.node} is a member of the cluster", "it is not down"
                ))]
            task.device, task.executor = "a person", self._node
            return self._finish(task, wall_s)
        return self._start(task, wall_s)
