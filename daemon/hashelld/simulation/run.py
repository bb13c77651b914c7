"""Run: one life of a cluster from a seed, with faults; then many lives, with a line for each that broke a promise.

`python -m hashelld.simulation.run 1-200` runs seeds; one alone prints its log.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hashelld.core.events import CibOperation
from hashelld.simulation.checkers import Broken, Checker
from hashelld.simulation.cluster import Cluster, Node
from hashelld.simulation.world import World

#: Milliseconds of a life with faults, and of the quiet after it in which all must come together.
LIFE_MS = 20_000.0
QUIET_MS = 12_000.0
STEP_MS = 50.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a life was like."""

    seed: int
    nodes: int
    events: int
    acknowledged: int
    views: int
    archives: int
    error: str = ""
    log: tuple[str, ...] = ()


def live(
    seed: int, nodes: int = 0, *, life_ms: float = LIFE_MS, keep_log: bool = False
) -> Outcome:
    """One life. The same seed gives the same life, event for event."""
    world = World(seed)
    chance = world.chance
    count = nodes or chance.choice((2, 3, 3, 3, 4, 5))
    checker = Checker(seed)
    cluster = Cluster(world, count, checker.hear, keep_log=keep_log)
    checker.cluster = cluster
    error = ""
    try:
        for name in cluster.names:
            world.after(chance.uniform(0, 800), cluster.nodes[name].start)
        world.run_for(1500)
        written = 0
        end = world.now_ms + life_ms
        while world.now_ms < end:
            world.run_for(STEP_MS)
            written = _write(cluster, written)
            _fault(cluster)
            checker.together()
        _heal(cluster)
        world.run_for(QUIET_MS)
        checker.at_the_end()
    except (Broken, AssertionError) as broken:
        error = str(broken) or repr(broken)
    return Outcome(
        seed, count, world.events, len(checker.acknowledged), len(checker.views),
        sum(len(node.disk.archives) for node in cluster.nodes.values()), error,
        tuple(cluster.lines or ()),
    )


def _write(cluster: Cluster, written: int) -> int:
    chance = cluster.world.chance
    for node in cluster.nodes.values():
        if node.up and not node.paused and chance.random() < 0.3:
            written += 1
            request = f"w{written}"
            xml = (
                f'<cluster_property_set id="set"><nvpair id="{request}" name="{request}" value="1"/>'
                "</cluster_property_set>"
            )
            node.ask(request, (CibOperation("modify", xml.encode(), "crm_config"),))
        if node.up and not node.paused and chance.random() < 0.3:
            xml = f'<node_state id="{node.name}" uname="{node.name}" seen="{written}"/>'
            node.ask("", (CibOperation("modify", xml.encode(), "status"),))
    return written


def _fault(cluster: Cluster) -> None:
    world, chance = cluster.world, cluster.world.chance
    node = cluster.nodes[chance.choice(cluster.names)]
    dice = chance.random()
    if dice < 0.02 and node.up:
        node.crash()
        world.after(chance.choice((5, 100, 1500, 4000)), lambda: node.start() if not node.up else None)
    elif dice < 0.03:
        # A partition: each node on one of two sides.
        sides = {name: chance.random() < 0.5 for name in cluster.names}
        for one in cluster.names:
            for other in cluster.names:
                if one < other and sides[one] != sides[other]:
                    cluster.network.cut(one, other)
        world.after(chance.uniform(100, 6000), cluster.network.heal)
    elif dice < 0.035:
        one, other = chance.sample(cluster.names, 2)
        cluster.network.cut(one, other)
        world.after(chance.uniform(100, 3000), cluster.network.heal)
    elif dice < 0.045:
        one, other = chance.sample(cluster.names, 2)
        cluster.network.reset(one, other)
    elif dice < 0.05 and node.up and not node.paused:
        node.pause()
        world.after(chance.choice((50, 500, 1500, 5000)), node.resume)
    elif dice < 0.0505:
        # The power fails everywhere.
        for each in cluster.nodes.values():
            if each.up:
                each.crash()
                world.after(chance.uniform(100, 1000), _starter(each))


def _starter(node: Node) -> Callable[[], None]:
    return lambda: node.start() if not node.up else None


def _heal(cluster: Cluster) -> None:
    cluster.network.heal()
    for node in cluster.nodes.values():
        if node.paused:
            node.resume()
        if not node.up:
            node.start()


def main(argv: Sequence[str]) -> int:
    """Seeds `A-B` or `A`; the exit code is 1 when any life broke a promise."""
    first, _, last = (argv[0] if argv else "1-50").partition("-")
    seeds = range(int(first), int(last or first) + 1)
    bad = 0
    for seed in seeds:
        outcome = live(seed, keep_log=len(seeds) == 1)
        for line in outcome.log:
            print(line)
        print(
            f"seed {seed}: {outcome.nodes} nodes, {outcome.events} events, {outcome.views} views,"
            f" {outcome.acknowledged} acknowledged, {outcome.archives} archived"
            + (f"  BROKEN {outcome.error}" if outcome.error else "")
        )
        bad += bool(outcome.error)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
