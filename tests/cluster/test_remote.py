"""A remote node of real processes: two members, a hashelld that only executes, a service on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hashell.lab.cluster import LocalCluster
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(180)]

REMOTE = """<primitive id="r1" class="ocf" provider="pacemaker" type="remote"><instance_attributes id="r1-i">
<nvpair id="r1-i-1" name="server" value="127.0.0.1"/><nvpair id="r1-i-2" name="port" value="{port}"/>
<nvpair id="r1-i-3" name="reconnect_interval" value="{reconnect}"/></instance_attributes>
<operations><op id="r1-m" name="monitor" interval="5s" timeout="10s"/></operations></primitive>"""
#: Its process outlives the daemon, as a service does.
SERVICE = """<primitive id="web" class="ocf" provider="hashell" type="Process"><instance_attributes id="web-i">
<nvpair id="web-i-1" name="command" value="sleep 1000"/></instance_attributes>
<operations><op id="web-m" name="monitor" interval="1s"/></operations></primitive>"""
FENCE = """<primitive id="fence" class="stonith" type="fence_hashell"><instance_attributes id="fence-i">
<nvpair id="fence-i-1" name="pcmk_host_list" value="node1 node2 r1"/>
<nvpair id="fence-i-2" name="pcmk_host_check" value="static-list"/></instance_attributes></primitive>"""


class Lab:
    """The cluster, and what one asks of it."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster

    def cib(self):
        client = self.cluster.client()
        try:
            return client.cib().root
        finally:
            client.close()

    def put(self, path: str, xml: str, kind: str = "modify") -> None:
        client = self.cluster.client()
        try:
            client.apply([Change(kind, xml.encode(), path)])
        finally:
            client.close()

    def configure(self, *, fencing: bool, reconnect: str = "0") -> None:
        enabled = "true" if fencing else "false"
        self.put("crm_config", (
            f'<cluster_property_set id="o"><nvpair id="o-1" name="stonith-enabled" value="{enabled}"/>'
            '<nvpair id="o-2" name="dc-deadtime" value="1s"/></cluster_property_set>'
        ))
        port = self.cluster.place("r1").port
        parts = (*([FENCE] if fencing else []), SERVICE, REMOTE.format(port=port, reconnect=reconnect))
        client = self.cluster.client()
        try:
            # At once: the service is not to start elsewhere first.
            client.apply([
                Change("modify", f"<resources>{''.join(parts)}</resources>".encode(), ""),
                Change("modify", b'<rsc_location id="here" rsc="web" node="r1" score="1000"/>', "constraints"),
            ])
        finally:
            client.close()

    def entry(self, node: str, name: str) -> dict[str, str]:
        found = self.cib().xpath(f"status/node_state[@uname='{node}']//lrm_rsc_op[@id='{name}']")
        return dict(found[0].attrib) if found else {}

    def runs_on(self, resource: str) -> str:
        """Where the last start or good monitor was, and no stop since; empty while it is nowhere."""
        for state in self.cib().iterfind("status/node_state"):
            for last in state.iterfind(f".//lrm_rsc_op[@id='{resource}_last_0']"):
                started = last.get("operation") in ("start", "migrate_from") or (
                    last.get("operation") == "monitor" and last.get("rc-code") == "0"
                )
                if started and last.get("op-status") == "0" and last.get("rc-code") == "0":
                    return state.get("uname")
        return ""

    def wait_for(self, resource: str, *nodes: str, timeout_s: float = 40) -> float:
        return self.cluster.wait_until(
            lambda: self.runs_on(resource) in nodes, f"{resource} does not run on {' or '.join(nodes)}", timeout_s
        )

    def service_pids(self) -> set[int]:
        """Processes of the service, on whatever node."""
        found = set()
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    command = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
                    environment = Path(f"/proc/{name}/environ").read_bytes()
                except OSError:
                    continue
                if command[:2] == [b"sleep", b"1000"] and os.fsencode(self.cluster.folder) in environment:
                    found.add(int(name))
        return found

    def hashell(self, node: str, *words: str) -> subprocess.CompletedProcess[str]:
        socket = str(self.cluster.place(node).socket)
        return subprocess.run(
            [sys.executable, "-m", "hashell", "--attach", socket, *words], env=self.cluster.environment(node),
            capture_output=True, text=True, timeout=60, check=False,
        )

    def tool(self, node: str, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """One of the tools that agents call, as an agent of that node would."""
        from hashell.agents.call import Place

        place = self.cluster.place(node)
        environment = {**self.cluster.environment(node), **Place(
            node, self.cluster.name, str(place.state), str(place.run)
        ).environment}
        return subprocess.run(
            [f"{environment['HA_SBIN_DIR']}/{name}", *words], env=environment, capture_output=True, text=True,
            timeout=30, check=False,
        )


@pytest.fixture
def lab():
    with LocalCluster(("node1", "node2"), remotes=("r1",)) as cluster:
        cluster.start()
        cluster.start_node("r1")
        cluster.wait_formed()
        yield Lab(cluster)


def test_a_service_outlives_the_member_through_which_it_was_started(lab):
    lab.configure(fencing=True)
    lab.wait_for("web", "r1")
    (pid,) = lab.service_pids()
    started = lab.entry("r1", "web_last_0")
    host = lab.runs_on("r1")
    lab.cluster.kill(host)
    other = "node2" if host == "node1" else "node1"
    lab.wait_for("r1", other)
    lab.cluster.wait_until(lambda: lab.entry("r1", "web_monitor_1000") != {}, "nobody looks after it")
    assert lab.service_pids() == {pid}, "it was not started again"
    assert lab.entry("r1", "web_last_0")["transition-key"] == started["transition-key"]
    # The new host hears of it when it fails.
    os.kill(pid, signal.SIGKILL)
    lab.cluster.wait_until(lambda: lab.service_pids() - {pid} != set(), "it was not started again")
    lab.wait_for("web", "r1")


def test_a_remote_node_that_is_killed_is_fenced_and_its_service_runs_elsewhere(lab):
    lab.configure(fencing=True, reconnect="2s")
    lab.wait_for("web", "r1")
    lab.cluster.kill_daemon("r1")
    assert len(lab.service_pids()) == 1, "the service itself still runs: that is why it must be fenced"
    took_s = lab.wait_for("web", "node1", "node2")
    assert took_s < 10
    lab.cluster.wait_until(lambda: len(lab.service_pids()) == 1, "it runs twice or not at all", 5)
    state = lab.cib().find("status/node_state[@uname='r1']")
    assert int(state.get("node_fenced")) > time.time() - 60
    # When it is back, so is its service.
    lab.cluster.start_node("r1")
    lab.wait_for("web", "r1")
    lab.cluster.wait_until(lambda: len(lab.service_pids()) == 1, "it runs twice or not at all", 5)


def test_a_remote_node_that_is_stopped_in_an_orderly_way_gives_its_service_away_first(lab):
    lab.configure(fencing=False)
    lab.wait_for("web", "r1")
    assert lab.cluster.stop_node("r1", timeout_s=30) == 0
    lab.wait_for("web", "node1", "node2")
    assert len(lab.service_pids()) == 1
    assert lab.entry("r1", "web_last_0")["operation"] == "stop"


def test_tools_and_the_shell_work_on_a_remote_node_by_way_of_its_connection(lab):
    lab.configure(fencing=False)
    lab.wait_for("web", "r1")
    assert lab.tool("r1", "attrd_updater", "-n", "load", "-U", "7").returncode == 0
    lab.cluster.wait_until(
        lambda: lab.cib().xpath("status/node_state[@uname='r1']/transient_attributes//nvpair[@name='load']/@value")
        == ["7"], "the attribute is not there", 10,
    )
    read = lab.tool("r1", "crm_attribute", "-n", "load", "-N", "r1", "-l", "reboot", "-G", "-q")
    assert (read.returncode, read.stdout.strip()) == (0, "7")
    shown = lab.hashell("r1", "status")
    assert shown.returncode == 0, shown.stderr
    assert "RemoteOnline: [ r1 ]" in shown.stdout or "r1" in shown.stdout
    assert lab.hashell("r1", "configure", "property", "no-quorum-policy=stop").returncode == 0
    assert lab.cib().xpath("//nvpair[@name='no-quorum-policy']/@value") == ["stop"]


def test_a_remote_node_with_another_key_is_not_connected_to(lab):
    from hashell.lab.keygen import make_key

    lab.cluster.kill("r1")
    key = lab.cluster.folder / "other"
    make_key(key)
    lab.cluster.start_node("r1", "--key", str(key))
    lab.configure(fencing=False)
    lab.cluster.wait_until(
        lambda: "another key" in lab.entry("node1", "r1_last_failure_0").get("exit-reason", ""),
        "the start does not fail with the reason",
    )
    lab.wait_for("web", "node1", "node2")
