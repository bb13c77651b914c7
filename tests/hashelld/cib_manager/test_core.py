"""The CIB manager alone in a view: orders, holds, commits, answers; what it refuses and what it asks of the disk."""

from __future__ import annotations

import msgspec
import pytest

from hashell.cib.document import Cib, parse_xml
from hashell.cib.patch import apply_patch
from hashelld.cib_manager.asked import PENDING_MAX, WRITE_MAX, status_only
from hashelld.cib_manager.core import TOLD_MAX, CibManager
from hashelld.cib_manager.messages import SNAPSHOT, WRITE, Operation, Write
from hashelld.cib_manager.outbox import HOLD_MS, SECOND_FROM, SECOND_MS, UNDER_WAY_MAX, UNDER_WAY_MS
from hashelld.cib_manager.pace import PACE_SHARE, PACED_FROM
from hashelld.cib_manager.records import keeps_record
from hashelld.core.effects import JournalAppend, Multicast, Send, StartTimer, Store, Stored, Tell
from hashelld.core.events import (
    Author,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    CibOperation,
    Member,
    MembersChanged,
    MessageDirect,
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
        self.done = set()
        self.number = number
        self.lose = False
        self.now_ms = 0
        member = Member(1, "node1", "u", 1)
        self.feed(MembersChanged(View(
            number, (member,), quorate=True, votes=1, expected_votes=1, quorum=1, unique=True, proposer="node1",
        )))

    def feed(self, event):
        for effect in self.manager.receive(event, self.now_ms, 1.6e9):
            self.effects.append(effect)
            if isinstance(effect, Multicast) and not self.lose:
                self.sequence += 1
                self.feed(MessageOrdered(self.number, self.sequence, "node1", effect.topic, effect.payload))
            elif isinstance(effect, JournalAppend | Store):
                self.waiting.append(effect)
                if self.disk:
                    self.feed(Stored(effect.token))
            elif isinstance(effect, Tell):
                self.told.append(effect.event)

    def order(self, origin, writes):
        self.sequence += 1
        self.feed(MessageOrdered(self.number, self.sequence, origin, WRITE, msgspec.msgpack.encode(writes)))

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


def written(number, command):
    """A change as another node asks for it."""
    nvpair = NVPAIR.replace(b'"1"', f'"v{number}"'.encode())
    return Write("node2", 1, number, (Operation("modify", nvpair, "crm_config"),), "root", "node2", command)


def test_a_pile_of_committed_changes_is_applied_a_few_at_a_time():
    """Every version that is told keeps a whole tree alive: a thousand at once cost a gigabyte."""
    alone = Alone(disk=False)
    for effect in list(alone.waiting):
        alone.feed(Stored(effect.token))
    for number in range(1, 201):
        alone.order("node2", [written(number, f"crm {number}")])
    # The disk is done with the first last, so all are committed at once.
    pending = [Stored(e.token) for e in reversed(alone.waiting) if isinstance(e, JournalAppend)]
    worst = 0
    while pending:
        told = len(alone.told)
        alone.feed(pending.pop(0))
        worst = max(worst, sum(isinstance(e, CibChanged) for e in alone.told[told:]))
        pending += [e.event for e in alone.effects if isinstance(e, StartTimer) and e.name == "apply"]
        alone.effects.clear()

    assert 1 < worst <= TOLD_MAX
    assert str(alone.manager.cib.version) == "0.200.0"


def test_changes_of_one_author_that_are_committed_together_are_told_and_stored_as_one():
    alone = Alone()
    stored = len([e for e in alone.effects if isinstance(e, Store)])
    alone.order("node2", [written(number, "crm configure") for number in range(1, 11)])

    changed = [event for event in alone.told if isinstance(event, CibChanged) and event.patch]
    assert [(str(event.before.version), str(event.after.version)) for event in changed] == [("0.0.0", "0.10.0")]
    assert apply_patch(changed[0].before, parse_xml(changed[0].patch)).to_bytes() == alone.manager.cib.to_bytes()
    assert len([e for e in alone.effects if isinstance(e, Store)]) == stored + 1
    assert [alone.manager.applied.result("node2", 1, n).version for n in (1, 5, 10)] == ["0.1.0", "0.5.0", "0.10.0"]


def test_what_two_authors_changed_is_told_as_two_changes():
    alone = Alone()
    alone.order("node2", [written(1, "crm a"), written(2, "crm b"), written(3, "crm b")])

    changed = [event for event in alone.told if isinstance(event, CibChanged) and event.patch]
    assert [(event.author.command, str(event.after.version)) for event in changed] == [
        ("crm a", "0.1.0"), ("crm b", "0.3.0"),
    ]


def test_changes_that_are_asked_for_while_others_are_under_way_go_out_as_one_message_and_all_are_answered():
    alone = Alone(disk=False)
    for effect in list(alone.waiting):
        alone.feed(Stored(effect.token))
    for number in range(20):
        alone.want(CibOperation("modify", NVPAIR.replace(b'"1"', b'"%d"' % number), "crm_config"), request=str(number))
    sent = [e for e in alone.effects if isinstance(e, Multicast) and e.topic == WRITE]
    assert len(sent) == 1
    while waiting := [e for e in alone.waiting if e.token not in alone.done]:
        alone.done |= {e.token for e in waiting}
        for effect in waiting:
            alone.feed(Stored(effect.token))

    sent = [e for e in alone.effects if isinstance(e, Multicast) and e.topic == WRITE]
    assert len(sent) == 2
    answers = {event.request: event.version for event in alone.told if isinstance(event, ChangeAnswered)}
    assert answers == {str(number): f"0.{number + 1}.0" for number in range(20)}


def settle(alone):
    """The disk does all that is asked of it."""
    while waiting := [e for e in alone.waiting if e.token not in alone.done]:
        alone.done |= {e.token for e in waiting}
        for effect in waiting:
            alone.feed(Stored(effect.token))


def ask(alone, numbers):
    for number in numbers:
        xml = NVPAIR.replace(b'"1"', b'"%d"' % number)
        alone.want(CibOperation("modify", xml, "crm_config"), request=str(number))


def messages_sent(alone):
    """How many changes were in each message to the members."""
    return [
        len(msgspec.msgpack.decode(e.payload)) for e in alone.effects if isinstance(e, Multicast) and e.topic == WRITE
    ]


def test_a_second_message_goes_out_while_one_is_under_way_when_it_is_worth_it():
    alone = Alone()
    alone.lose = True
    ask(alone, range(SECOND_FROM))
    assert messages_sent(alone) == [1]
    ask(alone, [SECOND_FROM])
    assert messages_sent(alone) == [1, SECOND_FROM]


def test_what_a_large_cib_makes_wait_long_does_not_hold_back_the_next_message():
    """Changes of a large CIB's status are applied seldom; those after them need not wait for that to be sent."""
    alone = Alone()
    alone.lose = True
    ask(alone, range(3))
    (timer,) = [e for e in alone.effects if isinstance(e, StartTimer) and e.name == "send"]
    alone.feed(timer.event)
    ask(alone, range(3, 3 + SECOND_FROM))
    assert messages_sent(alone) == [1, 2]
    assert timer.delay_ms == SECOND_MS


def test_those_that_were_answered_together_are_waited_for_a_little_and_go_together_again():
    alone = Alone(disk=False)
    ask(alone, range(8))
    settle(alone)
    before = messages_sent(alone)
    together = before[-1]
    assert together > 1

    ask(alone, range(10, 10 + together - 1))
    assert messages_sent(alone) == before
    timer = [e for e in alone.effects if isinstance(e, StartTimer) and e.name == "send"][-1]
    ask(alone, [99])
    assert messages_sent(alone) == [*before, together]
    assert timer.delay_ms == HOLD_MS


def test_nobody_is_waited_for_longer_than_a_moment_and_who_asks_alone_not_at_all():
    alone = Alone(disk=False)
    ask(alone, range(8))
    settle(alone)
    before = messages_sent(alone)
    ask(alone, [10])
    timer = [e for e in alone.effects if isinstance(e, StartTimer) and e.name == "send"][-1]
    alone.feed(timer.event)
    assert messages_sent(alone) == [*before, 1]
    settle(alone)
    ask(alone, [11])
    assert messages_sent(alone) == [*before, 1, 1]


def test_a_message_with_changes_that_is_never_ordered_does_not_hold_back_the_next_for_ever():
    alone = Alone()
    alone.lose = True
    for number in range(UNDER_WAY_MAX + 2):
        alone.want(CibOperation("modify", NVPAIR, "crm_config"), request=f"lost {number}")
    alone.lose = False
    alone.now_ms += UNDER_WAY_MS + 1
    alone.want(CibOperation("modify", NVPAIR, "crm_config"), request="later")

    assert [event.request for event in alone.told if isinstance(event, ChangeAnswered)][-1] == "later"


def test_after_a_restart_the_journal_brings_back_what_the_stored_cib_lacks():
    alone = Alone()
    alone.want(CibOperation("modify", NVPAIR, "crm_config"))
    journal = tuple(r for e in alone.waiting if isinstance(e, JournalAppend) for r in e.records)
    again = Alone(CibManager("node1", 2, Cib.empty(), {}, journal), number=2)

    assert again.manager.cib.by_id("p") is not None
    assert again.manager.digest() != CibManager("x", 1, Cib.empty()).digest()


def test_after_a_restart_a_node_knows_that_it_lacks_what_was_held_of_the_status_alone():
    """Else it would go on beside one that has it, and their CIBs would differ."""
    alone = Alone(disk=False)
    alone.want(CibOperation("modify", b"<node_state id='1'/>", "status"))
    alone.now_ms += 2 * UNDER_WAY_MS
    alone.want(CibOperation("modify", NVPAIR, "crm_config"))
    journal = tuple(r for e in alone.waiting if isinstance(e, JournalAppend) for r in e.records)
    before, after = alone.manager.ledger, CibManager("node1", 2, Cib.empty(), {}, journal).ledger

    assert (after.head, after.applied) == (before.head, before.applied)
    assert (len(before.held), len(after.held)) == (3, 2)
    assert after.places not in ("", before.places)


def test_a_stored_cib_says_which_journal_records_it_has():
    alone = Alone()
    alone.want(CibOperation("modify", NVPAIR, "crm_config"))
    store = [e for e in alone.waiting if isinstance(e, Store)][-1]
    alone.want(CibOperation("modify", NVPAIR.replace(b"1", b"2"), "crm_config"))
    records = [r for e in alone.waiting if isinstance(e, JournalAppend) for r in e.records]

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


def test_what_the_schema_does_not_allow_is_refused_with_what_is_wrong_and_the_next_change_goes_on():
    alone = Alone()
    alone.want(CibOperation("modify", b'<primitive id="web" class="osf" type="y"/>', "resources"))
    (answer,) = [event for event in alone.told if isinstance(event, ChangeAnswered)]
    assert answer.error_id == "schema" and "primitive 'web' has class='osf'" in answer.error
    assert answer.hint == "did you mean ocf?"
    (answer,) = alone.want(CibOperation("modify", NVPAIR, "crm_config"), request="r2")
    assert (answer.request, answer.error_id, answer.version) == ("r2", "", "0.1.0")


def test_a_resource_that_a_constraint_names_is_not_taken_out_before_the_constraint():
    alone = Alone()
    alone.want(CibOperation("modify", b'<primitive id="web" class="lsb" type="y"/>', "resources"))
    alone.want(CibOperation("modify", b'<rsc_location id="l" rsc="web" node="n" score="1"/>', "constraints"))
    (answer,) = alone.want(CibOperation("delete", path="//primitive[@id='web']"))
    assert answer.error_id == "schema" and "rsc_location 'l' names 'web'" in answer.error
    (answer,) = alone.want(
        CibOperation("delete", path="//rsc_location"), CibOperation("delete", path="//primitive[@id='web']")
    )
    assert answer.error_id == ""


def test_where_applying_a_large_cib_takes_its_time_the_next_status_changes_wait_and_go_together():
    alone = Alone()
    alone.want(CibOperation("modify", b'<node_state id="1" uname="node1"/>', "status"))
    many = "".join(f'<nvpair id="p{number}" name="p{number}" value="1"/>' for number in range(PACED_FROM))
    large = f'<cluster_property_set id="s">{many}</cluster_property_set>'
    alone.want(CibOperation("modify", large.encode(), "crm_config"))

    def told_of_status(after_ms):
        """Of how many versions is told at once, and in the end, when three changes of the status come so much later."""
        over = next(one for one in reversed(alone.effects) if isinstance(one, StartTimer) and one.name == "applied")
        alone.now_ms += 100
        alone.feed(over.event)
        alone.now_ms += after_ms
        before = sum(isinstance(event, CibChanged) for event in alone.told)
        for number in range(3):
            xml = f'<node_state id="1" uname="node1" join="{after_ms}-{number}"/>'.encode()
            alone.want(CibOperation("modify", xml, "status"), request=f"r{after_ms}-{number}")
        for timer in [one for one in alone.effects if isinstance(one, StartTimer) and one.name == "send"][-1:]:
            alone.feed(timer.event)
        at_once = sum(isinstance(event, CibChanged) for event in alone.told) - before
        waits = [one for one in alone.effects if isinstance(one, StartTimer) and one.name == "apply"]
        if waits and not at_once:
            alone.now_ms += waits[-1].delay_ms
            alone.feed(waits[-1].event)
        return at_once, sum(isinstance(event, CibChanged) for event in alone.told) - before

    # It took 100 ms: so much of the time is given to it, and not more.
    assert told_of_status(0) == (0, 1)
    assert told_of_status(PACE_SHARE * 100)[0] >= 1


def test_a_copy_that_comes_before_all_have_said_what_they_hold_is_taken_when_they_have():
    """Its sender heard them sooner. Else it would be asked for again after seconds."""
    members = tuple(Member(number, f"node{number}", "u", 1) for number in (1, 2))
    view = View(2, members, quorate=True, votes=2, expected_votes=2, quorum=2, unique=True, proposer="node1")
    position = [1, "node2", 5]
    managers = {
        "node1": CibManager("node1", 1, Cib.empty()),
        "node2": CibManager("node2", 1, Cib.empty(), {"applied": position, "unique": position}),
    }
    states = [
        MessageOrdered(2, sequence, name, effect.topic, effect.payload)
        for sequence, (name, manager) in enumerate(managers.items(), 1)
        for effect in manager.receive(MembersChanged(view), 0, 0.0) if isinstance(effect, Multicast)
    ]
    said = [effect for state in states for effect in managers["node2"].receive(state, 1, 0.0)]
    (copy,) = [effect for effect in said if isinstance(effect, Send) and effect.topic == SNAPSHOT]
    managers["node1"].receive(states[0], 2, 0.0)
    managers["node1"].receive(MessageDirect(2, "node2", copy.topic, copy.payload), 3, 0.0)
    assert managers["node1"].phase == "gathering"
    managers["node1"].receive(states[1], 4, 0.0)
    assert managers["node1"].phase == "ready"
