"""A hashelld over its Unix socket: blocking, every call bounded in time, no asyncio.

One request at a time on one connection; callers in several threads take turns. A reading that finds the connection
broken is tried once more on a new one; a change is not, because it may have been done: the error says so.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import TypeVar

from hashell import __version__
from hashell.cib.document import Cib
from hashell.client.offline import refuse_read_only
from hashell.errors import HashellError, NotReachable, TimedOut
from hashell.wire import codec, messages
from hashell.wire.failures import error_of
from hashell.wire.messages import PROTOCOL, Change, Divergence, DivergenceRow, EventInfo, HistoryRow, Info

#: Seconds for connect and for every answer that does not wait for something itself.
ANSWER_TIMEOUT_S = 15.0
#: Seconds for a change: agreed by all nodes and on their disks, perhaps across a change of view.
CHANGE_TIMEOUT_S = 45.0
#: Seconds for fencing: the daemon's own limit (300 s) comes first, with a better text.
FENCE_TIMEOUT_S = 320.0
_CHUNK = 256 * 1024

Reply = TypeVar("Reply", bound=messages.Message)


class DaemonClient:
    """Connects when made. Raises NotReachable when nobody answers there as a hashelld of a fitting version."""

    kind = "hashelld"

    def __init__(
        self, path: str, *, read_only: bool = False, program: str = "hashell",
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self.where = path
        self.read_only = read_only
        self._program = program
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._reader = codec.client_reader()
        self._number = 0
        self.welcome = self._connect()

    # --- the connection

    def _connect(self) -> messages.Welcome:
        self._drop()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._timeout_s)
        try:
            connection.connect(self.where)
        except OSError as error:
            connection.close()
            raise self._unreachable(error) from None
        self._socket = connection
        self._reader = codec.FrameReader(messages.ToClient, first_max=codec.FRAME_MAX)
        self._number = 0
        hello = messages.Hello(PROTOCOL, self._program, __version__)
        try:
            return self._exchange(hello, messages.Welcome, self._timeout_s)
        except OSError as error:
            self._drop()
            raise self._unreachable(error) from None
        except BaseException:
            self._drop()
            raise

    def _unreachable(self, error: OSError) -> NotReachable:
        if isinstance(error, PermissionError):
            return NotReachable(
                f"{_user()} may not open {self.where}",
                "run as the daemon's user or as root, or join the group haclient",
            )
        if isinstance(error, FileNotFoundError):
            return NotReachable(f"there is no socket {self.where}", "is hashelld running?")
        if isinstance(error, ConnectionRefusedError):
            return NotReachable(
                f"nobody listens at {self.where}", "the daemon that made this socket has ended; start it"
            )
        if isinstance(error, TimeoutError | BlockingIOError):
            return NotReachable(f"{self.where} does not answer", "is its hashelld stopped or overloaded?")
        return NotReachable(
            f"{self.where} cannot be reached: {error.strerror or error}", "is its hashelld just ending?"
        )

    def _drop(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _exchange(
        self, request: messages.Message, expected: type[Reply], timeout_s: float
    ) -> Reply:
        """Send one request and read until its answer comes; notices and late answers are passed over."""
        assert self._socket is not None
        self._number += 1
        number = self._number
        deadline = time.monotonic() + timeout_s
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(codec.encode(messages.ToDaemon(number, request)))  # type: ignore[arg-type]
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self._socket.settimeout(left)
                data = self._socket.recv(_CHUNK)
                if not data:
                    raise ConnectionResetError("the daemon closed the connection")
                for frame in self._reader.feed(data):
                    if isinstance(frame.body, messages.Failure) and frame.number in (0, number):
                        if frame.number == 0:
                            self._drop()  # Said to the connection, not to a request: it is closed.
                        raise error_of(frame.body)
                    if frame.number == number:
                        if isinstance(frame.body, expected):
                            return frame.body
                        raise codec.BadFrame(
                            f"{type(request).__name__} was answered with {type(frame.body).__name__}",
                            "client and daemon differ in version",
                        )
        except TimeoutError:
            self._drop()
            raise TimedOut(
                f"{self.where} did not answer {type(request).__name__} within {timeout_s:g} s",
                "is its node overloaded, or without the others?",
            ) from None
        except codec.BadFrame:
            self._drop()
            raise

    def _ask(
        self, request: messages.Message, expected: type[Reply], *, timeout_s: float = 0.0,
        again: bool = True,
    ) -> Reply:
        """`again`: the request only reads, so it may be repeated on a new connection."""
        timeout_s = timeout_s or self._timeout_s
        with self._lock:
            if self._socket is None:
                self.welcome = self._connect()
                again = False
            try:
                return self._exchange(request, expected, timeout_s)
            except OSError as error:
                self._drop()
                if not again:
                    raise NotReachable(
                        f"the connection to {self.where} broke: {error}",
                        "whether the change was made is not known: look before you repeat it",
                    ) from None
            self.welcome = self._connect()
            try:
                return self._exchange(request, expected, timeout_s)
            except OSError as error:
                self._drop()
                raise self._unreachable(error) from None

    def _change(
        self, request: messages.Message, expected: type[Reply], timeout_s: float = CHANGE_TIMEOUT_S
    ) -> Reply:
        refuse_read_only(self.read_only, self.where)
        return self._ask(request, expected, timeout_s=timeout_s, again=False)

    # --- what a ClusterClient answers

    def cib(self) -> Cib:
        return Cib.parse(self._ask(messages.GetCib(), messages.CibIs).xml)

    def info(self) -> Info:
        return self._ask(messages.GetInfo(), messages.Info)

    def apply(self, changes: Sequence[Change], *, command: str = "", message: str = "") -> str:
        request = messages.ApplyChanges(tuple(changes), command, message)
        return self._change(request, messages.Applied).version

    def set_attribute(self, node: str, name: str, value: str | None) -> None:
        self._change(messages.SetAttribute(node, name, value), messages.Done)

    def clean_up(
        self, resource: str = "", node: str = "", *, task: str = "", interval_ms: int = -1,
        refresh: bool = False,
    ) -> str:
        request = messages.CleanUp(resource, node, task, interval_ms, refresh)
        return self._change(request, messages.Done).text

    def fail_resource(self, resource: str, node: str) -> str:
        return self._change(messages.FailResource(resource, node), messages.Done).text

    def fence(self, node: str, action: str = "reboot", *, confirm: bool = False) -> str:
        request = messages.Fence(node, action, confirm=confirm)
        return self._change(request, messages.Done, FENCE_TIMEOUT_S).text

    def forget_fencing(self, node: str = "") -> str:
        return self._change(messages.ForgetFencing(node), messages.Done).text

    def set_secret(self, resource: str, name: str, value: str | None) -> str:
        return self._change(messages.SetSecret(resource, name, value), messages.Done).text

    def get_secret(self, resource: str, name: str) -> str | None:
        return self._ask(messages.GetSecret(resource, name), messages.SecretIs).value

    def stop_node(self, node: str = "") -> str:
        return self._change(messages.StopNode(node), messages.Done).text

    def forget_node(self, node: str) -> str:
        return self._change(messages.ForgetNode(node), messages.Done).text

    def rotate_key(self) -> str:
        return self._change(messages.RotateKey(), messages.Done).text

    def wait_idle(self, timeout_s: float) -> None:
        request = messages.WaitIdle(max(1, round(timeout_s * 1000)))
        self._ask(request, messages.Done, timeout_s=timeout_s + self._timeout_s)

    def events(self, limit: int = 200) -> tuple[EventInfo, ...]:
        return self._ask(messages.GetEvents(limit), messages.Events).events

    def events_of(self, node: str, *, after: int = 0, limit: int = 200, timeout_s: float = 0.0) -> messages.Events:
        """What `node` told last, by its own clock; asked over the node that we are attached to."""
        return self._ask(messages.GetEvents(limit, node, after), messages.Events, timeout_s=timeout_s, again=False)

    def history(self, limit: int = 100) -> tuple[HistoryRow, ...]:
        return self._ask(messages.GetHistory(limit), messages.History).rows

    def divergences(self) -> tuple[DivergenceRow, ...]:
        return self._ask(messages.GetDivergences(), messages.Divergences).rows

    def divergence(self, name: str) -> Divergence:
        return self._ask(messages.GetDivergence(name), messages.Divergence)

    def drop_divergence(self, name: str) -> str:
        return self._change(messages.DropDivergence(name), messages.Done).text

    def version(self, version: str) -> Cib:
        return Cib.parse(self._ask(messages.GetVersion(version), messages.CibIs).xml)


def answers(path: str, timeout_s: float = 1.0) -> messages.Welcome | HashellError:
    """Who serves a socket, or why nobody does: one short connection."""
    try:
        client = DaemonClient(path, timeout_s=timeout_s, read_only=True)
    except HashellError as error:
        return error
    client.close()
    return client.welcome


def _user() -> str:
    """The caller's name, for a message; a number where the system knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
