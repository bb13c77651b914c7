"""The ledger: what counts as held, as committed, as applied already."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.cib_manager.agreement import committed
from hashelld.cib_manager.ledger import MISSED_MAX, RESULTS_MAX, Applied, Ledger
from hashelld.cib_manager.messages import Entry, Position, Result, Write


def entry(index, *, unique=True, view=1):
    return Entry(Position(view, "a", index), unique)


def test_nothing_after_an_entry_that_is_not_durable_counts_as_held():
    ledger = Ledger(Position(), Position())
    for index, durable in ((1, True), (2, False), (3, True)):
        ledger.append(entry(index), durable=durable)
    assert ledger.acknowledged == 1
    ledger.durable(2)

    assert ledger.acknowledged == 3


def test_entries_are_taken_one_by_one_up_to_what_is_committed():
    ledger = Ledger(Position(), Position())
    for index in (1, 2, 5):
        ledger.append(entry(index), durable=True)
    taken = []
    while (found := ledger.take_first(4)) is not None:
        taken.append(found.position.index)
        assert ledger.applied == found.position

    assert taken == [1, 2]
    assert ledger.head.index == 5


def test_an_entry_that_goes_back_in_history_is_a_broken_promise():
    ledger = Ledger(Position(), Position())
    ledger.append(entry(3, view=4), durable=True)

    with pytest.raises(AssertionError):
        ledger.append(entry(4, view=3), durable=True)


def test_an_entry_of_a_minority_does_not_move_the_lineage():
    ledger = Ledger(Position(), Position())
    ledger.append(entry(1), durable=True)
    ledger.append(entry(2, unique=False), durable=True)

    assert ledger.unique.index == 1
    assert ledger.head.index == 2


VOTES = st.fixed_dictionaries({name: st.integers(0, 3) for name in "abcde"})


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 20)), VOTES, st.data())
def test_committed_is_what_members_with_so_many_votes_hold_and_no_more(acks, votes, data):
    total = sum(votes.values())
    if not total:
        return
    needed = data.draw(st.integers(1, total))
    index = committed(acks, votes, needed=needed)

    if index:
        assert sum(votes[name] for name, held in acks.items() if held >= index) >= needed
    assert sum(votes[name] for name, held in acks.items() if held > index) < needed


def test_a_member_without_a_vote_makes_no_majority():
    assert committed({"a": 7, "b": 7}, {"a": 1, "b": 0, "c": 1}, needed=2) == 0


def test_a_write_is_applied_once_and_its_result_found_again_within_a_bound():
    applied = Applied()
    for counter in range(1, RESULTS_MAX + 100):
        applied.add(Result("a", 1, counter, f"0.{counter}.0"))

    assert applied.is_done(Write("a", 1, 5, ()))
    assert not applied.is_done(Write("a", 2, 5, ()))
    assert not applied.is_done(Write("a", 1, RESULTS_MAX + 100, ()))
    assert applied.result("a", 1, 5) is None
    assert applied.result("a", 1, RESULTS_MAX + 99).version == f"0.{RESULTS_MAX + 99}.0"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 2), st.integers(1, 40)), max_size=60), st.booleans())
def test_a_write_counts_as_applied_exactly_when_it_was_also_where_a_branch_lost_some_before_it(writes, copied):
    applied, done = Applied(), set()
    for place, (origin, boot, counter) in enumerate(writes):
        write = Write(origin, boot, counter, ())
        assert applied.is_done(write) == ((origin, boot, counter) in done)
        applied.add(Result(origin, boot, counter, "0.1.0"))
        done.add((origin, boot, counter))
        if copied and place % 7 == 3:
            other = Applied()
            other.replace(applied.results, applied.counters, applied.missed)
            applied = other

    for origin, boot, counter in itertools.product("ab", (1, 2), range(1, 41)):
        assert applied.is_done(Write(origin, boot, counter, ())) == ((origin, boot, counter) in done)


def test_of_numbers_that_were_passed_over_only_so_many_are_kept():
    applied = Applied()
    applied.add(Result("a", 1, 10 * MISSED_MAX, "0.1.0"))

    assert len(applied.missed[0][2]) < MISSED_MAX + 1
    assert not applied.is_done(Write("a", 1, 10 * MISSED_MAX - 1, ()))
