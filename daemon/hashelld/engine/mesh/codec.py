"""Codec: what nodes say to one another, as typed msgpack frames with a length and limits.

Frame: u32 length (big-endian), msgpack array with the frame's word first. Unknown words, wrong types, too long: the
connection ends with the reason.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from hashell.errors import BadInput

PROTOCOL = 1
#: Bytes of a frame before the peer has said who it is, and after.
HELLO_MAX = 4 * 1024
FRAME_MAX = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class BadFrame(BadInput):
    id = "frame-bad"


class ViewId(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A view, and a ballot for one: `n` rises for ever, `proposer` breaks ties."""

    n: int = 0
    proposer: str = ""


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The root."""


class Hello(Frame, frozen=True):
    """First word of both sides. `port` is where the speaker listens, `heartbeat` its UDP port for beats (0: none),
    `addresses` where both can be reached besides the address of this connection."""

    protocol: int
    cluster: str
    name: str
    uuid: str
    boot: int
    feature_set: str = ""
    port: int = 0
    heartbeat: int = 0
    addresses: tuple[str, ...] = ()


class Refuse(Frame, frozen=True):
    """Why the speaker closes: `code` (cluster-name, node-name, protocol, uuid, connected, self), text for people."""

    code: str
    text: str


class Beat(Frame, frozen=True):
    """I live: whom I reach both ways as far as I know, the view that I am in, the highest ballot that I have seen.

    `boot` of each reached node tells a new life from an old one. `often`: I count on such frames from you, as
    heartbeats do not pass. `ask`: answer at once; `answers`: the number asked."""

    view: ViewId
    highest: int
    reach: tuple[tuple[str, int], ...]
    often: bool = True
    ask: int = 0
    answers: int = 0


class Goodbye(Frame, frozen=True):
    """I leave on purpose: no suspicion, nobody fences."""

    reason: str = ""


class Ordered(msgspec.Struct, frozen=True, array_like=True):
    """A message with its place. `counter` is its sender's own."""

    sequence: int
    origin: str
    counter: int
    topic: str
    payload: bytes


class RosterEntry(msgspec.Struct, frozen=True, array_like=True):
    """A node of the cluster, here or not."""

    id: int
    name: str
    uuid: str
    votes: int = 1


class Roster(msgspec.Struct, frozen=True, array_like=True):
    """All nodes that belong to the cluster, and those that were sent away. `version`: the view that changed it last."""

    version: ViewId = ViewId()
    entries: tuple[RosterEntry, ...] = ()
    forgotten: tuple[str, ...] = ()


class Propose(Frame, frozen=True):
    """Let us be a view: `members` by name and boot."""

    ballot: ViewId
    members: tuple[tuple[str, int], ...]


class Nack(Frame, frozen=True):
    """No: I promised a higher ballot, or do not reach all of these."""

    ballot: ViewId
    highest: int
    reason: str = ""


class Owed(msgspec.Struct, frozen=True, array_like=True):
    """What somebody has of a view that ends: the last sequence delivered, and messages that others may lack."""

    view: ViewId
    delivered: int
    held: tuple[Ordered, ...]


class Promise(Frame, frozen=True):
    """Yes: I have stopped in my view, this is what I have. `since`: number of the view since which I am a member
    without a break (0: not yet). `unique`: that view was a majority. `all_seen`: I was in a view of all nodes in this
    life, and have had quorum since. `fresh`: my state folder is empty, or was not filled from others yet."""

    ballot: ViewId
    owed: Owed
    since: int
    all_seen: bool
    expect: int
    votes: int
    roster: Roster
    feature_set: str = ""
    unique: bool = False
    fresh: bool = False


class Seat(msgspec.Struct, frozen=True, array_like=True):
    """A member in a view."""

    id: int
    name: str
    uuid: str
    boot: int
    address: str
    since: int
    feature_set: str = ""


class Install(Frame, frozen=True):
    """The view is agreed on: members in rank order, its quorum, and what members of ended views still lack."""

    ballot: ViewId
    members: tuple[Seat, ...]
    roster: Roster
    missing: tuple[Owed, ...]
    quorate: bool
    unique: bool
    votes: int
    expected_votes: int
    quorum: int
    reason: str = ""


class Submit(Frame, frozen=True):
    """To the first of the view: give this a place."""

    view: ViewId
    counter: int
    topic: str
    payload: bytes


class Order(Frame, frozen=True):
    """From the first of the view: messages in their order. All members have got everything up to `stable`."""

    view: ViewId
    messages: tuple[Ordered, ...]
    stable: int


class Got(Frame, frozen=True):
    """I have all messages up to `sequence`."""

    view: ViewId
    sequence: int


class Direct(Frame, frozen=True):
    """For this node alone."""

    view: ViewId
    topic: str
    payload: bytes


AnyFrame = (
    Hello | Refuse | Beat | Goodbye | Propose | Nack | Promise | Install | Submit | Order | Got | Direct
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyFrame)


def encode(frame: Frame) -> bytes:
    data = _encoder.encode(frame)
    assert len(data) <= FRAME_MAX, f"a {type(frame).__name__} of {len(data)} bytes"
    return _LENGTH.pack(len(data)) + data


def decode(data: bytes) -> Frame:
    """One frame without its length. Raises BadFrame."""
    try:
        frame: Frame = _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadFrame(f"a frame that nobody understands: {error}") from None
    return frame


class Reader:
    """Bytes in, frames out. `limit` is raised once the peer has said who it is."""

    def __init__(self) -> None:
        self.limit = HELLO_MAX
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Raises BadFrame; then nothing of this connection can be used any more."""
        self._buffer += data
        place = 0
        while len(self._buffer) - place >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, place)
            if not 0 < length <= self.limit:
                raise BadFrame(f"a frame of {length} bytes; at most {self.limit} are taken here")
            end = place + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            frame = decode(bytes(memoryview(self._buffer)[place + _LENGTH.size : end]))
            place = end
            if isinstance(frame, Hello):
                self.limit = FRAME_MAX
            yield frame
        del self._buffer[:place]
