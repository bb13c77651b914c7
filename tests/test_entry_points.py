"""The one command: its first word decides which room serves it, whatever options stand before."""

from __future__ import annotations

from pathlib import Path

import pytest

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
