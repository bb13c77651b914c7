"""Conflicts: the fewest constraints that together keep a resource from running, found by leaving constraints out.

The scheduler is the oracle, and is handed in: this is bookkeeping alone. A set of constraints is a *conflict* if the
resource cannot run where only these hold; its complement is a *correction* if the resource can run without it. The
fewest constraints that hit every correction can be no more than those of the smallest conflict, and where they are a
conflict themselves they are it. So the search goes back and forth: the fewest that hit all corrections known so far
are asked about; if the resource can run with them, what can be added to them without harm is added, and what is left
is one more correction. This holds where more constraints forbid more; where some allow more (a second demand that
outweighs the first), what is found is still a conflict of which none can be spared.

Source: implicit hitting sets; Reiter, "A theory of diagnosis from first principles" (1987).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

#: Whether the resource can run where only these constraints hold.
Oracle = Callable[[frozenset[str]], bool]
#: Steps in the search for the fewest that hit all corrections; beyond, what is known stays a bound.
_HITTING_STEPS_MAX = 2_000


class Conflict(Struct, frozen=True):
    """What came of a search.

    constraints  ids that together keep the resource from running, in the order in which they were given
    minimal      none of them alone can be spared
    smallest     there is no conflict of fewer constraints
    at_least     as many as the smallest conflict must have, as far as the search came
    asked        how often the scheduler was asked
    """

    constraints: tuple[str, ...]
    minimal: bool
    asked: int
    smallest: bool = False
    at_least: int = 1


class _Exhausted(Exception):
    """The oracle has been asked as often as it may."""


def smallest_conflict(constraints: Sequence[str], can_run: Oracle, *, asked_max: int) -> Conflict | None:
    """The fewest constraints that keep the resource from running.

    First one is found of which none can be left out, then it is looked whether there is a smaller one. Both end at
    `asked_max` questions, and then the answer says how far it came. None if the resource can run with all constraints,
    or cannot run without any.
    """
    search = _Search(tuple(constraints), can_run, asked_max)
    if search.can_run(frozenset(constraints)) or not search.can_run(frozenset()):
        return None
    return search.run()


class _Search:
    def __init__(self, everything: tuple[str, ...], can_run: Oracle, asked_max: int) -> None:
        self._everything = everything
        self._oracle = can_run
        self._known: dict[frozenset[str], bool] = {}
        self._max = max(asked_max, 2)
        self._corrections: list[frozenset[str]] = []
        self._best = frozenset(everything)
        self._at_least = 1
        self.asked = 0

    def can_run(self, kept: frozenset[str]) -> bool:
        if kept not in self._known:
            if self.asked >= self._max:
                raise _Exhausted
            self.asked += 1
            self._known[kept] = self._oracle(kept)
        return self._known[kept]

    def run(self) -> Conflict:
        minimal = smallest = False
        try:
            self._reduce()
            minimal = True
            smallest = self._shrink()
        except _Exhausted:
            pass
        return Conflict(
            tuple(one for one in self._everything if one in self._best), minimal, self.asked, smallest, self._at_least
        )

    # One conflict of which none can be spared -----------------------------------------------------

    def _reduce(self) -> None:
        """Leave out halves, quarters and so on to single ones; what is not missed stays out."""
        kept = list(self._everything)
        size = max(len(kept) // 2, 1)
        while True:
            place, dropped = 0, False
            while place < len(kept):
                without = kept[:place] + kept[place + size :]
                if not self.can_run(frozenset(without)):
                    kept, dropped = without, True
                    self._best = frozenset(kept)
                else:
                    place += size
            if size == 1 and not dropped:
                return
            size = max(size // 2, 1)

    # Is there a smaller one? ------------------------------------------------------------------------

    def _shrink(self) -> bool:
        """Whether the best is proven to be the smallest."""
        while True:
            hitting = fewest_hitting(self._corrections)
            if hitting is None:
                return False
            self._at_least = max(self._at_least, len(hitting))
            if len(hitting) >= len(self._best):
                return True
            if not self.can_run(hitting):
                self._best = hitting
                return True
            self._corrections.append(frozenset(self._everything) - self._grown(hitting))

    def _grown(self, kept: frozenset[str]) -> frozenset[str]:
        """All that can be added without harm."""
        rest = [one for one in self._everything if one not in kept]
        size = len(rest)
        while rest:
            left: list[str] = []
            for place in range(0, len(rest), size):
                part = rest[place : place + size]
                if self.can_run(kept | frozenset(part)):
                    kept |= frozenset(part)
                else:
                    left += part
            if size == 1:
                break
            rest, size = left, max(size // 2, 1)
        return kept


def fewest_hitting(sets: Sequence[frozenset[str]]) -> frozenset[str] | None:
    """The fewest elements of which every set has one; None where that would take too long to find."""
    steps = 0

    def search(chosen: frozenset[str], budget: int) -> frozenset[str] | None:
        nonlocal steps
        steps += 1
        if steps > _HITTING_STEPS_MAX:
            raise _Exhausted
        left = [one for one in sets if not one & chosen]
        if not left:
            return chosen
        if budget < _disjoint(left):
            return None
        _, smallest = min((len(one), sorted(one)) for one in left)
        for element in smallest:
            found = search(chosen | {element}, budget - 1)
            if found is not None:
                return found
        return None

    try:
        for size in range(len(sets) + 1):
            found = search(frozenset(), size)
            if found is not None:
                return found
    except _Exhausted:
        pass
    return None


def _disjoint(sets: Iterable[frozenset[str]]) -> int:
    """Some sets that share nothing: each needs an element of its own."""
    taken: frozenset[str] = frozenset()
    count = 0
    for one in sorted(sets, key=len):
        if not one & taken:
            taken |= one
            count += 1
    return count
