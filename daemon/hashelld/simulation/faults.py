"""Faults: what may happen to a cluster, planned from a seed before a life begins, so that a plan can be shortened.

To add a kind: a row in KINDS and a method of `Doer` with its name.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

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
#: Nodes without which a kind makes no sense: of a node that is alone nobody else has what a wiped disk held.
_NEEDS = {"wipe": 2}
#: Whole courses of faults, kind → weight; drawn from a source of their own, so that a seed's other faults stay.
COURSES: dict[str, int] = {"restart_all": 3, "stop_all": 3, "near_quorum": 3, "merges": 3, "apart": 2, "foodless": 2}
#: Share of lives with one.
COURSE = 0.35
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
    kinds = [
        kind for kind, (_, count, only_whole) in KINDS.items()
        if (whole or not only_whole) and _NEEDS.get(kind, count or 2) <= len(names)
    ]
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


def course(
    seed: int, number: int, names: Sequence[str], life_ms: float, *, whole: bool, watchdogs: bool, kind: str = "",
) -> tuple[Fault, ...]:
    """The course of this life, if it has one, as one more fault with this number; `kind`: this one."""
    chance = random.Random(f"course:{seed}")  # noqa: S311 - to be repeated
    drawn = chance.random() < COURSE
    kinds = [one for one in COURSES if watchdogs or one != "foodless"]
    (found,) = chance.choices(kinds, [COURSES[one] for one in kinds])
    if not (kind or drawn):
        return ()
    kind = kind or found
    order = list(names)
    chance.shuffle(order)
    how, lasts_ms = "", chance.choice((300.0, 1_500.0, 4_000.0))
    match kind:
        case "near_quorum":
            lasts_ms = chance.choice((200.0, 800.0, 2_500.0))
            majority = len(names) // 2 + 1
            how = " ".join(str(majority + chance.choice((-1, -1, 0, 0, 1))) for _ in range(chance.randint(3, 6)))
        case "merges":
            lasts_ms = chance.choice((1_500.0, 3_000.0))
            how = f"{chance.uniform(0.0, chance.choice((2.0, 60.0, 700.0))):.3f}"
        case "apart":
            lasts_ms = chance.choice((6_000.0, 15_000.0))
            how = str(chance.choice((20, 60) if whole else (60, 200)))
        case "foodless":
            lasts_ms = chance.choice((5_000.0, 8_000.0))
            order = order[: chance.randint(1, max(1, (len(order) - 1) // 2))]
    return (Fault(number, chance.uniform(0.0, life_ms / 2), kind, tuple(order), lasts_ms, how),)


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
        """At most one node in a life: two lost copies may have been the only ones. And not where a majority then would
        know nothing of the cluster: its nodes cannot but begin it."""
        if self.wiped and not self.wiped.issuperset(fault.nodes):
            return
        (node,) = self._nodes(fault)
        nodes = self._cluster.nodes.values()
        ignorant = [one for one in nodes if one is node or not one.has_heard]
        if 2 * len(ignorant) > len(nodes) and any(one.has_heard or one.belongs for one in nodes):
            return
        self._suspect(fault)
        self.wiped.add(node.name)
        if node.up:
            node.crash()
        node.disk.wipe()
        self._later(fault, lambda: self._start(node))

    def _wall_jump(self, fault: Fault) -> None:
        (node,) = self._nodes(fault)
        node.wall_offset_s += float(fault.how)
        self._later(fault, lambda: setattr(node, "wall_offset_s", node.wall_offset_s - float(fault.how)))

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

    # --- courses

    def _steps(self, steps: Sequence[tuple[float, Callable[[], None]]]) -> None:
        """One after the other, each after so many milliseconds; the life is not over before the last."""
        at_ms = 0.0
        self.active += len(steps)
        for pause_ms, act in steps:
            at_ms += pause_ms
            self._cluster.world.after(at_ms, self._step, act)

    def _step(self, act: Callable[[], None]) -> None:
        self.active -= 1
        act()

    def _restart_all(self, fault: Fault) -> None:
        """Each is stopped and started again, one after the other; often before the one before it is back."""
        self.suspects.update(self._cluster.names)
        steps: list[tuple[float, Callable[[], None]]] = []
        for node in self._nodes(fault):
            steps += [(fault.lasts_ms, node.leave), (fault.lasts_ms, partial(self._start, node))]
        self._steps(steps)

    def _stop_all(self, fault: Fault) -> None:
        """All are stopped one by one, and started one by one."""
        self.suspects.update(self._cluster.names)
        nodes = self._nodes(fault)
        self._steps([
            *((fault.lasts_ms, node.leave) for node in nodes),
            *((fault.lasts_ms, partial(self._start, node)) for node in reversed(nodes)),
        ])

    def _near_quorum(self, fault: Fault) -> None:
        """So many are up, then so many: about a majority."""
        self.suspects.update(self._cluster.names)
        nodes = self._nodes(fault)

        def so_many(wanted: int) -> None:
            up = [node for node in nodes if node.up]
            for node in up[wanted:]:
                node.crash() if self._cluster.world.chance.random() < 0.5 else node.leave()
            for node in [node for node in nodes if not node.up][: max(0, wanted - len(up))]:
                self._start(node)

        self._steps([(fault.lasts_ms, partial(so_many, int(word))) for word in fault.how.split()])

    def _merges(self, fault: Fault) -> None:
        """Three parts; two of them meet, and while they do the third comes too, or one goes again."""
        self.suspects.update(self._cluster.names)
        network, names = self._cluster.network, list(fault.nodes)
        seams = [(one, other) for part in (0, 1) for one in names[part::3] for other in names[part + 1::3]]
        seams += [(one, other) for one in names[0::3] for other in names[2::3]]
        inner = [(one, other) for one in names[0::3] for other in names[1::3]]
        outer = [pair for pair in dict.fromkeys(seams) if pair not in inner]

        def all_of(pairs: Sequence[tuple[str, str]], do: Callable[[str, str], None]) -> Callable[[], None]:
            def act() -> None:
                for one, other in pairs:
                    do(one, other)

            return act

        soon_ms = float(fault.how)
        self._steps([
            (0.0, all_of(inner, network.cut)), (0.0, all_of(outer, network.cut)),
            (fault.lasts_ms, all_of(inner, network.mend)), (soon_ms, all_of(outer, network.mend)),
            (soon_ms, all_of(inner, network.cut)), (2 * soon_ms, all_of(inner, network.mend)),
        ])

    def _apart(self, fault: Fault) -> None:
        """Two parts for long, and much is written in both."""
        half = len(fault.nodes) // 2
        self._partition(replace(fault, nodes=fault.nodes[:half]))
        count = int(fault.how)
        for number in range(count):
            for name in (fault.nodes[0], fault.nodes[-1]):
                self._cluster.world.after(
                    fault.lasts_ms * (0.2 + 0.7 * number / count), self._wrote, name, f"apart-{name}-{number}"
                )

    def _wrote(self, name: str, request: str) -> None:
        node = self._cluster.nodes[name]
        if node.up and not node.paused:
            node.write(request)

    def _foodless(self, fault: Fault) -> None:
        """A minority that holds services is alone for longer than the others wait for its watchdogs, and no device
        works: whoever is not reset then has its services twice."""
        machines = self._cluster.machines
        homes = [name for name in self._cluster.names if machines.all[name].services]
        count = len(fault.nodes)
        chosen = tuple(dict.fromkeys((*homes, *fault.nodes)))[:count]
        self._fencing(replace(fault, how="fail"))
        self._partition(replace(fault, nodes=chosen))

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
