"""Alarms: what the engine's own timers ring. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from hashelld.core.events import Event


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """A sign of life is due."""


@dataclass(frozen=True, slots=True)
class StateOverdue(Event):
    """votequorum has not spoken in time."""

    round: str


@dataclass(frozen=True, slots=True)
class RoundOverdue(Event):
    """Nobody proposed (empty), or not all members stated."""

    round: str


@dataclass(frozen=True, slots=True)
class AloneNow(Event):
    """corosync has not come in the time in which others would."""


@dataclass(frozen=True, slots=True)
class GoneNow(Event):
    """The leave is on its way."""

    reason: str
