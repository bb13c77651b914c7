"""Told: an agreed view as the components hear of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from hashelld.core.events import Happened, LinkSeen, LinksSeen, Member, View
from hashelld.engine.mesh.codec import Install, Seat
from hashelld.engine.mesh.peers import Peer
from hashelld.engine.mesh.pulse import Shown


def view_of(install: Install, before: Sequence[Seat], goodbyes: Collection[str]) -> View:
    """`before`: the seats of the view that ended; `goodbyes`: those that left on purpose."""
    votes = {entry.name: entry.votes for entry in install.roster.entries}
    seated = {
        seat.name: Member(
            seat.id, seat.name, seat.uuid, seat.boot, seat.address, seat.feature_set, votes.get(seat.name, 0)
        )
        for seat in install.members
    }
    now = {seat.name: seat.boot for seat in install.members if not seat.arbiter}
    was = {seat.name: seat.boot for seat in before if not seat.arbiter}
    gone = [name for name, boot in was.items() if now.get(name) != boot]
    left = tuple(name for name in gone if name in goodbyes)
    return View(
        install.ballot.n, tuple(seated[name] for name in now),
        joined=tuple(name for name, boot in now.items() if was.get(name) != boot),
        left=left, lost=tuple(name for name in gone if name not in left),
        quorate=install.quorate, votes=install.votes, expected_votes=install.expected_votes,
        quorum=install.quorum, reason=install.reason, unique=install.unique,
        proposer=f"{install.ballot.proposer}:{install.ballot.boot}",
        arbiters=tuple(seated[seat.name] for seat in install.members if seat.arbiter),
    )


def links_of(
    peers: Mapping[str, Peer], names: Iterable[str], shown: Shown, limit_ms: int, now_ms: int
) -> LinksSeen:
    """How this node reaches `names` and all its peers. `limit_ms`: the silence that is too long where no heartbeat
    process says otherwise."""
    beats = {one.name: one for one in shown.peers}
    found = []
    for name in sorted({*names, *peers}):
        peer, beat = peers.get(name), beats.get(name)
        if peer is None:
            found.append(LinkSeen(name))
            continue
        passing = peer.passing and beat is not None
        found.append(LinkSeen(
            name, f"{peer.address[0]}:{peer.address[1]}", not peer.torn_ms, now_ms - peer.since_ms, passing,
            beat.round_trip_us if beat and passing else 0, beat.limit_ms if beat and passing else limit_ms,
            beat.paths if beat else (),
        ))
    return LinksSeen(tuple(found))


def arbiter_lines(install: Install, before: Sequence[Seat], goodbyes: Collection[str]) -> Iterator[Happened]:
    """Which arbiters came and went. Components do not hear of it: an arbiter has nothing of theirs."""
    now = {seat.name: seat.boot for seat in install.members if seat.arbiter}
    was = {seat.name: seat.boot for seat in before if seat.arbiter}
    for name, boot in was.items():
        if now.get(name) != boot:
            text = f"the arbiter {name} " + ("left" if name in goodbyes else "was lost")
            yield Happened("member", "notice" if name in goodbyes else "warning", text, (name,))
    for name, boot in now.items():
        if was.get(name) != boot:
            yield Happened("member", "notice", f"the arbiter {name} joined", (name,))
