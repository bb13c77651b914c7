"""What other nodes told, in one order by our clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.client.feed import CibUpdate, Connected, EventUpdate, InfoUpdate, LogUpdate
from hashell.client.logs import EVENTS_AT_ONCE, NODES_AT_ONCE, LogReader
from hashell.errors import TimedOut
from hashell.monitor.app import HashellMonitor, Options
from hashell.monitor.other_logs import Logs
from hashell.monitor.past import Past
from hashell.monitor.scene import Link, NodeLog, Scene
from hashell.monitor.views import Wishes
from hashell.monitor.views.logs import build
from hashell.wire.messages import EventInfo, Events, MemberInfo


def event(node, number, when_s, text="something", level="info"):
    return EventInfo(number, when_s, node, "operation", level, text)


def rows(scene, **wishes):
    return [line.text for line in build(scene, Wishes(width=100, now_s=100.0, **wishes))]


def test_each_row_stands_at_our_time_and_is_kept_once():
    logs = Logs()
    assert logs.take(LogUpdate("node2", (event("node2", 1, 130.0), event("node2", 2, 131.0)), lag_s=30.0), 200.0)
    assert logs.take(LogUpdate("node3", (event("node3", 1, 100.5),)), 200.0)
    assert not logs.take(LogUpdate("node3", (event("node3", 1, 100.5),)), 200.0)
    assert [(at_s, one.node, one.number) for at_s, one in logs.until(None)] == [
        (100.0, "node2", 1), (100.5, "node3", 1), (101.0, "node2", 2),
    ]
    assert [one.number for _, one in logs.until(100.7)] == [1, 1]


def test_nothing_is_later_than_now_whatever_a_clock_says():
    logs = Logs()
    logs.take(LogUpdate("node2", (event("node2", 1, 9e9),)), 50.0)
    assert logs.until(None)[0][0] == 50.0


WORDS = st.tuples(st.sampled_from("abc"), st.integers(1, 40), st.floats(0, 100), st.floats(-5, 5))


@given(st.lists(WORDS, max_size=80))
def test_it_is_in_order_and_bounded(told):
    logs = Logs(kept_max=20)
    for node, number, when_s, lag_s in told:
        logs.take(LogUpdate(node, (event(node, number, when_s),), lag_s), 100.0)
    kept = logs.until(None)
    assert [at_s for at_s, _ in kept] == sorted(at_s for at_s, _ in kept)
    assert len(kept) <= 20 and len(logs._seen) == len(kept)


def test_a_node_that_does_not_tell_and_a_wrong_clock_are_told():
    scene = Scene(100.0, link=Link(node="node1"), node_logs=(
        NodeLog("node2", 2.5, 0.01), NodeLog("node3", 0.0, 0.0, "it does not answer"), NodeLog("node4", 0.4, 3.0),
    ))
    told = rows(scene)
    assert any("node2: its clock is 2.5 s ahead of this one" in row for row in told)
    assert any("node3 does not tell: it does not answer" in row for row in told)
    assert not any("node4" in row for row in told)  # the answer took too long to know


def test_level_and_node_narrow_the_rows_and_the_headline_says_so():
    scene = Scene(
        100.0, link=Link(node="node1"), events=(event("node1", 1, 10.0, "own word"),),
        logs=((11.0, event("node2", 1, 11.0, "it failed", "error")), (12.0, event("node2", 2, 12.0, "all well"))),
    )
    assert [row.split()[-1] for row in rows(scene)[1:]] == ["word", "failed", "well"]
    worse = rows(scene, level="warning")
    assert "1 of 3" in worse[0] and "warning and worse" in worse[0] and "it failed" in worse[1] and len(worse) == 2
    own = rows(scene, only_node="node1")
    assert "only node1" in own[0] and len(own) == 2


def test_what_two_ways_told_is_one_row():
    one = event("node2", 7, 20.0)
    scene = Scene(100.0, link=Link(node="node1"), events=(one,), logs=((20.0, one),))
    assert len(rows(scene)) == 2


def test_the_past_has_only_what_had_happened_by_then():
    past = Past()
    past.hear(Connected("/run/a", "c", "node1", "root"), 100.0)
    past.hear(LogUpdate("node2", (event("node2", 1, 50.0, "early"), event("node2", 2, 105.0, "late"))), 110.0)
    assert past.take_changed() >= {"logs"}
    assert [one.text for _, one in past.look(104.0).scene().logs] == ["early"]
    assert [one.text for _, one in past.scene().logs] == ["early", "late"]


# --- asking


class Nodes:
    """A client of nodes that keep events."""

    def __init__(self, ahead_s=0.0):
        self.kept = {}
        self.asked = []
        self.ahead_s = ahead_s
        self.silent = set()

    def events_of(self, node, *, after=0, limit=200, timeout_s=0.0):
        self.asked.append((node, after))
        if node in self.silent:
            raise TimedOut(f"{node} does not answer")
        found = tuple(one for one in self.kept.get(node, ()) if one.number > after)
        return Events(found[-limit:], node, 1000.0 + self.ahead_s)


def members(*names, since_s=1.0):
    return [MemberInfo(number, name, "member", since_s=since_s) for number, name in enumerate(names, 1)]


def test_each_other_member_is_asked_for_what_is_new_only():
    nodes, reader = Nodes(ahead_s=7.0), LogReader()
    nodes.kept["b"] = [event("b", number, 900.0) for number in range(1, 4)]
    all_ = members("a", "b", "c")
    told = reader.look(nodes, all_, "a", lambda: 1000.0)
    assert [(one.node, len(one.events), one.lag_s) for one in told] == [("b", 3, 7.0), ("c", 0, 7.0)]
    nodes.kept["b"].append(event("b", 4, 901.0))
    (again, _) = reader.look(nodes, all_, "a", lambda: 1000.0)
    assert [one.number for one in again.events] == [4]
    assert EVENTS_AT_ONCE >= 200


def test_a_node_that_was_away_is_asked_from_its_beginning():
    nodes, reader = Nodes(), LogReader()
    nodes.kept["b"] = [event("b", number, 900.0) for number in range(1, 9)]
    reader.look(nodes, members("a", "b"), "a", lambda: 1000.0)
    nodes.kept["b"] = [event("b", 1, 950.0, "started again")]
    (told,) = reader.look(nodes, members("a", "b", since_s=5.0), "a", lambda: 1000.0)
    assert [one.text for one in told.events] == ["started again"]


def test_one_that_does_not_answer_is_told_of_and_the_others_are_asked():
    nodes, reader = Nodes(), LogReader()
    nodes.silent = {"b"}
    told = reader.look(nodes, members("a", "b", "c"), "a", lambda: 1000.0)
    assert [(one.node, one.problem) for one in told] == [("b", "b does not answer"), ("c", "")]


def test_many_nodes_are_asked_in_turns():
    nodes, reader = Nodes(), LogReader()
    names = [f"n{number}" for number in range(20)]
    for _ in range(3):
        before = len(nodes.asked)
        reader.look(nodes, members(*names), "n0", lambda: 1000.0)
        assert len(nodes.asked) - before == NODES_AT_ONCE
    assert {node for node, _ in nodes.asked} == set(names[1:])


async def test_the_logs_of_all_nodes_are_a_view_that_travels_in_time(told, cluster, screen, until):
    session = told(cluster)
    at_s = session.wall_s
    session.tell(
        0, Connected("/run/a", "bench", "node1", "root"), CibUpdate(None, cluster.cib()), InfoUpdate(cluster.info()),
        LogUpdate("node2", (event("node2", 1, at_s - 60, "before us"),)),
    )
    session.tell(1, EventUpdate(event("node1", 1, at_s + 1, "from our own")))
    session.tell(90, LogUpdate("node2", (event("node2", 2, at_s + 89, "from another", "error"),)))
    app = HashellMonitor(Options(open_client=lambda: cluster), session)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.overview.status is not None)
        await pilot.press("7")
        assert session.logs_wanted
        words = ("before us", "from our own", "from another")
        await until(pilot, lambda: all(word in screen(app) for word in words))
        await pilot.press("v", "v")
        await until(pilot, lambda: "from another" in screen(app) and "before us" not in screen(app))
        await pilot.press("v", "v", "left_curly_bracket")
        await until(pilot, lambda: app.in_past and "before us" in screen(app) and "from another" not in screen(app))
        await pilot.press("1")
        assert not session.logs_wanted
