"""Links: what both sides ask of their edge, and what the edge tells them."""

from __future__ import annotations

from dataclasses import dataclass

from hashelld.core.effects import Effect
from hashelld.core.events import Event
from hashelld.remote.words import Answer, Asked, Notice, Word

#: TCP port of a remote node unless set; that of Pacemaker Remote.
PORT = 3121


@dataclass(frozen=True, slots=True)
class DialRemote(Effect):
    """Connect; answered by LinkUp or DialFailed with the same `dial`, within `timeout_ms`."""

    dial: int
    host: str
    port: int
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class RemoteSend(Effect):
    """A word to the other side; one for a link that is gone is dropped."""

    link: int
    word: Word


@dataclass(frozen=True, slots=True)
class RemoteClose(Effect):
    """End a link after what was sent; LinkDown does not follow."""

    link: int


@dataclass(frozen=True, slots=True)
class PassRequest(Effect):
    """On a member: let this node's `ipc` answer a client of a remote node."""

    link: int
    remote: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class PassAnswer(Effect):
    """On a remote node: the cluster's answer for one of its clients, or a notice for those who subscribed."""

    word: Answer | Notice


@dataclass(frozen=True, slots=True)
class NameKnown(Effect):
    """On a remote node: what the cluster calls it."""

    name: str


@dataclass(frozen=True, slots=True)
class LinkUp(Event):
    """A link is made and the other side has the key. `dial` is 0 where the other side made it."""

    link: int
    dial: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True)
class DialFailed(Event):
    """`final`: to try again is of no use (another key)."""

    dial: int
    reason: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class WordCame(Event):
    link: int
    word: Word


@dataclass(frozen=True, slots=True)
class LinkDown(Event):
    """A link ended, and not because we closed it."""

    link: int
    reason: str
