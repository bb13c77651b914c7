"""Sessions as people type them, played in tmux; the screens on the way are kept in sessions/ for everybody to read.

Where a screen is meant to look otherwise from now on: run with KEEP_SCREENS=1, and read what `git diff` shows.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashell.lab.cluster import LocalCluster
from hashell.testing.played import Tmux, play
from hashell.wire.messages import Change

TOP = Path(__file__).resolve().parents[2]
SESSIONS = Path(__file__).resolve().parent / "sessions"
KEEP = "KEEP_SCREENS"
NO_TMUX = "tmux is not installed here"
needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason=NO_TMUX)

OPTIONS = (
    '<cluster_property_set id="o"><nvpair id="o-stonith" name="stonith-enabled" value="false"/></cluster_property_set>'
)
CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>
<nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes><resources>
<primitive id="web" class="ocf" provider="hashell" type="Dummy"/></resources><constraints/></configuration>
<status/></cib>"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A person's folder with a short path: the socket of tmux has at most 107 letters. No events above the prompt."""
    with tempfile.TemporaryDirectory(prefix="hashell-played-") as found:
        folder = Path(found)
        (folder / "hashell").mkdir()
        (folder / "hashell" / "shell.toml").write_text('events = "no"\npager = "cat"\n')
        yield folder


def environment(home: Path, **more: str) -> dict[str, str]:
    return {
        "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_STATE_HOME": str(home), "LC_ALL": "C.UTF-8", "TZ": "UTC",
        "PYTHONPATH": os.pathsep.join([str(TOP), str(TOP / "daemon")]), **more,
    }


def compare(name: str, shots: dict[str, str]) -> None:
    """The screens against those that are kept; all that differ in one message."""
    folder = SESSIONS / name
    if os.environ.get(KEEP):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for shot, text in shots.items():
            (folder / f"{shot}.txt").write_text(text, encoding="utf-8")
    kept = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))}
    differ = [
        f"{shot} is:\n{text}\nand was:\n{kept.get(shot)}" for shot, text in shots.items() if kept.get(shot) != text
    ]
    assert not differ, "\n".join(differ)
    assert kept.keys() == shots.keys()


@needs_tmux
@pytest.mark.slow
@pytest.mark.loopback
def test_a_resource_is_completed_corrected_previewed_committed_and_taken_back_at_80_by_24(home):
    with LocalCluster(("node1",)) as cluster:
        cluster.start()
        cluster.wait_formed()
        client = cluster.client()
        client.apply([Change("modify", OPTIONS.encode(), "crm_config")])
        client.close()
        command = [sys.executable, "-m", "hashell", "--attach", str(cluster.place("node1").socket)]
        with Tmux(command, home, env=environment(home)) as terminal:
            shots = play(SESSIONS / "first_resource.keys", terminal)
        client = cluster.client()
        assert not client.cib().root.xpath("//primitive[@id='extra']"), "undo left it there"
        client.close()
    compare("first_resource", shots)


@needs_tmux
@pytest.mark.slow
def test_a_file_is_edited_in_both_languages_without_colours_at_200_by_50(home):
    (home / "cib.xml").write_text(CIB)
    command = [sys.executable, "-m", "hashell", "--cib", "cib.xml"]
    with Tmux(command, home, columns=200, rows=50, env=environment(home, NO_COLOR="1")) as terminal:
        shots = play(SESSIONS / "both_languages.keys", terminal)
    compare("both_languages", shots)


@needs_tmux
@pytest.mark.slow
@pytest.mark.loopback
def test_a_new_user_gets_from_the_demo_to_a_killed_node_its_explanation_and_an_undone_change(home):
    command = [sys.executable, "-m", "hashell", "demo"]
    with Tmux(command, home, env=environment(home)) as terminal:
        play(SESSIONS / "first_evening.keys", terminal)
