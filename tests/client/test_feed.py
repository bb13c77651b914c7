"""The feed: every change in order, and a node's death is a change of place, not an end."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hashell.cib.document import EMPTY, parse_xml
from hashell.cib.patch import apply_patch
from hashell.client.cib_file import FileClient
from hashell.client.daemon import DaemonClient
from hashell.client.feed import (
    CibUpdate,
    Connected,
    Disconnected,
    EventUpdate,
    InfoUpdate,
    LiveFeed,
    PollingFeed,
    TransitionUpdate,
    feed_of,
)
from hashell.testing.fake_node import FakeNode, a_view
from hashell.wire import messages
from hashell.wire.messages import Change
from hashelld.core.events import TransitionStarted


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="hsh") as path:
        yield Path(path)


@asynccontextmanager
async def following(feed):
    """The feed's updates, one by one, each in good time."""
    updates = feed.updates()

    async def the_next(kind=None):
        async with asyncio.timeout(60):
            while True:
                update = await anext(updates)
                if kind is None or isinstance(update, kind):
                    return update

    try:
        yield the_next
    finally:
        await updates.aclose()


def a_node(number: int) -> Change:
    return Change("modify", f'<node id="{number}" uname="n{number}"/>'.encode(), "nodes")


async def do(call, *args, **words):
    return await asyncio.to_thread(call, *args, **words)


async def test_it_begins_with_where_it_is_and_the_cib(folder):
    with FakeNode(folder) as node:
        async with following(LiveFeed(node.path)) as the_next:
            first = await the_next()
            assert isinstance(first, Connected)
            assert (first.node, first.moved_from) == ("node1", "")
            cib = await the_next(CibUpdate)
            assert cib.before is None and str(cib.after.version) == "0.0.0"


async def test_every_change_comes_once_and_in_order(folder):
    with FakeNode(folder) as node:
        async with following(LiveFeed(node.path)) as the_next:
            before = (await the_next(CibUpdate)).after
            for number in range(1, 6):
                await do(node.change, a_node(number), user="anna", command=f"add {number}")
            for number in range(1, 6):
                update = await the_next(CibUpdate)
                assert update.before is before
                assert str(update.after.version) == f"0.{number}.0"
                assert (update.user, update.command) == ("anna", f"add {number}")
                before = update.after
            assert before.to_bytes() == node.memory.cib().to_bytes()


async def test_a_flood_of_changes_of_a_cib_that_is_dear_to_copy_comes_in_few_updates_that_lack_nothing(
    folder, monkeypatch
):
    count = itertools.count()
    with FakeNode(folder) as node:
        async with following(LiveFeed(node.path)) as the_next:
            before = (await the_next(CibUpdate)).after
            monkeypatch.setattr("hashell.client.feed.time.thread_time", lambda: next(count) * 0.1)
            for number in range(1, 41):
                await do(node.change, a_node(number))
            updates = []
            while not updates or str(updates[-1].after.version) != "0.40.0":
                updates.append(await the_next(CibUpdate))

    assert len(updates) < 20
    assert updates[-1].after.to_bytes() == node.memory.cib().to_bytes()
    assert sum(len(update.patches) for update in updates) == 40
    for update in updates:
        assert update.before is before
        for patch in update.patches:
            before = apply_patch(before, parse_xml(patch))
        assert before.to_bytes() == update.after.to_bytes()
        before = update.after


async def test_a_patch_that_does_not_fit_is_mended_by_the_whole_cib(folder):
    with FakeNode(folder) as node:
        async with following(LiveFeed(node.path)) as the_next:
            await the_next(CibUpdate)
            await do(node.notify, messages.CibNotice("0.9.0", b"<rubbish/>"))
            mended = await the_next(CibUpdate)
            assert mended.before is None and str(mended.after.version) == "0.0.0"
            await do(node.change, a_node(1))
            assert str((await the_next(CibUpdate)).after.version) == "0.1.0"


async def test_a_whole_transfer_without_a_patch_is_fetched(folder):
    with FakeNode(folder) as node:
        async with following(LiveFeed(node.path)) as the_next:
            await the_next(CibUpdate)
            await do(node.notify, messages.CibNotice("0.0.0", b""))
            assert (await the_next(CibUpdate)).before is None


async def test_events_members_and_transitions_are_told(folder):
    with FakeNode(folder) as node:
        node.happen("long ago")
        async with following(LiveFeed(node.path)) as the_next:
            past = await the_next(EventUpdate)
            assert past.past and past.event.text == "long ago"
            await the_next(CibUpdate)
            await do(node.happen, "now")
            now = await the_next(EventUpdate)
            assert not now.past and now.event.text == "now"
            await do(node.view, a_view("node1", "node2", number=2))
            info = await the_next(InfoUpdate)
            assert [member.name for member in info.info.members] == ["node1", "node2"]
            await do(node.notify, messages.TransitionNotice("started", 3, dc="node1"))
            assert (await the_next(TransitionUpdate)).notice.number == 3


async def test_a_transition_from_before_is_told_too(folder):
    with FakeNode(folder) as node:
        node.feed(TransitionStarted(8, "node1", b"<g/>", "web moves"))
        async with following(LiveFeed(node.path)) as the_next:
            assert (await the_next(TransitionUpdate)).notice.summary == "web moves"


async def test_when_its_node_dies_it_moves_to_a_neighbour_and_says_so(folder):
    with (
        FakeNode(folder / "b", nodes=("node2",)) as other,
        FakeNode(folder / "a", neighbours=(other.path,)) as node,
    ):
        async with following(LiveFeed(node.path)) as the_next:
            await the_next(CibUpdate)
            await the_next(InfoUpdate)
            await do(node.die)
            moved = await the_next(Connected)
            assert (moved.node, moved.where) == ("node2", other.path)
            assert moved.moved_from == node.path and "node1" in moved.why
            assert (await the_next(CibUpdate)).after is not None


async def test_a_node_that_falls_silent_is_left(folder):
    path = str(folder / "frozen.sock")

    async def freeze(reader, writer):
        """Greets, and is frozen from then on."""
        from hashell.wire import codec

        await reader.read(1000)
        welcome = messages.Welcome(messages.PROTOCOL, "0", "test", "frozen", "me")
        writer.write(codec.encode(messages.ToClient(1, welcome)))
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_unix_server(freeze, path)
    with FakeNode(folder / "b", nodes=("node2",)) as other:
        feed = LiveFeed(path, others=(other.path,), silence_s=0.2)
        async with following(feed) as the_next:
            assert (await the_next(Connected)).node == "frozen"
            moved = await the_next(Connected)
            assert moved.node == "node2" and "silent" in moved.why
    server.close()


async def test_with_nobody_left_it_says_so_and_comes_back_by_itself(folder):
    with FakeNode(folder) as node:
        feed = LiveFeed(node.path)
        async with following(feed) as the_next:
            await the_next(CibUpdate)
            await do(node.die)
            gone = await the_next(Disconnected)
            assert gone.retry_s > 0 and gone.why
            with FakeNode(folder):
                again = await the_next(Connected)
                assert again.node == "node1"
                await the_next(CibUpdate)


async def test_no_daemon_at_the_start_is_told_and_not_raised(folder):
    feed = LiveFeed(str(folder / "nobody.sock"))
    async with following(feed) as the_next:
        assert "no socket" in (await the_next(Disconnected)).why


async def test_closing_ends_the_updates(folder):
    with FakeNode(folder) as node:
        feed = LiveFeed(node.path)
        got = []

        async def follow():
            async for update in feed.updates():
                got.append(update)

        task = asyncio.create_task(follow())
        while not got:
            await asyncio.sleep(0.01)
        await feed.close()
        async with asyncio.timeout(60):
            await task


async def test_a_file_is_followed_by_looking(folder):
    path = folder / "cib.xml"
    path.write_bytes(EMPTY)
    client = FileClient(str(path))
    async with following(PollingFeed(client, interval_s=0.01)) as the_next:
        assert isinstance(await the_next(), Connected)
        assert (await the_next(CibUpdate)).before is None
        client.apply([a_node(1)])
        update = await the_next(CibUpdate)
        assert str(update.before.version) == "0.0.0" and str(update.after.version) == "0.1.0"
        path.unlink()
        assert (await the_next(Disconnected)).why
        path.write_bytes(EMPTY)
        await the_next(Connected)


async def test_the_feed_fits_the_client(folder):
    path = folder / "cib.xml"
    path.write_bytes(EMPTY)
    assert isinstance(feed_of(FileClient(str(path))), PollingFeed)
    with FakeNode(folder) as node:
        client = DaemonClient(node.path)
        assert isinstance(feed_of(client), LiveFeed)
        client.close()
