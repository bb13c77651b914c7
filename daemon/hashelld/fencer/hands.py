"""Hands: run fence agents on this node for whoever leads, no more at once on a device than it takes.

Also learns from the agents' meta-data what each can do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from hashell.agents.call import Answer, Place, build_call, read_answer
from hashell.agents.metadata import BadMetadata, parse_metadata
from hashell.errors import NotFound
from hashell.values.agent_names import AgentName
from hashelld.core.effects import AgentEnded, Effect, Log, RunAgent, Send
from hashelld.fencer.devices import Ability, Device
from hashelld.fencer.messages import Began, Ran, Run
from hashelld.fencer.tasks import TIMEOUT_MAX_MS

#: Agents that may wait for their device; more means that somebody asks without end.
WAITING_MAX = 64
#: Bytes of a listing that are sent on.
LISTING_MAX = 256 * 1024
METADATA_MS = 10_000


@dataclass(frozen=True, slots=True)
class _Waiting:
    leader: str
    run: Run
    since_ms: int


class Hands:
    """What this node does itself. `resolve` tells where an agent's file is (it raises NotFound)."""

    def __init__(self, place: Place, resolve: Callable[[AgentName], str]) -> None:
        self.abilities: dict[AgentName, Ability] = {}
        self._place = place
        self._resolve = resolve
        self._running: dict[str, tuple[str, Run]] = {}
        self._waiting: deque[_Waiting] = deque()
        self._asking: dict[str, AgentName] = {}

    def ability(self, device: Device) -> Ability | None:
        """None: its agent has not said yet."""
        return self.abilities.get(device.agent)

    def learn(self, devices: Mapping[str, Device]) -> list[Effect]:
        """Ask agents that have not yet said what they can do."""
        effects: list[Effect] = []
        for device in devices.values():
            agent = device.agent
            if agent in self.abilities or agent in self._asking.values():
                continue
            try:
                call = build_call(self._place, agent, self._resolve(agent), "metadata", device.id, {}, METADATA_MS)
            except NotFound:
                continue
            token = f"meta:{agent}"
            self._asking[token] = agent
            effects.append(RunAgent(
                token, call.program, call.arguments, call.environment, call.timeout_ms, call.stdin
            ))
        return effects

    def run(self, run: Run, leader: str, devices: Mapping[str, Device], now_ms: int) -> list[Effect]:
        """Run an agent now, or when its device is free. What comes of it goes to the leader."""
        device = devices.get(run.device)
        if device is None:
            return _report(leader, Ran(run.task, run.attempt, f"no device {run.device} here"))
        busy = sum(other.device == run.device for _, other in self._running.values())
        if busy >= device.at_once_max:
            if len(self._waiting) >= WAITING_MAX:
                return _report(leader, Ran(run.task, run.attempt, f"{WAITING_MAX} actions wait for devices already"))
            self._waiting.append(_Waiting(leader, run, now_ms))
            return []
        return self._start(run, leader, device)

    def _start(self, run: Run, leader: str, device: Device) -> list[Effect]:
        try:
            call = build_call(
                self._place, device.agent, self._resolve(device.agent), run.action, run.device,
                device.parameters, min(run.timeout_ms, TIMEOUT_MAX_MS), target=run.target,
            )
        except NotFound as error:
            return _report(leader, Ran(run.task, run.attempt, error.message))
        token = f"run:{run.task}:{run.attempt}"
        self._running[token] = (leader, run)
        return [RunAgent(token, call.program, call.arguments, call.environment, call.timeout_ms, call.stdin)]

    def ended(self, event: AgentEnded, devices: Mapping[str, Device], now_ms: int) -> list[Effect]:
        """An agent of ours has ended: tell the leader, let the next one have the device."""
        agent = self._asking.pop(event.token, None)
        if agent is not None:
            return self._described(agent, event)
        leader, run = self._running.pop(event.token, ("", None))
        if run is None:
            return []
        device = devices.get(run.device)
        answer: Answer = read_answer(
            device.agent if device is not None else AgentName("stonith", "", run.device),
            run.action, exit_code=event.exit_code, stdout=event.stdout, stderr=event.stderr,
            timed_out=event.timed_out, timeout_ms=run.timeout_ms, missing=event.missing, error=event.error,
        )
        # `status` tells by 2 that the node is off: the device knows it all the same.
        fine = answer.rc == 0 or (run.action == "status" and event.exit_code == 2)
        listing = event.stdout[:LISTING_MAX] if run.action == "list" else b""
        return [
            *_report(leader, Ran(
                run.task, run.attempt, "" if fine else answer.reason or "it failed", listing, event.exit_code
            )),
            *self._next(devices, now_ms),
        ]

    def _next(self, devices: Mapping[str, Device], now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        for one in list(self._waiting):
            device = devices.get(one.run.device)
            busy = sum(other.device == one.run.device for _, other in self._running.values())
            late = now_ms - one.since_ms > one.run.timeout_ms
            if device is not None and not late and busy >= device.at_once_max:
                continue
            self._waiting.remove(one)
            if device is None or late:
                # Whoever led it has given it up by now: a shot that late may hit a node that is well again.
                why = "its device was busy for too long" if late else f"no device {one.run.device} here"
                effects += _report(one.leader, Ran(one.run.task, one.run.attempt, why))
                continue
            effects.append(Send(one.leader, "fencer.began", msgspec.msgpack.encode(
                Began(one.run.task, one.run.attempt)
            )))
            effects += self._start(one.run, one.leader, device)
        return effects

    def drop(self, members: tuple[str, ...]) -> None:
        """Who is gone waits for nothing any more."""
        self._waiting = deque(one for one in self._waiting if one.leader in members)

    def _described(self, agent: AgentName, event: AgentEnded) -> list[Effect]:
        try:
            described = parse_metadata(event.stdout, f"the meta-data of {agent}")
        except BadMetadata as error:
            return [Log("warning", error.message)]
        turns_on = [one for one in described.actions if one.name == "on"]
        self.abilities[agent] = Ability(
            frozenset(one.name for one in described.actions),
            any(one.automatic for one in turns_on), any(one.on_target for one in turns_on),
        )
        return []


def _report(leader: str, ran: Ran) -> list[Effect]:
    return [Send(leader, "fencer.ran", msgspec.msgpack.encode(ran))]
