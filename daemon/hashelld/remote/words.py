"""Words: what a member and a remote node say to one another, and their frames. Pure.

A frame is a u32 length in network order, then one msgpack message. The member speaks first.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from hashell.errors import BadInput
from hashelld.core.events import CibOperation, OperationDone

#: Raised when a word changes so that an older peer would misunderstand it.
PROTOCOL = 1
#: Bytes of one frame: a whole CIB for a client of a remote node fits.
FRAME_MAX = 260 * 1024 * 1024
#: Bytes of the first frame of each side, which comes before either knows the other's version.
FIRST_FRAME_MAX = 4096

_LENGTH = struct.Struct("!I")


class BadFrame(BadInput):
    id = "frame-bad"


class Word(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The root: the class name is the tag."""


# --- from the member ------------------------------------------------------------------------------------


class Attach(Word, frozen=True):
    """The member's first word: from now on this link speaks for the cluster. `remote` is the node's name there."""

    protocol: int
    cluster: str
    host: str
    remote: str
    dc: str


class Do(Word, frozen=True):
    """An operation of a resource, as the graph's rsc_op; `again` as in OperationWanted."""

    xml: bytes
    dc: str
    again: bool = False


class Settled(Word, frozen=True):
    """What became of a change that the remote node wanted."""

    request: str
    version: str = ""
    error_id: str = ""
    error: str = ""
    hint: str = ""


class Republish(Word, frozen=True):
    """The CIB may have lost what this node wrote."""


class Answer(Word, frozen=True):
    """The answer to a client of the remote node: `body` is a ToClient of hashell.wire."""

    ticket: int
    body: bytes


class Notice(Word, frozen=True):
    """For all clients of the remote node that subscribed; `guarded`: only for the privileged among them."""

    body: bytes
    guarded: bool = False


class Ping(Word, frozen=True):
    number: int


class Release(Word, frozen=True):
    """The connection ends in order. `end`: the node had asked to leave, and may."""

    end: bool = False


# --- from the remote node -------------------------------------------------------------------------------


class Accepted(Word, frozen=True):
    """`fresh`: nobody had been attached since this node started. What it knows follows as a Change."""

    protocol: int
    node: str
    fresh: bool
    version: str = ""


class Refused(Word, frozen=True):
    """`final`: to try again is of no use."""

    reason: str
    final: bool = True


class Operation(Word, frozen=True):
    """A CibOperation."""

    kind: str
    xml: bytes = b""
    path: str = ""


class Wish(Word, frozen=True):
    """A change of the CIB, answered by Settled."""

    request: str
    operations: tuple[Operation, ...]


class Ended(Word, frozen=True):
    """An OperationDone."""

    resource: str
    task: str
    interval_ms: int
    rc: int
    status: int
    key: str
    reason: str = ""
    exec_ms: int = 0
    unrecorded: bool = False


class Asked(Word, frozen=True):
    """A client of the remote node asks its daemon something: `body` is a ToDaemon of hashell.wire."""

    ticket: int
    user: str
    may_write: bool
    privileged: bool
    groups: tuple[str, ...]
    body: bytes


class Taken(Word, frozen=True):
    """Another member has attached; this link ends."""

    by: str


class Leave(Word, frozen=True):
    """The remote node is to go down: take the resources away first, then Release it with `end`."""

    reason: str


class Pong(Word, frozen=True):
    number: int


FromMember = Attach | Do | Settled | Republish | Answer | Notice | Ping | Release
FromRemote = Accepted | Refused | Wish | Ended | Asked | Taken | Leave | Pong

_encoder = msgspec.msgpack.Encoder()
_from_member: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(FromMember)
_from_remote: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(FromRemote)


def encode(word: Word) -> bytes:
    """One frame. Raises BadFrame for a word that is too long."""
    body = _encoder.encode(word)
    if len(body) > FRAME_MAX:
        raise BadFrame(f"a {type(word).__name__} of {len(body)} bytes does not fit a frame")
    return _LENGTH.pack(len(body)) + body


class Reader:
    """Bytes in, in pieces of any size; whole words out. Holds at most one unfinished frame."""

    def __init__(self, *, at_remote: bool) -> None:
        self._decoder = _from_member if at_remote else _from_remote
        self._held = bytearray()
        self._limit = FIRST_FRAME_MAX

    def feed(self, data: bytes) -> list[Word]:
        """The words that `data` completes. Raises BadFrame; the link is to be closed then."""
        self._held += data
        found: list[Word] = []
        start = 0
        while len(self._held) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._held, start)
            if not 0 < length <= self._limit:
                raise BadFrame(f"a frame says that it has {length} bytes")
            end = start + _LENGTH.size + length
            if len(self._held) < end:
                break
            try:
                found.append(self._decoder.decode(bytes(self._held[start + _LENGTH.size : end])))
            except (msgspec.MsgspecError, RecursionError, ValueError) as error:
                raise BadFrame(f"a frame cannot be understood: {error}") from None
            self._limit = FRAME_MAX
            start = end
        del self._held[:start]
        return found


def operations_of(wish: Wish) -> tuple[CibOperation, ...]:
    return tuple(CibOperation(one.kind, one.xml, one.path) for one in wish.operations)


def wish_of(request: str, operations: tuple[CibOperation, ...]) -> Wish:
    return Wish(request, tuple(Operation(one.kind, one.xml, one.path) for one in operations))


def ended_of(done: OperationDone) -> Ended:
    return Ended(
        done.resource, done.task, done.interval_ms, done.rc, done.status, done.transition_key, done.reason,
        done.exec_ms, done.unrecorded,
    )


def done_of(ended: Ended, node: str) -> OperationDone:
    return OperationDone(
        ended.resource, ended.task, ended.interval_ms, ended.rc, ended.status, ended.key, ended.reason,
        ended.exec_ms, node, ended.unrecorded,
    )
