"""Faults: what may happen to a cluster, planned from a seed before a life begins, so that a plan can be shortened.

To add a kind: a row in KINDS and a method of `Doer` with its name.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from hashelld.core.events import CibOperation, ShutdownWanted
from hashelld.simulation.cluster import Cluster, Node


@dataclass(frozen=True, slots=True)
class Fault:
    """`at_ms` after the cluster began; `lasts_ms` until it is taken back; `nodes` whom it meets; `how` what exactly."""

    number: int
    at_ms: float
    kind: str
    nodes: tuple[str, ...]
    lasts_ms: float
    how: str = ""

    def __str__(self) -> str:
        how = f" {self.how}" if self.how else ""
        nodes = " ".join(self.nodes)
        return f"#{self.number} at {self.at_ms:.0f} ms: {self.kind}{how} {nodes} for {self.lasts_ms:.0f} ms"


#: Kind → (weight, how many nodes it meets (0: a part of them), whether only a whole cluster has it).
KINDS: dict[str, tuple[int, int, bool]] = {
    "crash": (10, 1, False), "crash_in_event": (14, 1, False), "power": (6, 1, False), "pause": (8, 1, False),
    "partition": (12, 0, False), "cut": (6, 2, False), "one_way": (6, 2, False), "reset": (6, 2, False),
    "loss": (4, 0, False), "delay": (3, 0, False), "disk_stall": (4, 1, False), "disk_full": (3, 1, False),
    "wall_jump": (4, 1, False), "blackout": (1, 0, False), "crash_two": (4, 2, False), "wipe": (2, 1, False),
    "service_dies": (5, 1, True), "agent": (7, 1, True), "fencing": (8, 0, True), "standby": (5, 1, True),
    "leave": (6, 1, True), "moment": (12, 0, False), "torn": (4, 0, False),
    "unreachable": (6, 1, True), "stall": (6, 1, False), "heart_dies": (4, 1, False), "wall": (5, 2, False),
    "wall_one_way": (4, 2, False),
}
#: What a fault may wait for, so that it comes just then; the later ones happen in whole clusters alone.
MOMENTS = ("acknowledged", "view", "starts", "starts", "stops", "fences")
#: What may then befall the node at which it happens, within how many milliseconds.
BLOWS = ("crash", "power", "pause", "alone")
SOON_MS = (0.0, 1.0, 25.0)
#: Faults of one life.
FAULTS_MIN, FAULTS_MAX = 2, 9


def plan(
    chance: random.Random, names: Sequence[str], life_ms: float, resources: Sequence[str], *, whole: bool,
    arbiters: Collection[str] = (),
) -> tuple[Fault, ...]:
    """The faults of a life, in time's order. What only a node that runs resources can meet, `arbiters` do not."""
    others = [name for name in names if name not in arbiters]
    kinds = [kind for kind, (_, _, only_whole) in KINDS.items() if whole or not only_whole]
    weights = [KINDS[kind][0] for kind in kinds]
    found = []
    for number in range(chance.randint(FAULTS_MIN, FAULTS_MAX)):
        (kind,) = chance.choices(kinds, weights)
        count = KINDS[kind][1]
        nodes = tuple(chance.sample(list(names), count or chance.randint(1, len(names) - 1)))
        if KINDS[kind][2]:
            nodes = tuple(others[number % len(others)] if name in arbiters else name for name in nodes)
        lasts_ms = chance.choice((5.0, 80.0, 400.0, 1_300.0, 2_500.0, 4_000.0)) * chance.uniform(0.7, 1.3)
        how = _how(chance, kind, resources, whole=whole)
        found.append((chance.uniform(0, life_ms), number, kind, nodes, lasts_ms, how))
    return tuple(
        Fault(number, at_ms, kind, nodes, lasts_ms, how)
        for number, (at_ms, _, kind, nodes, lasts_ms, how) in enumerate(sorted(found))
    )


def _how(chance: random.Random, kind: str, resources: Sequence[str], *, whole: bool) -> str:
    match kind:
        case "crash_in_event":
            return str(chance.randint(0, 120))
        case "loss":
            return str(chance.choice((1, 5, 15)))
        case "delay":
            return str(chance.choice((10, 50, 150)))
        case "wall_jump":
            return str(chance.choice((-1, 1)) * chance.choice((1, 60, 3_600, 86_400 * 365)))
        case "service_dies":
            return chance.choice(list(resources))
        case "agent":
            action = chance.choice(("start", "stop", "stop", "monitor"))
            return f"{chance.choice(list(resources))} {action} {chance.choice(('fail', 'hang'))}"
        case "moment":
            moment = chance.choice(MOMENTS) if whole else chance.choice(MOMENTS[:2])
            return f"{moment} {chance.choice(BLOWS)} {chance.uniform(0.0, chance.choice(SOON_MS)):.3f}"
        case "unreachable":
            return f"{chance.choice(('fail', 'fail', 'hang'))} {chance.choice(BLOWS)}"
        case "torn":
            return f"{chance.uniform(0.0, chance.choice(SOON_MS[:2])):.3f}"
        case "fencing":
            return chance.choice(("fail", "fail", "hang", "lie"))
    return ""


class Doer:
    """Does faults to a cluster, and takes them back. `suspects` are the nodes that the others may hold for lost or
    broken, since the beginning."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.suspects: set[str] = set()
        self.active = 0
        self.wiped: set[str] = set()
        #: What waits for a moment of some kind: it is told at which node that came.
        self._armed: list[tuple[str, Callable[[str], None]]] = []
        cluster.moment = self._now

    def _now(self, kind: str, node: str) -> None:
        """The next fault that waits for this comes now."""
        for place, (awaited, act) in enumerate(self._armed):
            if awaited == kind:
                del self._armed[place]
                act(node)
                return

    def do(self, fault: Fault) -> None:
        getattr(self, "_" + fault.kind)(fault)
        self._cluster.log(" ".join(fault.nodes), "fault", str(fault), "")

    def _later(self, fault: Fault, act: Callable[[], None]) -> None:
        self.active += 1

        def back() -> None:
            self.active -= 1
            self._cluster.log(" ".join(fault.nodes), "fault", f"#{fault.number} {fault.kind} is over", "")
            act()

        self._cluster.world.after(fault.lasts_ms, back)

    def _nodes(self, fault: Fault) -> list[Node]:
        return [self._cluster.nodes[name] for name in fault.nodes]

    def _start(self, node: Node) -> None:
        if not node.up and self._cluster.machines.all[node.name].on:
            node.start()

    def _suspect(self, fault: Fault) -> None:
        self.suspects.update(fault.nodes)

    # --- nodes

    def _crash(self, fault: Fault) -> None:
        self._suspect(fault)
        for node in self._nodes(fault):
            if node.up:
                node.crash()
            self._later(fault, lambda node=node: self._start(node))  # type: ignore[misc]

    _crash_two = _crash

    def _crash_in_event(self, fault: Fault) -> None:
        self._suspect(fault)
        (node,) = self._nodes(fault)
        if node.up:
            node.crash_in = int(fault.how)
        # Not before it has happened, or the crash of the next life would be meant.
        self._later(fault, lambda: self._start(node))

    def _power(self, fault: Fault) -> None:
        self._suspect(fault)
        machines = self._cluster.machines
        for name in fault.nodes:
            machines.power_off(name)
            self._later(fault, lambda name=name: machines.power_on(name))  # type: ignore[misc]

    def _blackout(self, fault: Fault) -> None:
        self.suspects.update(self._cluster.names)
        machines = self._cluster.machines
        for name in self._cluster.names:
            machines.power_off(name)
        for name in self._cluster.names:
            self._later(fault, lambda name=name: machines.power_on(name))  # type: ignore[misc]

    def _pause(self, fault: Fault) -> None:
        self._suspect(fault)
        (node,) = self._nodes(fault)
        if node.up and not node.paused:
            node.pause()
            life = node.life
            self._later(fault, lambda: node.resume() if node.paused and node.life == life else None)

    def _stall(self, fault: Fault) -> None:
        """The daemon stands still, its heart beats on."""
        self._suspect(fault)
        (node,) = self._nodes(fault)
        if node.up and not node.paused:
            node.pause(whole=False)
            life = node.life
            self._later(fault, lambda: node.resume() if node.paused and node.life == life else None)

    def _heart_dies(self, fault: Fault) -> None:
        """Nobody is lost for that: links tell until there is another."""
        (node,) = self._nodes(fault)
        if node.heart:
            node.heart.die()

    def _wipe(self, fault: Fault) -> None:
        """At most one node in a life: two lost copies may have been the only ones."""
        if self.wiped and not self.wiped.issuperset(fault.nodes):
            return
        self._suspect(fault)
        (node,) = self._nodes(fault)
        self.wiped.add(node.name)
        if node.up:
            node.crash()
        node.disk.wipe()
        self._later(fault, lambda: self._start(node))

    def _wall_jump(self, fault: Fault) -> None:
        (node,) = self._nodes(fault)
        node.wall_offset_s += float(fault.how)
        self._later(fault, lambda: setattr(node, "wall_offset_s", 0.0))

    # --- just then

    def _moment(self, fault: Fault) -> None:
        """Something befalls the node at which something happens next."""
        kind, blow, soon_ms = fault.how.split()
        do = getattr(self, "_" + blow)

        def now(node: str) -> None:
            self._cluster.world.after(float(soon_ms), do, replace(fault, nodes=(node,)))

        self._armed.append((kind, now))

    def _torn(self, fault: Fault) -> None:
        """The disks of some are slow, and all lose their power when something is acknowledged next: what counts on
        writes that were under way is lost."""
        self.suspects.update(self._cluster.names)
        for node in self._nodes(fault):
            node.disk.stall(fault.lasts_ms)

        def now(node: str) -> None:
            self._cluster.world.after(float(fault.how), self._blackout, fault)

        self._armed.append(("acknowledged", now))

    def _alone(self, fault: Fault) -> None:
        """A node is cut off from all others."""
        self._partition(fault)

    # --- network

    def _partition(self, fault: Fault) -> None:
        self.suspects.update(self._cluster.names)
        network = self._cluster.network
        pairs = [(one, other) for one in fault.nodes for other in self._cluster.names if other not in fault.nodes]
        for one, other in pairs:
            network.cut(one, other)

        def mend() -> None:
            for one, other in pairs:
                network.mend(one, other)

        self._later(fault, mend)

    def _cut(self, fault: Fault) -> None:
        self._suspect(fault)
        one, other = fault.nodes
        self._cluster.network.cut(one, other)
        self._later(fault, lambda: self._cluster.network.mend(one, other))

    def _one_way(self, fault: Fault) -> None:
        self._suspect(fault)
        one, other = fault.nodes
        self._cluster.network.cut(one, other, both=False)
        self._later(fault, lambda: self._cluster.network.mend(one, other, both=False))

    def _reset(self, fault: Fault) -> None:
        self._suspect(fault)
        self._cluster.network.reset(*fault.nodes)

    def _wall(self, fault: Fault) -> None:
        """A firewall lets no datagrams pass, and everything else; nobody is lost for that either."""
        one, other = fault.nodes
        pairs = {(one, other)} if fault.kind == "wall_one_way" else {(one, other), (other, one)}
        self._cluster.network.walls |= pairs
        self._later(fault, lambda: self._cluster.network.walls.difference_update(pairs))

    _wall_one_way = _wall

    def _loss(self, fault: Fault) -> None:
        self.suspects.update(self._cluster.names)
        network = self._cluster.network
        network.loss = int(fault.how) / 100
        self._later(fault, lambda: setattr(network, "loss", 0.0))

    def _delay(self, fault: Fault) -> None:
        self.suspects.update(self._cluster.names)
        network = self._cluster.network
        network.extra_ms = float(fault.how)
        self._later(fault, lambda: setattr(network, "extra_ms", 0.0))

    # --- disks

    def _disk_stall(self, fault: Fault) -> None:
        self._nodes(fault)[0].disk.stall(fault.lasts_ms)

    def _disk_full(self, fault: Fault) -> None:
        disk = self._nodes(fault)[0].disk
        disk.full = True
        self._later(fault, lambda: setattr(disk, "full", False))

    # --- services

    def _service_dies(self, fault: Fault) -> None:
        for name in self._cluster.machines.running(fault.how):
            self._cluster.machines.kill_service(name, fault.how)

    def _agent(self, fault: Fault) -> None:
        resource, action, trouble = fault.how.split()
        if action == "stop":
            self._suspect(fault)
        broken = self._cluster.machines.all[fault.nodes[0]].broken
        broken[resource, action] = trouble

        def mend() -> None:
            broken.pop((resource, action), None)

        self._later(fault, mend)

    def _fencing(self, fault: Fault) -> None:
        machines = self._cluster.machines
        machines.fencing = fault.how
        self._later(fault, lambda: setattr(machines, "fencing", "work"))

    def _unreachable(self, fault: Fault) -> None:
        """Something befalls a node, and no device can fence it as long as that lasts: nothing of it may run
        elsewhere."""
        how, blow = fault.how.split()
        self._fencing(replace(fault, how=how))
        getattr(self, "_" + blow)(fault)

    # --- people

    def _standby(self, fault: Fault) -> None:
        (name,) = fault.nodes
        self._set_standby(name, "on")
        self._later(fault, lambda: self._set_standby(name, "off"))

    def _set_standby(self, name: str, value: str) -> None:
        number = name.removeprefix("node")
        xml = (
            f'<node id="{number}" uname="{name}"><instance_attributes id="nodes-{number}">'
            f'<nvpair id="nodes-{number}-standby" name="standby" value="{value}"/></instance_attributes></node>'
        )
        asker = next((n for n in self._cluster.nodes.values() if n.up and not n.paused), None)
        if asker is not None:
            asker.ask("", (CibOperation("modify", xml.encode(), "nodes"),))

    def _leave(self, fault: Fault) -> None:
        (node,) = self._nodes(fault)
        if self._cluster.arbiters:
            # When the other node dies meanwhile, only the arbiter hears the goodbye, and it writes nothing down.
            self.suspects.update(fault.nodes)
        if node.up:
            node.feed("", ShutdownWanted("a person asked for it"))
        self._later(fault, lambda: self._start(node))

    # --- the end

    def heal(self) -> None:
        """Everything works again from now on; what is down is started."""
        cluster = self._cluster
        self._armed.clear()
        cluster.network.heal()
        cluster.machines.fencing = "work"
        for name, machine in cluster.machines.all.items():
            node = cluster.nodes[name]
            machine.broken.clear()
            node.disk.full, node.crash_in = False, -1
            if node.paused:
                node.resume()
            if not machine.on:
                cluster.machines.power_on(name)
            elif not node.up:
                self._start(node)
