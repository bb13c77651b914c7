"""Transport: TLS links between members and remote nodes. An edge: it decides nothing.

Both sides show and pin the one certificate that follows from the key of the cluster; it is another than that by which
members know one another, so that a link of one kind is never taken for one of the other.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hashell.errors import HashellError
from hashelld.core.effects import Effect
from hashelld.core.events import Event
from hashelld.remote import words
from hashelld.remote.links import DialFailed, DialRemote, LinkDown, LinkUp, RemoteClose, RemoteSend, WordCame

#: Connections inside the handshake, and seconds for one.
STRANGERS_MAX = 64
HANDSHAKE_S = 5.0
#: Bytes that may wait for the other side; more means that it does not read.
WAITING_MAX = 128 * 1024 * 1024
#: Above this notices are left out: the answers that follow them matter more.
NOTICES_WAITING_MAX = 8 * 1024 * 1024
#: Seconds for what was sent last to leave when a link is closed.
LINGER_S = 0.5

Feed = Callable[[str, Event], None]


class PortTaken(HashellError):
    id = "port-taken"
    exit_code = 73


@dataclass(frozen=True, slots=True)
class Keys:
    """What TLS needs: contexts to listen and to dial with, and the certificates (DER) that count."""

    listening: ssl.SSLContext
    dialing: ssl.SSLContext
    pinned: frozenset[bytes]


class _Link(asyncio.Protocol):
    def __init__(self, owner: RemoteTransport, address: str, dial: int) -> None:
        self.owner = owner
        self.address = address
        self.dial = dial
        self.number = 0
        self.transport: asyncio.Transport | None = None
        self.reader = words.Reader(at_remote=owner.at_remote)
        self.closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=WAITING_MAX)
        self.owner.opened(self)

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        try:
            found = self.reader.feed(data)
        except words.BadFrame as error:
            self.owner.ended(self, str(error))
            self.abort()
            return
        for word in found:
            self.owner.feed("remote", WordCame(self.number, word))

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.ended(self, "closed" if exc is None else str(exc) or type(exc).__name__)

    def close(self) -> None:
        self.closing = True
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
        asyncio.get_running_loop().call_later(LINGER_S, self.abort)

    def abort(self) -> None:
        self.closing = True
        if self.transport is not None:
            self.transport.abort()


class RemoteTransport:
    """All links of one process. It listens when `listen` is given: (address, port).

    `keys` tells what counts now; it may raise HashellError.
    """

    def __init__(self, keys: Callable[[], Keys], *, listen: tuple[str, int] | None = None) -> None:
        self.performs: dict[type[Effect], Callable[[str, Effect], None]] = {
            DialRemote: self._dial, RemoteSend: self._send, RemoteClose: self._close,
        }
        self.at_remote = listen is not None
        self.feed: Feed = lambda component, event: None
        self.keys = keys
        self._listen = listen
        self._links: dict[int, _Link] = {}
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._strangers = 0
        self._socket: socket.socket | None = None
        self.port = 0

    async def start(self, feed: Feed) -> None:
        """Raises PortTaken."""
        self.feed = feed
        if self._listen is None:
            return
        host, port = self._listen
        try:
            self._socket = _listening(host, port)
        except OSError as error:
            raise PortTaken(
                f"cannot listen at {host or 'any address'}, port {port}: {error.strerror}",
                "another remote node may run there: give --port another",
            ) from None
        self.port = self._socket.getsockname()[1]
        self._spawn(self._accept(self._socket))

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
        for link in list(self._links.values()):
            link.close()
        await asyncio.sleep(0.01)
        for link in list(self._links.values()):
            link.abort()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError:
                # Out of descriptors: the links that are there go on, newcomers wait.
                await asyncio.sleep(0.2)
                continue
            if self._strangers >= STRANGERS_MAX:
                accepted.close()
                continue
            self._spawn(self._welcome(accepted, str(address[0])))

    async def _welcome(self, accepted: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        self._strangers += 1
        try:
            await loop.connect_accepted_socket(
                lambda: _Link(self, address, 0), accepted, ssl=self.keys().listening,
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except (OSError, TimeoutError, HashellError):
            accepted.close()
        finally:
            self._strangers -= 1

    def _dial(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, DialRemote)
        self._spawn(self._connect(effect))

    async def _connect(self, wanted: DialRemote) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(wanted.timeout_ms / 1000):
                await loop.create_connection(
                    lambda: _Link(self, wanted.host, wanted.dial), wanted.host, wanted.port, ssl=self.keys().dialing,
                    server_hostname="", ssl_handshake_timeout=HANDSHAKE_S,
                )
        except HashellError as error:
            self.feed("remote", DialFailed(wanted.dial, error.message, final=True))
        except TimeoutError:
            self.feed("remote", DialFailed(wanted.dial, "nobody answers"))
        except ssl.SSLError as error:
            self.feed("remote", DialFailed(wanted.dial, f"tls: {(error.reason or 'error').lower()}"))
        except OSError as error:
            self.feed("remote", DialFailed(wanted.dial, error.strerror or str(error)))

    def opened(self, link: _Link) -> None:
        assert link.transport is not None
        tls = link.transport.get_extra_info("ssl_object")
        if tls is None or (tls.getpeercert(binary_form=True) or b"") not in self.keys().pinned:
            link.close()
            if link.dial:
                self.feed("remote", DialFailed(link.dial, "it has another key", final=True))
            return
        handle = link.transport.get_extra_info("socket")
        if handle is not None:
            with suppress(OSError):
                handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._next += 1
        link.number = self._next
        self._links[link.number] = link
        self.feed("remote", LinkUp(link.number, link.dial, link.address))

    def ended(self, link: _Link, reason: str) -> None:
        if self._links.pop(link.number, None) is not None:
            self.feed("remote", LinkDown(link.number, reason))

    def has(self, number: int) -> bool:
        """Whether a link is still there."""
        return number in self._links

    def _send(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, RemoteSend)
        self.send(effect.link, effect.word)

    def send(self, number: int, word: words.Word) -> None:
        """Raises BadFrame for a word that no frame holds."""
        link = self._links.get(number)
        if link is None or link.transport is None or link.closing:
            return
        waiting = link.transport.get_write_buffer_size()
        if isinstance(word, words.Notice) and waiting > NOTICES_WAITING_MAX:
            return
        link.transport.write(words.encode(word))
        if waiting > WAITING_MAX:
            self.ended(link, "it does not read what it is sent")
            link.abort()

    def _close(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, RemoteClose)
        link = self._links.pop(effect.link, None)
        if link is not None:
            link.close()


def _listening(host: str, port: int) -> socket.socket:
    """IPv6 and IPv4 alike where no address is given."""
    family = socket.AF_INET
    if (not host and socket.has_dualstack_ipv6()) or ":" in host:
        family = socket.AF_INET6
    made = socket.create_server(
        (host, port), family=family, backlog=64, dualstack_ipv6=family == socket.AF_INET6 and not host
    )
    made.setblocking(False)
    return made
