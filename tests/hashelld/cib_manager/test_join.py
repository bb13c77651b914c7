"""Whose CIB wins: lineage before version, the same at every member."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from hashelld.cib_manager.join import agrees, authority
from hashelld.cib_manager.messages import Position, State


def state(unique=(1, "a", 5), head=None, version=(0, 1, 0), digest="d", holds=0):
    position = Position(*unique)
    head = Position(*head) if head else position
    return State(9, "a", position, head, position, version, digest, version, holds, str(holds))


def test_the_latest_entry_of_a_majority_wins_over_any_version():
    states = {"a": state((1, "a", 5), version=(0, 99, 0)), "b": state((2, "b", 6), version=(0, 3, 0))}

    assert authority(("a", "b"), states) == "b"


def test_on_the_same_lineage_the_branch_with_the_highest_version_wins():
    states = {"a": state(version=(0, 3, 0)), "b": state(version=(0, 4, 0)), "c": state(version=(0, 3, 9))}

    assert authority(("a", "b", "c"), states) == "b"


def test_where_nothing_differs_the_first_in_rank_is_asked():
    assert authority(("b", "a"), {"a": state(), "b": state()}) == "b"


def test_who_was_started_again_and_lacks_entries_of_the_status_takes_the_copy_of_who_has_them_all():
    started_again, whole = state(holds=6), state(holds=10)

    assert authority(("b", "a"), {"a": whole, "b": started_again}) == "a"
    assert not agrees(started_again, whole)


positions = st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 4))
states = st.builds(
    state, positions, positions, st.tuples(st.just(0), st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from("xy"), st.integers(0, 2),
)


@given(st.tuples(states, states, states))
def test_the_winner_does_not_depend_on_the_order_of_hearing_and_nobody_knows_more(three):
    names = ("a", "b", "c")
    heard = dict(zip(names, three, strict=True))
    winners = {
        authority(names, dict(order)) for order in itertools.permutations(heard.items())
    }

    assert len(winners) == 1
    best = heard[winners.pop()]
    assert all(best.unique >= other.unique for other in three)


@given(states, states)
def test_agreeing_is_mutual_and_means_nothing_to_copy(one, other):
    assert agrees(one, other) == agrees(other, one)
    assert agrees(one, one)
