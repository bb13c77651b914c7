"""Machines: what of a node is no daemon: its power, the services that run on it, and the agents that handle them.

This is the truth that the cluster can only guess. Agents go on when the daemon dies; all ends with the power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hashelld.core.effects import AgentEnded, RunAgent
from hashelld.simulation.world import Due, World

METADATA = b"""<resource-agent name="Fake" version="1.1"><parameters><parameter name="fake" reloadable="1">
<content type="string"/></parameter></parameters><actions><action name="monitor"/><action name="off"/>
<action name="reboot"/><action name="on"/><action name="metadata"/></actions></resource-agent>"""

#: Milliseconds that an agent takes; the second pair now and then.
ACT_MS, SLOW_ACT_MS, SLOW = (2.0, 40.0), (200.0, 1_500.0), 0.05
FENCE_MS = (30.0, 300.0)
#: Milliseconds from power on to the daemon's start.
BOOT_MS = (300.0, 2_000.0)

End = Callable[[AgentEnded], None]


@dataclass(slots=True)
class Machine:
    """One node's hardware."""

    name: str
    on: bool = True
    boots: bool = False
    services: set[str] = field(default_factory=set)
    #: (resource, action) → how it fails: fail, hang; `stop` that fails leaves the service running.
    broken: dict[tuple[str, str], str] = field(default_factory=dict)
    #: Services whose start is under way, with the life of the daemon that began it.
    starting: dict[str, int] = field(default_factory=dict)
    #: Services that ended without the daemon of now having stopped them: it may not know yet.
    died: set[str] = field(default_factory=set)
    #: Of the daemon that ran an agent last.
    life: int = 0
    #: Agents under way: what to call off when the power goes.
    _agents: dict[tuple[str, str, int], Due] = field(default_factory=dict)
    #: When its watchdog resets it, unless it is fed before; none while it is closed.
    _resets: Due | None = None

    @property
    def busy(self) -> bool:
        """An agent is under way."""
        return bool(self._agents)


class Machines:
    """All of them, and the fence devices that reach each. `started` is told of each service that begins to run,
    `stopped` of each node that has stopped one."""

    def __init__(
        self, world: World, names: tuple[str, ...], started: Callable[[str, str], None],
        stopped: Callable[[str], None], fenced: Callable[[str, str, str], None], power: Callable[[str, bool], None],
    ) -> None:
        self._world = world
        self._started = started
        self._stopped = stopped
        self._fenced = fenced
        self._power = power
        #: Told of each stop of a service that begins.
        self.stops: Callable[[str, str], None] = lambda node, resource: None
        self.all = {name: Machine(name) for name in names}
        #: What fence devices do now: work, fail, hang, lie.
        self.fencing = "work"
        #: Whether a device said of a node that it is off, and it was not: then nobody can promise single services.
        self.lied = False

    def running(self, resource: str) -> list[str]:
        """Nodes on which a service really runs."""
        return [name for name, machine in self.all.items() if resource in machine.services]

    def kill_service(self, node: str, resource: str) -> None:
        self.all[node].services.discard(resource)
        self.all[node].died.add(resource)

    def power_off(self, node: str) -> None:
        """Everything on it ends at once."""
        machine = self.all[node]
        machine.on = False
        self.close_watchdog(node)
        self.end_all(node)
        self._power(node, False)

    def end_all(self, node: str) -> None:
        """All processes of services and agents end at once."""
        machine = self.all[node]
        machine.services.clear()
        machine.starting.clear()
        for due in machine._agents.values():
            self._world.cancel(due)
        machine._agents.clear()

    # --- the watchdog that each has

    def feed_watchdog(self, node: str, timeout_ms: int) -> None:
        """Open it, or say that the node is sound: it is not reset for so long."""
        self.close_watchdog(node)
        self.all[node]._resets = self._world.after(float(timeout_ms), self._reset, node)

    def close_watchdog(self, node: str) -> None:
        due, self.all[node]._resets = self.all[node]._resets, None
        if due is not None:
            self._world.cancel(due)

    def _reset(self, node: str) -> None:
        self.power_off(node)
        self.power_on(node)

    def power_on(self, node: str) -> None:
        """The daemon starts when it has booted."""
        machine = self.all[node]
        if machine.on or machine.boots:
            return
        machine.boots = True

        def booted() -> None:
            machine.boots, machine.on = False, True
            self._power(node, True)

        self._world.after(self._world.chance.uniform(*BOOT_MS), booted)

    # --- agents

    def run(self, node: str, life: int, component: str, effect: RunAgent, end: End) -> None:
        """Run an agent on a machine; `end` is told when it is over, if it still can be."""
        chance = self._world.chance
        machine = self.all[node]
        if effect.arguments and effect.arguments[-1] in ("meta-data", "metadata"):
            self._ends(machine, life, component, effect, end, 1.0, 0, METADATA)
        elif "stonith:" in effect.program:
            words = dict(line.split("=", 1) for line in effect.stdin.decode().splitlines())
            if words.get("action") in ("meta-data", "metadata"):
                self._ends(machine, life, component, effect, end, 1.0, 0, METADATA)
            else:
                self._fence(machine, life, component, effect, end, words)
        else:
            resource, action = effect.environment.get("OCF_RESOURCE_INSTANCE", ""), effect.arguments[-1]
            took_ms = chance.uniform(*(SLOW_ACT_MS if chance.random() < SLOW else ACT_MS))
            self._act(machine, life, component, effect, end, resource, action, took_ms)

    def _act(
        self, machine: Machine, life: int, component: str, effect: RunAgent, end: End, resource: str,
        action: str, took_ms: float,
    ) -> None:
        trouble = machine.broken.get((resource, action), "")
        machine.life = max(machine.life, life)
        hangs = trouble == "hang"
        if hangs:
            took_ms = float(effect.timeout_ms)
        if action == "start" and trouble != "fail":
            # It may do harm from its first moment on.
            machine.services.add(resource)
            machine.starting[resource] = life
            machine.died.discard(resource)
            self._started(machine.name, resource)
        elif action == "stop":
            self.stops(machine.name, resource)

        def done() -> None:
            machine._agents.pop((component, effect.token, life), None)
            if action == "start" and machine.starting.get(resource) == life:
                del machine.starting[resource]
            code = 0
            if trouble == "fail":
                code = 1
            elif hangs:
                code = 143
            elif action == "stop":
                machine.services.discard(resource)
                if life < machine.life:
                    machine.died.add(resource)
                self._stopped(machine.name)
            elif action == "monitor":
                code = 0 if resource in machine.services else 7
            elif action == "start" and resource not in machine.services:
                code = 1
            end(AgentEnded(effect.token, code, hangs, False, b"", b"", int(took_ms)))

        machine._agents[component, effect.token, life] = self._world.after(took_ms, done)

    def _fence(
        self, machine: Machine, life: int, component: str, effect: RunAgent, end: End, words: dict[str, str]
    ) -> None:
        action = words.get("action", "")
        target = words.get("nodename") or words.get("plug") or words.get("port") or ""
        how = self.fencing if action in ("off", "reboot", "on") else "work"
        took_ms = self._world.chance.uniform(*FENCE_MS)
        if how == "hang":
            took_ms = float(effect.timeout_ms)

        def done() -> None:
            machine._agents.pop((component, effect.token, life), None)
            if how == "work" and target in self.all:
                if action in ("off", "reboot"):
                    self._fenced(machine.name, target, action)
                    self.power_off(target)
                if action in ("on", "reboot"):
                    self.power_on(target)
            elif how == "lie" and target in self.all and self.all[target].on:
                self.lied = True
            code = {"fail": 1, "hang": 143}.get(how, 0)
            # A node that fenced itself hears of nothing any more.
            if machine.on:
                end(AgentEnded(
                    effect.token, code, how == "hang", False, b"", b"no answer" if code else b"", int(took_ms)
                ))

        machine._agents[component, effect.token, life] = self._world.after(took_ms, done)

    def _ends(
        self, machine: Machine, life: int, component: str, effect: RunAgent, end: End, took_ms: float, code: int,
        stdout: bytes = b"",
    ) -> None:
        def done() -> None:
            machine._agents.pop((component, effect.token, life), None)
            end(AgentEnded(effect.token, code, False, False, stdout, b"", int(took_ms)))

        machine._agents[component, effect.token, life] = self._world.after(took_ms, done)

    def kill(self, node: str, life: int, component: str, token: str, end: End) -> None:
        """A running agent is killed: what it did is done, what it did not is not."""
        machine = self.all[node]
        due = machine._agents.pop((component, token, life), None)
        if due is not None:
            self._world.cancel(due)
            self._world.after(0.1, lambda: end(AgentEnded(token, 137, False, True, b"", b"", 0)))
