"""Real connections on loopback: who gets in, what both sides are told, what a port in use means."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from pathlib import Path

import pytest

from hashelld.engine.mesh import transport as module
from hashelld.engine.mesh.codec import Beat, Hello, ViewId
from hashelld.engine.mesh.links import (
    Dial,
    DialFailed,
    FrameCame,
    LinkClose,
    LinkClosed,
    LinkOpened,
    LinkSend,
    StrangerCame,
)
from hashelld.engine.mesh.transport import PortTaken, Transport
from hashelld.engine.mesh.trust import make_trust
from hashelld.settings import make

pytestmark = pytest.mark.loopback

HELLO = Hello(1, "c", "node1", "u", 1)


class End:
    """A transport and what it told."""

    def __init__(self, key=b"k" * 32, port=0):
        here = Path("/nowhere")
        self.settings = make({
            "cluster": "c", "node": "n", "state_dir": here, "run_dir": here, "key": here,
            "address": "127.0.0.1", "port": port,
        })
        trusts = (make_trust(key),)
        self.transport = Transport(self.settings, lambda: trusts)
        self.told = asyncio.Queue()

    async def start(self):
        await self.transport.start(lambda component, event: self.told.put_nowait(event))
        return self

    def do(self, effect):
        self.transport.performs[type(effect)]("engine", effect)

    async def hear(self, kind):
        while True:
            event = await asyncio.wait_for(self.told.get(), 60)
            if isinstance(event, kind):
                return event


@pytest.fixture
async def ends():
    async with contextlib.AsyncExitStack() as stack:
        async def make_end(**options):
            end = await End(**options).start()
            stack.push_async_callback(end.transport.stop)
            return end

        yield make_end


async def test_a_dial_for_which_there_is_no_descriptor_says_nothing_of_the_peer(ends, monkeypatch):
    """Only a machine that refuses tells that its daemon is gone; whatever is wrong here would lose a healthy node."""
    one = await ends()

    async def full(*args, **more):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "create_connection", full)
        one.do(Dial(("127.0.0.1", 1)))
        assert (await one.hear(DialFailed)).kind == "other"
    other = await End().start()
    port = other.transport.port
    await other.transport.stop()
    one.do(Dial(("127.0.0.1", port)))
    assert (await one.hear(DialFailed)).kind == "refused"


async def test_frames_go_both_ways_between_those_that_have_the_key_and_an_end_is_told(ends):
    one, other = await ends(), await ends()
    one.do(Dial(("127.0.0.1", other.transport.port)))
    here, there = await one.hear(LinkOpened), await other.hear(LinkOpened)
    beat = Beat(ViewId(1, "a"), 1, (("a", 1),))
    one.do(LinkSend((here.link,), HELLO))
    one.do(LinkSend((here.link,), beat))
    other.do(LinkSend((there.link,), HELLO))

    assert (here.dialed, there.dialed) == (True, False)
    assert [(await other.hear(FrameCame)).frame for _ in range(2)] == [HELLO, beat]
    assert (await one.hear(FrameCame)).frame == HELLO
    await other.transport.stop()
    assert (await one.hear(LinkClosed)).link == here.link


async def test_a_link_that_is_being_closed_is_no_hindrance_to_the_end(ends):
    one, other = await ends(), await ends()
    one.do(Dial(("127.0.0.1", other.transport.port)))
    here = await one.hear(LinkOpened)
    await other.hear(LinkOpened)
    one.do(LinkClose(here.link))
    one.do(LinkSend((here.link,), HELLO))
    one.do(LinkClose(here.link))
    await one.transport.stop()

    assert await other.hear(LinkClosed)


async def test_another_key_is_refused_and_both_sides_are_told(ends):
    one, other = await ends(key=b"x" * 32), await ends()
    one.do(Dial(("127.0.0.1", other.transport.port)))

    assert (await one.hear(DialFailed)).kind == "key"
    assert (await other.hear(StrangerCame)).kind == "key"
    assert one.told.empty() or not isinstance(await one.hear(object), LinkOpened)


async def test_who_speaks_no_tls_is_refused_and_told_apart(ends):
    end = await ends()
    reader, writer = await asyncio.open_connection("127.0.0.1", end.transport.port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert (await end.hear(StrangerCame)).kind == "plain"
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()


async def test_many_that_never_speak_do_not_keep_a_peer_out(ends, monkeypatch):
    monkeypatch.setattr(module, "STRANGERS_MAX", 8)
    monkeypatch.setattr(module, "HANDSHAKE_S", 0.5)
    one, other = await ends(), await ends()
    silent = [await asyncio.open_connection("127.0.0.1", other.transport.port) for _ in range(30)]
    for _ in range(40):
        one.do(Dial(("127.0.0.1", other.transport.port)))
        event = await one.hear((LinkOpened, DialFailed))
        if isinstance(event, LinkOpened):
            break
        await asyncio.sleep(0.1)
    for _, writer in silent:
        writer.close()

    assert isinstance(event, LinkOpened)


async def test_nobody_there_is_told_as_refused(ends):
    one, gone = await ends(), await ends()
    await gone.transport.stop()
    one.do(Dial(("127.0.0.1", gone.transport.port)))

    assert (await one.hear(DialFailed)).kind == "refused"


async def test_a_port_in_use_is_one_error_with_the_way_out(ends):
    one = await ends()

    with pytest.raises(PortTaken, match=rf"cannot listen at 127.0.0.1, port {one.transport.port}.*--port") as caught:
        await ends(port=one.transport.port)
    assert caught.value.exit_code == 73


async def test_nonsense_from_a_peer_ends_its_connection_with_a_reason(ends):
    one, other = await ends(), await ends()
    one.do(Dial(("127.0.0.1", other.transport.port)))
    here = await one.hear(LinkOpened)
    await other.hear(LinkOpened)
    one.transport._links[here.link].transport.write(b"\xff\xff\xff\xff")

    assert "at most 4096" in (await other.hear(LinkClosed)).reason
    assert await one.hear(LinkClosed)
