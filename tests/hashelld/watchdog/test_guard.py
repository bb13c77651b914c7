"""The guard as a real process: what it does when it is fed, and when it is not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hashelld
from hashelld.watchdog import guard

FOLDER = str(Path(hashelld.__file__).resolve().parents[1])
SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"]


class Guarded:
    """A stand-in for a daemon (a process that sleeps), a service with the node's mark, and a guard of both."""

    def __init__(self, folder, path="process", timeout_ms=1000):
        self.folder = folder
        self.mark = {"PATH": os.environ["PATH"], "HASHELL_RUN_DIR": str(folder)}
        self.daemon = subprocess.Popen(SLEEP, env={"PATH": os.environ["PATH"]})
        self.service = subprocess.Popen(SLEEP, env=self.mark, start_new_session=True)
        self.stranger = subprocess.Popen(SLEEP, env={**self.mark, "HASHELL_RUN_DIR": f"{folder}x"})
        self.link, self.guard = self.another(path, timeout_ms)

    def another(self, path, timeout_ms):
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = (theirs.fileno(), path, timeout_ms, str(self.folder), self.daemon.pid, "processes")
            code = f"import sys; sys.path.insert(0, {FOLDER!r}); from hashelld.watchdog.guard import main; "
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", code + f"sys.exit(main(*{arguments!r}))"],
                pass_fds=(theirs.fileno(),), env=self.mark, start_new_session=True, stderr=subprocess.DEVNULL,
            )
        ours.settimeout(20)
        return ours, process

    def close(self):
        self.link.close()
        for one in (self.daemon, self.service, self.stranger, self.guard):
            one.kill()
            one.wait()


@pytest.fixture
def make(tmp_path):
    made = []

    def start(*args, **more):
        made.append(Guarded(tmp_path, *args, **more))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_a_node_that_is_not_fed_is_killed_in_time_and_nobody_else(make):
    node = make(timeout_ms=1000)
    assert node.link.recv(100) == b"ready\n"
    for _ in range(4):
        node.link.send(b"f")
        time.sleep(0.5)
        assert node.service.poll() is None
    began = time.monotonic()
    assert node.service.wait(20) == -signal.SIGKILL
    assert node.daemon.wait(20) == -signal.SIGKILL
    assert time.monotonic() - began < 5
    assert node.guard.wait(20) == 2
    assert node.stranger.poll() is None


def test_the_services_of_a_daemon_that_died_are_killed_too(make):
    node = make(timeout_ms=1000)
    assert node.link.recv(100) == b"ready\n"
    node.daemon.kill()
    node.link.close()
    assert node.service.wait(20) == -signal.SIGKILL


def test_a_later_daemons_guard_takes_over_and_the_earlier_one_does_no_harm(make):
    node = make(timeout_ms=1500)
    assert node.link.recv(100) == b"ready\n"
    node.link.close()
    link, later = node.another("process", 60_000)
    try:
        assert link.recv(100) == b"ready\n"
        assert node.guard.wait(20) == 0
        assert node.service.poll() is None
    finally:
        link.send(b"q")
        assert later.wait(20) == 0
        link.close()


def test_told_to_kill_it_kills_the_services_at_once_and_spares_the_daemon_until_the_end(make):
    node = make(timeout_ms=60_000)
    assert node.link.recv(100) == b"ready\n"
    node.link.send(b"k")
    assert node.link.recv(100) == b"killed\n"
    assert node.service.wait(5) == -signal.SIGKILL
    assert node.daemon.poll() is None
    node.link.send(b"d")
    assert node.daemon.wait(20) == -signal.SIGKILL


def test_a_device_is_written_to_while_fed_and_closed_with_its_letter_only_when_told(make, tmp_path):
    device = tmp_path / "watchdog"
    device.touch()
    node = make(str(device), timeout_ms=60_000)
    assert node.link.recv(100) == b"ready\n"
    node.link.send(b"f")
    node.link.send(b"f")
    node.link.send(b"q")
    assert node.guard.wait(20) == 0
    written = device.read_bytes()
    assert written.endswith(b"V") and set(written[:-1]) == {0}


def test_a_device_of_a_daemon_that_died_is_left_counting(make, tmp_path):
    device = tmp_path / "watchdog"
    device.touch()
    node = make(str(device), timeout_ms=1000)
    assert node.link.recv(100) == b"ready\n"
    node.link.send(b"f")
    time.sleep(0.2)
    node.link.close()
    assert node.guard.wait(20) == 2
    assert b"V" not in device.read_bytes()


def test_a_device_that_cannot_be_opened_is_told(make, tmp_path):
    node = make(str(tmp_path / "none" / "watchdog"))
    assert b"No such file" in node.link.recv(100)
    assert node.guard.wait(20) == 1


def test_a_process_that_got_the_number_of_a_dead_daemon_is_not_taken_for_it(tmp_path):
    other = subprocess.Popen(SLEEP)
    try:
        assert guard.kill(str(tmp_path), frozenset(), (other.pid, b"1"))
        assert other.poll() is None
        assert guard.born(other.pid) not in (b"", b"1")
    finally:
        other.kill()
        other.wait()
