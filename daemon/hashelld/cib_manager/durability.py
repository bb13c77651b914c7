"""Durability: which entries are on their way to this node's journal, and which count as held once they are there.

A token names what was asked of the disk: kind, base, index or range of indexes. The *base* counts whole copies of the
CIB that this node has taken: what the disk says of an earlier one is of another history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from hashelld.cib_manager import records
from hashelld.cib_manager.ledger import Ledger
from hashelld.cib_manager.messages import Entry
from hashelld.core.effects import Effect, JournalAppend, StartTimer, Store
from hashelld.core.events import Event

#: Milliseconds after which a failed journal record is written again.
RETRY_MS = 1_000


@dataclass(frozen=True, slots=True)
class JournalAgain(Event):
    """The disk refused a record; try again."""


class Durability:
    """Tells the ledger what is durable."""

    def __init__(self, base: int, ledger: Ledger) -> None:
        self.base = base
        self._ledger = ledger
        self._unwritten: dict[str, tuple[bytes, ...]] = {}
        #: Places of entries that the journal must call a branch's before they count as held.
        self._restated: set[int] = set()
        self._copy_token = ""

    def journal(self, entries: list[Entry], out: list[Effect]) -> None:
        """Put entries that are held on disk, together."""
        if entries:
            first, last = entries[0].position.index, entries[-1].position.index
            self._write(f"entry:{self.base}:{first}-{last}", entries, out)

    def restate(self, out: list[Effect]) -> None:
        """What a majority's view ordered and a view without a majority will commit is part of a branch: the majority
        may never have held it. The journal says so before anybody is told that it is done."""
        for held in list(self._ledger.held):
            if held.unique and held.write is not None and not held.write.status_only:
                entry = msgspec.structs.replace(held, unique=False)
                index = entry.position.index
                self._ledger.restate(entry)
                self._ledger.wait_for(index)
                self._restated.add(index)
                self._write(f"branch:{self.base}:{index}", (entry,), out)

    def begin_copy(self, index: int) -> str:
        """Another node's copy was taken, which ends at `index`: nothing from there on counts as held before it is
        stored. What it is to be stored as."""
        self.base += 1
        self._restated.clear()
        self._unwritten.clear()
        self._ledger.wait_for(index)
        return f"copy:{self.base}:{index}"

    def stored_as(self, index: int) -> str:
        """What the CIB as of an entry is to be stored as, for which nobody waits."""
        return f"cib:{self.base}:{index}"

    def told(self, token: str, error: str, out: list[Effect]) -> bool:
        """The disk says what became of something; whether more counts as held now."""
        kind, base, index = token.split(":")
        if int(base) != self.base:
            return False
        if error:
            # Not written: this node does not acknowledge, and says so (storage does); it tries again.
            if kind == "copy":
                self._copy_token = token
            if kind != "cib":
                out.append(StartTimer("journal", RETRY_MS, JournalAgain()))
            return False
        self._unwritten.pop(token, None)
        if kind == "branch":
            self._restated.discard(int(index))
        if kind == "cib":
            return False
        first, _, last = index.partition("-")
        for durable in range(int(first), int(last or first) + 1):
            if durable not in self._restated:
                self._ledger.durable(durable)
        return True

    def write_again(self, store: Callable[[str], Store], out: list[Effect]) -> None:
        """All that the disk did not take; `store` makes what stores the CIB as it is now."""
        if self._copy_token.startswith(f"copy:{self.base}:"):
            out.append(store(self._copy_token))
        self._copy_token = ""
        out.extend(JournalAppend(token, data) for token, data in self._unwritten.items())

    def _write(self, token: str, entries: Iterable[Entry], out: list[Effect]) -> None:
        data = self._unwritten[token] = tuple(records.encoded(self.base, entry) for entry in entries)
        out.append(JournalAppend(token, data))
