"""The preview: the command that does the same, what would change and happen, a message, and the key that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from hashell.monitor.acts import Act, Danger
from hashell.monitor.lines import shown
from hashell.monitor.widgets.line_view import rich_colour
from hashell.theming import Theme

#: Lines of a difference and of what would happen that are shown; the rest is counted.
LINES_MAX = 400


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the scheduler says: how many of each kind, and each action in a line; `error` where it cannot tell."""

    counts: tuple[tuple[str, int], ...] = ()
    lines: tuple[str, ...] = ()
    error: str = ""


class PreviewScreen(ModalScreen[str | None]):
    """The message (which may be empty) when the person wants it done, None when not. Fencing needs the name typed;
    `enter` is enough for the rest."""

    DEFAULT_CSS = """
    PreviewScreen { align: center middle; background: $background 60%; }
    PreviewScreen > Vertical {
        width: 95%; max-width: 110; height: auto; max-height: 95%;
        background: $panel; border: round $accent; padding: 0 1;
    }
    PreviewScreen VerticalScroll { height: auto; max-height: 13; }
    PreviewScreen .command { color: $accent; max-height: 5; }
    PreviewScreen #counts { text-style: bold; }
    PreviewScreen .keys { color: $muted; }
    PreviewScreen .danger { color: $fail; }
    PreviewScreen Input, PreviewScreen Input:focus { border: none; height: 1; padding: 0 1; background: $selection; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "do_it", "Do it"),
        Binding("m", "message", "Message"),
        Binding("escape,n,q", "leave", "Leave it"),
    ]

    def __init__(self, act: Act, theme: Theme, typed: str = "") -> None:
        super().__init__()
        self.act = act
        self.typed = typed
        self.palette = theme
        # Made here, not in compose: the scheduler may answer before the screen is there.
        self._counts = Static("asking the scheduler what would happen …", markup=False, id="counts")
        self._difference = Static("", markup=False, id="difference")
        self._effect = Static("", markup=False, id="effect")

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.act.title, markup=False, classes="title")
            yield Static(shown(self.act.command), markup=False, classes="command")
            yield self._counts
            with VerticalScroll():
                yield self._difference
                yield self._effect
            if self.typed:
                yield Static(f"type {self.typed} to do it", markup=False, classes="danger")
                yield Input(id="typed")
            yield Input(placeholder="why: the history keeps it with the change", id="message")
            more = " · m adds a message" if self.act.edit is not None else ""
            yield Static(f"enter does it{more} · esc leaves all as it is", markup=False, classes="keys")

    def on_mount(self) -> None:
        self.query_one("#message", Input).display = False
        if self.typed:
            self.query_one("#typed", Input).focus()

    def show_difference(self, lines: Sequence[str], warnings: Sequence[str] = ()) -> None:
        """What would change in the configuration, in its language; what was said on the way comes first."""
        text = Text()
        for warning in warnings:
            text.append(f"! {shown(warning)}\n", self._colour("warn"))
        for line in lines[:LINES_MAX]:
            meaning = {"+": "ok", "-": "fail", "@": "muted"}.get(line[:1], "")
            text.append(f"{shown(line)}\n", self._colour(meaning) if meaning else "")
        if len(lines) > LINES_MAX:
            text.append(f"and {len(lines) - LINES_MAX} lines more\n")
        self._difference.update(text)

    def _colour(self, meaning: str) -> str:
        return rich_colour(self.palette[meaning]) or ""

    def show_effect(self, foreseen: Foreseen) -> None:
        """What the scheduler said; it may come before the screen is drawn, and after it is gone."""
        counts = ", ".join(f"{what} {count}" for what, count in foreseen.counts)
        lines = [line.strip() for line in foreseen.lines if line.strip()]
        rest: list[str] = []
        if foreseen.error:
            head = f"no preview: {foreseen.error}"
        elif self.act.edit is None:
            head = (
                "the node is switched off; what ran there starts elsewhere once that is sure"
                if self.act.danger is Danger.FENCES else "the daemon does this at once"
            )
        elif not lines:
            head = f"no resource stops, starts or moves ({counts})"
        else:
            head, rest = counts, ["what would happen:", *(f"  {line}" for line in lines[:LINES_MAX])]
            if len(lines) > LINES_MAX:
                rest.append(f"  and {len(lines) - LINES_MAX} more")
        self._counts.update(shown(head))
        self._effect.update(Text("\n".join(shown(line) for line in rest)))

    def action_message(self) -> None:
        if self.act.edit is not None:
            field_ = self.query_one("#message", Input)
            field_.display = True
            field_.focus()

    def action_do_it(self) -> None:
        if self.typed and self.query_one("#typed", Input).value.strip() != self.typed:
            self.app.bell()
            return
        self.dismiss(self.query_one("#message", Input).value.strip())

    def on_input_submitted(self) -> None:
        self.action_do_it()

    def action_leave(self) -> None:
        self.dismiss(None)

