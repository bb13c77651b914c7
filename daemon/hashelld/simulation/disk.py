"""Disk: what a node has written, and what a crash takes back: all that was not yet said to be durable may be there
or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hashell.cib.document import EMPTY
from hashelld.core.effects import Archive, Effect, JournalAppend, Store, Stored, StoreValue
from hashelld.simulation.world import World

#: Milliseconds of a sync, and how often it takes long.
SYNC_MS = (0.3, 4.0)
STALL_MS = 300.0
STALLS = 0.01


@dataclass(slots=True)
class Disk:
    """The state folder of one node over all its lives."""

    world: World
    journal: list[bytes] = field(default_factory=list)
    values: dict[str, bytes] = field(default_factory=dict)
    cib: bytes = EMPTY
    lineage: Mapping[str, Any] = field(default_factory=dict)
    archives: list[Archive] = field(default_factory=list)
    boot: int = 0
    _waiting: list[Effect] = field(default_factory=list)
    _ready_ms: float = 0.0
    _life: int = 0

    def perform(self, effect: Effect, answer: Callable[[Stored], None]) -> None:
        """Write it; `answer` comes when it is durable, in the order of asking."""
        self._waiting.append(effect)
        chance = self.world.chance
        took = chance.uniform(*SYNC_MS)
        if chance.random() < STALLS:
            took += chance.uniform(10.0, STALL_MS)
        self._ready_ms = max(self._ready_ms, self.world.now_ms) + took
        life = self._life

        def done() -> None:
            if life != self._life:
                return
            self._waiting.remove(effect)
            self._write(effect)
            if isinstance(effect, Store | StoreValue | JournalAppend):
                answer(Stored(effect.token))

        self.world.after(self._ready_ms - self.world.now_ms, done)

    def crash(self) -> None:
        """Of what waits a part, from the front, reached the disk."""
        count = self.world.chance.randint(0, len(self._waiting))
        for effect in self._waiting[:count]:
            self._write(effect)
        self._waiting.clear()
        self._life += 1
        self._ready_ms = 0.0

    def _write(self, effect: Effect) -> None:
        match effect:
            case JournalAppend(_, record):
                self.journal.append(record)
            case StoreValue(_, name, data):
                self.values[name] = data
            case Store():
                self.cib, self.lineage = effect.cib, dict(effect.lineage)
            case Archive():
                self.archives.append(effect)
            case _:
                raise AssertionError(f"a disk does not do {type(effect).__name__}")
