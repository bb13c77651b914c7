"""Fencing: what was done to nodes, what failed and what is under way, as sections of a status.

Source: lib/fencing/st_output.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from hashell.status import words
from hashell.status.cluster_status import FencingEvent
from hashell.status.options import Section
from hashell.status.outline import Block, Line
from hashell.status.selection import View


def shown(view: View, *states: str) -> Iterator[FencingEvent]:
    """Events in one of these states on nodes that are shown, newest first.

    Below level 3 only the newest of each kind (target, action, state) counts.
    """
    full = view.status.options.fence_level >= 3
    seen: set[tuple[str, str, str]] = set()
    for event in view.status.fencing:
        kind = (event.target, event.action, event.state)
        if event.state not in states or not view.node_passes(event.target):
            continue
        if not full and kind in seen:
            continue
        seen.add(kind)
        yield event


def failed_section(view: View) -> Block | None:
    """Fencing that failed."""
    return _block(view, "Failed Fencing Actions", "failed")


def other_section(view: View) -> Block | None:
    """Fencing that was done, with what is under way; or only the latter."""
    options = view.status.options
    if options.shows(Section.FENCING_SUCCEEDED):
        return _block(view, "Fencing History", "success", "pending")
    if options.shows(Section.FENCING_PENDING):
        return _block(view, "Pending Fencing Actions", "pending")
    return None


def _block(view: View, heading: str, *states: str) -> Block | None:
    lines = tuple(Line(_words(view, event)) for event in shown(view, *states))
    return Block(heading, lines) if lines else None


def _words(view: View, event: FencingEvent) -> str:
    plain = event.action
    if event.state == "pending":
        return f"{plain} of {event.target} pending: client={event.client}, origin={event.origin}"
    how = "successful" if event.state == "success" else "failed"
    text = f"{plain} of {event.target} {how}"
    if event.state == "failed" and event.reason:
        text += f" ({event.reason})"
    text += f": delegate={event.delegate}, client={event.client}, origin={event.origin}"
    if event.completed_s is not None:
        last = "completed" if view.status.options.fence_level >= 3 else f"last-{how}"
        text += f", {last}='{words.when(event.completed_s)}'"
    return text
