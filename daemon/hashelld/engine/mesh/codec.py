"""Codec: what nodes say to one another, as typed msgpack frames with a length and limits.

Frame: u32 length (big-endian), msgpack array with the frame's word first. What is longer than FRAME_MAX goes as Pieces,
each a frame. Unknown words, wrong types, too long: the connection ends with the reason.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Annotated

import msgspec

from hashell.errors import BadInput

PROTOCOL = 1
#: Bytes of a frame before the peer has said who it is, and after; of one piece of a longer one, and of all its pieces.
HELLO_MAX = 4 * 1024
FRAME_MAX = 4 * 1024 * 1024
PIECE_BYTES = 256 * 1024
WHOLE_MAX = 64 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class BadFrame(BadInput):
    id = "frame-bad"


#: What counters, names and ports may be: nobody's next number must be too long for the wire.
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Word = Annotated[str, msgspec.Meta(max_length=255)]


class ViewId(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A view, and a ballot for one: `n` rises, `proposer` breaks ties, and `boot`, which of its lives proposed it,
    keeps it from being used twice where a node died before its last `n` was on the disk."""

    n: Number = 0
    proposer: str = ""
    boot: Number = 0


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """The root."""


class Hello(Frame, frozen=True):
    """First word of both sides. `port` is where the speaker listens, `heartbeat` its UDP port for beats (0: none),
    `addresses` where both can be reached besides the address of this connection, `session` its own number for what
    begins here."""

    protocol: Number
    cluster: Word
    name: Word
    uuid: Word
    boot: Number
    feature_set: Word = ""
    port: Port = 0
    heartbeat: Port = 0
    addresses: tuple[str, ...] = ()
    session: Number = 0


class Refuse(Frame, frozen=True):
    """Why the speaker closes: `code` (cluster-name, node-name, protocol, uuid, connected, self), text for people."""

    code: Word
    text: str


class RosterEntry(msgspec.Struct, frozen=True, array_like=True):
    """A node of the cluster, here or not."""

    id: Number
    name: Word
    uuid: Word
    votes: Number = 1


class Roster(msgspec.Struct, frozen=True, array_like=True):
    """All nodes that belong to the cluster, and those that were sent away. `version`: the view that changed it last."""

    version: ViewId = ViewId()
    entries: tuple[RosterEntry, ...] = ()
    forgotten: tuple[str, ...] = ()


class Beat(Frame, frozen=True):
    """I live: whom I reach both ways as far as I know, the view that I am in, the highest ballot that I have seen.

    `boot` of each reached node tells a new life from an old one. `often`: I count on such frames from you, as
    heartbeats do not pass. `ask`: answer at once; `answers`: the number asked. `begun`: the cluster that I belong to,
    said once to who is not in my view."""

    view: ViewId
    highest: Number
    reach: tuple[tuple[str, Number], ...]
    often: bool = True
    ask: Number = 0
    answers: Number = 0
    begun: Roster | None = None


class Goodbye(Frame, frozen=True):
    """I leave on purpose: no suspicion, nobody fences."""

    reason: str = ""


class Ack(Frame, frozen=True):
    """So many counted frames of yours have come since our session began."""

    received: Number


class Resume(Frame, frozen=True):
    """Our connection is torn; let us go on over this one. Numbers of the session as the speaker and as the hearer gave
    them, how many counted frames have come, and how often connections have taken over: an offer that was under way when
    the last did is of the past."""

    mine: Number
    yours: Number
    received: Number
    turn: Number = 0


class Ordered(msgspec.Struct, frozen=True, array_like=True):
    """A message with its place. `counter` is its sender's own."""

    sequence: Number
    origin: Word
    counter: Number
    topic: Word
    payload: bytes


class Propose(Frame, frozen=True):
    """Let us be a view: `members` by name and boot. `wait_ms`: for how long the proposer waits for all of them."""

    ballot: ViewId
    members: tuple[tuple[str, Number], ...]
    wait_ms: Number = 0


class Nack(Frame, frozen=True):
    """No: I promised a higher ballot, or do not reach all of these."""

    ballot: ViewId
    highest: Number
    reason: str = ""


class Owed(msgspec.Struct, frozen=True, array_like=True):
    """What somebody has of a view that ends: the last sequence delivered, and messages that others may lack."""

    view: ViewId
    delivered: Number
    held: tuple[Ordered, ...]


class Promise(Frame, frozen=True):
    """Yes: I have stopped in my view, this is what I have. `since`: number of the view since which I am a member
    without a break (0: not yet). `unique`: that view was a majority. `all_seen`: I was in a view of all nodes in this
    life, and have had quorum since. `fresh`: my state folder is empty, or was not filled from others yet. `arbiter`: I
    am here to vote, and never coordinate."""

    ballot: ViewId
    owed: Owed
    since: Number
    all_seen: bool
    expect: Number
    votes: Number
    roster: Roster
    feature_set: Word = ""
    unique: bool = False
    fresh: bool = False
    arbiter: bool = False


class Seat(msgspec.Struct, frozen=True, array_like=True):
    """A member in a view."""

    id: Number
    name: Word
    uuid: Word
    boot: Number
    address: str
    since: Number
    feature_set: Word = ""
    arbiter: bool = False


class Install(Frame, frozen=True):
    """The view is agreed on: members in rank order, its quorum, and what members of ended views still lack."""

    ballot: ViewId
    members: tuple[Seat, ...]
    roster: Roster
    missing: tuple[Owed, ...]
    quorate: bool
    unique: bool
    votes: Number
    expected_votes: Number
    quorum: Number
    reason: str = ""


class Submit(Frame, frozen=True):
    """To the first of the view: give this a place."""

    view: ViewId
    counter: Number
    topic: Word
    payload: bytes


class Order(Frame, frozen=True):
    """From the first of the view: messages in their order. All members have got everything up to `stable`."""

    view: ViewId
    messages: tuple[Ordered, ...]
    stable: Number


class Got(Frame, frozen=True):
    """I have all messages up to `sequence`."""

    view: ViewId
    sequence: Number


class Direct(Frame, frozen=True):
    """For this node alone."""

    view: ViewId
    topic: Word
    payload: bytes


class Piece(Frame, frozen=True):
    """A part of a frame that is too long for one; with `last` it is whole. Nobody but this module sees them."""

    last: bool
    data: bytes


AnyFrame = (
    Piece | Hello | Refuse | Beat | Goodbye | Ack | Resume | Propose | Nack | Promise | Install | Submit
    | Order | Got | Direct
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AnyFrame)


def encode(frame: Frame) -> bytes:
    """Its bytes, in pieces if it is long."""
    data = _encoder.encode(frame)
    if len(data) <= FRAME_MAX:
        return _LENGTH.pack(len(data)) + data
    assert len(data) <= WHOLE_MAX, f"a {type(frame).__name__} of {len(data)} bytes"
    out = bytearray()
    for place in range(0, len(data), PIECE_BYTES):
        end = place + PIECE_BYTES
        piece = _encoder.encode(Piece(end >= len(data), data[place:end]))
        out += _LENGTH.pack(len(piece)) + piece
    return bytes(out)


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
        self._pieces = bytearray()

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
            if isinstance(frame, Piece):
                whole = self._piece(frame)
                if whole is None:
                    continue
                frame = whole
            yield frame
        del self._buffer[:place]

    def _piece(self, piece: Piece) -> Frame | None:
        """The frame that it completes."""
        if self.limit == HELLO_MAX:
            raise BadFrame("a piece of a frame before the peer has said who it is")
        if not piece.data or len(self._pieces) + len(piece.data) > WHOLE_MAX:
            raise BadFrame(f"pieces of more than {WHOLE_MAX} bytes, or of none")
        self._pieces += piece.data
        if not piece.last:
            return None
        data, self._pieces = bytes(self._pieces), bytearray()
        frame = decode(data)
        if isinstance(frame, Piece | Hello):
            raise BadFrame(f"a {type(frame).__name__} in pieces")
        return frame
