"""Viewing: who should be in the view → proposals, promises, an agreed view.

Theory of operation. Every node tells all links whom it reaches; from that matrix each computes whom it wants in the
view (cliques.py). Who differs from its view waits a moment, longer the later its name, and proposes (membership.py).
"""

from __future__ import annotations

import msgspec

from hashelld.core.effects import CancelTimer, Effect, Log, StartTimer, StoreValue, Tell
from hashelld.core.events import Blocked, MembersChanged
from hashelld.engine.mesh import recovery, roster
from hashelld.engine.mesh.alarms import InstallOverdue, ProposeNow, RoundOverdue, WindowOver
from hashelld.engine.mesh.cliques import wanted_members
from hashelld.engine.mesh.codec import Install, Nack, Ordered, Promise, Propose, Roster, ViewId
from hashelld.engine.mesh.linking import Linking
from hashelld.engine.mesh.told import arbiter_lines, view_of
from hashelld.engine.news import lines_of

#: Milliseconds by which each later name waits longer before it proposes: a proposal takes less.
RANK_MS = 250
#: The same where rounds take long, at most.
RANK_MAX_MS = 2_000
#: From so many nodes on those that come are gathered: until for so long nobody more came, and never for longer.
MANY_NODES, GATHER_MS, GATHER_MAX_MS = 9, 300, 3_000
#: The longest that a proposer may have others wait for it.
WAIT_MAX_MS = 60_000
#: The longest wait after refusals, and how many in a row count.
NACKED_MAX_MS, NACKS_MAX = 1_000, 6
#: Milliseconds for which a node that does not want us is left alone; doubled each time, up to the last.
UNWILLING_MS = (1_000, 60_000)


class Viewing(Linking):
    """The part of the engine that agrees on views."""

    # --- hooks for what builds on this

    def _deliver(self, messages: list[Ordered], out: list[Effect]) -> None:
        raise NotImplementedError

    def _view_began(self, now_ms: int, out: list[Effect]) -> None:
        raise NotImplementedError

    # --- views

    def _wanted(self, now_ms: int) -> frozenset[str]:
        """Whom we would have in a view now, ourselves among them."""
        reached, members = self._reached(), self._members.names
        if not self._unwilling and all(
            peer.reach == reached and (peer.name in members or not self._flaps.waits_ms(peer.name, now_ms))
            for peer in self._peers.values()
        ):
            # Nearly always all reach one another.
            return frozenset(reached)
        everybody = set(reached)
        reach: dict[str, set[str]] = {self._me.name: everybody}
        for peer in self._peers.values():
            if self._unwilling.get(peer.name, (0, 0))[0] > now_ms:
                continue
            if peer.name not in members and self._flaps.waits_ms(peer.name, now_ms):
                continue
            # A peer reaches another life of somebody than we do: that is nobody.
            reach[peer.name] = everybody if peer.reach == reached else {
                n for n, boot in peer.reach.items() if reached.get(n) == boot
            }
        # Who was away and is only just linked again stands behind those who were here all the time.
        staying = {name for name in members if name == self._me.name or self._is_whole(name)}
        return wanted_members(self._me.name, reach, staying)

    def _evaluate(self, now_ms: int, out: list[Effect]) -> None:
        """Start, restart or stop the wait before a proposal."""
        if self._leaving or self._started_ms == 0:
            return
        self._give_up_round(out)
        # While many nodes start, most of them are linked before there are enough of them: then who reaches whom, which
        # takes the square of their number, need not be looked at.
        enough = bool(self._members.seats) or self._may_start(frozenset(self._peers) | {self._me.name}, now_ms)
        wanted = self._wanted(now_ms) if enough else frozenset()
        if not enough or not self._needs_view(wanted, now_ms):
            if self._proposing_ms:
                self._proposing_ms = 0
                out.append(CancelTimer("propose"))
            return
        if self._members.round is not None:
            return
        # Who is first in rank must have had the time to say what it wants, before somebody else does.
        step_ms = max(RANK_MS, min(RANK_MAX_MS, self._patience.wait_ms(len(wanted)) // 2))
        due = self._settled_ms(wanted, now_ms) + step_ms * sorted(wanted).index(self._me.name)
        later = self._gathering_ms and due > self._proposing_ms
        if not self._proposing_ms or due < self._proposing_ms or later:
            self._proposing_ms = due
            out.append(StartTimer("propose", max(0, due - now_ms), ProposeNow()))

    def _settled_ms(self, wanted: frozenset[str], now_ms: int) -> int:
        """Until when to wait for more of what makes a new view. Who is lost is replaced at once; those that come to
        many come together, for a view costs all of them the more the more they are."""
        members = self._members
        everybody = len(wanted) >= max(self._settings.expect, len(members.roster.entries))
        if len(wanted) < MANY_NODES or everybody or not wanted > members.names or self._stuck:
            self._gathering_ms = 0
            # Who was refused gives the others more time each time to see what it sees.
            return now_ms + min(self._stretched(self._settings.settle_ms) << self._nacks, NACKED_MAX_MS)
        if not self._gathering_ms:
            self._gathering_ms, self._gathered = now_ms, frozenset()
        if wanted != self._gathered:
            self._gathered = wanted
            self._gathered_ms = min(now_ms + GATHER_MS, self._gathering_ms + GATHER_MAX_MS)
        return self._gathered_ms

    def _give_up_round(self, out: list[Effect]) -> None:
        """A round with somebody who is gone cannot succeed, and who has promised a view to somebody who is gone does
        not get it: both begin again at once. (What a timer ends is only what nobody can know of.)"""
        members = self._members
        reached = self._reached()
        if members.round and any(reached.get(name) != boot for name, boot in members.round.members):
            members.round = None
            self._stuck = True
            out.append(CancelTimer("round"))
        promised = members.promised
        if members.is_between and reached.get(promised.proposer) != promised.boot:
            self._stuck = True

    def _needs_view(self, wanted: frozenset[str], now_ms: int) -> bool:
        members = self._members
        if members.is_between and not self._stuck:
            return False
        if not members.seats:
            # Also after a round that failed: who goes on alone at once founds a cluster of one.
            return self._may_start(wanted, now_ms)
        if self._stuck:
            return True
        if wanted != members.names:
            return True
        long = now_ms - self._installed_ms > 4 * self._patience.wait_ms(self._nodes)
        for seat in members.seats:
            if seat.name == self._me.name:
                continue
            peer = self._peers[seat.name]
            if peer.boot != seat.boot or self._view_links.get(seat.name) != peer.link:
                return True
            # It sits in another view than we think: it missed ours, or we missed its.
            if long and peer.view != members.view:
                return True
        return False

    def _may_start(self, wanted: frozenset[str], now_ms: int) -> bool:
        """Whether to form the first view now, or to wait for those that should come."""
        if any(peer.view.n for peer in self._peers.values() if peer.name in wanted):
            return True
        settings = self._settings
        count = max(
            settings.expect, len(self._members.roster.entries), 1 + bool(settings.peers)
        )
        if len(wanted) >= max(2, count):
            return True
        window = settings.join_window_ms if count > 1 else 1000 if settings.zeroconf else 0
        return now_ms - self._started_ms >= window

    def _propose(self, now_ms: int, out: list[Effect]) -> None:
        wanted = self._wanted(now_ms)
        if self._leaving or self._members.round or not self._needs_view(wanted, now_ms):
            return
        self._stuck = False
        self._gathering_ms = 0
        reached = self._reached()
        wait_ms = self._patience.wait_ms(len(wanted))
        propose = self._members.propose({name: reached[name] for name in wanted}, wait_ms)
        self._round_ms = now_ms
        out.append(Log("debug", "proposing", {"members": sorted(wanted), "n": propose.ballot.n, "wait_ms": wait_ms}))
        out.append(StartTimer("round", wait_ms, RoundOverdue(propose.ballot)))
        for name in sorted(wanted - {self._me.name}):
            self._send(name, propose, out)
        self._promise(propose, now_ms, out)

    def _proposed(self, origin: str, propose: Propose, now_ms: int, out: list[Effect]) -> None:
        if propose.ballot.proposer != origin or self._leaving:
            return
        # It proposes to us, so it is willing.
        self._unwilling.pop(origin, None)
        nack = self._members.judge(propose, self._reached(), self._wanted(now_ms))
        if nack:
            self._send(origin, nack, out)
        else:
            self._promise(propose, now_ms, out)

    def _promise(self, propose: Propose, now_ms: int, out: list[Effect]) -> None:
        members, ballot, proposer = self._members, propose.ballot, propose.ballot.proposer
        if not members.is_between and members.seats:
            out.append(Tell(Blocked()))
        members.promise(ballot)
        self._stuck = False
        self._doubting = False
        self._doubtful.clear()
        self._early.clear()
        self._gathering_ms = 0
        if self._proposing_ms:
            self._proposing_ms = 0
            out.append(CancelTimer("propose"))
        # Ballots rise for ever, also through a restart of all. Nothing waits for this: every entry of the view tells of
        # it, too, so whichever is on disk will do.
        out.append(StoreValue(f"ballot:{ballot.n}", "ballot", str(ballot.n).encode()))
        # The proposer knows how long it takes: were its members less patient, each of them would end its round.
        wait_ms = max(min(propose.wait_ms, WAIT_MAX_MS), self._patience.wait_ms(len(propose.members)))
        out.append(StartTimer("install", 2 * wait_ms, InstallOverdue(ballot)))
        promise = Promise(
            ballot, self._ordering.owed(), members.since, members.all_seen, self._settings.expect,
            self._settings.votes, members.roster, self._me.feature_set, members.unique, self._fresh,
            self._settings.arbiter,
        )
        if proposer != self._me.name:
            self._send(proposer, promise, out)
        elif members.promise_came(self._me.name, promise):
            self._install(now_ms, out)

    def _nack(self, origin: str, nack: Nack, now_ms: int, out: list[Effect]) -> None:
        if not self._members.nack_came(nack):
            return
        out.append(Log("debug", "proposal refused", {"by": origin, "reason": nack.reason}))
        if nack.reason == "unwanted":
            _, before = self._unwilling.get(origin, (0, UNWILLING_MS[0] // 2))
            delay = min(2 * before, UNWILLING_MS[1])
            self._unwilling[origin] = (now_ms + delay, delay)
        self._nacks = min(self._nacks + 1, NACKS_MAX)
        self._stuck = True
        self._evaluate(now_ms, out)

    def _install(self, now_ms: int, out: list[Effect]) -> None:
        assert self._members.round is not None
        names = [name for name, _ in self._members.round.members]
        lives: dict[str, tuple[str, str]] = {self._me.name: (self._me.uuid, self._own_address())}
        for name in names:
            peer = self._peers.get(name)
            if peer:
                lives[name] = (peer.uuid, f"{peer.address[0]}:{peer.address[1]}")
            elif name != self._me.name:
                # Gone while it promised: begin again without it.
                self._members.round = None
                self._stuck = True
                self._evaluate(now_ms, out)
                return
        install = self._members.install(
            lives, self._options, window_over=self._window_over, left=frozenset(self._goodbyes)
        )
        self._window_over = False
        self._patience.took(now_ms - self._round_ms)
        for name in names:
            if name != self._me.name:
                self._send(name, install, out)
        self._installed(install, now_ms, out)

    def _own_address(self) -> str:
        return f"{self._settings.address or self._local}:{self._port}"

    def _installed(self, install: Install, now_ms: int, out: list[Effect]) -> None:
        members, ordering = self._members, self._ordering
        before, before_quorate = members.seats, self._quorate
        old = ordering.owed()
        if not members.installed(install):
            return
        missed = recovery.still_to_deliver(old, install.missing)
        if before:
            for message in missed:
                ordering.deliver(message)
            self._deliver(list(missed), out)
        self._stuck = False
        self._nacks = 0
        self._installed_ms = now_ms
        names = tuple(seat.name for seat in install.members)
        ordering.begin(install.ballot, names)
        self._view_links = {n: self._peers[n].link for n in names if n in self._peers}
        for name in names:
            self._unwilling.pop(name, None)
        self._hearing.view(install.ballot, names, out)
        out.append(CancelTimer("install"))
        out.append(CancelTimer("round"))
        if self._options.last_man_standing and install.unique and install.votes < install.expected_votes:
            window_ms = self._options.last_man_standing_window_ms
            out.append(StartTimer("window", window_ms, WindowOver(install.ballot)))
        out.append(StoreValue(
            f"roster:{install.ballot.n}", "roster", msgspec.msgpack.encode(install.roster), before_entries=True
        ))
        own = next((entry for entry in install.roster.entries if entry.name == self._me.name), None)
        if self._fresh and own is not None and own.votes and install.unique:
            # Founded with a majority: nobody had a past, so there is nothing to catch up with, and a founder that dies
            # in the first moments comes back with its vote. (Who was alone so far is as new as those that come now.)
            self._fresh = False
            out.append(StoreValue("caught-up", "caught-up", self._me.uuid.encode(), before_entries=True))
        view = view_of(install, before, self._goodbyes)
        self._quorate = view.quorate
        out.append(Log("info", "view", {
            "number": view.number, "members": list(view.names), "quorate": view.quorate,
            "reason": view.reason, **({"arbiters": [one.name for one in view.arbiters]} if view.arbiters else {}),
        }))
        out.append(Tell(MembersChanged(view)))
        out.extend(Tell(line) for line in arbiter_lines(install, before, self._goodbyes))
        out.extend(Tell(line) for line in lines_of(view, before_quorate))
        for name in view.joined:
            self._flaps.joined(name, now_ms)
        for name in view.lost:
            delay_ms = self._flaps.lost(name, now_ms)
            if delay_ms:
                text = f"{name} was lost again soon after it had come back; it is taken in after {delay_ms / 1000:g} s"
                self._happened("member", "warning", text, out, name)
        self._beat(out)
        self._view_began(now_ms, out)
        for seat in before:
            if seat.name not in names:
                self._goodbyes.pop(seat.name, None)
        self._evaluate(now_ms, out)

    def _caught_up(self, name: str, now_ms: int, out: list[Effect]) -> None:
        """A member has what the others have. When that is this node, and for the first time, it votes from now on: it
        sees to that itself, but among many its turn to propose comes late, so the first of the view does as well."""
        mine = name == self._me.name
        if not mine and self._ordering.leader != self._me.name:
            return
        if mine and self._fresh:
            self._fresh = False
            out.append(StoreValue("caught-up", "caught-up", self._me.uuid.encode(), before_entries=True))
        entry = next((one for one in self._members.roster.entries if one.name == name), None)
        if entry is not None and (entry.votes != self._settings.votes if mine else not entry.votes):
            # The same members, other votes: that is another view.
            self._stuck = True
            self._evaluate(now_ms, out)

    def _heard_of(self, begun: Roster, out: list[Effect]) -> None:
        """Others have begun the cluster: whoever knows of it never begins one beside it, also when those it is with
        then know of none (one of them may have lost its folder)."""
        members = self._members
        members.saw(begun.version.n)
        if begun.version.n > members.highest:
            return
        if roster.is_begun(begun) and not roster.is_begun(members.roster):
            members.roster = begun
            out.append(StoreValue(
                f"roster:{begun.version.n}", "roster", msgspec.msgpack.encode(begun), before_entries=True
            ))

    def _last_man_standing(self, view: ViewId, now_ms: int, out: list[Effect]) -> None:
        """Those that were away for the whole window do not vote any more."""
        if view == self._members.view and self._ordering.leader == self._me.name:
            self._window_over = self._stuck = True
            self._evaluate(now_ms, out)

    def _forget(self, name: str, now_ms: int, out: list[Effect]) -> None:
        """A node is sent away for good (ordered, so at all members alike): its votes are not waited for any more."""
        members = self._members
        if name in members.names or all(entry.name != name for entry in members.roster.entries):
            return
        members.roster = roster.without(members.roster, name, members.view)
        out.append(StoreValue(
            f"roster:{members.view.n}", "roster", msgspec.msgpack.encode(members.roster), before_entries=True
        ))
        self._happened("member", "notice", f"{name} does not belong to the cluster any more", out, name)
        if self._ordering.leader == self._me.name:
            # The same members, another quorum: that is another view.
            self._stuck = True
            self._evaluate(now_ms, out)
