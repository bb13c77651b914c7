"""The edge to the disk: performs stores off the loop, in order, and says when each is durable.

Three threads: the *quick* one for what somebody waits for (the journal, and values that must be there before it), one
for the other *values*, the *slow* one for what follows at leisure (cib.xml, history, archive, scheduler inputs). What
waits together is written together: journal records in one sync, of several CIBs only the newest as cib.xml; each
version goes into the history. Where the disk stands still for a while, a recovery waits for one sync of the journal.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import structlog

from hashell.cib.document import Cib
from hashell.cib.history import History
from hashell.cib.versions import Version
from hashell.errors import HashellError, NotFound
from hashell.wire import messages
from hashell.wire.failures import failure_of
from hashelld.core.driver import as_main_thread
from hashelld.core.effects import (
    Archive,
    Effect,
    JournalAppend,
    ReadHistory,
    Reply,
    Store,
    Stored,
    StoreValue,
    UseArchive,
)
from hashelld.core.events import DivergencesKept, Event, Happened
from hashelld.storage.divergences import KEPT_MAX, Divergences
from hashelld.storage.files import StorageFailed
from hashelld.storage.generations import Generations
from hashelld.storage.inputs import Inputs
from hashelld.storage.journal import TRIM_ABOVE, Journal
from hashelld.storage.values import Values

#: Effects that may wait for one thread; the CIB manager bounds what it has in flight far below this.
WAITING_MAX = 20_000
#: Seconds for which a CIB waits for newer ones (what the journal has is safe already), and seconds between two where
#: they come without end: each costs four syncs that the journal's own would have to wait for.
GATHER_S, BETWEEN_S = 0.1, 1.0
#: Scheduler inputs that may wait for a slow disk; more are not kept.
INPUTS_WAITING_MAX = 8

Feed = Callable[[str, Event], None]
Perform = Callable[[str, Effect], None]
Work = list[tuple[str, Effect]]
Answers = list[tuple[str, Event]]


class _Quick:
    """A thread that takes what waits, all of it together, as soon as it can. No task stands between: somebody waits for
    each answer, and every pass of the loop on its way costs as much as the sync."""

    def __init__(self, name: str, perform: Callable[[Work], Answers]) -> None:
        self._perform = perform
        self._waiting: SimpleQueue[tuple[str, Effect] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self, feed: Feed) -> None:
        self._loop = asyncio.get_running_loop()
        self._feed = feed
        self._thread.start()

    def put(self, component: str, effect: Effect) -> None:
        """Safe in any thread."""
        assert self._waiting.qsize() < WAITING_MAX, "the disk is asked for more than is waited for"
        self._waiting.put((component, effect))

    async def stop(self) -> None:
        """What waits is done first."""
        if self._thread.ident is not None:
            self._waiting.put(None)
            await asyncio.to_thread(self._thread.join)
            # The last answers were handed to the loop before: they are through when it has been round once.
            await asyncio.sleep(0)

    def _run(self) -> None:
        as_main_thread()
        ended = False
        while not ended:
            batch: Work = []
            with suppress(Empty):
                one = self._waiting.get()
                while one is not None:
                    batch.append(one)
                    one = self._waiting.get_nowait()
                ended = True
            if batch:
                answers = self._perform(batch)
                with suppress(RuntimeError):
                    # The loop may be closed: then nobody waits any more.
                    self._loop.call_soon_threadsafe(self._done, answers)

    def _done(self, answers: Answers) -> None:
        for component, event in answers:
            self._feed(component, event)


class _Slow:
    """A thread, and what waits for it: gathered for a while where that is not urgent."""

    def __init__(self, name: str, perform: Callable[[Work], Answers]) -> None:
        self.name = name
        self._perform = perform
        self._last_s = 0.0
        self._waiting: Work = []
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._ended = False
        self.thread = ThreadPoolExecutor(1, name, initializer=as_main_thread)
        self._task: asyncio.Task[None] | None = None

    def start(self, feed: Feed) -> None:
        self._task = asyncio.create_task(self._run(feed), name=self.name)

    def put(self, component: str, effect: Effect, *, urgent: bool = True) -> None:
        assert len(self._waiting) < WAITING_MAX, "the disk is asked for more than is waited for"
        self._waiting.append((component, effect))
        self._wake.set()
        if urgent:
            self._urgent.set()

    async def stop(self) -> None:
        """What waits is done first."""
        self._ended = True
        self._wake.set()
        self._urgent.set()
        if self._task:
            await self._task
        self.thread.shutdown(wait=True)

    async def _run(self, feed: Feed) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            if not self._urgent.is_set():
                wait_s = max(GATHER_S, self._last_s + BETWEEN_S - loop.time())
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._urgent.wait(), wait_s)
            self._wake.clear()
            self._urgent.clear()
            batch, self._waiting = self._waiting, []
            if batch:
                self._last_s = loop.time()
                for component, event in await loop.run_in_executor(self.thread, self._perform, batch):
                    feed(component, event)
            if self._ended and not self._waiting:
                return
            if self._ended:
                self._wake.set()


@dataclass(frozen=True, slots=True)
class _Trim(Effect):
    """Cut the journal back to what the stored CIB does not have."""


class StorageEdge:
    """Owns the state folder while the daemon runs. `keeps(record, lineage)` says which journal records a CIB lacks."""

    def __init__(
        self, state_dir: Path, generations: Generations, journal: Journal,
        keeps: Callable[[bytes, Mapping[str, Any]], bool],
    ) -> None:
        self._quick = _Quick("journal", self._write_quickly)
        self._patient = _Quick("values", self._write_values)
        self._slow = _Slow("storage", self._write_slowly)
        self.performs: dict[type[Effect], Perform] = {
            JournalAppend: self._quick.put, StoreValue: self._queue_value,
            Store: self._queue_store, Archive: self._slow.put, ReadHistory: self._slow.put,
            UseArchive: self._slow.put,
        }
        self.reply: Perform = lambda component, effect: None
        self._folder = state_dir
        self._values = Values(state_dir / "values")
        self._generations = generations
        self._journal = journal
        self._keeps = keeps
        self._divergences = Divergences(state_dir / "archive")
        #: What the disk has not taken yet; no CIB is stored before it.
        self._owed: deque[Archive] = deque(maxlen=KEPT_MAX)
        self._inputs = Inputs(state_dir / "pengine")
        self._inputs_waiting = 0
        self._history: History | None = None
        self._lineages: list[Mapping[str, Any]] = []
        self._failing: dict[str, str] = {}
        self._told = ""
        self._log = structlog.get_logger("storage")

    async def start(self, feed: Feed) -> None:
        self._loop = asyncio.get_running_loop()
        names = self._divergences.names
        if names:
            feed("", DivergencesKept(names))
        self._quick.start(feed)
        self._patient.start(feed)
        self._slow.start(feed)

    async def stop(self) -> None:
        """All that was asked for is written first."""
        await self._quick.stop()
        await self._patient.stop()
        await self._slow.stop()
        self._journal.close()
        if self._history is not None:
            self._history.close()
            self._history = None

    def keep_input(self, cib: bytes) -> str:
        """A scheduler input's file name, empty when it cannot be kept. The file comes when the disk has time: a
        decision does not wait for it."""
        if self._inputs_waiting >= INPUTS_WAITING_MAX:
            return ""
        name, write = self._inputs.name(cib)
        if write is not None:
            try:
                self._slow.thread.submit(self._try, "scheduler inputs", write).add_done_callback(self._input_kept)
            except RuntimeError:  # The edge has ended.
                return ""
            self._inputs_waiting += 1
        return name

    def _input_kept(self, _: object) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._one_input_less)

    def _one_input_less(self) -> None:
        self._inputs_waiting -= 1

    def _queue_value(self, component: str, effect: Effect) -> None:
        assert isinstance(effect, StoreValue)
        (self._quick if effect.before_entries else self._patient).put(component, effect)

    def _queue_store(self, component: str, effect: Effect) -> None:
        assert isinstance(effect, Store)
        self._slow.put(component, effect, urgent=effect.urgent)

    # --- in the quick thread --------------------------------------------------------------------

    def _write_quickly(self, batch: Work) -> Answers:
        answers = self._write_values(batch)
        appends = [(c, e) for c, e in batch if isinstance(e, JournalAppend)]
        if appends:
            records = [record for _, e in appends for record in e.records]
            error = self._try("journal", lambda: self._journal.append(records))
            answers += [(c, Stored(e.token, error)) for c, e in appends]
        if any(isinstance(e, _Trim) for _, e in batch):
            self._trim()
        return answers + self._news()

    # --- in the quick thread and in that of the values --------------------------------------------

    def _write_values(self, batch: Work) -> Answers:
        answers: Answers = []
        # Of several values of one name only the last is of use, and it is written after those that came before it.
        values: dict[str, StoreValue] = {}
        for _, one in batch:
            if isinstance(one, StoreValue):
                values.pop(one.name, None)
                values[one.name] = one
        for name, last in values.items():
            error = self._try(f"value {name}", self._value_writer(last))
            answers += [
                (c, Stored(e.token, error))
                for c, e in batch if isinstance(e, StoreValue) and e.name == name
            ]
        return answers + self._news()

    def _value_writer(self, value: StoreValue) -> Callable[[], None]:
        return lambda: self._values.write(value.name, value.data, secret=value.secret)

    def _trim(self) -> None:
        # Records that the stored CIB before the last lacks are kept: should the last be damaged, nothing is lost.
        before = self._lineages[0]
        self._try("journal", lambda: self._journal.replace(
            [record for record in self._journal.records if self._keeps(record, before)]
        ))

    # --- in the slow thread ---------------------------------------------------------------------

    def _write_slowly(self, batch: Work) -> Answers:
        stores = [(c, e) for c, e in batch if isinstance(e, Store)]
        answers: Answers = []
        # What lost before what won: neither a crash between the two nor a full disk must leave the copy without what it
        # took the place of.
        self._owed.extend(effect for _, effect in batch if isinstance(effect, Archive))
        owed = self._keep_owed(answers)
        if stores and owed:
            answers += [(c, Stored(e.token, owed)) for c, e in stores]
        elif stores:
            last = stores[-1][1]
            error = self._try("cib.xml", lambda: self._generations.save(last.cib, last.lineage))
            answers += [(c, Stored(e.token, error)) for c, e in stores]
            if not error:
                self._lineages = [*self._lineages[-1:], last.lineage]
                if self._journal.size > TRIM_ABOVE and len(self._lineages) == 2:
                    self._quick.put("", _Trim())
            self._try("history", lambda: self._record([e for _, e in stores]))
        for component, effect in batch:
            if isinstance(effect, UseArchive):
                self._loop.call_soon_threadsafe(self.reply, component, Reply(effect.client, self._use_archive(effect)))
                if effect.drop:
                    answers.append(("", DivergencesKept(self._divergences.names)))
            elif isinstance(effect, ReadHistory):
                reply = Reply(effect.client, self._read_history(effect))
                self._loop.call_soon_threadsafe(self.reply, component, reply)
        return answers + self._news()

    def _keep_owed(self, answers: Answers) -> str:
        """Write all that is owed to the archive. Empty, or why some of it could not be."""
        error = ""
        while self._owed and not error:
            error = self._try("archive", self._archiver(self._owed[0]))
            if not error:
                self._owed.popleft()
                answers.append(("", DivergencesKept(self._divergences.names)))
        return error

    def _open_history(self) -> History:
        if self._history is None:
            self._history = History(self._folder / "history.sqlite")
            if self._history.problem:
                self._failing["history"] = str(self._history.problem)
        return self._history

    def _record(self, stores: list[Store]) -> None:
        history = self._open_history()
        # Of versions that one command made one right after the other the last one is kept.
        for store, after in zip(stores, [*stores[1:], None], strict=True):
            if store.configuration_changed and (after is None or _asked_by(after) != _asked_by(store)):
                history.record(
                    Cib.parse(store.cib), time.time(), store.author, store.node, store.command,
                    store.message,
                )

    def _read_history(self, effect: ReadHistory) -> messages.Message:
        try:
            history = self._open_history()
            if effect.version:
                entry = history.find(_version(effect.version))
                return messages.CibIs(history.get(entry.number).to_bytes(), str(entry.version))
            return messages.History(tuple(
                messages.HistoryRow(str(e.version), e.when_s, e.user, e.node, e.command, e.message)
                for e in history.entries(effect.limit)
            ))
        except HashellError as error:
            return failure_of(error)

    def _archiver(self, effect: Archive) -> Callable[[], None]:
        def keep() -> None:
            self._divergences.keep(effect)

        return keep

    def _use_archive(self, effect: UseArchive) -> messages.Message:
        try:
            if not effect.name:
                return messages.Divergences(self._divergences.rows())
            if not effect.drop:
                return self._divergences.read(effect.name)
            self._divergences.drop(effect.name)
            return messages.Done(f"{effect.name} is dropped")
        except HashellError as error:
            return failure_of(error)
        except OSError as error:
            return failure_of(StorageFailed(f"{effect.name}: {error.strerror}"))

    # --- in both --------------------------------------------------------------------------------

    def _try(self, what: str, action: Callable[[], None]) -> str:
        """Empty, or why it failed; a person is told when that changes."""
        try:
            action()
        except HashellError as error:
            self._failing[what] = str(error)
            return str(error)
        except OSError as error:
            self._failing[what] = f"{what} in {self._folder}: {error.strerror}"
            return self._failing[what]
        except Exception as error:
            self._log.exception("storage", what=what)
            self._failing[what] = f"{what} in {self._folder}: {error}"
            return self._failing[what]
        self._failing.pop(what, None)
        return ""

    def _news(self) -> Answers:
        now = "; ".join(list(self._failing.values()))
        if now == self._told:
            return []
        self._told = now
        text = now or "the state folder can be written again"
        self._log.error(text) if now else self._log.info(text)
        return [("", Happened("storage", "error" if now else "notice", text))]


def _asked_by(store: Store) -> tuple[str, str, str, str, bool]:
    return store.author, store.node, store.command, store.message, store.configuration_changed


def _version(text: str) -> Version:
    """Raises NotFound for what is no version."""
    parts = text.split(".")
    if len(parts) == 3 and all(part.isdigit() for part in parts):
        return Version(*(int(part) for part in parts))
    raise NotFound(f"{text!r} is no version", "write ADMIN_EPOCH.EPOCH.NUM_UPDATES")
