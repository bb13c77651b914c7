"""The prompt: prompt_toolkit's parts over the grammar: completer, colours, checks, suggestions, keys, style.

Every part reads a `Place`: where the person is, and what is known of the cluster. None of them waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from prompt_toolkit.application import get_app
from prompt_toolkit.application.current import get_app_or_none
from prompt_toolkit.auto_suggest import AutoSuggest, AutoSuggestFromHistory, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, completion_is_selected, has_focus
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style
from prompt_toolkit.validation import ValidationError, Validator

from hashell.shell.grammar.complete import Offer, complete
from hashell.shell.grammar.highlight import STYLES, Span, first_wrong, spans
from hashell.shell.grammar.line import Path, is_unfinished, read_text
from hashell.shell.grammar.sources import Sources
from hashell.shell.grammar.words import Danger
from hashell.shell.signs import to_ascii
from hashell.theming import Theme

#: Characters of a text that is coloured and checked; a longer paste runs all the same.
TEXT_MAX = 64 * 1024


@dataclass(slots=True)
class Place:
    """Where the person types. `path` follows the session's levels."""

    sources: Sources = field(default_factory=Sources)
    path: Path = ()
    #: The terminal shows nothing but ASCII.
    ascii: bool = False
    #: Up and Down look for lines that begin with what is typed, while this is set.
    prefix_search: bool = False


class GrammarCompleter(Completer):
    """Completion from the grammar."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        if not complete_event.completion_requested and document.current_char.strip():
            return  # In the middle of a word a menu is in the way, unless it is asked for.
        for one in offers(self._place, before):
            typed = before[one.start :]
            if not complete_event.completion_requested and one.text == typed:
                continue
            show, help = one.show, one.help
            if self._place.ascii:
                show, help = to_ascii(show), to_ascii(help)
            yield Completion(one.text, one.start - len(before), display=show, display_meta=help)


def offers(place: Place, before: str) -> list[Offer]:
    """What may be offered before the cursor; nothing in a text that is too long to read at every key."""
    if len(before) > TEXT_MAX:
        return []
    try:
        return complete(before, place.path, place.sources)
    except Exception:  # A defect in reading must not take the line from who types it.
        return []


class GrammarLexer(Lexer):
    """Colours from the grammar."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        text = document.text
        app = get_app_or_none()
        cursor = app.current_buffer.cursor_position if app is not None else -1
        found = self._spans(text, cursor) if len(text) <= TEXT_MAX else []
        starts = [0]
        for line in document.lines:
            starts.append(starts[-1] + len(line) + 1)

        def line_fragments(number: int) -> StyleAndTextTuples:
            if number >= len(document.lines):
                return []
            begin, end = starts[number], starts[number] + len(document.lines[number])
            fragments: StyleAndTextTuples = []
            place = begin
            for span in found:
                if span.end <= begin or span.start >= end:
                    continue
                start, stop = max(span.start, begin), min(span.end, end)
                if start > place:
                    fragments.append(("", text[place:start]))
                fragments.append((f"class:grammar.{span.style}", text[start:stop]))
                place = stop
            if place < end:
                fragments.append(("", text[place:end]))
            return fragments

        return line_fragments

    def _spans(self, text: str, cursor: int) -> list[Span]:
        try:
            return spans(text, self._place.path, self._place.sources, cursor)
        except Exception:  # As above: a line without colours can still be typed.
            return []


class Misplaced(ValidationError):
    """What Enter found wrong; the toolbar shows the way out below it."""

    def __init__(self, place: int, message: str, hint: str) -> None:
        super().__init__(place, message)
        self.hint = hint


class GrammarValidator(Validator):
    """Refuses only what is certainly wrong, with the cursor put there."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def validate(self, document: Document) -> None:
        if len(document.text) > TEXT_MAX:
            return
        try:
            wrong = first_wrong(document.text, self._place.path)
        except Exception:  # The command itself will say what it does not understand.
            return
        if wrong is not None:
            message = f"✖ {wrong.message}"
            raise Misplaced(wrong.start, to_ascii(message) if self._place.ascii else message, wrong.hint)


class SafeSuggest(AutoSuggest):
    """Suggests from the history, but never a line that fences."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._history = AutoSuggestFromHistory()

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        found = self._history.get_suggestion(buffer, document)
        if found is None or not document.text.strip():
            return None
        whole = document.text + found.text
        if len(whole) > TEXT_MAX or "***" in whole:
            return None
        lines = read_text(whole, self._place.path)
        if any(line.command is not None and line.command.danger is Danger.FENCES for _, line in lines):
            return None
        return found


# --- keys ----------------------------------------------------------------------------------------------


def key_bindings(place: Place) -> KeyBindings:
    """Enter, Tab, Ctrl-C, Ctrl-D, Up, Down as the shell means them."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)
    @keys.add("enter", filter=typing & completion_is_selected)
    def take_selected(event: KeyPressEvent) -> None:
        """The chosen word is taken, the line does not run yet."""
        buffer = event.current_buffer
        buffer.complete_state = None
        _blank_after(place, buffer)

    @keys.add("enter", filter=typing & ~completion_is_selected)
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_unfinished(buffer.document.text_before_cursor) and is_unfinished(buffer.text):
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter", filter=typing)
    def newline(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    @keys.add(Keys.BracketedPaste, filter=typing)
    def paste(event: KeyPressEvent) -> None:
        """A text as it was copied; no menu over it, and no empty line at its end."""
        text = event.data.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
        event.current_buffer.insert_text(text, fire_event=False)

    @keys.add("c-c", filter=typing)
    @keys.add("<sigint>")
    def clear(event: KeyPressEvent) -> None:
        """The line goes, the shell stays."""
        event.app.current_buffer.reset()

    @keys.add("c-d", filter=typing & Condition(lambda: not get_app().current_buffer.text))
    def end(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError, style="class:exiting")

    @keys.add("tab", filter=typing)
    def tab(event: KeyPressEvent) -> None:
        """The only word is taken; of several what they have in common, and the menu opens."""
        buffer = event.current_buffer
        menu = buffer.complete_state
        if menu is not None and menu.current_completion is not None and len(menu.completions) > 1:
            buffer.complete_next()
            return
        before = buffer.document.text_before_cursor
        found = offers(place, before)
        if not found:
            return
        typed = before[found[0].start :]
        if len(found) == 1:
            buffer.delete_before_cursor(len(typed))
            buffer.insert_text(found[0].text)
            buffer.complete_state = None
            if not found[0].open:
                _blank_after(place, buffer)
            return
        common = _common([one.text for one in found])
        if common.startswith(typed) and len(common) > len(typed):
            buffer.insert_text(common[len(typed) :])
            buffer.start_completion(select_first=False)
        elif menu is not None and menu.completions:
            buffer.complete_next()
        else:
            buffer.start_completion(select_first=False)

    @keys.add("up", filter=typing)
    def up(event: KeyPressEvent) -> None:
        """In a menu only once a word of it is chosen; else lines of the history that begin like this one."""
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is None:
            buffer.cancel_completion()
        search_back(place, buffer, event.arg)

    @keys.add("down", filter=typing)
    def down(event: KeyPressEvent) -> None:
        search_on(place, event.current_buffer, event.arg)

    return keys


def search_back(place: Place, buffer: Buffer, count: int = 1) -> None:
    """Up: a row up in a text of several, else an older line that begins like this one."""
    with _prefix_search(place):
        buffer.auto_up(count=count)


def search_on(place: Place, buffer: Buffer, count: int = 1) -> None:
    """Down: the other way round."""
    with _prefix_search(place):
        buffer.auto_down(count=count)


@contextmanager
def _prefix_search(place: Place) -> Iterator[None]:
    """While this lasts, moving in the history looks for what is typed.

    The library's switch for it is not simply left on, since completion while typing is off as long as it is on.
    """
    place.prefix_search = True
    try:
        yield
    finally:
        place.prefix_search = False


def _blank_after(place: Place, buffer: Buffer) -> None:
    """A blank behind a finished word, unless more of the word is wanted."""
    before = buffer.document.text_before_cursor
    if before and before[-1] not in " =:/\n" and not buffer.document.text_after_cursor.startswith(" "):
        buffer.insert_text(" ")


def _common(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    for place, letter in enumerate(first):
        if place >= len(last) or last[place] != letter:
            return first[:place]
    return first


# --- colours -------------------------------------------------------------------------------------------


def colour(theme: Theme, meaning: str) -> str:
    """A theme's colour as prompt_toolkit spells it."""
    value = theme[meaning]
    if value == "default":
        return "default"
    if value.startswith("ansi_bright_"):
        name = value.removeprefix("ansi_bright_")
        return {"black": "ansibrightblack", "white": "ansiwhite"}.get(name, f"ansibright{name}")
    if value.startswith("ansi_"):
        name = value.removeprefix("ansi_")
        return {"white": "ansigray"}.get(name, f"ansi{name}")
    return value


def style_of(theme: Theme | None) -> Style:
    """The style of a theme; None is for terminals and people without colours: bold, underline and reverse remain."""
    rules: dict[str, str] = {}
    for name, (meaning, marks) in STYLES.items():
        hue = f"fg:{colour(theme, meaning)} " if theme is not None else ""
        rules[f"grammar.{name}"] = f"{hue}{marks}".strip()
    if theme is None:
        rules |= {
            "prompt.cluster": "bold", "prompt.bad": "bold reverse", "prompt.star": "bold", "bottom-toolbar": "reverse",
            "toolbar.bad": "bold", "event.error": "bold", "event.warning": "bold",
            "validation-toolbar": "reverse bold",
        }
        return Style.from_dict(rules)

    def fg(meaning: str) -> str:
        return f"fg:{colour(theme, meaning)}"

    def bg(meaning: str) -> str:
        return f"bg:{colour(theme, meaning)}"

    rules |= {
        "prompt.cluster": f"{fg('accent')} bold",
        "prompt.where": fg("muted"),
        "prompt.level": fg("promoted"),
        "prompt.star": f"{fg('warn')} bold",
        "prompt.bad": f"{fg('fail')} bold",
        "bottom-toolbar": f"noreverse {bg('panel')} {fg('foreground')}",
        "bottom-toolbar.text": "",
        "toolbar.help": fg("muted"),
        "toolbar.ok": fg("ok"),
        "toolbar.bad": f"{fg('fail')} bold",
        "toolbar.busy": fg("pending"),
        "toolbar.muted": fg("muted"),
        "completion-menu": f"{bg('panel')} {fg('foreground')}",
        "completion-menu.completion": f"{bg('panel')} {fg('foreground')}",
        "completion-menu.completion.current": f"noreverse {bg('accent')} {fg('background')}",
        "completion-menu.meta.completion": f"{bg('panel')} {fg('muted')}",
        "completion-menu.meta.completion.current": f"{bg('selection')} {fg('foreground')}",
        "scrollbar.background": bg("panel"),
        "scrollbar.button": bg("muted"),
        "auto-suggestion": fg("stale"),
        "validation-toolbar": f"noreverse {bg('fail')} {fg('background')}",
        "event.error": f"{fg('fail')} bold",
        "event.warning": fg("warn"),
        "event.ok": fg("ok"),
        "event.info": fg("muted"),
    }
    return Style.from_dict(rules)


__all__ = ["GrammarCompleter", "GrammarLexer", "GrammarValidator", "Place", "SafeSuggest", "key_bindings", "style_of"]
