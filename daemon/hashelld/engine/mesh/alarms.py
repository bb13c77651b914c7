"""Alarms: what the engine's own timers ring. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from hashelld.core.events import Event
from hashelld.engine.mesh.codec import ViewId


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """A heartbeat is due."""


@dataclass(frozen=True, slots=True)
class ProposeNow(Event):
    """The settling time is over."""


@dataclass(frozen=True, slots=True)
class RoundOverdue(Event):
    ballot: ViewId


@dataclass(frozen=True, slots=True)
class InstallOverdue(Event):
    ballot: ViewId


@dataclass(frozen=True, slots=True)
class DoubtOver(Event):
    """Time enough for the members to say where they are."""

    view: ViewId


@dataclass(frozen=True, slots=True)
class WindowOver(Event):
    """The window of last_man_standing: nobody came or went since this view began."""

    view: ViewId


@dataclass(frozen=True, slots=True)
class BeatDue(Event):
    """Tell all peers whom we reach."""


@dataclass(frozen=True, slots=True)
class GotDue(Event):
    """Tell the leader of the last messages."""


@dataclass(frozen=True, slots=True)
class GoneNow(Event):
    reason: str


@dataclass(frozen=True, slots=True)
class HeartbeatGone(Event):
    """Time enough for another heartbeat process to be there."""


@dataclass(frozen=True, slots=True)
class ResumeOver(Event):
    """A torn connection should have been resumed by now."""

    name: str
    session: int
    torn_ms: int
