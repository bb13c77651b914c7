"""Join: whose CIB wins when members meet with different ones. Pure.

Lineage first, version last: a minority may have written often and so have the higher version, and yet lack what the
majority acknowledged. Source: the design of the cluster layer, "Replica".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hashelld.cib_manager.messages import Position, State


def authority(members: Sequence[str], states: Mapping[str, State]) -> str:
    """The member whose copy all take: (1) the latest entry of a majority, (2) the highest version, (3) the latest
    entry at all, (4) the most entries on the way there, (5) first in rank. Every member computes the same from the same
    states."""
    assert members and all(name in states for name in members), "every member has stated"
    best = members[0]
    for name in members[1:]:
        if _rank(states[name]) > _rank(states[best]):
            best = name
    return best


def _rank(state: State) -> tuple[Position, tuple[int, int, int], Position, int]:
    return state.unique, state.version, state.head, state.holds


def agrees(mine: State, other: State) -> bool:
    """Whether two members hold the same, so that nothing needs to be copied."""
    return (mine.unique, mine.head, mine.applied, mine.digest, mine.held) == (
        other.unique, other.head, other.applied, other.digest, other.held
    )
