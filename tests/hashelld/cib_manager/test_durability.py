"""Durability: nothing counts as held before the disk says so, and what it says of another history is passed over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.cib_manager.durability import RETRY_MS, Durability, JournalAgain
from hashelld.cib_manager.ledger import Ledger
from hashelld.cib_manager.messages import Entry, Position, Write
from hashelld.core.effects import JournalAppend, StartTimer


def holding(count, *, unique=True):
    ledger = Ledger(Position(), Position())
    durability = Durability(0, ledger)
    entries = [Entry(Position(1, "a", at), unique, Write("a", 1, at, ())) for at in range(1, count + 1)]
    for one in entries:
        ledger.append(one, durable=False)
    return ledger, durability, entries


@given(st.permutations(range(6)))
def test_only_what_has_nothing_missing_before_it_counts_as_held(order):
    ledger, durability, entries = holding(12)
    out = []
    for at in range(6):
        durability.journal(entries[2 * at : 2 * at + 2], out)
    done = set()
    for number in order:
        assert durability.told(out[number].token, "", [])
        done.add(number)
        gapless = next(at for at in range(7) if at not in done)
        assert ledger.acknowledged == 2 * gapless


def test_what_the_disk_refused_is_not_held_and_is_written_again_as_it_was():
    ledger, durability, entries = holding(2)
    out = []
    durability.journal(entries, out)
    again = []
    assert not durability.told(out[0].token, "no space", again)
    assert ledger.acknowledged == 0
    assert again == [StartTimer("journal", RETRY_MS, JournalAgain())]
    written = []
    durability.write_again(lambda token: pytest.fail("no copy was refused"), written)
    assert written == out


def test_what_the_disk_says_of_the_history_before_a_copy_is_passed_over():
    ledger, durability, entries = holding(2)
    out = []
    durability.journal(entries, out)
    token = durability.begin_copy(2)
    assert not durability.told(out[0].token, "", [])
    written = []
    durability.write_again(lambda _: pytest.fail("no copy was refused"), written)
    assert written == []
    ledger.replace(Position(1, "a", 2), Position(), ())
    ledger.wait_for(2)
    assert durability.told(token, "", []) and ledger.acknowledged == 2


def test_a_majoritys_entry_counts_in_a_branch_only_when_the_journal_calls_it_the_branchs():
    ledger, durability, entries = holding(1)
    out = []
    durability.journal(entries, out)
    durability.restate(out)
    first, restated = out
    assert isinstance(restated, JournalAppend) and not ledger.held[0].unique
    durability.told(first.token, "", [])
    assert ledger.acknowledged == 0
    durability.told(restated.token, "", [])
    assert ledger.acknowledged == 1
