"""Real daemons and their heartbeat processes: whose end costs a view, and whose does not."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from hashell.lab import processes
from hashell.lab.cluster import LocalCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

THREE = ("node1", "node2", "node3")


@pytest.fixture
def three():
    # Twice the usual time: on a machine that is late by a quarter of a second a heartbeat process may need so long to
    # be replaced that peers would be right to suspect its node; what they do then is tried with simulated time.
    with LocalCluster(THREE, settings="flap_delay_max_ms = 0\ndetect_ms = 2000\n") as cluster:
        cluster.start()
        cluster.wait_formed()
        cluster.wait_until(lambda: all(heart(cluster, node) for node in THREE), "no heartbeat processes")
        for node in THREE:
            cluster.wait_until(
                lambda node=node: "heartbeat process" in cluster.place(node).log.read_text(), "no heart is ready"
            )
        # Until beats pass both ways, links tell who lives.
        time.sleep(1)
        yield cluster


def heart(cluster: LocalCluster, node: str) -> int:
    """The process id of a node's heartbeat process; 0: none."""
    for pid in processes.belonging(cluster.place(node).run):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"mesh.heartbeat import main" in words:
            return pid
    return 0


def same_view(cluster: LocalCluster, view: int, seconds: float) -> None:
    """For so long all three stay members of this view."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for node in THREE:
            info = cluster.info(node)
            if info is not None:
                assert info.view == view, f"{node} went from view {view} to {info.view}"
        time.sleep(0.1)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_heartbeat_process_that_is_killed_or_stopped_is_replaced_and_no_view_changes(three, how):
    view = three.info("node1", timeout_s=60).view
    for node in ("node2", "node3"):
        old = heart(three, node)
        os.kill(old, how)
        three.wait_until(lambda node=node, old=old: heart(three, node) not in (0, old), "it is not replaced")
        same_view(three, view, 2.5)


def test_a_daemon_that_is_stopped_for_two_seconds_stays_a_member_and_goes_on(three):
    view = three.info("node1", timeout_s=60).view
    os.kill(three.pid("node2"), signal.SIGSTOP)
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert three.info("node1", timeout_s=60).view == view
        time.sleep(0.1)
    os.kill(three.pid("node2"), signal.SIGCONT)
    same_view(three, view, 2)


def test_a_daemon_that_is_stopped_for_longer_than_its_limit_is_left_behind_and_comes_back(three):
    os.kill(three.pid("node2"), signal.SIGSTOP)
    three.wait_until(
        lambda: any(m.name == "node2" and m.state == "lost" for m in three.info("node1", timeout_s=60).members),
        "it is not missed",
    )
    assert any("stood still" in event.text for event in events(three, "node1"))
    os.kill(three.pid("node2"), signal.SIGCONT)
    three.wait_formed()


def events(cluster, node):
    client = cluster.client(node)
    try:
        return client.events()
    finally:
        client.close()


def test_a_stalled_daemon_is_ended_by_its_heartbeat_process_where_that_is_the_policy():
    with LocalCluster(THREE, settings='stall_action = "kill"\nstall_limit_ms = 1500\n') as cluster:
        cluster.start()
        cluster.wait_formed()
        cluster.wait_until(lambda: heart(cluster, "node2") != 0, "no heartbeat process")
        cluster.wait_until(
            lambda: "heartbeat process" in cluster.place("node2").log.read_text(), "no heart is ready"
        )
        os.kill(cluster.pid("node2"), signal.SIGSTOP)
        cluster.wait_until(lambda: not cluster.alive("node2"), "it stands there for ever")
        cluster.wait_until(lambda: heart(cluster, "node2") == 0, "its heart beats on")
        cluster.start_node("node2")
        cluster.wait_formed()


def test_a_frozen_node_is_lost_and_its_heartbeat_process_stands_too(three):
    three.freeze("node3")
    seconds = three.wait_until(
        lambda: any(m.name == "node3" and m.state == "lost" for m in three.info("node1", timeout_s=60).members),
        "it is not missed",
    )
    assert seconds < 5
    three.thaw("node3")
    three.wait_formed()


def test_the_end_of_a_daemon_ends_its_heartbeat_process_too(three):
    three.kill_daemon("node3")
    three.wait_until(lambda: heart(three, "node3") == 0, "its heart beats on")
