"""Links: what corosync tells the engine, and what the engine asks of it. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hashelld.core.effects import Effect
from hashelld.core.events import Event

#: A process of the group: corosync's node id, process id.
Address = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Up(Event):
    """Connected, and the group asked for. `name` and `cluster` as corosync's configuration has them (may be empty);
    `addresses`: node id → first ring's address; `all_votes`: votes of all nodes of the configuration together."""

    me: Address
    name: str
    cluster: str
    addresses: Mapping[int, str] = field(default_factory=dict)
    all_votes: int = 0


@dataclass(frozen=True, slots=True)
class Down(Event):
    """corosync is gone, does not answer, or was never there."""

    reason: str


@dataclass(frozen=True, slots=True)
class GroupChanged(Event):
    """The group has other processes from here on, in the one order with what they say. `down`: node ids that left the
    cluster; `left`: processes that took their leave."""

    members: tuple[Address, ...]
    down: tuple[int, ...] = ()
    left: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard(Event):
    """One frame of a process of the group, in the one order."""

    origin: Address
    data: bytes


@dataclass(frozen=True, slots=True)
class QuorumSaid(Event):
    """What votequorum says now. `nodes` are the node ids that it counts."""

    quorate: bool
    nodes: tuple[int, ...]
    own_votes: int = 1
    votes: int = 0
    expected_votes: int = 0
    quorum: int = 0
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cast(Effect):
    """Say a frame to the group, ourselves among them; in the order in which it is asked for."""

    data: bytes


@dataclass(frozen=True, slots=True)
class LeaveGroup(Effect):
    """Take leave of the group after what was cast before."""
