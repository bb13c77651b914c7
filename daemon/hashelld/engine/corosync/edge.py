"""Edge: asyncio and one thread round the libraries. Connects, dispatches, sends; decides nothing.

What corosync sends is dispatched where its descriptors are readable, a bounded number at a time, on the event loop:
that never waits. What we ask of corosync waits for its answer, for ever while corosync stands still: so all of that is
done by a thread. After corosync has died, or did not answer in time, everything of the connection is given up and a
new one is tried, with growing pauses.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import queue
import struct
import threading
import time
from collections.abc import Iterator
from ctypes import byref, c_int, c_uint, c_uint32, c_uint64
from dataclasses import dataclass, field

from hashelld.core.driver import Feed, Perform, as_main_thread
from hashelld.core.effects import Effect
from hashelld.engine.corosync import library
from hashelld.engine.corosync.library import Libraries, NoCorosync, check
from hashelld.engine.corosync.links import Cast, Down, GroupChanged, Heard, LeaveGroup, QuorumSaid, Up
from hashelld.settings import Settings

#: Bytes of one message of the group: frames that wait are put together up to this.
PACKET_MAX = 200 * 1024
#: Bytes that may wait to be sent; with more the connection counts as broken.
OUTGOING_MAX = 64 * 1024 * 1024
#: Messages dispatched before other tasks get their turn.
DISPATCH_MAX = 100
#: Seconds: between two tries of a call that corosync is too busy for; that joining may take; that one call may take.
AGAIN_S = (0.001, 0.05)
JOIN_S = 10.0
CALL_S = 5.0
#: Seconds between two tries to connect: first, and at most.
RETRY_S = (0.2, 3.0)

_LENGTH = struct.Struct("!I")


def pack(frames: list[bytes]) -> bytes:
    """Frames as one message of the group."""
    return b"".join(part for frame in frames for part in (_LENGTH.pack(len(frame)), frame))


def unpack(data: bytes) -> Iterator[bytes]:
    """The frames of a message; what is cut off is left out."""
    at = 0
    while at + 4 <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        frame = data[at + 4 : at + 4 + length]
        if len(frame) < length:
            return
        yield frame
        at += 4 + length


@dataclass(slots=True)
class Connection:
    """Handles and descriptors of one connection. `broken` says why nothing more is to be done with it."""

    cpg: c_uint64 = field(default_factory=c_uint64)
    quorum: c_uint64 = field(default_factory=c_uint64)
    votequorum: c_uint64 = field(default_factory=c_uint64)
    node_id: int = 0
    descriptors: tuple[int, ...] = ()
    broken: str = ""
    released: threading.Event = field(default_factory=threading.Event)
    #: Since when a call waits for corosync (monotonic seconds; 0: none does).
    calling_s: float = 0.0


class CorosyncEdge:
    """The engine's end at corosync."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._group = f"hashell:{settings.cluster}"[:127].encode()
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        #: Bytes asked to be sent (counted on the loop) and sent (in the thread), over the whole life.
        self._asked_bytes = 0
        self._sent_bytes = 0
        self._leaving = False
        self._closing = threading.Event()
        self._connection: Connection | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._ask_again: tuple[bool, tuple[int, ...]] | None = None
        self.performs: dict[type[Effect], Perform] = {Cast: self._cast, LeaveGroup: self._leave}

    async def start(self, feed: Feed) -> None:
        """Raises NoCorosync when its libraries are not there; a corosync that does not run is waited for."""
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._libraries = Libraries()
        # Kept as long as corosync may call them.
        self._cpg_callbacks = library.CpgCallbacks(
            library.DeliverFn(self._delivered), library.ConfchgFn(self._changed)
        )
        self._quorum_callbacks = library.QuorumCallbacks(0, library.QuorumFn(self._quorum_changed))
        self._votequorum_callbacks = library.VotequorumCallbacks()
        self._thread = threading.Thread(target=self._work, name="corosync", daemon=True)
        self._thread.start()
        self._watch()

    async def stop(self) -> None:
        self._closing.set()
        self._outgoing.put(None)
        if self._watchdog:
            self._watchdog.cancel()
        if self._connection:
            self._release(self._connection)
        await self._loop.run_in_executor(None, self._thread.join, 2.0)

    # --- effects (loop)

    def _cast(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, Cast)
        if self._connection is None or self._connection.broken:
            return
        self._asked_bytes += len(effect.data)
        if self._asked_bytes - self._sent_bytes > OUTGOING_MAX:
            self._break(self._connection, "more waits to be sent than corosync takes")
            return
        self._outgoing.put(effect.data)

    def _leave(self, name: str, effect: Effect) -> None:
        self._leaving = True
        self._outgoing.put(None)

    def _watch(self) -> None:
        """A call that does not come back means that corosync stands still."""
        connection = self._connection
        since_s = connection.calling_s if connection else 0.0
        if connection and since_s and time.monotonic() - since_s > CALL_S and not connection.broken:
            self._break(connection, f"it has not answered for {CALL_S:g} s")
        self._watchdog = self._loop.call_later(1.0, self._watch)

    # --- the connection (loop)

    def _connected(self, connection: Connection, up: Up) -> None:
        if self._closing.is_set():
            connection.released.set()
            return
        self._connection = connection
        self._feed("engine", up)
        for descriptor, read in zip(connection.descriptors, (self._read_cpg, self._read_quorum), strict=True):
            self._loop.add_reader(descriptor, read, connection)

    def _release(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None
            for descriptor in connection.descriptors:
                self._loop.remove_reader(descriptor)
        connection.released.set()

    def _break(self, connection: Connection, reason: str) -> None:
        """The connection is of no use any more: its readers go at once, or the loop would spin."""
        if connection.broken:
            return
        connection.broken = reason
        self._release(connection)
        self._outgoing.put(None)
        if not self._leaving:
            self._feed("engine", Down(reason))

    def _failed(self, reason: str) -> None:
        if not self._closing.is_set() and not self._leaving:
            self._feed("engine", Down(reason))

    def _read_cpg(self, connection: Connection) -> None:
        for _ in range(DISPATCH_MAX):
            code = self._libraries.cpg.cpg_dispatch(connection.cpg, library.DISPATCH_ONE)
            if code == library.TRY_AGAIN or self._connection is not connection:
                return
            if code != library.OK:
                self._break(connection, library.WORDS.get(code, f"error {code}"))
                return

    def _read_quorum(self, connection: Connection) -> None:
        for _ in range(DISPATCH_MAX):
            code = self._libraries.quorum.quorum_dispatch(connection.quorum, library.DISPATCH_ONE)
            if code == library.TRY_AGAIN or self._connection is not connection:
                return
            if code != library.OK:
                self._break(connection, library.WORDS.get(code, f"error {code}"))
                return

    # --- what corosync calls (loop, while it dispatches)

    def _delivered(self, handle: int, group: object, node: int, pid: int, message: int, length: int) -> None:
        for frame in unpack(ctypes.string_at(message, length)):
            self._feed("engine", Heard((node, pid), frame))

    def _changed(
        self, handle: int, group: object, members: ctypes.Array[library.CpgAddress], count: int,
        left: ctypes.Array[library.CpgAddress], left_count: int, joined: object, joined_count: int,
    ) -> None:
        gone = [left[number] for number in range(left_count)]
        self._feed("engine", GroupChanged(
            tuple((members[number].nodeid, members[number].pid) for number in range(count)),
            tuple(one.nodeid for one in gone if one.reason == library.REASON_NODEDOWN),
            tuple((one.nodeid, one.pid) for one in gone if one.reason == library.REASON_LEAVE),
        ))

    def _quorum_changed(
        self, handle: int, quorate: int, ring: int, count: int, nodes: ctypes.Array[c_uint32]
    ) -> None:
        said = bool(quorate), tuple(nodes[number] for number in range(count))
        if self._asking and not self._asking.done():
            self._ask_again = said  # the newest only
            return
        self._ask_votes(*said)

    def _ask_votes(self, quorate: bool, nodes: tuple[int, ...]) -> None:
        connection = self._connection
        if connection is None:
            return
        self._asking = asyncio.create_task(self._votes(connection, quorate, nodes))

    async def _votes(self, connection: Connection, quorate: bool, nodes: tuple[int, ...]) -> None:
        said = await self._loop.run_in_executor(None, self._get_info, connection, quorate, nodes)
        if self._connection is not connection:
            return
        newer, self._ask_again = self._ask_again, None
        if newer:
            self._asking = None
            self._ask_votes(*newer)
        elif said:
            self._feed("engine", said)

    # --- calls that wait (threads)

    def _get_info(self, connection: Connection, quorate: bool, nodes: tuple[int, ...]) -> QuorumSaid | None:
        info = library.VotequorumInfo()
        for _ in range(100):
            if connection.broken:
                return None
            code = self._libraries.votequorum.votequorum_getinfo(
                connection.votequorum, connection.node_id, byref(info)
            )
            if code != library.TRY_AGAIN:
                break
            time.sleep(AGAIN_S[1])
        if code != library.OK:
            return None
        return QuorumSaid(
            quorate, nodes, info.node_votes, info.total_votes, info.node_expected_votes, info.quorum,
            tuple(name for bit, name in library.FLAGS if info.flags & bit),
        )

    def _work(self) -> None:
        """The thread: connect, send until it breaks, again."""
        as_main_thread()
        pause_s = RETRY_S[0]
        while not self._closing.is_set() and not self._leaving:
            connection = Connection()
            try:
                up = self._connect(connection)
            except NoCorosync as error:
                self._finalize(connection)
                self._call(self._failed, str(error))
                self._closing.wait(pause_s)
                pause_s = min(2 * pause_s, RETRY_S[1])
                continue
            pause_s = RETRY_S[0]
            while not self._outgoing.empty():
                self._outgoing.get_nowait()
            self._sent_bytes = self._asked_bytes
            self._call(self._connected, connection, up)
            reason = self._send(connection)
            if reason:
                self._call(self._break, connection, reason)
            else:
                self._leave_group(connection)
                self._call(self._release, connection)
            connection.released.wait(CALL_S)
            self._finalize(connection)
            self._closing.wait(RETRY_S[0])

    def _call(self, function: object, *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]

    def _connect(self, connection: Connection) -> Up:
        """Raises NoCorosync."""
        libs = self._libraries
        until_s = time.monotonic() + JOIN_S

        def patiently(doing: str, function: object, *arguments: object) -> None:
            while True:
                code = function(*arguments)  # type: ignore[operator]
                if code != library.TRY_AGAIN or time.monotonic() > until_s or self._closing.is_set():
                    check(code, doing)
                    return
                time.sleep(AGAIN_S[1])

        patiently("connecting", libs.cpg.cpg_initialize, byref(connection.cpg), byref(self._cpg_callbacks))
        kind = c_uint32()
        patiently(
            "connecting to quorum", libs.quorum.quorum_model_initialize, byref(connection.quorum), 0,
            byref(self._quorum_callbacks), byref(kind), None,
        )
        if not kind.value:
            raise NoCorosync(
                "corosync has no quorum provider", "write quorum { provider: corosync_votequorum } in corosync.conf"
            )
        patiently(
            "connecting to votequorum", libs.votequorum.votequorum_initialize, byref(connection.votequorum),
            byref(self._votequorum_callbacks),
        )
        up = self._look(connection)
        descriptors = []
        for library_, handle in ((libs.cpg.cpg_fd_get, connection.cpg), (libs.quorum.quorum_fd_get, connection.quorum)):
            descriptor = c_int()
            check(library_(handle, byref(descriptor)), "asking for its descriptor")
            descriptors.append(descriptor.value)
        connection.descriptors = tuple(descriptors)
        name = library.CpgName(len(self._group), self._group)
        patiently("joining the group", libs.cpg.cpg_join, connection.cpg, byref(name))
        patiently(
            "following quorum", libs.quorum.quorum_trackstart, connection.quorum,
            library.TRACK_CURRENT | library.TRACK_CHANGES,
        )
        return up

    def _look(self, connection: Connection) -> Up:
        """Who we are for corosync, and what its configuration says of the nodes."""
        local, size = c_uint(), c_uint32()
        check(self._libraries.cpg.cpg_local_get(connection.cpg, byref(local)), "asking for the node id")
        connection.node_id = local.value
        check(self._libraries.cpg.cpg_max_atomic_msgsize_get(connection.cpg, byref(size)), "asking for its limit")
        if size.value < PACKET_MAX:
            raise NoCorosync(f"corosync takes messages of {size.value} bytes, {PACKET_MAX} are needed")
        cmap = library.Cmap(self._libraries)
        try:
            addresses: dict[int, str] = {}
            votes, name, expected = 0, "", cmap.get("quorum.expected_votes") or 0
            # Gaps are allowed; Source: corosync.conf(5), nodelist.
            for number in range(128):
                node_id = cmap.get(f"nodelist.node.{number}.nodeid")
                if node_id is None:
                    continue
                addresses[int(node_id)] = str(cmap.get(f"nodelist.node.{number}.ring0_addr") or "")
                own = cmap.get(f"nodelist.node.{number}.quorum_votes")
                votes += 1 if own is None else int(own)
                if node_id == local.value:
                    name = str(cmap.get(f"nodelist.node.{number}.name") or "")
            device = cmap.get("quorum.device.votes") or 0
            cluster = str(cmap.get("totem.cluster_name") or "")
        finally:
            cmap.close()
        return Up(
            (local.value, os.getpid()), name, cluster, addresses, max(votes + int(device), int(expected)),
        )

    def _send(self, connection: Connection) -> str:
        """Send what waits until the connection breaks (why) or this node leaves (empty)."""
        kept: bytes | None = None
        while True:
            frame = kept if kept is not None else self._outgoing.get()
            kept = None
            if connection.broken or self._closing.is_set():
                return connection.broken
            if frame is None:
                if self._leaving:
                    return ""
                continue
            frames, size = [frame], len(frame)
            while size < PACKET_MAX:
                try:
                    more = self._outgoing.get_nowait()
                except queue.Empty:
                    break
                if more is None or size + len(more) + 4 * (len(frames) + 1) > PACKET_MAX:
                    kept = more
                    if more is None:
                        self._outgoing.put(None)
                    break
                frames.append(more)
                size += len(more)
            self._sent_bytes += size
            code = self._mcast(connection, pack(frames))
            if code != library.OK:
                return connection.broken or library.WORDS.get(code, f"error {code}")

    def _mcast(self, connection: Connection, data: bytes) -> int:
        vector = library.Iovec(data, len(data))
        pause_s = AGAIN_S[0]
        while True:
            connection.calling_s = time.monotonic()
            code: int = self._libraries.cpg.cpg_mcast_joined(connection.cpg, library.AGREED, byref(vector), 1)
            connection.calling_s = 0.0
            # Busy is normal under load, and while a ring forms; how much may wait meanwhile is bounded.
            if code != library.TRY_AGAIN or connection.broken or self._closing.is_set():
                return code
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, AGAIN_S[1])

    def _leave_group(self, connection: Connection) -> None:
        """Only where this node leaves; a closing edge just goes."""
        if not self._leaving or connection.broken:
            return
        name = library.CpgName(len(self._group), self._group)
        self._libraries.cpg.cpg_leave(connection.cpg, byref(name))

    def _finalize(self, connection: Connection) -> None:
        libs = self._libraries
        for function, handle in (
            (libs.cpg.cpg_finalize, connection.cpg), (libs.quorum.quorum_finalize, connection.quorum),
            (libs.votequorum.votequorum_finalize, connection.votequorum),
        ):
            if handle.value:
                function(handle)
