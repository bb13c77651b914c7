"""World: the simulated clock, and what happens next, in an order that a seed decides."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

#: Events of one life; more is a loop in what is simulated.
EVENTS_MAX = 400_000

#: What is due, and what it is called with; empty when it was cancelled.
Due = list[Any]


class Runaway(AssertionError):
    """What is simulated goes round in circles."""


class World:
    """Runs what is due, one after the other. `chance` is the only source of chance in a simulated life."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311 - chance that can be repeated is the point
        self.now_ms = 1_000.0
        self._queue: list[tuple[float, int, Due]] = []
        self._number = 0
        self.events = 0

    def after(self, delay_ms: float, act: Callable[..., object], *arguments: object) -> Due:
        """Do it so much later; give the result to `cancel`."""
        number = self._number = self._number + 1
        due: Due = [act, arguments]
        heapq.heappush(self._queue, (self.now_ms + (delay_ms if delay_ms > 0.0 else 0.0), number, due))
        return due

    def cancel(self, due: Due) -> None:
        due.clear()

    def run_for(self, duration_ms: float, until: Callable[[], bool] | None = None) -> bool:
        """All that is due in this time, or until `until` holds; whether it did."""
        end = self.now_ms + duration_ms
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= end:
            at_ms, _, due = pop(queue)
            if not due:
                continue
            act, arguments = due
            # So that cancelling what is done already is no mistake.
            due.clear()
            self.now_ms = at_ms
            self.events += 1
            if self.events > EVENTS_MAX:
                raise Runaway(f"seed {self.seed}: more than {EVENTS_MAX} events")
            act(*arguments)
            if until is not None and until():
                return True
        self.now_ms = end
        return False
