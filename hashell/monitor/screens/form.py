"""A form of named fields: a resource's parameters or meta-attributes, a constraint's parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `help` is a line about it; `required` is marked with a star."""

    name: str
    value: str = ""
    help: str = ""
    placeholder: str = ""
    required: bool = False


class FormScreen(ModalScreen[dict[str, str] | None]):
    """The values that differ from what was there (an empty one means: take it out), or None when left."""

    DEFAULT_CSS = """
    FormScreen { align: center middle; background: $background 60%; }
    FormScreen > Vertical {
        width: 92%; max-width: 100; height: auto; max-height: 95%;
        background: $panel; border: round $accent; padding: 0 1;
    }
    FormScreen VerticalScroll { height: auto; max-height: 16; }
    FormScreen Input, FormScreen Input:focus { border: none; height: 1; padding: 0 1; background: $selection; }
    FormScreen Input:focus { background: $background; text-style: bold; }
    FormScreen .label { color: $accent; }
    FormScreen .help, FormScreen .keys { color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("ctrl+s", "accept", "Preview", priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, title: str, fields: Sequence[Field], *, add: bool = False) -> None:
        super().__init__()
        self.heading = title
        self.fields = tuple(fields)
        self.add = add

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.heading, markup=False)
            with VerticalScroll():
                for place, item in enumerate(self.fields):
                    star = " *" if item.required else ""
                    yield Static(f"{item.name}{star}", markup=False, classes="label")
                    yield Input(item.value, placeholder=item.placeholder, id=f"f{place}")
                if self.add:
                    yield Static("another, as name=value", markup=False, classes="label")
                    yield Input("", placeholder="name=value", id="fadd")
            yield Static("", markup=False, id="help", classes="help")
            yield Static("enter or ctrl+s previews · esc leaves", markup=False, classes="keys")

    def on_mount(self) -> None:
        if self.fields or self.add:
            self.query(Input).first().focus()

    def on_descendant_focus(self) -> None:
        focused = self.focused
        if focused is None or focused.id is None:
            return
        number = focused.id.removeprefix("f")
        text = self.fields[int(number)].help if number.isdigit() else "a name that is not in the list"
        self.query_one("#help", Static).update(text[:300])

    def on_input_submitted(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        changed: dict[str, str] = {}
        for place, item in enumerate(self.fields):
            value = self.query_one(f"#f{place}", Input).value.strip()
            if item.required and not value:
                self.query_one("#help", Static).update(f"{item.name} must have a value")
                self.query_one(f"#f{place}", Input).focus()
                return
            if value != item.value:
                changed[item.name] = value
        if self.add:
            name, equals, value = self.query_one("#fadd", Input).value.strip().partition("=")
            if name and not equals:
                self.query_one("#help", Static).update(f"write {name}=value")
                return
            if name:
                changed[name.strip()] = value.strip()
        self.dismiss(changed)

    def action_leave(self) -> None:
        self.dismiss(None)
