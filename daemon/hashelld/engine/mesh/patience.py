"""Patience: how long others are waited for, by how many they are and how slow this node and they have been. Pure.

A limit that is right for three nodes on a quiet machine ends the rounds of thirty on a busy one before they can
succeed; the next round then makes all of them busier still. So limits grow with the number of nodes, with our own
lateness, with the time that rounds took, and twice with each that failed. They are a safety net alone: what is known to
be gone, by its heartbeats or its connection, is never waited for.
"""

from __future__ import annotations

#: Nodes up to which the settings' times hold as they are; beyond, they grow with the number of nodes.
FEW = 8
#: By what the lateness of this node and the time of the last rounds are multiplied.
LATE_TIMES, TOOK_TIMES = 3, 3
#: Milliseconds for which a lateness counts, at least; rounds that failed in a row and count; the longest wait.
LATE_KEPT_MS, FAILURES_MAX, WAIT_MAX_MS = 10_000, 5, 15_000
#: More than that is no lack of processor but a pause, which tells nothing of the others.
LATE_MAX_MS = 5_000


def stretched(value: int, nodes: int) -> int:
    """A time of the settings, for so many nodes."""
    return value * max(FEW, nodes) // FEW


class Patience:
    """One node's. `least_ms`: the wait among few on a machine that has time."""

    def __init__(self, least_ms: int) -> None:
        self._least_ms = least_ms
        self._since_ms = 0
        self._late_ms = self._late_before_ms = 0
        self._took_ms = 0
        self._failures = 0

    def late(self, late_ms: int, now_ms: int) -> None:
        """This node ran so much later than it should have."""
        if now_ms - self._since_ms > LATE_KEPT_MS:
            self._since_ms, self._late_before_ms, self._late_ms = now_ms, self._late_ms, 0
        self._late_ms = max(self._late_ms, min(late_ms, LATE_MAX_MS))

    @property
    def late_ms(self) -> int:
        """The largest lateness of this node in the last while: what others did meanwhile it may not have heard yet."""
        return max(self._late_ms, self._late_before_ms)

    def took(self, took_ms: int) -> None:
        """A round succeeded."""
        self._took_ms = max(took_ms, self._took_ms // 2)
        self._failures = 0

    def failed(self) -> None:
        """A round was not answered in time."""
        self._failures = min(self._failures + 1, FAILURES_MAX)

    def wait_ms(self, nodes: int) -> int:
        """For an answer of all of so many nodes."""
        least = stretched(self._least_ms, nodes)
        wait = max(least, LATE_TIMES * self.late_ms, TOOK_TIMES * self._took_ms)
        return min(max(WAIT_MAX_MS, least), wait << self._failures)
