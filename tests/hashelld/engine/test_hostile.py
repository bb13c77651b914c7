"""Whoever knocks, floods, drips, repeats or does not read: nobody gets in, what is kept is bounded, the members go on.

Two engines with real TLS on loopback (no daemons); each test has the name of its fault scenario.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
import struct
from pathlib import Path

import pytest

from hashelld.core.dispatch import MulticastWanted
from hashelld.core.effects import CancelTimer, Log, StartTimer, Tell
from hashelld.core.events import MembersChanged, MessageOrdered, Started
from hashelld.engine.engine import Me
from hashelld.engine.mesh import linking
from hashelld.engine.mesh import transport as transport_module
from hashelld.engine.mesh.codec import Direct, Hello, ViewId, encode
from hashelld.engine.mesh.core import MeshEngine
from hashelld.engine.mesh.transport import Transport, make_contexts
from hashelld.engine.mesh.trust import make_trust
from hashelld.settings import make

KEY = b"k" * 32


class Node:
    """An engine, its transport, and the timers of a driver."""

    def __init__(self, name, peers=(), key=KEY, **options):
        here = Path("/nowhere")
        self.settings = make({
            "cluster": "c", "node": name, "state_dir": here, "run_dir": here, "key": here, "address": "127.0.0.1",
            "port": 0, "peers": tuple(("127.0.0.1", peer.port) for peer in peers), "expect": 2, "zeroconf": False,
            "detect_ms": 20_000, **options,
        })
        self.engine = MeshEngine(self.settings, Me(name, f"u-{name}", 1, "c"), {})
        trusts = (make_trust(key),)
        self.transport = Transport(self.settings, lambda: trusts)
        self.timers = {}
        self.view = None
        self.views = 0
        self.messages = []
        self.lines = []

    @property
    def port(self):
        return self.transport.port

    async def start(self):
        await self.transport.start(self.feed)
        self.feed("engine", Started(self.settings.node, "c", None))
        return self

    async def stop(self):
        for timer in self.timers.values():
            timer.cancel()
        await self.transport.stop()

    def feed(self, component, event):
        loop = asyncio.get_running_loop()
        for effect in self.engine.receive(event, int(loop.time() * 1000), 0.0):
            match effect:
                case StartTimer(name, delay_ms, due):
                    if name in self.timers:
                        self.timers[name].cancel()
                    self.timers[name] = loop.call_later(delay_ms / 1000, self.feed, "engine", due)
                case CancelTimer(name):
                    if name in self.timers:
                        self.timers.pop(name).cancel()
                case Tell(MembersChanged(view)):
                    self.view, self.views = view, self.views + 1
                case Tell(MessageOrdered() as message):
                    self.messages.append(message.payload)
                case Log(_, text, fields):
                    self.lines.append(f"{text} {fields}")
                case _ if type(effect) in self.transport.performs:
                    self.transport.performs[type(effect)]("engine", effect)

    def say(self, payload):
        self.feed("engine", MulticastWanted("x", payload))


async def until(holds, what="it did not happen"):
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(what)


@pytest.fixture
async def pair():
    """Two members of one view."""
    async with contextlib.AsyncExitStack() as stack:
        one = await Node("node1").start()
        stack.push_async_callback(one.stop)
        other = await Node("node2", [one]).start()
        stack.push_async_callback(other.stop)
        await until(lambda: all(node.view and len(node.view.names) == 2 for node in (one, other)), "no view")
        yield one, other


async def go_on(pair, views=None):
    """The two are members of one view, and a message of each comes to both."""
    one, other = pair
    marks = [f"{node.settings.node} {len(node.messages)}".encode() for node in pair]
    for node, payload in zip(pair, marks, strict=True):
        node.say(payload)
    await until(lambda: all(set(marks) <= set(node.messages) for node in pair), "messages do not come any more")
    assert one.view.names == other.view.names == ("node1", "node2")
    if views is not None:
        assert [node.views for node in pair] == views


def client(key=KEY, **changes):
    context = make_contexts(make_trust(key))[1]
    for name, value in changes.items():
        setattr(context, name, value)
    return context


async def refused(port, context):
    """Whether a TLS client is turned away before it hears a word of the protocol."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        data = await asyncio.wait_for(reader.read(100), 20)
        writer.close()
    except (ssl.SSLError, OSError):
        return True
    return data == b""


async def test_wrong_key_no_certificate_old_tls_plain_text_port_scan(pair):
    one, other = pair
    views = [node.views for node in pair]
    anonymous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anonymous.check_hostname, anonymous.verify_mode = False, ssl.CERT_NONE
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    for context in (client(b"x" * 32), anonymous, old):
        assert await refused(one.port, context)
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        assert b"HTTP" not in await asyncio.wait_for(reader.read(), 20)
    writer.close()
    for _ in range(100):
        socket.create_connection(("127.0.0.1", one.port)).close()
    stranger = await Node("node3", [one, other], key=b"x" * 32).start()
    await until(lambda: any("another cluster key" in line for line in stranger.lines), "it is not told why")
    await stranger.stop()

    assert len([line for line in one.lines if "refused" in line]) < 10
    await go_on(pair, views)


async def test_1000_connections_that_never_speak_slow_drip_handshake(pair, monkeypatch):
    one, other = pair
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3000:
        pytest.skip("this user may not open 3000 files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    views = [node.views for node in pair]
    hello = bytes.fromhex("16030100c8010000c40303") + b"\0" * 200
    silent = []
    for number in range(1000):
        made = socket.socket()
        made.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            made.connect(("127.0.0.1", one.port))
        silent.append(made)
        if number % 50 == 0:
            await asyncio.sleep(0)
    for place in range(20):
        for made in silent[::20]:
            with contextlib.suppress(OSError):
                made.send(hello[place : place + 1])
        assert len(one.transport._strangers) <= transport_module.STRANGERS_MAX
        await asyncio.sleep(0.01)
    await go_on(pair, views)
    third = await Node("node3", [one, other]).start()
    try:
        await until(lambda: third.view and len(third.view.names) == 3, "a sound node cannot join")
    finally:
        for made in silent:
            made.close()
        await third.stop()


async def test_replay_of_a_whole_earlier_session(pair):
    """What went over the wire, byte for byte, to the same port: TLS takes none of it."""
    one, _ = pair
    seen = []

    async def relay(reader, writer):
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", one.port)

        async def pass_on(source, sink, keep):
            with contextlib.suppress(ConnectionError):
                while data := await source.read(4096):
                    if keep:
                        seen.append(data)
                    sink.write(data)
            sink.close()

        await asyncio.gather(pass_on(reader, to_writer, True), pass_on(to_reader, writer, False))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    third = Node("node3")
    third.settings = make({
        **{key: getattr(third.settings, key) for key in ("cluster", "node", "state_dir", "run_dir", "key", "address")},
        "port": 0, "zeroconf": False, "peers": (("127.0.0.1", server.sockets[0].getsockname()[1]),),
    })
    third.engine = MeshEngine(third.settings, Me("node3", "u-node3", 1, "c"), {})
    await third.start()
    await until(lambda: any("link up" in line and "node3" in line for line in one.lines), "no session to record")
    await third.stop()
    server.close()
    await until(lambda: "node3" not in one.engine._peers, "it is still there")
    before = len([line for line in one.lines if "link up" in line])
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(b"".join(seen))
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await asyncio.sleep(0.1)

    assert len(b"".join(seen)) > 500
    assert len([line for line in one.lines if "link up" in line]) == before
    await go_on(pair)


class Liar:
    """Somebody with the key who speaks to one node by hand."""

    def __init__(self, port, name="node9"):
        self.port, self.name = port, name

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=client())
        self.writer.write(encode(Hello(1, "c", self.name, f"u-{self.name}", 1, session=1)))
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()

    async def ends(self):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while await asyncio.wait_for(self.reader.read(65536), 20):
                pass


@pytest.mark.parametrize("data", [
    struct.pack(">I", 5 * 1024 * 1024), struct.pack(">I", 0), struct.pack(">I", 2**32 - 1),
    struct.pack(">I", 3000) + b"\x91" * 3000, encode(Direct(ViewId(1, "a"), "t", b"x")).replace(b"Direct", b"Detour"),
    struct.pack(">I", 9) + b"\x94\xa3Got\x01\x02\x03\x04",
], ids=["oversized frame", "length 0", "length 2^32-1", "deep nesting", "unknown type", "wrong types"])
async def test_oversized_frame_length_0_deep_nesting_wrong_types_unknown_type(pair, data):
    one, _ = pair
    async with Liar(one.port) as liar:
        liar.writer.write(data)
        await liar.ends()

    await until(lambda: any("node9 is cut off" in line or "link ended" in line for line in one.lines), "nobody is told")
    await go_on(pair)


async def test_every_byte_flipped(pair):
    one, _ = pair
    sound = encode(Direct(ViewId(1, "node1", 1), "topic", b"payload"))
    for place in range(len(sound)):
        async with Liar(one.port) as liar:
            spoiled = bytearray(sound)
            spoiled[place] ^= 0xFF
            liar.writer.write(bytes(spoiled) + sound)
            await liar.writer.drain()
            await asyncio.sleep(0)
    await go_on(pair)


async def test_a_peer_that_floods(pair):
    """Fifty megabytes of frames of a view that is none: dropped, and nothing of them is kept."""
    one, _ = pair
    frame = encode(Direct(ViewId(7, "node9", 1), "t", b"\0" * 60_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with Liar(one.port) as liar:
        async with asyncio.timeout(60):
            for number in range(800):
                liar.writer.write(frame)
                await liar.writer.drain()
                if number % 200 == 0:
                    one.say(b"on")
        await go_on(pair)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000


async def test_a_peer_that_stops_reading(pair, monkeypatch):
    """It is given up after it has lagged; what waits for it is bounded meanwhile, and the others go on."""
    one, other = pair
    monkeypatch.setattr(linking, "LAG_BYTES", 200_000)
    monkeypatch.setattr(linking, "LAG_MAX_MS", 300)
    views = one.views
    link = one.engine._peers["node2"].link
    stopped = other.transport._links[other.engine._peers["node1"].link].transport
    stopped.pause_reading()
    other.timers["tick"].cancel()
    for number in range(200):
        one.say(f"{number} ".encode() + b"\0" * 50_000)
    assert one.transport._links[link].transport.get_write_buffer_size() < 16 * 1024 * 1024
    await until(lambda: any("lags" in line for line in one.lines), "nobody says that it lags")
    # It may be back at once over a connection that it reads.
    await until(lambda: any("link ended" in line and "lags" in line for line in one.lines), "it is not left behind")
    await until(lambda: one.views > views, "the view goes on with it")
    assert len(one.messages) >= 200
    stopped.resume_reading()


async def test_a_connection_torn_by_a_middlebox_is_resumed_and_no_view_changes(pair):
    one, other = pair
    views = [node.views for node in pair]
    said = []
    for number in range(30):
        node = pair[number % 2]
        said.append(f"n{number}".encode())
        node.say(said[-1])
        if number % 5 == 0:
            peer = node.engine._peers["node2" if node is one else "node1"]
            if not peer.torn_ms:
                node.transport._links[peer.link].transport.abort()
        await asyncio.sleep(0.02)
    await until(lambda: all(set(said) <= set(node.messages) for node in pair), "messages are lost")

    assert one.messages == other.messages and len(one.messages) == 30
    assert [node.views for node in pair] == views
    assert any("link resumed" in line for line in one.lines)


async def test_a_message_longer_than_a_frame_goes_in_pieces(pair):
    one, other = pair
    payload = bytes(range(256)) * 30_000
    one.say(payload)
    await until(lambda: other.messages == [payload], "it did not come")
    await go_on(pair)
