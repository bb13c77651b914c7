"""Quorum arithmetic: as votequorum, and what is unique."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.engine.quorum import BadQuorumOptions, Options, quorum_of, stripped, tie_breaker_of


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


@pytest.mark.parametrize(("options", "text"), [
    (Options(two_node=True, auto_tie_breaker=True), "two_node and auto_tie_breaker exclude"),
    (Options(two_node=True, last_man_standing=True), "two_node and last_man_standing exclude"),
    (Options(last_man_standing=True, last_man_standing_window_ms=0), "window must be above 0"),
    (Options(auto_tie_breaker=True, auto_tie_breaker_node="left"), "auto_tie_breaker_node is 'left'"),
    (Options(auto_tie_breaker=True, auto_tie_breaker_node="1 x"), "auto_tie_breaker_node is '1 x'"),
])
def test_options_that_exclude_one_another_or_mean_nothing_are_refused(options, text):
    with pytest.raises(BadQuorumOptions, match=text):
        quorum_of(ABC, ABC, options, all_seen=True)


@pytest.mark.parametrize(("wanted", "before", "name"), [
    ("lowest", "abcd", "a"), ("highest", "abcd", "d"), ("3 1", "abcd", "c"), ("9 2", "abcd", "b"), ("3 1", "abd", "a"),
    ("9", "abcd", ""), ("lowest", "", "a"),
])
def test_the_tie_breaker_is_the_first_of_the_list_that_was_there_before_the_split(wanted, before, name):
    ids = {"a": 1, "b": 2, "c": 3, "d": 4}

    assert tie_breaker_of(Options(auto_tie_breaker=True, auto_tie_breaker_node=wanted), ids, set(before)) == name


def fewer(present, roster, options, **more):
    """The roster after those lost their votes who do."""
    quorum = quorum_of(present, roster, options, all_seen=True, tie_breaker="a")
    gone = stripped(quorum, present, roster, options, **more)
    return {name: 0 if name in gone else votes for name, votes in roster.items()}


def test_with_last_man_standing_eight_nodes_may_fall_to_two_one_window_after_the_other():
    """The example of votequorum(5)."""
    options, roster, present = Options(last_man_standing=True), votes(*"abcdefgh"), votes(*"abcdefgh")
    seen = []
    for left in (5, 3, 2):
        present = dict(list(present.items())[:left])
        assert quorum_of(present, roster, options, all_seen=True).quorate
        roster = fewer(present, roster, options, window_over=True)
        now = quorum_of(present, roster, options, all_seen=True)
        seen.append((now.expected_votes, now.quorum))

    assert seen == [(5, 3), (3, 2), (2, 2)]
    assert not quorum_of(votes("a"), roster, options, all_seen=True).quorate


def test_before_the_window_is_over_and_without_a_majority_nobody_loses_a_vote():
    options, five = Options(last_man_standing=True), votes(*"abcde")

    assert fewer(votes(*"abc"), five, options, window_over=False) == five
    assert fewer(votes(*"ab"), five, options, window_over=True) == five


def test_with_allow_downscale_who_leaves_cleanly_takes_its_vote_along_down_to_the_expected_votes():
    options, five = Options(expected_votes=3, allow_downscale=True), votes(*"abcde")
    after = fewer(votes(*"abc"), five, options, window_over=False, left={"d", "e"})
    lost = fewer(votes(*"abc"), five, options, window_over=False, left={"d"})

    assert (sum(after.values()), sum(lost.values())) == (3, 4)
    assert sum(fewer(votes(*"ab"), votes(*"abc"), options, window_over=False, left={"c"}).values()) == 3


def test_flags_are_named_as_corosync_quorumtool_does():
    assert Options().flags(2, quorate=True) == ("Quorate", "2Node", "WaitForAll")
    assert Options(auto_tie_breaker=True, wait_for_all=True, last_man_standing=True).flags(4, quorate=False) == (
        "WaitForAll", "LastManStanding", "AutoTieBreaker"
    )


@given(st.integers(1, 9), st.data())
def test_however_votes_fall_away_the_absent_never_become_a_majority_beside_the_present(count, data):
    """Views one after the other, each a part of the nodes; whoever is left out together has no majority of the roster
    that the quorate part has."""
    options = Options(last_man_standing=True, allow_downscale=True)
    names = [f"n{number}" for number in range(count)]
    roster = dict.fromkeys(names, 1)
    for _ in range(4):
        part = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        present = {name: 1 for name in part if roster[name]}
        if not present or not quorum_of(present, roster, options, all_seen=True).unique:
            continue
        roster = fewer(present, roster, options, window_over=data.draw(st.booleans()), left=set(names) - set(part))
        absent = {name: roster[name] for name in names if name not in present}
        assert not absent or not quorum_of(absent, roster, options, all_seen=True).unique


@given(st.dictionaries(st.sampled_from("abcdefg"), st.integers(0, 3), min_size=1))
def test_two_parts_of_a_cluster_are_never_both_unique(roster):
    for count in range(len(roster) + 1):
        for part in itertools.combinations(roster, count):
            one = {name: roster[name] for name in part}
            other = {name: roster[name] for name in roster if name not in part}
            both = [quorum_of(p, roster, Options(), all_seen=True).unique for p in (one, other)]
            assert both != [True, True]
