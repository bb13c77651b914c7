"""The timeline: what happened in a lab, line by line, for people and programs; any thread may add to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Lines kept; the oldest go.
MOMENTS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Moment:
    """One line. `at_s` is by the monotonic clock; `kind` is story, step, service, event or problem."""

    at_s: float
    kind: str
    text: str


class Timeline:
    """`show` hears every line as it is added; None keeps it quiet."""

    def __init__(self, show: Callable[[Moment], None] | None = None) -> None:
        self.began_s = time.monotonic()
        self.show = show
        self._moments: list[Moment] = []
        self._lock = threading.Lock()

    def add(self, kind: str, text: str) -> None:
        moment = Moment(time.monotonic(), kind, text)
        with self._lock:
            self._moments.append(moment)
            del self._moments[:-MOMENTS_MAX]
            if self.show is not None:
                self.show(moment)

    @property
    def moments(self) -> tuple[Moment, ...]:
        """All lines so far, oldest first."""
        with self._lock:
            return tuple(self._moments)
