"""The mesh engine's state machine: its events, its clock, and the messages of a view.

Theory of operation. A connection is a *peer's* when both ends have said Hello and neither refused (linking.py). Who
lives is told by heartbeats (hearing.py), who should be in the view by who reaches whom (viewing.py). A torn connection
means lost messages, so where it cannot be resumed frame for frame it means a new view, even when it is back at once.
"""

from __future__ import annotations

import msgspec

from hashell.wire.messages import Done, Failure, RotateKey
from hashelld.core.dispatch import MulticastWanted, SendWanted
from hashelld.core.effects import Effect, Exit, Log, Reply, StartTimer, Tell
from hashelld.core.events import ClientAsked, Event, Leaving, MessageDirect, MessageOrdered, Started
from hashelld.engine.engine import MESSAGE_MAX
from hashelld.engine.mesh import pulse, rotation, sound
from hashelld.engine.mesh.alarms import (
    BeatDue,
    DoubtOver,
    GoneNow,
    GotDue,
    HeartbeatGone,
    InstallOverdue,
    ProposeNow,
    ResumeOver,
    RoundOverdue,
    Tick,
    WindowOver,
)
from hashelld.engine.mesh.codec import (
    Ack,
    BadFrame,
    Beat,
    Direct,
    Frame,
    Goodbye,
    Got,
    Hello,
    Install,
    Nack,
    Order,
    Ordered,
    Promise,
    Propose,
    Refuse,
    Resume,
    Submit,
    ViewId,
)
from hashelld.engine.mesh.linking import MANY_PEERS
from hashelld.engine.mesh.links import (
    DialFailed,
    FrameCame,
    HeartbeatDown,
    HeartbeatPort,
    HeartbeatSaid,
    HeartbeatUp,
    LinkClose,
    LinkClosed,
    LinkOpened,
    Listening,
    PeerFound,
    StrangerCame,
)
from hashelld.engine.mesh.ordering import QueueFull
from hashelld.engine.mesh.peers import Peer
from hashelld.engine.mesh.rotation import DropKeys, KeyHeld, KeyMade, KeyShown, KeyTurned, MakeKey
from hashelld.engine.mesh.state import ViewFrame, is_counted
from hashelld.engine.mesh.viewing import Viewing

#: Heartbeats after a pause of our own in which members say whether they are still in our view.
DOUBT_BEATS = 8
#: How often that time is doubled while some of them say nothing.
DOUBTS_MAX = 3
#: Ticks between two frames to a peer whose life its heartbeats tell.
SELDOM_TICKS = 10
#: Frames kept for a view that is promised and not yet installed here.
EARLY_MAX = 10_000
#: Share of the detection time after which a silent node is gone if another member does not hear it either.
CONFIRMED_PERCENT = 60
#: Milliseconds by which a node dials those with lower addresses later, where they are many.
CROSSING_MS = 1_500
#: Milliseconds between a goodbye and the end, so that it leaves.
GOODBYE_MS = 60
#: Milliseconds after which a member tells how far it got with the last messages.
GOT_MS = 100


class MeshEngine(Viewing):
    """The engine of one node."""

    name = "engine"

    # --- events -------------------------------------------------------------------------------

    def receive(self, event: Event, now_ms: int, wall_s: float) -> list[Effect]:
        out: list[Effect] = []
        self._now_ms = now_ms
        paused = self._hearing.paused(now_ms) if self._started_ms else 0
        if paused:
            self._woke(paused, now_ms, out)
        match event:
            case Tick():
                self._tick(now_ms, out)
            case FrameCame(link, frame):
                self._frame(link, frame, now_ms, out)
            case LinkOpened(link, address, dialed, local):
                self._local = local or self._local
                self._link_opened(link, address, dialed, now_ms, out)
            case LinkClosed(link, reason, faulty):
                self._link_closed(link, reason, now_ms, out, faulty=faulty)
            case ResumeOver():
                self._resume_over(event, now_ms, out)
            case DialFailed(address, kind, text):
                self._dial_failed(address, kind, text, now_ms, out)
            case StrangerCame(address, kind, text):
                self._stranger(address, kind, text, now_ms, out)
            case PeerFound(address):
                self._discovery.add(address, now_ms)
                self._dial(now_ms, out)
            case Listening(port, addresses):
                self._port, self._addresses = port, addresses
            case HeartbeatSaid(report):
                self._heartbeat_said(report, now_ms, out)
            case HeartbeatPort(port):
                self._heartbeat_port = port
            case HeartbeatUp(priority):
                self._hearing.up(priority, out)
            case HeartbeatDown(reason):
                self._hearing.down(reason, out)
            case HeartbeatGone():
                self._hearing.gone(now_ms, out)
                self._beat(out)
            case MulticastWanted(topic, payload):
                self._multicast(topic, payload, out)
            case SendWanted(to, topic, payload):
                self._direct(to, topic, payload, out)
            case ProposeNow():
                self._proposing_ms = 0
                self._propose(now_ms, out)
            case RoundOverdue(ballot):
                if self._members.round and self._members.round.ballot == ballot:
                    self._members.round = None
                    self._patience.failed()
                    self._stuck = True
                    self._evaluate(now_ms, out)
            case InstallOverdue(ballot):
                if self._members.promised == ballot and self._members.is_between:
                    self._stuck = True
                    self._evaluate(now_ms, out)
            case DoubtOver(view):
                self._doubt_over(view, now_ms, out)
            case BeatDue():
                self._beat_due = False
                self._beat(out)
            case GotDue():
                self._got_due = False
                self._tell_got(out, now=True)
            case MessageOrdered(topic="engine.caught", origin=origin):
                self._caught_up(origin, now_ms, out)
            case WindowOver(view):
                self._last_man_standing(view, now_ms, out)
            case MessageOrdered(topic="engine.forget", payload=payload):
                self._forget(payload.decode("utf-8", "replace"), now_ms, out)
            case MessageOrdered(topic=rotation.TOPIC, origin=origin, payload=payload):
                said = rotation.decode(payload)
                if said:
                    self._key_said(origin, said, out)
            case ClientAsked(client, _, RotateKey()):
                self._rotate_key(client, out)
            case KeyMade(tag, key):
                self._tell_key(rotation.Said("next", tag, key), out)
            case KeyHeld(tag, key, pending=True):
                self._rotation.pending(tag, key)
            case KeyHeld(tag, error=error) | KeyTurned(tag, error=error) if error:
                self._complain("key", f"{self._me.name} cannot write the new cluster key: {error}", now_ms, out)
            case KeyHeld(tag):
                self._tell_key(rotation.Said("held", tag), out)
            case KeyTurned(tag):
                self._tell_key(rotation.Said("turned", tag), out)
            case KeyShown(tag):
                out.extend(self._rotation.shown(tag))
            case Leaving(_, reason):
                self._leave(reason, out)
            case GoneNow(reason):
                out.append(Exit(0, reason))
            case Started():
                self._start(now_ms, out)
            case _:
                pass
        return out

    def _start(self, now_ms: int, out: list[Effect]) -> None:
        self._started_ms = now_ms
        peers = self._settings.peers
        own = {(host, self._port) for host in self._addresses or (self._settings.address,)}
        for address in peers:
            # Where many start at once each pair would dial from both ends, and half of all handshakes be for nothing.
            waits = len(peers) >= MANY_PEERS and address < min(own)
            self._discovery.add(address, now_ms, lasting=True, wait_ms=CROSSING_MS if waits else 0)
        self._tick(now_ms, out)

    def _tick(self, now_ms: int, out: list[Effect]) -> None:
        out.append(StartTimer("tick", self._settings.heartbeat_ms, Tick()))
        if self._ticked_ms:
            self._patience.late(now_ms - self._ticked_ms - self._settings.heartbeat_ms, now_ms)
        self._ticked_ms = now_ms
        for name in self._hearing.tick(now_ms, out):
            silent_ms = self._hearing.silent_ms(name, now_ms)
            self._give_up(name, f"{name} has been silent for {silent_ms} ms", "silent", now_ms, out)
        self._ticks += 1
        self._beat(out, seldom=self._ticks % SELDOM_TICKS != 0)
        self._tell_acks(now_ms, out)
        self._old_spares(now_ms, out)
        self._dial(now_ms, out)
        self._evaluate(now_ms, out)

    def _heartbeat_said(self, report: pulse.Report, now_ms: int, out: list[Effect]) -> None:
        match report:
            case pulse.Silent(name, boot, why, silent_ms, limit_ms):
                peer = self._peers.get(name)
                # It may be told of a connection before this one.
                if peer and peer.boot == boot and silent_ms <= now_ms - peer.since_ms + self._settings.detect_ms:
                    out.append(Log("info", "heartbeats", {"peer": name, "why": why, "limit_ms": limit_ms}))
                    text = {
                        "silent": f"{name} has been silent for {silent_ms} ms",
                        "one way": f"{name} has not heard {self._me.name} for {silent_ms} ms",
                        "stalled": f"the daemon of {name} has stood still for {silent_ms} ms",
                        "dead": f"the daemon of {name} ended",
                    }.get(why, f"{name} has started anew")
                    self._give_up(name, text, why, now_ms, out)
            case pulse.Paused(paused_ms, asleep):
                if asleep:
                    self._woke(paused_ms, now_ms, out)
                else:
                    out.append(Log("warning", "the heartbeat process did not run", {"paused_ms": paused_ms}))
            case pulse.Heard(name) if name in self._peers:
                self._hearing.passes(self._peers[name], out)
            case pulse.Blocked(name) if name in self._peers:
                self._hearing.blocked(self._peers[name], now_ms, out)
                self._beat(out)
            case pulse.Doubted(name, silent_ms) if name in self._peers:
                out.append(Log("debug", "asking over the link", {"peer": name, "silent_ms": silent_ms}))
                self._asked += 1
                self._peers[name].asked = self._asked
                self._send(name, self._beat_for(self._peers[name], ask=self._asked), out)
            case pulse.Shown():
                self._hearing.show(report, now_ms, out)
                self._show_links(now_ms, out)

    def _confirm(self, witness: Peer, now_ms: int, out: list[Effect]) -> None:
        """Who is silent here and given up by a witness is given up sooner: else the two would disagree for a while on
        whom they want. Source: Lifeguard's confirmations."""
        soon_ms = self._stretched(self._settings.detect_ms) * CONFIRMED_PERCENT // 100
        for name in list(self._peers):
            if name == witness.name or name in witness.reach or name not in self._members.names:
                continue
            self._hearing.given_up(self._peers[name], out)
            silent_ms = self._hearing.silent_ms(name, now_ms)
            if silent_ms > soon_ms:
                text = f"{name} has been silent for {silent_ms} ms, for {witness.name} too"
                self._give_up(name, text, "silent", now_ms, out)

    def _woke(self, paused_ms: int, now_ms: int, out: list[Effect]) -> None:
        """We did not run for so long that the others may have gone on without us.

        What waits in the sockets may be of a view that is no more, so it is kept and not delivered until every member
        has said that it is still in ours. (Where all stood still together, as a machine under load does, nothing is
        torn and the view goes on.)
        """
        out.append(Log("warning", "this node did not run", {"paused_ms": paused_ms}))
        self._happened("member", "warning", f"{self._me.name} did not run for {paused_ms} ms", out)
        self._hearing.looked(now_ms)
        if self._members.seats and not self._members.is_between:
            self._doubting = True
            self._too_many = False
            self._heard_since.clear()
            self._asked += 1
            self._asked_awake = self._asked
            self._doubts = 0
            self._ask_doubtful(out)

    def _ask_doubtful(self, out: list[Effect]) -> None:
        """Those that have not said yet that they are in our view are asked, and again after a while."""
        silent = [self._peers[name] for name in sorted(self._members.names - self._heard_since) if name in self._peers]
        for passing in (True, False):
            names = tuple(peer.name for peer in silent if peer.passing == passing)
            self._send_all(names, self._beat_frame(not passing, self._asked_awake, 0), out)
        delay_ms = self._stretched(DOUBT_BEATS * self._settings.heartbeat_ms) << min(self._doubts, DOUBTS_MAX)
        out.append(StartTimer("doubt", delay_ms, DoubtOver(self._members.view)))

    def _doubt_over(self, view: ViewId, now_ms: int, out: list[Effect]) -> None:
        if not self._doubting or view != self._members.view or self._members.is_between:
            return
        others = self._members.names - {self._me.name}
        whole = all(self._is_whole(name) for name in others)
        elsewhere = any(peer.view > view for peer in self._peers.values() if peer.name in others)
        if whole and not self._too_many and not elsewhere and not others <= self._heard_since:
            # Who is silent may be as late as we were: as long as it lives and nothing is torn, nobody has gone on
            # without us. (Were each late node to end the view for that, a busy machine would see nothing but views.)
            self._doubts += 1
            self._ask_doubtful(out)
        elif whole and not self._too_many and not elsewhere:
            self._doubting = False
            doubtful, self._doubtful = self._doubtful, []
            for origin, link, frame in doubtful:
                self._in_view(origin, link, frame, out)
        else:
            # Nothing more is delivered in this view; a new one brings what we should have had of it.
            self._doubtful.clear()
            self._stuck = True
            self._evaluate(now_ms, out)

    # --- frames -------------------------------------------------------------------------------

    def _frame(self, link: int, frame: Frame, now_ms: int, out: list[Effect]) -> None:
        known = self._links.get(link)
        if known is None:
            return
        if isinstance(frame, Refuse):
            self._refused(link, frame, now_ms, out)
            return
        if isinstance(frame, Hello):
            self._hello_came(link, frame, now_ms, out)
            return
        peer = self._peers.get(known.name)
        if isinstance(frame, Resume):
            self._resume_came(link, known, frame, now_ms, out)
            return
        is_spare = peer and peer.link != link and known.hello and known.hello.boot == peer.boot
        if peer and is_spare and not self._is_past(peer, frame):
            # It speaks on what was a spare: it has begun anew there.
            self._begin_anew(link, known, now_ms, out)
            peer = self._peers.get(known.name)
        if peer is None or peer.link != link:
            return
        self._hearing.link_spoke(peer, now_ms)
        if is_counted(frame):
            self._counted(peer, frame, out)
        try:
            sound.check(frame, peer.name, self._me.name)
            self._peer_said(peer, link, frame, now_ms, out)
        except BadFrame as error:
            out.append(LinkClose(link))
            self._link_closed(link, str(error), now_ms, out, faulty=True)

    def _peer_said(self, peer: Peer, link: int, frame: Frame, now_ms: int, out: list[Effect]) -> None:
        match frame:
            # The most frequent first.
            case Beat():
                self._beat_came(peer, frame, now_ms, out)
            case Submit() | Order() | Got() | Direct():
                self._in_view(peer.name, link, frame, out)
            case Ack():
                self._acked(peer, frame)
            case Goodbye():
                self._said_goodbye(peer, now_ms, out)
            case Propose():
                self._proposed(peer.name, frame, now_ms, out)
            case Nack():
                self._nack(peer.name, frame, now_ms, out)
            case Promise():
                if self._members.promise_came(peer.name, frame):
                    self._install(now_ms, out)
            case Install():
                self._installed(frame, now_ms, out)
            case _:
                pass

    def _beat_came(self, peer: Peer, beat: Beat, now_ms: int, out: list[Effect]) -> None:
        self._members.saw(beat.highest)
        reach = dict(beat.reach)
        changed = not peer.beats or reach != peer.reach or beat.view != peer.view
        peer.reach, peer.view, peer.wants_often = reach, beat.view, beat.often
        peer.beats += 1
        if beat.begun is not None:
            self._heard_of(beat.begun, out)
        if beat.ask:
            self._send(peer.name, self._beat_for(peer, answers=beat.ask), out)
        if beat.answers and beat.answers == peer.asked:
            self._hearing.link_answered(peer, out)
        if changed:
            # Whatever made it refuse us may be over.
            self._unwilling.pop(peer.name, None)
            self._confirm(peer, now_ms, out)
            self._evaluate(now_ms, out)
        if self._doubting and beat.answers == self._asked_awake and beat.view == self._members.view:
            # Said after we woke: what it said before may have waited in our sockets.
            self._heard_since.add(peer.name)
            if self._heard_since >= self._members.names - {self._me.name}:
                self._doubt_over(self._members.view, now_ms, out)

    def _in_view(
        self, origin: str, link: int, frame: ViewFrame, out: list[Effect]
    ) -> None:
        members = self._members
        if frame.view != members.view or members.is_between:
            # Somebody has installed before us what we have promised: keep it. Anything else is of the past.
            if frame.view == members.promised and members.is_between:
                if len(self._early) < EARLY_MAX:
                    self._early.append((origin, link, frame))
                else:
                    out.append(Log("error", "too many frames before the view is installed"))
            return
        if self._doubting:
            if len(self._doubtful) < EARLY_MAX:
                self._doubtful.append((origin, link, frame))
            else:
                # More than we keep: this view cannot go on for us.
                self._too_many = True
            return
        if self._view_links.get(origin) != link:
            # Another connection than the view began with: something between is lost, so nothing after it counts.
            return
        try:
            self._take(origin, frame, out)
        except BadFrame as error:
            out.append(LinkClose(link))
            self._link_closed(link, str(error), self._now_ms, out, faulty=True)

    def _take(self, origin: str, frame: ViewFrame, out: list[Effect]) -> None:
        """Raises BadFrame."""
        match frame:
            case Submit():
                if self._ordering.leader == self._me.name:
                    self._place(origin, frame, out)
            case Order():
                if origin == self._ordering.leader:
                    self._deliver(self._ordering.take(frame), out)
                    self._tell_got(out, now=False)
            case Got(_, sequence):
                self._ordering.got(origin, sequence)
            case Direct(view, topic, payload):
                out.append(Tell(MessageDirect(view.n, origin, topic, payload)))

    # --- messages -----------------------------------------------------------------------------

    def _multicast(self, topic: str, payload: bytes, out: list[Effect]) -> None:
        if len(payload) > MESSAGE_MAX:
            out.append(Log("error", "a multicast is too long", {"topic": topic}))
            return
        try:
            submit = self._ordering.ask(topic, payload)
        except QueueFull:
            out.append(Log("error", "too many multicasts wait; one is dropped", {"topic": topic}))
            return
        self._submit(submit, out)

    def _submit(self, submit: Submit, out: list[Effect]) -> None:
        if not self._members.seats or self._members.is_between:
            return
        if self._ordering.leader == self._me.name:
            self._place(self._me.name, submit, out)
        else:
            self._send_in_view(self._ordering.leader, submit, out)

    def _place(self, origin: str, submit: Submit, out: list[Effect]) -> None:
        order = self._ordering.place(origin, submit)
        self._send_all(tuple(name for name in self._view_links if self._is_whole(name)), order, out)
        self._deliver(self._ordering.take(order), out)

    def _deliver(self, messages: list[Ordered], out: list[Effect]) -> None:
        number = self._ordering.view.n
        for message in messages:
            out.append(Tell(MessageOrdered(
                number, message.sequence, message.origin, message.topic, message.payload
            )))

    def _tell_got(self, out: list[Effect], *, now: bool) -> None:
        got = self._ordering.tell(now=now)
        if got:
            self._send_in_view(self._ordering.leader, got, out)
        if not now and not self._got_due and self._ordering.leader != self._me.name:
            # One timer for all that come until then.
            self._got_due = True
            out.append(StartTimer("got", GOT_MS, GotDue()))

    def _direct(self, to: str, topic: str, payload: bytes, out: list[Effect]) -> None:
        view = self._members.view
        if self._members.is_between or to not in self._members.names:
            return
        if to == self._me.name:
            out.append(Tell(MessageDirect(view.n, to, topic, payload)))
        else:
            self._send_in_view(to, Direct(view, topic, payload), out)

    # --- a new key

    def _rotate_key(self, client: int, out: list[Effect]) -> None:
        if not self._quorate:
            out.append(Reply(client, Failure("refused", "no quorum: the key stays as it is", "wait for more nodes")))
            return
        if self._rotation.is_under_way:
            out.append(Reply(client, Failure("refused", "the key is being changed already", "wait a moment")))
            return
        out.append(MakeKey())
        away = sorted({entry.name for entry in self._members.roster.entries} - self._members.names)
        text = "the key is being changed on " + ", ".join(sorted(self._members.names))
        if away:
            text += f"; away: {', '.join(away)}: copy {self._settings.key} there before they start"
        out.append(Reply(client, Done(text)))

    def _tell_key(self, said: rotation.Said, out: list[Effect]) -> None:
        self._multicast(rotation.TOPIC, msgspec.msgpack.encode(said), out)

    def _key_said(self, origin: str, said: rotation.Said, out: list[Effect]) -> None:
        effects = self._rotation.ordered(origin, said, self._members.names)
        out.extend(effects)
        if any(isinstance(effect, DropKeys) for effect in effects):
            away = sorted({entry.name for entry in self._members.roster.entries} - self._members.names)
            text = "the cluster key was changed" + (
                f"; {', '.join(away)} must get {self._settings.key} from a member" if away else ""
            )
            self._happened("trust", "notice", text, out, *away)

    def _view_began(self, now_ms: int, out: list[Effect]) -> None:
        said = self._rotation.begin()
        if said:
            self._tell_key(said, out)
        for submit in self._ordering.ask_again():
            self._submit(submit, out)
        early, self._early = self._early, []
        for origin, link, frame in early:
            self._in_view(origin, link, frame, out)

    # --- the end ------------------------------------------------------------------------------

    def _leave(self, reason: str, out: list[Effect]) -> None:
        if self._leaving:
            out.append(Exit(0, reason))
            return
        self._leaving = True
        self._send_all(tuple(self._peers), Goodbye(reason), out)
        out.append(StartTimer("gone", GOODBYE_MS, GoneNow(reason or "left")))
