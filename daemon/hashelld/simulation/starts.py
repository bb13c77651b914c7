"""Starts: how a cluster begins: all at once, one by one, a part of it long after the rest, grown from one node.

Drawn from a source of chance of their own, so that a seed's faults stay what they are whatever ways to begin there are.
To add one: a name in FORMS and what it draws in `draw`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from hashelld.simulation.cluster import Cluster

#: Form → weight. `together` is within 300 ms; the others are told in `draw`.
FORMS = {
    "together": 10, "staggered": 4, "one_by_one": 3, "torn": 3, "cut": 3, "partial": 3, "grown": 3, "falls": 3,
    "stopped": 2,
}
#: In so many milliseconds after the last node's start a cluster without faults has quorum and is idle. Twice the wait
#: for absent nodes, a fencing that is tried once more, and the boot after it.
BOUND_MS = 20_000.0
#: How often is looked whether it is.
LOOK_MS = 250.0


@dataclass(frozen=True, slots=True)
class Start:
    """`at_ms`: when each node is started (at the latest, where others fence who is missing). `calm`: faults come when
    all have met. `expects`: for how many votes each looks out, where that differs. `cuts`: two nodes, from when, for
    how long, cut or torn; `falls`: who is killed (`stopped`: told to leave) when, and started again after how long."""

    form: str
    at_ms: dict[str, float]
    calm: bool = True
    expects: tuple[tuple[str, int], ...] = ()
    first: str = ""
    cuts: tuple[tuple[str, str, float, float], ...] = ()
    falls: tuple[tuple[str, float, float], ...] = ()

    def __str__(self) -> str:
        when = ", ".join(f"{name} {at_ms:.0f}" for name, at_ms in self.at_ms.items())
        more = "".join(f"; {one}-{other} cut {at_ms:.0f}+{lasts_ms:.0f}" for one, other, at_ms, lasts_ms in self.cuts)
        more += "".join(f"; {name} down {at_ms:.0f}+{lasts_ms:.0f}" for name, at_ms, lasts_ms in self.falls)
        return f"start {self.form}{'' if self.calm else ' amid faults'}: {when}{more}"


def draw(seed: int, names: Sequence[str], form: str = "", *, arbiters: Collection[str] = ()) -> Start:
    """The start of a life; `form`: this one."""
    chance = random.Random(f"start:{seed}")  # noqa: S311 - to be repeated
    (drawn,) = chance.choices(list(FORMS), list(FORMS.values()))
    form = form or drawn
    if form == "grown" and arbiters:
        form = "staggered"
    order = list(names)
    chance.shuffle(order)
    calm = form == "grown" or chance.random() < 0.6
    within_ms = chance.choice((400.0, 1_500.0, 4_000.0, 8_000.0))
    spread = {name: chance.uniform(0.0, within_ms) for name in order}
    match form:
        case "together":
            return Start(form, {})
        case "one_by_one" | "grown":
            step_ms = chance.choice((150.0, 800.0, 2_000.0, 3_500.0))
            at_ms = {name: place * step_ms * chance.uniform(0.8, 1.2) for place, name in enumerate(order)}
            expects = [(name, len(names) if place else 1) for place, name in enumerate(order)]
            if form == "one_by_one":
                return Start(form, at_ms, calm)
            # Who is first has the cluster to itself for a while: of two that are first there would be two clusters.
            at_ms = {name: when + 1_500.0 if place else 0.0 for place, (name, when) in enumerate(at_ms.items())}
            return Start(form, at_ms, calm, tuple(expects), order[0])
        case "torn" | "cut":
            lasts_ms = 0.0 if form == "torn" else chance.choice((60.0, 400.0, 1_500.0, 5_000.0))
            cuts = tuple(
                (one, other, chance.uniform(0.0, min(within_ms, 1_500.0)), lasts_ms * chance.uniform(0.5, 1.0))
                for place, one in enumerate(order) for other in order[place + 1:] if chance.random() < 0.5
            )
            return Start(form, {name: min(when, 1_500.0) for name, when in spread.items()}, calm, cuts=cuts)
        case "partial":
            # Exactly a majority, and the rest long after it, one by one or at once.
            late_ms = chance.choice((4_500.0, 9_000.0))
            majority = len(order) // 2 + 1
            at_ms = {name: min(when, 500.0) for name, when in spread.items()}
            for name in order[majority:]:
                at_ms[name] = late_ms + chance.choice((0.0, spread[name]))
            return Start(form, at_ms, calm)
        case "falls" | "stopped":
            # Somebody is killed, or stopped, while the first view is made or just after, and is there again soon.
            some = order[: chance.randint(1, max(1, len(order) // 2))]
            falls = tuple(
                (name, spread[name] + chance.choice((30.0, 300.0, 1_500.0, 3_300.0)) * chance.uniform(0.5, 1.1),
                 chance.choice((5.0, 300.0, 1_500.0)))
                for name in some
            )
            return Start(form, spread, calm, falls=falls)
    return Start(form, spread, calm)


def begin(cluster: Cluster, start: Start, suspects: set[str]) -> float:
    """Start the nodes, each when it is due; milliseconds until the last of it is done. Those that others may miss at
    their start become `suspects`."""
    world = cluster.world
    if start.form != "together":
        suspects.update(cluster.names)
    for name in cluster.names:
        if start.first:
            peers = () if name == start.first else tuple(other for other in cluster.names if other != name)
            cluster.nodes[name].options = {"expect": dict(start.expects)[name], "peers": tuple((p, 1) for p in peers)}
        at_ms = start.at_ms.get(name)
        world.after(world.chance.uniform(0, 300) if at_ms is None else at_ms, _start, cluster, name)
    ends = [*start.at_ms.values()]
    for one, other, at_ms, lasts_ms in start.cuts:
        ends.append(at_ms + lasts_ms)
        if lasts_ms:
            world.after(at_ms, cluster.network.cut, one, other)
            world.after(at_ms + lasts_ms, cluster.network.mend, one, other)
        else:
            world.after(at_ms, cluster.network.reset, one, other)
    for name, at_ms, lasts_ms in start.falls:
        ends.append(at_ms + lasts_ms)
        world.after(at_ms, _stop if start.form == "stopped" else _kill, cluster, name)
        world.after(at_ms + lasts_ms, _start, cluster, name)
    return max(ends, default=0.0)


def _start(cluster: Cluster, name: str) -> None:
    # The others may have fenced it meanwhile, and it started when it had booted.
    if not cluster.nodes[name].up and cluster.machines.all[name].on:
        cluster.nodes[name].start()


def _kill(cluster: Cluster, name: str) -> None:
    if cluster.nodes[name].up:
        cluster.nodes[name].crash()


def _stop(cluster: Cluster, name: str) -> None:
    cluster.nodes[name].leave()


def meet(cluster: Cluster, last_ms: float, unsteady: Callable[[], str]) -> str:
    """Let a start without faults come to its end. Why the cluster is not at rest in time after it, or nothing.

    Who was told to leave may do so late, and is started again then."""
    cluster.world.run_for(last_ms)
    waited_ms = 0.0
    while reason := unsteady():
        if waited_ms >= BOUND_MS:
            return reason
        for name in cluster.names:
            _start(cluster, name)
        cluster.world.run_for(LOOK_MS)
        waited_ms += LOOK_MS
    for node in cluster.nodes.values():
        # Whoever let a cluster grow writes it into all settings: one that expects only itself founds a cluster of its
        # own when its folder is lost.
        node.options = {}
    return ""
