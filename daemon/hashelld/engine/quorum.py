"""Quorum: votes of a view against the votes of the whole cluster. Pure.

Source: votequorum(5), for what the options mean. Different on purpose: every answer says whether it is *unique*, a
strict majority that no other view can have at the same time; last_man_standing and allow_downscale take the votes of
those that are away (`stripped`), instead of lowering a sum, so that the absent cannot form a quorum by the old count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hashell.errors import BadInput

#: Milliseconds. Source: votequorum(5), last_man_standing_window.
WINDOW_MS = 10_000


class BadQuorumOptions(BadInput):
    id = "quorum-options-bad"


@dataclass(frozen=True, slots=True)
class Options:
    """None: as the number of nodes suggests (two nodes: two_node, and with it wait_for_all).

    `auto_tie_breaker_node`: lowest, highest, or ids of nodes in the order in which they are looked for.
    """

    expected_votes: int = 0
    two_node: bool | None = None
    wait_for_all: bool | None = None
    auto_tie_breaker: bool = False
    auto_tie_breaker_node: str = "lowest"
    last_man_standing: bool = False
    last_man_standing_window_ms: int = WINDOW_MS
    allow_downscale: bool = False

    def check(self) -> None:
        """Raises BadQuorumOptions for what excludes one another, as votequorum does."""
        if self.two_node and self.auto_tie_breaker:
            raise BadQuorumOptions("two_node and auto_tie_breaker exclude one another", "choose one of them")
        if self.two_node and self.last_man_standing:
            raise BadQuorumOptions("two_node and last_man_standing exclude one another", "choose one of them")
        if self.last_man_standing_window_ms <= 0:
            raise BadQuorumOptions("last_man_standing_window must be above 0", "it is a time in milliseconds")
        words = self.auto_tie_breaker_node.split()
        if self.auto_tie_breaker_node not in ("lowest", "highest") and not (
            words and all(word.isdigit() and int(word) > 0 for word in words)
        ):
            raise BadQuorumOptions(
                f"auto_tie_breaker_node is {self.auto_tie_breaker_node!r}", "use lowest, highest, or ids of nodes"
            )

    def two_nodes(self, expected: int) -> bool:
        """Whether one of two votes is enough; with more than two votes it never is."""
        wanted = self.two_node
        if wanted is None:
            wanted = not self.auto_tie_breaker and not self.last_man_standing
        return wanted and expected == 2

    def waits_for_all(self, expected: int) -> bool:
        return self.wait_for_all if self.wait_for_all is not None else self.two_nodes(expected)

    def flags(self, expected: int, *, quorate: bool) -> tuple[str, ...]:
        """As corosync-quorumtool names them."""
        return tuple(name for name, on in (
            ("Quorate", quorate), ("2Node", self.two_nodes(expected)), ("WaitForAll", self.waits_for_all(expected)),
            ("LastManStanding", self.last_man_standing), ("AutoTieBreaker", self.auto_tie_breaker),
            ("AllowDownscale", self.allow_downscale),
        ) if on)


@dataclass(frozen=True, slots=True)
class Quorum:
    """What a view has. `reason` is for people, empty when there is nothing to explain."""

    quorate: bool
    unique: bool
    votes: int
    expected_votes: int
    quorum: int
    reason: str = ""


def quorum_of(
    present: Mapping[str, int], roster: Mapping[str, int], options: Options, *,
    all_seen: bool, tie_breaker: str = "",
) -> Quorum:
    """The quorum of the members `present` (name → votes), of the cluster `roster`.

    `all_seen`: some member has been in a quorate view of all nodes since it started, and has not lost quorum since (for
    wait_for_all). `tie_breaker`: the node whose half goes on under auto_tie_breaker (see `tie_breaker_of`).
    """
    options.check()
    votes = sum(present.values())
    expected = max(sum(roster.values()), options.expected_votes, votes)
    majority = expected // 2 + 1
    unique = votes >= majority
    two_node = options.two_nodes(expected)
    needed = 1 if two_node else majority
    reason = ""
    quorate = votes >= needed
    if not quorate and options.auto_tie_breaker and 2 * votes == expected:
        quorate = tie_breaker in present
        reason = f"half of the votes, {'with' if quorate else 'without'} the tie breaker {tie_breaker}"
    elif quorate and not unique:
        reason = "one of two nodes"
    if quorate and options.waits_for_all(expected) and not all_seen and votes < expected:
        quorate = False
        reason = "waiting until all nodes have been here once (wait_for_all)"
    if not quorate and not reason:
        reason = f"{votes} of {expected} votes, {needed} needed"
    return Quorum(quorate, unique, votes, expected, needed, reason)


def tie_breaker_of(options: Options, ids: Mapping[str, int], before: Collection[str]) -> str:
    """The name of the node whose half goes on. `ids`: all nodes of the cluster; `before`: who was in the view that was
    split: of a list the first one that was there counts, also when it is not in this half."""
    known = [name for name in ids if name in before] or list(ids)
    if not known:
        return ""
    if options.auto_tie_breaker_node == "highest":
        return max(known, key=lambda name: ids[name])
    if options.auto_tie_breaker_node == "lowest":
        return min(known, key=lambda name: ids[name])
    for word in options.auto_tie_breaker_node.split():
        for name in known:
            if ids[name] == int(word):
                return name
    return ""


def stripped(
    quorum: Quorum, present: Mapping[str, int], roster: Mapping[str, int], options: Options, *,
    window_over: bool, left: Collection[str] = (),
) -> frozenset[str]:
    """Who of the absent has no vote from now on: after the window of last_man_standing all of them, under
    allow_downscale those that left cleanly, down to expected_votes of the settings.

    Only a view with a majority that nobody else can have decides that; all votes must be 1 for last_man_standing.
    """
    absent = [name for name, votes in roster.items() if name not in present and votes]
    if not quorum.quorate or not quorum.unique or not absent:
        return frozenset()
    even = all(votes <= 1 for votes in (*present.values(), *roster.values()))
    if options.last_man_standing and window_over and even:
        return frozenset(absent)
    if not options.allow_downscale:
        return frozenset()
    total, found = sum(roster.values()), set()
    for name in sorted(absent):
        if name in left and total - roster[name] >= options.expected_votes:
            total -= roster[name]
            found.add(name)
    return frozenset(found)
