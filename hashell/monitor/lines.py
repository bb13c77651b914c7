"""Lines: what a view shows, as data: spans of text with the meaning that colours them.

The pure builders in overview.py, timeline.py … make lines; `widgets/line_view.py` draws only those
on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Text in one meaning of the theme (`foreground`, `ok`, `fail` …); `bold` on top of the theme's
    own.
    """

    text: str
    meaning: str = "foreground"
    bold: bool = False


#: Control characters, also those of the terminal's own language: what an agent or a CIB says is shown, never obeyed.
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), "?") | {9: " "}


def shown(text: str) -> str:
    """A text as a cell grid can hold it."""
    return text if text.isprintable() else text.translate(_CONTROLS)


@dataclass(frozen=True, slots=True)
class Line:
    """One row. `key` is stable over updates, so that the cursor stays on the thing and not on the number; `when_s` is
    the moment that it tells of, where there is one.

    `kind` says what the thing is (node, resource, failure, event, action …), `about` its id in the
    CIB, `node` where it
    is; `fault` is 0 for all well and higher the worse, for sorting and for the key that shows
    faults only.
    """

    key: str
    spans: tuple[Span, ...]
    kind: str = ""
    about: str = ""
    node: str = ""
    fault: int = 0
    depth: int = 0
    parent: str = ""
    selectable: bool = True
    when_s: float = 0.0

    @property
    def text(self) -> str:
        """The row without colours."""
        return "".join(span.text for span in self.spans)


def fit(left: tuple[Span, ...], right: tuple[Span, ...], width: int) -> tuple[Span, ...]:
    """Spans at both ends of a row of `width` cells; where there is no room the left gives way."""
    taken = sum(len(span.text) for span in right)
    room = max(0, width - taken - (1 if right else 0))
    kept: list[Span] = []
    for span in left:
        text = span.text[:room]
        room -= len(text)
        if text:
            kept.append(Span(text, span.meaning, span.bold))
    if right:
        kept.append(Span(" " * (room + 1)))
        kept.extend(right)
    return tuple(kept)


def matches(line: Line, pattern: str) -> bool:
    """Whether a row passes a filter: every word must be in it, any case; `!word` must not."""
    text = line.text.lower()
    for word in pattern.lower().split():
        if word.startswith("!") and len(word) > 1:
            if word[1:] in text:
                return False
        elif word not in text:
            return False
    return True
