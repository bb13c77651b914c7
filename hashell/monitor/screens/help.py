"""Help: every key that works here, by what it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Look", (
        ("1 to 7", "the views, as the tabs above name them"),
        ("7 or l", "logs of all nodes;  v  level,  n  one node"),
        ("w", "what if: space marks, N loses every node"),
        ("up down / j k", "move; PgUp PgDn Home End too"),
        ("enter", "the thing under the cursor, in detail"),
        ("/", "filter: words, !word leaves out; esc ends it"),
        ("z", "faults only"),
        ("x", "why is it here; enter on a node: what must change"),
        ("n", "by node or by resource"),
        ("A f o L R", "attributes, fail counts, operations, bans, detail"),
    )),
    ("The past", (
        ("[  ]", "an event back, forth; or drag the bar below"),
        ("{  }", "a minute, or to an incident that is nearer"),
        ("End", "back to now"),
        ("p", "play the past, and stop"),
        ("space  d", "mark a moment; what changed between it and here"),
        ("r", "restore the configuration of then"),
    )),
    ("Act (each shows its command and what would happen first)", (
        ("s", "node: standby, or online again"),
        ("m", "resource: move to a node"),
        ("U", "resource: take moves and bans back"),
        ("c", "resource: clean up its failures"),
        ("S", "resource: stop, or start again"),
        ("M", "resource: its form: parameters, operations, options"),
        ("a", "a new resource: choose its agent, fill its form"),
        ("C", "constraints: add or delete one"),
        ("F", "node: fence (type its name)"),
        ("u", "undo the last change of the configuration"),
    )),
    ("Configuration (4)", (
        ("v", "crm text, tree, XML, constraints as a picture"),
        ("/  n", "look for words; the next place"),
        ("e", "from elsewhere: to the thing; here: edit it as text"),
        ("E", "edit the whole as text (in the XML shape: as XML)"),
        ("enter", "the form of a resource, the text of the rest"),
        ("D", "delete the object under the cursor"),
    )),
    ("Around", (
        (": or ctrl+p", "the palette: all of this by name"),
        (">  <", "the next cluster's tab, the one before (--also WHERE)"),
        ("T", "another theme"),
        ("P", "picture: the screen as SVG"),
        ("!", "demo: break something"),
        ("q", "quit"),
    )),
)


class HelpScreen(ModalScreen[None]):
    """Any of the closing keys leads back."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen VerticalScroll {
        width: 92%; max-width: 84; height: auto; max-height: 95%;
        background: $panel; border: round $accent; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "leave", "Back")
    ]

    def __init__(self, changed: Mapping[str, str] | None = None) -> None:
        """`changed`: keys of the person's own settings, by what they do."""
        super().__init__()
        self._changed = changed or {}

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            if self._changed:
                yield Static("Your own keys (they count before those below)", markup=False)
                rows = "\n".join(f"  {keys:<14} {name}" for name, keys in self._changed.items())
                yield Static(f"{rows}\n", markup=False)
            for title, keys in KEYS:
                yield Static(title, markup=False)
                yield Static(
                    "\n".join(f"  {key:<14} {text}" for key, text in keys) + "\n", markup=False
                )

    def action_leave(self) -> None:
        self.dismiss(None)
