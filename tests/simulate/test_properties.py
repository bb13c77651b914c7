"""What holds for every plan: it ends, nothing is left to do then, and nothing runs twice that should run once."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashell.cib.files import load_cib
from hashell.scheduler.actions import split_key
from hashell.simulate import inject
from hashell.simulate.run import decide, walk, with_status
from hashell.simulate.text import action_line
from hashell.state.cluster_state import read_cluster_state
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import NOW_S, Cluster, clone, group, primitive
from hashell.transition.runner import RunState

NODES = ("node1", "node2", "node3")
TOPS = ("a", "b", "g", "k")
STEP, BYTES_MAX = 15, 60_000
#: Transitions until a cluster has to be at rest.
STEPS = 8
SCORES = st.sampled_from(["INFINITY", "-INFINITY", "100", "-100", "1"])


@st.composite
def clusters(draw):
    """Four resources of different kinds on three nodes, under random constraints that do not rotate for ever."""
    stickiness = draw(st.sampled_from(["0", "1", "100"]))
    resources = (
        primitive("a", resource_stickiness=stickiness) + primitive("b") + group("g", primitive("g1"), primitive("g2"))
        + clone("k", primitive("k1"), clone_max=draw(st.sampled_from(["1", "2", "3"])))
    )
    constraints = ""
    for number in range(draw(st.integers(0, 3))):
        constraints += (
            f'<rsc_location id="l{number}" rsc="{draw(st.sampled_from(TOPS))}" '
            f'node="{draw(st.sampled_from(NODES))}" score="{draw(SCORES)}"/>'
        )
    for number in range(draw(st.integers(0, 2))):
        first, second = draw(st.sampled_from([(x, y) for x in TOPS for y in TOPS if x < y]))
        constraints += f'<rsc_colocation id="c{number}" rsc="{second}" with-rsc="{first}" score="{draw(SCORES)}"/>'
    if draw(st.booleans()):
        constraints += '<rsc_order id="o" first="a" then="g"/>'
    attributes = {draw(st.sampled_from(NODES)): {"standby": "on"}} if draw(st.booleans()) else {}
    return Cluster(resources, constraints, attributes=attributes)


def watched_walk(cib, now_s, single):
    """One transition walked action by action; the CIB then, and resources that ran on two nodes on the way."""
    decision = decide(cib, now_s, 1)
    result = walk(decision, clock_s=now_s - 10)
    return decision, result, doubled(decision, result.lines, single)


def doubled(decision, lines, single):
    """Resources that these lines of a walk bring to a second node while they are on a first one."""
    active = places(decision.state, single)
    before = {name for name, nodes in active.items() if len(nodes) > 1}
    twice = set()
    by_line = {}
    for synapse in decision.graph.synapses:
        action = synapse.action
        by_line[action_line(action, "" if action.primitive is None else action.primitive.id)] = action
    for line in lines:
        action = by_line.get(line)
        if action is None:
            continue
        if action.task == "stonith" and not line.endswith("(on)"):
            for nodes in active.values():
                nodes.discard(action.node)
        # A stop that a fenced node or a lost guest implies has no resource, but its key names one.
        name = split_key(action.key)[0] if action.primitive is None else action.primitive.id
        if name not in active:
            continue
        if action.task in ("start", "migrate_to"):
            active[name].add(action.node if action.task == "start" else "migrating")
        elif action.task == "stop":
            active[name] -= {action.node, "migrating"} if action.node else active[name]
        if len(active[name]) > 1 and action.task == "start":
            twice.add(name)
    return twice - before


def places(state, single):
    return {
        one.id: {state.nodes[ident].name for ident in one.active_on}
        for top in state.resources for one in top.primitives() if one.id in single
    }


def singles(state):
    """Primitives of which there may be one only."""
    return {
        one.id for top in state.resources for one in top.primitives()
        if one.id == one.config.id and not top.is_clone and not top.is_bundle
    }


def to_rest(cib, now_s):
    """The CIB at rest; fails if it finds none, or anything ran twice on the way."""
    for _ in range(STEPS):
        state = read_cluster_state(cib, now_s)
        decision, result, twice = watched_walk(cib, now_s, singles(state))
        assert twice == set()
        if not decision.graph.synapses:
            return cib
        assert result.state is not RunState.STUCK
        cib = result.cib
    raise AssertionError(f"the cluster finds no rest: {decision.summary}")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(clusters())
def test_when_all_is_done_nothing_is_left_to_do(cluster):
    decision = decide(to_rest(cluster.cib(), cluster.now_s), cluster.now_s, 1)
    assert decision.graph.synapses == ()
    # What should be done and can't be is told all the same.
    assert [line for line in decision.summary if "blocked" not in line] == []


def test_a_rest_that_lasts_may_tell_of_what_is_blocked():
    order = '<rsc_order id="o" first="a" then="b"/>'
    cluster = Cluster(primitive("a", target_role="Stopped") + primitive("b"), order)
    decision = decide(to_rest(cluster.cib(), cluster.now_s), cluster.now_s, 1)
    assert decision.graph.synapses == ()
    assert [" ".join(line.split()) for line in decision.summary] == [
        "Start b ( node1 ) due to unrunnable a start (blocked)"
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(clusters(), st.sampled_from(NODES), st.sampled_from(NODES))
def test_nothing_runs_twice_while_nodes_come_and_go(cluster, lost, standby):
    cib = to_rest(cluster.cib(), cluster.now_s)
    root = cib.copy_root()
    inject.node_down(root, lost)
    cib = to_rest(type(cib)(root), cluster.now_s)
    root = cib.copy_root()
    inject.set_node(root, lost, up=True)
    cib = to_rest(type(cib)(root), cluster.now_s)
    changed = cluster.but(attributes={standby: {"standby": "on"}}).cib().copy_root()
    changed.replace(changed.find("status"), cib.copy_root().find("status"))
    to_rest(type(cib)(changed), cluster.now_s)


def test_the_watch_sees_a_resource_that_runs_twice():
    cluster = Cluster(primitive("a")).settled()
    moved = cluster.but(attributes={"node1": {"standby": "on"}}).cib()
    decision, result, twice = watched_walk(moved, NOW_S, {"a"})
    assert twice == set()
    assert doubled(decision, tuple(reversed(result.lines)), {"a"}) == {"a"}


# Order ------------------------------------------------------------------------------------------------

#: What may stand in any order. The order of node_state is not among it: Pacemaker numbers the instances of a clone as
#: it finds them there, and its decisions follow the numbers.
ANY_ORDER = {
    "constraints": "configuration/constraints", "nodes": "configuration/nodes", "sections": "configuration",
    "values": ".//nvpair/..", "resources' histories": "status//lrm_resources", "histories": "status//lrm_resource",
    "operations": "configuration//operations", "rules": "configuration//rule", "tags": "configuration/tags/tag",
    "tickets": "status/tickets",
}


def in_other_order(cib, path, rng):
    root = cib.copy_root()
    for holder in dict.fromkeys(root.iterfind(path)):
        children = [one for one in holder if isinstance(one.tag, str)]
        rng.shuffle(children)
        holder.extend(children)
    return type(cib)(root)


def answer(cib, now_s):
    """What is decided, without the order in which it is told."""
    decision = decide(cib, now_s, 1)
    return sorted(decision.summary), dict(decision.schedule.placements), dict(decision.schedule.roles)


@pytest.mark.parametrize("what", ANY_ORDER)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(clusters(), st.sampled_from(NODES), st.randoms(use_true_random=False))
def test_what_may_stand_in_any_order_does(what, cluster, away, rng):
    settled = cluster.settled() if rng.random() < 0.5 else cluster
    cib = settled.but(attributes={away: {"standby": "on", "disk": "fast"}}).cib()
    assert answer(in_other_order(cib, ANY_ORDER[what], rng), cluster.now_s) == answer(cib, cluster.now_s)


def test_an_order_that_counts_is_seen():
    """Resources of the same importance are placed as they stand; so another order of them is another answer."""
    cib = Cluster(primitive("a") + primitive("b")).cib()
    turned = [answer(in_other_order(cib, "configuration/resources", random.Random(seed)), NOW_S) for seed in range(9)]
    assert any(one != answer(cib, NOW_S) for one in turned)


# Recorded clusters ------------------------------------------------------------------------------------

FOLDERS = [
    pytest.param(SHARED / name / "xml", id=name, marks=pytest.mark.skipif(
        not (SHARED / name / "xml").is_dir(), reason=f"{name} is not beside the checkout",
    )) for name in ("scheduler-corpus", "scheduler-fuzz")
]
#: What a graph does to the world; the rest of it (markers, clean-ups, shutdowns) a walk on paper does not record.
DEEDS = frozenset({"start", "stop", "promote", "demote", "migrate_to", "migrate_from", "reload", "reload-agent"})


def recorded(folder):
    """The smaller of the recorded clusters, each with its time."""
    for path in sorted(folder.glob("*.xml"))[::STEP]:
        if path.stat().st_size <= BYTES_MAX:
            cib = with_status(load_cib(path))
            yield path.stem, cib, int(cib.root.get("execution-date") or NOW_S)


def deeds(decision):
    return sorted(
        synapse.action.key for synapse in decision.graph.synapses
        if synapse.action.task == "stonith" or (synapse.action.task in DEEDS and synapse.action.primitive is not None)
    )


#: Recorded clusters that Pacemaker's simulation, run over and over, brings to no rest either, by what keeps them going.
RESTLESS = {
    name: why for why, names in {
        "an operation that was under way is recorded as such, whatever a walk on paper adds": (
            "696", "726", "735", "mon-rsc-3", "mon-rsc-4"),
        "what is recorded of it differs from what is configured, and a walk on paper does not record digests of that": (
            "bug-5025-3", "bug-5025-4", "bug-pm-12", "partial-live-migration-multiple-active"),
        "the failed guest or remote node stays failed on paper": ("bug-cl-5247", "remote-fence-before-reconnect"),
        "a clone of which it needs an instance has none on its node": ("clone-interleave-1", "clone-interleave-2"),
        "a node that left without quorum keeps something that should stop": ("764",),
    }.items() for name in names
}


def finds_no_rest(name, decision):
    """Why a recorded cluster is not at rest after some transitions on paper, in Pacemaker's simulation either; empty
    where there is no reason.
    """
    if any(key.startswith("stonith-") and key.endswith("-on") for key in deeds(decision)):
        return "that a node was unfenced is recorded by its device, which a walk on paper has none of"
    return RESTLESS.get(name, "")


@pytest.mark.parametrize("folder", FOLDERS)
def test_recorded_clusters_come_to_rest_and_run_nothing_twice(folder):
    restless, looked = {}, 0
    for name, cib, now_s in recorded(folder):
        for _ in range(STEPS):
            decision, result, twice = watched_walk(cib, now_s, singles(read_cluster_state(cib, now_s)))
            assert twice == set(), name
            if not deeds(decision) or result.state is RunState.STUCK:
                break
            cib = result.cib
        else:
            if not finds_no_rest(name, decision):
                restless[name] = deeds(decision)
        looked += 1
    assert restless == {}
    assert looked > 30


@pytest.mark.parametrize("folder", FOLDERS)
def test_recorded_clusters_may_stand_in_any_order(folder):
    changed = [
        (name, what) for number, (name, cib, now_s) in enumerate(recorded(folder)) if number % 3 == 0
        for what, path in ANY_ORDER.items()
        if answer(in_other_order(cib, path, random.Random(name)), now_s) != answer(cib, now_s)
    ]
    assert changed == []
