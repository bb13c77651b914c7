"""Probes: those that wait for their turn. A node may be asked for hundreds at once, and does some at the same time."""

from __future__ import annotations


class Probes:
    """Names of resources whose next operation is a probe, in the order in which they were asked for. `at_once`: a probe
    waits while so many programs run; 0: none waits."""

    def __init__(self) -> None:
        self.at_once = 0
        self._waiting: dict[str, None] = {}

    @property
    def any(self) -> bool:
        return bool(self._waiting)

    def must_wait(self, running: int) -> bool:
        return 0 < self.at_once <= running

    def add(self, name: str) -> None:
        self._waiting[name] = None

    def take(self) -> str:
        """The first one, whose turn it is now."""
        name = next(iter(self._waiting))
        del self._waiting[name]
        return name
