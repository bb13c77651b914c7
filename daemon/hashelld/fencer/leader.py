"""Leading a fencing: which device is next, who runs it, what counts as success.

    FencingWanted → Task: levels → steps (device, action) → a node that runs the agent → next step
                                        │ failed: again, another node, next level
    every outcome → ordered message "fencer.done" → FencingDone on every node

A node that was asked to run an agent answers with what came of it; a node that is lost, or says
nothing in time, counts as a failure and the next one is tried.
"""

from __future__ import annotations

import msgspec

from hashell.agents import stonith
from hashell.cib.document import Cib
from hashell.values.agent_names import AgentName
from hashell.values.intervals import interval_ms
from hashell.wire.messages import Done, Failure
from hashelld.core.effects import CancelTimer, Effect, Multicast, Reply, Send, StartTimer, Tell
from hashelld.core.events import FencingTakes, Happened, View
from hashelld.fencer import tasks, topology, watchdog
from hashelld.fencer.devices import TIMEOUT_MS, WATCHDOG, WATCHDOG_AGENT, Ability, Device, executors, running_on
from hashelld.fencer.hands import Hands
from hashelld.fencer.history import Row
from hashelld.fencer.messages import Began, Begin, Ran, Run, SelfFenced, StepLate, TaskLate
from hashelld.fencer.tasks import TIMEOUT_MAX_MS, Task

#: Fencings led by this node at once.
TASKS_MAX = 64
#: How much longer than its agent a node may take to answer.
SLACK_MS = 2000


class Leader:
    """The fencings that this node leads. Everything here ends in an effect and leaves a Task in one known step."""

    def __init__(self, node: str, hands: Hands) -> None:
        self.hands = hands
        self._node = node
        self._cib = Cib.empty()
        self._devices: dict[str, Device] = {}
        self._view: View | None = None
        self._guards: dict[str, int] = {}
        self._tasks: dict[str, Task] = {}
        self._numbers = 0
        self._boot = 0
        self._lives: dict[str, int] = {}
        """Boot numbers of members, also of those that are gone."""

    def _abilities(self) -> dict[str, Ability | None]:
        return {name: self.hands.ability(one) for name, one in self._devices.items()}

    def _default_ms(self) -> int:
        """What an agent may take where its device does not say."""
        return interval_ms(
            watchdog.option(self._cib, "fencing-timeout", "stonith-timeout") or None, TIMEOUT_MS
        )

    # --- a fencing begins -----------------------------------------------------------------------

    def _begin(self, target: str, action: str, timeout_ms: int, delay_ms: int, client: str) -> Task:
        self._numbers += 1
        name = f"{self._node}.{self._boot}.{self._numbers}"
        task = Task(
            name, target, action, min(timeout_ms or TIMEOUT_MS, TIMEOUT_MAX_MS), delay_ms, client,
            life=self._lives.get(target, 0),
        )
        self._tasks[name] = task
        return task

    def _start(self, task: Task, wall_s: float) -> list[Effect]:
        assert self._view is not None, "fencing begins in a view"
        wait, _ = self._self_fencing(task.target)
        tasks.plan(task, self._cib, self._devices, self._abilities(), watchdog=wait > 0)
        task.timeout_ms = max(task.timeout_ms, tasks.budget_ms(
            task.levels, task.target, task.action, self._devices, self._default_ms(), wait, task.delay_ms,
        ))
        row = Row(
            task.id, task.target, task.action, self._node, task.client, "pending", when_s=wall_s, life=task.life
        )
        effects: list[Effect] = [
            Multicast("fencer.started", msgspec.msgpack.encode(row)),
            StartTimer(f"task:{task.id}", task.timeout_ms, TaskLate(task.id)),
        ]
        effects += [Tell(FencingTakes(one, task.timeout_ms)) for one in task.requests]
        return effects + self._next_level(task, wall_s)

    # --- step by step ---------------------------------------------------------------------------

    def _next_level(self, task: Task, wall_s: float) -> list[Effect]:
        while task.levels:
            names = task.levels.pop(0)
            abilities = self._abilities()
            level = [
                self._devices.get(name) or Device(name, AgentName("stonith", "", WATCHDOG_AGENT)) for name in names
                if name == WATCHDOG or (name in self._devices and self._devices[name].enabled)
            ]
            if len(level) < len(names):
                # A level that lacks one of its devices cuts some of the target's supplies, and not all.
                gone = ", ".join(name for name in names if name not in {one.id for one in level})
                task.error = f"there is no device {gone}"
                continue
            if len(level) == 1 and level[0].id in task.unsure:
                task.unsure.remove(level[0].id)
                task.asking_hosts = True
                check = level[0].check(abilities.get(level[0].id))
                task.steps = [(level[0].id, "list" if check == "dynamic-list" else "status")]
            else:
                task.asking_hosts = False
                task.steps = list(topology.steps(level, task.action, abilities))
            task.tries, task.tried, task.off = 0, [], False
            return self._step(task, wall_s)
        return self._finish(task, wall_s, task.error)

    def _step(self, task: Task, wall_s: float) -> list[Effect]:
        """Do the first step that is left: on the best node that was not tried for it, or by waiting for a watchdog."""
        assert self._view is not None, "fencing begins in a view"
        name, action = task.steps[0]
        if name == WATCHDOG and not task.asking_hosts:
            return self._let_it_end(task, wall_s)
        device = self._devices.get(name)
        if device is None:
            task.asked = ""
            if task.off:
                return self._stays_off(task, f"device {name} is gone", wall_s)
            task.error = f"device {name} is gone"
            return self._next_level(task, wall_s)
        fit = executors(
            device, action, task.target, self._node, self._view.names, running_on(self._cib, name),
            self.hands.ability(device),
        )
        left = [one for one in fit if one not in task.tried]
        if not left:
            if task.asking_hosts and action == "list" and not device.check_is_given and task.tried:
                # Without a list, what the device says of the one target must do.
                task.steps, task.tried, task.tries = [(name, "status")], [], 0
                return self._step(task, wall_s)
            if task.off:
                return self._stays_off(task, f"no node may run {name}", wall_s)
            task.error = task.error if task.tried else f"no node may run {name}"
            return self._next_level(task, wall_s)
        task.asked = left[0]
        task.attempt += 1
        delay = 0
        if task.tries == 0 and not task.tried and not task.asking_hosts and action in ("off", "reboot"):
            delay = device.delay_ms(task.target, f"{self._node}:{task.id}:{wall_s}")
            delay += task.delay_ms
            task.delay_ms = 0
        if delay:
            return [StartTimer(f"step:{task.id}", delay, Begin(task.id, task.attempt))]
        return self._send(task)

    def _send(self, task: Task) -> list[Effect]:
        name, action = task.steps[0]
        device = self._devices.get(name)
        default = self._default_ms()
        timeout = device.timeout_ms(action, default) if device is not None else default
        run = Run(task.id, task.attempt, name, action, task.target, timeout)
        return [
            Send(task.asked, "fencer.run", msgspec.msgpack.encode(run)),
            # It may have to wait for its device as long as it may run; when it begins, it says so.
            StartTimer(
                f"step:{task.id}", timeout + SLACK_MS, StepLate(task.id, task.attempt)
            ),
        ]

    def _began(self, began: Began, origin: str) -> list[Effect]:
        task = self._tasks.get(began.task)
        if task is None or task.attempt != began.attempt or task.asked != origin or not task.steps:
            return []
        name, action = task.steps[0]
        device = self._devices.get(name)
        default = self._default_ms()
        timeout = device.timeout_ms(action, default) if device is not None else default
        return [StartTimer(f"step:{task.id}", timeout + SLACK_MS, StepLate(task.id, task.attempt))]

    def _ran(self, ran: Ran, origin: str, wall_s: float) -> list[Effect]:
        task = self._tasks.get(ran.task)
        if task is None or task.attempt != ran.attempt or task.asked != origin:
            return []
        if ran.error:
            return self._failed(task, ran.error, wall_s)
        name, action = task.steps[0]
        task.device, task.executor, task.asked = name, origin, ""
        if task.asking_hosts:
            task.steps.pop(0)
            device = self._devices.get(name)
            hosts = stonith.parse_listing(ran.listing)
            can = device is not None and (action == "status" or device.port(task.target) in hosts)
            if can:
                task.levels.insert(0, (name,))
            return [CancelTimer(f"step:{task.id}"), *self._next_level(task, wall_s)]
        return [CancelTimer(f"step:{task.id}"), *self._step_done(task, wall_s)]

    def _step_done(self, task: Task, wall_s: float) -> list[Effect]:
        _, action = task.steps.pop(0)
        if not task.steps:
            return self._finish(task, wall_s)
        task.tries, task.tried = 0, []
        if action == "off" and task.steps[0][1] == "on":
            task.off = True
        return self._step(task, wall_s)

    def _failed(self, task: Task, error: str, wall_s: float) -> list[Effect]:
        effects: list[Effect] = [CancelTimer(f"step:{task.id}")]
        name, action = task.steps[0]
        if not task.asking_hosts:
            task.error = f"{name}: {error}"
        if task.off:
            return effects + self._stays_off(task, error, wall_s)
        device = self._devices.get(name)
        task.tries += 1
        if device is None or task.tries >= device.retries(action):
            task.tried.append(task.asked)
            task.tries = 0
        return effects + self._step(task, wall_s)

    def _stays_off(self, task: Task, error: str, wall_s: float) -> list[Effect]:
        """It is off, which is what counts; that it does not come back is for people."""
        return [
            Tell(Happened(
                "fencing", "warning", f"{task.target} is off and cannot be turned on: {error}",
                (task.target,),
            )),
            *self._step_done(task, wall_s),
        ]

    # --- a target that ends itself --------------------------------------------------------------

    def _self_fencing(self, target: str) -> tuple[int, str]:
        if self._view is None:
            return 0, "this node is in no cluster"
        return watchdog.wait_ms(self._cib, self._view, target, self._guards, self._devices.get(WATCHDOG))

    def _let_it_end(self, task: Task, wall_s: float) -> list[Effect]:
        """Tell the target to end itself if it can still hear, and wait until its watchdog must have seen to it."""
        assert self._view is not None, "fencing begins in a view"
        wait, why_not = self._self_fencing(task.target)
        task.attempt += 1
        task.asked = ""
        if why_not:
            task.error = f"{WATCHDOG}: {why_not}"
            return self._next_level(task, wall_s)
        effects: list[Effect] = [
            StartTimer(f"step:{task.id}", wait + task.delay_ms, SelfFenced(task.id, task.attempt))
        ]
        task.told_to_end = task.target in self._view.names
        if task.told_to_end:
            effects.append(Send(task.target, "fencer.die", task.id.encode()))
        return effects

    def _still_ends(self, task: Task, wall_s: float) -> list[Effect]:
        """In a new view: the wait goes on only while the target could at no time be a part of a majority.

        Who is here again has fed its watchdog all the time. Had it been told to end itself, it is told again (what is
        sent at the end of a view may be lost); else this has failed, and whoever wants it fenced still asks again.
        """
        assert self._view is not None, "fencing begins in a view"
        _, why_not = self._self_fencing(task.target)
        cancel = CancelTimer(f"step:{task.id}")
        if not why_not:
            if task.target not in self._view.names:
                return []
            if task.told_to_end and self._lives.get(task.target, 0) != task.life:
                task.device, task.executor = WATCHDOG, task.target
                return [cancel, *self._step_done(task, wall_s)]
            if task.told_to_end:
                return [cancel, *self._let_it_end(task, wall_s)]
            why_not = f"{task.target} came back before its watchdog had to reset it"
        task.error = f"{WATCHDOG}: {why_not}"
        return [cancel, *self._next_level(task, wall_s)]

    def _self_fenced(self, task: Task, wall_s: float) -> list[Effect]:
        assert self._view is not None, "fencing begins in a view"
        _, why_not = self._self_fencing(task.target)
        if why_not:
            task.error = f"{WATCHDOG}: {why_not}"
            return self._next_level(task, wall_s)
        task.device, task.executor = WATCHDOG, task.target
        return self._step_done(task, wall_s)

    # --- the end --------------------------------------------------------------------------------

    def _finish(self, task: Task, wall_s: float, error: str = "") -> list[Effect]:
        del self._tasks[task.id]
        row = Row(
            task.id, task.target, task.action, self._node, task.client,
            "failed" if error else "done", "" if error else task.executor,
            "" if error else task.device, error, wall_s, task.life,
        )
        effects: list[Effect] = [
            CancelTimer(f"step:{task.id}"), CancelTimer(f"task:{task.id}"),
            Multicast("fencer.done", msgspec.msgpack.encode((row, tuple(task.requests)))),
        ]
        for client in task.clients:
            effects.append(Reply(client, Failure("fencing-failed", error, "see: fencing history")
                                 if error else Done(f"{task.target} is fenced ({task.action})")))
        return effects
