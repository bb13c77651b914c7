"""World: the simulated clock, and what happens next, in an order that a seed decides."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

#: Events of one life; more is a loop in what is simulated.
EVENTS_MAX = 2_000_000


@dataclass(order=True, slots=True)
class _Due:
    at_ms: float
    number: int
    act: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


class World:
    """Runs what is due, one after the other. `chance` is the only source of chance in a simulated life."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311 - chance that can be repeated is the point
        self.now_ms = 1_000.0
        self._queue: list[_Due] = []
        self._number = 0
        self.events = 0

    def after(self, delay_ms: float, act: Callable[[], None]) -> _Due:
        """Do it so much later; give the result to `cancel`."""
        self._number += 1
        due = _Due(self.now_ms + max(0.0, delay_ms), self._number, act)
        heapq.heappush(self._queue, due)
        return due

    def cancel(self, due: _Due) -> None:
        due.cancelled = True

    def run_for(self, duration_ms: float) -> None:
        """All that is due in this time."""
        end = self.now_ms + duration_ms
        while self._queue and self._queue[0].at_ms <= end:
            due = heapq.heappop(self._queue)
            self.now_ms = max(self.now_ms, due.at_ms)
            if due.cancelled:
                continue
            self.events += 1
            assert self.events < EVENTS_MAX, f"seed {self.seed}: too many events"
            due.act()
        self.now_ms = end
