"""A text that is edited: coloured by its draft at every key, in the theme's colours and in marks without any."""

from __future__ import annotations

from bisect import bisect_right

from rich.style import Style
from textual import events
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from hashell.monitor.drafts import Draft
from hashell.monitor.widgets.line_view import rich_colour
from hashell.theming import MEANINGS, Theme

_MARKS = ("", "bold", "underline", "italic", "bold reverse")


class Editor(TextArea):
    """A TextArea whose colours come from a draft; Tab, arrows and Escape ask the screen first (for its menu)."""

    class Key(Message):
        """A key that the menu of offers may want: tab, up, down, enter, escape."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, draft: Draft, theme: Theme, text: str, *, id: str | None = None) -> None:
        self.draft = draft
        self.menu = False
        super().__init__(
            text, id=id, soft_wrap=True, tab_behavior="indent", show_line_numbers=True, compact=True,
        )
        self.show_palette(theme)

    def show_palette(self, theme: Theme) -> None:
        """Draw in a theme from now on."""
        styles = {
            f"{meaning}/{marks}": Style.parse(f"{marks} {rich_colour(theme[meaning]) or ''}".strip() or "none")
            for meaning in MEANINGS for marks in _MARKS
        }
        self.register_theme(TextAreaTheme(name=f"hashell-{theme.name}", syntax_styles=styles))
        self.theme = f"hashell-{theme.name}"

    @property
    def place(self) -> int:
        """How many characters stand before the cursor."""
        row, column = self.cursor_location
        return sum(len(self.document.get_line(number)) + 1 for number in range(row)) + column

    def put(self, text: str, back: int) -> None:
        """Replace the `back` characters before the cursor."""
        row, column = self.cursor_location
        self.replace(text, (row, max(0, column - back)), (row, column))

    def _build_highlight_map(self) -> None:
        """Columns are bytes of the line's UTF-8, as the library's own map has them."""
        self._line_cache.clear()
        self._highlights.clear()
        lines = self.document.lines
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        cursor = self.place if self.is_mounted else -1
        for hue in self.draft.hues("\n".join(lines), cursor):
            name = f"{hue.meaning}/{hue.marks}"
            row = bisect_right(starts, hue.start) - 1
            while row < len(lines) and starts[row] < hue.end:
                line = lines[row]
                begin = len(line[: max(0, hue.start - starts[row])].encode())
                end = len(line[: hue.end - starts[row]].encode())
                if end > begin:
                    self._highlights[row].append((begin, end, name))
                row += 1

    async def _on_key(self, event: events.Key) -> None:
        if event.key in ("tab", "escape") or (self.menu and event.key in ("up", "down", "enter")):
            event.stop()
            event.prevent_default()
            self.post_message(self.Key(event.key))
            return
        await super()._on_key(event)
