"""Disk: what a node has written, and what a crash takes back: all that was not yet said to be durable may be there,
be gone, or be torn.

The journal is kept as the bytes of its file, and read at a start by the code that reads real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hashell.cib.document import EMPTY
from hashelld.cib_manager.records import keeps_record
from hashelld.core.effects import Archive, Effect, JournalAppend, Store, Stored, StoreValue
from hashelld.simulation.world import World
from hashelld.storage.journal import framed, split

#: Milliseconds of a sync, and how often it takes long.
SYNC_MS = (0.3, 4.0)
STALL_MS = 300.0
STALLS = 0.01
LANES = ("entries", "values")


@dataclass(slots=True)
class Disk:
    """The state folder of one node over all its lives."""

    world: World
    journal: bytearray = field(default_factory=bytearray)
    values: dict[str, bytes] = field(default_factory=dict)
    cib: bytes = EMPTY
    lineage: Mapping[str, Any] = field(default_factory=dict)
    archives: list[Archive] = field(default_factory=list)
    boot: int = 0
    identity: int = 0
    full: bool = False
    _before: Mapping[str, Any] = field(default_factory=dict)
    _waiting: list[Effect] = field(default_factory=list)
    #: For the archive, and refused by a full disk: tried again before any CIB is stored.
    _owed: list[Archive] = field(default_factory=list)
    #: When each lane of the disk is done: `entries` are in order, other values go beside them.
    _ready_ms: dict[str, float] = field(default_factory=dict)
    _life: int = 0

    @property
    def records(self) -> tuple[bytes, ...]:
        """The journal's good records; a torn end is cut, as at a real start."""
        records, good, torn = split(bytes(self.journal))
        assert torn or good == len(self.journal), "a power cut damages the end alone"
        del self.journal[good:]
        return tuple(records)

    def stall(self, duration_ms: float) -> None:
        """No sync ends for so long."""
        for lane in LANES:
            self._ready_ms[lane] = max(self._ready_ms.get(lane, 0.0), self.world.now_ms) + duration_ms

    def wipe(self) -> None:
        """Somebody removes the state folder of a node that is down; its name stays, its identity is another."""
        self.boot += 1_000
        self.identity += 1
        self.journal.clear()
        self.values.clear()
        self.cib, self.lineage, self._before = EMPTY, {}, {}

    def perform(self, effect: Effect, answer: Callable[[Stored], None]) -> None:
        """Write it; `answer` comes when it is durable, in the order of asking within its lane."""
        self._waiting.append(effect)
        chance = self.world.chance
        took = chance.uniform(*SYNC_MS)
        if chance.random() < STALLS:
            took += chance.uniform(10.0, STALL_MS)
        # What waits together is synced together.
        lane = "values" if isinstance(effect, StoreValue) and not effect.before_entries else "entries"
        self._ready_ms[lane] = max(self._ready_ms.get(lane, 0.0), self.world.now_ms + took)
        life = self._life

        def done() -> None:
            if life != self._life:
                return
            self._waiting.remove(effect)
            error = "no space left on the disk" if self.full else ""
            if isinstance(effect, Archive):
                self._owed.append(effect)
            if not error:
                self._write_owed()
                if not isinstance(effect, Archive):
                    self._write(effect)
            if isinstance(effect, Store | StoreValue | JournalAppend):
                answer(Stored(effect.token, error))

        self.world.after(self._ready_ms[lane] - self.world.now_ms, done)

    def crash(self) -> None:
        """Of the journal's last bytes a part reached the disk; each file that waits is the old one or the new one. What
        goes into the archive is written before the CIB that takes its place."""
        chance = self.world.chance
        tail = bytearray()
        for effect in self._waiting:
            if isinstance(effect, JournalAppend):
                tail += b"".join(framed(record) for record in effect.records)
            elif isinstance(effect, Archive):
                self._owed.append(effect)
            elif chance.random() < 0.5:
                if isinstance(effect, Store):
                    self._write_owed()
                self._write(effect)
        self.journal += tail[: chance.randint(0, len(tail))]
        self._waiting.clear()
        self._owed.clear()
        self._life += 1
        self._ready_ms.clear()

    def _write_owed(self) -> None:
        for effect in self._owed:
            self._write(effect)
        self._owed.clear()

    def _write(self, effect: Effect) -> None:
        match effect:
            case JournalAppend(_, records):
                self.journal += b"".join(framed(record) for record in records)
            case StoreValue(name=name, data=data):
                self.values[name] = data
            case Store():
                self._before = self.lineage
                self.cib, self.lineage = effect.cib, dict(effect.lineage)
                if self.world.chance.random() < 0.2:
                    # As storage does it: what the CIB before the last lacks stays.
                    kept = [r for r in self.records if keeps_record(r, self._before)]
                    self.journal = bytearray(b"".join(framed(record) for record in kept))
            case Archive():
                self.archives.append(effect)
            case _:
                raise AssertionError(f"a disk does not do {type(effect).__name__}")
