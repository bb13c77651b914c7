"""Few constraints that keep a resource from running, found by leaving out what is not missed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.scheduler.conflicts import smallest_conflict

NAMES = [f"c{n}" for n in range(12)]


def oracle(*culprits):
    """The resource cannot run where all of any of these sets of constraints hold."""
    return lambda kept: not any(set(one) <= kept for one in culprits)


def test_one_culprit_among_many_is_found():
    found = smallest_conflict(NAMES, oracle({"c7"}), asked_max=100)
    assert (found.constraints, found.minimal) == (("c7",), True)


def test_the_smaller_of_two_sets_is_taken():
    found = smallest_conflict(NAMES, oracle({"c0", "c1", "c2"}, {"c11"}), asked_max=200)
    assert found.constraints == ("c11",)


def test_nothing_is_found_where_it_can_run_or_never_could():
    assert smallest_conflict(NAMES, lambda kept: True, asked_max=100) is None
    assert smallest_conflict(NAMES, lambda kept: False, asked_max=100) is None


def test_the_search_is_bounded_and_says_so():
    asked = []

    def slow(kept):
        asked.append(kept)
        return not {"c1", "c5", "c9"} <= kept

    found = smallest_conflict(NAMES, slow, asked_max=5)
    assert not found.minimal
    assert len(asked) <= 6
    assert {"c1", "c5", "c9"} <= set(found.constraints)


@given(st.lists(st.sets(st.sampled_from(NAMES), min_size=1, max_size=4), min_size=1, max_size=4))
def test_none_of_what_is_found_can_be_spared(culprits):
    can_run = oracle(*culprits)
    found = smallest_conflict(NAMES, can_run, asked_max=1000)
    assert found.minimal
    kept = frozenset(found.constraints)
    assert not can_run(kept)
    assert all(can_run(kept - {one}) for one in kept)
