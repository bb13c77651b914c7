"""Bad input: a shortened run of the spoiled command lines, and that the run itself would notice what it looks for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hashell.testing import mutated_lines
from hashell.testing.cibs import SHARED


def test_every_spoiled_line_gets_a_message_that_names_the_word_and_what_was_expected():
    folder = SHARED / "shell-corpus"
    result = mutated_lines.run(450, 20, corpus=folder if folder.is_dir() else None)
    assert [(typed.line, typed.broken, typed.err) for typed in result.broken] == []
    assert sum(result.by_door.values()) == 450
    # Lines that all fail at their first word, or all succeed, would try nothing.
    assert all(result.by_door[door, "refused"] > 50 for door in mutated_lines.DOORS)
    assert sum(number for (_, ended), number in result.by_door.items() if ended == "carried out") > 10


def _says(text: str, code: int) -> Callable[[list[str]], int]:
    def serve(arguments: list[str]) -> int:
        sys.stderr.write(text)
        return code

    return serve


def _raises(arguments: list[str]) -> int:
    raise ValueError("oops")


def _loops(arguments: list[str]) -> int:
    while True:
        pass


def _changes_the_file(arguments: list[str]) -> int:
    path = Path(arguments[1])
    path.write_text(path.read_text().replace("node1", "other"))
    sys.stderr.write("ERROR: bogus: no such command\n       see `help`\n")
    return 2


@pytest.mark.parametrize(
    ("serve", "broken"),
    [
        (_raises, "traceback"),
        (_loops, "hangs"),
        (_says("ERROR: bogus: no such command\n       see `help`\n", 0), "ends with 0"),
        (_says("", 2), "says nothing"),
        (_says("ERROR: no\n       see `help`\n", 2), "names no word"),
        (_says("ERROR: bogus\n", 2), "what was expected"),
        (_changes_the_file, "changed the CIB"),
    ],
)
def test_a_broken_promise_is_noticed(serve, broken, tmp_path, monkeypatch):
    monkeypatch.setattr(mutated_lines, "SECONDS_MAX", 0.1)
    with mutated_lines.alone(tmp_path):
        typed = mutated_lines.type_line("crm", "bogus line", tmp_path, serve)
    assert any(broken in text for text in typed.broken), typed.broken


def test_a_good_answer_breaks_no_promise(tmp_path):
    serve = _says("ERROR: bogus: no such command\n       see `help`\n", 2)
    with mutated_lines.alone(tmp_path):
        assert mutated_lines.type_line("crm", "bogus line", tmp_path, serve).broken == []


def test_a_spoiled_line_can_neither_write_elsewhere_nor_start_a_program(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    ways: list[Callable[[], object]] = [
        lambda: outside.write_text("x"), outside.mkdir, lambda: (inside / "link" / "outside").write_text("x"),
        lambda: os.open(outside, os.O_CREAT | os.O_WRONLY), lambda: (inside / "file").rename(outside), os.fork,
        lambda: subprocess.run(["true"], check=False), lambda: os.system("true"),
    ]
    with mutated_lines.alone(inside):
        (inside / "file").write_text("mine")
        for way in ways:
            with pytest.raises((PermissionError, FileNotFoundError)):
                way()
    assert not outside.exists()
    outside.write_text("free again")
