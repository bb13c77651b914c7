"""The monitor on a cluster in memory: keys pressed, screens read."""

from __future__ import annotations

import pytest

from hashell.client.feed import Disconnected
from hashell.monitor.watch import hear


async def _until(pilot, condition, seconds: float = 5.0) -> None:
    """Let the app work until something holds; fails when it never does."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause(0.02)
        if condition():
            return
    raise AssertionError("it never came to hold")


async def test_the_overview_shows_nodes_resources_and_faults_in_words(cluster, shown, screen):
    async with shown(cluster) as (app, pilot):
        await pilot.pause()
        text = screen(app)

    assert "bench" in text
    assert "2/3 nodes" in text
    assert "node3 OFFLINE" in text
    assert "Started node1" in text
    assert "1 fault" in text


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 40), (200, 50)])
async def test_every_size_shows_the_essentials_without_a_crash(cluster, shown, screen, size):
    async with shown(cluster, size=size) as (app, pilot):
        await pilot.press("2", "3", "4", "5", "1")
        await pilot.pause()
        text = screen(app)

    assert "node1" in text
    assert "OFFLINE" in text


@pytest.mark.parametrize(("width", "beside"), [(80, False), (120, True), (200, True)])
async def test_a_wide_screen_has_transition_and_timeline_beside_the_overview(cluster, shown, screen, width, beside):
    async with shown(cluster, size=(width, 40)) as (app, pilot):
        await pilot.pause()
        text = screen(app)

    assert ("nothing happened yet" in text) == beside


async def test_standby_is_previewed_as_its_command_with_what_would_happen_and_done_on_enter(
    cluster, shown, screen
):
    async with shown(cluster) as (app, pilot):
        await pilot.press("s")
        await _until(pilot, lambda: "what would happen:" in screen(app))
        text = screen(app)
        assert "node standby node1" in text
        assert "node1 -> node2" in text or "Move" in text

        await pilot.press("enter")
        await _until(pilot, lambda: b'name="standby"' in cluster.cib().to_bytes())

    assert cluster.history(1)[0].command == "node standby node1"


async def test_escape_leaves_the_cluster_as_it_was(cluster, shown, screen):
    before = cluster.cib().to_bytes()
    async with shown(cluster) as (app, pilot):
        await pilot.press("s")
        await _until(pilot, lambda: "enter does it" in screen(app))
        await pilot.press("escape")
        await _until(pilot, lambda: "left as it is" in screen(app))

    assert cluster.cib().to_bytes() == before


async def test_read_only_lets_no_act_through(cluster, shown, screen):
    before = cluster.cib().to_bytes()
    async with shown(cluster, read_only=True) as (app, pilot):
        for key in ("s", "F", "u"):
            await pilot.press(key)
            await pilot.pause(0.05)
            assert "enter does it" not in screen(app)
        view = app.query_one("#overview")
        assert next(line for line in view.rows if line.about == "http")
        view.go_to(next(line.key for line in view.rows if line.about == "http"))
        for key in ("c", "S"):
            await pilot.press(key)
            await pilot.pause(0.05)
            assert "enter does it" not in screen(app)

    assert cluster.cib().to_bytes() == before
    assert cluster.asked == []


async def test_a_changed_parameter_is_shown_as_its_command_before_it_is_committed(cluster, shown, screen):
    async with shown(cluster) as (app, pilot):
        view = app.query_one("#overview")
        view.go_to(next(line.key for line in view.rows if line.about == "http"))
        await pilot.press("M")
        await _until(pilot, lambda: "http: meta-attributes" in screen(app))
        app.screen.query_one("#f5").value = "3"
        await pilot.press("ctrl+s")
        await _until(pilot, lambda: "enter does it" in screen(app))
        assert "resource meta http set migration-threshold 3" in screen(app)
        await pilot.press("enter")
        await _until(pilot, lambda: b"migration-threshold" in cluster.cib().to_bytes())


async def test_why_shows_the_terms_that_make_the_score_of_each_node(cluster, shown, screen):
    async with shown(cluster) as (app, pilot):
        view = app.query_one("#overview")
        view.go_to(next(line.key for line in view.rows if line.about == "ip"))
        await pilot.press("x")
        await _until(pilot, lambda: "runs on node1" in screen(app))
        text = screen(app)

    assert "web-prefers" in text
    assert "node2" in text


async def test_a_filter_and_faults_only_narrow_the_rows_and_escape_ends_it(cluster, shown, screen):
    async with shown(cluster) as (app, pilot):
        await pilot.press("z")
        await pilot.pause()
        rows = [line.text for line in app.query_one("#overview").rows]
        assert any("OFFLINE" in row for row in rows)
        assert not any("node1 online" in row for row in rows)
        await pilot.press("z", "slash", *"http")
        await pilot.pause()
        assert all("http" in row or "web" in row for row in (line.text for line in app.query_one("#overview").rows))
        await pilot.press("escape")
        await pilot.pause()
        assert any("node2" in line.text for line in app.query_one("#overview").rows)


async def test_a_lost_connection_is_said_and_everything_turns_stale(cluster, shown, screen):
    async with shown(cluster) as (app, pilot):
        app.workers.cancel_group(app, "feed")
        hear(app.model, Disconnected("memory", "nobody listens", 2.0), 0.0)
        await _until(pilot, lambda: "nobody listens" in screen(app))
        assert all(view.stale for view in app.query("LineView"))


async def test_breaking_something_is_offered_in_a_demo_only(cluster, shown, screen):
    class Demo:
        broken: list[str] = []

        def stories(self):
            return [("node", "kill a node"), ("process", "kill the service")]

        def break_(self, name):
            self.broken.append(name)
            return f"{name}: done"

        def outage_line(self):
            return "service ok on node1, last outage 340 ms"

    demo = Demo()
    async with shown(cluster, demo=demo) as (app, pilot):
        assert "last outage 340 ms" in screen(app)
        await pilot.press("exclamation_mark")
        await _until(pilot, lambda: "kill the service" in screen(app))
        await pilot.press("down", "enter")
        await _until(pilot, lambda: demo.broken == ["process"])

    async with shown(cluster) as (app, pilot):
        await pilot.press("exclamation_mark")
        await pilot.pause(0.05)
        assert "Break something" not in screen(app)


@pytest.mark.parametrize("theme", ["dark", "light", "high-contrast", "colour-blind", "mono", "ansi"])
async def test_every_theme_draws_the_same_words(cluster, shown, screen, theme):
    async with shown(cluster, theme=theme) as (app, pilot):
        await pilot.pause()
        text = screen(app)

    assert "OFFLINE" in text
    assert "Started node1" in text


async def test_plain_ascii_draws_no_other_character(cluster, shown, screen):
    async with shown(cluster, ascii_only=True) as (app, pilot):
        await pilot.pause()
        rows = [line.text for line in app.query_one("#overview").rows]

    assert all(row.isascii() for row in rows)
