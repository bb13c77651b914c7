"""Time travel: keys and the bar lead to any moment, every pane shows it; nothing is done there but the way back."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from msgspec import structs

from hashell.cib.document import Cib
from hashell.client.feed import CibUpdate, Connected, Disconnected, EventUpdate
from hashell.client.memory import MemoryClient
from hashell.commands import nodes
from hashell.commands.env import Env
from hashell.monitor.app import HashellMonitor, Options
from hashell.monitor.glyphs import ASCII
from hashell.monitor.views import time_bar
from hashell.wire.messages import EventInfo


@pytest.fixture
def story(told, cluster):
    """At 0 s all is as in the file; at 60 s node2 goes to standby; at 120 s it comes back."""

    def make():
        client = MemoryClient(cluster.cib())
        session = told(client)
        t0 = session.wall_s
        before = client.cib()
        session.tell(0, Connected("memory", "bench", "node1", "root"), CibUpdate(None, before))
        for number, after_s, act in ((1, 60, nodes.standby), (2, 120, nodes.online)):
            env = Env.open(client, command_line=f"node {act.__name__} node2")
            act(env, ["node2"])
            env.commit("for the kernel")
            client._rows[-1] = structs.replace(client._rows[-1], when_s=t0 + after_s)
            info = EventInfo(number, t0 + after_s, "node1", "config", "notice", f"node2 {act.__name__}")
            session.tell(after_s, CibUpdate(before, client.cib()), EventUpdate(info))
            before = client.cib()
        session.tell(185)
        return session, client

    return make


@pytest.fixture
def travelling(story, until, screen):
    @asynccontextmanager
    async def start(size=(120, 40), **options):
        session, client = story()
        app = HashellMonitor(Options(open_client=lambda: client, **options), session)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: "node3 OFFLINE" in screen(app))
            yield app, pilot

    return start


async def test_each_key_press_goes_one_event_back_and_the_panes_show_the_cluster_as_it_was_then(
    travelling, screen, until
):
    async with travelling() as (app, pilot):
        assert "node2 online" in screen(app)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "as of 02:15:07, 1m05s ago; End: live" in screen(app))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "as of 02:14:07, 2m05s ago; End: live" in screen(app))
        await until(pilot, lambda: "node2 standby" in screen(app))
        assert "PAST 02:14:07" in screen(app).splitlines()[0]
        await pilot.press("4")
        await until(pilot, lambda: "standby" in screen(app))
        await pilot.press("1", "end")
        await until(pilot, lambda: "node2 online" in screen(app) and "as of" not in screen(app))
        assert "live" in screen(app).splitlines()[0]


async def test_what_happens_meanwhile_does_not_disturb_who_looks_at_the_past(travelling, screen, until):
    async with travelling() as (app, pilot):
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "node2 standby" in screen(app))
        app.session.tell(200, CibUpdate(None, Cib.empty()))
        await pilot.pause(0.2)
        assert "node2 standby" in screen(app)
        await pilot.press("end")
        await until(pilot, lambda: "Nodes (0)" in screen(app))


async def test_nothing_is_done_to_the_cluster_from_its_past(travelling, screen, until):
    async with travelling() as (app, pilot):
        before = app.session.client().cib().to_bytes()
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "as of" in screen(app))
        for key in ("s", "F", "u", "c", "S", "m", "U", "M", "a", "E", "C"):
            app._said = ""
            await pilot.press(key)
            await until(pilot, lambda: app._said.startswith("this is the past"))
            assert len(app.screen_stack) == 1
        assert app.session.client().cib().to_bytes() == before
        assert app.session.client().asked == []


async def test_restore_brings_the_configuration_of_then_back_through_a_preview(travelling, screen, until):
    async with travelling() as (app, pilot):
        client = app.session.client()
        await until(pilot, lambda: app.session.past.history)
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "node2 standby" in screen(app))
        await pilot.press("r")
        await until(pilot, lambda: "the configuration as it was at 02:14:07" in screen(app))
        await until(pilot, lambda: "enter does it" in screen(app))
        await pilot.press("enter")
        await until(pilot, lambda: b'name="standby" value="on"' in client.cib().to_bytes())
        assert client.history(1)[0].command.startswith(("history restore", "(the configuration of 02:14:07"))


async def test_read_only_refuses_to_restore(travelling, screen, until, monkeypatch):
    told = []
    async with travelling(read_only=True) as (app, pilot):
        monkeypatch.setattr(app, "notify", lambda text, **how: told.append(text))
        client = app.session.client()
        before = client.cib().to_bytes()
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "node2 standby" in screen(app))
        await pilot.press("r")
        await until(pilot, lambda: any("read-only" in text for text in told))
        assert client.cib().to_bytes() == before


async def test_a_marked_moment_and_another_are_compared(travelling, screen, until):
    async with travelling() as (app, pilot):
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "node2 standby" in screen(app))
        await pilot.press("space", "end", "d")
        await until(pilot, lambda: "What changed from 02:14:07 to now" in screen(app))
        await until(pilot, lambda: "node2  standby, then online" in screen(app))
        assert "1 event" in screen(app)


async def test_the_timeline_tells_of_each_version_who_made_it_how_and_why(travelling, screen, until):
    async with travelling() as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: 'tester: node standby node2  "for the kernel"' in screen(app))


async def test_enter_on_an_event_leads_to_its_moment(travelling, screen, until):
    async with travelling() as (app, pilot):
        await pilot.press("3")
        view = app.query_one("#timeline")
        await until(pilot, lambda: any(line.key == "event:node1:1" for line in view.rows))
        view.go_to("event:node1:1")
        await pilot.press("enter")
        await until(pilot, lambda: "as of 02:14:07" in screen(app))


async def test_the_bar_leads_to_a_moment_and_its_right_end_to_now(travelling, screen, until):
    async with travelling() as (app, pilot):
        bar = app.query_one("#time")
        await pilot.click("#time", offset=(0, 0))
        await until(pilot, lambda: "as of 02:13:07" in screen(app))
        await pilot.click("#time", offset=(bar.size.width - 1, 0))
        await until(pilot, lambda: "as of" not in screen(app))


async def test_a_lost_connection_is_told_in_the_past_too_and_now_is_stale_when_one_comes_back(
    travelling, screen, until
):
    async with travelling() as (app, pilot):
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "as of" in screen(app))
        app.session.tell(190, Disconnected("memory", "nobody listens", 2.0))
        await until(pilot, lambda: "lost" in screen(app).splitlines()[0])
        assert not any(view.stale for view in app.query("LineView"))
        await pilot.press("end")
        await until(pilot, lambda: all(view.stale for view in app.query("LineView")))


async def test_the_past_plays_and_arrives_at_now(travelling, screen, until):
    async with travelling() as (app, pilot):
        await pilot.press("left_curly_bracket")
        await until(pilot, lambda: "as of 02:15:12" in screen(app))
        await pilot.press("p")
        app.session.wall_s += 20
        await until(pilot, lambda: "plays 1x, as of 02:15:32" in screen(app))
        app.session.wall_s += 100
        await until(pilot, lambda: "as of" not in screen(app))


@pytest.mark.parametrize("span_s", [1.0, 60.0, 86_400.0, 30 * 86_400.0])
def test_a_cell_of_the_bar_leads_to_a_moment_that_lies_in_that_cell(span_s):
    for place in range(39):
        when_s = time_bar.moment_of(place, 1000.0, 1000.0 + span_s, 40)
        assert when_s is not None
        assert time_bar.place_of(when_s, 1000.0, 1000.0 + span_s, 40) == place
    assert time_bar.moment_of(39, 1000.0, 1000.0 + span_s, 40) is None


def test_the_bar_shows_the_worst_that_happened_in_each_cell():
    marks = [(10.0, "info"), (10.0, "error"), (10.0, "notice")]
    drawn = time_bar.spans(marks, 10.0, 100.0, None, 20, ASCII)

    assert "".join(span.text for span in drawn) == "X" + 18 * "-" + "="
    assert drawn[0].meaning == "fail"


async def test_a_moment_before_anybody_listened_says_so(travelling, screen, until):
    async with travelling() as (app, pilot):
        info = EventInfo(90, app.session.wall_s - 4000, "node1", "member", "notice", "long ago")
        app.session.tell(185, EventUpdate(info, past=True))
        app.go(app.session.wall_s - 3000)
        await until(pilot, lambda: "the cluster of then is not known: it is listened to since 02:13:07" in screen(app))
        assert "not known" in screen(app).splitlines()[0]


async def test_what_the_client_of_a_demo_saw_is_an_outage_like_any_other(travelling, until):
    @dataclass
    class Gap:
        seconds: float
        after: str

    class Demo:
        serving = "node1"
        outages: tuple[Gap, ...] = ()

        def outage_line(self):
            return "service ok"

    demo = Demo()
    async with travelling(demo=demo) as (app, pilot):
        demo.outages = (Gap(0.7, "node2"),)
        demo.serving = "node2"
        await until(pilot, lambda: app.session.past.scene().probes and app.session.past.scene().probes[0].gaps)
        (sight,) = app.session.past.scene().probes
        assert sight.ok and sight.said == "node2"
        assert [round(ended_s - began_s, 3) for began_s, ended_s in sight.gaps] == [0.7]
