"""The monitor on a cluster in memory: keys pressed, screens read."""

from __future__ import annotations

import pytest

from hashell.client.feed import Disconnected
from hashell.monitor import edits
from hashell.monitor.screens.preview import Foreseen, PreviewScreen


async def test_the_overview_shows_nodes_resources_and_faults_in_words(cluster, shown, screen, until):
    words = ("bench", "2/3 nodes", "node3 OFFLINE", "Started node1", "1 fault")
    async with shown(cluster) as (app, pilot):
        await until(pilot, lambda: all(word in screen(app) for word in words))


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 40), (200, 50)])
async def test_every_size_shows_the_essentials_without_a_crash(cluster, shown, screen, until, size):
    async with shown(cluster, size=size) as (app, pilot):
        await pilot.press("2", "3", "4", "5")
        await until(pilot, lambda: "OFFLINE" not in screen(app))
        await pilot.press("1")
        await until(pilot, lambda: "node1" in screen(app) and "OFFLINE" in screen(app))


@pytest.mark.parametrize(("width", "beside"), [(80, False), (120, True), (200, True)])
async def test_a_wide_screen_has_transition_and_timeline_beside_the_overview(
    cluster, shown, screen, until, width, beside
):
    async with shown(cluster, size=(width, 40)) as (app, pilot):
        # The pane's own, and the line below that has room at any width.
        await until(pilot, lambda: screen(app).count("no transition yet") == 1 + beside)


async def test_standby_is_previewed_as_its_command_with_what_would_happen_and_done_on_enter(
    cluster, shown, screen, until
):
    async with shown(cluster) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: "what would happen:" in screen(app))
        text = screen(app)
        assert "node standby node1" in text
        assert "node1 -> node2" in text or "Move" in text

        await pilot.press("enter")
        await until(pilot, lambda: b'name="standby"' in cluster.cib().to_bytes())

    assert cluster.history(1)[0].command == "node standby node1"


async def test_escape_leaves_the_cluster_as_it_was(cluster, shown, screen, until):
    before = cluster.cib().to_bytes()
    async with shown(cluster) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: "enter does it" in screen(app))
        await pilot.press("escape")
        await until(pilot, lambda: "left as it is" in screen(app))

    assert cluster.cib().to_bytes() == before


async def test_a_changed_parameter_is_shown_as_its_command_before_it_is_committed(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        view = app.query_one("#overview")
        view.go_to(next(line.key for line in view.rows if line.about == "http"))
        await pilot.press("M")
        await until(pilot, lambda: "http: ocf:heartbeat:apache" in screen(app))
        place = next(place for place, item in enumerate(app.screen.fields) if item.name == "migration-threshold")
        app.screen.query_one(f"#f{place}").value = "3"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "enter does it" in screen(app))
        assert "resource meta http set migration-threshold 3" in screen(app)
        await pilot.press("enter")
        await until(pilot, lambda: b"migration-threshold" in cluster.cib().to_bytes())


async def test_why_shows_the_terms_that_make_the_score_of_each_node(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        view = app.query_one("#overview")
        view.go_to(next(line.key for line in view.rows if line.about == "ip"))
        await pilot.press("x")
        words = ("runs on node1", "web-prefers", "node2")
        await until(pilot, lambda: all(any(word in line.text for line in app.query_one("#why").rows) for word in words))
        await until(pilot, lambda: all(word in screen(app) for word in words))


async def test_why_says_what_must_change_for_another_node_to_win(cluster, shown, until):
    async with shown(cluster) as (app, pilot):
        view = app.query_one("#overview")
        view.go_to(next(line.key for line in view.rows if line.about == "ip"))
        await pilot.press("x")
        view = app.query_one("#why")
        await until(pilot, lambda: any("For it to run on node2" in line.text for line in view.rows))
        assert app.query_one("#why").go_to("why:ip:node3")
        await pilot.press("enter")
        await until(pilot, lambda: (lines := app.winning.get("node3")) and any("node3" in line for line in lines))
        assert app.winning["node2"]  # what was known stays


async def test_what_is_typed_in_one_burst_after_the_enter_of_a_filter_is_no_part_of_it(cluster, shown, until):
    async with shown(cluster) as (app, pilot):
        await pilot.press("slash", *"http")
        for key in ("enter", "z"):
            app.simulate_key(key)
        view = app.query_one("#overview")
        await until(pilot, lambda: view.faults_only)
        assert view.pattern == app.query_one("#filter").value == "http"


async def test_a_filter_and_faults_only_narrow_the_rows_and_escape_ends_it(cluster, shown, until):
    async with shown(cluster) as (app, pilot):
        def rows():
            return [line.text for line in app.query_one("#overview").rows]

        assert any("node1 online" in row for row in rows())
        await pilot.press("z")
        await until(pilot, lambda: not any("node1 online" in row for row in rows()))
        assert any("OFFLINE" in row for row in rows())
        await pilot.press("z", "slash", *"http")
        await until(pilot, lambda: rows() and all("http" in row or "web" in row for row in rows()))
        await pilot.press("escape")
        await until(pilot, lambda: any("node2" in row for row in rows()))


async def test_a_lost_connection_is_said_and_everything_turns_stale(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        app.workers.cancel_group(app, "feed")
        app.session.past.hear(Disconnected("memory", "nobody listens", 2.0), 0.0)
        await until(pilot, lambda: "nobody listens" in screen(app))
        await until(pilot, lambda: all(view.stale for view in app.query("LineView")))


async def test_breaking_something_is_offered_in_a_demo_only(cluster, shown, screen, until):
    class Demo:
        broken: list[str] = []
        serving = "node1"
        outages = ()

        def stories(self):
            return [("node", "kill a node"), ("process", "kill the service")]

        def break_(self, name):
            self.broken.append(name)
            return f"{name}: done"

        def outage_line(self):
            return "service ok on node1, last outage 340 ms"

    demo = Demo()
    async with shown(cluster, demo=demo) as (app, pilot):
        await until(pilot, lambda: "last outage 340 ms" in screen(app))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "kill the service" in screen(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: demo.broken == ["process"])

    async with shown(cluster) as (app, pilot):
        await pilot.press("exclamation_mark")
        await pilot.pause(0.05)
        assert "Break something" not in screen(app)


@pytest.mark.parametrize("theme", ["dark", "light", "high-contrast", "colour-blind", "mono", "ansi"])
async def test_every_theme_draws_the_same_words(cluster, shown, screen, until, theme):
    async with shown(cluster, theme=theme) as (app, pilot):
        await until(pilot, lambda: "OFFLINE" in screen(app) and "Started node1" in screen(app))


async def test_plain_ascii_draws_no_other_character(cluster, shown, screen):
    async with shown(cluster, ascii_only=True) as (app, _):
        rows = [line.text for line in app.query_one("#overview").rows]

    assert rows and all(row.isascii() for row in rows)


async def test_what_the_scheduler_says_is_shown_also_when_it_comes_before_the_preview_is_drawn(
    cluster, shown, screen, until
):
    async with shown(cluster) as (app, pilot):
        preview = PreviewScreen(edits.toggle_standby(cluster.cib(), "node1"), app.palette)
        preview.show_effect(Foreseen((("move", 1),), ("Move http node1 -> node2",)))
        app.push_screen(preview)
        await until(pilot, lambda: "enter does it" in screen(app))
        assert "Move http node1 -> node2" in screen(app)
