"""The server: a Unix socket, its connections, their frames and queues. The only file of ipc that does I/O.

Bounds: connections, seconds to say Hello, requests in flight and bytes waiting for each connection, seconds for an
answer. Who is over a bound is told why and closed; nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import stat
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from hashell import __version__
from hashell.errors import AlreadyExists, HashellError, Refused, TimedOut
from hashell.wire import codec, messages
from hashell.wire.failures import failure, failure_of
from hashelld.core.effects import Effect, Notify, Reply
from hashelld.core.events import Event
from hashelld.ipc.core import ClientGone, Guarded, RequestArrived
from hashelld.ipc.subscriptions import Subscriptions
from hashelld.ipc.users import Caller, caller_of, group_id
from hashelld.settings import Settings

#: Connections at a time. A monitor and a shell take one or two each; scripts come and go.
CONNECTIONS_MAX = 256
#: Seconds until the Hello must be there.
HELLO_TIMEOUT_S = 5.0
#: Requests of one connection that may wait for answers.
IN_FLIGHT_MAX = 64
#: Bytes that may wait to be read by one client: a whole CIB of the largest size and some notices.
WAITING_MAX = 96 * 1024 * 1024
#: Notices that may wait for one client beyond what the kernel holds; then it is too slow to be told everything.
NOTICES_MAX = 4_000
#: Seconds a component has to answer; requests that wait by themselves add their own time.
ANSWER_TIMEOUT_S = 30.0
_GRACE_S = 5.0
#: Seconds between two looks for overdue answers.
_SWEEP_S = 1.0
_CHUNK = 256 * 1024
#: A path longer than this does not fit a Unix socket's address (108 bytes with the end mark, unix(7)).
PATH_MAX = 107

#: Who hears of requests.
COMPONENT = "ipc"

_log = structlog.get_logger("ipc")


@dataclass
class _Connection:
    """One client. `waiting` holds encoded frames in order; `wake` tells the writing task of them."""

    number: int
    caller: Caller
    writer: asyncio.StreamWriter
    waiting: list[bytes] = field(default_factory=list)
    waiting_bytes: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    tickets: dict[int, int] = field(default_factory=dict)
    closing: bool = False
    program: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that waits for its answer."""

    connection: int
    number: int
    body: messages.Message
    deadline_s: float


class SocketTaken(AlreadyExists):
    id = "socket-taken"


class TooSlow(Refused):
    id = "client-too-slow"


class TooMany(Refused):
    id = "too-many"


class IpcServer:
    """An edge of the driver: feeds the component `ipc` with requests, performs its `Reply` and `Notify`."""

    def __init__(
        self, settings: Settings, *, connections_max: int = CONNECTIONS_MAX,
        answer_timeout_s: float = ANSWER_TIMEOUT_S, hello_timeout_s: float = HELLO_TIMEOUT_S,
        notices_max: int = NOTICES_MAX,
    ) -> None:
        self.performs: dict[type[Effect], Callable[[str, Any], None]] = {
            Reply: lambda _, effect: self.reply(effect.client, effect.body),
            Notify: lambda _, effect: self.notify(effect.body),
        }
        self._path = settings.socket
        self._cluster = settings.cluster
        self._node = settings.node
        self._feed: Callable[[str, Event], None] = lambda component, event: None
        self._connections_max = connections_max
        self._answer_timeout_s = answer_timeout_s
        self._hello_timeout_s = hello_timeout_s
        self._notices_max = notices_max
        self._connections: dict[int, _Connection] = {}
        self._connection_numbers = itertools.count(1)
        self._tickets = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._subscriptions = Subscriptions()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._inode: tuple[int, int] | None = None

    # --- life

    async def start(self, feed: Callable[[str, Event], None]) -> None:
        """Listen; `feed(component, event)` queues an event.

        Raises SocketTaken when another daemon answers there; a socket that nobody serves is replaced.
        """
        self._feed = feed
        if len(os.fsencode(self._path)) > PATH_MAX:
            raise Refused(
                f"{self._path} is too long for a socket ({PATH_MAX} bytes)",
                "choose a shorter --run-dir",
            )
        await asyncio.to_thread(self._clear_the_way)
        # Nobody may connect between bind and chmod, so the socket is made with no rights but ours.
        before = os.umask(0o177)
        try:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                listener.bind(str(self._path))
            except OSError:
                listener.close()
                raise
        finally:
            os.umask(before)
        self._open_to_group()
        found = self._path.stat()
        self._inode = (found.st_dev, found.st_ino)
        # From Python 3.13 on asyncio takes the socket's file away by itself; `stop` does, and knows whether it is ours.
        keep: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
        self._server = await asyncio.start_unix_server(self._came, sock=listener, backlog=128, **keep)
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    def rename(self, node: str) -> None:
        """From now on this node is called so: a remote node learns its name when somebody connects."""
        self._node = node

    def _clear_the_way(self) -> None:
        """Make the folder, and remove a socket that a daemon left behind."""
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            kind = self._path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(kind):
            raise SocketTaken(f"{self._path} is there and is no socket", "move it away")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self._path))
            except (ConnectionRefusedError, FileNotFoundError):
                with contextlib.suppress(FileNotFoundError):
                    self._path.unlink()
                return
            except OSError:
                pass
        raise SocketTaken(
            f"another daemon serves {self._path}", "stop it, or give this node its own --run-dir"
        )

    def _open_to_group(self) -> None:
        """0660 for the group haclient where it exists and we may give it away; 0600 otherwise."""
        group = group_id()
        if group is None:
            return
        try:
            os.chown(self._path, -1, group)
            self._path.chmod(0o660)
        except OSError:
            # Not allowed, or a group that this user namespace does not know.
            self._path.chmod(0o600)

    async def stop(self) -> None:
        """End all connections with a reason, and take the socket away if it is still ours."""
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        self._ending = True
        for connection in list(self._connections.values()):
            self._part(connection, self._going_down())
        waiting = [task for task in self._tasks if not task.done()]
        if waiting:
            await asyncio.wait(waiting, timeout=0.5)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        with contextlib.suppress(OSError):
            found = self._path.stat()
            if (found.st_dev, found.st_ino) == self._inode:
                self._path.unlink()

    def _going_down(self) -> Refused:
        return Refused(f"{self._node} is going down", "ask another node")

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- one connection

    def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # No coroutine for asyncio's own task: Python 3.11 writes a traceback when that is cancelled.
        self._spawn(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            caller = await asyncio.to_thread(caller_of, writer.get_extra_info("socket"))
        except OSError:
            writer.close()
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        connection = _Connection(next(self._connection_numbers), caller, writer)
        self._spawn(self._write(connection))
        if self._ending:
            self._part(connection, self._going_down())
            return
        if len(self._connections) >= self._connections_max:
            self._part(connection, TooMany(f"{self._node} serves {self._connections_max} clients already"))
            return
        self._connections[connection.number] = connection
        reason: HashellError | None = None
        try:
            await self._read(connection, reader)
        except HashellError as error:
            reason = error
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._part(connection, reason)

    async def _read(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        frames = codec.daemon_reader()
        try:
            async with asyncio.timeout(self._hello_timeout_s):
                arrived = await self._next(frames, reader)
        except TimeoutError:
            raise TimedOut(f"no Hello came within {self._hello_timeout_s:g} s") from None
        greeted = False
        while arrived is not None:
            for frame in arrived:
                if greeted:
                    self._request(connection, frame)
                else:
                    self._greet(connection, frame)
                    greeted = True
            arrived = await self._next(frames, reader)

    async def _next(
        self, frames: codec.FrameReader[messages.ToDaemon], reader: asyncio.StreamReader
    ) -> list[messages.ToDaemon] | None:
        """The next frames, at least one; None at the end of the stream."""
        while True:
            data = await reader.read(_CHUNK)
            if not data:
                return None
            found = frames.feed(data)
            if found:
                return found

    def _greet(self, connection: _Connection, frame: messages.ToDaemon) -> None:
        match frame.body:
            case messages.Hello(protocol=messages.PROTOCOL, program=program):
                connection.program = program[:64]
            case messages.Hello(protocol=other):
                raise Refused(
                    f"the client speaks protocol {other}, this daemon {messages.PROTOCOL}",
                    "use client and daemon of the same version",
                )
            case _:
                raise codec.BadFrame("a connection begins with Hello", "greet first")
        welcome = messages.Welcome(
            messages.PROTOCOL, __version__, self._cluster, self._node, connection.caller.name,
            os.getpid(),
        )
        self._put(connection, frame.number, welcome)

    def _request(self, connection: _Connection, frame: messages.ToDaemon) -> None:
        if frame.number <= 0:
            raise codec.BadFrame("a request needs a number above 0")
        if len(connection.tickets) >= IN_FLIGHT_MAX:
            error = TooMany(f"{IN_FLIGHT_MAX} requests wait already", "wait for their answers")
            self._put(connection, frame.number, failure_of(error))
            return
        if isinstance(frame.body, messages.Hello):
            raise codec.BadFrame("Hello is said once")
        ticket = next(self._tickets)
        deadline_s = asyncio.get_running_loop().time() + self._patience_s(frame.body)
        self._asked[ticket] = _Asked(connection.number, frame.number, frame.body, deadline_s)
        connection.tickets[ticket] = frame.number
        caller = connection.caller
        self._feed(COMPONENT, RequestArrived(
            ticket, caller.name, caller.may_write, frame.body, caller.privileged, caller.groups
        ))

    def _patience_s(self, body: messages.Message) -> float:
        match body:
            case messages.WaitIdle(timeout_ms) | messages.Fence(timeout_ms=timeout_ms):
                return min(timeout_ms / 1000, 86_400.0) + _GRACE_S
            case _:
                return self._answer_timeout_s

    # --- answers and notices

    def reply(self, ticket: int, body: Any) -> None:
        """Answer a request. One whose client went away, or that was answered before, is passed over."""
        asked = self._asked.pop(ticket, None)
        if asked is None:
            return
        connection = self._connections.get(asked.connection)
        if connection is None:
            return
        connection.tickets.pop(ticket, None)
        if isinstance(asked.body, messages.Subscribe) and not isinstance(body, messages.Failure):
            # From here on, not from when it was asked: the notices begin where the reply ends.
            self._subscriptions.add(asked.connection, asked.body)
        self._put(connection, asked.number, body)

    def notify(self, body: Any) -> None:
        """Push a notice to everyone who subscribed to its kind; who reads too slowly is dropped."""
        body, guarded = (body.notice, True) if isinstance(body, Guarded) else (body, False)
        whole: bytes | None = None
        for number in self._subscriptions.who_hears(body):
            connection = self._connections.get(number)
            if connection is None or connection.closing:
                continue
            if guarded and not connection.caller.privileged:
                # What it may see of the change nobody has worked out: it is told to ask for the CIB as it may see it.
                data = codec.encode(messages.ToClient(0, messages.CibNotice(body.version, b"", when_s=body.when_s)))
            else:
                whole = whole or codec.encode(messages.ToClient(0, body))
                data = whole
            if len(connection.waiting) >= self._notices_max:
                self._part(
                    connection, TooSlow(f"more than {self._notices_max} notices wait to be read")
                )
                continue
            self._queue(connection, data)

    def _put(self, connection: _Connection, number: int, body: Any) -> None:
        try:
            data = codec.encode(messages.ToClient(number, body))
        except codec.BadFrame as error:
            data = codec.encode(messages.ToClient(number, failure_of(error)))
        self._queue(connection, data)

    def _queue(self, connection: _Connection, data: bytes) -> None:
        if connection.closing:
            return
        if connection.waiting_bytes + len(data) > WAITING_MAX:
            self._part(connection, TooSlow(f"more than {WAITING_MAX} bytes wait to be read"))
            return
        connection.waiting.append(data)
        connection.waiting_bytes += len(data)
        connection.wake.set()

    async def _write(self, connection: _Connection) -> None:
        """Send what waits, until the connection is closing and nothing waits any more."""
        try:
            while True:
                await connection.wake.wait()
                connection.wake.clear()
                while connection.waiting:
                    data = b"".join(connection.waiting)
                    connection.waiting.clear()
                    connection.waiting_bytes = len(data)
                    connection.writer.write(data)
                    await connection.writer.drain()
                    connection.waiting_bytes -= len(data)
                if connection.closing:
                    return
        except OSError:
            pass
        finally:
            self._part(connection, None)
            connection.writer.close()
            with contextlib.suppress(OSError):
                await connection.writer.wait_closed()

    def _part(self, connection: _Connection, reason: HashellError | None) -> None:
        """Forget a connection; the reason, if there is one, is the last that it hears. Safe to call twice."""
        if connection.closing:
            return
        if reason is not None:
            _log.info(
                "client dropped", user=connection.caller.name, pid=connection.caller.pid,
                program=connection.program, reason=str(reason),
            )
            # What waits is dropped: the one who does not read would not read it either.
            if isinstance(reason, TooSlow):
                connection.waiting.clear()
                connection.writer.transport.abort()
            else:
                data = codec.encode(messages.ToClient(0, failure_of(reason)))
                connection.waiting.append(data)
        connection.closing = True
        connection.wake.set()
        self._connections.pop(connection.number, None)
        self._subscriptions.remove(connection.number)
        tickets = tuple(connection.tickets)
        connection.tickets.clear()
        for ticket in tickets:
            self._asked.pop(ticket, None)
        if tickets:
            self._feed(COMPONENT, ClientGone(tickets))

    async def _sweep(self) -> None:
        """Answer what nobody answered in time: a client must never wait for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(_SWEEP_S, self._answer_timeout_s))
            now_s = loop.time()
            for ticket, asked in list(self._asked.items()):
                if asked.deadline_s <= now_s:
                    name = type(asked.body).__name__
                    told = failure(
                        "timed-out", f"{self._node} did not carry out {name} in time",
                        "look at its events; it may still happen",
                    )
                    self.reply(ticket, told)
