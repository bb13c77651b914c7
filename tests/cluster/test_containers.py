"""Guest nodes and bundles of real processes: their containers are made up, and what runs in them is a hashelld."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from hashell.lab.cluster import LocalCluster, free_port, import_path
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(240)]

#: In the place of podman, and of a virtual machine: a container is a process, which dies with its host.
CONTAINER = """#!/bin/sh
name=$OCF_RESOURCE_INSTANCE
folder=$HASHELL_RUN_DIR/c/$name
case "$1" in
meta-data)
    echo '<resource-agent name="container" version="1.0"><parameters><parameter name="image"/>'
    echo '<parameter name="run_opts"/></parameters><actions><action name="start"/></actions></resource-agent>' ;;
start)
    mkdir -p "$folder"
    at=$(echo "$OCF_RESKEY_run_opts" | sed -n 's/.* -p \\([0-9.]*\\):\\([0-9]*\\):.*/--address \\1 --port \\2/p')
    PYTHONPATH={path} setsid {python} -m hashelld --remote $at $OCF_RESKEY_options --key {key} \\
        --run-dir "$folder" --state-dir "$folder" >>"$folder/log" 2>&1 </dev/null &
    echo $! >"$folder/pid" ;;
stop)
    [ -e "$folder/pid" ] || exit 0
    kill -9 "$(cat "$folder/pid")" 2>/dev/null
    rm -rf "$folder/pid" ;;
monitor)
    [ -e "$folder/pid" ] && kill -0 "$(cat "$folder/pid")" 2>/dev/null || exit 7 ;;
*) exit 3 ;;
esac
exit 0
"""
ADDRESS = """#!/bin/sh
state=$HASHELL_RUN_DIR/ip-$OCF_RESKEY_ip
case "$1" in
meta-data)
    echo '<resource-agent name="IPaddr2" version="1.0"><parameters><parameter name="ip"/></parameters><actions/>'
    echo '</resource-agent>' ;;
start) touch "$state" ;;
stop) rm -f "$state" ;;
monitor) [ -e "$state" ] || exit 7 ;;
*) exit 3 ;;
esac
exit 0
"""
BUNDLE = """<bundle id="web"><podman image="any" replicas="2"/>
<network ip-range-start="127.31.7.1" control-port="{port}"/>
<primitive id="site" class="ocf" provider="hashell" type="Dummy"><operations>
<op id="site-m" name="monitor" interval="2s"/></operations></primitive></bundle>"""
GUEST = """<primitive id="vm" class="ocf" provider="test" type="Machine"><meta_attributes id="vm-m">
<nvpair id="vm-m-1" name="remote-node" value="guest"/><nvpair id="vm-m-2" name="remote-addr" value="127.0.0.1"/>
<nvpair id="vm-m-3" name="remote-port" value="{port}"/></meta_attributes><instance_attributes id="vm-i">
<nvpair id="vm-i-1" name="options" value="--node guest --address 127.0.0.1 --port {port}"/></instance_attributes>
<operations><op id="vm-op" name="monitor" interval="2s"/></operations></primitive>
<primitive id="job" class="ocf" provider="hashell" type="Dummy"><operations>
<op id="job-m" name="monitor" interval="2s"/></operations></primitive>"""


class ContainerLab(LocalCluster):
    """Its nodes find the made-up agents where agents are looked for."""

    def make_agents(self) -> None:
        words = {"path": import_path(), "python": sys.executable, "key": self.folder / "key"}
        for path, text in (
            ("heartbeat/podman", CONTAINER), ("test/Machine", CONTAINER), ("heartbeat/IPaddr2", ADDRESS),
        ):
            file: Path = self.folder / "ocf" / "resource.d" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            for word, value in words.items():
                text = text.replace("{" + word + "}", str(value))
            file.write_text(text)
            file.chmod(0o755)

    def environment(self, node: str) -> dict[str, str]:
        return {**super().environment(node), "OCF_ROOT": str(self.folder / "ocf")}

    def put(self, path: str, xml: str) -> None:
        client = self.client()
        try:
            client.apply([Change("modify", xml.encode(), path)])
        finally:
            client.close()

    def online(self, resource: str) -> set[str]:
        """Nodes on which a resource was started last, and not stopped since."""
        client = self.client()
        try:
            root = client.cib().root
        finally:
            client.close()
        found = set()
        for state in root.iterfind("status/node_state"):
            for last in state.iterfind(f".//lrm_resource[@id='{resource}']/lrm_rsc_op"):
                good = last.get("op-status") == "0" and last.get("rc-code") == "0"
                if last.get("id", "").endswith("_last_0") and good and last.get("operation") in ("start", "monitor"):
                    found.add(state.get("uname"))
        return found


@pytest.fixture
def lab():
    with ContainerLab(("node1", "node2")) as cluster:
        cluster.make_agents()
        cluster.start()
        cluster.wait_formed()
        cluster.put("crm_config", (
            '<cluster_property_set id="o"><nvpair id="o-1" name="stonith-enabled" value="false"/>'
            '<nvpair id="o-2" name="no-quorum-policy" value="ignore"/></cluster_property_set>'
        ))
        yield cluster


def test_a_bundle_runs_its_containers_their_addresses_and_the_service_in_each_of_them(lab):
    lab.put("resources", BUNDLE.format(port=free_port()))
    lab.wait_until(lambda: lab.online("site") == {"web-0", "web-1"}, "the service is not in both containers")
    hosts = lab.online("web-podman-0"), lab.online("web-podman-1")
    assert hosts[0] | hosts[1] == {"node1", "node2"}, "one on each"
    for number in (0, 1):
        assert lab.online(f"web-{number}") == hosts[number], "the connection is where its container is"
        assert lab.online(f"web-ip-127.31.7.{number + 1}") == hosts[number]


def test_a_container_that_dies_is_started_again_with_all_that_was_in_it(lab):
    lab.put("resources", BUNDLE.format(port=free_port()))
    lab.wait_until(lambda: lab.online("site") == {"web-0", "web-1"}, "the service is not in both containers")
    (host,) = lab.online("web-podman-0")
    file = lab.place(host).run / "c" / "web-podman-0" / "pid"
    pid = int(file.read_text())
    os.kill(pid, signal.SIGKILL)
    lab.wait_until(
        lambda: file.exists() and int(file.read_text() or pid) != pid, "the container was not started again"
    )
    lab.wait_until(lambda: lab.online("site") == {"web-0", "web-1"}, "the service did not come back")


def test_a_guest_is_a_node_while_its_machine_runs_and_moves_with_it(lab):
    lab.put("resources", f"<resources>{GUEST.format(port=free_port())}</resources>")
    lab.put("constraints", '<rsc_location id="in" rsc="job" node="guest" score="1000"/>')
    lab.wait_until(lambda: lab.online("job") == {"guest"}, "the service is not on the guest")
    (host,) = lab.online("vm")
    assert lab.online("guest") == {host}
    lab.put("nodes", (
        f'<node id="{host[-1]}" uname="{host}"><instance_attributes id="n-{host}">'
        f'<nvpair id="n-{host}-s" name="standby" value="on"/></instance_attributes></node>'
    ))
    other = "node2" if host == "node1" else "node1"
    lab.wait_until(lambda: lab.online("vm") == {other} == lab.online("guest"), "the machine did not move")
    lab.wait_until(lambda: lab.online("job") == {"guest"}, "the service did not come back")
