"""How many actions a loaded node is given, and how a node tells its load."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.controller import throttle
from hashelld.controller.throttle import Mode, Told
from hashelld.core.events import LoadTold


@pytest.mark.parametrize(("load", "cores", "expected"), [
    (0.0, 4, Mode.NONE), (3.8, 4, Mode.NONE), (3.9, 4, Mode.LOW), (5.2, 4, Mode.MEDIUM), (6.5, 4, Mode.HIGH),
    (900.0, 4, Mode.HIGH), (0.5, 1, Mode.NONE), (0.6, 1, Mode.LOW), (1.0, 1, Mode.HIGH),
])
def test_load_counts_by_the_core_and_is_never_the_worst_by_itself(load, cores, expected):
    assert throttle.mode(load, cores, 0.0, 0.8) is expected


@pytest.mark.parametrize(("own", "expected"), [
    (0.5, Mode.NONE), (0.65, Mode.LOW), (0.75, Mode.MEDIUM), (0.9, Mode.HIGH), (1.3, Mode.EXTREME),
])
def test_a_daemon_that_needs_a_core_for_itself_is_loaded_however_idle_the_machine(own, expected):
    assert throttle.mode(0.0, 64, own, 0.8) is expected


def test_a_threshold_of_nothing_leaves_the_machines_load_out():
    assert throttle.mode(500.0, 2, 0.0, throttle.target_of("0%")) is Mode.NONE
    assert throttle.target_of("") == 0.8 and throttle.target_of("50%") == 0.5 and throttle.target_of("x") == 0.8


@pytest.mark.parametrize(("told", "jobs"), [
    (None, 16), (Told(Mode.NONE, 16), 16), (Told(Mode.LOW, 16), 8), (Told(Mode.MEDIUM, 16), 4),
    (Told(Mode.HIGH, 16), 1), (Told(Mode.EXTREME, 16), 1), (Told(Mode.LOW, 1), 1), (Told(Mode.NONE, 4), 4),
    (Told(77, 16), 1),
])
def test_a_loaded_node_gets_fewer_jobs_and_always_one(told, jobs):
    assert throttle.node_jobs(told, 16) == jobs


def test_a_node_that_is_hardly_able_to_cope_slows_the_whole_cluster_and_one_that_is_gone_does_not():
    names = [f"n{number}" for number in range(8)]
    told = {"n1": Told(Mode.HIGH, 16), "n2": Told(Mode.LOW, 16)}
    assert throttle.cluster_jobs(0, told, names) == 4
    assert throttle.cluster_jobs(3, told, names) == 3
    assert throttle.cluster_jobs(0, {"n1": Told(Mode.EXTREME, 16)}, names) == 2
    assert throttle.cluster_jobs(0, told, ["n2", "n3"]) == 0
    assert throttle.cluster_jobs(30, {}, names) == 30
    assert throttle.cluster_jobs(0, {"n1": Told(77, 16)}, names) == 2


@given(st.floats(0, 1e6), st.integers(1, 512), st.floats(0, 64), st.floats(0, 10))
def test_more_load_never_means_more_jobs(load, cores, own, target):
    less = throttle.mode(load / 2, cores, own, target)
    more = throttle.mode(load, cores, own, target)
    assert less <= more
    assert throttle.node_jobs(Told(less, 16), 16) >= throttle.node_jobs(Told(more, 16), 16) >= 1


def test_a_node_tells_its_load_when_it_changes_and_gets_fewer_jobs(make_cluster):
    cluster = make_cluster("")
    node2 = cluster.nodes["node2"]

    def tell(load):
        cluster._deliver("node2", "", LoadTold(load, 2, 0.0))
        cluster.run(1)
        return {
            name: {other: one.mode for other, one in node.controller._loads.items()}
            for name, node in cluster.nodes.items() if node.up
        }

    assert set(map(str, tell(0.1).values())) == {"{}"}
    assert all(loads == {"node2": Mode.HIGH} for loads in tell(40.0).values())
    assert all(loads == {"node2": Mode.NONE} for loads in tell(0.1).values())
    tell(40.0)
    assert node2.controller._jobs_of("node2") == 1
