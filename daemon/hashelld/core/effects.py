"""What a component asks to have done. The driver (or the simulator) performs it; nothing else does I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hashelld.core.events import Event


@dataclass(frozen=True, slots=True)
class Effect:
    """The root of all effects."""


@dataclass(frozen=True, slots=True)
class Tell(Effect):
    """Let the components of this node that HEARD_BY names hear an event."""

    event: Event


@dataclass(frozen=True, slots=True)
class Multicast(Effect):
    """A message into the one order of the view; comes back as MessageOrdered, also here."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Send(Effect):
    """A message to one member; arrives there as MessageDirect (also when it is this node)."""

    to: str
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class StartTimer(Effect):
    """Hand `event` to this component after `delay_ms`. A timer of the same name is replaced."""

    name: str
    delay_ms: int
    event: Event


@dataclass(frozen=True, slots=True)
class CancelTimer(Effect):
    name: str


@dataclass(frozen=True, slots=True)
class RunAgent(Effect):
    """Run a program in a process group of its own; its end comes back as AgentEnded to this component.

    `arguments` hold no secrets; `environment` is whole (nothing is inherited but what the driver adds for PATH and
    HOME). After `timeout_ms` the group gets SIGTERM, then SIGKILL. Output beyond the bound is dropped and counted.
    """

    token: str
    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    timeout_ms: int
    stdin: bytes = b""


@dataclass(frozen=True, slots=True)
class KillAgent(Effect):
    """End a running program's group now; AgentEnded follows with `killed`."""

    token: str


@dataclass(frozen=True, slots=True)
class AgentEnded(Event):
    """How a program ended. `exit_code` is 128+n for a signal n; `duration_ms` is by the monotonic clock. `left`:
    processes of its own group outlived it."""

    token: str
    exit_code: int
    timed_out: bool
    killed: bool
    stdout: bytes
    stderr: bytes
    duration_ms: int
    missing: bool = False
    error: str = ""
    left: bool = False


@dataclass(frozen=True, slots=True)
class AskScheduler(Effect):
    """Have the scheduler process decide on a CIB; comes back as GraphReady with the same `request`."""

    request: int
    transition_id: int
    cib: bytes
    now_s: float
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class ReadyScheduler(Effect):
    """This node may have to decide before long: have the scheduler's process started, and (with a `cib`) have it decide
    something like what it will be asked: its first answer takes several times as long as those after it."""

    cib: bytes = b""


@dataclass(frozen=True, slots=True)
class Store(Effect):
    """Keep a CIB (and its history row) on disk; `Stored` with the same token comes when it is durable.

    `urgent`: somebody waits for it. Otherwise it may wait a moment for newer ones, which take its place.
    """

    token: str
    version: str
    cib: bytes
    author: str
    patch: bytes = b""
    configuration_changed: bool = True
    command: str = ""
    message: str = ""
    node: str = ""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class JournalAppend(Effect):
    """Put records at the end of the journal; `Stored` with the same token comes when all are durable."""

    token: str
    records: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Archive(Effect):
    """Keep what a losing branch had written (`cib`, its difference to the winner) until a person looks at it."""

    name: str
    cib: bytes
    patch: bytes
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadHistory(Effect):
    """Answer a client (History, or CibIs of one `version`, or Failure) from the kept versions, off the loop."""

    client: int
    limit: int = 100
    version: str = ""


@dataclass(frozen=True, slots=True)
class UseArchive(Effect):
    """Answer a client: Divergences, or with a `name` that Divergence, or with `drop` Done when it is gone."""

    client: int
    name: str = ""
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Stored(Event):
    token: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class StoreValue(Effect):
    """Keep a small named state (roster, promises, fencing history) durably; `Stored` follows. `secret`: what it was
    before is not kept beside it. `before_entries`: no record that is asked for later is in the journal before it is
    durable; of other values nothing waits for the disk."""

    token: str
    name: str
    data: bytes
    secret: bool = False
    before_entries: bool = False


@dataclass(frozen=True, slots=True)
class Reply(Effect):
    """Answer a client; `body` is a reply of hashell.wire.messages."""

    client: int
    body: Any


@dataclass(frozen=True, slots=True)
class Notify(Effect):
    """Push a notice of hashell.wire.messages to every client that subscribed to its kind."""

    body: Any


@dataclass(frozen=True, slots=True)
class Log(Effect):
    level: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exit(Effect):
    """The daemon ends with this code after pending writes are done."""

    code: int
    reason: str
