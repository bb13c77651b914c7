"""Resources: what the executor knows of each resource on this node, and the timers that belong to it."""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass, field, replace

from hashell.values.agent_names import AgentName
from hashelld.core.effects import AgentEnded
from hashelld.core.events import Event
from hashelld.executor.history import Operation, Outcome

#: The most by which the first interval of a recurring operation is cut, in percent and milliseconds: hundreds that
#: began together must not go on together for ever.
JITTER_PERCENT, JITTER_MAX_MS = 10, 2000


@dataclass(frozen=True, slots=True)
class RecurringDue(Event):
    """The interval of a recurring operation is over."""

    resource: str
    key: str


@dataclass(slots=True)
class Waiting:
    operation: Operation
    since_ms: int
    call_id: int
    first: bool = True


@dataclass(slots=True)
class Recurring:
    operation: Operation
    call_id: int
    last: Outcome | None = None
    """What was recorded last; the same result again is not."""

    def numbered(self, outcome: Outcome, fresh: int) -> Outcome:
        """A changed result, with the call it is recorded under.

        Results of one call are told apart by their time alone, in whole seconds. Where that does not tell (the wall
        clock was set back, or both came in one second), a failure would hide behind the success before it: then it is a
        call of its own, `fresh`.
        """
        if self.last is None:
            return outcome
        return replace(outcome, call_id=self.last.call_id if outcome.when_s > self.last.when_s else fresh)

    def pause_ms(self) -> int:
        """Until the next time: the interval, and the first time a little less, by a measure that each has of its own.
        Never more: nobody is watched less often than was asked for."""
        interval = self.operation.interval_ms
        if self.last is not None:
            return interval
        most = min(interval * JITTER_PERCENT // 100, JITTER_MAX_MS)
        return interval - (zlib.crc32(self.operation.key.encode()) % (most + 1))


@dataclass(slots=True)
class Resource:
    agent: AgentName
    queue: deque[Waiting] = field(default_factory=deque)
    running: Waiting | None = None
    began_ms: int = 0
    held: AgentEnded | None = None
    """An end whose history entry waits for the agent's meta-data."""
    recurring: dict[str, Recurring] = field(default_factory=dict)
    started: bool = False
    """For fence devices: whether the cluster started it here; there is nothing else to ask."""
    start_parameters: dict[str, str] | None = None
    """What it runs with, as far as is known: a stop is given the same, whatever the configuration says by then."""
    entries: dict[str, dict[str, str]] = field(default_factory=dict)
    """What the status section should hold, by the entry's id."""
    shutdown_lock: int = 0
    removed: Operation | None = None
    """Forget it when the running operation has ended."""
