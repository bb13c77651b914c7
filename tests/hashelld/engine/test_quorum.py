"""Quorum arithmetic: as votequorum, and what is unique."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.engine.quorum import BadQuorumOptions, Options, quorum_of


def votes(*names):
    return dict.fromkeys(names, 1)


ABC = votes("a", "b", "c")


@pytest.mark.parametrize(("present", "roster", "options", "all_seen", "quorate", "unique"), [
    (votes("a", "b"), ABC, Options(), True, True, True),
    (votes("a"), ABC, Options(), True, False, False),
    (votes("a", "b"), ABC, Options(expected_votes=5), True, False, False),
    (votes("a"), votes("a", "b"), Options(), True, True, False),
    (votes("a"), votes("a", "b"), Options(), False, False, False),
    (votes("a"), votes("a", "b"), Options(wait_for_all=False), False, True, False),
    (votes("a", "b"), votes("a", "b"), Options(), False, True, True),
    (votes("a"), votes("a", "b"), Options(two_node=False), True, False, False),
    (votes("a", "b"), votes("a", "b", "c", "d"), Options(auto_tie_breaker=True), True, True, False),
    (votes("c", "d"), votes("a", "b", "c", "d"), Options(auto_tie_breaker=True), True, False, False),
    (votes("a", "b"), ABC, Options(wait_for_all=True), False, False, True),
    (votes("a"), votes("a"), Options(), False, True, True),
])
def test_what_is_quorate_and_what_is_unique(present, roster, options, all_seen, quorate, unique):
    found = quorum_of(present, roster, options, all_seen=all_seen, tie_breaker="a")

    assert (found.quorate, found.unique) == (quorate, unique)
    assert quorate or found.reason


def test_options_that_exclude_one_another_are_refused():
    with pytest.raises(BadQuorumOptions, match="exclude"):
        quorum_of(ABC, ABC, Options(two_node=True, auto_tie_breaker=True), all_seen=True)


@given(st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 3), min_size=1))
def test_two_parts_of_a_cluster_are_never_both_unique(roster):
    for count in range(len(roster) + 1):
        for part in itertools.combinations(roster, count):
            one = {name: roster[name] for name in part}
            other = {name: roster[name] for name in roster if name not in part}
            both = [quorum_of(p, roster, Options(), all_seen=True).unique for p in (one, other)]
            assert both != [True, True]
