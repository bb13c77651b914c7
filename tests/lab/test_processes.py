"""What belongs to a lab is found by its mark, and nothing of it outlives the lab, however that ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from hashell.lab import processes
from hashell.lab.cluster import free_port, hold, import_path
from hashell.lab.janitor import Janitor


def until(holds, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def marked(folder, *words):
    """A process of a node, as a daemon would start it."""
    return subprocess.Popen(
        words or ["sleep", "60"], env={processes.MARK: str(folder), "PATH": os.environ["PATH"]},
        start_new_session=True, stdout=subprocess.DEVNULL,
    )


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    processes.end(tmp_path)


def test_processes_are_found_by_their_mark_and_below_it(folder):
    one, two = marked(folder / "a" / "run"), marked(folder / "b" / "run")
    until(lambda: set(processes.belonging(folder)) == {one.pid, two.pid})
    assert processes.belonging(folder / "a" / "run") == (one.pid,)
    assert processes.belonging(folder / "a" / "ru") == ()
    processes.end(folder / "a")
    assert one.wait(60) == -signal.SIGKILL
    assert processes.belonging(folder) == (two.pid,)
    processes.end(folder)
    two.wait(60)


def test_children_that_lost_the_mark_are_found_by_their_parent(folder):
    parent = marked(folder, "sh", "-c", "env -i sleep 60 & wait")
    until(lambda: len(processes.belonging(folder)) == 2)
    processes.end(folder)
    assert processes.belonging(folder) == ()
    parent.wait(60)


def test_frozen_processes_neither_run_nor_escape_their_end(folder):
    process = marked(folder)
    until(lambda: processes.belonging(folder))
    processes.freeze(folder)
    assert os.waitpid(process.pid, os.WUNTRACED)[1] >> 8 == signal.SIGSTOP
    processes.end(folder)
    process.wait(60)


def test_we_ourselves_are_never_counted(folder, monkeypatch):
    own = [
        sys.executable, "-c",
        "import sys; from pathlib import Path; from hashell.lab import processes;"
        "print(processes.belonging(Path(sys.argv[1])))", str(folder),
    ]
    env = {processes.MARK: str(folder), "PYTHONPATH": import_path()}
    done = subprocess.run(own, env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "()"


def test_the_janitor_clears_up_when_the_lab_goes_without_a_word(folder):
    lab = folder / "lab"
    lab.mkdir()
    script = (
        "import sys, time; from pathlib import Path; from hashell.lab.janitor import Janitor;"
        "Janitor(Path(sys.argv[1]), keep=False); print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(lab)], stdout=subprocess.PIPE,
        env={"PYTHONPATH": import_path(), "PATH": os.environ["PATH"]},
    )
    assert process.stdout.readline() == b"ready\n"
    node = marked(lab / "node1")
    process.kill()
    process.wait(60)
    assert node.wait(60) == -signal.SIGKILL
    until(lambda: not lab.exists())
    process.stdout.close()


def test_the_janitor_keeps_the_files_when_told_so(folder):
    lab = folder / "lab"
    lab.mkdir()
    (lab / "log").write_text("x")
    node = marked(lab)
    Janitor(lab, keep=True).dismiss()
    assert node.wait(60) == -signal.SIGKILL
    assert (lab / "log").exists()


@pytest.mark.loopback
def test_a_port_that_is_held_is_given_to_nobody_else_but_its_daemon_may_listen_there():
    port = free_port()
    with hold("127.0.0.1", port), socket.socket() as stranger:
        with pytest.raises(OSError):
            stranger.bind(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)) as daemon, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(("127.0.0.1", port))
            with socket.create_connection(("127.0.0.1", port), 60):
                daemon.accept()[0].close()
        # The daemon is killed and started again.
        socket.create_server(("127.0.0.1", port)).close()
