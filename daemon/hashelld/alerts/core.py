"""The alerts' state machine: an event → calls of the programs that want to hear of it.

Every node tells of its own operations and attributes; membership and fencing are told by every node
that sees them, as in Pacemaker. A program that hangs is ended at its timeout, and no more than a
bounded number runs at once: alerts must never hold up the cluster.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from hashell.agents import find
from hashell.agents.call import Place
from hashell.cib.document import Cib
from hashell.values.outcomes import ExecStatus, exec_status_text, ocf_text
from hashelld.alerts.environment import Call, calls, environment
from hashelld.core.effects import AgentEnded, Effect, Log, RunAgent
from hashelld.core.events import (
    AttributeChanged,
    CibChanged,
    Event,
    FencingDone,
    MembersChanged,
    OperationDone,
    Started,
)

if TYPE_CHECKING:
    from hashelld.settings import Settings

#: Programs at once, and calls that may wait for their turn; older ones are dropped.
RUNNING_MAX, WAITING_MAX = 16, 500
#: Operations that change nothing are not told when they went well.
_QUIET = frozenset({"monitor", "notify", "cancel", "delete", "lrm_delete"})


class Alerts:
    """Calls alert agents."""

    name = "alerts"

    def __init__(self, settings: Settings) -> None:
        self._place = Place(
            settings.node, settings.cluster, str(settings.state_dir), str(settings.run_dir),
            ocf_root=find.ocf_root(),
        )
        self._calls: tuple[Call, ...] = ()
        self._number = 0
        self._running: dict[str, str] = {}
        self._waiting: deque[RunAgent] = deque()
        self._members: dict[str, int] = {}

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case OperationDone():
                return self._operation(event, wall_s)
            case AgentEnded(token, exit_code):
                return self._ended(token, exit_code, event.timed_out)
            case FencingDone():
                text = f"Operation {event.action} of {event.target} by {event.executor}: "
                return self._tell("fencing", {
                    "node": event.target, "task": "st_notify_fence", "rc": "1" if event.error else "0",
                    "desc": text + (event.error or "OK"),
                }, wall_s)
            case MembersChanged(view):
                return self._membership({one.name: one.id for one in view.members}, wall_s)
            case AttributeChanged(node, name, value):
                return self._tell("attribute", {
                    "node": node, "attribute_name": name, "attribute_value": value or "",
                }, wall_s, name)
            case CibChanged():
                if event.configuration_changed or not event.patch:
                    self._read(event.after)
            case Started():
                self._read(event.cib)
            case _:
                pass
        return []

    def _read(self, cib: Cib) -> None:
        self._calls = calls(cib)

    def _operation(self, event: OperationDone, wall_s: float) -> list[Effect]:
        target = event.transition_key.split(":")
        expected = target[2] if len(target) == 4 else "0"
        if event.task in _QUIET and str(event.rc) == expected:
            return []
        done = event.status == ExecStatus.DONE
        return self._tell("resource", {
            "node": event.node or self._place.node, "rsc": event.resource, "task": event.task,
            "interval": str(event.interval_ms), "rc": str(event.rc), "target_rc": expected,
            "status": str(event.status), "exec_time": str(event.exec_ms),
            "desc": ocf_text(event.rc) if done else exec_status_text(event.status),
        }, wall_s)

    def _membership(self, members: dict[str, int], wall_s: float) -> list[Effect]:
        before, self._members = self._members, members
        effects: list[Effect] = []
        for name in sorted(set(before) ^ set(members)):
            here = name in members
            effects += self._tell("node", {
                "node": name, "nodeid": str(members.get(name, before.get(name, 0))),
                "desc": "member" if here else "lost",
            }, wall_s)
        return effects

    def _tell(
        self, kind: str, what: Mapping[str, str], wall_s: float, attribute: str = ""
    ) -> list[Effect]:
        for call in self._calls:
            if not call.wants(kind, attribute):
                continue
            self._number += 1
            variables = self._place.environment | environment(
                call, kind, what, self._number, wall_s
            )
            if len(self._waiting) >= WAITING_MAX:
                self._waiting.popleft()
            self._waiting.append(
                RunAgent(f"alert:{self._number}", call.path, (), variables, call.timeout_ms)
            )
        return self._start()

    def _start(self) -> list[Effect]:
        effects: list[Effect] = []
        while self._waiting and len(self._running) < RUNNING_MAX:
            effect = self._waiting.popleft()
            self._running[effect.token] = effect.program
            effects.append(effect)
        return effects

    def _ended(self, token: str, exit_code: int, timed_out: bool) -> list[Effect]:
        program = self._running.pop(token, "")
        effects = self._start()
        if program and (exit_code or timed_out):
            how = "took too long" if timed_out else f"ended with {exit_code}"
            effects.insert(0, Log("warning", f"alert agent {program} {how}"))
        return effects
