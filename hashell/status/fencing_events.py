"""Fencing among the events that a node told, for the sections of fencing history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from hashell.status.cluster_status import FencingEvent

#: Events of a node in which fencing is looked for; more than it keeps.
EVENTS_MAX = 2000


class Told(Protocol):
    """What is read of an event."""

    @property
    def kind(self) -> str: ...

    @property
    def node(self) -> str: ...

    @property
    def when_s(self) -> float: ...

    @property
    def data(self) -> Mapping[str, Any]: ...


def fencing_of(events: Iterable[Told]) -> tuple[FencingEvent, ...]:
    """Events of kind `fencing` that say target and state, newest first; a beginning whose end was told is left out."""
    found = []
    for event in events:
        data = event.data
        if event.kind != "fencing" or not data.get("target") or not data.get("state"):
            continue
        ended = data["state"] != "pending"
        found.append(
            FencingEvent(
                target=str(data["target"]), action=str(data.get("action", "")), state=str(data["state"]),
                origin=str(data.get("origin", event.node)), client=str(data.get("client", "")),
                delegate=str(data.get("delegate", "")), reason=str(data.get("reason", "")),
                completed_s=int(event.when_s) if ended else None,
            )
        )
    ended_since = {(one.target, one.action) for one in found if one.state != "pending"}
    return tuple(
        one for one in reversed(found)
        if one.state != "pending" or (one.target, one.action) not in ended_since
    )
