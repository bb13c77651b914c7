"""Told: an agreed view as the components hear of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hashelld.core.events import Member, View
from hashelld.engine.mesh.codec import Install


def view_of(install: Install, before: Mapping[str, int], goodbyes: Collection[str]) -> View:
    """`before`: name → boot of the members of the view that ended; `goodbyes`: those that left on purpose."""
    votes = {entry.name: entry.votes for entry in install.roster.entries}
    members = tuple(
        Member(
            seat.id, seat.name, seat.uuid, seat.boot, seat.address, seat.feature_set, votes.get(seat.name, 0)
        )
        for seat in install.members
    )
    now = {member.name: member.boot for member in members}
    gone = [name for name, boot in before.items() if now.get(name) != boot]
    left = tuple(name for name in gone if name in goodbyes)
    return View(
        install.ballot.n, members,
        joined=tuple(name for name, boot in now.items() if before.get(name) != boot),
        left=left, lost=tuple(name for name in gone if name not in left),
        quorate=install.quorate, votes=install.votes, expected_votes=install.expected_votes,
        quorum=install.quorum, reason=install.reason, unique=install.unique,
        proposer=f"{install.ballot.proposer}:{install.ballot.boot}",
    )
