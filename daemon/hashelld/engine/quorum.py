"""Quorum: votes of a view against the votes of the whole cluster. Pure.

Source: votequorum(5), for what the options mean. Different on purpose: every answer says whether it is *unique*, a
strict majority that no other view can have at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hashell.errors import BadInput


class BadQuorumOptions(BadInput):
    id = "quorum-options-bad"


@dataclass(frozen=True, slots=True)
class Options:
    """None: as the number of nodes suggests (two nodes: two_node, and with it wait_for_all)."""

    expected_votes: int = 0
    two_node: bool | None = None
    wait_for_all: bool | None = None
    auto_tie_breaker: bool = False

    def check(self) -> None:
        """Raises BadQuorumOptions for what excludes one another."""
        if self.two_node and self.auto_tie_breaker:
            raise BadQuorumOptions(
                "two_node and auto_tie_breaker exclude one another", "choose one of them"
            )


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

    `all_seen`: some member has been in a view of all nodes since it started (for wait_for_all). `tie_breaker`: the
    node whose half goes on under auto_tie_breaker.
    """
    options.check()
    votes = sum(present.values())
    expected = max(sum(roster.values()), options.expected_votes, votes)
    majority = expected // 2 + 1
    unique = votes >= majority
    two_node = options.two_node if options.two_node is not None else (
        expected == 2 and not options.auto_tie_breaker
    )
    two_node = two_node and expected == 2
    wait = options.wait_for_all if options.wait_for_all is not None else two_node
    needed = 1 if two_node else majority
    reason = ""
    quorate = votes >= needed
    if not quorate and options.auto_tie_breaker and 2 * votes == expected:
        quorate = tie_breaker in present
        reason = f"half of the votes, {'with' if quorate else 'without'} the tie breaker {tie_breaker}"
    elif quorate and not unique:
        reason = "one of two nodes"
    if quorate and wait and not all_seen and votes < expected:
        quorate = False
        reason = "waiting until all nodes have been here once (wait_for_all)"
    if not quorate and not reason:
        reason = f"{votes} of {expected} votes, {needed} needed"
    # What wait_for_all holds back must not count as a majority either: writes made alone before the others came
    # could be on data older than theirs.
    return Quorum(quorate, unique, votes, expected, needed, reason)
