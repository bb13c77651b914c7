"""The time bar as a widget: a click or a drag asks for a moment."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Span
from hashell.monitor.views import time_bar
from hashell.monitor.widgets.line_view import rich_colour
from hashell.theming import Theme


class TimeBar(Widget):
    """One row; see views/time_bar.py for its scale."""

    DEFAULT_CSS = "TimeBar { height: 1; width: 1fr; }"

    class Picked(Message):
        """A person wants to see a moment; None is now."""

        def __init__(self, when_s: float | None) -> None:
            super().__init__()
            self.when_s = when_s

    def __init__(self, theme: Theme, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette = theme
        self._glyphs = glyphs
        self._marks: Sequence[tuple[float, str]] = ()
        self._span = (0.0, 0.0)
        self._at_s: float | None = None
        self._dragging = False
        self._cells: tuple[Span, ...] = ()

    def show(self, marks: Sequence[tuple[float, str]], span: tuple[float, float], at_s: float | None) -> None:
        """What happened when, from when to when, and which moment the panes show."""
        self._marks, self._span, self._at_s = marks, span, at_s
        cells = time_bar.spans(marks, *span, at_s, self.size.width, self._glyphs)
        if cells != self._cells:
            self._cells = cells
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        ground = rich_colour(self.palette["panel"])
        segments = [
            Segment(
                span.text, Style(color=rich_colour(self.palette.colours.get(span.meaning, "default")), bgcolor=ground),
            ) for span in time_bar.spans(self._marks, *self._span, self._at_s, width, self._glyphs)
        ]
        return Strip(segments).adjust_cell_length(width, Style(bgcolor=ground))

    def _pick(self, x: int) -> None:
        self.post_message(self.Picked(time_bar.moment_of(x, *self._span, self.size.width)))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragging = True
        self.capture_mouse()
        self._pick(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            self._pick(event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self._dragging = False
        self.release_mouse()
