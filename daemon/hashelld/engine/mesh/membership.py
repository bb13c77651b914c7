"""Membership: agreeing on a view. Ballots, promises, the proposer's round; no links, no timers.

A view is proposed to all its members, each promises (and stops in its old view) or refuses; with all promises in, the
proposer installs it. A promise is to the highest ballot seen, so of two proposers one wins. Promises live as long as
the process: a restarted node has another boot number and is nobody's member any more.
Source: the design of the cluster layer, "Views"; single-decree agreement as in Paxos, with all members as its quorum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from hashelld.engine.engine import age
from hashelld.engine.mesh import recovery, roster
from hashelld.engine.mesh.codec import (
    Install,
    Nack,
    Promise,
    Propose,
    Roster,
    Seat,
    ViewId,
)
from hashelld.engine.quorum import Options, quorum_of, stripped, tie_breaker_of

Life = tuple[str, int]

#: By how much a ballot may be beyond the highest that we have seen.
JUMP_MAX = 100_000_000


@dataclass(slots=True)
class Round:
    """A proposal of ours under way."""

    ballot: ViewId
    members: tuple[Life, ...]
    promises: dict[str, Promise] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return all(name in self.promises for name, _ in self.members)


class Membership:
    """One node's ballots. `view` is the one installed, with its seats; before the first there are none."""

    def __init__(self, me: str, boot: int, highest: int, known: Roster) -> None:
        self.me = me
        self.boot = boot
        self.highest = highest
        self.roster = known
        self.view = ViewId()
        self.seats: tuple[Seat, ...] = ()
        self.promised = ViewId()
        self.round: Round | None = None
        self.all_seen = False
        self.unique = False
        self._named: tuple[tuple[Seat, ...], frozenset[str]] = ((), frozenset())

    @property
    def names(self) -> frozenset[str]:
        """Who sits in the view; asked for at every frame, so worked out once a view."""
        if self._named[0] is not self.seats:
            self._named = self.seats, frozenset(seat.name for seat in self.seats)
        return self._named[1]

    @property
    def is_between(self) -> bool:
        """Promised and not installed: the old view is of no use any more."""
        return self.promised > self.view

    @property
    def since(self) -> int:
        return next((seat.since for seat in self.seats if seat.name == self.me), 0)

    def saw(self, n: int) -> None:
        """Somebody knows of a ballot with this number. One that is far beyond all others is a mistake: were we to go on
        from there, numbers would soon be too long for the wire. So we come nearer step by step, and whoever fell for
        more of it is caught up with."""
        self.highest = max(self.highest, min(n, self.highest + JUMP_MAX))

    # --- the proposer

    def propose(self, members: Mapping[str, int], wait_ms: int = 0) -> Propose:
        """Begin a round with these (name → boot), this node among them. A round before it is given up."""
        assert members.get(self.me) == self.boot, "a proposer is in its view"
        self.highest += 1
        lives = tuple(sorted(members.items()))
        self.round = Round(ViewId(self.highest, self.me, self.boot), lives)
        return Propose(self.round.ballot, lives, wait_ms)

    def promise_came(self, name: str, promise: Promise) -> bool:
        """Whether all have promised now."""
        current = self.round
        if current is None or promise.ballot != current.ballot:
            return False
        current.promises[name] = promise
        return current.complete

    def nack_came(self, nack: Nack) -> bool:
        """Whether it ends our round."""
        self.saw(nack.highest)
        if self.round is None or nack.ballot != self.round.ballot:
            return False
        self.round = None
        return True

    def install(
        self, lives: Mapping[str, tuple[str, str]], options: Options, *, window_over: bool = False,
        left: AbstractSet[str] = frozenset(),
    ) -> Install:
        """What to send to all members of the complete round. `lives`: name → uuid, address; `window_over`, `left`: see
        `stripped`."""
        assert self.round is not None and self.round.complete, "all have promised"
        ballot, promises = self.round.ballot, self.round.promises
        # Of a cluster that was begun elsewhere this node may have heard since it promised.
        known = roster.merge([*(promise.roster for promise in promises.values()), self.roster])
        # Who knows nothing of the past must not help to outvote those who do: it votes when it has caught up. Where
        # nobody has a past, and nobody has met somebody who has one, all vote.
        begins = all(promise.fresh for promise in promises.values()) and not roster.is_begun(known)
        votes = {
            name: promise.votes if begins or not promise.fresh else 0 for name, promise in promises.items()
        }
        # Once votes were taken from the absent, the settings' number of them is of the past.
        lowered = not begins and options.last_man_standing and any(not entry.votes for entry in known.entries)
        # A newcomer's settings may tell of a cluster that is still to grow: they count when it votes.
        told = [promise.expect for promise in promises.values() if begins or not promise.fresh] or [0]
        belong = votes if begins else _one_majority(known, votes, 0 if lowered else min(_possible(told, known)))
        merged = roster.with_members(known, {name: (lives[name][0], belong[name]) for name in promises}, ballot)
        votes = {name: min(count, belong[name]) for name, count in votes.items()}
        # And when so many belong to the cluster that they can be a majority of that: else it would lose its quorum by
        # growing, and without quorum nobody catches up and votes.
        expect = 0 if lowered else max(told if begins else _possible(told, merged))
        ids = {entry.name: entry.id for entry in merged.entries}
        stayed = _core(promises)
        seats = [
            Seat(
                ids[name], name, lives[name][0], boot, lives[name][1],
                promises[name].since if name in stayed else ballot.n, promises[name].feature_set,
                promises[name].arbiter,
            )
            for name, boot in self.round.members
        ]
        # The oldest feature set coordinates: while a cluster is upgraded, nothing is decided that an older node would
        # not understand. Among equals who has been here longest; the lowest id decides between those that came
        # together. An arbiter comes last: it gives places only where nobody else is left, and then there is nothing
        # to order.
        seats.sort(key=lambda seat: (seat.arbiter, age(seat.feature_set), seat.since, seat.id))
        all_votes = {entry.name: entry.votes for entry in merged.entries}
        wanted = replace(options, expected_votes=expect)
        all_seen = any(promise.all_seen for promise in promises.values())
        tie_breaker = tie_breaker_of(wanted, ids, self.names)
        quorum = quorum_of(votes, all_votes, wanted, all_seen=all_seen, tie_breaker=tie_breaker)
        away = stripped(quorum, votes, all_votes, wanted, window_over=window_over, left=left)
        away = _so_many(away, all_votes, expect)
        if away:
            merged = roster.without_votes(merged, away, ballot)
            all_votes = {entry.name: entry.votes for entry in merged.entries}
            # What they were worth is not waited for any more, whatever the settings expected at first.
            wanted = replace(wanted, expected_votes=min(wanted.expected_votes, sum(all_votes.values())))
            quorum = quorum_of(votes, all_votes, wanted, all_seen=all_seen, tie_breaker=tie_breaker)
        if begins and not quorum.unique:
            # Nobody belongs to the cluster with a vote before a majority has begun it.
            merged = roster.without_votes(merged, set(all_votes), ballot)
        self.round = None
        return Install(
            ballot, tuple(seats), merged, recovery.missing(p.owed for p in promises.values()),
            quorum.quorate, quorum.unique, quorum.votes, quorum.expected_votes, quorum.quorum,
            quorum.reason,
        )

    # --- every member

    def judge(
        self, propose: Propose, reached: Mapping[str, int], wanted: AbstractSet[str]
    ) -> Nack | None:
        """None: promise it. `reached`: name → boot of those that we reach, ourselves too; `wanted`: whom we would
        have in a view, now."""
        ballot = propose.ballot
        self.saw(ballot.n)
        if ballot.n > self.highest:
            return Nack(ballot, self.highest, "too high")
        if ballot <= max(self.promised, self.view):
            return Nack(ballot, max(self.highest, self.promised.n), "promised")
        lives = dict(propose.members)
        if lives.get(self.me) != self.boot or ballot.proposer not in lives:
            return Nack(ballot, self.highest, "not me")
        if any(reached.get(name) != boot for name, boot in lives.items()):
            return Nack(ballot, self.highest, "reach")
        if ballot.proposer not in wanted:
            return Nack(ballot, self.highest, "unwanted")
        if any(name not in lives for name in self.names & wanted):
            # Somebody in our view whom we reach well would be lost: the proposer, who may have come just now, has not
            # heard of all connections yet.
            return Nack(ballot, self.highest, "missing")
        return None

    def promise(self, ballot: ViewId) -> None:
        """From now on nothing counts in the old view."""
        assert ballot > max(self.promised, self.view), "promises only rise"
        self.promised = ballot
        if self.round and self.round.ballot < ballot:
            self.round = None

    def installed(self, install: Install) -> bool:
        """Take a view; False when it is not the one promised last."""
        if install.ballot != self.promised or install.ballot <= self.view:
            return False
        self.view = install.ballot
        self.seats = install.members
        self.roster = install.roster
        self.unique = install.unique
        if self.names >= {entry.name for entry in install.roster.entries} and (
            install.votes >= install.expected_votes
        ):
            self.all_seen = True
        elif not install.quorate:
            # As votequorum: who lost quorum waits for all again.
            self.all_seen = False
        return True


def _core(promises: Mapping[str, Promise]) -> frozenset[str]:
    """Those whose membership goes on, where several views meet: of the majority's view, else of the largest.

    All others count as newcomers, so a node that was cut off alone does not come back as coordinator.
    """
    views: dict[ViewId, list[str]] = {}
    for name, promise in promises.items():
        if promise.since:
            views.setdefault(promise.owed.view, []).append(name)
    if not views:
        return frozenset()
    best = max(
        views, key=lambda view: (promises[views[view][0]].unique, len(views[view]), view)
    )
    return frozenset(views[best])


def _possible(told: Iterable[int], known: Roster) -> list[int]:
    """What settings expect; 0 where the roster could have no majority of it."""
    there = sum(entry.votes for entry in known.entries)
    return [expect if expect // 2 < there else 0 for expect in told]


def _one_majority(known: Roster, votes: Mapping[str, int], expect: int) -> dict[str, int]:
    """What the members' votes are in the roster that follows `known`: as many of those that are new as leave no
    majority by the old roster beside one by the new, should this view reach only some of its members. The others get
    theirs in later views. Nothing is changed where there is no majority by the old roster, with one exception: those
    without whom there never was one may take the votes of somebody here who has lost what it knew; they have all that a
    majority had. (Of two nodes one gets a new disk: the other must be able to help it.)

    Two majorities that share nobody need together as many votes as there are; with fewer there are none.
    """
    old = {entry.name: entry.votes for entry in known.entries}
    if not old:
        return dict(votes)
    given = {name: min(count, old.get(name, 0)) for name, count in votes.items()}
    needed = max(sum(old.values()), expect) // 2 + 1
    if sum(given.values()) < needed:
        lost = any(count < old.get(name, 0) for name, count in given.items())
        if lost and sum(given.values()) + needed > sum(old.values()):
            return given
        return {name: old.get(name, 0) for name in votes}
    total = sum(count for name, count in old.items() if name not in votes) + sum(given.values())
    # Who has fewer votes than before may still be counted by the old roster with all of them.
    there = sum(old.values())
    for name in sorted(votes):
        while given[name] < votes[name] and needed + max(total + 1, expect) // 2 + 1 > there + 1:
            given[name] += 1
            total += 1
            there += 1
    return given


def _so_many(away: AbstractSet[str], votes: Mapping[str, int], expect: int) -> frozenset[str]:
    """Of those that are to lose their votes, as many as may in one view, for the same reason; the others later."""
    total = left = sum(votes.values())
    needed, found = max(total, expect) // 2 + 1, set()
    for name in sorted(away):
        if needed + (left - votes[name]) // 2 + 1 <= total:
            break
        left -= votes[name]
        found.add(name)
    return frozenset(found)
