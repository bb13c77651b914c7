"""A short list to choose one thing from: a node to move to, a story to break, a theme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option


class ChooseScreen(ModalScreen[str]):
    """The key of what was chosen, or "" for nothing. `choices` are (key, text)."""

    DEFAULT_CSS = """
    ChooseScreen { align: center middle; background: $background 60%; }
    ChooseScreen > Vertical {
        width: 80%; max-width: 76; height: auto; max-height: 80%;
        background: $panel; border: round $accent; padding: 0 1;
    }
    ChooseScreen OptionList, ChooseScreen OptionList:focus {
        height: auto; max-height: 14; background: $panel; border: none; margin: 1 0;
    }
    ChooseScreen .keys { color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Leave")]

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], note: str = "") -> None:
        super().__init__()
        self.heading = title
        self.choices = tuple(choices)
        self.note = note

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.heading, markup=False)
            yield OptionList(*(Option(text, id=f"c{place}") for place, (_, text) in enumerate(self.choices)))
            if self.note:
                yield Static(self.note, markup=False, classes="keys")
            yield Static("enter chooses · esc leaves", markup=False, classes="keys")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.choices[event.option_index][0])

    def action_leave(self) -> None:
        self.dismiss("")
