"""Transport: TCP with TLS 1.3 between nodes; both ends must show the certificate of the cluster key. The edge of mesh.

It listens, dials, cuts bytes into frames, and says what became of each connection. It decides nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from hashell.errors import HashellError
from hashelld.core.effects import Effect
from hashelld.core.events import Event
from hashelld.engine.mesh.codec import BadFrame, Reader, encode
from hashelld.engine.mesh.links import (
    Dial,
    DialFailed,
    FrameCame,
    LinkClose,
    LinkClosed,
    LinkOpened,
    LinkSend,
    Listening,
    StrangerCame,
)
from hashelld.engine.mesh.patience import stretched
from hashelld.engine.mesh.rotation import KeyShown
from hashelld.engine.mesh.trust import Trust
from hashelld.settings import Settings

#: Connections inside the handshake, and seconds for one. Source: the design of the cluster layer, "Trust".
STRANGERS_MAX = 64
HANDSHAKE_S = 3.0
DIAL_S = 3.0
#: Bytes that may wait for one peer; more means that it does not read, and it is cut off. A copy of a large CIB fits.
WAITING_MAX = 64 * 1024 * 1024
#: Addresses of this machine that peers are told.
ADDRESSES_MAX = 4
#: Bytes of frames for one peer that wait until the loop's pass is over, so that all but the first leave in one write.
TOGETHER_BYTES = 32 * 1024
#: Seconds for what was sent last to leave when a connection is closed.
LINGER_S = 0.5

Feed = Callable[[str, Event], None]


class PortTaken(HashellError):
    """Somebody listens at our port already."""

    id = "port-taken"
    exit_code = 73


def make_contexts(trust: Trust, *others: Trust) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For the side that listens and for the side that dials; `others` are accepted too. The private key touches the
    disk in a 0600 file for as long as OpenSSL needs to read it, in memory where the system has such files."""
    contexts = []
    handle = -1
    temporary = ""
    try:
        try:
            handle = os.memfd_create("hashell", os.MFD_CLOEXEC)
            path = f"/proc/self/fd/{handle}"
        except OSError:
            handle, temporary = tempfile.mkstemp(prefix="hashell-")
            path = temporary
        os.write(handle, trust.private_pem + trust.certificate_pem)
        for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT):
            context = ssl.SSLContext(protocol)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.check_hostname = False
            context.load_cert_chain(path)
            if protocol == ssl.PROTOCOL_TLS_SERVER:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(cadata="".join(one.certificate_pem.decode() for one in (trust, *others)))
                context.num_tickets = 0
            else:
                # Checked by us, byte for byte, before a word is said (`opened`). If OpenSSL did it here, asyncio would
                # drop the connection before our own certificate is sent, and the other side could not tell its people
                # that somebody with a wrong key knocks.
                context.verify_mode = ssl.CERT_NONE
            contexts.append(context)
    finally:
        if handle >= 0:
            os.close(handle)
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return contexts[0], contexts[1]


class _Connection(asyncio.Protocol):
    """One link: bytes to frames."""

    def __init__(self, owner: Transport, address: tuple[str, int], *, dialed: bool) -> None:
        self.owner = owner
        self.address = address
        self.dialed = dialed
        self.link = 0
        self.transport: asyncio.Transport | None = None
        self.reader = Reader()
        self.closing = False
        self.unsent: list[bytes] = []
        self.unsent_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=WAITING_MAX)
        self.owner.opened(self)

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        try:
            for frame in self.reader.feed(data):
                self.owner.feed("engine", FrameCame(self.link, frame))
        except BadFrame as error:
            self.owner.closed(self, f"{self.address[0]}: {error}", faulty=True)
            self.abort()
            return
        if self.owner.is_busy() and self.transport:
            # The node has more to do than it can: let the peer's window fill.
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(0.01, self._go_on)

    def _go_on(self) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.closed(self, _reason(exc))

    def put(self, data: bytes) -> None:
        """To be sent with the next flush, or now when that is much."""
        self.unsent.append(data)
        self.unsent_bytes += len(data)
        if self.unsent_bytes > TOGETHER_BYTES:
            self.flush()

    def flush(self) -> None:
        """What waits leaves now."""
        unsent, self.unsent, self.unsent_bytes = self.unsent, [], 0
        if unsent and self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"".join(unsent))

    def close(self) -> None:
        """End it after what was sent; once only.

        A TLS transport that is closed twice forgets its protocol, and to abort it raises; this holds for Python
        3.11.2 (asyncio/sslproto.py), which Debian 12 has.
        """
        self.flush()
        if self.transport and not self.transport.is_closing():
            self.transport.close()

    def abort(self) -> None:
        if self.transport:
            self.transport.abort()


class Transport:
    """All links of one node."""

    def __init__(
        self, settings: Settings, trusts: Callable[[], tuple[Trust, ...]], is_busy: Callable[[], bool] = lambda: False,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`trusts`: what is accepted now, the first is shown; `refused` is called when a peer does not accept that."""
        self.performs: dict[type[Effect], Callable[[str, Effect], None]] = {
            Dial: self._dial, LinkSend: self._send, LinkClose: self._close,
        }
        self._settings = settings
        self._trusts = trusts
        self._refused = refused
        self.rekey()
        self.is_busy = is_busy
        self.feed: Feed = lambda component, event: None
        self._links: dict[int, _Connection] = {}
        self._waiting: dict[int, _Connection] = {}
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: socket.socket | None = None
        self._strangers: dict[asyncio.Task[None], None] = {}
        self.port = 0

    def rekey(self) -> None:
        """From now on new connections are made with what is trusted now; those that are there go on."""
        self._pinned = {trust.certificate_der: trust.tag for trust in self._trusts()}
        self._server_context, self._client_context = make_contexts(*self._trusts())

    async def start(self, feed: Feed) -> None:
        """Listen. Raises PortTaken, or HashellError for an address that is not ours."""
        self.feed = feed
        host, port = self._settings.address, self._settings.port
        try:
            self._socket = _listen(host, port)
        except OSError as error:
            where = f"{host or 'any address'}, port {port}"
            raise PortTaken(
                f"cannot listen at {where}: {error.strerror}",
                "another hashelld may run there: give --port another, 0 for any free one",
            ) from None
        self.port = self._socket.getsockname()[1]
        feed("engine", Listening(self.port, _own_addresses(host)))
        self._spawn(self._accept(self._socket), "accept")

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        # The accepting task must be out of the loop before its socket is closed.
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket:
            self._socket.close()
        for connection in list(self._links.values()):
            connection.close()
        await asyncio.sleep(0)
        for connection in list(self._links.values()):
            connection.abort()

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- in

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError:
                # Out of descriptors: those that are open go on, newcomers wait.
                await asyncio.sleep(0.2)
                continue
            if len(self._strangers) >= STRANGERS_MAX:
                # The one that has dawdled longest makes room: a sound peer is through in no time, whoever else knocks.
                oldest = next(iter(self._strangers))
                self._strangers.pop(oldest)
                oldest.cancel()
            task = self._spawn(self._welcome(accepted, (_plain_ip(address[0]), address[1])), "welcome")
            self._strangers[task] = None
            task.add_done_callback(partial(self._welcomed, accepted))

    def _welcomed(self, accepted: socket.socket, task: asyncio.Task[None]) -> None:
        self._strangers.pop(task, None)
        if task.cancelled():
            accepted.close()

    async def _welcome(self, accepted: socket.socket, address: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                lambda: _Connection(self, address, dialed=False), accepted,
                ssl=self._server_context, ssl_handshake_timeout=self._stretched_s(HANDSHAKE_S),
            )
        except ssl.SSLError as error:
            kind = "plain" if error.reason in _PLAIN else "key"
            self.feed("engine", StrangerCame(address, kind, (error.reason or "").lower()))
        except (OSError, TimeoutError):
            pass

    def _stretched_s(self, limit_s: float) -> float:
        """Where many start at once, each has many handshakes to make: one that is given up must be made again."""
        return stretched(int(limit_s * 1000), max(len(self._settings.peers), len(self._links)) + 1) / 1000

    # --- out

    def _dial(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, Dial)
        self._spawn(self._connect(effect.address), "dial")

    async def _connect(self, address: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._stretched_s(DIAL_S)):
                await loop.create_connection(
                    lambda: _Connection(self, address, dialed=True), *address,
                    ssl=self._client_context, ssl_handshake_timeout=self._stretched_s(HANDSHAKE_S),
                )
        except ssl.SSLError as error:
            kind = "key" if error.reason not in _PLAIN else "other"
            if kind == "key":
                self._refused()
            self.feed("engine", DialFailed(address, kind, (error.reason or "").lower()))
        except TimeoutError:
            self.feed("engine", DialFailed(address, "timeout"))
        except ConnectionRefusedError as error:
            self.feed("engine", DialFailed(address, "refused", error.strerror or str(error)))
        except OSError as error:
            # No descriptor left here, no route: that tells nothing of who is there.
            self.feed("engine", DialFailed(address, "other", error.strerror or str(error)))

    def opened(self, connection: _Connection) -> None:
        assert connection.transport is not None
        tls = connection.transport.get_extra_info("ssl_object")
        shown = self._pinned.get(tls.getpeercert(binary_form=True) or b"") if tls else None
        if shown is None:
            # TLS 1.3 has proved that the peer holds the private key of what it showed: the certificate is who it is.
            connection.closing = True
            connection.close()
            if connection.dialed:
                self._refused()
                self.feed("engine", DialFailed(connection.address, "key", "another certificate"))
            else:
                self.feed("engine", StrangerCame(connection.address, "key", "another certificate"))
            return
        handle = connection.transport.get_extra_info("socket")
        if handle is not None:
            with suppress(OSError):
                handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._next += 1
        connection.link = self._next
        self._links[connection.link] = connection
        if shown != self._trusts()[0].tag:
            self.feed("engine", KeyShown(shown))
        local = connection.transport.get_extra_info("sockname") or ("",)
        self.feed("engine", LinkOpened(
            connection.link, connection.address, connection.dialed, _plain_ip(str(local[0]))
        ))

    def closed(self, connection: _Connection, reason: str, *, faulty: bool = False) -> None:
        if self._links.pop(connection.link, None) is not None:
            self.feed("engine", LinkClosed(connection.link, reason, faulty))

    def _send(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, LinkSend)
        data = encode(effect.frame)
        for link in effect.links:
            connection = self._links.get(link)
            if connection is None or connection.transport is None or connection.closing:
                continue
            if link in self._waiting:
                connection.put(data)
            else:
                # The first of a pass leaves at once: often it is all that somebody waits for.
                if not self._waiting:
                    asyncio.get_running_loop().call_soon(self._flush)
                self._waiting[link] = connection
                connection.transport.write(data)
            if connection.transport.get_write_buffer_size() > WAITING_MAX:
                self.closed(connection, "it does not read what it is sent", faulty=True)
                connection.abort()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for connection in waiting.values():
            connection.flush()

    def _close(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, LinkClose)
        connection = self._links.get(effect.link)
        if connection is None or connection.transport is None:
            return
        connection.closing = True
        connection.close()
        asyncio.get_running_loop().call_later(LINGER_S, connection.abort)


#: What OpenSSL says when the other side does not speak TLS at all.
_PLAIN = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE"}


def _plain_ip(address: str) -> str:
    """An IPv4 address as such, also when an IPv6 socket took the connection."""
    return address.removeprefix("::ffff:")


def _own_addresses(host: str) -> tuple[str, ...]:
    """Where peers reach us: where we listen, or this machine's IPv4 addresses; more than a few help nobody."""
    if host and host not in ("0.0.0.0", "::"):  # noqa: S104
        return (host,)
    import psutil

    found = {
        entry.address for entries in psutil.net_if_addrs().values() for entry in entries
        if entry.family == socket.AF_INET and not entry.address.startswith("127.")
    }
    return tuple(sorted(found))[:ADDRESSES_MAX]


def _reason(exc: Exception | None) -> str:
    if exc is None:
        return "closed"
    if isinstance(exc, ssl.SSLError):
        return f"tls: {(exc.reason or 'error').lower()}"
    return str(exc) or type(exc).__name__


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; IPv6 and IPv4 alike where no address is given."""
    family = socket.AF_INET
    if (not host and socket.has_dualstack_ipv6()) or ":" in host:
        family = socket.AF_INET6
    made = socket.create_server(
        (host, port), family=family, backlog=128,
        dualstack_ipv6=family == socket.AF_INET6 and not host,
    )
    made.setblocking(False)
    return made
