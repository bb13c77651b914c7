"""Links of remote nodes over real TLS on loopback: who gets in, and what becomes of the others."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest

from hashell.lab.keygen import make_key
from hashelld.engine.mesh.keyring import Keyring
from hashelld.engine.mesh.transport import make_contexts
from hashelld.remote import words
from hashelld.remote.links import DialFailed, DialRemote, LinkDown, LinkUp, RemoteClose, RemoteSend, WordCame
from hashelld.remote.transport import RemoteTransport
from hashelld.remote_node import RemoteKeys

HERE = "127.0.0.1"


class End:
    """A transport and what it told."""

    def __init__(self, key, *, listens: bool = False) -> None:
        self.links = RemoteTransport(RemoteKeys(key), listen=(HERE, 0) if listens else None)
        self.told: asyncio.Queue = asyncio.Queue()

    async def __aenter__(self):
        await self.links.start(lambda component, event: self.told.put_nowait(event))
        return self

    async def __aexit__(self, *_):
        await self.links.stop()

    def do(self, effect):
        self.links.performs[type(effect)]("remote", effect)

    async def next(self, kind):
        async with asyncio.timeout(20):
            while True:
                event = await self.told.get()
                if isinstance(event, kind):
                    return event


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key"
    make_key(path)
    return path


def test_who_has_the_key_is_linked_and_words_go_both_ways(key):
    async def story():
        async with End(key, listens=True) as remote, End(key) as member:
            member.do(DialRemote(7, HERE, remote.links.port, 5000))
            here, there = await member.next(LinkUp), await remote.next(LinkUp)
            assert (here.dial, there.dial) == (7, 0)
            member.do(RemoteSend(here.link, words.Attach(1, "c", "n1", "r1", "n1")))
            assert (await remote.next(WordCame)).word == words.Attach(1, "c", "n1", "r1", "n1")
            remote.do(RemoteSend(there.link, words.Pong(3)))
            assert (await member.next(WordCame)).word == words.Pong(3)
            member.do(RemoteClose(here.link))
            assert (await remote.next(LinkDown)).link == there.link

    asyncio.run(story())


def test_another_key_is_told_as_such_and_no_link_is_made(key, tmp_path):
    other = tmp_path / "other"
    make_key(other)

    async def story():
        async with End(key, listens=True) as remote, End(other) as member:
            member.do(DialRemote(1, HERE, remote.links.port, 5000))
            failed = await member.next(DialFailed)
            assert failed.final and "key" in failed.reason
            assert remote.told.empty()

    asyncio.run(story())


def test_what_members_show_one_another_opens_no_remote_node(key):
    """A link of the mesh is never taken for one to a remote node, although both come from one key."""
    async def story():
        async with End(key, listens=True) as remote:
            _, dialing = make_contexts(*Keyring(key).trusts)
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                reader, writer = await asyncio.open_connection(HERE, remote.links.port, ssl=dialing, server_hostname="")
                writer.write(words.encode(words.Attach(1, "c", "n1", "r1", "n1")))
                await asyncio.wait_for(reader.read(), 10)
                writer.close()
            assert remote.told.empty()

    asyncio.run(story())


def test_garbage_and_silence_harm_nobody_and_a_member_still_gets_in(key):
    async def story():
        async with End(key, listens=True) as remote, End(key) as member:
            strangers = []
            for data in (b"", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 200, b"\x00" * 1000):
                _, writer = await asyncio.open_connection(HERE, remote.links.port)
                writer.write(data)
                strangers.append(writer)
            member.do(DialRemote(1, HERE, remote.links.port, 5000))
            here, there = await member.next(LinkUp), await remote.next(LinkUp)
            # A member that has lost its mind: its link ends, with the reason.
            member.links._links[here.link].transport.write(b"\xff\xff\xff\xff")
            assert "bytes" in (await remote.next(LinkDown)).reason
            member.do(DialRemote(2, HERE, remote.links.port, 5000))
            assert (await remote.next(LinkUp)).link != there.link
            for writer in strangers:
                writer.close()

    asyncio.run(story())


def test_nobody_at_the_port_is_a_failure_that_may_pass(key):
    async def story():
        async with End(key) as member:
            member.do(DialRemote(1, HERE, 1, 2000))
            failed = await member.next(DialFailed)
            assert not failed.final

    asyncio.run(story())
