"""Findings: one thing that is wrong in a CIB, where it is, and the way out."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable
from typing import Any

from lxml import etree
from msgspec import Struct


class Severity(enum.StrEnum):
    """An error makes a CIB unacceptable; a warning says that a part of it has no effect."""

    ERROR = "error"
    WARNING = "warning"


class Finding(Struct, frozen=True):
    """One thing that is wrong. `id` is that of the element or of the nearest one above it that has one.

    `line` is 0 where the element was not read from text; `hint` is the way out, often the nearest right name.
    """

    element: str
    id: str
    attribute: str
    line: int
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{hint}"


def finding(
    element: etree._Element, attribute: str, message: str, hint: str = "",
    severity: Severity = Severity.ERROR,
) -> Finding:
    """A finding about an element, which it names."""
    nearest_id = element.get("id") or next(
        (above.get("id", "") for above in element.iterancestors() if above.get("id")), ""
    )
    return Finding(str(element.tag), nearest_id, attribute, _line(element), message, hint, severity)


def _line(element: Any) -> int:
    # lxml-stubs do not know that an element made here has no line.
    return element.sourceline or 0


def name_of(element: etree._Element) -> str:
    """How messages call an element: `primitive 'web'`, or `operations of primitive 'web'` without an id."""
    own = element.get("id")
    if own:
        return f"{element.tag} {own!r}"
    for above in element.iterancestors():
        if above.get("id"):
            return f"{element.tag} of {above.tag} {above.get('id')!r}"
    return f"{element.tag}"


def nearest(word: str, words: Iterable[str]) -> str:
    """A hint with the nearest right word, or all of them where they are few, or nothing."""
    known = sorted(set(words))
    close = difflib.get_close_matches(word.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if close:
        right = next(k for k in known if k.lower() == close[0])
        return f"did you mean {right}?"
    return "use " + ", ".join(known) if 0 < len(known) <= 12 else ""
