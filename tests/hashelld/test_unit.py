"""The unit for systemd, and what is said to systemd."""

from __future__ import annotations

import asyncio
import configparser
import shutil
import socket
import subprocess
import sys

import pytest

from hashelld.__main__ import main
from hashelld.core.service_manager import ServiceManager
from hashelld.settings import make
from hashelld.unit import text


def test_the_unit_lets_services_outlive_the_daemon_and_starts_it_again(capsys):
    assert main(["--systemd-unit"]) == 0
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(capsys.readouterr().out)
    service = dict(unit["Service"])
    assert service["KillMode"] == "process" and service["Restart"] == "on-failure"
    assert service["Type"] == "notify" and service["WatchdogSignal"] == "SIGKILL"
    assert service["ExecStart"].endswith("--settings /etc/hashell/hashelld.toml")
    assert "hashelld" in service["ExecStart"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    file = tmp_path / "hashelld.service"
    file.write_text(text().replace(text().split("ExecStart=")[1].split(" ")[0], sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert not [line for line in done.stderr.splitlines() if "hashelld.service" in line and "Unknown" in line]


def test_the_unit_may_say_that_a_stalled_daemon_is_ended_and_a_settings_file_knows_better(monkeypatch):
    names = {"cluster": "c", "node": "n"}
    assert make(names).stall_action == "tell"
    monkeypatch.setenv("HASHELL_STALL_ACTION", "kill")
    assert make(names).stall_action == "kill"
    assert make({**names, "stall_action": "tell"}).stall_action == "tell"


async def test_systemd_is_told_of_start_life_and_end(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(60)
        manager = ServiceManager({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000"})
        await manager.start(lambda component, event: None)
        said = [listening.recv(100)]
        while said.count(b"WATCHDOG=1") < 3:
            said.append(await asyncio.to_thread(listening.recv, 100))
        await manager.stop()
        while said[-1] != b"STOPPING=1":
            said.append(listening.recv(100))
    assert said[0] == b"READY=1"


async def test_without_systemd_nothing_is_said():
    manager = ServiceManager({})
    await manager.start(lambda component, event: None)
    await manager.stop()
    other = ServiceManager({"NOTIFY_SOCKET": "/nobody/listens", "WATCHDOG_USEC": "30000", "WATCHDOG_PID": "1"})
    await other.start(lambda component, event: None)
    await other.stop()
