"""`hashell chaos --seeds`: many lives, a rate, what broke and how to see it again, and an exit code to rely on."""

from __future__ import annotations

import pytest

from hashell.entry_points import run
from hashelld.simulation import run as many
from hashelld.simulation import shrink
from hashelld.simulation.faults import Fault
from hashelld.simulation.life import Outcome


def outcome(seed, nodes, error=""):
    plan = tuple(Fault(number, 10.0 * number, "crash", ("node1",), 5.0) for number in range(4))
    return Outcome(seed, nodes, True, 100, 5, 2, 0, 3, 1, 0, 500.0, plan, error)


def test_seeds_alone_mean_simulated_clusters_and_end_with_the_rate(capsys):
    assert run(["chaos", "--seeds", "1-3", "--nodes", "3", "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "3 lives in" in shown
    assert "a minute" in shown
    assert "no promise was broken" in shown


@pytest.fixture
def seed_two_breaks(monkeypatch):
    def live(seed, nodes, *, only=None, keep_log=False):
        breaks = seed == 2 and (only is None or 3 in only)
        return outcome(seed, nodes, f"seed {seed}: two of them [A3]" if breaks else "")

    monkeypatch.setattr(many, "live", live)
    monkeypatch.setattr(shrink, "live", live)


def test_a_broken_promise_ends_the_run_with_code_1_the_seed_and_its_fewest_faults(capsys, seed_two_breaks):
    assert run(["chaos", "--seeds=1-9", "--nodes", "5", "--jobs", "1"]) == 1
    shown = capsys.readouterr().out
    assert "seed 2: two of them [A3]" in shown
    assert "again: hashell chaos --seeds 2 --nodes 5\n" in shown
    assert "shortest: hashell chaos --seeds 2 --nodes 5 --only 3\n" in shown
    assert "2 lives in" in shown


def test_who_wants_all_that_breaks_gets_all_and_the_code_is_1_all_the_same(capsys, seed_two_breaks):
    assert run(["chaos", "--seeds", "1-9", "--jobs", "1", "--keep-going"]) == 1
    shown = capsys.readouterr().out
    assert "9 lives in" in shown
    assert "1 broken" in shown


@pytest.mark.parametrize("words", [["--seeds", "many"], ["--seeds", "1-5", "--nodes", "3,none"]])
def test_what_is_no_number_is_told_in_one_line(capsys, words):
    assert run(["chaos", *words]) == 64
    assert len(capsys.readouterr().err.splitlines()) == 1
