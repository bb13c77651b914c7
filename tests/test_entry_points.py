"""The one command: its first word decides which room serves it, whatever options stand before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hashell import entry_points
from hashell.entry_points import run

CIB = str(Path(__file__).resolve().parent / "benchmarks" / "three_nodes.xml")


@pytest.mark.parametrize(
    "words",
    [
        ["--cib", CIB, "monitor", "-1"],
        ["monitor", "-1", "--cib", CIB],
        ["--cib", CIB, "--output-as", "text", "monitor", "-1"],
        ["--cib", CIB, "--theme", "light", "status"],
        ["simulate", "-x", CIB],
    ],
)
def test_options_may_stand_before_and_after_the_first_word(words, capsys, monkeypatch):
    monkeypatch.delenv("CIB_file", raising=False)

    assert run(words) == 0
    assert "node1" in capsys.readouterr().out


def test_a_word_that_nobody_knows_is_bad_usage_in_one_line(capsys):
    assert run(["--cib", CIB, "frobnicate"]) == 2
    told = capsys.readouterr().err
    assert "frobnicate" in told
    assert "Traceback" not in told


def _hashell(*words: str, stdout: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hashell", *words], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
        timeout=60,
    )


def test_a_reader_that_went_away_ends_the_command_without_a_word():
    reader, writer = os.pipe()
    os.close(reader)
    done = _hashell("--cib", CIB, "configure", "show", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_output_that_finds_no_room_is_an_error_in_one_message():
    with Path("/dev/full").open("w") as full:
        done = _hashell("--cib", CIB, "configure", "show", stdout=full.fileno())
    assert done.returncode == 73
    assert done.stderr.startswith("ERROR: standard output: No space left on device\n")
    assert "Traceback" not in done.stderr


def test_a_defect_is_told_in_one_message_and_with_debug_where_it_is(monkeypatch, capsys):
    def fail(argv: list[str]) -> int:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(entry_points, "run", fail)
    monkeypatch.setattr(entry_points, "_forget_output", lambda: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("gc.set_threshold", lambda number: None)
    monkeypatch.setattr(sys, "argv", ["hashell", "status"])
    assert entry_points.hashell() == 70
    assert capsys.readouterr().err.startswith("ERROR: this is a defect of hashell: ZeroDivisionError: oops\n")
    monkeypatch.setattr(sys, "argv", ["hashell", "--debug", "status"])
    with pytest.raises(ZeroDivisionError):
        entry_points.hashell()


def test_the_demo_hands_to_its_screen_what_is_the_screens_and_keeps_its_own_words(monkeypatch):
    from hashell.lab import demo
    from hashell.monitor import app

    heard = []

    def played(argv, open_monitor):
        heard.append(argv)
        return open_monitor("/run/a", None)

    monkeypatch.setattr(demo, "main", played)
    monkeypatch.setattr(app, "run", lambda options: heard.append((options.attach, options.record, options.probes)) or 0)
    assert run(["demo", "--nodes", "2", "--record", "a.rec", "--probe=web=tcp:127.0.0.1:80"]) == 0
    assert heard == [["--nodes", "2"], ("/run/a", "a.rec", ("web=tcp:127.0.0.1:80",))]
