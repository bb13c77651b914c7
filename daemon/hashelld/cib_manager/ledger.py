"""Ledger: entries held and not yet committed, what is durable of them, and who holds what. No I/O, no CIB."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from hashelld.cib_manager.messages import Entry, Position, Result, Write

#: Results kept for askers whose view ended first.
RESULTS_MAX = 2_000
#: Lives of nodes whose last counter is kept.
ORIGINS_MAX = 500


class Ledger:
    """The entries after the committed CIB, in order, with their durability."""

    def __init__(self, applied: Position, unique: Position) -> None:
        self.applied = applied
        self.unique = unique
        self.held: list[Entry] = []
        self._not_durable: set[int] = set()

    @property
    def head(self) -> Position:
        """The last entry held or applied."""
        return self.held[-1].position if self.held else self.applied

    def append(self, entry: Entry, *, durable: bool) -> None:
        assert entry.position.index > self.head.index, "an index is given once"
        assert entry.position > self.head, "history does not go back"
        self.held.append(entry)
        if entry.unique:
            self.unique = entry.position
        if not durable:
            self._not_durable.add(entry.position.index)

    def wait_for(self, index: int) -> None:
        """Nothing at or after `index` counts as held until `durable(index)`."""
        self._not_durable.add(index)

    def durable(self, index: int) -> None:
        self._not_durable.discard(index)

    @property
    def acknowledged(self) -> int:
        """All entries up to this index are held, as durably as they must be."""
        return min(self._not_durable) - 1 if self._not_durable else self.head.index

    def upto(self, index: int, most: int) -> list[Entry]:
        """The first held entries, those at or before `index`, at most so many. They stay."""
        return [entry for entry in self.held[:most] if entry.position.index <= index]

    def take_first(self, index: int) -> Entry | None:
        """The first held entry, if it is at or before `index`: it is committed, and applied from now on.

        By index, not by count: after a restart the status entries between the journaled ones are missing.
        """
        if not self.held or self.held[0].position.index > index:
            return None
        entry = self.held.pop(0)
        self.applied = entry.position
        return entry

    def restate(self, entry: Entry) -> bool:
        """A held entry is said again with another claim to a majority; False when it is not held (any more)."""
        for place, held in enumerate(self.held):
            if held.position == entry.position:
                self.held[place] = entry
                return True
        return False

    def replace(self, applied: Position, unique: Position, held: Iterable[Entry]) -> None:
        """Take another node's ledger."""
        self.applied, self.unique = applied, unique
        self.held = list(held)
        self._not_durable.clear()


def committed(acks: Mapping[str, int], votes: Mapping[str, int], *, needed: int) -> int:
    """The highest index that members with at least `needed` votes hold; 0 when fewer have answered.

    Votes, not heads: a later majority is one of votes, so only then does it have somebody who holds the entry.
    """
    assert 0 < needed <= sum(votes.values()), "a majority of the view's own members"
    found = 0
    for name, index in sorted(acks.items(), key=lambda ack: ack[1], reverse=True):
        found += votes.get(name, 0)
        if found >= needed:
            return index
    return 0


class Applied:
    """Which writes were applied, so that none is applied twice, and what became of the last ones."""

    def __init__(self) -> None:
        self._results: OrderedDict[tuple[str, int, int], Result] = OrderedDict()
        self._counters: OrderedDict[tuple[str, int], int] = OrderedDict()

    def is_done(self, write: Write) -> bool:
        """Writes of one life of a node are ordered as it counted them, so the highest counter tells all."""
        return write.counter <= self._counters.get((write.origin, write.boot), 0)

    def result(self, origin: str, boot: int, counter: int) -> Result | None:
        return self._results.get((origin, boot, counter))

    def counter(self, origin: str, boot: int) -> int:
        return self._counters.get((origin, boot), 0)

    def add(self, result: Result) -> None:
        self._results[result.origin, result.boot, result.counter] = result
        while len(self._results) > RESULTS_MAX:
            self._results.popitem(last=False)
        self._count(result.origin, result.boot, result.counter)

    def _count(self, origin: str, boot: int, counter: int) -> None:
        self._counters[origin, boot] = max(counter, self._counters.get((origin, boot), 0))
        self._counters.move_to_end((origin, boot))
        while len(self._counters) > ORIGINS_MAX:
            self._counters.popitem(last=False)

    @property
    def results(self) -> tuple[Result, ...]:
        """The last results; a copy carries as many as an asker may still wait for."""
        return tuple(self._results.values())[-500:]

    @property
    def counters(self) -> tuple[tuple[str, int, int], ...]:
        return tuple((origin, boot, number) for (origin, boot), number in self._counters.items())

    def replace(
        self, results: Iterable[Result], counters: Iterable[tuple[str, int, int]]
    ) -> None:
        self._results.clear()
        self._counters.clear()
        for origin, boot, number in counters:
            self._count(origin, boot, number)
        for result in results:
            self._results[result.origin, result.boot, result.counter] = result
