"""`LiveFeed`: what goes on in a cluster, as it happens. For shell and monitor; asyncio.

    feed = feed_of(client)
    async for update in feed.updates(): match update: case CibUpdate(before, after): …

It begins with `Connected` and the CIB as it is, applies every patch itself, and asks for the whole when one does not
fit. It ends only by `close()`: when a node dies it goes to another node of this machine (Info.socket_paths) and says
so, else it tries again with growing pauses. A file or a Pacemaker has no pushing socket, so `PollingFeed` looks at it
in intervals; the updates are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from hashell import __version__
from hashell.cib.document import Cib, parse_xml
from hashell.cib.patch import apply_to
from hashell.cib.versions import Version
from hashell.client.api import ClusterClient
from hashell.errors import HashellError
from hashell.wire import codec, messages
from hashell.wire.failures import error_of
from hashell.wire.messages import EventInfo, HistoryRow, Info, TransitionNotice

#: Seconds between two attempts when nobody answers: first, and at most.
RETRY_FIRST_S = 0.2
RETRY_MAX_S = 5.0
#: Seconds to connect and be greeted.
CONNECT_TIMEOUT_S = 2.0
#: Seconds of silence after which the daemon is asked something, and after which it counts as gone: a frozen process
#: keeps its socket open for ever.
SILENCE_ASK_S = 1.0
SILENCE_GONE_S = 3.0
#: Seconds between two looks at a cluster that cannot push.
POLL_S = 1.0
#: Share of one processor that copies of the CIB may cost while changes come without a pause.
COPY_SHARE = 0.05
#: Seconds that a copy may take without being counted: up to some hundred resources each change is given out alone.
COPY_CHEAP_S = 0.001
#: Events asked for at the beginning.
EVENTS_FIRST = 200
_CHUNK = 256 * 1024
#: Seconds of work on what was read in one go before others have their turn: a key goes through some of them.
TURN_S = 0.003


@dataclass(frozen=True, slots=True)
class Connected:
    """Attached to a node. `moved_from` names the socket that was left for it and `why`, when there was another
    before."""

    where: str
    cluster: str
    node: str
    user: str
    moved_from: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Nobody answers; the next attempt comes in `retry_s` seconds. What was shown last still stands on the screen,
    but old."""

    where: str
    why: str
    retry_s: float


@dataclass(frozen=True, slots=True)
class CibUpdate:
    """The CIB went from `before` (None: this is the first, or the way between is not known) to `after`.

    `patches` lead from the one to the other in their order, as XML; none where only the two ends are known.
    """

    before: Cib | None
    after: Cib
    user: str = ""
    node: str = ""
    command: str = ""
    when_s: float = 0.0
    patches: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class InfoUpdate:
    """Members, quorum or DC changed, or these are the first ones."""

    info: Info


@dataclass(frozen=True, slots=True)
class EventUpdate:
    """Something happened. `past`: it was told when we connected, oldest first."""

    event: EventInfo
    past: bool = False


@dataclass(frozen=True, slots=True)
class TransitionUpdate:
    """A transition started, went on or ended; see TransitionNotice."""

    notice: TransitionNotice


@dataclass(frozen=True, slots=True)
class HistoryUpdate:
    """The versions of the configuration that are kept, in any order; no feed tells them by itself."""

    rows: tuple[HistoryRow, ...]


@dataclass(frozen=True, slots=True)
class ProbeUpdate:
    """What a client of a service sees: it answers now or not, and what it said. `gap_s`: how long nobody had answered
    before this answer, 0 for no outage; `budget_s`: how long an outage may last, 0 for no promise."""

    name: str
    ok: bool
    said: str = ""
    gap_s: float = 0.0
    budget_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LogUpdate:
    """What another node told of itself, oldest first, by its own clock, which is `lag_s` ahead of ours (behind: below
    0), as far as that can be known (`within_s`). `problem`: why it told nothing. No feed tells it by itself."""

    node: str
    events: tuple[EventInfo, ...] = ()
    lag_s: float = 0.0
    within_s: float = 0.0
    problem: str = ""


Update = (
    Connected | Disconnected | CibUpdate | InfoUpdate | EventUpdate | TransitionUpdate | HistoryUpdate | ProbeUpdate
    | LogUpdate
)


class Feed(Protocol):
    """What monitor and shell need to know of any feed."""

    def updates(self) -> AsyncIterator[Update]: ...

    async def close(self) -> None: ...


def feed_of(client: ClusterClient) -> Feed:
    """The feed that belongs to a client: pushed by a hashelld, polled from anything else."""
    if client.kind == "hashelld":
        return LiveFeed(client.where)
    return PollingFeed(client)


class _Gone(Exception):
    """This node is of no use any more; the text says why."""


class LiveFeed:
    """A subscription that outlives its node. `program` is shown in the daemon's log."""

    def __init__(
        self, path: str, *, others: Sequence[str] = (), program: str = "hashell",
        silence_s: float = SILENCE_GONE_S,
    ) -> None:
        self.where = path
        self._others: tuple[str, ...] = tuple(others)
        self._program = program
        self._silence_s = silence_s
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._cib: Cib | None = None
        self._events_seen: dict[str, int] = {}
        self._node = ""

    @property
    def cib(self) -> Cib | None:
        """The CIB after the last update given out."""
        return self._cib

    async def close(self) -> None:
        """End `updates`; safe to call at any time, also twice."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def updates(self) -> AsyncIterator[Update]:
        """Every update in order, without end. To be iterated by one task."""
        # A reader of its own, so that a screen that draws slowly does not make the daemon drop us; the queue is
        # bounded, and when it is full the daemon's bound decides.
        queue: asyncio.Queue[Update] = asyncio.Queue(maxsize=2_000)
        self._task = asyncio.create_task(self._run(queue))
        waiting: asyncio.Task[Update] | None = None
        try:
            while not self._closed:
                while not queue.empty():  # a flood is passed on without a task for each word
                    yield queue.get_nowait()
                waiting = asyncio.create_task(queue.get())
                await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
                if waiting.done():
                    yield waiting.result()
                    continue
                waiting.cancel()
                if not self._task.cancelled():
                    self._task.result()  # Raises what broke the reader: our own defect, not to be hidden.
                return
        finally:
            if waiting is not None and not waiting.done():
                waiting.cancel()
            await self.close()

    # --- which node

    def _candidates(self, left: str) -> list[str]:
        """All sockets of this machine in the order to try: the one that was left comes last."""
        paths = list(dict.fromkeys((self.where, *self._others)))
        return [path for path in paths if path != left] + [path for path in paths if path == left]

    async def _run(self, queue: asyncio.Queue[Update]) -> None:
        left, why, retry_s = "", "", RETRY_FIRST_S
        order = [self.where, *[path for path in self._others if path != self.where]]
        while True:
            for path in order:
                moved_from = left if left and left != path else ""
                session = _Session(self, path, queue)
                try:
                    await session.run(moved_from, why if left else "")
                except (_Gone, HashellError, OSError) as error:
                    if session.greeted:
                        left, why, retry_s = path, str(error), RETRY_FIRST_S
                        self.where = path
                        break  # It was of use: begin again with the list that it told us.
                    why = why or str(error)
            else:
                await queue.put(Disconnected(self.where, why, retry_s))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_MAX_S)
                order = self._candidates("")
                why = ""
                continue
            order = self._candidates(left)


class _Session:
    """One connection, from Hello to its end, which is always an exception."""

    def __init__(self, feed: LiveFeed, path: str, queue: asyncio.Queue[Update]) -> None:
        self._feed = feed
        self._path = path
        self._queue = queue
        self._number = 0
        self._expects: dict[int, str] = {}
        self._snapshot_due = True
        self._cib: Cib | None = None
        # What patches are applied to: nobody else has it, so a patch costs what it changes and not the whole tree.
        self._root: etree._Element | None = None
        self._waiting: list[messages.CibNotice] = []
        self._publisher: asyncio.Task[None] | None = None
        self._given_s = 0.0
        self._copy_s = 0.0
        self.greeted = False

    async def run(self, moved_from: str, why: str) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(self._path)
        except TimeoutError:
            raise _Gone(f"{self._path} does not answer") from None
        except FileNotFoundError:
            raise _Gone(f"there is no socket {self._path}") from None
        except ConnectionRefusedError:
            raise _Gone(f"nobody listens at {self._path}") from None
        try:
            await self._talk(reader, writer, moved_from, why)
        finally:
            if self._publisher is not None:
                self._publisher.cancel()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _ask(self, writer: asyncio.StreamWriter, request: messages.Message, what: str) -> None:
        self._number += 1
        self._expects[self._number] = what
        writer.write(codec.encode(messages.ToDaemon(self._number, request)))  # type: ignore[arg-type]

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, moved_from: str, why: str
    ) -> None:
        frames = codec.FrameReader(messages.ToClient, first_max=codec.FRAME_MAX)
        self._ask(writer, messages.Hello(messages.PROTOCOL, self._feed._program, __version__), "hello")
        # Only time in which we looked counts as silence: what came while the machine stood still waits to be read.
        silent_s = 0.0
        asked = False
        while True:
            try:
                async with asyncio.timeout(SILENCE_ASK_S):
                    data = await reader.read(_CHUNK)
            except TimeoutError:
                silent_s += SILENCE_ASK_S
                if silent_s >= self._feed._silence_s:
                    raise _Gone(f"{self._node_name()} is silent") from None
                if not asked and self.greeted:
                    asked = True
                    self._ask(writer, messages.GetInfo(), "info")
                continue
            if not data:
                raise _Gone(f"{self._node_name()} is gone: it closed the connection")
            silent_s = 0.0
            asked = False
            turn_s = time.monotonic()
            for frame in frames.feed(data):
                await self._take(frame, writer, moved_from, why)
                if time.monotonic() - turn_s > TURN_S:
                    await asyncio.sleep(0)
                    turn_s = time.monotonic()

    def _node_name(self) -> str:
        return self._feed._node if self.greeted else self._path

    async def _take(
        self, frame: messages.ToClient, writer: asyncio.StreamWriter, moved_from: str, why: str
    ) -> None:
        if frame.number:
            what = self._expects.pop(frame.number, "")
            if isinstance(frame.body, messages.Failure) and what in ("hello", "cib"):
                raise error_of(frame.body)
        match frame.body:
            case messages.Welcome() as welcome:
                self.greeted = True
                self._feed.where = self._path
                self._feed._node = welcome.node
                await self._queue.put(
                    Connected(
                        self._path, welcome.cluster, welcome.node, welcome.user, moved_from, why
                    )
                )
                self._ask(writer, messages.GetEvents(EVENTS_FIRST), "events")
                self._ask(writer, messages.GetInfo(), "info")
                self._ask(writer, messages.GetTransition(), "transition")
                self._ask(writer, messages.Subscribe(), "cib")
            case messages.Failure() as told if frame.number == 0:
                raise _Gone(f"{self._node_name()} dropped us: {told.message}")
            case messages.CibIs() as whole:
                self._snapshot_due = False
                await self._give_whole(Cib.parse(whole.xml))
            case messages.CibNotice() as notice:
                await self._patch(notice, writer)
            case messages.Info() as info:
                await self._give_info(info)
            case messages.MembersNotice() as notice:
                await self._give_info(notice.info)
            case messages.Events() as past:
                for event in past.events:
                    await self._give_event(event, past=True)
            case messages.EventNotice() as notice:
                await self._give_event(notice.event, past=False)
            case messages.TransitionNotice() as notice:
                await self._queue.put(TransitionUpdate(notice))
            case messages.Transition() as last:
                for notice in last.notices:
                    await self._queue.put(TransitionUpdate(notice))
            case _:
                pass

    async def _patch(self, notice: messages.CibNotice, writer: asyncio.StreamWriter) -> None:
        if self._snapshot_due or self._cib is None:
            return  # What comes before the snapshot is in the snapshot.
        if self._root is None:
            self._root = self._cib.copy_root()
        if notice.patch:
            try:
                apply_to(self._root, parse_xml(notice.patch, "a patch"))
            except HashellError:
                pass
            else:
                if str(Version.of(self._root)) == notice.version:
                    self._waiting.append(notice)
                    await self._give_soon()
                    return
        self._snapshot_due = True
        self._root = None
        self._waiting.clear()
        self._ask(writer, messages.Subscribe(), "cib")

    async def _give_soon(self) -> None:
        """Give out the CIB: at once, but in a flood of changes no more often than copies of it may cost."""
        rest_s = self._given_s + self._copy_s / COPY_SHARE - time.monotonic()
        if rest_s <= 0 or self._copy_s <= COPY_CHEAP_S:
            await self._give_patched()
        elif self._publisher is None or self._publisher.done():
            self._publisher = asyncio.create_task(self._give_later(rest_s))

    async def _give_later(self, rest_s: float) -> None:
        await asyncio.sleep(rest_s)
        await self._give_patched()

    async def _give_patched(self) -> None:
        notices, self._waiting = self._waiting, []
        if not notices or self._root is None:
            return
        began_s = time.thread_time()  # what others take of the processor says nothing of a copy's cost
        after = Cib(copy.deepcopy(self._root))
        self._copy_s = time.thread_time() - began_s
        self._given_s = time.monotonic()
        before, self._cib, last = self._cib, after, notices[-1]
        self._feed._cib = after
        await self._queue.put(CibUpdate(
            before, after, last.user, last.node, last.command, last.when_s, tuple(notice.patch for notice in notices)
        ))

    async def _give_whole(self, after: Cib) -> None:
        self._root, self._cib, self._feed._cib = None, after, after
        self._waiting.clear()
        await self._queue.put(CibUpdate(None, after))

    async def _give_info(self, info: Info) -> None:
        self._feed._others = tuple(dict.fromkeys((*info.socket_paths, *self._feed._others)))[:64]
        await self._queue.put(InfoUpdate(info))

    async def _give_event(self, event: EventInfo, *, past: bool) -> None:
        """Each node numbers its own events; one that was given out before is left out after a reconnection."""
        seen = self._feed._events_seen
        if event.number <= seen.get(self._feed._node, 0):
            return
        seen[self._feed._node] = event.number
        await self._queue.put(EventUpdate(event, past))


class PollingFeed:
    """The same updates for a cluster that cannot push: looked at every `interval_s` seconds, in a thread."""

    def __init__(self, client: ClusterClient, *, interval_s: float = POLL_S) -> None:
        self._client = client
        self._interval_s = interval_s
        self._closed = asyncio.Event()

    async def close(self) -> None:
        self._closed.set()

    async def updates(self) -> AsyncIterator[Update]:
        cib: Cib | None = None
        info: Info | None = None
        event_number = 0
        connected = told = False
        while not self._closed.is_set():
            try:
                now_cib, now_info, events = await asyncio.to_thread(self._look)
            except HashellError as error:
                if connected or cib is None:
                    yield Disconnected(self._client.where, str(error), self._interval_s)
                connected = False
            else:
                if not connected:
                    connected = True
                    yield Connected(self._client.where, now_info.cluster, now_info.node, "")
                if now_info != info:
                    info = now_info
                    yield InfoUpdate(now_info)
                if cib is None or (now_cib.root is not cib.root and now_cib.to_bytes() != cib.to_bytes()):
                    before, cib = cib, now_cib
                    yield CibUpdate(before, now_cib)
                past, told = not told, True
                for event in events:
                    if event.number > event_number:
                        event_number = event.number
                        yield EventUpdate(event, past)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._closed.wait()

    def _look(self) -> tuple[Cib, Info, tuple[EventInfo, ...]]:
        return self._client.cib(), self._client.info(), self._client.events()
