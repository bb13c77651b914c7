"""What a running cluster saves is read by Pacemaker's own tools, and they say the same of it as we do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hashell.lab.stage import LoopbackStage
from hashell.testing.cibs import need

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(180)]

#: What cannot be equal: the moment of asking, and what release answers.
_VARYING = re.compile(r"\s*\* (Last updated|Current DC|Stack|Last change|Status of pacemakerd)[: ].*|\s*$")


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if not _VARYING.fullmatch(line.rstrip())]


def _run(*command: str, **env: str) -> str:
    done = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[Path, str]:
    """A CIB saved by `hashell cib save` from a cluster with a running service, and what the monitor said then."""
    path = tmp_path_factory.mktemp("saved") / "saved.xml"
    with LoopbackStage() as stage:
        stage.build()
        stage.cluster.wait_until(lambda: not stage.complaint("idle", "", "", ""), "the cluster finds no rest")
        socket = str(stage.cluster.place("node1").socket)
        for _ in range(10):  # once more if the cluster changed between saving and looking
            path.unlink(missing_ok=True)
            _run(sys.executable, "-m", "hashell", "--attach", socket, "cib", "save", str(path))
            said = _run(sys.executable, "-m", "hashell", "monitor", "-1", "-r", "--attach", socket)
            client = stage.cluster.client()
            same = str(client.cib().version) == _version(path)
            client.close()
            if same:
                break
    return path, said


def _version(path: Path) -> str:
    from hashell.cib.files import load_cib

    return str(load_cib(path).version)


def test_crm_verify_is_content_with_a_saved_cib(saved):
    tool = need("crm_verify")
    done = subprocess.run(
        [tool, "-V", "-x", str(saved[0])], capture_output=True, text=True, check=False, timeout=90
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_crm_mon_lists_the_same_nodes_resources_and_states_as_the_monitor(saved):
    tool = need("crm_mon")
    path, said = saved
    theirs = _run(tool, "-1", "-r", CIB_file=str(path))

    assert _lines(said) == _lines(theirs)
    assert "Started" in said
    assert said.count("Online") == 1


def test_the_monitor_says_the_same_of_the_file_as_of_the_cluster(saved):
    path, said = saved
    offline = _run(sys.executable, "-m", "hashell", "--cib", str(path), "monitor", "-1", "-r")

    assert _lines(offline) == _lines(said)


def test_crm_simulate_would_change_nothing_in_the_saved_cluster(saved):
    tool = need("crm_simulate")
    told = _run(tool, "-x", str(saved[0]), "-R")

    assert re.search(r"\* (Start|Stop|Move|Recover|Restart|Fence|Promote|Demote)", told) is None, told
