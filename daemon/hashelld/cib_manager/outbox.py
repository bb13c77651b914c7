"""Outbox: changes of this node on their way to the members, as many together as are worth a message."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import msgspec

from hashelld.cib_manager import messages
from hashelld.cib_manager.messages import Write
from hashelld.core.effects import CancelTimer, Effect, Multicast, StartTimer
from hashelld.core.events import Event

#: Changes that go to the members as one message, their bytes, and messages of this node that may be under way.
TOGETHER_MAX, TOGETHER_BYTES, UNDER_WAY_MAX = 64, 256 * 1024, 2
#: Changes that are worth a second message at once while one is under way (each costs all nodes as much as some ten
#: changes), and milliseconds after which fewer are.
SECOND_FROM, SECOND_MS = TOGETHER_MAX // 2, 50
#: Milliseconds that the first changes wait for as many as went together before: who was answered together asks again
#: together. Who asks alone never waits.
HOLD_MS = 2
#: Milliseconds after which a message whose changes are not applied yet is waited for no longer.
UNDER_WAY_MS = 2_000


@dataclass(frozen=True, slots=True)
class SendNow(Event):
    """No more changes are waited for."""


class Outbox:
    """A change goes out at once where none is under way and none was asked for beside the last; what is asked for
    meanwhile goes together after them."""

    def __init__(self) -> None:
        self._unsent: deque[Write] = deque()
        #: Of each message with changes of this node the last change's number, until that is applied, and how many.
        self._under_way: deque[tuple[int, int]] = deque()
        self._sent_ms = 0
        #: How many went together in the last message that was applied.
        self._together = 0
        #: How long the timer was set for that ends the wait for more changes; 0 for none.
        self._held_ms = 0

    def put(self, write: Write) -> None:
        """To be sent after those that wait already."""
        self._unsent.append(write)

    def withdraw(self) -> tuple[Write, ...]:
        """Those that were never sent; they wait no longer."""
        withdrawn = tuple(self._unsent)
        self._unsent.clear()
        return withdrawn

    def forget(self) -> None:
        """What was sent is waited for no longer: its view has ended, or a copy was taken that may have it."""
        self._under_way.clear()
        self._together = 0

    def applied(self, counter: int) -> None:
        """This node's change with that number was applied; see what goes out now with `send`."""
        while self._under_way and self._under_way[0][0] <= counter:
            _, self._together = self._under_way.popleft()

    def waited(self, now_ms: int, out: list[Effect]) -> None:
        """The time for which changes wait for others is over."""
        self._held_ms = self._together = 0
        self._send(now_ms, out, now=len(self._under_way) < UNDER_WAY_MAX)

    def send(self, now_ms: int, out: list[Effect]) -> None:
        """Send what is worth a message."""
        self._send(now_ms, out, now=False)

    def _send(self, now_ms: int, out: list[Effect], *, now: bool) -> None:
        now = now or now_ms - self._sent_ms > UNDER_WAY_MS
        while self._unsent and (now or self._may_send(out)):
            together: list[Write] = []
            size = 0
            while self._unsent and len(together) < TOGETHER_MAX and (not together or size < TOGETHER_BYTES):
                write = self._unsent.popleft()
                size += size_of(write)
                together.append(write)
            self._under_way.append((together[-1].counter, len(together)))
            self._sent_ms = now_ms
            out.append(Multicast(messages.WRITE, msgspec.msgpack.encode(together)))
        if self._held_ms and not self._unsent:
            self._held_ms = 0
            out.append(CancelTimer("send"))

    def _may_send(self, out: list[Effect]) -> bool:
        """Whether as many wait as are worth a message; if not, they need not wait long."""
        if len(self._under_way) >= UNDER_WAY_MAX:
            worth, wait_ms = None, UNDER_WAY_MS + 1
        elif self._under_way:
            worth, wait_ms = SECOND_FROM, SECOND_MS
        else:
            worth, wait_ms = min(self._together, TOGETHER_MAX), HOLD_MS
        if worth is not None and len(self._unsent) >= worth:
            return True
        if self._held_ms != wait_ms:
            self._held_ms = wait_ms
            out.append(StartTimer("send", wait_ms, SendNow()))
        return False


def size_of(write: Write) -> int:
    """Bytes of what a change says."""
    return sum(len(operation.xml) + len(operation.path) for operation in write.operations)
