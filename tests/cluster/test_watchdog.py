"""Real daemons that end themselves: by their watchdog, without quorum, or because others fence them by it."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from hashell.lab import processes
from hashell.lab.cluster import LocalCluster
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

THREE = ("node1", "node2", "node3")
SERVICE = """<primitive id="service" class="ocf" provider="hashell" type="Process"><instance_attributes id="s-i">
<nvpair id="s-c" name="command" value="sleep 600"/></instance_attributes><operations>
<op id="s-m" name="monitor" interval="5s" timeout="20s"/></operations></primitive>"""
PREFER = '<rsc_location id="prefer" rsc="service" node="node3" score="100"/>'


def options(**values):
    pairs = "".join(
        f'<nvpair id="o-{name}" name="{name.replace("_", "-")}" value="{value}"/>' for name, value in values.items()
    )
    return f'<cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set>'


def formed(settings, **values):
    cluster = LocalCluster(THREE, settings=f"flap_delay_max_ms = 0\n{settings}")
    try:
        cluster.start()
        cluster.wait_formed()
        client = cluster.client()
        client.apply([
            Change("modify", options(**values).encode(), "crm_config"),
            Change("modify", SERVICE.encode(), "resources"), Change("modify", PREFER.encode(), "constraints"),
        ])
        client.wait_idle(60)
        client.close()
        cluster.wait_until(lambda: serving(cluster) == ["node3"], "the service is not on node3")
    except BaseException:
        cluster.close()
        raise
    return cluster


def serving(cluster):
    """Nodes on which the service's process really runs."""
    found = []
    for node in THREE:
        for pid in processes.belonging(cluster.place(node).run):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if words == b"sleep\x00600\x00":
                found.append(node)
                break
    return found


WATCHED = 'watchdog = "process"\nwatchdog_timeout_ms = 2000\n'


def test_watchdog_feeder_stopped_the_nodes_group_is_killed_in_time_and_others_wait_for_it():
    with formed(WATCHED, stonith_watchdog_timeout="6s", no_quorum_policy="stop") as cluster:
        with closing(cluster.client()) as client:
            assert client.cib().root.xpath("//nvpair[@name='have-watchdog']/@value") == ["true"]
        os.kill(cluster.pid("node3"), signal.SIGSTOP)
        began = time.monotonic()
        cluster.wait_until(lambda: not cluster.runs("node3"), "node3 still runs", 10)
        # Fed at most a fifth of its time before, it is killed within that time; a busy machine may add to it.
        assert 1.0 < time.monotonic() - began < 8
        assert serving(cluster) == []
        cluster.wait_until(lambda: len(serving(cluster)) == 1, "the service is not taken over")
        assert time.monotonic() - began > 6
        with closing(cluster.client("node1")) as client:
            fenced = [
                event for event in client.events(200)
                if event.data.get("device") == "watchdog" and event.data.get("state") == "success"
            ]
        assert [event.data["target"] for event in fenced] == ["node3"]


def test_watchdog_quorum_lost_the_node_ends_where_others_count_on_it():
    with formed(WATCHED, stonith_watchdog_timeout="6s", no_quorum_policy="freeze") as cluster:
        for node in ("node1", "node2"):
            cluster.kill(node)
        cluster.wait_until(lambda: not cluster.runs("node3"), "node3 goes on without quorum", 20)


def test_watchdog_poison_pill_a_member_that_is_fenced_by_its_watchdog_ends_at_once():
    with formed(WATCHED, stonith_watchdog_timeout="8s") as cluster:
        client = cluster.client("node1", timeout_s=60)
        began = time.monotonic()
        said = []

        asking = threading.Thread(target=lambda: said.append(client.fence("node3", "off")))
        asking.start()
        cluster.wait_until(lambda: not cluster.runs("node3"), "node3 still runs", 7)
        asking.join(60)
        assert "fenced" in said[0] and time.monotonic() - began > 8
        cluster.wait_until(lambda: len(serving(cluster)) == 1, "the service is not taken over")
        client.close()


def test_a_node_without_a_watchdog_ends_its_services_and_itself_when_quorum_is_lost_under_suicide():
    with formed("", no_quorum_policy="suicide", stonith_enabled="false") as cluster:
        for node in ("node1", "node2"):
            cluster.kill(node)
        cluster.wait_until(lambda: not cluster.runs("node3"), "node3 goes on without quorum", 20)
        assert serving(cluster) == []
        assert "no-quorum-policy is suicide" in cluster.place("node3").log.read_text()


def test_a_clean_leave_disarms_the_watchdog_and_leaves_no_guard():
    with formed(WATCHED, stonith_enabled="false") as cluster:
        assert cluster.stop_node("node3") == 0
        cluster.wait_until(lambda: not cluster.runs("node3"), "something of node3 is left", 10)
        assert "is ended" not in cluster.place("node3").log.read_text()


def test_a_daemon_that_is_killed_and_comes_back_in_time_keeps_its_service_alive():
    with formed('watchdog = "process"\nwatchdog_timeout_ms = 20000\n', stonith_enabled="false") as cluster:
        cluster.kill_daemon("node3")
        cluster.start_node("node3")
        cluster.wait_formed()
        time.sleep(0.5)
        cluster.wait_until(lambda: len(guards(cluster, "node3")) == 1, "there are two guards, or none", 10)
        assert cluster.alive("node3")
        assert serving(cluster) == ["node3"]


def guards(cluster, node):
    """Process ids of a node's guards."""
    found = []
    for pid in processes.belonging(cluster.place(node).run):
        with suppress(OSError):
            if b"watchdog.guard" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found
