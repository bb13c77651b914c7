"""What other nodes told of themselves, in one order by our clock, within a bound; pure."""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import replace

from hashell.client.feed import LogUpdate
from hashell.monitor.scene import NodeLog
from hashell.wire.messages import EventInfo

#: Events kept, of all nodes together.
LOGS_MAX = 20_000


def _time(row: tuple[float, EventInfo]) -> tuple[float, str, int]:
    return row[0], row[1].node, row[1].number


def _moment(row: tuple[float, EventInfo]) -> float:
    return row[0]


class Logs:
    """Kept in order; what comes late finds its place."""

    def __init__(self, kept_max: int = LOGS_MAX) -> None:
        self._kept_max = kept_max
        self._rows: list[tuple[float, EventInfo]] = []
        self._seen: set[tuple[str, int, float]] = set()
        self._nodes: dict[str, NodeLog] = {}
        self._all: tuple[tuple[float, EventInfo], ...] | None = ()

    @property
    def nodes(self) -> tuple[NodeLog, ...]:
        """How each node's log stands, by name."""
        return tuple(self._nodes[name] for name in sorted(self._nodes))

    def take(self, update: LogUpdate, now_s: float) -> bool:
        """Keep what was told; whether anything is new. Nothing is later than now, whatever a clock says."""
        before = self._nodes.get(update.node)
        if update.problem:
            now = replace(before or NodeLog(update.node), problem=update.problem)
        else:
            now = NodeLog(update.node, update.lag_s, update.within_s)
        self._nodes[update.node] = now
        new = before is None or before.problem != now.problem or abs(before.lag_s - now.lag_s) > 0.05
        for event in update.events:
            known = (event.node, event.number, event.when_s)
            if known not in self._seen:
                self._seen.add(known)
                insort(self._rows, (min(event.when_s - update.lag_s, now_s), event), key=_time)
                new = True
        if len(self._rows) > self._kept_max:
            for _, event in self._rows[: -self._kept_max]:
                self._seen.discard((event.node, event.number, event.when_s))
            del self._rows[: -self._kept_max]
        if new:
            self._all = None
        return new

    def until(self, when_s: float | None) -> tuple[tuple[float, EventInfo], ...]:
        """What had happened by a moment; None is all."""
        if when_s is not None:
            return tuple(self._rows[: bisect_right(self._rows, when_s, key=_moment)])
        if self._all is None:
            self._all = tuple(self._rows)
        return self._all

    def shift(self, seconds: float) -> None:
        """Our clock was set."""
        self._rows = [(at_s + seconds, event) for at_s, event in self._rows]
        self._all = None
