"""Messages: what fencers tell one another, and the timers that they wait for."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from hashelld.core.events import Event


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Node to node: run this device's agent."""

    task: str
    attempt: int
    device: str
    action: str
    target: str
    timeout_ms: int


class Ran(msgspec.Struct, frozen=True, array_like=True):
    """Node to node: what came of it. `listing` is what `list` printed; `code` the agent's own exit code."""

    task: str
    attempt: int
    error: str = ""
    listing: bytes = b""
    code: int = 0


class Began(msgspec.Struct, frozen=True, array_like=True):
    """Node to node: the agent was kept waiting by others on its device, and runs from now on."""

    task: str
    attempt: int


class Guarded(msgspec.Struct, frozen=True, array_like=True):
    """To all: a node's watchdog resets it when it is not fed for so long; 0: it has none."""

    node: str
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class StepLate(Event):
    """Who was to run an agent said nothing."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class TaskLate(Event):
    """A fencing's whole time is over."""

    task: str


@dataclass(frozen=True, slots=True)
class Begin(Event):
    """The delay before a step is over."""

    task: str
    attempt: int


@dataclass(frozen=True, slots=True)
class SelfFenced(Event):
    """Whom a watchdog guards has had its time to end itself."""

    task: str
    attempt: int
