"""Time travel: the panes show the cluster as it was at a moment; acts are refused there, but for the way back.

`when_s` is the moment, None for now. Going to a moment makes its scene in a thread; while one is made only the last
moment that was asked for counts, so a drag never queues.
"""

from __future__ import annotations

import asyncio

from textual import work

from hashell.errors import HashellError
from hashell.monitor import edits
from hashell.monitor.incidents import Incident, incidents
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene
from hashell.monitor.screens.lines import LinesScreen
from hashell.monitor.showing import ShowingApp
from hashell.monitor.views import difference, incident
from hashell.monitor.views.times import ago, moment
from hashell.monitor.widgets.line_view import LineView
from hashell.monitor.widgets.time_bar import TimeBar

#: Seconds that `{` and `}` go, when no incident lies nearer.
STRIDE_S = 60.0
#: Seconds between two frames while the past plays.
PLAY_S = 0.2


class TravellingApp(ShowingApp):
    """A scene of now, or of then."""

    when_s: float | None = None
    _marked: float | None = None
    _wanted: tuple[float | None] | None = None
    _on_the_way = False
    _speed = 0.0

    @property
    def in_past(self) -> bool:
        return self.when_s is not None

    # --- going

    def go(self, when_s: float | None) -> None:
        """Show a moment; None is now."""
        self.when_s = when_s
        self.base.set_class(when_s is not None, "-past")
        if when_s is None:
            self._speed = 0.0
            self._wanted = None
            self.show_scene(self.session.past.scene())
            self._show_link()
            self._draw_frame()
            return
        self._wanted = (when_s,)
        self._draw_frame()
        if not self._on_the_way:
            self._on_the_way = True
            self._travel()

    @work(group="travel", exit_on_error=False)
    async def _travel(self) -> None:
        try:
            while self._wanted is not None:
                (when_s,), self._wanted = self._wanted, None
                if when_s is None:
                    return
                session = self.session
                looking = session.past.look(when_s)
                scene = await asyncio.to_thread(looking.scene)
                if self.when_s is not None and session is self.session:
                    self.show_scene(scene)
                    self._show_link()
                    self._draw_frame()
        finally:
            self._on_the_way = False

    def forget_past(self) -> None:
        """Be in the present, with nothing marked: what comes is another cluster."""
        self.when_s = self._marked = self._wanted = None
        self._speed = 0.0
        self.base.set_class(False, "-past")

    def _scene_changed(self, changed: set[str]) -> None:
        """What is heard while the past is shown waits there."""
        if self.when_s is None:
            super()._scene_changed(changed)

    def flush(self) -> None:
        super().flush()
        if self._speed and self.when_s is not None and self._wanted is None and not self._on_the_way:
            self._play_on()

    def _play_on(self) -> None:
        assert self.when_s is not None
        now_s = self.session.clock.now_s()
        if now_s - self._played_s < PLAY_S:
            return
        step_s, self._played_s = (now_s - self._played_s) * self._speed, now_s
        then = self.when_s + min(step_s, 60 * self._speed)
        self.go(None if then >= self.session.past.heard_s else then)

    _played_s = 0.0

    def _show_stale(self) -> bool:
        return self.when_s is None and super()._show_stale()

    # --- keys

    def action_event(self, steps: int) -> None:
        """One event back or forth."""
        past = self.session.past
        if self.when_s is None and steps > 0:
            self._say("this is now")
            return
        there = past.step(self.when_s, steps)
        if there is None and steps < 0:
            self._say("nothing is known of the past yet")
            return
        if there is not None and there == self.when_s:
            self._say("this is the first that is known")
        self.go(there)

    def action_stride(self, direction: int) -> None:
        """A minute back or forth, or to the edge of an incident that lies nearer."""
        past = self.session.past
        if self.when_s is None and direction > 0:
            self._say("this is now")
            return
        here = past.heard_s if self.when_s is None else self.when_s
        there = here + direction * STRIDE_S
        for edge in self._edges():
            if direction < 0 and there < edge < here - 0.5:
                there = edge
            elif direction > 0 and here + 0.001 < edge < there:
                there = edge
                break
        if there >= past.heard_s:
            self.go(None)
        else:
            self.go(max(there, past.span[0]))

    def _edges(self) -> list[float]:
        """When incidents began, in order."""
        return [one.began_s for one in self._incidents()]

    def _incidents(self) -> tuple[Incident, ...]:
        scene = self.session.past.scene()
        return incidents(scene.events, scene.transitions, scene.probes, self.session.now_s())

    def open_moment(self, line: Line) -> None:
        """Enter on a row that has a time: an incident's story, else the cluster as it was then."""
        if line.kind != "incident":
            self.go(self._heard_at(line))
            return
        now_s = self.session.now_s()
        for one in self._incidents():
            if one.key == line.key:
                lines = incident.story(one, self.wishes(self.view), now_s)
                self.push_screen(LinesScreen("From the failure to the recovery", lines, self.palette))

    def action_live(self) -> None:
        """Back to now."""
        if self.when_s is not None:
            self.go(None)

    def action_play(self) -> None:
        """Let the past go on by itself, or stop it."""
        if self.when_s is None:
            self._say("p plays the past: go there first with [ or {")
            return
        self._speed = 0.0 if self._speed else self.speed
        self._played_s = self.session.clock.now_s()
        self._draw_frame()

    @property
    def speed(self) -> float:
        """How many seconds of the past a second plays."""
        return self.options.speed

    def on_time_bar_picked(self, event: TimeBar.Picked) -> None:
        self.go(event.when_s)

    def _moment_here(self) -> float | None:
        """The moment that the cursor means: of the row in the timeline, else what is shown."""
        line = self.base.query_one(f"#{self.view}", LineView).current
        if self.view == "timeline" and line is not None and line.when_s:
            return self._heard_at(line)
        return self.when_s

    def _heard_at(self, line: Line) -> float:
        """When what a row tells came here, which is a little after it happened: then it can be seen."""
        kind, node, number = (*line.key.split(":"), "", "")[:3]
        if kind == "event" and number.isdigit():
            return self.session.past.heard_at(node, int(number), line.when_s)
        return line.when_s + 0.001

    def action_mark(self) -> None:
        """Remember this moment for a difference."""
        here = self._moment_here()
        self._marked = self.session.past.heard_s if here is None else here
        self._say(f"marked {moment(self._marked)}: go elsewhere and press d for what changed")

    @work(group="difference", exclusive=True, exit_on_error=False)
    async def action_difference(self) -> None:
        """What changed between the marked moment (else the one shown) and here (else now)."""
        past = self.session.past
        here = self._moment_here()
        first = self._marked
        if first is None:
            first, here = here, None
        if first is None:
            self._say("mark a moment in the timeline with space, then d here shows what changed")
            return
        before = past.look(first)
        after = None if here is None else past.look(here)
        wishes = self.wishes(self.view)

        def made(now: Scene) -> tuple[str, list[Line]]:
            one, other = before.scene(), now if after is None else after.scene()
            return difference.title(one, other), difference.build(one, other, wishes)

        try:
            title, lines = await asyncio.to_thread(made, past.scene())
        except HashellError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.push_screen(LinesScreen(title, lines, self.palette))

    def action_restore(self) -> None:
        """The configuration as it was at the moment that is shown, through a preview."""
        if self.when_s is None:
            self._say("this is now: go back with [ or { first, then r restores the configuration of then")
            return
        scene = self.scene
        self._run(lambda: edits.restore(scene), from_past=True)

    # --- what the frame says

    def _link_spans(self) -> tuple[Span, ...]:
        spans = super()._link_spans()
        if self.when_s is None:
            return spans
        lost = () if self.session.past.link.connected else (Span(" lost", "fail", True),)
        return (Span(f"PAST {moment(self.when_s)}", "pending", True), *lost)

    def _strip(self) -> tuple[Span, ...]:
        if self.when_s is None:
            return super()._strip()
        now_s = self.session.now_s()
        word = f"plays {self._speed:g}x, " if self._speed else ""
        told = (Span(f"{word}as of {moment(self.when_s)}, {ago(now_s - self.when_s)} ago; End: live", "pending", True),)
        return (*told, Span(f"  {self._said}", "warn")) if self._said else told

    def _draw_frame(self) -> None:
        super()._draw_frame()
        if self.has("#time"):
            past = self.session.past
            began_s, ended_s = past.span[0], self.session.now_s()
            bar = self.base.query_one("#time", TimeBar)
            bar.show(past.marks(), (began_s, max(ended_s, began_s + 1.0)), self.when_s)
