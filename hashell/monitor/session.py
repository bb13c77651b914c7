"""A session: one cluster that is looked at: its feed, its past, a client for acts.

Ends only with its task. A cluster that cannot be reached at first is tried again, as a feed does with one that was
lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterable

from hashell.client.api import ClusterClient, ReadOnly
from hashell.client.feed import EventUpdate, HistoryUpdate, LogUpdate, Update, feed_of
from hashell.client.logs import LogReader
from hashell.client.probing import Probe
from hashell.client.probing import watch as watch_probe
from hashell.client.recording import Recorder, frames
from hashell.errors import HashellError
from hashell.monitor.clock import SteadyClock
from hashell.monitor.past import Past
from hashell.wire.messages import EventInfo, HistoryRow, Info

#: Frames of a recording that are read at once between two looks at the screen.
FRAMES_AT_ONCE = 2_000
#: Seconds between two attempts to find a cluster at all.
RETRY_S = 1.0
#: Seconds between two looks at the clock, and at what can be packed.
CARE_S = 1.0
#: Seconds between two rounds of asking other nodes for their logs.
LOGS_S = 1.0
#: Versions of the configuration asked for.
HISTORY_MAX = 200


class Session:
    """One cluster. `open_client(where)` connects; `where` is the socket that we are attached to, or empty."""

    def __init__(
        self, open_client: Callable[[str], ClusterClient], *, clock: SteadyClock | None = None,
        close_clients: bool = True, recorder: Recorder | None = None,
        probes: Iterable[Probe] = (),
    ) -> None:
        self.recorder = recorder
        self.probes = tuple(probes)
        self._close_clients = close_clients
        #: Whether somebody looks at what other nodes tell; a recording has it always.
        self.logs_wanted = False
        self._log_reader = LogReader()
        self._history_of: tuple[int, int] = (-1, -1)
        self.past = Past()
        self.clock = clock or SteadyClock()
        self._open_client = open_client

    def hear(self, update: Update) -> None:
        """Keep a word, and write it down where that is wanted."""
        now_s = self.clock.now_s()
        if self.recorder is not None:
            self.recorder.write(update, now_s)
        self.past.hear(update, now_s)

    def client(self) -> ClusterClient:
        """A connection of its own, made in the calling (worker) thread. Raises HashellError."""
        link = self.past.link
        return self._open_client(link.where if link.kind == "hashelld" else "")

    def now_s(self) -> float:
        """The end of time: now, or where a recording ends."""
        return self.past.heard_s if self.past.kind == "recording" else self.clock.now_s()

    async def watch(self) -> None:
        """Follow the cluster until cancelled."""
        care = asyncio.gather(
            self._care(), self._read_logs(), *(watch_probe(probe, self.hear, self.clock.now_s) for probe in self.probes)
        )
        try:
            while True:
                try:
                    client = await asyncio.to_thread(self.client)
                except HashellError as error:
                    self.past.lost(str(error), self.clock.now_s())
                    await asyncio.sleep(RETRY_S)
                    continue
                await self._follow(client)
        finally:
            care.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await care
            if self.recorder is not None:
                await asyncio.to_thread(self.recorder.close)

    async def _follow(self, client: ClusterClient) -> None:
        self.past.kind, self.past.read_only = client.kind, client.read_only
        feed = feed_of(client)
        try:
            async for update in feed.updates():
                self.hear(update)
        finally:
            await feed.close()
            self.release(client)

    async def _care(self) -> None:
        """Follow a clock that was set, and keep what was heard small."""
        while True:
            await asyncio.sleep(CARE_S)
            jumped_s = self.clock.jumped()
            if jumped_s:
                self.past.shift(jumped_s)
            if self.past.unpacked:
                await asyncio.to_thread(self.past.pack)
            await self._ask_history()

    async def _read_logs(self) -> None:
        """What other nodes tell, while somebody wants it: the question costs each of them a message."""
        while True:
            await asyncio.sleep(LOGS_S)
            info = self.past.info
            wanted = self.logs_wanted or self.recorder is not None
            if wanted and info is not None and self.past.kind == "hashelld" and self.past.link.connected:
                with contextlib.suppress(HashellError):
                    for update in await asyncio.to_thread(self._logs, info):
                        self.hear(update)

    def _logs(self, info: Info) -> list[LogUpdate]:
        client = self.client()
        try:
            return self._log_reader.look(client, info.members, self.past.link.node, self.clock.now_s)
        finally:
            self.release(client)

    async def _ask_history(self) -> None:
        """The versions of the configuration, again when there is a new one. Who keeps none is not asked again."""
        cib = self.past.cib
        if cib is None or not self.past.link.connected or self.past.kind in ("file", "recording"):
            return
        version = (cib.version.admin_epoch, cib.version.epoch)
        if version != self._history_of:
            self._history_of = version
            with contextlib.suppress(HashellError):
                self.hear(HistoryUpdate(await asyncio.to_thread(self._history)))

    def _history(self) -> tuple[HistoryRow, ...]:
        client = self.client()
        try:
            return client.history(HISTORY_MAX)
        finally:
            self.release(client)

    def release(self, client: ClusterClient) -> None:
        """A connection is not needed any more."""
        if self._close_clients:
            client.close()


class ReplaySession(Session):
    """A recording: all of it is the past, and its end is now. `word` says what was left out of it."""

    def __init__(self, path: str) -> None:
        super().__init__(_nobody, close_clients=False)
        self.path = path
        self.past.kind, self.past.read_only = "recording", True
        self.loaded = asyncio.Event()

    async def watch(self) -> None:
        """Read it; ends when it is read. A file that is none is told as a connection that is lost."""
        words: list[str] = []
        reader = frames(self.path, words.append)
        try:
            while some := await asyncio.to_thread(lambda: list(itertools.islice(reader, FRAMES_AT_ONCE))):
                for frame in some:
                    self.past.hear_frame(frame)
                await asyncio.sleep(0)
        except HashellError as error:
            self.past.lost(str(error), self.clock.now_s())
            return
        for word in words:
            self.past.hear(EventUpdate(EventInfo(0, self.past.heard_s, "", "recording", "warning", word)), 0.0)
        self.loaded.set()


def _nobody(where: str) -> ClusterClient:
    raise ReadOnly("this is a recording: nothing can be done to it", "attach to the cluster itself")
