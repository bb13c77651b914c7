"""A component: a state machine without I/O. Events in, effects out; time comes with the event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from hashelld.core.effects import Effect
from hashelld.core.events import Event


class Component(Protocol):
    """The same object runs in the daemon, in a unit test and in a simulated cluster."""

    name: str

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        """Take one event; answer with what is to be done, in order.

        `now_ms` is a monotonic clock in milliseconds, `wall_s` seconds since 1970 for what is written into the CIB.
        Both are arguments so that a simulation decides what time it is. Never blocks, never raises for bad input from
        outside.
        """
        ...
