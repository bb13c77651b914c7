"""Frames between engines over a process group: typed msgpack, bounded.

A long message goes in pieces; what one process says arrives in the order in which it said it, so the pieces of one
message are never mixed with those of another of the same origin.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hashelld.engine.engine import MESSAGE_MAX

#: Raised when the meaning of a frame changes; an engine of another version is not understood.
VERSION = 1
#: Bytes of one piece: far below what one message of a process group may have (1 MB), so that others come between.
PIECE_MAX = 128 * 1024
#: Pieces of one message.
PIECES_MAX = MESSAGE_MAX // PIECE_MAX + 1


class ViewName(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A view: its number, and who proposed it in which life and which round."""

    number: int = 0
    proposer: str = ""


class Propose(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Let these (node id, process id) of the group, as the proposer knows it, agree on a view."""

    version: int
    proposer: str
    members: tuple[tuple[int, int], ...]
    group: tuple[tuple[int, int], ...]


class State(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """What a member is and has, where it heard the proposal.

    `highest`: view number that it knows; `last`: the view that it was in, `unique` whether a majority was, `since` from
    which view on. `fresh`: its folder is new, it has nothing of the past. `heard`: of each life of a node (name, boot)
    the last message to all that was delivered here. The rest is what votequorum tells it: `known`
    is False where it has not said anything of these nodes yet.
    """

    proposer: str
    name: str
    uuid: str
    boot: int
    feature_set: str
    highest: int
    last: ViewName
    unique: bool
    since: int
    fresh: bool
    known: bool
    quorate: bool
    own_votes: int
    votes: int
    expected_votes: int
    quorum: int
    all_votes: int
    reason: str = ""
    heard: tuple[tuple[str, int, int], ...] = ()


class Said(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """A message of a view, to all or (`to`) one member; `piece` of `pieces`, counted from 0."""

    view: ViewName
    counter: int
    to: str
    topic: str
    payload: bytes
    piece: int = 0
    pieces: int = 1


class Again(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """What I said when this view began is not true any more: begin another."""

    view: ViewName


class Alive(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """I run. `asks`: a number that I wait for, as I did not run for a while; `outside`: my view is of me alone."""

    asks: int = 0
    outside: bool = False


Frame = Propose | State | Said | Again | Alive

_decoder = msgspec.msgpack.Decoder(Frame)
encode = msgspec.msgpack.Encoder().encode


def decode(data: bytes) -> Frame | None:
    """None for what is no frame, or one that breaks a bound."""
    try:
        frame: Frame = _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if isinstance(frame, Propose) and frame.version != VERSION:
        return None
    if isinstance(frame, Said) and not (0 <= frame.piece < frame.pieces <= PIECES_MAX):
        return None
    return frame


def pieces_of(view: ViewName, counter: int, to: str, topic: str, payload: bytes) -> Iterator[Said]:
    """A message as it goes out."""
    if len(payload) <= PIECE_MAX:
        yield Said(view, counter, to, topic, payload)
        return
    count = -(-len(payload) // PIECE_MAX)
    for number in range(count):
        part = payload[number * PIECE_MAX : (number + 1) * PIECE_MAX]
        yield Said(view, counter, to, topic, part, number, count)


class Assembly:
    """Pieces of one origin's message that arrive."""

    def __init__(self) -> None:
        self._name: tuple[int, int] = (0, 0)
        self._parts: list[bytes] = []

    def add(self, said: Said) -> bytes | None:
        """The whole payload with its last piece; None while more must come, and for a piece without its beginning."""
        if said.pieces == 1:
            self._parts.clear()
            return said.payload
        if said.piece == 0:
            self._name, self._parts = (said.counter, said.pieces), []
        if self._name != (said.counter, said.pieces) or said.piece != len(self._parts):
            self._parts.clear()
            self._name = (0, 0)
            return None
        self._parts.append(said.payload)
        if len(self._parts) < said.pieces:
            return None
        whole = b"".join(self._parts)
        self._parts = []
        return whole
