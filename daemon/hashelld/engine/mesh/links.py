"""Links: what the transport tells the engine and is asked by it. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from hashelld.core.effects import Effect
from hashelld.core.events import Event
from hashelld.engine.mesh.codec import Frame
from hashelld.engine.mesh.pulse import Command, Report

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class LinkOpened(Event):
    """A connection inside TLS; both ends have the key. `dialed`: by us. `local`: our own address on it."""

    link: int
    address: Address
    dialed: bool
    local: str = ""


@dataclass(frozen=True, slots=True)
class FrameCame(Event):
    link: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class LinkClosed(Event):
    """Whoever closed it; `reason` for people. `faulty`: the peer said what no sound peer says, or does not read."""

    link: int
    reason: str = ""
    faulty: bool = False


@dataclass(frozen=True, slots=True)
class DialFailed(Event):
    """`kind`: refused (a machine answered, and nobody listens there), timeout, key, other (nothing is known of it)."""

    address: Address
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class StrangerCame(Event):
    """Somebody connected who has not our key (`kind` key) or speaks no TLS (`kind` plain)."""

    address: Address
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class PeerFound(Event):
    """Discovery heard of a node with our tag."""

    address: Address
    name: str = ""


@dataclass(frozen=True, slots=True)
class Listening(Event):
    """The transport listens at this port; `addresses` are those of this machine under which it can be reached."""

    port: int
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeartbeatPort(Event):
    """Heartbeats will come in at this UDP port, whichever process hears them."""

    port: int


@dataclass(frozen=True, slots=True)
class HeartbeatUp(Event):
    """A heartbeat process runs and knows nobody yet. `priority` in words."""

    priority: str = ""


@dataclass(frozen=True, slots=True)
class HeartbeatDown(Event):
    """It ended, or cannot be started; another one is tried."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class HeartbeatSaid(Event):
    """What the heartbeat process reports (pulse.py)."""

    report: Report


@dataclass(frozen=True, slots=True)
class Dial(Effect):
    address: Address


@dataclass(frozen=True, slots=True)
class LinkSend(Effect):
    """One frame to some links, encoded once."""

    links: tuple[int, ...]
    frame: Frame


@dataclass(frozen=True, slots=True)
class LinkClose(Effect):
    """What was sent before still goes out."""

    link: int


@dataclass(frozen=True, slots=True)
class TellHeartbeat(Effect):
    """A command for the heartbeat process (pulse.py)."""

    command: Command
