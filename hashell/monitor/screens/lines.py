"""A list of lines to read in a window of its own: what changed between two moments, the parts of an incident."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from hashell.monitor.lines import Line
from hashell.monitor.widgets.line_view import LineView
from hashell.theming import Theme


class LinesScreen(ModalScreen[None]):
    """Any of the closing keys leads back."""

    DEFAULT_CSS = """
    LinesScreen { align: center middle; background: $background 60%; }
    LinesScreen > Vertical {
        width: 95%; max-width: 120; height: 90%; background: $background; border: round $accent; padding: 0 1;
    }
    LinesScreen .title { color: $accent; text-style: bold; }
    LinesScreen .keys { color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,d", "leave", "Back")]

    def __init__(self, title: str, lines: Sequence[Line], theme: Theme) -> None:
        super().__init__()
        self.heading = title
        self.lines = lines
        self.palette = theme

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.heading, markup=False, classes="title")
            yield LineView(self.palette, id="lines", empty="nothing")
            yield Static("up and down move · esc leads back", markup=False, classes="keys")

    def on_mount(self) -> None:
        view = self.query_one(LineView)
        view.show_lines(self.lines)
        view.focus()

    def action_leave(self) -> None:
        self.dismiss(None)
