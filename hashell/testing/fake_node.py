"""A node without a cluster: the daemon's real socket and `ipc` component over a CIB in memory, in a thread.

For tests of clients, feeds, shell and monitor. What in a daemon other components answer, `FakeNode` answers by itself
and at once; `happen`, `change` and `die` are the levers for a test.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

from lxml import etree

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.errors import HashellError
from hashell.wire import messages
from hashell.wire.failures import failure_of
from hashelld.core.effects import Effect, Multicast, ReadHistory, Reply, Tell
from hashelld.core.events import (
    AttributeWanted,
    Author,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    ClientAsked,
    Event,
    Happened,
    Member,
    MembersChanged,
    ShutdownWanted,
    Started,
    View,
)
from hashelld.ipc.core import Ipc
from hashelld.ipc.server import IpcServer
from hashelld.settings import Settings

#: Seconds that a test waits for the node's thread.
WAIT_S = 60.0
T = TypeVar("T")


def a_view(*names: str, number: int = 1, lost: tuple[str, ...] = ()) -> View:
    """A quorate view of these nodes; the first is the DC."""
    members = tuple(
        Member(id, name, f"uuid-{name}", 1, f"127.0.0.{id}") for id, name in enumerate(names, 1)
    )
    votes, expected = len(names), len(names) + len(lost)
    return View(
        number, members, lost=lost, quorate=votes * 2 > expected, votes=votes,
        expected_votes=expected, quorum=expected // 2 + 1,
    )


class FakeNode:
    """A context manager: serves `folder`/hashelld.sock until it ends.

    `cib` is what it begins with; `nodes` are the members that it claims, itself the first.
    """

    def __init__(
        self, folder: Path, *, cib: Cib | bytes | str | None = None, cluster: str = "test",
        nodes: tuple[str, ...] = ("node1",), neighbours: tuple[str, ...] = (), **limits: Any,
    ) -> None:
        self.settings = Settings(
            cluster=cluster, node=nodes[0], state_dir=folder, run_dir=folder, key=folder / "key"
        )
        self.path = str(self.settings.socket)
        self.memory = MemoryClient(cib)
        self.asked: list[ClientAsked | AttributeWanted | ShutdownWanted] = []
        self.answers: Callable[[ClientAsked], Any] | None = None
        self._nodes = nodes
        self._neighbours = neighbours
        self._limits = limits
        self._ipc = Ipc(self.settings, machine="here")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._started = time.monotonic()
        self._dead = False

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self._start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if not self._dead:
            self.run(self._server.stop())
        self._end()

    def _end(self) -> None:
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(WAIT_S)
        if not self._loop.is_closed():
            self._loop.close()

    async def _start(self) -> None:
        self._server = IpcServer(self.settings, **self._limits)
        await self._server.start(self._feed)
        self._feed("ipc", Started(self._nodes[0], self.settings.cluster, self.memory.cib()))
        self._feed("ipc", MembersChanged(a_view(*self._nodes)))
        for number, path in enumerate(self._neighbours):
            self._ipc._neighbours[f"neighbour{number}"] = path

    # --- levers

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something in the node's loop and wait for it."""
        future: concurrent.futures.Future[T] = asyncio.run_coroutine_threadsafe(
            coroutine, self._loop
        )
        return future.result(WAIT_S)

    def feed(self, event: Event) -> None:
        """Let the component `ipc` hear an event, as if another component had told it."""

        async def do() -> None:
            self._feed("ipc", event)

        self.run(do())

    def change(self, *changes: messages.Change, user: str = "somebody", command: str = "") -> str:
        """Change the CIB as another node's client would; the new version."""

        async def do() -> str:
            return self._apply(changes, Author(user, self._nodes[0], command))

        return self.run(do())

    def happen(self, text: str, kind: str = "config", level: str = "info") -> None:
        """Let something happen."""
        self.feed(Happened(kind, level, text))

    def view(self, view: View) -> None:
        """Let another view be in force."""
        self.feed(MembersChanged(view))

    def notify(self, body: messages.Message) -> None:
        """Push any notice, also one that no real node would send."""

        async def do() -> None:
            self._server.notify(body)

        self.run(do())

    def die(self) -> None:
        """End as after `kill -9`: all connections break, the socket's file stays."""

        async def do() -> None:
            assert self._server._server is not None
            self._server._server.close()
            for connection in list(self._server._connections.values()):
                connection.writer.transport.abort()
            for task in (*self._server._tasks, self._server._sweeper):
                if task is not None:
                    task.cancel()
            await asyncio.sleep(0)

        self.run(do())
        self._dead = True

    # --- what stands in for the other components

    def _feed(self, component: str, event: Event) -> None:
        waiting: deque[Event] = deque([event])
        while waiting:
            now_ms = round((time.monotonic() - self._started) * 1000)
            for effect in self._ipc.receive(waiting.popleft(), now_ms, time.time()):
                waiting.extend(self._perform(effect))

    def _perform(self, effect: Effect) -> Iterable[Event]:
        match effect:
            case Tell(ChangeWanted(operations, author, request)):
                changes = [
                    messages.Change(o.kind, o.xml, o.path, o.admin_epoch, o.epoch) for o in operations
                ]
                try:
                    version = self._apply(changes, author)
                except HashellError as error:
                    return [ChangeAnswered(request, "", error.id, error.message, error.hint)]
                return [ChangeAnswered(request, version)]
            case Tell(ClientAsked() as asked):
                self._client_asked(asked)
            case Tell(AttributeWanted(node, name, value) as wanted):
                self.asked.append(wanted)
                before = self.memory.cib()
                try:
                    self.memory.set_attribute(node, name, value)
                except HashellError:
                    return []
                return [self._changed(before, Author("", node))]
            case Tell(ShutdownWanted() as wanted):
                self.asked.append(wanted)
            case Multicast():
                pass
            case ReadHistory(ticket, limit, version):
                self._server.reply(ticket, self._read(limit, version))
            case _:
                self._server.performs[type(effect)]("ipc", effect)
        return []

    def _apply(self, changes: Iterable[messages.Change], author: Author) -> str:
        before = self.memory.cib()
        version = self.memory.apply(
            list(changes), command=author.command, message=author.message
        )
        if self.memory.cib() is not before:
            self._feed("ipc", self._changed(before, author))
        return version

    def _changed(self, before: Cib, author: Author) -> CibChanged:
        after = self.memory.cib()
        patch = etree.tostring(make_patch(before, after))
        return CibChanged(before, after, patch, author, after.version.num_updates == 0)

    def _client_asked(self, asked: ClientAsked) -> None:
        self.asked.append(asked)
        try:
            body = self.answers(asked) if self.answers else self._answer(asked.body)
        except HashellError as error:
            body = failure_of(error)
        if body is not None:
            self._server.performs[Reply]("ipc", Reply(asked.client, body))

    def _read(self, limit: int, version: str) -> messages.Message:
        try:
            if version:
                return messages.CibIs(self.memory.version(version).to_bytes(), version)
        except HashellError as error:
            return failure_of(error)
        return messages.History(self.memory.history(limit))

    def _answer(self, body: Any) -> Any:
        match body:
            case messages.CleanUp(resource, node, task, interval_ms, refresh):
                before = self.memory.cib()
                text = self.memory.clean_up(
                    resource, node, task=task, interval_ms=interval_ms, refresh=refresh
                )
                if self.memory.cib() is not before:
                    self._feed("ipc", self._changed(before, Author("", "")))
                return messages.Done(text)
            case messages.ForgetNode(node):
                return messages.Done(self.memory.forget_node(node))
            case _:
                return messages.Done()
