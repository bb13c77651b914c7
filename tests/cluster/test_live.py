"""Live faults, a round of each: on loopback, and on machines in namespaces where those can be made."""

from __future__ import annotations

import pytest

from hashell.errors import HashellError
from hashell.lab import live, processes
from hashell.lab.live_faults import BY_NAME
from hashell.lab.namespaces import check_possible

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

#: In groups that share a cluster, so that a group is one test of bearable length.
LOOPBACK = (
    ("service_dies", "kill", "pause_short", "heart_dies", "standby"),
    ("crash", "pause", "stall", "crash_in_transition", "leave"),
    ("wipe", "crash_two", "blackout", "cold_start"),
)
MACHINES = (
    ("power", "partition", "cut", "one_way"),
    ("reset", "wall", "wall_one_way", "first_link", "second_link", "address_removed", "address_change"),
    ("loss", "delay", "small_mtu", "slow_link", "flap"),
)


def problems(names: tuple[str, ...], *, rounds: int = 1) -> list[str]:
    done, overall = live.run([BY_NAME[name] for name in names], rounds)
    assert [one.fault for one in done] == [name for name in names for _ in range(rounds)]
    return [f"{one.fault}: {text}" for one in done for text in one.problems] + overall


@pytest.mark.loopback
@pytest.mark.parametrize("names", LOOPBACK, ids=lambda names: names[0])
def test_after_each_fault_the_cluster_is_idle_and_whole_again_without_a_hand(names):
    found = problems(names)
    assert not found, "\n".join(found)


@pytest.mark.root
@pytest.mark.parametrize("names", MACHINES, ids=lambda names: names[0])
def test_after_each_fault_of_the_network_the_cluster_is_idle_and_whole_again_without_a_hand(names):
    try:
        check_possible()
    except HashellError as error:
        pytest.skip(str(error))
    found = problems(names)
    assert not found, "\n".join(found)


def test_every_live_fault_has_a_round_here():
    assert {name for group in (*LOOPBACK, *MACHINES) for name in group} == set(BY_NAME)


@pytest.mark.loopback
def test_a_fault_that_is_not_survived_is_told(monkeypatch):
    """The audit can fail: a quiet fault that has a node lost is a problem, and so is a node that stays away."""
    from dataclasses import replace

    from hashell.lab import live_rig

    monkeypatch.setattr(live, "PATIENCE_S", 6.0)
    loud = replace(BY_NAME["kill"], comes="quiet", undo=lambda rig, node: None)
    rig = live_rig.HashellRig()
    try:
        told = live.play(rig, loud, 1).problems
    finally:
        rig.close()
    assert any("node" in text and "after 6 s" in text for text in told), told
    assert any("was lost without need" in text for text in told), told
    assert processes.belonging(rig.cluster.folder) == ()
