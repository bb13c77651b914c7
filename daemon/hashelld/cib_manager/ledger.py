"""Ledger: entries held and not yet committed, which of them are durable, which writes were applied. No I/O, no CIB."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b

from hashelld.cib_manager.messages import Entry, Missed, Position, Result, Write

#: Results kept for askers whose view ended first.
RESULTS_MAX = 2_000
#: Lives of nodes whose last counter is kept; and of each, numbers passed over: as many as its asker may wait for.
ORIGINS_MAX = 500
MISSED_MAX = 2_000


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
    def places(self) -> str:
        """Which entries are held, in a few characters; empty for none."""
        if not self.held:
            return ""
        numbers = (number for entry in self.held for number in (entry.position.view, entry.position.index))
        return blake2b(struct.pack(f"<{2 * len(self.held)}q", *numbers), digest_size=8).hexdigest()

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


class Applied:
    """Which writes were applied, so that none is applied twice, and what became of the last ones.

    Writes of one life of a node are ordered as it counted them, so its highest number tells nearly all. Numbers are
    passed over when a branch lost them: their asker asks for the same again, under new numbers, and must learn that the
    old ones were never applied although later ones were.
    """

    def __init__(self) -> None:
        self._results: OrderedDict[tuple[str, int, int], Result] = OrderedDict()
        self._counters: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._missed: dict[tuple[str, int], list[int]] = {}

    def is_done(self, write: Write) -> bool:
        life = write.origin, write.boot
        return write.counter <= self._counters.get(life, 0) and write.counter not in self._missed.get(life, ())

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
        life = origin, boot
        highest = self._counters.get(life, 0)
        if counter > highest + 1:
            missed = [*self._missed.get(life, ()), *range(max(highest + 1, counter - MISSED_MAX), counter)]
            self._missed[life] = missed[-MISSED_MAX:]
        elif counter <= highest and counter in self._missed.get(life, ()):
            self._missed[life].remove(counter)
        self._reach(life, counter)

    def _reach(self, life: tuple[str, int], counter: int) -> None:
        self._counters[life] = max(counter, self._counters.get(life, 0))
        self._counters.move_to_end(life)
        while len(self._counters) > ORIGINS_MAX:
            gone, _ = self._counters.popitem(last=False)
            self._missed.pop(gone, None)

    @property
    def results(self) -> tuple[Result, ...]:
        """The last results; a copy carries as many as an asker may still wait for."""
        return tuple(self._results.values())[-500:]

    @property
    def counters(self) -> tuple[tuple[str, int, int], ...]:
        return tuple((origin, boot, number) for (origin, boot), number in self._counters.items())

    @property
    def missed(self) -> tuple[Missed, ...]:
        """Numbers below the highest that were never applied, of each life that has any."""
        return tuple((origin, boot, tuple(numbers)) for (origin, boot), numbers in self._missed.items() if numbers)

    def replace(
        self, results: Iterable[Result], counters: Iterable[tuple[str, int, int]], missed: Iterable[Missed] = (),
    ) -> None:
        self._results.clear()
        self._counters.clear()
        self._missed.clear()
        for origin, boot, number in counters:
            self._reach((origin, boot), number)
        for origin, boot, numbers in missed:
            if (origin, boot) in self._counters:
                self._missed[origin, boot] = list(numbers)[-MISSED_MAX:]
        for result in results:
            self._results[result.origin, result.boot, result.counter] = result
