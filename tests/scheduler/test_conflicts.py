"""Few constraints that keep a resource from running, found by leaving out what is not missed."""

from __future__ import annotations

import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from hashell.scheduler.conflicts import fewest_hitting, smallest_conflict

NAMES = [f"c{n}" for n in range(12)]


def oracle(*culprits):
    """The resource cannot run where all of any of these sets of constraints hold."""
    return lambda kept: not any(set(one) <= kept for one in culprits)


def test_one_culprit_among_many_is_found():
    found = smallest_conflict(NAMES, oracle({"c7"}), asked_max=100)
    assert (found.constraints, found.minimal) == (("c7",), True)


def test_the_smaller_of_two_sets_is_taken():
    found = smallest_conflict(NAMES, oracle({"c0", "c1", "c2"}, {"c11"}), asked_max=200)
    assert (found.constraints, found.smallest) == (("c11",), True)


def test_the_smallest_is_found_where_leaving_out_leads_elsewhere():
    """From both ends of the list constraints of the only pair are left out first, as the triples keep it stuck."""
    culprits = ({"c0", "c6", "c7"}, {"c11", "c6", "c5"}, {"c1", "c10"})
    found = smallest_conflict(NAMES, oracle(*culprits), asked_max=300)
    assert (found.constraints, found.smallest, found.at_least) == (("c1", "c10"), True, 2)


def test_few_questions_find_few_among_many():
    many = [f"n{n}" for n in range(1000)]
    found = smallest_conflict(many, oracle({"n3", "n500", "n999"}), asked_max=200)
    assert (found.constraints, found.smallest) == (("n3", "n500", "n999"), True)
    assert found.asked < 150


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
    assert not found.smallest
    assert len(asked) <= 5
    assert {"c1", "c5", "c9"} <= set(found.constraints)


@given(st.lists(st.sets(st.sampled_from(NAMES), min_size=1, max_size=4), min_size=1, max_size=4))
def test_none_of_what_is_found_can_be_spared(culprits):
    can_run = oracle(*culprits)
    found = smallest_conflict(NAMES, can_run, asked_max=1000)
    assert found.minimal
    kept = frozenset(found.constraints)
    assert not can_run(kept)
    assert all(can_run(kept - {one}) for one in kept)
    assert found.smallest
    assert len(kept) == min(map(len, culprits))


@given(st.lists(st.sets(st.sampled_from(NAMES), min_size=1, max_size=4), max_size=5))
def test_every_set_is_hit_by_as_few_as_can_be(sets):
    found = fewest_hitting([frozenset(one) for one in sets])
    assert all(found & one for one in sets)
    for fewer in combinations(NAMES, max(len(found) - 1, 0)):
        assert not found or not all(set(fewer) & one for one in sets)


def test_what_would_take_too_long_is_left_open():
    import hashell.scheduler.conflicts as module

    rng = random.Random(1)
    names = [f"e{n}" for n in range(200)]
    sets = [frozenset(rng.sample(names, 12)) for _ in range(150)]
    assert module.fewest_hitting(sets) is None
