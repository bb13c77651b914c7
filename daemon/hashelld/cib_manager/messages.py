"""What CIB managers say to one another: typed msgpack, one topic a kind."""

from __future__ import annotations

import msgspec

WRITE = "cib_manager.write"
STATE = "cib_manager.state"
COMMIT = "cib_manager.commit"
DIGEST = "cib_manager.digest"
ACK = "cib_manager.ack"
FETCH = "cib_manager.fetch"
SNAPSHOT = "cib_manager.snapshot"

#: Bytes of one piece of a snapshot: far below the largest frame, so that other messages pass between.
PIECE_MAX = 256 * 1024


#: A life of a node (name, boot) and numbers of its writes.
Missed = tuple[str, int, tuple[int, ...]]


class Position(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A place in the cluster's history: the view that ordered it (number and proposer), and the index, counted
    from 1 through all views. Ordered: a later view's entries are higher whatever their index."""

    view: int = 0
    proposer: str = ""
    index: int = 0


class Operation(msgspec.Struct, frozen=True, array_like=True):
    """A CibOperation on the wire."""

    kind: str
    xml: bytes = b""
    path: str = ""
    admin_epoch: int = -1
    epoch: int = -1


class Write(msgspec.Struct, frozen=True, array_like=True):
    """One change, all operations or none. `origin`, `boot` and `counter` name it for ever, so it is applied once.

    `view` (number and proposer) where it is to be ordered in that view or not at all."""

    origin: str
    boot: int
    counter: int
    operations: tuple[Operation, ...]
    user: str = ""
    node: str = ""
    command: str = ""
    message: str = ""
    when_s: int = 0
    status_only: bool = False
    view: tuple[int, str] = (0, "")


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A write with its place. `unique`: ordered in a view with a strict majority.

    Without `write` it begins a view; `raise_to` is then the highest version that any member had, so that numbers never
    go back for those whose branch lost.
    """

    position: Position
    unique: bool
    write: Write | None = None
    raise_to: tuple[int, int, int] = (0, 0, 0)


class State(msgspec.Struct, frozen=True, array_like=True):
    """What a member holds, as its first message in a view (named by `view`, `proposer`).

    `unique`: position of the last entry of a majority; `head`: of the last at all; `applied`: of the last committed.
    `seen`: the highest version that this node has shown to anybody in this life. `holds` of how many entries from
    `applied` to `head` it has, `held` which (a digest): who was started again lacks those of the status alone.
    """

    view: int
    proposer: str
    unique: Position
    head: Position
    applied: Position
    version: tuple[int, int, int]
    digest: str
    seen: tuple[int, int, int]
    holds: int = 0
    held: str = ""


class Commit(msgspec.Struct, frozen=True, array_like=True):
    """All entries up to `index` are committed."""

    view: int
    proposer: str
    index: int


class Digest(msgspec.Struct, frozen=True, array_like=True):
    """What the first of the view has after applying `index`."""

    view: int
    proposer: str
    index: int
    digest: str


class Ack(msgspec.Struct, frozen=True, array_like=True):
    """I hold all entries up to `index` (direct, to the first of the view)."""

    view: int
    proposer: str
    index: int


class Fetch(msgspec.Struct, frozen=True, array_like=True):
    """Send me your copy again (direct, to the authority)."""

    view: int
    proposer: str


class Result(msgspec.Struct, frozen=True, array_like=True):
    """What became of a write, kept so that its asker can be answered wherever it was committed."""

    origin: str
    boot: int
    counter: int
    version: str
    error_id: str = ""
    error: str = ""
    hint: str = ""


class Copy(msgspec.Struct, frozen=True, array_like=True):
    """The authority's whole knowledge: at the start of a view before the view's own first entry (`through` 0), or
    later,
    with all ordered messages up to the sequence number `through` in it. `branch`: positions that no majority ordered,
    its own and those that it folded into the majority's history; `wanted`: entries of its own branch that must be kept
    if it loses. `missed`: of a life's numbers up to its counter those that were never applied."""

    through: int
    cib: bytes
    unique: Position
    applied: Position
    held: tuple[Entry, ...]
    results: tuple[Result, ...]
    applied_counters: tuple[tuple[str, int, int], ...]
    branch: tuple[Position, ...]
    wanted: tuple[Entry, ...] = ()
    missed: tuple[Missed, ...] = ()


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A part of an encoded Copy."""

    view: int
    proposer: str
    number: int
    count: int
    data: bytes


def encode(message: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(message)
