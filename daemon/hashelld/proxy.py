"""Proxy: clients of a remote node's socket are answered by the member that is connected to it.

    client → IpcServer → ProxyIpc → link ─────→ Proxied → component ipc …
    client ← IpcServer ←──────────  link ←───── Proxied ← Reply, Notify

On the remote node ProxyIpc stands in the place of `ipc`; on the member Proxied stands before its server and takes what
is for clients elsewhere. It knows them by their tickets, which begin where those of the node's own clients never come.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from hashell.wire import messages
from hashell.wire.failures import failure
from hashelld.core.effects import Effect, Notify, Reply
from hashelld.core.events import Event
from hashelld.ipc.core import Guarded, RequestArrived
from hashelld.ipc.server import IpcServer
from hashelld.remote import words
from hashelld.remote.links import NameKnown, PassAnswer, PassRequest
from hashelld.remote.side import RemoteSide
from hashelld.remote.transport import RemoteTransport

#: Tickets of clients on remote nodes.
TICKETS_FROM = 1 << 40
#: Requests of all remote nodes that may wait for answers; the remote node tells its client when none came in time.
WAITING_MAX = 10_000

_to_daemon = msgspec.msgpack.Decoder(messages.ToDaemon)
_to_client = msgspec.msgpack.Decoder(messages.ToClient)
_encode = msgspec.msgpack.encode

Body = TypeVar("Body")


class Proxied:
    """On a member: the edge through which requests of remote nodes come and answers go."""

    def __init__(self, server: IpcServer, links: RemoteTransport) -> None:
        self.performs: dict[type[Effect], Callable[[str, Any], None]] = {
            PassRequest: self._request, Reply: self._reply, Notify: self._notify,
        }
        self._server = server
        self._links = links
        self._feed: Callable[[str, Event], None] = lambda component, event: None
        self._tickets = itertools.count(TICKETS_FROM)
        self._waiting: dict[int, tuple[int, int, bool]] = {}
        self._subscribed: set[int] = set()

    async def start(self, feed: Callable[[str, Event], None]) -> None:
        self._feed = feed

    async def stop(self) -> None:
        self._waiting.clear()

    def _request(self, name: str, effect: PassRequest) -> None:
        asked = effect.asked
        try:
            body = _to_daemon.decode(asked.body).body
        except msgspec.MsgspecError as error:
            told = failure("bad-input", f"a request that cannot be understood: {error}")
            self._links.send(effect.link, words.Answer(asked.ticket, _encode(messages.ToClient(1, told))))
            return
        ticket = next(self._tickets)
        self._waiting[ticket] = (effect.link, asked.ticket, isinstance(body, messages.Subscribe))
        while len(self._waiting) > WAITING_MAX:
            self._waiting.pop(next(iter(self._waiting)))
        self._feed("ipc", RequestArrived(
            ticket, asked.user, asked.may_write, body, asked.privileged, asked.groups
        ))

    def _reply(self, name: str, effect: Reply) -> None:
        self.reply(effect.client, effect.body)

    def reply(self, ticket: int, body: Any) -> None:
        """To a client of this node, or of a remote one."""
        if ticket < TICKETS_FROM:
            self._server.reply(ticket, body)
            return
        link, theirs, subscribes = self._waiting.pop(ticket, (0, 0, False))
        if not link:
            return
        if subscribes:
            self._subscribed.add(link)
        self._links.send(link, words.Answer(theirs, _encode(messages.ToClient(1, body))))

    def _notify(self, name: str, effect: Notify) -> None:
        self._server.notify(effect.body)
        if not self._subscribed:
            return
        self._subscribed = {link for link in self._subscribed if self._links.has(link)}
        guarded = isinstance(effect.body, Guarded)
        body = effect.body.notice if isinstance(effect.body, Guarded) else effect.body
        notice = words.Notice(_encode(messages.ToClient(0, body)), guarded)
        for link in self._subscribed:
            self._links.send(link, notice)


class ProxyIpc:
    """On a remote node: passes clients' requests on."""

    name = "ipc"

    def __init__(self, side: RemoteSide) -> None:
        self._side = side

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        if not isinstance(event, RequestArrived):
            return []
        body = event.body
        if isinstance(body, messages.SetAttribute) and not body.node:
            # "This node" is the one whose client asks.
            body = msgspec.structs.replace(body, node=self._side.node)
        effects = self._side.ask(words.Asked(
            event.ticket, event.user, event.may_write, event.privileged, event.groups,
            _encode(messages.ToDaemon(1, body)),
        ))
        if effects is None:
            told = failure(
                "not-reachable", "no member of the cluster is connected to this remote node",
                "ask a member of the cluster, or wait until one connects",
            )
            return [Reply(event.ticket, told)]
        return effects


def answers(server: IpcServer) -> dict[type[Effect], Callable[[str, Any], None]]:
    """What performs PassAnswer and NameKnown on a remote node."""

    def perform(name: str, effect: PassAnswer) -> None:
        word = effect.word
        try:
            body = _to_client.decode(word.body).body
        except msgspec.MsgspecError as error:
            # Of another version of hashell: its client is told, others need not know.
            if isinstance(word, words.Answer):
                server.reply(word.ticket, failure("bad-input", f"an answer that cannot be understood: {error}"))
            return
        if isinstance(word, words.Answer):
            server.reply(word.ticket, body)
        elif word.guarded and isinstance(body, messages.CibNotice):
            server.notify(Guarded(body))
        else:
            server.notify(body)

    return {PassAnswer: perform, NameKnown: lambda _, effect: server.rename(effect.name)}
