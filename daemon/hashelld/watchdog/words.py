"""Words between the watchdog's state machine and its edge."""

from __future__ import annotations

from dataclasses import dataclass

from hashelld.core.effects import Effect
from hashelld.core.events import Event


@dataclass(frozen=True, slots=True)
class Arm(Effect):
    """Start the guard and open the watchdog: from now on this node is reset when nobody feeds it."""


@dataclass(frozen=True, slots=True)
class Feed(Effect):
    """The node is sound."""


@dataclass(frozen=True, slots=True)
class Disarm(Effect):
    """All is stopped here: the watchdog is closed for good."""


@dataclass(frozen=True, slots=True)
class KillServices(Effect):
    """Kill every process of this node's resources at once. `ServicesKilled` follows."""


@dataclass(frozen=True, slots=True)
class EndNode(Effect):
    """Kill all of this node, the daemon too; with a watchdog, never feed it again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """Time to feed, if the node is sound."""


@dataclass(frozen=True, slots=True)
class LastCall(Event):
    """Resources had their time to stop."""
