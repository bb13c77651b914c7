"""When a node is sound, and when it must end: the judgement alone."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashelld.core.effects import StartTimer
from hashelld.core.events import (
    Blocked,
    CibChanged,
    Leaving,
    Member,
    MembersChanged,
    SelfFenceWanted,
    ServicesEnded,
    ShutdownWanted,
    Started,
    View,
    WatchdogReady,
)
from hashelld.settings import Settings
from hashelld.watchdog.core import Watchdog
from hashelld.watchdog.words import Arm, Disarm, EndNode, Feed, KillServices, LastCall, Tick


def cib(**options):
    pairs = "".join(
        f'<nvpair id="o{number}" name="{name.replace("_", "-")}" value="{value}"/>'
        for number, (name, value) in enumerate(options.items())
    )
    return Cib.parse(
        f'<cib epoch="1"><configuration><crm_config><cluster_property_set id="c">{pairs}</cluster_property_set>'
        "</crm_config><nodes/><resources/><constraints/></configuration><status/></cib>"
    )


class Bench:
    def __init__(self, folder, timeout_ms=5000, **options):
        self.watchdog = Watchdog(Settings("c", "n1", folder, folder, folder / "key", watchdog_timeout_ms=timeout_ms))
        self.view = 0
        self.tell(Started("n1", "c", cib(**options)))
        self.tell(WatchdogReady(timeout_ms))

    def tell(self, event, now_ms=0):
        return list(self.watchdog.receive(event, now_ms, 0.0))

    def quorum(self, quorate):
        self.view += 1
        return kinds(self.tell(MembersChanged(View(self.view, (Member(1, "n1", "u", 1),), quorate=quorate))))

    def tick(self, now_ms=0):
        return kinds(self.tell(Tick(), now_ms))


def kinds(effects):
    return [type(one) for one in effects if isinstance(one, Arm | Feed | Disarm | EndNode | KillServices)]


@pytest.fixture
def make(tmp_path):
    return lambda **more: Bench(tmp_path, **more)


def test_it_is_armed_by_the_first_quorum_and_fed_in_time_from_then_on(make):
    bench = make()
    assert bench.quorum(False) == [] and bench.tick() == []
    assert bench.quorum(True) == [Arm, Feed]
    (timer,) = [one for one in bench.tell(Tick()) if isinstance(one, StartTimer)]
    assert timer.delay_ms * 5 <= 5000
    assert bench.tick() == [Feed]
    # Another view is no second arming.
    assert bench.quorum(True) == []


def test_without_a_watchdog_nothing_is_armed(make):
    bench = make(timeout_ms=0)
    assert bench.quorum(True) == []
    assert bench.tick() == []


@pytest.mark.parametrize(("options", "fed"), [
    ({}, True),
    ({"no_quorum_policy": "stop"}, True),
    ({"stonith_watchdog_timeout": "10s"}, False),
    ({"fencing_watchdog_timeout": "10s", "no_quorum_policy": "freeze"}, False),
    ({"stonith_watchdog_timeout": "-1"}, False),
    ({"stonith_watchdog_timeout": "0"}, True),
    ({"stonith_watchdog_timeout": "10s", "no_quorum_policy": "ignore"}, True),
])
def test_without_quorum_it_is_fed_only_where_nobody_takes_its_silence_for_its_end(make, options, fed):
    bench = make(**options)
    bench.quorum(True)
    assert bench.quorum(False) == []
    assert bench.tick() == ([Feed] if fed else [])
    # Quorum that comes back in time saves it.
    bench.quorum(True)
    assert bench.tick() == [Feed]


@pytest.mark.parametrize(("options", "fed"), [({}, True), ({"stonith_watchdog_timeout": "10s"}, False)])
def test_a_node_whose_view_ended_and_that_gets_no_other_feeds_it_no_longer_where_others_count_on_that(
    make, options, fed,
):
    bench = make(**options)
    bench.quorum(True)
    bench.tell(Blocked(), 5_000)
    assert bench.tick(6_000) == [Feed]
    # A second proposal is no new beginning.
    bench.tell(Blocked(), 5_900)
    assert bench.tick(6_100) == ([Feed] if fed else [])
    bench.quorum(True)
    assert bench.tick(6_200) == [Feed]


@pytest.mark.parametrize("policy", ["suicide", "fence"])
@pytest.mark.parametrize("timeout_ms", [0, 5000])
def test_a_node_that_loses_quorum_under_a_fatal_policy_ends_itself_with_or_without_a_watchdog(make, policy, timeout_ms):
    bench = make(timeout_ms=timeout_ms, no_quorum_policy=policy)
    assert bench.quorum(False) == []
    bench.quorum(True)
    assert bench.quorum(False) == [KillServices]
    assert bench.tick() == []
    assert kinds(bench.tell(ServicesEnded())) == [EndNode]


def test_the_policy_of_the_moment_counts(make):
    bench = make(no_quorum_policy="stop")
    bench.quorum(True)
    new = cib(no_quorum_policy="suicide")
    bench.tell(CibChanged(new, new, b"", None, True))
    assert bench.quorum(False) == [KillServices]


def test_who_is_told_to_die_kills_its_services_and_then_itself_even_if_they_do_not_stop(make):
    bench = make()
    bench.quorum(True)
    told = bench.tell(SelfFenceWanted("n2 fences this node"))
    assert kinds(told) == [KillServices]
    assert any(isinstance(one, StartTimer) and isinstance(one.event, LastCall) for one in told)
    assert bench.tell(SelfFenceWanted("again")) == []
    assert kinds(bench.tell(LastCall())) == [EndNode]


def test_a_clean_leave_closes_the_watchdog_and_an_unclean_one_leaves_it_counting(make):
    clean = make()
    clean.quorum(True)
    assert kinds(clean.tell(Leaving(True))) == [Disarm]
    unclean = make()
    unclean.quorum(True)
    assert kinds(unclean.tell(Leaving(False))) == []
    assert unclean.tick() == []


def test_a_node_that_is_leaving_may_lose_quorum(make):
    bench = make(no_quorum_policy="suicide")
    bench.quorum(True)
    bench.tell(ShutdownWanted("maintenance"))
    assert bench.quorum(False) == []


def test_a_watchdog_that_fails_is_told_and_not_fed_any_more(make):
    bench = make()
    bench.quorum(True)
    assert bench.tell(WatchdogReady(0))
    assert bench.tick() == []
