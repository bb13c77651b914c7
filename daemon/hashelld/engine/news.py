"""News: a new view in words for people. Pure; shared by the engines."""

from __future__ import annotations

from collections.abc import Iterator

from hashelld.core.events import Happened, View


def lines_of(view: View, quorate_before: bool | None) -> Iterator[Happened]:
    """Who came and went, and what became of the quorum."""
    for name in view.lost:
        yield Happened("member", "warning", f"{name} was lost", (name,))
    for name in view.left:
        yield Happened("member", "notice", f"{name} left", (name,))
    for name in view.joined:
        yield Happened("member", "notice", f"{name} joined", (name,))
    if quorate_before != view.quorate:
        text = "quorum reached" if view.quorate else "no quorum"
        level = "notice" if view.quorate else "warning"
        yield Happened("quorum", level, f"{text}: {view.votes} of {view.expected_votes} votes")
