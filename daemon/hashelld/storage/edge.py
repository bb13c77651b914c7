"""The edge to the disk: performs stores in one thread, in order, and says when each is durable.

What waits together is written together: journal records in one sync, of several CIBs only the newest as cib.xml (each
version goes into the history).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hashell.errors import HashellError
from hashelld.core.effects import (
    Archive,
    Effect,
    JournalAppend,
    Store,
    Stored,
    StoreValue,
)
from hashelld.core.events import Event, Happened
from hashelld.storage.files import StorageFailed, make_folder, write_whole
from hashelld.storage.generations import Generations
from hashelld.storage.inputs import Inputs
from hashelld.storage.journal import TRIM_ABOVE, Journal

#: Stores that may wait; the CIB manager bounds what it has in flight far below this.
WAITING_MAX = 20_000
#: Archived divergences kept; the oldest go.
ARCHIVES_MAX = 50

Feed = Callable[[str, Event], None]
Perform = Callable[[str, Effect], None]


class StorageEdge:
    """Owns the state folder while the daemon runs. `keeps(record, lineage)` says which journal records a CIB lacks."""

    def __init__(
        self, state_dir: Path, generations: Generations, journal: Journal,
        keeps: Callable[[bytes, Mapping[str, Any]], bool],
    ) -> None:
        self.performs: dict[type[Effect], Perform] = {
            kind: self._queue for kind in (Store, StoreValue, JournalAppend, Archive)
        }
        self._folder = state_dir
        self._generations = generations
        self._journal = journal
        self._keeps = keeps
        self._inputs = Inputs(state_dir / "pengine")
        self._waiting: list[tuple[str, Effect]] = []
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "storage")
        self._task: asyncio.Task[None] | None = None
        self._lineages: list[Mapping[str, Any]] = []
        self._ended = False
        self._failing = ""
        self._told = ""

    async def start(self, feed: Feed) -> None:
        self._feed = feed
        self._task = asyncio.create_task(self._run(), name="storage")

    async def stop(self) -> None:
        """All that was asked for is written first."""
        self._ended = True
        self._wake.set()
        if self._task:
            await self._task
        self._thread.shutdown(wait=True)
        self._journal.close()

    async def keep_input(self, cib: bytes) -> str:
        """A scheduler input's file name, empty when it could not be kept."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._inputs.keep, cib)
        except (HashellError, RuntimeError):
            return ""

    def _queue(self, component: str, effect: Effect) -> None:
        assert len(self._waiting) < WAITING_MAX, "the disk is asked for more than is waited for"
        self._waiting.append((component, effect))
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch, self._waiting = self._waiting, []
                answers = await loop.run_in_executor(self._thread, self._perform, batch)
                for component, event in answers:
                    self._feed(component, event)
            if self._ended:
                return

    # --- in the thread ------------------------------------------------------------------------

    def _perform(self, batch: list[tuple[str, Effect]]) -> list[tuple[str, Event]]:
        answers: list[tuple[str, Event]] = []
        records = [(c, e) for c, e in batch if isinstance(e, JournalAppend)]
        if records:
            error = self._try(lambda: self._journal.append([e.record for _, e in records]))
            answers += [(c, Stored(e.token, error)) for c, e in records]
        stores = [(c, e) for c, e in batch if isinstance(e, Store)]
        if stores:
            answers += self._store(stores)
        for component, effect in batch:
            if isinstance(effect, StoreValue):
                path = self._folder / "values" / f"{effect.name}.value"
                data = effect.data
                answers.append(
                    (component, Stored(effect.token, self._try(lambda p=path, d=data: write_whole(p, d))))  # type: ignore[misc]
                )
            elif isinstance(effect, Archive):
                self._try(lambda e=effect: self._archive(e))  # type: ignore[misc]
        now = self._failing
        if now != self._told:
            self._told = now
            text = now or "the state folder can be written again"
            answers.append(("", Happened("storage", "error" if now else "notice", text)))
        return answers

    def _try(self, action: Callable[[], None]) -> str:
        try:
            action()
        except StorageFailed as error:
            self._failing = str(error)
            return str(error)
        except OSError as error:
            self._failing = f"{self._folder}: {error.strerror}"
            return self._failing
        self._failing = ""
        return ""

    def _store(self, stores: list[tuple[str, Store]]) -> list[tuple[str, Event]]:
        wanted = [e for _, e in stores]
        # The whole CIB of a newer store holds all older ones; but a new base must not be skipped before its journal is.
        last = wanted[-1]
        error = self._try(lambda: self._generations.save(last.cib, last.lineage))
        if not error:
            self._lineages = [*self._lineages[-1:], last.lineage]
            if self._journal.size > TRIM_ABOVE and len(self._lineages) == 2:
                self._try(self._trim)
        return [(c, Stored(e.token, error)) for c, e in stores]

    def _trim(self) -> None:
        # Records that the stored CIB before the last lacks are kept: should the last be damaged, nothing is lost.
        before = self._lineages[0]
        self._journal.replace([r for r in self._journal.records if self._keeps(r, before)])

    def _archive(self, effect: Archive) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        folder = self._folder / "archive" / f"{stamp}-{effect.name}"
        make_folder(folder)
        write_whole(folder / "cib.xml", effect.cib)
        if effect.patch:
            write_whole(folder / "difference.xml", effect.patch)
        about = json.dumps(dict(effect.about), indent=1, sort_keys=True).encode()
        write_whole(folder / "about.json", about)
        for old in sorted((self._folder / "archive").iterdir())[:-ARCHIVES_MAX]:
            for path in old.iterdir():
                path.unlink(missing_ok=True)
            old.rmdir()
