"""Shared secrets: how all nodes come to keep the same ones. Who changes one tells all in an ordered message; those who
join are told by the first of those who were there."""

from __future__ import annotations

from collections import deque

import msgspec

from hashell.wire.messages import Done, GetSecret, SecretIs, SetSecret
from hashelld.core.effects import Effect, Log, Multicast, Reply, StoreValue
from hashelld.core.events import MessageOrdered, View
from hashelld.executor.secrets import KEPT, Change, Secrets


class SharedSecrets:
    """`values` are what is known here; `kept` is what an earlier life stored."""

    def __init__(self, kept: bytes = b"") -> None:
        self.values = Secrets(kept)
        self._asked: deque[int] = deque()
        self._names: tuple[str, ...] = ()

    def asked(self, client: int, body: SetSecret | GetSecret) -> list[Effect]:
        """A client wants to know one, or to change one."""
        if isinstance(body, GetSecret):
            return [Reply(client, SecretIs(self.values.get(body.resource, body.name)))]
        # Answered when it comes back: then it is known here, and on its way everywhere.
        self._asked.append(client)
        told = msgspec.msgpack.encode((Change(body.resource, body.name, body.value),))
        return [Multicast("executor.secret", told)]

    def view(self, view: View, node: str) -> list[Effect]:
        """Tell those who join, if that is for this node to do."""
        before, self._names = self._names, view.names
        came_along = [one for one in view.names if one in before]
        told = self.values.as_changes()
        if not told or not view.joined or (came_along or [node])[0] != node:
            return []
        return [Multicast("executor.secrets", told)]

    def told(self, event: MessageOrdered, node: str) -> list[Effect]:
        """Somebody tells of some."""
        effects: list[Effect] = []
        if event.origin == node and event.topic == "executor.secret" and self._asked:
            effects.append(Reply(self._asked.popleft(), Done()))
        try:
            if self.values.apply(event.payload):
                effects.append(StoreValue(KEPT, KEPT, self.values.encode(), secret=True))
        except msgspec.MsgspecError:
            # The error would show a part of what cannot be read.
            effects.append(Log("error", f"a secret of {event.origin} cannot be read"))
        return effects
