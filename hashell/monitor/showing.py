"""The half of the monitor that shows: from the session's past to a scene, from the scene to the panes that are seen.

One clock (`flush`) looks at what changed, and has only those panes built anew that are on the screen and read it; a
hidden one is built when it is shown. What may take longer than a frame is built in a thread, then rests for three times
as long as it took: a large cluster that changes all the time costs a part of a core and no more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from textual import work
from textual.driver import Driver
from textual.screen import Screen
from textual.widgets import Static

from hashell import theming
from hashell.errors import HashellError
from hashell.monitor.acting import ActingApp
from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span, shown
from hashell.monitor.scene import NOTHING, Scene
from hashell.monitor.supposed import NOTHING as NOTHING_SUPPOSED
from hashell.monitor.supposed import Supposed
from hashell.monitor.views import View, Wishes, details, overview, transition
from hashell.monitor.views.all import BY_NAME, VIEWS
from hashell.monitor.views.times import ago
from hashell.monitor.widgets.line_view import LineView, rich_colour

#: The panes beside the main one on a wide screen, and the view in each.
SIDE = {"side-transition": "transition", "side-timeline": "timeline"}
#: Every pane by its id.
PANES: dict[str, View] = {view.name: view for view in VIEWS} | {
    pane: BY_NAME[name] for pane, name in SIDE.items()
}
#: How many times as long as it took to build a heavy pane rests, and how many seconds at most.
REST_TIMES = 3.0
REST_MAX_S = 3.0


class ShowingApp(ActingApp):
    """What is on the screen follows `scene`."""

    palette: theming.Theme
    glyphs: Glyphs
    wide: bool = False
    supposed: Supposed = NOTHING_SUPPOSED

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        self.scene = NOTHING
        self.sections: frozenset[str] = frozenset()
        self.by_node = False
        self.about = ""
        #: What the logs show: the lowest level, one node alone.
        self.level = self.only_node = ""
        #: What must change for a node to win what we ask about; None while that is asked.
        self.winning: dict[str, tuple[str, ...] | None] = {}
        self.shape = "crm"
        self.overview = overview.NOTHING
        self._old: set[str] = set()
        self._under_way: set[str] = set()
        self._rests_until: dict[str, float] = {}
        self._said = ""
        super().__init__(driver_class=driver_class)

    @property
    def base(self) -> Screen[object]:
        """The screen with the panes, also while a window lies over it."""
        return self.screen_stack[0]

    def has(self, selector: str) -> bool:
        """Whether a part of it is there: not yet at the beginning, no more on the way out."""
        return bool(self.screen_stack) and bool(self.screen_stack[0].query(selector))

    # --- from the past to the panes

    def flush(self) -> None:
        """Take what changed since the last time, and have it drawn."""
        changed = self.session.past.take_changed()
        if changed:
            if "link" in changed:
                self._show_link()
                link = self.session.past.link
                if link.connected and link.moved:
                    self._say(link.moved, 15.0)
            self._scene_changed(changed)
            self._draw_frame()
        if self._old:
            self._build_old()

    def _scene_changed(self, changed: set[str]) -> None:
        """New words were heard: the scene of now is another one."""
        self.show_scene(self.session.past.scene(), changed)

    def show_scene(self, scene: Scene, changed: set[str] | None = None) -> None:
        """From now on the panes show this scene; only `changed` parts of it differ from the last (None: all do)."""
        self.scene = scene
        for pane, view in PANES.items():
            if changed is None:
                if not view.asked or self.about:
                    self._old.add(pane)
            elif changed & view.reads and not view.asked:
                self._old.add(pane)
        self._build_old()

    def outdate(self, *panes: str) -> None:
        """Have panes built anew with the next look."""
        self._old |= set(panes)
        self._build_old()

    def _seen(self, pane: str) -> bool:
        """The overview also counts for the header."""
        return pane in ("overview", self.view) or (pane in SIDE and self.wide)

    def _build_old(self) -> None:
        now = time.monotonic()
        for pane in sorted(self._old):
            view = PANES[pane]
            if not self._seen(pane) or pane in self._under_way or self._rests_until.get(pane, 0.0) > now:
                continue
            if not self.has(f"#{pane}"):
                continue
            self._old.discard(pane)
            if view.heavy:
                self._under_way.add(pane)
                self._build_heavy(pane, view)
            else:
                self._show_lines(pane, view.build(self.scene, self.wishes(pane)))

    @work(group="build", exit_on_error=False)
    async def _build_heavy(self, pane: str, view: View) -> None:
        """Lines made in a thread; the newest scene wins."""
        scene, wishes, began, session = self.scene, self.wishes(pane), time.monotonic(), self.session
        try:
            if pane == "overview":
                survey = await asyncio.to_thread(overview.survey, scene, wishes)
                lines: Sequence[Line] = survey.lines
            else:
                lines = await asyncio.to_thread(view.build, scene, wishes)
            if session is not self.session:
                return  # another cluster is shown meanwhile: its own lines come
            if pane == "overview":
                self.overview = survey
            if self.has(f"#{pane}"):
                self._show_lines(pane, lines)
                self._draw_frame()
        except HashellError as error:
            self.notify(str(error), severity="error", markup=False)
        finally:
            took = time.monotonic() - began
            self._rests_until[pane] = time.monotonic() + min(REST_TIMES * took, REST_MAX_S)
            self._under_way.discard(pane)

    @property
    def busy(self) -> bool:
        """Whether something that is seen is still being built."""
        groups = {worker.group for worker in self.workers if not worker.is_finished}
        building = groups & {"build", "travel", "difference", "winning"}
        return bool(building or self._under_way or {pane for pane in self._old if self._seen(pane)})

    def _show_lines(self, pane: str, lines: Sequence[Line]) -> None:
        self.base.query_one(f"#{pane}", LineView).show_lines(lines)
        if pane == self.view:
            self._draw_detail()

    def wishes(self, pane: str) -> Wishes:
        """How a pane is to be drawn."""
        size = self.base.query_one(f"#{pane}", LineView).size
        link = self.session.past.link
        # Of what goes on since a cluster was lost nothing is known: no stopwatch runs on.
        now_s = self.session.now_s() if link.connected or not link.since_s else link.since_s
        return Wishes(
            self.glyphs, size.width or self.size.width, size.height or self.size.height, self.sections, self.by_node,
            self.about, crm_text=None if self.language is None else self.language.text, shape=self.shape,
            now_s=now_s, supposed=self.supposed,
            winning=dict(self.winning), level=self.level, only_node=self.only_node,
        )

    def _show_link(self) -> None:
        stale = self._show_stale()
        for view in self.base.query(LineView):
            view.show_stale(stale)

    def _show_stale(self) -> bool:
        """Whether what is shown may not be so any more."""
        return not self.session.past.link.connected

    # --- the lines round the panes

    def _draw_frame(self) -> None:
        """The lines at the top and the bottom: who, how old, what runs, what the client sees."""
        if not self.has("#header"):
            return  # not there yet, or on the way out
        self._draw_header()
        names = [
            (
                f" {number} {view.name.replace('_', ' ')} ", "accent" if view.name == self.view else "muted",
                view.name == self.view,
            )
            for number, view in enumerate(VIEWS, 1)
        ]
        self._put("#tabs", (*self._cluster_spans(), *(Span(*part) for part in names)))
        self._put("#strip", self._strip())

    def _cluster_spans(self) -> tuple[Span, ...]:
        """Before the views: which clusters there are, where there are several."""
        return ()

    def _draw_header(self) -> None:
        left = overview.header(self.scene.info, self.scene.cib, self.overview)
        if self._show_stale():  # what was well may be so no more: no green for it
            left = tuple(Span(span.text, "stale") for span in left)
        self._put("#header", overview.fit_header(list(left), self._link_spans(), self.size.width - 2))

    def _link_spans(self) -> tuple[Span, ...]:
        """The right end of the header: how the connection stands."""
        link = self.session.past.link
        if not link.connected:
            since_s = self.session.now_s() - link.since_s if link.since_s else 0.0
            known = self.session.past.cib is not None
            spans: tuple[Span, ...] = (Span(f"LOST {ago(since_s)} ago" if known else "no cluster yet", "fail", True),)
        elif link.kind in ("file", "recording"):
            spans = (Span(link.kind, "maint"),)
        else:
            spans = (Span(f"{link.node or link.kind} {self.glyphs.ok} live", "ok"),)
        recorder = self.session.recorder
        if recorder is not None:
            spans = (*spans, Span(" NOT RECORDING", "fail", True) if recorder.problem else Span(" rec", "maint"))
        if self.options.read_only or self.session.past.read_only:
            spans = (*spans, Span(" read-only", "maint"))
        return spans

    def _strip(self) -> tuple[Span, ...]:
        strip: list[Span] = []
        if self.options.demo is not None:
            strip += [Span(self.options.demo.outage_line(), "accent", True), Span("  ")]
        if not self.session.past.link.connected:
            strip += [Span(self.session.past.link.text, "fail", True), Span("  ")]
        if self._said:
            strip += [Span(self._said, "pending"), Span("  ")]
        running = self.scene.transition.running and not self._show_stale()
        strip.append(Span(transition.headline(self.scene.transition), "pending" if running else "muted"))
        return tuple(strip)

    def _put(self, where: str, spans: tuple[Span, ...]) -> None:
        from rich.text import Text

        text = Text(no_wrap=True, overflow="ellipsis")
        for span in spans:
            colour = rich_colour(self.palette.colours.get(span.meaning, self.palette["foreground"]))
            bold = "bold " if span.bold or span.meaning in self.palette.bold else ""
            text.append(shown(span.text), style=f"{bold}{colour or ''}".strip() or "default")
        self.base.query_one(where, Static).update(text)

    def _draw_detail(self) -> None:
        if self.has("#detail"):
            view = self.base.query_one(f"#{self.view}", LineView)
            pane = self.base.query_one("#detail", LineView)
            pane.show_lines(details.lines(self.scene.cib, view.current, pane.size.width or self.size.width))

    def _say(self, text: str, seconds: float = 6.0) -> None:
        self._said = text
        self._draw_frame()
        self.set_timer(seconds, lambda: self._unsay(text))

    def _unsay(self, text: str) -> None:
        if self._said == text:
            self._said = ""
            self._draw_frame()
