"""Peers: who is at the other end of a connection, as far as it has said so. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field

from hashelld.engine.mesh.codec import Hello, Resume, ViewId
from hashelld.engine.mesh.links import Address
from hashelld.engine.mesh.sessions import Session

#: What a node is in before its first view.
NO_VIEW = ViewId()


@dataclass(slots=True)
class Peer:
    """A node whose link is up: both ends have said Hello and neither refused."""

    name: str
    link: int
    uuid: str
    boot: int
    address: Address
    dialed: bool
    feature_set: str
    session: Session
    reach: dict[str, int] = field(default_factory=dict)
    view: ViewId = NO_VIEW
    beats: int = 0
    #: Where its heartbeats go; whether they pass both ways; whether it counts on frames over the link instead of them.
    heartbeat: tuple[Address, ...] = ()
    passing: bool = False
    wants_often: bool = True
    #: The number of the last question whether it is there.
    asked: int = 0
    #: Since when it is a peer; since when its connection is torn, and over which one it is being resumed; since when it
    #: lags (0: not).
    since_ms: int = 0
    torn_ms: int = 0
    resuming: int = 0
    lags_ms: int = 0
    #: Which roster it was told of.
    told: ViewId = NO_VIEW


@dataclass(slots=True)
class Link:
    """A connection that has not said Hello yet, or that has (`name`). `offered`: we have said Resume on it; `offer`:
    the other end has, for a connection that we still hold to be sound."""

    address: Address
    dialed: bool
    name: str = ""
    hello: Hello | None = None
    since_ms: int = 0
    offered: bool = False
    offer: Resume | None = None
