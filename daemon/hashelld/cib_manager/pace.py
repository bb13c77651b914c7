"""Pace: how long committed changes wait for more, so that a large CIB has few versions. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hashelld.cib_manager.messages import Entry
from hashelld.core.effects import Effect, StartTimer
from hashelld.core.events import Event

#: Every version costs each node something, the more the more stands beside what was changed: of a CIB of so many
#: elements changes of the status section are applied at most every so many milliseconds for so many elements, and then
#: all of them together.
PACED_FROM, ELEMENTS_A_MS, PACE_MAX_MS = 2_000, 160, 400
#: And at most once in so many times what the last one took with all that came of it: where nodes share a machine, or it
#: has other work, versions of a large CIB must not take all of its time.
PACE_SHARE, PACE_BUSY_MAX_MS = 6, 3_000
#: Versions, bytes of changes in them, and bytes for each element, for which one count of the elements holds: counting
#: those of a large CIB takes as long as changing it.
COUNTED_VERSIONS, COUNTED_BYTES, COUNTED_ELEMENT = 64, 16 * 1024, 16


@dataclass(frozen=True, slots=True)
class ApplyOver(Event):
    """All that came of the application that began then is done: its turn of the event loop is over."""

    began_ms: int


class Pace:
    """Of one node."""

    def __init__(self) -> None:
        self._elements = 0
        self._versions = self._bytes = 0
        self._applied_ms = 0
        self._took_ms = 0

    @property
    def large(self) -> bool:
        """Whether what holds a version longer than it must costs something."""
        return self._elements >= PACED_FROM

    def recount(self) -> None:
        """It is another CIB now."""
        self._versions = 0

    def applied(self, size: int, now_ms: int, count: Callable[[], int], out: list[Effect]) -> None:
        """A version more was made, by changes of so many bytes; `count` tells how many elements it has."""
        self._versions -= 1
        self._bytes -= size
        if self._versions < 0 or self._bytes < 0:
            self._elements = count()
            self._versions = COUNTED_VERSIONS
            self._bytes = max(COUNTED_BYTES, COUNTED_ELEMENT * self._elements)
        self._applied_ms = now_ms
        if self.large:
            out.append(StartTimer("applied", 0, ApplyOver(now_ms)))

    def over(self, event: ApplyOver, now_ms: int) -> None:
        self._took_ms = now_ms - event.began_ms

    def wait_ms(self, now_ms: int, held: Iterable[Entry], committed: int) -> int:
        """How long those of `held` entries that are committed wait; 0 where one of them is more than status."""
        if not self.large:
            return 0
        pace_ms = max(
            min(PACE_MAX_MS, self._elements // ELEMENTS_A_MS), min(PACE_BUSY_MAX_MS, PACE_SHARE * self._took_ms)
        )
        left_ms = self._applied_ms + pace_ms - now_ms
        if left_ms <= 0:
            return 0
        for entry in held:
            if entry.position.index > committed:
                break
            if entry.write is None or not entry.write.status_only:
                return 0
        return left_ms
