"""The demo as a user runs it: a process of its own, every story, and what is left afterwards."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from hashell.lab import processes
from hashell.lab.cluster import import_path
from hashell.lab.demo import STORIES

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(400)]


def demo(*words: str, temporary: str = "") -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": import_path(), **({"TMPDIR": temporary} if temporary else {})}
    return subprocess.Popen(
        [sys.executable, "-m", "hashell", "demo", *words], env=env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )


def path_of(story: dict) -> list[str]:
    """The nodes that served one after the other; a slow answer between two good ones of one node is no move."""
    nodes = [story["outages"][0]["before"], *(gap["after"] for gap in story["outages"])]
    return [node for node, _ in itertools.groupby(nodes)]


def test_every_story_ends_with_the_service_on_one_node_and_never_on_two():
    process = demo("--json", "--story", "all")
    out, err = process.communicate(timeout=380)
    told = json.loads(out)
    assert process.returncode == 0, err
    assert told["good"] is True
    assert [story["name"] for story in told["stories"]] == list(STORIES)
    assert all(story["good"] and story["owner"] == "node1" for story in told["stories"])
    assert told["two_owners"] == []
    by_name = {story["name"]: story for story in told["stories"]}
    assert all(gap["after"] == "node1" for gap in by_name["process"]["outages"])
    for name in ("standby", "node", "failback", "freeze"):
        assert path_of(by_name[name]) == ["node1", "node2", "node1"], name
        assert all(0 < gap["seconds"] < 30 for gap in by_name[name]["outages"])
    texts = [moment["text"] for moment in told["timeline"]]
    assert any("fenced" in text for text in texts)


def test_two_nodes_are_enough():
    process = demo("--json", "--nodes", "2", "--story", "node")
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert json.loads(out)["nodes"] == ["node1", "node2"]


def test_faults_by_chance_are_survived():
    process = subprocess.run(
        [sys.executable, "-m", "hashell", "chaos", "--seed", "7", "--faults", "4", "--json"], check=False,
        capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": import_path()},
    )
    assert process.returncode == 0, process.stderr
    told = json.loads(process.stdout)
    assert (told["good"], told["faults"], told["two_owners"]) == (True, 4, [])


def test_ctrl_c_leaves_nothing_behind():
    with tempfile.TemporaryDirectory(prefix="hsh") as folder:
        process = demo("--headless", "--story", "all", temporary=folder)
        first = process.stdout.readline()
        assert folder in first
        deadline = time.monotonic() + 60
        while not processes.belonging(Path(folder)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130, (out, err)
        assert "Traceback" not in err
        assert processes.belonging(Path(folder)) == ()
        assert list(Path(folder).iterdir()) == []


def test_an_unknown_story_lists_those_that_there_are():
    process = demo("--headless", "--story", "earthquake")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 105
    assert "process, standby, node, failback, freeze" in err


def test_bad_words_are_bad_usage():
    process = demo("--wobble")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "--wobble" in err and "Traceback" not in err


def test_one_node_is_no_demo():
    process = demo("--headless", "--nodes", "1")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "2 to 8" in err
