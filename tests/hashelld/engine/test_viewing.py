"""Agreeing on a view when others are slow, and when they are gone: the first is waited for, the second is not."""

from __future__ import annotations

import pytest

from hashelld.core.effects import StartTimer, StoreValue, Tell
from hashelld.core.events import MembersChanged, MessageOrdered, Started
from hashelld.engine.engine import Me
from hashelld.engine.mesh.alarms import DoubtOver, InstallOverdue, ProposeNow, RoundOverdue, Tick
from hashelld.engine.mesh.codec import (
    Beat,
    Hello,
    Nack,
    Order,
    Ordered,
    Owed,
    Promise,
    Propose,
    Roster,
    RosterEntry,
    ViewId,
)
from hashelld.engine.mesh.core import MeshEngine
from hashelld.engine.mesh.links import FrameCame, LinkClosed, LinkOpened, LinkSend
from hashelld.engine.mesh.peers import NO_VIEW
from hashelld.settings import make


class Bench:
    """node1 with peers that do what a test says; links are numbered as the nodes."""

    def __init__(self, folder, nodes=3):
        self.names = {number: f"node{number}" for number in range(2, nodes + 1)}
        self.reach = tuple((f"node{number}", 1) for number in range(1, nodes + 1))
        settings = make({
            "cluster": "c", "node": "node1", "state_dir": folder, "run_dir": folder, "key": folder / "key",
            "expect": nodes,
        })
        self.engine = MeshEngine(settings, Me("node1", "u-node1", 1, "c"), {})
        self.now = 1_000
        self.effects = []
        self.engine_said = []
        self.tell(Started("node1", "c", None))
        for number in self.names:
            self.link(number)

    def tell(self, event, later_ms=1):
        self.now += later_ms
        self.effects = list(self.engine.receive(event, self.now, 0.0))
        self.engine_said += self.effects
        return self.effects

    def link(self, number):
        self.tell(LinkOpened(number, ("h", number), True))
        name = self.names[number]
        self.tell(FrameCame(number, Hello(1, "c", name, f"u-{name}", 1, "3.20.5", number)))
        self.beat(number)

    def beat(self, number, view=NO_VIEW, **more):
        self.tell(FrameCame(number, Beat(view, view.n, self.reach, **more)))

    def promise(self, number, ballot):
        promise = Promise(ballot, Owed(NO_VIEW, 0, ()), 0, False, 3, 1, Roster(), "3.20.5", False, True, False)
        self.tell(FrameCame(number, promise))

    def proposed(self):
        """The proposal that is on its way now."""
        found = [one.frame for one in self.effects if isinstance(one, LinkSend) and isinstance(one.frame, Propose)]
        return found[0]

    def timer(self, kind):
        return next(one for one in self.effects if isinstance(one, StartTimer) and isinstance(one.event, kind))

    def agree(self):
        """A view of all; its number."""
        self.tell(ProposeNow())
        ballot = self.proposed().ballot
        for number in self.names:
            self.promise(number, ballot)
        assert any(isinstance(one, Tell) and isinstance(one.event, MembersChanged) for one in self.effects)
        for number in self.names:
            self.beat(number, ballot)
        return ballot


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_round_with_somebody_who_is_gone_is_begun_anew_at_once(tmp_path):
    bench = Bench(tmp_path, 5)
    bench.agree()
    bench.tell(LinkClosed(5, "goodbye"))
    bench.reach = bench.reach[:4]
    for number in (2, 3, 4):
        bench.beat(number, bench.engine._members.view)
    bench.tell(ProposeNow())
    bench.promise(2, bench.proposed().ballot)
    assert bench.engine._members.round is not None
    bench.tell(LinkClosed(4, "goodbye"))
    assert bench.engine._members.round is None
    assert bench.timer(ProposeNow).delay_ms < 100


def test_who_promised_a_view_to_somebody_who_is_gone_begins_anew_at_once(bench):
    bench.agree()
    lives = tuple((name, boot) for name, boot in bench.reach)
    bench.tell(FrameCame(2, Propose(ViewId(9, "node2", 1), lives)))
    assert bench.engine._members.is_between
    bench.link(3)
    bench.tell(LinkClosed(2, "goodbye"))
    assert bench.timer(ProposeNow).delay_ms < 100


def test_members_wait_for_a_proposer_as_long_as_it_says_that_it_takes(bench):
    lives = tuple((name, boot) for name, boot in bench.reach)
    bench.tell(FrameCame(2, Propose(ViewId(9, "node2", 1), lives, 5_000)))
    assert bench.timer(InstallOverdue).delay_ms == 10_000


def test_a_round_that_was_not_answered_in_time_is_followed_by_a_longer_one(bench):
    bench.tell(ProposeNow())
    first = bench.timer(RoundOverdue)
    bench.tell(first.event, first.delay_ms)
    bench.tell(ProposeNow(), 100)
    assert bench.timer(RoundOverdue).delay_ms >= 2 * first.delay_ms


def test_who_is_refused_again_and_again_asks_less_often(bench):
    waits = []
    for _ in range(6):
        bench.tell(ProposeNow())
        ballot = bench.proposed().ballot
        bench.tell(FrameCame(3, Nack(ballot, ballot.n, "reach")))
        waits.append(bench.timer(ProposeNow).delay_ms)
    assert waits == sorted(waits) and waits[0] <= 40 and waits[-1] >= 500


def test_a_node_that_did_not_run_keeps_its_view_while_silent_members_live(bench):
    view = bench.agree()
    bench.tell(Tick())
    bench.tell(FrameCame(2, Order(view, (Ordered(1, "node2", 1, "x", b"late"),), 0)), 5_000)
    assert bench.engine._doubting
    asked = bench.engine._asked_awake
    for _ in range(5):
        due = bench.timer(DoubtOver)
        # (Its own ticks are in time again.)
        bench.engine._hearing.looked(bench.now + due.delay_ms)
        bench.tell(due.event, due.delay_ms)
        assert bench.engine._doubting and not bench.engine._stuck
    bench.beat(2, view, answers=asked)
    assert bench.engine._doubting
    bench.beat(3, view, answers=asked)
    assert not bench.engine._doubting and bench.engine._members.view == view


def test_a_node_that_did_not_run_ends_its_view_when_a_member_has_gone_on_to_another(bench):
    view = bench.agree()
    bench.tell(Tick())
    bench.beat(3, view)
    bench.tell(Tick(), 5_000)
    due = bench.timer(DoubtOver)
    bench.beat(2, ViewId(view.n + 1, "node2", 1), answers=bench.engine._asked_awake)
    bench.tell(due.event, due.delay_ms)
    assert bench.engine._stuck
    assert not [one for one in bench.effects if isinstance(one, Tell) and isinstance(one.event, MessageOrdered)]


def told_of(bench, link):
    """The rosters that went over this link now."""
    sent = [one for one in bench.effects if isinstance(one, LinkSend) and link in one.links]
    return [one.frame.begun for one in sent if isinstance(one.frame, Beat) and one.frame.begun]


def test_members_tell_each_node_that_is_not_in_their_view_once_that_the_cluster_was_begun(bench):
    bench.names[4] = "node4"
    bench.tell(LinkOpened(4, ("h", 4), True))
    bench.tell(FrameCame(4, Hello(1, "c", "node4", "u-node4", 1, "3.20.5", 4)))
    assert told_of(bench, 4) == []
    bench.tell(LinkClosed(4, "goodbye"))
    del bench.names[4]
    bench.agree()
    bench.tell(LinkOpened(5, ("h", 4), True))
    bench.tell(FrameCame(5, Hello(1, "c", "node4", "u-node4", 2, "3.20.5", 4)))
    (roster,) = told_of(bench, 5)
    assert {entry.name for entry in roster.entries if entry.votes} == {"node1", "node2", "node3"}
    bench.tell(Tick())
    assert told_of(bench, 5) == told_of(bench, 2) == []


def test_who_has_heard_that_the_cluster_was_begun_never_begins_another(bench):
    known = Roster(ViewId(5, "node8", 1), tuple(RosterEntry(n, f"node{n}", f"u-node{n}") for n in (7, 8, 9)))
    bench.beat(2, begun=known)
    assert [one.name for one in bench.effects if isinstance(one, StoreValue)] == ["roster"]
    bench.agree()
    (view,) = [
        one.event.view for one in bench.engine_said if isinstance(one, Tell) and isinstance(one.event, MembersChanged)
    ]
    assert set(view.names) == {"node1", "node2", "node3"}
    assert not view.quorate and not view.unique


def test_who_hears_that_the_cluster_was_begun_while_it_begins_one_does_not(bench):
    bench.tell(ProposeNow())
    ballot = bench.proposed().ballot
    bench.promise(2, ballot)
    bench.beat(3, begun=Roster(ViewId(5, "node8", 1), (RosterEntry(8, "node8", "u-node8"),)))
    bench.promise(3, ballot)
    (view,) = [
        one.event.view for one in bench.effects if isinstance(one, Tell) and isinstance(one.event, MembersChanged)
    ]
    assert not view.quorate
