"""Scores: how points change, and why.

Every stage that changes a resource's score on a node says so here; `explain` and the monitor's
score table read it. Recording costs one entry a change, also where a change concerns all nodes.
"""

from __future__ import annotations

from msgspec import Struct

from hashell.values.scores import INFINITY

__all__ = ["ScoreBook", "ScoreChange", "add"]


def add(left: int, right: int) -> int:
    """The saturating sum, as values.scores has it; here since it is the scheduler's inner loop."""
    if left <= -INFINITY or right <= -INFINITY:
        return -INFINITY
    total = left + right
    if total >= INFINITY or left >= INFINITY or right >= INFINITY:
        return INFINITY
    return total if total > -INFINITY else -INFINITY


class ScoreChange(Struct, frozen=True, gc=False):
    """One stage's change of one resource's score. `node` is a node's name, empty for all nodes.

    `score` was added; INFINITY and -INFINITY have their own arithmetic.
    """

    resource: str
    node: str
    score: int
    reason: str


class ScoreBook:
    """The changes of one run, in order."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: list[tuple[str, str, int, str]] = []

    def record(self, resource: str, node: str, score: int, reason: str) -> None:
        self._changes.append((resource, node, score, reason))

    def frozen(self) -> tuple[ScoreChange, ...]:
        return tuple(ScoreChange(*change) for change in self._changes)
