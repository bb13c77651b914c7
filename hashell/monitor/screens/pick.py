"""Choosing one of many by typing parts of it: an agent among hundreds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

#: Rows that are listed at once; whoever needs the rest types another letter.
LISTED_MAX = 300


class PickScreen(ModalScreen[str]):
    """What was chosen, or "" for nothing. `more` are lines about the names, shown beside them."""

    DEFAULT_CSS = """
    PickScreen { align: center middle; background: $background 60%; }
    PickScreen > Vertical {
        width: 85%; max-width: 90; height: 90%; background: $panel; border: round $accent; padding: 0 1;
    }
    PickScreen Input, PickScreen Input:focus { border: none; height: 1; padding: 0 1; background: $selection; }
    PickScreen OptionList, PickScreen OptionList:focus { height: 1fr; background: $panel; border: none; }
    PickScreen .keys { color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("down", "step(1)", show=False, priority=True),
        Binding("up", "step(-1)", show=False, priority=True),
        Binding("pagedown", "step(10)", show=False, priority=True),
        Binding("pageup", "step(-10)", show=False, priority=True),
    ]

    def __init__(self, title: str, names: Sequence[str], placeholder: str = "") -> None:
        super().__init__()
        self.heading = title
        self.names = tuple(names)
        self.placeholder = placeholder
        self._fitting: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.heading, markup=False)
            yield Input(placeholder=self.placeholder)
            yield OptionList(markup=False)
            yield Static("type parts of the name · up, down · enter chooses · esc leaves", markup=False, classes="keys")

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self._list("")

    def _list(self, typed: str) -> None:
        words = typed.lower().split()
        fitting = [name for name in self.names if all(word in name.lower() for word in words)]
        if words:  # what ends or begins as it is typed is likelier meant than what holds it somewhere
            last = words[-1]
            fitting.sort(key=lambda name: (not name.lower().rpartition(":")[2].startswith(last), name))
        self._fitting = fitting[:LISTED_MAX]
        listed = self.query_one(OptionList)
        listed.clear_options()
        listed.add_options([Option(name) for name in self._fitting])
        listed.highlighted = 0 if self._fitting else None

    def on_input_changed(self, event: Input.Changed) -> None:
        self._list(event.value)

    def on_input_submitted(self) -> None:
        place = self.query_one(OptionList).highlighted
        if place is None:
            self.app.bell()
            return
        self.dismiss(self._fitting[place])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._fitting[event.option_index])

    def action_step(self, steps: int) -> None:
        listed = self.query_one(OptionList)
        if self._fitting:
            listed.highlighted = max(0, min((listed.highlighted or 0) + steps, len(self._fitting) - 1))

    def action_leave(self) -> None:
        self.dismiss("")
