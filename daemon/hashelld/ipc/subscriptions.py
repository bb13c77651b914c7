"""Subscriptions: which connections hear of which notices. Pure; connections are numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hashell.wire import messages


class Subscriptions:
    """A connection has at most one subscription; a new one takes the place of the old."""

    def __init__(self) -> None:
        self._wanted: dict[int, messages.Subscribe] = {}

    def __len__(self) -> int:
        return len(self._wanted)

    def add(self, connection: int, wanted: messages.Subscribe) -> None:
        self._wanted[connection] = wanted

    def remove(self, connection: int) -> None:
        """Forget a connection, also one that never subscribed."""
        self._wanted.pop(connection, None)

    def who_hears(self, notice: Any) -> Iterator[int]:
        """The connections that wanted this kind of notice, in the order in which they subscribed."""
        for connection, wanted in tuple(self._wanted.items()):
            if _wants(wanted, notice):
                yield connection


def _wants(wanted: messages.Subscribe, notice: Any) -> bool:
    match notice:
        case messages.CibNotice():
            return wanted.cib
        case messages.MembersNotice():
            return wanted.members
        case messages.EventNotice():
            return wanted.events
        case messages.TransitionNotice():
            return wanted.transition
        case _:
            return False
