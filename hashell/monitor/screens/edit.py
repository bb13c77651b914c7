"""The editor of objects of the configuration: colours, completion and what is wrong, while it is typed.

What is wrong so far is told at every key; what would be refused is tried in a thread at every pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option

from hashell.errors import HashellError
from hashell.monitor.drafts import Draft
from hashell.monitor.language import Offered
from hashell.monitor.lines import shown
from hashell.monitor.widgets.editor import Editor
from hashell.theming import Theme

#: Seconds without a key until the text is tried.
PAUSE_S = 0.4
#: Offers in the menu.
OFFERS_MAX = 100
_KEYS = "ctrl+s previews · tab completes · ctrl+z takes back · esc leaves"


class EditScreen(ModalScreen[str | None]):
    """The text as it was edited, or None when it was left. `began` is the text of what there is, `text` what was made
    of it so far, `said` why it was not done."""

    DEFAULT_CSS = """
    EditScreen { align: center middle; background: $background 60%; }
    EditScreen > Vertical {
        width: 98%; max-width: 140; height: 96%; background: $panel; border: round $accent; padding: 0 1;
    }
    EditScreen .title { color: $accent; text-style: bold; height: 1; }
    EditScreen Editor, EditScreen Editor:focus { height: 1fr; border: none; padding: 0; background: $background; }
    EditScreen Editor .text-area--cursor-line { background: $panel; }
    EditScreen OptionList, EditScreen OptionList:focus { height: 6; background: $panel; border: none; padding: 0; }
    EditScreen #trouble { height: auto; min-height: 1; max-height: 4; color: $muted; }
    EditScreen #trouble.-bad { color: $fail; text-style: bold; }
    EditScreen .keys { color: $muted; height: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "accept", "Preview", priority=True),
        Binding("ctrl+c", "copy", show=False, priority=True),
    ]

    def __init__(self, draft: Draft, theme: Theme, began: str, text: str, said: str = "") -> None:
        super().__init__()
        self.draft = draft
        self.palette = theme
        self.began = began
        self.given = text
        self.said = said
        self._offers: Sequence[Offered] = ()
        self._moved = False
        self._leaving = False

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self.draft.title, markup=False, classes="title")
            yield Editor(self.draft, self.palette, self.given, id="editor")
            yield OptionList(markup=False, id="offers")
            yield Static("", markup=False, id="trouble")
            yield Static(_KEYS, markup=False, classes="keys")

    def on_mount(self) -> None:
        menu = self.query_one(OptionList)
        menu.can_focus = False
        menu.display = False
        self._editor.focus()
        if self.said:
            self._tell(self.said)

    @property
    def _editor(self) -> Editor:
        return self.query_one(Editor)

    # --- while it is typed

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        self._leaving = False
        editor = self._editor
        place = editor.place
        before = editor.text[:place]
        self._show_offers(before if before[-1:].strip() else "", typed=True)
        wrong = self.draft.trouble(editor.text, place)
        self._tell(wrong)
        self._try(editor.text, bool(wrong))

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        if self._offers and self._editor.place != self._offered_at:
            self._close_menu()

    @work(group="try", exclusive=True, exit_on_error=False)
    async def _try(self, text: str, wrong: bool) -> None:
        """Once nothing is typed any more: would it be refused?"""
        await asyncio.sleep(PAUSE_S)
        if wrong:
            return
        try:
            said = await asyncio.to_thread(self.draft.complaint, text)
        except HashellError as error:
            said = str(error)
        if text == self._editor.text and not self._leaving:
            self._tell(said)

    def _tell(self, wrong: str) -> None:
        line = self.query_one("#trouble", Static)
        line.set_class(bool(wrong), "-bad")
        line.update("\n".join(f"! {shown(row)}" for row in wrong.splitlines()) if wrong else "")

    # --- the menu of offers

    _offered_at = -1

    def _show_offers(self, before: str, *, typed: bool) -> None:
        found = list(self.draft.offers(before)[:OFFERS_MAX]) if before or not typed else []
        if typed:  # what stands there whole already is no offer
            found = [one for one in found if before[one.start :] != one.text]
        self._offers = found
        self._moved = not typed
        self._offered_at = self._editor.place
        self._editor.menu = bool(found)
        menu = self.query_one(OptionList)
        menu.display = bool(found)
        menu.clear_options()
        wide = max((len(one.show or one.text) for one in found), default=0)
        menu.add_options([Option(shown(f"{one.show or one.text:<{min(wide, 40)}}  {one.help}")) for one in found])
        if found:
            menu.highlighted = 0

    def _close_menu(self) -> None:
        self._offers = ()
        self._editor.menu = False
        self.query_one(OptionList).display = False

    def on_editor_key(self, event: Editor.Key) -> None:
        menu = self.query_one(OptionList)
        match event.key:
            case "escape":
                if self._offers:
                    self._close_menu()
                else:
                    self.action_leave()
            case "tab":
                if self._offers:
                    self._take()
                else:
                    editor = self._editor
                    self._show_offers(editor.text[: editor.place], typed=False)
                    if len(self._offers) == 1:
                        self._take()
            case "enter":
                if self._moved:
                    self._take()
                else:
                    self._close_menu()
                    self._editor.insert("\n")
            case "up" | "down":
                step = 1 if event.key == "down" else -1
                self._moved = True
                menu.highlighted = ((menu.highlighted or 0) + step) % len(self._offers)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.query_one(OptionList).highlighted = event.option_index
        self._take()

    def _take(self) -> None:
        """The offer that is chosen, in the place of what was typed of it."""
        place = self.query_one(OptionList).highlighted or 0
        offer = self._offers[place]
        editor = self._editor
        back = editor.place - offer.start
        self._close_menu()
        editor.put(offer.text + ("" if offer.open or offer.text.endswith((">", '"')) else " "), back)

    # --- the end

    def action_accept(self) -> None:
        text = self._editor.text
        if text == self.given == self.began:
            self._tell("nothing is changed yet")
            return
        self.dismiss(text)

    def action_copy(self) -> None:
        self._editor.action_copy()

    def action_leave(self) -> None:
        """A text that was changed is left only when it is asked for twice."""
        if self._editor.text != self.began and not self._leaving:
            self._leaving = True
            self._tell("esc once more throws these changes away; ctrl+s previews them")
            return
        self.dismiss(None)
