"""A view of many lines that draws only those on the screen: its cost is the screen's, not the cluster's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hashell.monitor.lines import Line, matches, shown
from hashell.theming import Theme

#: How a row looks that was looked for, beside its colours.
_FOUND = Style(bold=True, underline=True)


def rich_colour(colour: str) -> str | None:
    """A theme's colour as rich names it; None is the terminal's own."""
    if colour == "default":
        return None
    if colour.startswith("ansi_"):
        return colour.removeprefix("ansi_")
    return colour


class LineView(ScrollView, can_focus=True):
    """Rows with a cursor that stays with its row's key; a pattern filters, or (`seeks`) leads from match to match."""

    DEFAULT_CSS = """
    LineView { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(-1)", "First", show=False),
        Binding("end,G", "edge(1)", "Last", show=False),
        Binding("enter", "open", "Open", show=False),
    ]

    pattern: reactive[str] = reactive("")
    faults_only: reactive[bool] = reactive(False)

    class Moved(Message):
        """The cursor is on another row now."""

        def __init__(self, view: LineView, line: Line | None) -> None:
            super().__init__()
            self.view = view
            self.line = line

        @property
        def control(self) -> LineView:
            return self.view

    class Opened(Message):
        """Enter or a click on the row under the cursor."""

        def __init__(self, view: LineView, line: Line) -> None:
            super().__init__()
            self.view = view
            self.line = line

        @property
        def control(self) -> LineView:
            return self.view

    def __init__(
        self, theme: Theme, *, id: str | None = None, empty: str = "", follow: bool = False, ellipsis: str = "…",
        seeks: bool = False,
    ) -> None:
        super().__init__(id=id)
        self._seeks = seeks
        self._ellipsis = ellipsis
        self.palette = theme
        self._all: Sequence[Line] = ()
        self._rows: list[Line] = []
        self._place = 0
        self._key = ""
        self._empty = empty
        self._follow = follow
        self._styles: dict[tuple[str, bool], Style] = {}
        self.stale = False

    # --- data ---------------------------------------------------------------------------------

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Replace all rows; the cursor stays on the row of the same key, or near it."""
        if lines == self._all:
            return
        at_end = self._follow and self._place >= len(self._rows) - 1
        self._all = lines
        self._refilter(at_end=at_end)

    def say(self, text: str) -> None:
        """Show nothing but a word, until the next lines come."""
        self._empty = text
        self._all = ()
        self._refilter()

    def show_stale(self, stale: bool) -> None:
        """Grey everything: what is shown is old news."""
        if stale != self.stale:
            self.stale = stale
            self.refresh()

    def show_palette(self, theme: Theme) -> None:
        """Draw in another theme from now on."""
        self.palette = theme
        self._styles.clear()
        self.refresh()

    @property
    def rows(self) -> Sequence[Line]:
        """The rows that pass the filter."""
        return self._rows

    @property
    def current(self) -> Line | None:
        """The row under the cursor."""
        return self._rows[self._place] if self._rows and self._place < len(self._rows) else None

    def go_to(self, key: str) -> bool:
        """Put the cursor on a row by its key; whether it is there."""
        for place, line in enumerate(self._rows):
            if line.key == key:
                self._move_to(place)
                return True
        return False

    def watch_pattern(self) -> None:
        if self._seeks:
            self._seek(self._place)
            self.refresh()
        else:
            self._refilter()

    def next_match(self) -> bool:
        """The cursor on the next row that matches, around the end; whether there is one."""
        return bool(self.pattern) and self._seek(self._place + 1)

    def _seek(self, start: int) -> bool:
        count = len(self._rows)
        for step in range(count if self.pattern.strip() else 0):
            place = (start + step) % count
            if self._rows[place].selectable and matches(self._rows[place], self.pattern):
                self._move_to(place)
                return True
        return False

    def watch_faults_only(self) -> None:
        self._refilter()

    def _refilter(self, *, at_end: bool = False) -> None:
        rows = list(self._all)
        if self.faults_only:
            keep = {line.key for line in rows if line.fault}
            keep |= {line.parent for line in rows if line.fault}
            rows = [line for line in rows if line.key in keep]
        if self.pattern and not self._seeks:
            hit = {line.key for line in rows if matches(line, self.pattern)}
            hit |= {line.parent for line in rows if line.key in hit and line.parent}
            rows = [line for line in rows if line.key in hit]
        self._rows = rows
        self.virtual_size = Size(0, max(1, len(rows)))
        if at_end and rows:
            self._place, self._key = len(rows) - 1, rows[-1].key
            self.scroll_end(animate=False)
        else:
            places = {line.key: place for place, line in enumerate(rows)}
            place = places.get(self._key)
            if place is None:
                place = min(self._place, max(0, len(rows) - 1))
                place = self._selectable_from(place, 1)
            self._place = place
            self._key = rows[place].key if rows else ""
        self.refresh()
        if self.is_mounted:
            self.post_message(self.Moved(self, self.current))

    # --- moving ---------------------------------------------------------------------------------

    def _selectable_from(self, place: int, step: int) -> int:
        """The nearest row at or after `place` (in the direction of `step`) that a cursor may stand on."""
        if not self._rows:
            return 0
        place = max(0, min(place, len(self._rows) - 1))
        for direction in (step, -step):
            probe = place
            while 0 <= probe < len(self._rows):
                if self._rows[probe].selectable:
                    return probe
                probe += direction
        return place

    def _move_to(self, place: int, step: int = 1) -> None:
        if not self._rows:
            return
        place = self._selectable_from(place, step)
        self._place, self._key = place, self._rows[place].key
        top = 0 if place <= 1 else place
        self.scroll_to_region(
            Region(0, top, 1, 1 if place > 1 else place + 1), animate=False, force=True
        )
        self.refresh()
        self.post_message(self.Moved(self, self.current))

    def action_cursor(self, step: int) -> None:
        place = self._place + step
        if 0 <= place < len(self._rows):
            self._move_to(place, step)

    def action_page(self, step: int) -> None:
        self._move_to(self._place + step * max(1, self.size.height - 1), step)

    def action_edge(self, step: int) -> None:
        self._move_to(0 if step < 0 else len(self._rows) - 1, -step)

    def action_open(self) -> None:
        if self.current is not None and self.current.selectable:
            self.post_message(self.Opened(self, self.current))

    def on_click(self, event: events.Click) -> None:
        place = event.y + self.scroll_offset.y
        if 0 <= place < len(self._rows):
            again = place == self._place
            self._move_to(place)
            if again:
                self.action_open()

    # --- drawing ---------------------------------------------------------------------------------

    def _style(self, meaning: str, bold: bool, selected: bool) -> Style:
        if self.stale:
            meaning = "stale"
        key = (meaning, bold or meaning in self.palette.bold)
        style = self._styles.get(key)
        if style is None:
            colour = rich_colour(self.palette.colours.get(meaning, self.palette["foreground"]))
            style = Style(color=colour, bgcolor=rich_colour(self.palette["background"]), bold=key[1])
            self._styles[key] = style
        if selected:
            ground = rich_colour(self.palette["selection"])
            style += Style(reverse=True) if ground is None else Style(bgcolor=ground)
        return style

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        place = y + self.scroll_offset.y
        if not self._rows:
            text = self._empty if y == 0 else ""
            if y == 0 and self._all:
                text = "nothing here matches the filter"
            return Strip([Segment(f" {text}", self._style("muted", False, False))]).adjust_cell_length(
                width, self._style("muted", False, False)
            )
        if place >= len(self._rows):
            return Strip.blank(width, self._style("foreground", False, False))
        line = self._rows[place]
        selected = place == self._place and self.has_focus
        segments = [
            Segment(shown(span.text), self._style(span.meaning, span.bold, selected)) for span in line.spans
        ]
        if self._seeks and self.pattern and line.selectable and matches(line, self.pattern):
            segments = [Segment(one.text, (one.style or Style()) + _FOUND) for one in segments]
        strip = Strip(segments)
        width = self.scrollable_content_region.width or width  # a bar at the side takes a cell
        if strip.cell_length > width > 1:  # the eye must see that there is more
            more = Segment(self._ellipsis, self._style("muted", False, selected))
            strip = Strip([*strip.crop(0, width - 1), more])
        return strip.adjust_cell_length(width, self._style("foreground", False, selected))

    def on_focus(self) -> None:
        self.refresh()
        self.post_message(self.Moved(self, self.current))

    def on_blur(self) -> None:
        self.refresh()
