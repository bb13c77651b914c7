"""Life: one cluster from its start through its faults to rest, from one seed.

The same seed, nodes and faults give the same life, event for event. The faults are planned before anything happens,
from a source of chance of their own: leaving some out (`only`) leaves the others where they are.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

from hashell.cib.document import EMPTY
from hashelld.simulation import faults, relations, starts
from hashelld.simulation.checkers import Broken, Checker
from hashelld.simulation.cluster import Cluster
from hashelld.simulation.world import Runaway, World

#: Milliseconds until all have met; of a life with faults; and the most in which all must come to rest after it.
MEET_MS, LIFE_MS, QUIET_MS = 1_200.0, 5_000.0, 90_000.0
#: How often people write, and how often is looked whether all is at rest.
STEP_MS, LOOK_MS = 150.0, 250.0
#: Milliseconds between two looks of a recurring monitor; a life is not over before each has looked once more.
MONITOR_MS = 2_000.0
#: Rest must last so long to count.
RESTING_MS = 600.0
#: One in this many lives has the engine and the CIB manager alone, and then more writes.
BARE_EVERY = 4
#: Share of lives with heartbeat processes; in the others links tell who lives, as where firewalls eat datagrams.
HEARTS = 0.75
#: Share of whole lives whose nodes have watchdogs that the others count on, half of them with no device besides; and
#: milliseconds without food after which one resets its node.
WATCHDOGS, WATCHDOG_MS = 0.25, 1_000
#: What becomes of services without quorum. Where they go on, watchdogs matter most.
POLICIES = ("stop", "stop", "stop", "freeze", "demote", "suicide")
POLICIES_WATCHED = ("freeze", "freeze", "freeze", "stop", "suicide")
#: Share of lives of three in which two are nodes and the third is an arbiter.
ARBITERS = 0.15
#: Share of lives whose wall clocks differ by up to so many seconds and drift by so much.
WALLS, WALL_S, WALL_DRIFT = 0.15, 12 * 3600.0, 0.001
#: Share of lives whose other clocks run so much faster or slower than true.
RATES, RATE = 0.1, 0.026


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a life was like. `rest_ms`: from the end of the faults to rest."""

    seed: int
    nodes: int
    whole: bool
    events: int
    acknowledged: int
    views: int
    archives: int
    decisions: int
    services: int
    fenced: int
    rest_ms: float
    plan: tuple[faults.Fault, ...]
    error: str = ""
    log: tuple[str, ...] = ()


def live(
    seed: int, nodes: int = 0, *, only: Collection[int] | None = None, life_ms: float = LIFE_MS,
    whole: bool | None = None, hearts: bool | None = None, watchdogs: bool | None = None,
    arbiter: bool | None = None, start: str = "", course: str = "", plain: bool = False, keep_log: bool = False,
) -> Outcome:
    """One life. `only`: numbers of the faults that happen (None: all); `hearts`: whether heartbeats go by datagrams,
    from processes of their own; `watchdogs`: whether nodes are counted on to be reset by theirs; `arbiter`: whether the
    last node only votes; `start`, `course`: this one instead of what the seed has; `plain`: all start at once, nothing
    binds services, clocks are right and no course comes to the faults."""
    world = World(seed)
    chance = random.Random(f"plan:{seed}")  # noqa: S311 - to be repeated
    count = chance.choice((3, 3, 3, 5, 5, 7))
    count = nodes or count
    if whole is None:
        whole = seed % BARE_EVERY != 0
    checker = Checker(seed)
    resources = ("r1", "r2", "r3")[: chance.choice((1, 2, 3))] if whole else ()
    options: dict[str, object] = {"heartbeat_ms": {3: 150, 5: 200}.get(count, 100 if count < 5 else 300)}
    if hearts is None:
        hearts = chance.random() < HEARTS
    if arbiter is None:
        arbiter = count == 3 and random.Random(f"arbiter:{seed}").random() < ARBITERS  # noqa: S311 - to be repeated
    options["stall_limit_ms"] = chance.choice((1_000, 2_000, 5_000))
    drawn = chance.random() < WATCHDOGS
    watchdogs = whole and (drawn if watchdogs is None else watchdogs)
    options["watchdog_timeout_ms"] = WATCHDOG_MS
    cluster = Cluster(
        world, count, checker.hear, options=options, keep_log=keep_log, whole=whole, hearts=hearts, watchdogs=watchdogs,
        arbiter=arbiter,
    )
    checker.watch(cluster)
    checker.resources = resources
    voters = tuple(name for name in cluster.names if name not in cluster.arbiters)
    policy = chance.choice(POLICIES_WATCHED if watchdogs else POLICIES)
    devices = not watchdogs or chance.random() < 0.5
    begins = starts.draw(seed, cluster.names, "together" if plain else start, arbiters=cluster.arbiters)
    checker.relation = "" if plain else relations.draw(seed, resources)
    cib = configuration(
        voters, resources, policy, devices=devices, watchdog_ms=3 * WATCHDOG_MS if watchdogs else 0,
        relation=checker.relation,
    ) if whole else EMPTY
    for node in cluster.nodes.values():
        node.disk.cib = EMPTY if begins.first not in ("", node.name) else cib
        node.rate = chance.uniform(0.97, 1.03) if chance.random() < 0.3 else 1.0
    planned = faults.plan(
        chance, cluster.names, life_ms, resources or ("none",), whole=whole, arbiters=cluster.arbiters
    )
    if not plain:
        planned += faults.course(
            seed, len(planned), cluster.names, life_ms, whole=whole, watchdogs=watchdogs, kind=course
        )
        _set_clocks(cluster)
    doer = faults.Doer(cluster)
    checker.suspects, checker.wiped = doer.suspects, doer.wiped
    error, rest_ms = "", 0.0
    try:
        _begin(cluster, begins, checker, doer)
        for fault in planned:
            if only is None or fault.number in only:
                world.after(fault.at_ms, doer.do, fault)
        _write_for(cluster, checker, life_ms, 0.25 if whole else 0.6)
        rest_ms = _come_to_rest(cluster, checker, doer)
        checker.at_the_end()
    except (Broken, Runaway) as broken:
        error = str(broken)
    except AssertionError as broken:
        error = f"seed {seed}: {broken!r}"
    return Outcome(
        seed, count, whole, world.events, len(checker.acknowledged), len(checker.views),
        sum(len(node.disk.archives) for node in cluster.nodes.values()), cluster.decisions, checker.services,
        len(checker.fenced), rest_ms, planned, error, tuple(cluster.lines or ()),
    )


def _begin(cluster: Cluster, start: starts.Start, checker: Checker, doer: faults.Doer) -> None:
    last_ms = starts.begin(cluster, start, doer.suspects)
    cluster.log("", "start", str(start), "")
    if start.form == "together" or not start.calm:
        cluster.world.run_for(MEET_MS)
        return
    reason = starts.meet(cluster, last_ms, checker.unsteady)
    if reason:
        checker.fail(f"{start}: not at rest {starts.BOUND_MS / 1000:.0f} s later: {reason} [A7]")
    # From now on nobody is missed by those that were here first.
    doer.suspects.clear()


def _set_clocks(cluster: Cluster) -> None:
    """In some lives wall clocks differ by hours and drift, and the rates of the others by more than a twentieth."""
    chance = random.Random(f"clocks:{cluster.world.seed}")  # noqa: S311 - to be repeated
    if chance.random() < WALLS:
        for node in cluster.nodes.values():
            node.wall_offset_s = chance.uniform(-WALL_S, WALL_S)
            node.wall_drift = chance.uniform(-WALL_DRIFT, WALL_DRIFT)
    if chance.random() < RATES:
        for node in cluster.nodes.values():
            node.rate = chance.choice((1.0 - RATE, 1.0, 1.0 + RATE))


def _write_for(cluster: Cluster, checker: Checker, life_ms: float, share: float) -> None:
    """People change the configuration while faults happen."""
    world, written = cluster.world, 0
    end = world.now_ms + life_ms
    while world.now_ms < end:
        world.run_for(STEP_MS)
        if world.chance.random() < share:
            node = cluster.nodes[world.chance.choice(cluster.names)]
            for _ in range(world.chance.choice((1, 1, 3))):
                written += 1
                if node.up and not node.paused:
                    write(cluster, node.name, f"w{written}")
        checker.together()


def write(cluster: Cluster, node: str, request: str) -> None:
    """One property more, whose id is the request's name."""
    cluster.nodes[node].write(request)


def _come_to_rest(cluster: Cluster, checker: Checker, doer: faults.Doer) -> float:
    """Milliseconds until all was at rest after the last fault."""
    world = cluster.world
    begun = world.now_ms
    doer.heal()
    rested = 0.0
    # Rest counts when every monitor has looked since all works again.
    at_least_ms = MONITOR_MS + 300.0 if cluster.whole else 1_000.0
    since = 0.0
    while world.now_ms < begun + QUIET_MS:
        world.run_for(LOOK_MS)
        if doer.active == 0:
            doer.heal()
        else:
            begun = world.now_ms
        if checker.unsteady():
            rested, since = 0.0, 0.0
            continue
        if not since:
            since = world.now_ms - begun
        rested += LOOK_MS
        if rested >= RESTING_MS and world.now_ms >= begun + at_least_ms and doer.active == 0:
            break
    return since


def configuration(
    names: tuple[str, ...], resources: tuple[str, ...], policy: str, *, devices: bool = True, watchdog_ms: int = 0,
    relation: str = "",
) -> bytes:
    """A CIB with these nodes and services, a no-quorum-policy, a fence device that reaches all (`devices`), and nodes
    that are counted on to end themselves within `watchdog_ms` (0: not)."""
    def meta(action: str, timeout: str, interval: str = "0s") -> str:
        return f'<op id="R-{action}" name="{action}" interval="{interval}" timeout="{timeout}"/>'

    operations = (
        meta("start", "2s") + meta("stop", "2s") + meta("monitor", "2s", f"{MONITOR_MS / 1000:.0f}s")
    )
    services = "".join(
        f'<primitive id="{resource}" class="ocf" provider="sim" type="Service"><operations>'
        f'{operations.replace("R-", resource + "-")}</operations></primitive>'
        for resource in resources
    )
    services, constraints = relations.configured(relation, resources, services)
    fence = (
        '<primitive id="fence" class="stonith" type="fence_sim"><instance_attributes id="fence-i">'
        f'<nvpair id="fence-h" name="pcmk_host_list" value="{" ".join(names)}"/>'
        '<nvpair id="fence-c" name="pcmk_host_check" value="static-list"/>'
        "</instance_attributes></primitive>"
    ) if devices else ""
    trust = f'<nvpair id="o4" name="stonith-watchdog-timeout" value="{watchdog_ms}ms"/>' if watchdog_ms else ""
    nodes = "".join(f'<node id="{name.removeprefix("node")}" uname="{name}"/>' for name in names)
    return (
        '<cib crm_feature_set="3.20.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0">'
        '<configuration><crm_config><cluster_property_set id="cib-bootstrap-options">'
        '<nvpair id="o1" name="stonith-enabled" value="true"/><nvpair id="o2" name="stonith-timeout" value="3s"/>'
        f'<nvpair id="o3" name="no-quorum-policy" value="{policy}"/>{trust}</cluster_property_set></crm_config>'
        f"<nodes>{nodes}</nodes><resources>{services}{fence}</resources><constraints>{constraints}</constraints>"
        "</configuration><status/></cib>"
    ).encode()
