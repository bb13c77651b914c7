"""What if, by the keys."""

from __future__ import annotations

from hashell.monitor.widgets.line_view import LineView


async def test_a_marked_node_shows_where_everything_would_go_and_the_screen_stays_alive(cluster, shown, screen, until):
    async with shown(cluster) as (app, pilot):
        await pilot.press("w")
        await until(pilot, lambda: "space marks a node" in screen(app))
        await until(pilot, lambda: (line := app.query_one("#what_if", LineView).current) and line.about == "node1")
        await pilot.press("space", "space")
        await until(pilot, lambda: "What if node1 standby" in screen(app) and "→ node2" in screen(app))
        await pilot.press("space")
        await until(pilot, lambda: "space marks a node" in screen(app) and "→" not in screen(app))
        assert b'name="standby"' not in cluster.cib().to_bytes()


async def test_every_node_is_lost_on_paper_and_enter_puts_a_loss_on_the_tree(cluster, shown, screen, until):
    async with shown(cluster, size=(100, 40)) as (app, pilot):
        await pilot.press("N")
        await until(pilot, lambda: "ip stays down" in screen(app) and not app.supposed.reckoning)
        assert app.query_one("#what_if", LineView).go_to("loss:node2")
        await pilot.press("enter")
        await until(pilot, lambda: "What if node2 lost" in screen(app) and "no quorum" in screen(app))


async def test_reckoning_is_ended_by_the_same_key(cluster, shown, until):
    async with shown(cluster) as (app, pilot):
        await pilot.press("N", "N")
        await until(pilot, lambda: not app.supposed.reckoning)
        assert all(worker.is_finished for worker in app.workers if worker.group == "losses")
