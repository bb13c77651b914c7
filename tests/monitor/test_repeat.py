"""A status that is printed again: when, and what stands there while nothing answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hashell.monitor import repeat
from hashell.monitor.options import read

TOP = Path(__file__).resolve().parents[2]
CIBS = TOP / "tests" / "status" / "cibs"
#: Seconds that a process has on a busy machine.
PATIENCE_S = 60.0


@pytest.fixture
def cib(tmp_path):
    path = tmp_path / "cib.xml"
    path.write_bytes((CIBS / "everyday.xml").read_bytes())
    return path


def test_only_a_change_is_printed_again(cib):
    rounds = repeat.texts(read(["--watch", "--cib", str(cib)]), "")

    assert next(rounds).startswith("Cluster Summary:")
    assert [next(rounds), next(rounds)] == [None, None]
    cib.write_bytes((CIBS / "maintenance.xml").read_bytes())
    assert "Resource management is DISABLED" in next(rounds)
    assert next(rounds) is None


def test_what_cannot_be_had_is_said_once_in_the_place_of_the_status(cib):
    rounds = repeat.texts(read(["--watch", "--cib", str(cib)]), "")

    next(rounds)
    cib.unlink()
    told = [next(rounds) for _ in range(4)]
    assert sum(text is not None and text.startswith("hashell monitor: ") for text in told) == 1
    cib.write_bytes((CIBS / "everyday.xml").read_bytes())
    assert any((next(rounds) or "").startswith("Cluster Summary:") for _ in range(2))


def test_a_file_that_cannot_be_written_is_told_before_anything_is_left_alone(cib, tmp_path, capsys):
    where = str(tmp_path / "none" / "status.html")

    assert repeat.repeat(read(["-d", "--cib", str(cib), "--output-to", where]), "") == 73
    assert "cannot write" in capsys.readouterr().err


def wait_for(met, what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def test_in_the_background_a_file_follows_the_cluster(cib, tmp_path):
    where, number = tmp_path / "status.txt", tmp_path / "pid"
    program = (
        "import os, sys; from hashell.monitor.one_shot import main; "
        f"code = main(['-d', '-i', '100ms', '--cib', {str(cib)!r}, '--output-to', {str(where)!r}]); "
        "sys.exit(code)"
    )
    # The one that goes on is told by its own session, not by its number.
    watched = program.replace(
        "import os, sys;", f"import os, sys; go = os.setsid; os.setsid = lambda: (go(), open({str(number)!r}, 'w')"
        ".write(str(os.getpid())));",
    )
    done = subprocess.run(
        [sys.executable, "-c", watched], cwd=TOP, check=False, timeout=PATIENCE_S, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    wait_for(lambda: number.exists() and number.read_text().isdecimal(), "nothing goes on in the background")
    try:
        assert where.read_text().startswith("Cluster Summary:")
        cib.write_bytes((CIBS / "maintenance.xml").read_bytes())
        wait_for(lambda: "DISABLED" in where.read_text(), "the file does not follow")
    finally:
        os.kill(int(number.read_text()), signal.SIGTERM)
