"""The tutorial in namespaces: the real IPaddr2, an LSB script, the pcs lines as they stand in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hashell.errors import HashellError
from hashell.lab import processes, scenario
from hashell.lab.cluster import import_path
from hashell.lab.namespaces import Network, check_possible
from hashell.lab.tutorial import TutorialStage

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.timeout(300)]

IPADDR2 = Path(os.environ.get("OCF_ROOT", "/usr/lib/ocf")) / "resource.d" / "heartbeat" / "IPaddr2"


@pytest.fixture(autouse=True)
def machines_can_be_made():
    try:
        check_possible()
    except HashellError as error:
        pytest.skip(str(error))


def test_machines_hear_one_another_until_the_cable_is_cut(tmp_path):
    network = Network(tmp_path)
    try:
        one = network.power_on("one", "192.168.8.61/20", tmp_path / "one")
        two = network.power_on("two", "192.168.8.63/20", tmp_path / "two")
        assert "192.168.8.61" in one.addresses() and "192.168.8.63" in two.addresses()
        program = "import socket; s = socket.create_server(('', 5000)); print(s.accept()[1][0], flush=True)"
        listener = subprocess.Popen(
            [*one.words(), sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        )
        call = (
            "import socket, time\n"
            "for _ in range(1000):\n"
            "    try: socket.create_connection(('192.168.8.61', 5000), 5); break\n"
            "    except OSError: time.sleep(0.05)\n"
        )
        two.do(sys.executable, "-c", call)
        assert listener.stdout.readline().strip() == "192.168.8.63"
        listener.wait(60)
        listener.stdout.close()
        network.cut("one")
        with pytest.raises(HashellError):
            two.do(sys.executable, "-c", "import socket; socket.create_connection(('192.168.8.61', 5000), 0.3)")
    finally:
        network.close()
    assert processes.belonging(tmp_path) == ()


def test_a_machine_that_lost_power_has_lost_its_addresses(tmp_path):
    network = Network(tmp_path)
    try:
        one = network.power_on("one", "192.168.8.61/20", tmp_path / "one")
        one.do("ip", "address", "add", "192.168.8.47/32", "dev", "eth0")
        assert "192.168.8.47" in one.addresses()
        network.power_off("one")
        again = network.power_on("one", "192.168.8.61/20", tmp_path / "one")
        assert again.addresses() == ("127.0.0.1", "192.168.8.61")
    finally:
        network.close()


def test_the_tutorials_story_holds_to_its_end():
    if not IPADDR2.exists():
        pytest.skip(f"{IPADDR2} is not installed")
    process = subprocess.run(
        [sys.executable, "-m", "hashell", "demo", "--json", "--story", "tutorial"], check=False,
        capture_output=True, text=True, timeout=280, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": import_path()},
    )
    assert process.returncode == 0, process.stderr
    told = json.loads(process.stdout)
    (story,) = told["stories"]
    assert story["good"] and story["owner"] == "zabbix01"
    path = [(gap["before"], gap["after"]) for gap in story["outages"]]
    assert path[0] == ("zabbix01", "zabbix01")
    assert [(one, other) for one, other in path if one != other] == [("zabbix01", "zabbix02"), ("zabbix02", "zabbix01")]


def test_the_pcs_lines_are_those_of_the_tutorial():
    story = scenario.load_story(scenario.folder() / "tutorial.toml")
    assert story.plan is not None
    assert story.plan.cluster == "zabbixcluster"
    assert story.plan.addresses == ("192.168.8.61/20", "192.168.8.63/20")
    first = "resource create ClusterIP IPaddr2 ip=192.168.8.47 cidr_netmask=32 op monitor interval=2s"
    assert story.plan.pcs[0] == first
    assert len(story.plan.pcs) == 10


def test_two_machines_without_fencing_that_lose_sight_of_one_another_end_with_one_owner():
    if not IPADDR2.exists():
        pytest.skip(f"{IPADDR2} is not installed")
    story = scenario.load_story(scenario.folder() / "tutorial.toml")
    with TutorialStage(story.plan) as stage:
        stage.build()
        stage.perform("cut-cable", "zabbix02")
        # Nobody may fence and quorum is ignored, as the tutorial has it: each believes itself alone.
        until(lambda: stage.owners() == ("zabbix01", "zabbix02"), "zabbix02 does not take the address")
        stage.perform("plug-cable", "zabbix02")
        until(lambda: stage.complaint("agree", "", "", "") == "", "they do not agree")
        until(lambda: stage.owners() == ("zabbix01",), "there are still two owners")
        until(lambda: stage.complaint("answers", "", "zabbix01", "") == "", "the service is not back")


def until(holds, what, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
