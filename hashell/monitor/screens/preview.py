"""The preview: the command that does the same, what would happen, and the key that does it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from hashell.monitor.acts import Act, Danger


class PreviewScreen(ModalScreen[bool]):
    """True when the person wants it done. Fencing needs the name typed; `enter` is enough for the rest."""

    DEFAULT_CSS = """
    PreviewScreen { align: center middle; background: $background 60%; }
    PreviewScreen > Vertical {
        width: 90%; max-width: 96; height: auto; max-height: 90%;
        background: $panel; border: round $accent; padding: 0 1;
    }
    PreviewScreen VerticalScroll { height: auto; max-height: 14; }
    PreviewScreen .command { color: $accent; margin: 1 0; }
    PreviewScreen .keys { color: $muted; margin-top: 1; }
    PreviewScreen .danger { color: $fail; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "do_it", "Do it"),
        Binding("escape,n,q", "leave", "Leave it"),
    ]

    def __init__(self, act: Act, typed: str = "") -> None:
        super().__init__()
        self.act = act
        self.typed = typed
        # Made here, not in compose: the scheduler may answer before the screen is there.
        self._effect = Static("asking the scheduler what would happen …", markup=False, id="effect")

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.act.title, markup=False, classes="title")
            yield Static(self.act.command, markup=False, classes="command")
            with VerticalScroll():
                yield self._effect
            if self.typed:
                yield Static(f"type {self.typed} to do it", markup=False, classes="danger")
                yield Input(id="typed")
            yield Static("enter does it · esc leaves all as it is", markup=False, classes="keys")

    def show_effect(self, lines: tuple[str, ...], error: str = "") -> None:
        """What the scheduler said; it may come before the screen is drawn, and after it is gone."""
        if error:
            text = f"no preview: {error}"
        elif not lines and self.act.edit is not None:
            text = "no resource stops, starts or moves"
        elif lines:
            text = "what would happen:\n" + "\n".join(f"  {line.strip()}" for line in lines)
        elif self.act.danger is Danger.FENCES:
            text = "the node is switched off; what ran there starts elsewhere once that is sure"
        else:
            text = "the daemon does this at once"
        self._effect.update(text)

    def action_do_it(self) -> None:
        if self.typed and self.query_one("#typed", Input).value.strip() != self.typed:
            self.app.bell()
            return
        self.dismiss(True)

    def on_input_submitted(self) -> None:
        self.action_do_it()

    def action_leave(self) -> None:
        self.dismiss(False)
