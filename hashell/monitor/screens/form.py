"""A form of named fields: a new resource, a resource's parameters or meta-attributes, a constraint's parts.

What is typed is checked at every key; what a field is, and what is wrong with it, stands in the line below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from hashell.monitor.fields import Field, about, suggestions, trouble
from hashell.monitor.lines import shown

__all__ = ["Field", "FormScreen"]

#: Cells of a field's name; a longer one is cut, and stands whole in the line below.
NAME_WIDTH = 26


class FormScreen(ModalScreen[dict[str, str] | None]):
    """The values that differ from what was there (an empty one means: take it out), or None when left."""

    DEFAULT_CSS = """
    FormScreen { align: center middle; background: $background 60%; }
    FormScreen > Vertical {
        width: 95%; max-width: 110; height: auto; max-height: 95%;
        background: $panel; border: round $accent; padding: 0 1;
    }
    FormScreen VerticalScroll { height: auto; max-height: 70vh; }
    FormScreen Horizontal { height: 1; }
    FormScreen Input, FormScreen Input:focus {
        border: none; height: 1; padding: 0 1; background: $selection; width: 1fr;
    }
    FormScreen Input:focus { background: $background; text-style: bold; }
    FormScreen Input.-bad { color: $fail; text-style: underline; }
    FormScreen .label { width: 27; color: $foreground; }
    FormScreen .section { color: $accent; text-style: bold; }
    FormScreen #help { height: 2; color: $muted; }
    FormScreen #help.-bad { color: $fail; text-style: bold; }
    FormScreen .keys { color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("ctrl+s", "accept", "Preview", priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("pagedown", "leap(8)", show=False),
        Binding("pageup", "leap(-8)", show=False),
    ]

    def __init__(
        self, title: str, fields: Sequence[Field], *, add: bool = False, typed: dict[str, str] | None = None
    ) -> None:
        super().__init__()
        self.heading = title
        self.fields = tuple(fields)
        self.add = add
        self.typed = typed or {}

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.heading, markup=False, classes="section")
            with VerticalScroll(can_focus=False):
                yield from self._rows()
                if self.add:
                    with Horizontal():
                        yield Static("another", markup=False, classes="label")
                        yield Input("", placeholder="name=value", id="fadd")
            yield Static("", markup=False, id="help")
            yield Static("up, down: fields · enter or ctrl+s previews · esc leaves", markup=False, classes="keys")

    def _rows(self) -> Iterator[Static | Horizontal]:
        section = ""
        for place, item in enumerate(self.fields):
            if item.section != section:
                section = item.section
                yield Static(section, markup=False, classes="section")
            label = item.name[: NAME_WIDTH - 2]
            choices = suggestions(item)
            yield Horizontal(
                Static(f"{label}{' *' if item.required else ''}", markup=False, classes="label"),
                Input(
                    self.typed.get(item.name, item.value or item.offered),
                    placeholder=f"default: {item.placeholder}" if item.placeholder else "", id=f"f{place}",
                    suggester=SuggestFromList(choices, case_sensitive=False) if choices else None,
                ),
            )

    def on_mount(self) -> None:
        if self.fields or self.add:
            self.query(Input).first().focus()

    def on_descendant_focus(self) -> None:
        self._tell()

    def on_input_changed(self) -> None:
        self._tell()

    def _here(self) -> tuple[Field, Input] | None:
        focused = self.focused
        if not isinstance(focused, Input) or focused.id is None or not focused.id[1:].isdigit():
            return None
        return self.fields[int(focused.id[1:])], focused

    def _tell(self) -> None:
        here = self._here()
        if here is None:
            self._say("a name that is not in the list, with its value")
            return
        field, typed = here
        wrong = trouble(field, typed.value) if typed.value.strip() else ""
        typed.set_class(bool(wrong), "-bad")
        self._say(wrong or f"{field.name}: {about(field) or 'any text'}", bad=bool(wrong))

    def _say(self, text: str, *, bad: bool = False) -> None:
        line = self.query_one("#help", Static)
        line.set_class(bad, "-bad")
        line.update(shown(text if not bad else f"! {text}")[:300])

    def on_input_submitted(self) -> None:
        self.action_accept()

    def action_leap(self, steps: int) -> None:
        """Several fields on or back."""
        inputs = list(self.query(Input))
        if isinstance(self.focused, Input) and inputs:
            place = inputs.index(self.focused) + steps
            inputs[max(0, min(place, len(inputs) - 1))].focus()

    def action_accept(self) -> None:
        changed: dict[str, str] = {}
        for place, item in enumerate(self.fields):
            field_ = self.query_one(f"#f{place}", Input)
            value = field_.value.strip()
            wrong = trouble(item, value)
            if wrong:
                field_.focus()
                field_.set_class(True, "-bad")
                self.call_after_refresh(self._say, wrong, bad=True)
                return
            if value != item.value:
                changed[item.name] = value
        if self.add:
            name, equals, value = self.query_one("#fadd", Input).value.strip().partition("=")
            if name and not equals:
                self.query_one("#fadd", Input).focus()
                self.call_after_refresh(self._say, f"write {name}=value", bad=True)
                return
            if name:
                changed[name.strip()] = value.strip()
        self.dismiss(changed)

    def action_leave(self) -> None:
        self.dismiss(None)
