"""Logs of all nodes: each member's own events, asked for over the node that we are attached to.

    reader = LogReader(); updates = reader.look(client, members, own, now_s)      blocking: in a thread

Each node stamps its events with its own clock. How far that is from ours follows from its answer, as well as the time
that the answer took allows: `LogUpdate.lag_s`. A round asks a bounded number of nodes, so that a large cluster is gone
round in several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from hashell.client.feed import LogUpdate
from hashell.errors import HashellError
from hashell.wire.messages import Events, MemberInfo

#: Nodes asked in one round, and events asked of each.
NODES_AT_ONCE = 8
EVENTS_AT_ONCE = 250
#: Seconds that a node may take to answer; the others wait behind it.
ANSWER_S = 3.0


@runtime_checkable
class TellsOfOthers(Protocol):
    """A client of a cluster whose nodes keep events of their own."""

    def events_of(self, node: str, *, after: int = 0, limit: int = 200, timeout_s: float = 0.0) -> Events: ...


class LogReader:
    """Remembers which node was told of how far, and whose turn is next."""

    def __init__(self) -> None:
        #: Of each node since when it is a member (who comes back counts anew), and its last number.
        self._known: dict[str, tuple[float, int]] = {}
        self._turn = 0

    def look(
        self, client: object, members: Sequence[MemberInfo], own: str, now_s: Callable[[], float]
    ) -> list[LogUpdate]:
        """What other members told since the last time. A node that does not answer is told of, too."""
        if not isinstance(client, TellsOfOthers):
            return []
        others = [one for one in members if one.state == "member" and one.name != own and not one.arbiter]
        for gone in self._known.keys() - {one.name for one in others}:
            del self._known[gone]
        if not others:
            return []
        turn = [others[(self._turn + place) % len(others)] for place in range(min(NODES_AT_ONCE, len(others)))]
        self._turn = (self._turn + len(turn)) % len(others)
        found: list[LogUpdate] = []
        for one in turn:
            since_s, number = self._known.get(one.name, (one.since_s, 0))
            if since_s != one.since_s:
                number = 0
            asked_s = now_s()
            try:
                told = client.events_of(one.name, after=number, limit=EVENTS_AT_ONCE, timeout_s=ANSWER_S)
            except HashellError as error:
                found.append(LogUpdate(one.name, problem=str(error)))
                continue
            answered_s = now_s()
            within_s = max(0.0, answered_s - asked_s) / 2
            lag_s = told.when_s - (asked_s + within_s) if told.when_s else 0.0
            self._known[one.name] = (one.since_s, told.events[-1].number if told.events else number)
            found.append(LogUpdate(one.name, told.events, lag_s, within_s))
        return found
