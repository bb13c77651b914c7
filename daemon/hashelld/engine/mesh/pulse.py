"""Pulse: the state machine of the heartbeat process: beats in and out, who is silent, whether we ourselves were late.

Standard library only and no I/O: heartbeat.py drives it in a process of its own, the simulator drives it too. In:
commands of the daemon (`command`), datagrams (`datagram`), the clock (`tick` when `due_us` has come; whoever drives
empties the socket first). Out: datagrams to send, reports for the daemon, and the wish to kill it.

Theory of operation. A peer is *passing* once beats of this life of it have come and it has told back a stamp of ours:
then, and only then, silence means something. Before a verdict the daemon is asked (`Doubted`) to try the peer over its
link; a peer that answers there is `vouched` for, and where only its link speaks for long, its beats are not waited for
any more until they pass again: where a firewall eats UDP, nobody is lost. Our own lateness is added to every deadline;
after a long one all peers get their whole time again. Silence that other members confirm counts sooner.
Source: Lifeguard's confirmations; the design of the cluster layer, "Failure detector".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hashelld.engine.mesh.beats import (
    DEAD,
    LEAVING,
    SEATS_MAX,
    BadBeat,
    Heartbeat,
    seal,
    unseal,
)
from hashelld.engine.mesh.patience import stretched
from hashelld.engine.mesh.suspicion import Gaps

Address = tuple[str, int]

#: Share of the detection time after which a silence counts that other members confirm, and how many must.
CONFIRMED_PERCENT = 60
CONFIRMERS = 2
#: The same where another member has given it up already.
GIVEN_UP_PERCENT = 45
#: Share of the detection time after which the daemon is asked to try the link.
DOUBT_PERCENT = 35
#: Beats that may be missed before a bitmap says "not heard".
HEARD_BEATS = 3.5
#: Detection times without a beat both ways after which UDP counts as blocked.
BLOCKED_TIMES = 2
#: How many times its limit a daemon may stand still because it gets no processor.
STARVED_TIMES = 12
#: Detection times after which a verdict is told again that the daemon has not acted on.
AGAIN_TIMES = 3
#: Addresses of one peer that are beaten to, and peers.
ADDRESSES_MAX = 4
PEERS_MAX = 128
#: Times that the last word (dead, leaving) is said: it may get lost.
LAST_WORDS = 3
#: Microseconds between two reports for those who look on.
SHOWN_US = 5_000_000
MS = 1000


# --- what the daemon says


class Configure(NamedTuple):
    """Who we are and how fast to be; `keys` are (tag, key), the first is the one to speak with. Times in ms."""

    ident: bytes
    boot: int
    keys: tuple[tuple[bytes, bytes], ...]
    heartbeat_ms: int
    detect_ms: int
    jitter_cap_ms: int
    stall_ms: int
    kill_stalled: bool

    def __repr__(self) -> str:
        return "Configure(…)"


class Watch(NamedTuple):
    """Beat to this life of a node, and tell when it is silent."""

    name: str
    ident: bytes
    boot: int
    addresses: tuple[Address, ...]


class Unwatch(NamedTuple):
    name: str


class InView(NamedTuple):
    """The view: its seats in order, this node's too."""

    number: int
    view_mark: int
    names: tuple[str, ...]


class Vouch(NamedTuple):
    """A peer that was doubted has just answered over its link."""

    name: str


class GivenUp(NamedTuple):
    """Another member of our view does not reach it any more: were we to wait much longer, we would disagree with that
    member on the next view."""

    name: str


class Alive(NamedTuple):
    """The daemon's loop turns."""


class Farewell(NamedTuple):
    """The daemon ends on purpose: its end is no death."""


# --- what the daemon is told


class Ready(NamedTuple):
    """The process runs; `priority` in words."""

    priority: str


class Turning(NamedTuple):
    """The heartbeat process lives."""


class Heard(NamedTuple):
    """Beats pass both ways now."""

    name: str


class Doubted(NamedTuple):
    name: str
    silent_ms: int


class Silent(NamedTuple):
    """The verdict. `why`: silent, one way (it does not hear us), stalled (its daemon), dead (its daemon ended),
    restarted (a later life of it beats)."""

    name: str
    boot: int
    why: str
    silent_ms: int
    limit_ms: int


class Blocked(NamedTuple):
    """The link to this peer is up, and beats do not pass."""

    name: str


class Paused(NamedTuple):
    """This node did not run for so long; `asleep`: the whole machine slept."""

    paused_ms: int
    asleep: bool


class PeerShown(NamedTuple):
    """How we hear a peer. `paths`: address and milliseconds since a beat came from there (-1: never)."""

    name: str
    passing: bool
    round_trip_us: int
    largest_gap_ms: int
    limit_ms: int
    paths: tuple[tuple[str, int], ...]


class Shown(NamedTuple):
    """For those who look on. `late_ms`: own largest lateness since the last report; `refused`: kind of bad datagram →
    how many in all."""

    late_ms: int
    peers: tuple[PeerShown, ...]
    refused: tuple[tuple[str, int], ...]


class SendTo(NamedTuple):
    """A datagram to send."""

    data: bytes
    address: Address


class KillDaemon(NamedTuple):
    """It has not ticked for too long, and the policy is to end it."""

    stalled_ms: int


Command = Configure | Watch | Unwatch | InView | Vouch | GivenUp | Alive | Farewell
Report = Ready | Turning | Heard | Doubted | Silent | Blocked | Paused | Shown
Out = SendTo | KillDaemon | Report


class _Watched:
    """One peer. Times in microseconds of our clock."""

    __slots__ = (
        "addresses", "bitmap", "blocked_told", "boot", "confirmed", "doubted", "gaps", "given_up", "heard", "ident",
        "name", "passing", "paths", "round_trip", "sequence", "since", "stamp", "stamp_at", "tick_age", "told",
        "verdict", "view", "vouched",
    )

    def __init__(self, watch: Watch, gaps: Gaps, now_us: int) -> None:
        self.name, self.ident, self.boot = watch.name, watch.ident, watch.boot
        self.addresses = watch.addresses[:ADDRESSES_MAX]
        self.gaps = gaps
        self.since = self.heard = self.confirmed = now_us
        self.sequence = 0
        self.stamp = self.stamp_at = 0
        self.view = (0, 0)
        self.bitmap = 0
        self.tick_age = 0
        self.round_trip = 0
        self.passing = self.blocked_told = self.given_up = False
        #: What was told of its end, and when.
        self.verdict: Silent | None = None
        self.told = 0
        self.doubted = self.vouched = 0
        self.paths: dict[str, int] = {}


class Pulse:
    """One life of the heartbeat process. Nothing happens before Configure."""

    def __init__(self, configure: Configure, now_us: int) -> None:
        self._ident, self._boot = configure.ident, configure.boot
        self._keys = dict(configure.keys)
        self._speak = configure.keys[0]
        self._beat = self._beat_of_few = configure.heartbeat_ms * MS
        self._detect = self._detect_of_few = configure.detect_ms * MS
        self._cap = configure.jitter_cap_ms * MS
        self._stall = configure.stall_ms * MS
        self._kill_stalled = configure.kill_stalled
        self._peers: dict[str, _Watched] = {}
        self._by_ident: dict[bytes, _Watched] = {}
        self._view = InView(0, 0, ())
        # Later processes of the same life of the daemon go on where this one ends: the clock only rises.
        self._sequence = now_us
        self.due_us = now_us
        self._ticked = now_us
        self._alive_at = now_us
        self._starved = 0
        self._farewell = self._killed = False
        self._late = self._late_now = 0
        self._drifted = 0
        self._shown_at = now_us
        self._refused: dict[str, int] = {}

    # --- in

    def command(self, command: Command, now_us: int) -> list[Out]:
        match command:
            case Alive():
                self._alive_at, self._starved = now_us, 0
            case Watch():
                return self._watch(command, now_us)
            case Unwatch(name):
                gone = self._peers.pop(name, None)
                if gone:
                    del self._by_ident[gone.ident]
                    self._set_pace()
            case InView():
                self._view = command
            case Vouch(name):
                peer = self._peers.get(name)
                if peer and peer.doubted:
                    peer.vouched, peer.doubted = now_us, 0
            case GivenUp(name):
                peer = self._peers.get(name)
                if peer and peer.passing:
                    peer.given_up = True
                    return self._judge(peer, now_us, drained=True)
            case Configure(keys=keys):
                self._keys, self._speak = dict(keys), keys[0]
            case Farewell():
                self._farewell = True
        return []

    @property
    def peers(self) -> int:
        """How many are spoken to."""
        return len(self._peers)

    def _set_pace(self) -> None:
        """Many hear one another less often, and miss one another later: what all of them have to hear would grow with
        the square of their number else. (As a ring's token takes longer to go round among more.)"""
        nodes = len(self._peers) + 1
        self._beat, self._detect = stretched(self._beat_of_few, nodes), stretched(self._detect_of_few, nodes)

    def starved(self, waited_us: int, now_us: int) -> None:
        """The daemon was ready to run for so long and got no processor: that time does not count as its own, within
        reason. It is the machine that stands still, and elsewhere it would be no better."""
        if waited_us > 0 and self._starved < STARVED_TIMES * self._stall:
            self._starved += waited_us
            self._alive_at = min(now_us, self._alive_at + waited_us)

    def _watch(self, watch: Watch, now_us: int) -> list[Out]:
        old = self._peers.get(watch.name)
        if old is None and len(self._peers) >= PEERS_MAX:
            return []
        if old:
            del self._by_ident[old.ident]
        peer = _Watched(watch, Gaps(self._detect_of_few, self._cap), now_us)
        if old and old.boot == watch.boot and old.ident == watch.ident:
            # The same life over another link: what it said before stays said.
            peer.sequence, peer.stamp, peer.stamp_at, peer.gaps = old.sequence, old.stamp, old.stamp_at, old.gaps
        self._peers[watch.name] = self._by_ident[watch.ident] = peer
        self._set_pace()
        return list(self._say(peer, 0, now_us))

    def datagram(self, data: bytes, source: Address, came_us: int, now_us: int) -> list[Out]:
        """`came_us`: when the kernel took it, by our clock; what waited in the socket is older than `now_us`."""
        try:
            beat = unseal(data, self._keys)
        except BadBeat as error:
            return self._refuse(str(error))
        if beat.receiver != self._ident:
            return self._refuse("for another")
        peer = self._by_ident.get(beat.sender)
        if peer is None:
            return self._refuse("unknown")
        if beat.boot != peer.boot:
            if beat.boot > peer.boot and not peer.verdict:
                return self._verdict(peer, "restarted", now_us, 0)
            return self._refuse("old life")
        if beat.sequence <= peer.sequence:
            # The same beat over a second address is no harm, but it tells that the address works.
            if beat.sequence == peer.sequence and beat.stamp_us == peer.stamp:
                self._path(peer, source, came_us)
                return []
            return self._refuse("replayed")
        return self._heard(peer, beat, source, min(came_us, now_us), now_us)

    def _refuse(self, why: str) -> list[Out]:
        self._refused[why] = self._refused.get(why, 0) + 1
        return []

    def _path(self, peer: _Watched, source: Address, came_us: int) -> None:
        if source[0] in peer.paths or len(peer.paths) < 2 * ADDRESSES_MAX:
            peer.paths[source[0]] = came_us

    def _heard(self, peer: _Watched, beat: Heartbeat, source: Address, came_us: int, now_us: int) -> list[Out]:
        self._path(peer, source, came_us)
        if peer.passing and not self._late_now:
            peer.gaps.add(came_us - peer.heard, now_us)
        peer.sequence = beat.sequence
        peer.given_up = False
        peer.heard = max(peer.heard, came_us)
        peer.stamp, peer.stamp_at = beat.stamp_us, came_us
        peer.view, peer.bitmap = (beat.view, beat.view_mark), beat.heard
        peer.tick_age = beat.tick_age_ms * MS
        out: list[Out] = []
        if 0 < beat.echo_us <= now_us:
            # When we said what it has heard: an old echo is an old beat, whatever it is wrapped in.
            peer.confirmed = max(peer.confirmed, beat.echo_us)
            peer.round_trip = max(0, came_us - beat.echo_us - beat.hold_us)
            fresh = now_us - beat.echo_us < self._detect
            if fresh and not peer.passing and not peer.verdict and not beat.flags & (DEAD | LEAVING):
                peer.passing, peer.blocked_told = True, False
                out.append(Heard(peer.name))
        if beat.flags & DEAD and not peer.verdict:
            out += self._verdict(peer, "dead", now_us, 0)
        return out

    # --- the clock

    def tick(self, now_us: int, *, drained: bool = True) -> list[Out]:
        """When `due_us` has come. `drained`: the socket was empty, so nothing that came is unheard."""
        late = max(0, now_us - self.due_us)
        passed = now_us - self._ticked
        self._ticked = now_us
        self.due_us = max(self.due_us + self._beat, now_us + self._beat // 2)
        self._late = max(self._late, late)
        self._late_now = late if late > self._beat // 2 else 0
        out: list[Out] = [Turning()]
        if late >= self._detect // 2:
            self._all_again(now_us)
            if late > self._detect:
                out.append(Paused(late // MS, False))
        elif self._late_now:
            for peer in self._peers.values():
                peer.heard = min(now_us, peer.heard + late)
                peer.confirmed = min(now_us, peer.confirmed + late)
        for peer in list(self._peers.values()):
            out += self._judge(peer, now_us, drained=drained)
        out += self._stalled(now_us, passed)
        self._sequence = max(self._sequence + 1, now_us)
        for peer in self._peers.values():
            out.extend(self._say(peer, 0, now_us))
        if now_us - self._shown_at >= SHOWN_US:
            out.append(self._shown(now_us))
        return out

    def slept(self, slept_ms: int, now_us: int) -> list[Out]:
        """The machine was suspended; the monotonic clock stood still meanwhile."""
        self._all_again(now_us)
        return [Paused(slept_ms, True)]

    def _all_again(self, now_us: int) -> None:
        for peer in self._peers.values():
            peer.heard = peer.confirmed = now_us
            peer.doubted = 0

    def _stalled(self, now_us: int, passed_us: int) -> list[Out]:
        if passed_us > self._stall // 2:
            # We did not run either: the daemon gets its time again.
            self._alive_at = now_us
        age = now_us - self._alive_at
        if self._kill_stalled and not self._killed and age > self._stall:
            self._killed = True
            return [KillDaemon(age // MS)]
        return []

    def _judge(self, peer: _Watched, now_us: int, *, drained: bool) -> list[Out]:
        if peer.verdict:
            if now_us - peer.told < AGAIN_TIMES * self._detect:
                return []
            # The daemon did not read it, or it would not have us watch that life any more.
            peer.told = now_us
            return [peer.verdict]
        if not peer.passing:
            if not peer.blocked_told and now_us - peer.since > BLOCKED_TIMES * self._detect:
                peer.blocked_told = True
                return [Blocked(peer.name)]
            # Deaf beats tell of a stalled daemon all the same.
            return self._judge_tick(peer, now_us)
        unheard = min(peer.heard, peer.confirmed + 2 * self._beat)
        if peer.vouched and now_us - unheard > BLOCKED_TIMES * self._detect:
            # Alive all the time, and its beats do not pass: from now on its link tells.
            peer.passing, peer.blocked_told, peer.vouched = False, True, 0
            peer.since = now_us
            return [Blocked(peer.name)]
        silent = now_us - max(peer.heard, peer.vouched)
        deaf = now_us - max(peer.confirmed + 2 * self._beat, peer.vouched)
        limit = self._limit(peer)
        if peer.given_up:
            enough = limit * GIVEN_UP_PERCENT // 100
        else:
            # Who answered over its link lives though its beats do not come (its heartbeat process ended): that others
            # do not hear these either says nothing more.
            sooner = peer.vouched <= peer.heard and self._is_confirmed(peer, now_us)
            enough = limit * CONFIRMED_PERCENT // 100 if sooner else limit
        if silent > enough:
            # A flood may have thrown its beats away: then only what its link says counts, and it gets time for that.
            if drained or (peer.doubted and now_us - peer.doubted > self._detect):
                return self._verdict(peer, "silent", now_us, silent)
        elif deaf > limit + self._beat:
            return self._verdict(peer, "one way", now_us, deaf)
        if max(silent, deaf) <= max(limit * DOUBT_PERCENT // 100, int(HEARD_BEATS * self._beat)):
            peer.doubted = 0
        elif not peer.doubted:
            peer.doubted = now_us
            return [Doubted(peer.name, max(silent, deaf) // MS)]
        return self._judge_tick(peer, now_us)

    def _judge_tick(self, peer: _Watched, now_us: int) -> list[Out]:
        """A daemon that does not turn is gone, however well its heart beats."""
        # Only a beat that has just come says how old the last tick is now.
        if peer.stamp_at and now_us - peer.stamp_at < self._detect:
            age = peer.tick_age + now_us - peer.stamp_at
            if age > self._stall:
                return self._verdict(peer, "stalled", now_us, age)
        return []

    def _verdict(self, peer: _Watched, why: str, now_us: int, silent_us: int) -> list[Out]:
        peer.passing, peer.told = False, now_us
        peer.verdict = Silent(peer.name, peer.boot, why, silent_us // MS, self._limit(peer) // MS)
        return [peer.verdict]

    def _limit(self, peer: _Watched) -> int:
        return max(self._detect, peer.gaps.limit_us)

    def _is_confirmed(self, silent: _Watched, now_us: int) -> bool:
        """Enough other members of our view do not hear it either."""
        names = self._view.names[:SEATS_MAX]
        if silent.name not in names:
            return False
        bit = 1 << names.index(silent.name)
        here = (self._view.number, self._view.view_mark)
        needed = min(CONFIRMERS, len(names) - 2)
        if needed < 1:
            return False
        agree = 0
        for name in names:
            peer = self._peers.get(name)
            if peer is None or peer is silent or not peer.passing or peer.view != here:
                continue
            if now_us - peer.heard < HEARD_BEATS * self._beat and not peer.bitmap & bit:
                agree += 1
        return agree >= needed

    # --- out

    def _say(self, peer: _Watched, flags: int, now_us: int) -> Iterator[SendTo]:
        heard = 0
        for seat, name in enumerate(self._view.names[:SEATS_MAX]):
            other = self._peers.get(name)
            if other is None or now_us - other.heard < HEARD_BEATS * self._beat:
                # Ourselves, or somebody whom we hear; whom we do not watch we do not judge.
                heard |= 1 << seat
        beat = Heartbeat(
            flags, self._ident, peer.ident, self._boot, self._sequence, self._view.number, self._view.view_mark,
            max(0, now_us - self._alive_at) // MS, self._late // MS, heard,
            now_us, peer.stamp, max(0, now_us - peer.stamp_at) if peer.stamp else 0,
        )
        data = seal(beat, *self._speak)
        for address in peer.addresses:
            yield SendTo(data, address)

    def last_words(self, now_us: int) -> list[Out]:
        """The daemon's end of the pipe is closed. To be sent LAST_WORDS times; then the process ends."""
        self._sequence = max(self._sequence + 1, now_us)
        flags = LEAVING if self._farewell else DEAD
        return [out for peer in self._peers.values() for out in self._say(peer, flags, now_us)]

    def _shown(self, now_us: int) -> Shown:
        self._shown_at = now_us
        late, self._late = self._late, 0
        return Shown(late // MS, tuple(self._peer_shown(peer, now_us) for peer in self._peers.values()), tuple(
            sorted(self._refused.items())
        ))

    def _peer_shown(self, peer: _Watched, now_us: int) -> PeerShown:
        hosts: Iterable[str] = dict.fromkeys([*(host for host, _ in peer.addresses), *peer.paths])
        paths = tuple(
            (host, (now_us - peer.paths[host]) // MS if host in peer.paths else -1) for host in hosts
        )
        return PeerShown(
            peer.name, peer.passing, peer.round_trip, peer.gaps.largest_us // MS, self._limit(peer) // MS, paths,
        )
