"""The CIB manager alone in a view: orders, holds, commits, answers; what it refuses and what it asks of the disk."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashelld.cib_manager.asked import PENDING_MAX, WRITE_MAX, status_only
from hashelld.cib_manager.core import APPLY_MAX, CibManager
from hashelld.cib_manager.messages import Operation
from hashelld.cib_manager.records import keeps_record
from hashelld.core.effects import JournalAppend, Multicast, StartTimer, Store, Stored, Tell
from hashelld.core.events import (
    Author,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    CibOperation,
    Member,
    MembersChanged,
    MessageOrdered,
    View,
)

NVPAIR = b'<cluster_property_set id="s"><nvpair id="p" name="p" value="1"/></cluster_property_set>'


class Alone:
    """A manager whose multicasts come back, and whose disk writes when told."""

    def __init__(self, manager=None, *, disk=True, number=1):
        self.manager = manager or CibManager("node1", 1, Cib.empty())
        self.disk = disk
        self.told = []
        self.effects = []
        self.sequence = 0
        self.waiting = []
        self.number = number
        member = Member(1, "node1", "u", 1)
        self.feed(MembersChanged(View(
            number, (member,), quorate=True, votes=1, expected_votes=1, quorum=1, unique=True, proposer="node1",
        )))

    def feed(self, event):
        for effect in self.manager.receive(event, 0, 1.6e9):
            self.effects.append(effect)
            if isinstance(effect, Multicast):
                self.sequence += 1
                self.feed(MessageOrdered(self.number, self.sequence, "node1", effect.topic, effect.payload))
            elif isinstance(effect, JournalAppend | Store):
                self.waiting.append(effect)
                if self.disk:
                    self.feed(Stored(effect.token))
            elif isinstance(effect, Tell):
                self.told.append(effect.event)

    def want(self, *operations, request="r"):
        self.feed(ChangeWanted(operations, Author("root", "node1", "crm test"), request))
        return [event for event in self.told if isinstance(event, ChangeAnswered)][-1:]


def test_a_change_is_applied_answered_and_told_with_its_author():
    alone = Alone()
    (answer,) = alone.want(CibOperation("modify", NVPAIR, "crm_config"))

    assert (answer.request, answer.version, answer.error) == ("r", "0.1.0", "")
    changed = [event for event in alone.told if isinstance(event, CibChanged)][-1]
    assert changed.configuration_changed and changed.author.command == "crm test"
    assert changed.after.by_id("p") is not None and b"<diff" in changed.patch


def test_a_configuration_change_is_not_answered_before_it_is_on_the_disk():
    alone = Alone(disk=False)
    for effect in list(alone.waiting):
        alone.feed(Stored(effect.token))
    assert alone.want(CibOperation("modify", NVPAIR, "crm_config")) == []
    assert alone.manager.cib.by_id("p") is None
    alone.feed(Stored(alone.waiting[-1].token))

    assert [event.version for event in alone.told if isinstance(event, ChangeAnswered)] == ["0.1.0"]


def test_a_disk_that_fails_means_no_answer_and_another_try():
    alone = Alone(disk=False)
    for effect in list(alone.waiting):
        alone.feed(Stored(effect.token))
    alone.want(CibOperation("modify", NVPAIR, "crm_config"))
    alone.feed(Stored(alone.waiting[-1].token, "No space left on device"))

    assert not [event for event in alone.told if isinstance(event, ChangeAnswered)]
    assert alone.effects[-1].name == "journal"
    alone.feed(alone.effects[-1].event)
    alone.feed(Stored(alone.waiting[-1].token))
    assert [event.version for event in alone.told if isinstance(event, ChangeAnswered)] == ["0.1.0"]


def test_a_status_change_waits_for_no_disk_and_raises_num_updates():
    alone = Alone()
    before = len(alone.waiting)
    (answer,) = alone.want(CibOperation("modify", b'<node_state id="1" uname="node1"/>', "status"))

    assert answer.version == "0.0.1"
    assert len(alone.waiting) == before


def test_all_operations_of_a_change_or_none():
    alone = Alone()
    (answer,) = alone.want(
        CibOperation("modify", NVPAIR, "crm_config"), CibOperation("replace", b"<primitive id='no'/>", "resources"),
    )

    assert answer.error and answer.error_id
    assert alone.manager.cib.by_id("p") is None
    assert str(alone.manager.cib.version) == "0.0.0"


def test_a_patch_made_for_another_configuration_is_a_conflict():
    alone = Alone()
    alone.want(CibOperation("modify", NVPAIR, "crm_config"))
    (answer,) = alone.want(CibOperation("delete", b"", "//nvpair", admin_epoch=0, epoch=0))

    assert answer.error_id == "conflict"
    assert "0.1" in answer.error and "0.0" in answer.error
    assert alone.manager.cib.by_id("p") is not None


def test_what_is_too_big_or_too_much_is_refused_at_once():
    alone = Alone()
    (answer,) = alone.want(CibOperation("modify", b"x" * (WRITE_MAX + 1), "crm_config"))
    assert answer.error_id == "too-big"
    lonely = CibManager("node1", 1, Cib.empty())
    for _ in range(PENDING_MAX):
        lonely.receive(ChangeWanted((), Author("", ""), "x"), 0, 0.0)
    (refused,) = lonely.receive(ChangeWanted((), Author("", ""), "last"), 0, 0.0)

    assert refused.event.error_id == "busy"


def test_a_pile_of_committed_changes_is_applied_a_few_at_a_time():
    """Every version that is told keeps a whole tree alive: a thousand at once cost a gigabyte."""
    alone = Alone(disk=False)
    for effect in list(alone.waiting):
        alone.feed(Stored(effect.token))
    for number in range(200):
        nvpair = NVPAIR.replace(b'"1"', f'"v{number}"'.encode())
        alone.want(CibOperation("modify", nvpair, "crm_config"), request=str(number))
    # The disk is done with the first last, so all are committed at once.
    pending = [Stored(e.token) for e in reversed(alone.waiting) if isinstance(e, JournalAppend)]
    worst = 0
    while pending:
        told = len(alone.told)
        alone.feed(pending.pop(0))
        worst = max(worst, sum(isinstance(e, CibChanged) for e in alone.told[told:]))
        pending += [e.event for e in alone.effects if isinstance(e, StartTimer) and e.name == "apply"]
        alone.effects.clear()

    assert 1 < worst <= APPLY_MAX
    assert str(alone.manager.cib.version) == "0.200.0"


def test_after_a_restart_the_journal_brings_back_what_the_stored_cib_lacks():
    alone = Alone()
    alone.want(CibOperation("modify", NVPAIR, "crm_config"))
    journal = tuple(e.record for e in alone.waiting if isinstance(e, JournalAppend))
    again = Alone(CibManager("node1", 2, Cib.empty(), {}, journal), number=2)

    assert again.manager.cib.by_id("p") is not None
    assert again.manager.digest() != CibManager("x", 1, Cib.empty()).digest()


def test_a_stored_cib_says_which_journal_records_it_has():
    alone = Alone()
    alone.want(CibOperation("modify", NVPAIR, "crm_config"))
    store = [e for e in alone.waiting if isinstance(e, Store)][-1]
    alone.want(CibOperation("modify", NVPAIR.replace(b"1", b"2"), "crm_config"))
    records = [e.record for e in alone.waiting if isinstance(e, JournalAppend)]

    assert [keeps_record(record, store.lineage) for record in records] == [False, False, True]
    assert b"node_state" not in store.cib


@pytest.mark.parametrize(("operation", "expected"), [
    (Operation("modify", b"<node_state id='1'/>", "status"), True),
    (Operation("modify", b" <node_state id='1'/>"), True),
    (Operation("delete", b"", "//node_state[@id='1']/lrm | //node_state[@id='2']"), True),
    (Operation("delete", b"", "//node_state[@id='1'] | //primitive"), False),
    (Operation("modify", b"<cib dc-uuid='1'/>"), False),
    (Operation("delete", b"", "//nvpair"), False),
])
def test_only_what_is_sure_to_touch_the_status_alone_skips_the_disk(operation, expected):
    assert status_only((operation,)) is expected
