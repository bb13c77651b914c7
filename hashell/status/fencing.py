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

#: How what was done to a node is called, where it is not by its own word.
_ACTIONS = {"on": "unfencing", "off": "turning off", "": "fencing"}
_STATES = {"failed": "failed", "success": "successful", "pending": "pending"}


def shown(view: View, *states: str) -> Iterator[FencingEvent]:
    """Events in one of these states on nodes that are shown, newest first.

    Below level 3 only the newest of those that are alike counts; what is under way is shown each time.
    """
    seen: set[tuple[str, str, str, str]] = set()
    for event in view.status.fencing:
        if event.state not in states or not view.node_passes(event.target):
            continue
        kind = (event.target.lower(), event.action, event.state, event.delegate)
        if view.status.options.fence_level < 3 and event.state != "pending" and kind in seen:
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
    lines = tuple(Line(describe(view, event)) for event in shown(view, *states))
    return Block(heading, lines) if lines else None


def describe(view: View, event: FencingEvent) -> str:
    """What was done to which node, for whom, and how it ended; with details in technical words."""
    options = view.status.options
    technical = options.failed_detail or options.details
    whole = Section.FENCING in options.sections
    ended = event.state != "pending"
    text = f"{_ACTIONS.get(event.action, event.action)} of {event.target}"
    if not technical:
        if ended and event.delegate:
            text += f" by {event.delegate}"
        text += f" for {event.client}@{event.origin}" + ("" if whole else " last")
    text += f" {_STATES.get(event.state, event.state)}"
    if event.state == "failed" and event.reason:
        text += f" ({event.reason})"
    at = words.when_iso(event.completed_s) if ended and event.completed_s is not None else ""
    if technical:
        delegate = f"delegate={event.delegate}, " if ended and event.delegate else ""
        text += f": {delegate}client={event.client}, origin={event.origin}"
        if at:
            how = "completed" if whole else f"last-{_STATES[event.state]}"
            text += f", {how}='{at}'"
    elif at:
        text += f" at {at}"
    later = _later_success(view, event)
    if event.state == "failed" and later:
        text += f" (a later attempt from {later} succeeded)"
    return text


def _later_success(view: View, event: FencingEvent) -> str:
    """The node from which the same was done to the same node later, with success."""
    for other in view.status.fencing:
        if other is event:
            return ""
        if (
            other.state == "success" and other.action == event.action
            and other.target.lower() == event.target.lower()
        ):
            return other.delegate or other.origin
    return ""
