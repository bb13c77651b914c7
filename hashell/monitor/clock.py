"""A clock for what was heard: wall time that never jumps, and a word when the machine's clock did."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds by which the machine's clock may go wrong before we follow it.
JUMP_S = 2.0


def _running() -> float:
    """Seconds that also count while the machine sleeps, where the system has such a clock."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class SteadyClock:
    """Seconds since 1970 that only go forward, for as long as `jumped` is not asked; for one thread."""

    def __init__(self, wall: Callable[[], float] = time.time, running: Callable[[], float] = _running) -> None:
        self._wall = wall
        self._running = running
        self._zero = wall() - running()

    def now_s(self) -> float:
        """The time."""
        return self._zero + self._running()

    def jumped(self) -> float:
        """By how many seconds somebody set the machine's clock since the last time of asking, else 0.0. From then on
        `now_s` goes by the new time: what was stamped before has to be shifted by as much."""
        offset = self._wall() - self._running() - self._zero
        if abs(offset) < JUMP_S:
            return 0.0
        self._zero += offset
        return offset
