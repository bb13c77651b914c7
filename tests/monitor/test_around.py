"""Several clusters in tabs, and themes that change while they are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashell.client.feed import CibUpdate, Connected, Disconnected, InfoUpdate
from hashell.client.memory import MemoryClient
from hashell.monitor.app import HashellMonitor, Options
from hashell.monitor.options import read
from hashell.monitor.widgets.line_view import LineView

THEMES = Path(__file__).resolve().parents[2] / "themes"


@pytest.fixture
def two(told, cluster):
    """An app on two clusters that differ in the names of their nodes, and both clients."""
    other = MemoryClient(cluster.cib().to_bytes().replace(b"node1", b"nodeA").replace(b"node2", b"nodeB"))
    sessions = []
    for client, name in ((cluster, "first"), (other, "second")):
        session = told(client)
        link = Connected(f"/run/{name}", name, "node1", "root")
        session.tell(0, link, InfoUpdate(client.info()), CibUpdate(None, client.cib()))
        sessions.append(session)
    app = HashellMonitor(Options(open_client=lambda: cluster), sessions[0])
    app.sessions.append(sessions[1])
    return app, cluster, other, sessions


async def test_each_cluster_has_a_tab_and_keys_lead_from_one_to_the_next(two, screen, until):
    app, *_ = two
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "node1" in screen(app) and app.overview.status is not None)
        await pilot.press(">")
        await until(pilot, lambda: "nodeA" in screen(app) and "node1 " not in screen(app).split("\n", 2)[2])
        await pilot.press(">")
        await until(pilot, lambda: "nodeA" not in screen(app) and "node1" in screen(app))
        await pilot.press("<")
        await until(pilot, lambda: "nodeA" in screen(app))


async def test_an_act_is_done_to_the_cluster_that_is_shown_and_to_no_other(two, screen, until):
    app, first, second, _ = two
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.overview.status is not None)
        await pilot.press(">")
        await until(pilot, lambda: "nodeA" in screen(app))
        assert app.query_one("#overview", LineView).go_to("node:nodeA")
        await pilot.press("s")
        await until(pilot, lambda: "enter does it" in screen(app))
        app.show_session(app.sessions[0])
        assert app.session is app.sessions[1]  # not while something is asked about this one
        await pilot.press("enter")
        await until(pilot, lambda: b"standby" in second.cib().to_bytes())
        assert b'name="standby"' not in first.cib().to_bytes()


async def test_what_is_found_out_about_one_cluster_is_not_shown_of_another(two, screen, until):
    app, *_ = two
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.overview.status is not None)
        await pilot.press("left_square_bracket", "6")
        await pilot.press(">")
        assert not app.in_past and not app.supposed.marks and not app.winning and not app.about
        await until(pilot, lambda: "nodeA" in screen(app))


async def test_a_lost_cluster_shows_in_its_tab_while_another_is_looked_at(two, screen, until):
    app, _, _, sessions = two
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.overview.status is not None)
        sessions[1].tell(1, Disconnected("/run/second", "nobody listens", 2.0))
        assert [span.meaning for span in app._cluster_spans()][:2] == ["accent", "fail"]
        assert not app.query_one("#overview", LineView).stale


async def test_one_cluster_has_no_tabs_and_the_key_says_how_to_get_some(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        assert app._cluster_spans() == ()
        await pilot.press(">")
        await until(pilot, lambda: "--also" in screen(app))


def test_several_others_can_be_named():
    assert read(["--also", "a.xml", "--also=hashelld"]).also == ("a.xml", "hashelld")


async def test_a_theme_that_is_changed_is_seen_at_once_and_a_spoiled_one_is_told_of_once(
    cluster, until, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "hashell" / "themes"
    folder.mkdir(parents=True)
    text = (THEMES / "dark.toml").read_text()
    (folder / "own.toml").write_text(text)
    app = HashellMonitor(Options(open_client=lambda: cluster, theme="own"))
    said = []
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.overview.status is not None)
        app.notify = lambda text, **_: said.append(text)
        before = app.palette["accent"]
        (folder / "own.toml").write_text(text.replace(before, "#123456") + "\n")
        app._tick()
        assert app.palette["accent"] == "#123456"
        assert app.query_one("#overview", LineView).palette["accent"] == "#123456"
        assert app.theme_variables["accent"].lower() == "#123456"
        (folder / "own.toml").write_text("colours = ")
        app._tick()
        app._tick()
        assert app.palette["accent"] == "#123456"
    assert len(said) == 1 and "own.toml" in said[0]
