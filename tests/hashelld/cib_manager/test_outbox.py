"""The outbox: every change goes out once, in order, in messages with bounds."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hashelld.cib_manager.messages import Operation, Write
from hashelld.cib_manager.outbox import TOGETHER_BYTES, TOGETHER_MAX, UNDER_WAY_MAX, UNDER_WAY_MS, Outbox
from hashelld.core.effects import Multicast, StartTimer


def write(counter, size=10):
    return Write("node1", 1, counter, (Operation("modify", b"x" * size),))


def sent(out):
    return [msgspec.msgpack.decode(one.payload, type=list[Write]) for one in out if isinstance(one, Multicast)]


@given(st.lists(st.sampled_from(["ask", "ask", "ask", "apply", "wait", "late"]), max_size=200))
def test_every_change_goes_out_once_and_in_order_whatever_happens_meanwhile(steps):
    outbox, now_ms, counter, out, applied = Outbox(), 0, 0, [], 0
    for step in steps:
        now_ms += 1
        if step == "ask":
            counter += 1
            outbox.put(write(counter, 1000 * counter))
            outbox.send(now_ms, out)
        elif step == "apply" and len(sent(out)) > applied:
            outbox.applied(sent(out)[applied][-1].counter)
            applied += 1
            outbox.send(now_ms, out)
        elif step == "wait":
            outbox.waited(now_ms, out)
        elif step == "late":
            now_ms += UNDER_WAY_MS + 1
            outbox.send(now_ms, out)
    for _ in range(counter):
        now_ms += UNDER_WAY_MS + 1
        outbox.send(now_ms, out)
    assert [one.counter for together in sent(out) for one in together] == list(range(1, counter + 1))


def test_no_message_has_more_changes_or_bytes_than_its_bounds():
    outbox, out = Outbox(), []
    for counter in range(1, 1000):
        outbox.put(write(counter, 20_000 if counter > 500 else 10))
    for turn in range(200):
        outbox.send(turn * (UNDER_WAY_MS + 1), out)
    messages = sent(out)
    assert sum(map(len, messages)) == 999
    assert max(map(len, messages)) == TOGETHER_MAX
    for together in messages:
        # The last one may go over it: what is smaller than a message must go some time.
        assert sum(len(one.operations[0].xml) for one in together[:-1]) < TOGETHER_BYTES


def test_no_more_messages_are_under_way_than_may_be_until_one_is_applied():
    outbox, out = Outbox(), []
    for counter in range(1, 10 * TOGETHER_MAX + 1):
        outbox.put(write(counter))
        outbox.send(1, out)
    assert len(sent(out)) == UNDER_WAY_MAX
    outbox.applied(sent(out)[0][-1].counter)
    outbox.send(2, out)
    assert len(sent(out)) == UNDER_WAY_MAX + 1


def test_what_is_withdrawn_is_not_sent():
    outbox, out = Outbox(), []
    outbox.put(write(1))
    outbox.put(write(2))
    assert [one.counter for one in outbox.withdraw()] == [1, 2]
    outbox.send(1, out)
    assert sent(out) == []


def test_what_never_comes_back_holds_back_what_is_asked_for_after_it_for_a_bounded_time():
    outbox, out = Outbox(), []
    for counter in range(1, 10 * TOGETHER_MAX + 1):
        outbox.put(write(counter))
        outbox.send(1, out)
    (timer,) = [one for one in out if isinstance(one, StartTimer) and one.delay_ms > UNDER_WAY_MS]
    outbox.waited(1 + timer.delay_ms, out)
    assert sum(map(len, sent(out))) == 10 * TOGETHER_MAX


def test_what_was_sent_before_a_copy_was_taken_holds_back_nothing():
    outbox, out = Outbox(), []
    for counter in range(1, 10 * TOGETHER_MAX + 1):
        outbox.put(write(counter))
        outbox.send(1, out)
    outbox.forget()
    outbox.send(2, out)
    assert len(sent(out)) > UNDER_WAY_MAX
