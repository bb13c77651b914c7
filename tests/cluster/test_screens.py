"""Shell and monitor in real terminals on a real cluster: what one does is seen in the other."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from hashell.commands.running import active_on
from hashell.lab.cluster import LocalCluster
from hashell.lab.stage import LoopbackStage
from hashell.testing.terminal import Terminal
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(240)]

HASHELL = (sys.executable, "-m", "hashell")


@pytest.fixture
def stage():
    with LoopbackStage() as found:
        found.build()
        yield found


def socket_of(stage: LoopbackStage, node: str) -> str:
    return str(stage.cluster.place(node).socket)


def line_of(text: str, word: str) -> str:
    return next((line for line in text.splitlines() if word in line), "")


def configuration(stage: LoopbackStage, node: str, wanted: str) -> str:
    """What the shell shows of a node's configuration once it has what is wanted: a change reaches the others soon."""
    deadline = time.monotonic() + 60
    while True:
        shown = subprocess.run(
            [*HASHELL, "--attach", socket_of(stage, node), "configure", "show"],
            check=True, capture_output=True, text=True, timeout=90,
        ).stdout
        if wanted in shown or time.monotonic() > deadline:
            return shown


def runs(stage: LoopbackStage, resource: str, node: str) -> bool:
    """Whether a resource runs somewhere, as a node knows it."""
    client = stage.cluster.client(node)
    try:
        return bool(active_on(client.cib(), resource))
    finally:
        client.close()


def test_a_change_by_the_shell_is_seen_in_the_monitor_and_one_by_the_monitor_in_the_shell(stage):
    with Terminal([*HASHELL, "monitor", "--attach", socket_of(stage, "node3")]) as monitor:
        monitor.wait_for(lambda text: "3/3 nodes" in text and "web-site" in text)

        subprocess.run(
            [*HASHELL, "--attach", socket_of(stage, "node2"), "node", "standby", "node2"], check=True, timeout=90
        )
        monitor.wait_for(lambda text: "standby" in line_of(text, " node2 "))

        monitor.send("\x1b[B")  # to node2
        monitor.wait_for(lambda text: "standby=on" in text)
        monitor.send("s")
        monitor.wait_for("node online node2")
        monitor.send("\r")
        monitor.wait_for("committed")
        monitor.wait_for(lambda text: "online" in line_of(text, " node2 ") and "standby=off" in text)
        assert "attributes standby=off" in configuration(stage, "node1", "attributes standby=off")
        monitor.send("q")
        assert monitor.wait_end() == 0


def test_the_monitor_moves_to_another_node_when_its_own_is_killed_and_says_so(stage):
    with Terminal([*HASHELL, "monitor", "--attach", socket_of(stage, "node1")]) as monitor:
        monitor.wait_for(lambda text: "3/3 nodes" in text and "web-site" in text)
        stage.cluster.kill("node1")
        monitor.wait_for("moved to")
        monitor.wait_for(
            lambda text: any(f"Started {node}" in line_of(text, "web-site") for node in ("node2", "node3"))
        )
        monitor.send("q")
        assert monitor.wait_end() == 0


def test_typed_text_stays_while_events_of_the_cluster_are_shown_above_the_prompt(stage):
    with Terminal([*HASHELL, "--attach", socket_of(stage, "node2")]) as shell:
        shell.wait_for("demo(live)#")
        shell.send("resource st")
        shell.wait_for("resource st")
        stage.cluster.kill("node3")
        shell.wait_for("node3 was lost")
        shell.wait_for("resource st")
        shell.send("\x15quit\r")
        assert shell.wait_end() == 0


def test_a_parameter_is_completed_with_its_description_committed_and_seen(stage):
    with Terminal([*HASHELL, "--attach", socket_of(stage, "node2")], columns=100, rows=30) as shell:
        shell.wait_for("demo(live)#")
        shell.send("configure primitive extra ocf:hashell:Dummy params")
        shell.wait_for("Dummy params")
        shell.send(" ")
        shell.wait_for("state")
        shell.send("\x15configure\r")
        shell.wait_for("configure#")
        shell.send("primitive extra ocf:hashell:Dummy\r")
        shell.send("show extra\r")
        shell.wait_for("primitive extra ocf:hashell:Dummy")
        shell.wait_for("edits staged")
        shell.send("commit\r")
        shell.wait_for(lambda text: "edits staged" not in text)
        shell.send("up\r")
        stage.cluster.wait_until(lambda: runs(stage, "extra", "node2"), "extra was not started")
        shell.send("resource status extra\r")
        shell.wait_for("is running on")
        shell.send("quit\r")
        assert shell.wait_end() == 0


def test_a_resource_goes_from_its_form_through_preview_and_commit_into_the_transition_and_starts(add_dummy):
    options = (
        '<cluster_property_set id="o"><nvpair id="o-s" name="stonith-enabled" value="false"/></cluster_property_set>'
    )
    with LocalCluster(("node1",)) as cluster:
        cluster.start()
        cluster.wait_formed()
        client = cluster.client()
        client.apply([Change("modify", options.encode(), "crm_config")])
        socket = str(cluster.place("node1").socket)
        with Terminal([*HASHELL, "monitor", "--attach", socket], columns=100, rows=40) as monitor:
            monitor.wait_for("1/1 nodes")
            add_dummy(monitor)
            monitor.send("2")
            monitor.wait_for(
                lambda text: any("done" in line and "start dummy" in line for line in text.splitlines())
            )
            monitor.send("1")
            monitor.wait_for(lambda text: "Started" in line_of(text, "dummy"))
        row = client.history(1)[0]
        client.close()

    assert (row.message, row.command.startswith("configure primitive dummy")) == ("tried out", True)
