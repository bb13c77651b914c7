"""Sessions: nothing is lost and nothing comes twice over torn connections; what is not kept is never passed over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashelld.engine.mesh import sessions
from hashelld.engine.mesh.codec import Direct, ViewId
from hashelld.engine.mesh.flaps import Flaps
from hashelld.engine.mesh.sessions import Session


def frame(number, size=1):
    return Direct(ViewId(1, "a"), "t", number.to_bytes(4, "big") + b"\0" * size)


@given(st.lists(st.one_of(st.just("send"), st.just("tear"), st.just("ack"), st.integers(0, 5)), max_size=60))
def test_whatever_tears_all_frames_come_once_and_in_order(steps):
    """A number is how many frames under way arrive before the next step."""
    here, there = Session(1, 2), Session(2, 1)
    under_way, came, sent = [], [], 0
    for step in steps:
        if step == "send":
            here.keep(frame(sent), 0)
            under_way.append(frame(sent))
            sent += 1
        elif step == "tear":
            under_way = list(here.missing(there.resume().received))
        elif step == "ack":
            ack = there.tell()
            if ack:
                here.acked(ack.received)
        else:
            for one in under_way[:step]:
                there.took(one)
                came.append(one)
            del under_way[:step]
    came += here.missing(there.received)

    assert came == [frame(number) for number in range(sent)]


def test_what_is_kept_is_bounded_and_a_peer_that_lacks_more_must_begin_anew(monkeypatch):
    monkeypatch.setattr(sessions, "KEPT_BYTES_MAX", 10_000)
    session = Session(1, 2)
    for number in range(100):
        session.keep(frame(number, 1000), 0)

    assert session.kept_bytes <= 10_000
    assert session.missing(0) is None
    assert session.missing(99) == (frame(99, 1000),)
    assert session.missing(101) is None


def test_how_long_a_peer_has_not_acknowledged_is_known():
    session = Session(1, 2)
    assert session.waits_ms(5000) == 0
    session.keep(frame(1), 1000)
    session.keep(frame(2), 3000)
    assert session.waits_ms(5000) == 4000
    session.acked(1)
    assert session.waits_ms(5000) == 2000


def test_a_receiver_acknowledges_often_enough_that_the_sender_need_not_keep_much():
    session = Session(1, 2)
    acks = [ack for number in range(200) if (ack := session.took(frame(number)))]
    assert [ack.received for ack in acks] == [64, 128, 192]
    assert session.took(frame(0, 300_000)).received == 201
    assert session.tell() is None


def test_a_node_that_is_lost_soon_after_each_return_comes_back_later_each_time_and_is_forgiven():
    flaps = Flaps(60_000)
    delays, now = [], 0
    for _ in range(12):
        flaps.joined("b", now)
        now += 2_000
        delays.append(flaps.lost("b", now))
        now += delays[-1]
    assert delays[:6] == [0, 0, 1000, 2000, 4000, 8000]
    assert delays[-1] == 60_000
    flaps.joined("b", now)
    assert flaps.lost("b", now + 20_000) == 0
    assert Flaps(0).lost("b", 0) == 0
