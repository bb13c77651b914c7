"""Our own agents, run as the cluster runs them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hashell.agents import find, run
from hashell.agents.call import OWN, Place, build_call
from hashell.values.agent_names import AgentName


def until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def node(tmp_path):
    """act(agent, action, resource, name=value …) → the OCF code, on a node of its own."""

    def make(name: str = "node1"):
        place = Place(node=name, run_dir=str(tmp_path / name / "run"), state_dir=str(tmp_path))
        run.prepare(place)

        def act(kind: str, action: str, resource: str = "rsc", **parameters: str) -> int:
            agent = AgentName("ocf", "hashell", kind)
            call = build_call(place, agent, find.resolve(agent), action, resource, parameters, 60_000)
            return run.run(call).answer(agent, action).rc

        return act

    return make


@pytest.fixture
def address():
    """A loopback address and a free port for this test alone."""
    number = os.getpid() % 60_000
    ip = f"127.77.{number // 250}.{number % 250 + 1}"
    with socket.socket() as free:
        free.bind((ip, 0))
        return ip, str(free.getsockname()[1])


@pytest.mark.parametrize(("kind", "parameters"), [
    ("Dummy", {}), ("Stateful", {}), ("Process", {"command": "sleep 300"}),
])
def test_start_monitor_and_stop_are_what_they_say_and_may_be_repeated(node, kind, parameters):
    act = node()
    assert act(kind, "monitor", **parameters) == 7
    assert act(kind, "stop", **parameters) == 0
    assert act(kind, "start", **parameters) == 0
    assert act(kind, "start", **parameters) == 0
    assert act(kind, "monitor", **parameters) == 0
    assert act(kind, "stop", **parameters) == 0
    assert act(kind, "monitor", **parameters) == 7
    assert act(kind, "nonsense", **parameters) == 3


def test_stateful_is_promoted_and_demoted(node):
    act = node()
    assert act("Stateful", "promote") == 7
    act("Stateful", "start")
    assert act("Stateful", "promote") == 0
    assert act("Stateful", "monitor") == 8
    assert act("Stateful", "demote") == 0
    assert act("Stateful", "monitor") == 0


def test_a_virtual_ip_has_one_owner(node, address):
    ip, port = address
    one, two = node("node1"), node("node2")
    parameters = {"ip": ip, "claim_port": port}
    try:
        assert one("VirtualIP", "start", **parameters) == 0
        assert one("VirtualIP", "monitor", **parameters) == 0
        assert two("VirtualIP", "monitor", **parameters) == 7
        assert two("VirtualIP", "start", **parameters) == 1
    finally:
        assert one("VirtualIP", "stop", **parameters) == 0
    assert two("VirtualIP", "start", **parameters) == 0
    assert two("VirtualIP", "stop", **parameters) == 0
    assert one("VirtualIP", "start", ip="no address") == 6


@pytest.mark.loopback
def test_the_web_server_answers_with_its_nodes_name_and_collides_with_another(node, address):
    ip, port = address
    one, two = node("node1"), node("node2")
    parameters = {"ip": ip, "port": port}
    try:
        assert one("WebServer", "start", **parameters) == 0
        assert two("WebServer", "start", "other", **parameters) == 1
        assert _ask(ip, port) == "node1"
        assert one("WebServer", "monitor", **parameters) == 0
        assert one("WebServer", "reload-agent", text="hello", **parameters) == 0
        assert _ask(ip, port) == "hello node1"
    finally:
        assert one("WebServer", "stop", **parameters) == 0
    # At once: connections that linger must not keep the next owner waiting.
    assert two("WebServer", "start", "other", **parameters) == 0
    assert _ask(ip, port) == "node2"
    assert two("WebServer", "stop", "other", **parameters) == 0


def _ask(ip: str, port: str) -> str:
    with socket.create_connection((ip, int(port)), 60) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return connection.makefile("rb").read().partition(b"\r\n\r\n")[2].decode().strip()


@pytest.mark.loopback
def test_a_silent_client_does_not_keep_others_from_being_served(node, address):
    ip, port = address
    act = node()
    act("WebServer", "start", ip=ip, port=port)
    try:
        with socket.create_connection((ip, int(port)), 60):
            assert _ask(ip, port) == "node1"
    finally:
        act("WebServer", "stop", ip=ip, port=port)


def test_a_process_that_dies_is_noticed_and_its_group_ends_with_it(node, tmp_path):
    act = node()
    pids = tmp_path / "pids"
    command = f"sh -c 'sleep 301 & echo $! $$ > {pids}; wait'"
    assert act("Process", "start", command=command) == 0
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    child, leader = map(int, pids.read_text().split())
    os.kill(leader, 9)
    until(lambda: act("Process", "monitor", command=command) == 7)
    os.kill(child, 9)
    assert act("Process", "start", command="false") == 1


# --- fence_hashell ---------------------------------------------------------------------------------


@pytest.fixture
def lab(tmp_path):
    """Folders of two nodes, and how to run the fence agent on node1."""
    for name in ("node1", "node2"):
        (tmp_path / name / "run").mkdir(parents=True)

    def fence(**words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-I", "-S", str(OWN / "fence" / "fence_hashell")],
            input="".join(f"{name}={value}\n" for name, value in words.items()).encode(),
            env={"HASHELL_NODE": "node1", "HASHELL_RUN_DIR": str(tmp_path / "node1" / "run")},
            capture_output=True, timeout=60, check=False,
        )

    return tmp_path, fence


def _service(folder: Path) -> subprocess.Popen[bytes]:
    """A process as an agent of that node would have left it."""
    return subprocess.Popen(
        ["sh", "-c", "sleep 302 & wait"], env={"HASHELL_RUN_DIR": str(folder), "PATH": os.environ["PATH"]},
        start_new_session=True,
    )


def test_fencing_ends_everything_of_a_node_and_nothing_of_another(lab):
    folder, fence = lab
    mine, other = _service(folder / "node2" / "run"), _service(folder / "node1" / "run")
    try:
        assert fence(action="status", port="node2").returncode == 0
        assert fence(action="off", nodename="node2").returncode == 0
        mine.wait(60)  # by the signal, or by itself because its child was the first to be hit
        assert fence(action="status", port="node2").returncode == 2
        assert fence(action="status", port="node2").stdout == b"Status: OFF\n"
        assert other.poll() is None
    finally:
        for process in (mine, other):
            if process.poll() is None:
                os.killpg(process.pid, 9)
            process.wait()


def test_a_stopped_process_and_a_daemon_known_by_its_command_line_are_ended_too(lab):
    folder, fence = lab
    daemon = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(303)", "hashelld", "--run-dir",
         str(folder / "node2" / "run")], env={}, start_new_session=True,
    )
    os.kill(daemon.pid, 19)
    assert fence(action="reboot", port="node2").returncode == 0
    assert daemon.wait(60) == -9


def test_turning_on_starts_the_daemon_as_it_had_been_started_when_told_to(lab):
    folder, fence = lab
    words = [sys.executable, "-c", "import time; time.sleep(304)", "hashelld", "--run-dir",
             str(folder / "node2" / "run")]
    daemon = subprocess.Popen(words, env={}, start_new_session=True)
    assert fence(action="off", port="node2").returncode == 0
    daemon.wait(60)
    assert fence(action="on", port="node2").returncode == 0
    assert fence(action="status", port="node2").returncode == 2
    assert fence(action="on", port="node2", restart="1").returncode == 0
    until(lambda: fence(action="status", port="node2").returncode == 0)
    assert fence(action="off", port="node2").returncode == 0


def test_a_node_that_does_not_exist_is_never_reported_off(lab):
    _, fence = lab
    for words in ({"port": "node9"}, {"port": ""}, {"port": "../x"}, {}):
        assert fence(action="off", **words).returncode == 1


def test_nodes_are_listed_and_the_agent_describes_itself(lab):
    _, fence = lab
    assert fence(action="list").stdout.decode().split() == ["node1,", "node2,"]
    assert fence(action="monitor").returncode == 0
    found = run.read_metadata(AgentName("stonith", "", "fence_hashell"))
    assert {"on", "off", "reboot", "status", "list", "monitor"} <= {one.name for one in found.actions}
