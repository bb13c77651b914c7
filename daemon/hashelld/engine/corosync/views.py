"""Views over a process group: from what all members stated to the one view that all of them install. Pure.

All members hear the same statements in the same order, so each makes the view itself and all make the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hashelld.core.events import Member, View
from hashelld.engine.corosync.codec import State, ViewName
from hashelld.engine.corosync.links import Address
from hashelld.engine.engine import age


@dataclass(frozen=True, slots=True)
class Seat:
    """A member: in the group it is `address`, coordinator by `since`, then by its node's id."""

    address: Address
    name: str
    uuid: str
    boot: int
    since: int
    feature_set: str
    votes: int


@dataclass(frozen=True, slots=True)
class Agreed:
    """A view as all its members make it."""

    name: ViewName
    seats: tuple[Seat, ...]
    quorate: bool
    unique: bool
    votes: int
    expected_votes: int
    quorum: int
    reason: str


def agree(proposer: str, states: Mapping[Address, State]) -> Agreed:
    """The view of a complete round.

    Quorate where votequorum says so at every member. `unique` is ours: the members that have what a majority has are a
    strict majority of all votes of the configuration, whatever votequorum counts at the moment (a quorum device, or
    votes that last_man_standing took, hold no CIB).
    """
    assert states, "somebody stated"
    number = 1 + max(state.highest for state in states.values())
    stayed = _core(states)
    begins = all(state.fresh for state in states.values())
    named: dict[str, Seat] = {}
    for address in sorted(states):
        state = states[address]
        if state.name in named:
            continue  # two of one name: the first one stays, the other is told (core.py)
        votes = state.own_votes if begins or not state.fresh else 0
        since = state.since if address in stayed else number
        named[state.name] = Seat(address, state.name, state.uuid, state.boot, since, state.feature_set, votes)
    # The oldest feature set coordinates, as in mesh.
    seats = sorted(named.values(), key=lambda seat: (age(seat.feature_set), seat.since, seat.address))
    best = max(states.values(), key=lambda state: (state.known, state.expected_votes, state.votes))
    total = max(state.all_votes for state in states.values())
    total = max(total, best.expected_votes)
    quorate = all(state.known and state.quorate for state in states.values())
    # Where votequorum expects fewer votes than there are nodes, the absent could have a majority by the old count.
    unique = best.expected_votes >= total and 2 * sum(seat.votes for seat in seats) > total
    reason = ""
    if not quorate:
        reason = next((state.reason for state in states.values() if state.reason), "")
        reason = reason or f"votequorum: {best.votes} of {best.expected_votes} votes, {best.quorum} needed"
    elif best.votes > sum(state.own_votes for state in states.values()):
        reason = "votequorum counts votes of nodes or devices that run no hashelld"
    elif not unique:
        reason = "no majority of all votes: votequorum lets this part go on"
    return Agreed(
        ViewName(number, proposer), tuple(seats), quorate, unique, best.votes, best.expected_votes, best.quorum, reason,
    )


def _core(states: Mapping[Address, State]) -> frozenset[Address]:
    """Those whose membership goes on, where several views meet: of a majority's view, else of the largest."""
    views: dict[ViewName, list[Address]] = {}
    for address, state in states.items():
        if state.since:
            views.setdefault(state.last, []).append(address)
    if not views:
        return frozenset()
    best = max(views, key=lambda view: (states[views[view][0]].unique, len(views[view]), view))
    return frozenset(views[best])


def view_of(
    agreed: Agreed, before: Mapping[str, int], goodbyes: Collection[str], addresses: Mapping[int, str]
) -> View:
    """As the components hear of it. `before`: name → boot of the view that ended; `goodbyes`: who took leave."""
    now = {seat.name: seat.boot for seat in agreed.seats}
    gone = [name for name, boot in before.items() if now.get(name) != boot]
    left = tuple(name for name in gone if name in goodbyes)
    return View(
        agreed.name.number,
        tuple(
            Member(
                seat.address[0], seat.name, seat.uuid, seat.boot, addresses.get(seat.address[0], ""),
                seat.feature_set, seat.votes,
            ) for seat in agreed.seats
        ),
        joined=tuple(name for name, boot in now.items() if before.get(name) != boot),
        left=left, lost=tuple(name for name in gone if name not in left),
        quorate=agreed.quorate, votes=agreed.votes, expected_votes=agreed.expected_votes, quorum=agreed.quorum,
        reason=agreed.reason, unique=agreed.unique, proposer=agreed.name.proposer,
    )
