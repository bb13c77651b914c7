"""The table of faults (daemon/FAULTS.md) claims what is tried where: every name in it exists."""

from __future__ import annotations

import re
from pathlib import Path

from hashell.lab import live_faults
from hashelld.simulation.faults import COURSES, KINDS
from hashelld.simulation.starts import FORMS

ROOT = Path(__file__).resolve().parents[1]
ROWS = [
    line for line in (ROOT / "daemon" / "FAULTS.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| id", "| scenario"))
]
TABLE = "\n".join(ROWS)
#: Rows that nothing tries yet: this number only falls.
NOT_YET_MAX = 6


def test_every_test_that_the_table_names_exists():
    known = {
        name for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    named = set(re.findall(r"`(test_\w+)`", TABLE))
    assert len(named) > 80
    assert named - known == set()


def test_every_kind_of_simulated_fault_that_the_table_names_exists():
    named = set(re.findall(r"`fault:(\w+)`", TABLE))
    assert len(named) > 10
    assert named - set(KINDS) - set(COURSES) == set()


def test_every_way_to_begin_that_the_table_names_exists():
    named = set(re.findall(r"`start:(\w+)`", TABLE))
    assert named and named - set(FORMS) == set()


def test_every_live_fault_that_the_table_names_exists():
    named = set(re.findall(r"`live:([\w-]+)`", TABLE))
    assert named - set(live_faults.BY_NAME) == set()
    assert len(named) > 15


def test_every_file_that_the_table_names_exists():
    for name in re.findall(r"`(tests/[\w/.]+)`", TABLE):
        assert (ROOT / name).is_file(), name


def test_every_row_says_where_it_is_tried_and_few_say_not_yet():
    assert len(ROWS) > 80
    untried = [row for row in ROWS if "*not yet*" in row]
    assert [row for row in ROWS if "`" not in row and row not in untried] == []
    assert len(untried) <= NOT_YET_MAX
