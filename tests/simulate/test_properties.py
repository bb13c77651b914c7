"""What holds for every plan: it ends, nothing is left to do then, and nothing runs twice that should run once."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashell.cib.files import load_cib
from hashell.simulate import inject
from hashell.simulate.run import decide, walk, with_status
from hashell.simulate.text import action_line
from hashell.state.cluster_state import read_cluster_state
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import NOW_S, Cluster, clone, group, primitive
from hashell.transition.runner import RunState

CASES = SHARED / "scheduler-corpus" / "xml"
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
        if action.primitive is not None:
            by_line[action_line(action, action.primitive.id)] = action
    for line in lines:
        action = by_line.get(line)
        if action is None or action.primitive.id not in active:
            continue
        if action.task in ("start", "migrate_to"):
            active[action.primitive.id].add(action.node if action.task == "start" else "migrating")
        elif action.task == "stop":
            active[action.primitive.id] -= {action.node, "migrating"}
        if len(active[action.primitive.id]) > 1 and action.task == "start":
            twice.add(action.primitive.id)
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
    settled = to_rest(cluster.cib(), cluster.now_s)
    assert decide(settled, cluster.now_s, 1).summary == ()


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


@pytest.mark.skipif(not CASES.is_dir(), reason="recorded cases are not beside the checkout")
def test_recorded_cases_start_nothing_before_it_is_stopped():
    looked = 0
    for path in sorted(CASES.glob("*.xml"))[::STEP]:
        if path.stat().st_size > BYTES_MAX:
            continue
        cib = with_status(load_cib(path))
        now_s = int(cib.root.get("execution-date") or NOW_S)
        _decision, _result, twice = watched_walk(cib, now_s, singles(read_cluster_state(cib, now_s)))
        assert twice == set(), path.name
        looked += 1
    assert looked > 10
