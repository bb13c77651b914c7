"""Conflicts: which few constraints together keep a resource from running, found by leaving constraints out.

The scheduler is the oracle, and is handed in: this is bookkeeping alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

#: Whether the resource can run where only these constraints hold.
Oracle = Callable[[frozenset[str]], bool]


class Conflict(Struct, frozen=True):
    """What came of a search.

    constraints  ids that together keep the resource from running; none of them alone can be spared if `minimal`
    minimal      whether the search came to its end within its bound
    asked        how often the scheduler was asked
    """

    constraints: tuple[str, ...]
    minimal: bool
    asked: int


def smallest_conflict(constraints: Sequence[str], can_run: Oracle, *, asked_max: int) -> Conflict | None:
    """A set of constraints that keeps the resource from running, of which none can be left out.

    Constraints are left out in halves, quarters and so on to single ones; what is not missed stays out. It is done
    from both ends, and the smaller set is taken: there can be several, and none need be the smallest of all.
    None if the resource can run with all of them, or cannot run without any.
    """
    count = _Count(can_run, asked_max)
    everything = tuple(constraints)
    if count.can_run(everything) or not count.can_run(()):
        return None
    best: tuple[str, ...] = everything
    minimal = False
    for order in (everything, tuple(reversed(everything))):
        found, ended = _reduce(order, count)
        if ended and (not minimal or len(found) < len(best)):
            best, minimal = found, True
        elif not minimal and len(found) < len(best):
            best = found
    wanted = set(best)
    return Conflict(tuple(one for one in everything if one in wanted), minimal, count.asked)


class _Count:
    """The oracle, asked at most so often; the same question is asked once."""

    def __init__(self, can_run: Oracle, asked_max: int) -> None:
        self._can_run = can_run
        self._known: dict[frozenset[str], bool] = {}
        self._max = asked_max
        self.asked = 0

    @property
    def exhausted(self) -> bool:
        return self.asked >= self._max

    def can_run(self, constraints: Sequence[str]) -> bool:
        key = frozenset(constraints)
        if key not in self._known:
            self.asked += 1
            self._known[key] = self._can_run(key)
        return self._known[key]


def _reduce(constraints: tuple[str, ...], count: _Count) -> tuple[tuple[str, ...], bool]:
    """Leave out what is not missed; whether nothing more could be left out."""
    kept = constraints
    size = max(len(kept) // 2, 1)
    while True:
        place, dropped = 0, False
        while place < len(kept):
            if count.exhausted:
                return kept, False
            without = kept[:place] + kept[place + size :]
            if not count.can_run(without):
                kept, dropped = without, True
            else:
                place += size
        if size == 1 and not dropped:
            return kept, True
        size = max(size // 2, 1)
