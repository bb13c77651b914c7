"""What a bad day brings: floods, resizes, lost daemons, a DC that moves: no traceback, no stale green, no busy loop."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from unittest import mock

import pytest
from msgspec import structs

from hashell.client.feed import CibUpdate, Connected, Disconnected, EventUpdate, InfoUpdate
from hashell.monitor import showing
from hashell.monitor.app import HashellMonitor, Options
from hashell.wire.messages import EventInfo


@pytest.fixture
def running(told, cluster, until, screen):
    @asynccontextmanager
    async def start(size=(120, 40)):
        session = told(cluster)
        session.tell(0, Connected("/run/a", "bench", "node1", "root"), CibUpdate(None, cluster.cib()))
        app = HashellMonitor(Options(open_client=lambda: cluster), session)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: "node3 OFFLINE" in screen(app))
            yield app, pilot, session

    return start


async def test_ten_thousand_events_at_once_are_few_drawings_and_the_last_one_is_seen(running, screen, until):
    async with running() as (app, pilot, session):
        drawn = mock.Mock(side_effect=app._show_lines)
        with mock.patch.object(app, "_show_lines", drawn):
            for number in range(1, 10_001):
                text = f"event number {number}"
                session.tell(1, EventUpdate(EventInfo(number, session.wall_s, "node1", "config", "notice", text)))
                if number % 1_000 == 0:
                    await pilot.pause()
            await pilot.press("3")
            await until(pilot, lambda: "event number 10000" in screen(app))
            assert drawn.call_count < 40
        assert len(app.query_one("#timeline").rows) < 10_000


async def test_nothing_is_drawn_while_nothing_happens(running):
    async with running() as (app, pilot, _):
        for _ in range(5):
            await pilot.pause(0.1)
        with mock.patch.object(app, "_scene_changed") as changed, mock.patch.object(app, "_build_heavy") as built:
            for _ in range(50):
                app.flush()
        assert not changed.called and not built.called


async def test_a_storm_of_resizes_ends_with_a_whole_screen(running, screen, until):
    dice = random.Random(7)
    async with running() as (app, pilot, _):
        for _ in range(60):
            await pilot.resize_terminal(dice.randint(20, 220), dice.randint(5, 60))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: len(screen(app).splitlines()) == 24 and "node3 OFFLINE" in screen(app))
        assert all(len(line) <= 80 for line in screen(app).splitlines())


@pytest.mark.parametrize("size", [(20, 6), (40, 12), (60, 18)])
async def test_a_screen_that_is_too_small_shows_what_it_can(running, size, screen, until):
    async with running() as (app, pilot, _):
        await pilot.resize_terminal(*size)
        for key in ("2", "3", "4", "1", "left_square_bracket", "end", "question_mark", "escape", "s", "escape"):
            await pilot.press(key)
            await pilot.pause()
        assert len(screen(app).splitlines()) <= size[1]


async def test_the_dc_that_is_shown_is_the_one_of_now(running, screen, until):
    async with running() as (app, pilot, session):
        info = session.client().info()
        session.tell(1, InfoUpdate(structs.replace(info, dc="node2", quorate=True)))
        await until(pilot, lambda: "DC node2" in screen(app).splitlines()[0])


async def test_a_daemon_that_is_gone_turns_all_grey_and_colours_come_back_with_it(running, screen, until):
    put = {}

    def meanings():
        return {span.meaning for span in put["#header"] if "quorum" in span.text or "nodes" in span.text}

    async with running() as (app, pilot, session):
        app._put = lambda where, spans, draw=app._put: (put.update({where: spans}), draw(where, spans))
        for _ in range(3):
            session.tell(1, Disconnected("/run/a", "nobody listens", 2.0))
            await until(pilot, lambda: all(view.stale for view in app.query("LineView")))
            assert meanings() == {"stale"}
            session.tell(2, Connected("/run/b", "bench", "node2", "root", "/run/a", "node1 is gone"))
            session.tell(2, CibUpdate(None, session.past.cib))
            await until(pilot, lambda: not any(view.stale for view in app.query("LineView")))
            assert "ok" in meanings()


async def test_what_is_dear_to_build_rests_as_long_as_it_took(running, until):
    async with running() as (app, _pilot, session):
        now = [1000.0]
        built = mock.Mock()

        def slow(pane, _view):
            built(pane)
            app._under_way.discard(pane)
            app._rests_until[pane] = now[0] + 2.0

        with (
            mock.patch.object(showing.time, "monotonic", lambda: now[0]),
            mock.patch.object(app, "_build_heavy", slow),
        ):
            app._rests_until.clear()
            for _ in range(10):
                session.past.touch("cib")
                app.flush()
                now[0] += 0.5
        assert sum(1 for call in built.call_args_list if call.args == ("overview",)) == 3
