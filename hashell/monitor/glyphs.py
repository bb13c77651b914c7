"""Glyphs: one sign for each meaning, width 1 in every table of widths, with a plain ASCII set.

A state is always word + glyph + colour; the glyph is for the eye that skims, never the only sign.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs that views draw with; every one is a single cell wide."""

    ok: str
    promoted: str
    stopped: str
    warn: str
    fail: str
    pending: str
    unknown: str
    maint: str
    fenced: str
    arrow: str
    ellipsis: str
    opened: str
    closed: str
    bar: str
    tick: str
    rule: str

    def of(self, meaning: str) -> str:
        """The sign for a colour word of a theme; a bullet for words that have none."""
        return {
            "ok": self.ok, "promoted": self.promoted, "muted": self.stopped, "warn": self.warn,
            "fail": self.fail, "pending": self.pending, "unknown": self.unknown,
            "maint": self.maint, "fenced": self.fenced, "stale": self.stopped,
        }.get(meaning, self.ok)


UNICODE = Glyphs(
    ok="●", promoted="★", stopped="○", warn="▲", fail="✖", pending="◐", unknown="?",
    maint="■", fenced="✖", arrow="→", ellipsis="…", opened="▾", closed="▸", bar="█", tick="│",
    rule="─",
)
ASCII = Glyphs(
    ok="*", promoted="+", stopped="o", warn="!", fail="X", pending="~", unknown="?",
    maint="#", fenced="X", arrow=">", ellipsis=".", opened="v", closed=">", bar="=", tick="|",
    rule="-",
)


def choose(*, ascii_only: bool = False, encoding: str = "utf-8") -> Glyphs:
    """The set for this terminal: plain ASCII where asked, on the Linux console, or without UTF-8.
    """
    if ascii_only or os.environ.get("TERM") in ("linux", "dumb", "vt100"):
        return ASCII
    return UNICODE if "utf" in encoding.lower() else ASCII


def shorten(text: str, width: int, glyphs: Glyphs) -> str:
    """At most `width` cells; the middle goes, since names differ at their ends."""
    if len(text) <= width:
        return text
    if width <= 1:
        return text[:width]
    head = (width - 1 + 1) // 2
    tail = width - 1 - head
    return text[:head] + glyphs.ellipsis + (text[-tail:] if tail else "")
