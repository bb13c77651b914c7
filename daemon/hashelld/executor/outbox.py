"""Outbox: what is to be written into the status section, gathered so that a thousand results cost few writes.

While a write is on its way more gathers. Where little is done nothing waits for company: the result of one operation is
what the next one waits for.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from lxml import etree

from hashelld.core.effects import CancelTimer, Effect, StartTimer, Tell
from hashelld.core.events import Author, ChangeWanted, CibOperation, Event
from hashelld.executor import history

#: How soon to look again whether the cluster knows what it should know of this node.
REPAIR_MS = 500
#: A write is answered in milliseconds, in seconds where all are overloaded, or when a view has ended and another begun.
UNANSWERED_MS = 30_000
#: What expected probes found waits so long for company, while others still run here: milliseconds for each two members
#: of the cluster that meet in it. Every member pays for each write, and every one writes; the answers of three need not
#: wait for one another, those of thirty would take all of their time.
PATIENCE_MS, PATIENCE_MAX_MS = 1.5, 2_000
#: Right after a write more is likely to come: the next one waits this long for company, and longer
#: (half of what the last one took) where writes are slow.
GATHER_MS, GATHER_MAX_MS = 5, 100
#: A write of so few results is followed by another at once, also while it is on its way: so many may be then, in a
#: cluster of so many members (in a larger one each costs more than the wait).
FEW, UNDER_WAY_MAX, SMALL = 2, 2, 8


@dataclass(frozen=True, slots=True)
class Gathered(Event):
    """What came right after a write has been waited for."""


@dataclass(frozen=True, slots=True)
class Unanswered(Event):
    """Writes got no answer; what they said is compared with the CIB."""


@dataclass(frozen=True, slots=True)
class LookAgain(Event):
    """Time to compare the status section with what is known here."""


class Outbox:
    """Entries and operations in their order."""

    def __init__(self) -> None:
        self._waiting: list[CibOperation | etree._Element] = []
        self._requests = 0
        #: Requests of the writes on their way, in their order, and when each was sent.
        self._under_way: dict[str, int] = {}
        #: Results in the last write.
        self._last = 0
        self._answered_ms = -GATHER_MS
        self._gather_ms = GATHER_MS
        self._gathering = False
        self.members = 1
        #: Since when the first waits; -1 where none does. Until when the timer is set.
        self._since_ms, self._until_ms = -1, 0
        #: Whether something waits that is missed; whether it has waited long enough.
        self._eager = self._waited = False

    @property
    def idle(self) -> bool:
        return not self._under_way and not self._waiting

    def put(self, one: CibOperation | etree._Element, *, patient: bool = False) -> None:
        """An operation, or the lrm_resource element of new entries. `patient`: nobody misses it for a moment."""
        self._waiting.append(one)
        self._eager = self._eager or not patient

    def replace(self, operations: tuple[CibOperation, ...]) -> None:
        """These say all that waits to be said, too."""
        self._waiting = list(operations)
        self._eager = True

    def forget(self) -> list[Effect]:
        """Whoever was to answer is gone."""
        self._under_way.clear()
        return [CancelTimer("unanswered")]

    def send(self, now_ms: int, node_id: str, node: str, *, remote: bool, more: bool = False) -> list[Effect]:
        """Send what waits, if it is time. `more`: other probes are under way here."""
        if not self._waiting:
            return []
        few = self._last <= FEW and len(self._waiting) <= FEW and self.members <= SMALL
        if self._under_way and not (few and self._eager and len(self._under_way) < UNDER_WAY_MAX):
            return []
        wait_ms = 0 if few else self._answered_ms + self._gather_ms - now_ms
        if more and not self._eager:
            if self._since_ms < 0:
                self._since_ms = now_ms
            patience_ms = min(PATIENCE_MAX_MS, int(PATIENCE_MS * self.members * self.members))
            wait_ms = max(wait_ms, self._since_ms + patience_ms - now_ms)
        if wait_ms > 0 and not self._waited:
            if self._gathering and wait_ms >= self._until_ms - now_ms:
                return []
            self._gathering, self._until_ms = True, now_ms + wait_ms
            return [StartTimer("gather", wait_ms, Gathered())]
        self._since_ms, self._eager, self._waited = -1, False, False
        operations: list[CibOperation] = []
        for is_element, group in itertools.groupby(self._waiting, lambda one: not isinstance(one, CibOperation)):
            if is_element:
                operations.append(CibOperation("modify", history.node_update(
                    node_id, node, tuple(one for one in group if not isinstance(one, CibOperation)),
                    origin="do_update_resource", remote=remote,
                )))
            else:
                operations += [one for one in group if isinstance(one, CibOperation)]
        self._last = len(self._waiting)
        self._waiting.clear()
        self._requests += 1
        request = f"executor:{self._requests}"
        self._under_way[request] = now_ms
        author = Author("hashelld", node, "executor")
        return [
            Tell(ChangeWanted(tuple(operations), author, request)),
            StartTimer("unanswered", UNANSWERED_MS, Unanswered()),
        ]

    def gathered(self) -> None:
        self._gathering, self._waited = False, True

    def answered(self, request: str, error_id: str, now_ms: int) -> list[Effect]:
        sent_ms = self._under_way.pop(request, None)
        if sent_ms is None:
            return []
        self._answered_ms = now_ms
        self._gather_ms = min(max(GATHER_MS, (now_ms - sent_ms) // 2), GATHER_MAX_MS)
        effects: list[Effect] = [] if self._under_way else [CancelTimer("unanswered")]
        if error_id:
            effects.append(StartTimer("look", REPAIR_MS, LookAgain()))
        return effects

    def unanswered(self) -> list[Effect]:
        """The last one has waited so long, and those before it longer."""
        if not self._under_way:
            return []
        self._under_way.clear()
        return [StartTimer("look", REPAIR_MS, LookAgain())]
