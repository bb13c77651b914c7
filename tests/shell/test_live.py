"""The view of the cluster that prompt and toolbar show, and the lines above the prompt."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from hashell.client.feed import Connected, Disconnected, EventUpdate, InfoUpdate, TransitionUpdate, Update
from hashell.shell.live import KEPT_MAX, LINES_PER_S, ClusterView, Follower, Throttle
from hashell.transition.packed import pack
from hashell.wire.messages import EventInfo, Info, MemberInfo, TransitionNotice


def info(*, up: int = 3, quorate: bool = True, dc: str = "node1") -> Info:
    members = tuple(MemberInfo(n, f"node{n}", "member" if n <= up else "lost") for n in (1, 2, 3))
    return Info("demo", "node1", "mesh", members, dc, quorate, up, 3, 2, 1, "S_IDLE")


def event(number: int, text: str = "something", level: str = "info") -> EventUpdate:
    return EventUpdate(EventInfo(number, 0.0, "node1", "resource", level, text))


def test_a_healthy_cluster_has_no_troubles():
    view = ClusterView()
    view.take(Connected("sock", "demo", "node1", "root"))
    view.take(InfoUpdate(info()))
    assert view.troubles(0) == []
    assert view.nodes_up == (3, 3)


def test_troubles_are_told_the_worst_first():
    view = ClusterView(connected=True)
    view.take(InfoUpdate(info(up=1, quorate=False, dc="")))
    assert view.troubles(2) == ["no quorum", "no DC", "2 nodes down", "2 failures"]


def test_a_lost_daemon_is_told_once_and_its_return_too():
    view = ClusterView()
    view.take(Connected("sock", "demo", "node1", "root"))
    view.take(InfoUpdate(info()))
    (line,) = view.take(Disconnected("sock", "nobody listens", 0.2))
    assert line[0] == "error"
    assert view.take(Disconnected("sock", "nobody listens", 0.4)) == []
    assert view.troubles(0) == ["not connected"]
    assert view.take(Connected("sock", "demo", "node1", "root")) == [("ok", "connected again to node1")]


def test_a_move_to_another_node_says_why():
    view = ClusterView()
    view.take(Connected("a", "demo", "node1", "root"))
    (line,) = view.take(Connected("b", "demo", "node2", "root", "a", "node node1 is gone"))
    assert line == ("warning", "node node1 is gone; now on node2")
    assert view.node == "node2"


def test_events_of_before_and_those_for_debugging_are_not_shown():
    view = ClusterView()
    past = EventUpdate(EventInfo(1, 0.0, "node1", "x", "info", "old"), past=True)
    assert view.take(past) == []
    assert view.take(event(2, level="debug")) == []
    ((level, text),) = view.take(event(3, "web failed", "error"))
    assert level == "error"
    assert text.endswith("node1: web failed")


def test_a_running_transition_counts_its_actions_once_each():
    view = ClusterView()
    view.take(TransitionUpdate(TransitionNotice("started", 4, graph_packed=pack(b"<action_set/><action_set/>"))))
    for state in ("running", "done", "done"):
        view.take(TransitionUpdate(TransitionNotice("action", 4, action=1, state=state)))
    assert (view.transition, view.done, view.actions) == (4, 1, 2)
    view.take(TransitionUpdate(TransitionNotice("ended", 4, result="complete")))
    assert view.transition == 0


def test_more_lines_than_fit_in_a_second_are_counted():
    throttle = Throttle(3)
    lines = [("info", str(number)) for number in range(20)]
    assert throttle.offer(lines, 10.0) == lines[:3]
    assert throttle.due(10.5) == []
    assert throttle.due(11.0) == [("info", "+17 events: see `events`")]
    assert throttle.due(12.5) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 3)), max_size=30))
def test_no_line_is_lost_without_being_counted_and_no_second_has_too_many(bursts):
    throttle = Throttle(LINES_PER_S)
    now, offered, told = 0.0, 0, 0
    per_second: list[tuple[float, int]] = []
    for count, pause in [*bursts, (0, 2.0)]:
        now += pause
        shown = throttle.offer([("info", "x")] * count, now)
        offered += count
        plain = [text for _, text in shown if text == "x"]
        told += len(plain) + sum(int(text[1:].split()[0]) for _, text in shown if text != "x")
        per_second.append((now, len(plain)))
    assert told == offered
    for begin, _ in per_second:
        assert sum(count for at, count in per_second if begin <= at < begin + 0.999) <= 2 * LINES_PER_S


class _Feed:
    """Gives what it is fed, then waits."""

    def __init__(self, updates: list[Update]) -> None:
        self._updates = updates
        self.closed = False

    async def updates(self) -> AsyncIterator[Update]:
        import asyncio

        for update in self._updates:
            yield update
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


def test_while_a_command_runs_lines_are_kept_back_and_bounded():
    updates: list[Update] = [event(number) for number in range(1, LINES_PER_S + 1)]
    feed = _Feed(updates)
    shown: list[tuple[str, str]] = []
    heard = threading.Semaphore(0)
    follower = Follower(feed, shown.extend, lambda update: heard.release())
    follower.hold()
    follower.start()
    try:
        for _ in updates:
            assert heard.acquire(timeout=60)
    finally:
        follower.stop()
    assert shown == []
    assert len(follower.release()) <= KEPT_MAX
    assert feed.closed


def test_the_follower_ends_when_it_is_told_also_before_it_began():
    follower = Follower(_Feed([]), lambda lines: None, lambda update: None)
    follower.stop()
    follower.start()
    follower.stop()
    assert not follower._thread.is_alive()
