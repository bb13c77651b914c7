"""Scores: how points change, and why.

Every stage that changes a resource's score on a node says so here; `explain` and the monitor's
score table read it. Recording costs one entry a change, also where a change concerns all nodes, and
one for all wishes that were added to a table together: those are told apart when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, overload

from msgspec import Struct

from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.colocation.tables import Stage

__all__ = ["ScoreBook", "ScoreChange", "ScoreChanges", "WishesAdded", "add"]


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


class WishesAdded:
    """Wishes that are added to tables in turn: for each a reason and what `tables.run_stages` needs.

    Holds nothing of the run that made it.
    """

    __slots__ = ("_bits", "_names", "_runnable", "_wishes")

    def __init__(
        self, wishes: Sequence[tuple[str, Sequence[Stage]]], bits: Mapping[str, int],
        runnable: int, names: Mapping[str, str],
    ) -> None:
        self._wishes = wishes
        self._bits = bits
        self._runnable = runnable
        self._names = names

    def changes(self, resource: str, before: Mapping[str, int]) -> Iterator[ScoreChange]:
        """What each of them changed in a table."""
        from hashell.scheduler.colocation.tables import run_stages

        for reason, stages in self._wishes:
            after, _ = run_stages(stages, before, self._bits, self._runnable)
            for node, change in changes_between(before, after):
                yield ScoreChange(resource, self._names[node], change, reason)
            before = after


def changes_between(before: Mapping[str, int], after: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """The nodes, by id, on which two tables of the same nodes differ, and by how much."""
    for (name, new), old in zip(after.items(), before.values(), strict=True):
        if new != old:
            yield name, max(-INFINITY, min(INFINITY, new - old))


_Entry = tuple[str, str, int, str] | tuple[str, Mapping[str, int], WishesAdded]


class ScoreChanges(Sequence[ScoreChange]):
    """The changes of one run, in order, told apart when they are first looked at."""

    __slots__ = ("_entries", "_told")

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self._entries = entries
        self._told: tuple[ScoreChange, ...] | None = None

    def _all(self) -> tuple[ScoreChange, ...]:
        if self._told is None:
            told: list[ScoreChange] = []
            for entry in self._entries:
                if len(entry) == 4:
                    told.append(ScoreChange(*entry))
                else:
                    resource, before, wishes = entry
                    told.extend(wishes.changes(resource, before))
            self._told = tuple(told)
            self._entries = ()
        return self._told

    @overload
    def __getitem__(self, place: int) -> ScoreChange: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[ScoreChange, ...]: ...

    def __getitem__(self, place: int | slice) -> ScoreChange | tuple[ScoreChange, ...]:
        return self._all()[place]

    def __iter__(self) -> Iterator[ScoreChange]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScoreChanges) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())


class ScoreBook:
    """The changes of one run, in order."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: list[_Entry] = []

    def record(self, resource: str, node: str, score: int, reason: str) -> None:
        self._changes.append((resource, node, score, reason))

    def record_wishes(self, resource: str, before: Mapping[str, int], wishes: WishesAdded) -> None:
        """Wishes that were added together to a table, which is not to change any more."""
        self._changes.append((resource, before, wishes))

    def is_watched(self, resource: str) -> bool:
        """Whether somebody has to hear of each change of a resource at the moment when it is made."""
        return False

    def frozen(self) -> ScoreChanges:
        return ScoreChanges(tuple(self._changes))
