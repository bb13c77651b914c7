"""The mesh engine's state machine: links and beats → who should be in the view → agreement → ordered messages.

Theory of operation. A link is *up* when both ends have said Hello and neither refused. Every heartbeat each node tells
all links whom it reaches; from that matrix each computes whom it wants in the view (cliques.py). Who differs from its
view waits a moment, longer the later its name, and proposes (membership.py). A torn link means lost messages, so it
means a new view, even when it is back at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hashelld.core.dispatch import MulticastWanted, SendWanted
from hashelld.core.effects import (
    CancelTimer,
    Effect,
    Exit,
    Log,
    StartTimer,
    StoreValue,
    Tell,
)
from hashelld.core.events import (
    Blocked,
    Event,
    Happened,
    Leaving,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    Started,
)
from hashelld.engine.engine import MESSAGE_MAX, Me
from hashelld.engine.mesh import codec, pulse, recovery, roster
from hashelld.engine.mesh.alarms import (
    DoubtOver,
    GoneNow,
    GotDue,
    HeartbeatGone,
    InstallOverdue,
    ProposeNow,
    RoundOverdue,
    Tick,
    WindowOver,
)
from hashelld.engine.mesh.cliques import wanted_members
from hashelld.engine.mesh.codec import (
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
    Roster,
    Submit,
    ViewId,
)
from hashelld.engine.mesh.complaints import Complaints
from hashelld.engine.mesh.discovery import Discovery
from hashelld.engine.mesh.hearing import Hearing
from hashelld.engine.mesh.links import (
    Dial,
    DialFailed,
    FrameCame,
    HeartbeatDown,
    HeartbeatPort,
    HeartbeatSaid,
    HeartbeatUp,
    LinkClose,
    LinkClosed,
    LinkOpened,
    LinkSend,
    Listening,
    PeerFound,
    StrangerCame,
)
from hashelld.engine.mesh.membership import Membership
from hashelld.engine.mesh.ordering import Ordering, QueueFull
from hashelld.engine.mesh.peers import Link, Peer
from hashelld.engine.mesh.told import lines_of, view_of
from hashelld.engine.mesh.welcome import refusal, replaces
from hashelld.settings import Settings, quorum_options

#: Heartbeats after a pause of our own in which members say whether they are still in our view.
DOUBT_BEATS = 8
#: Addresses of a peer that count, besides that of its link.
ADDRESSES_MAX = 4
#: Ticks between two frames to a peer whose life its heartbeats tell.
SELDOM_TICKS = 10
#: Milliseconds by which each later name waits longer before it proposes: a proposal takes less.
RANK_MS = 250
#: Frames kept for a view that is promised and not yet installed here.
EARLY_MAX = 10_000
#: Share of the detection time after which a silent node is gone if another member does not hear it either.
CONFIRMED_PERCENT = 60
#: Milliseconds for which a node that does not want us is left alone; doubled each time, up to the last.
UNWILLING_MS = (1_000, 60_000)
#: Milliseconds between a goodbye and the end, so that it leaves.
GOODBYE_MS = 60
#: Milliseconds after which a member tells how far it got with the last messages.
GOT_MS = 100


class MeshEngine:
    """The engine of one node."""

    name = "engine"

    def __init__(self, settings: Settings, me: Me, values: Mapping[str, bytes]) -> None:
        self._settings = settings
        self._me = me
        self._options = quorum_options(settings)
        self._fresh = values.get("caught-up") != me.uuid.encode()
        self._window_over = False
        self._members = Membership(me.name, me.boot, *_remembered(values))
        self._ordering = Ordering(me.name)
        self._discovery = Discovery()
        self._links: dict[int, Link] = {}
        self._peers: dict[str, Peer] = {}
        self._hearing = Hearing(settings, me, self._peers)
        self._view_links: dict[str, int] = {}
        self._early: list[tuple[str, int, Frame]] = []
        self._doubting = False
        self._doubtful: list[tuple[str, int, Submit | Order | Got | Direct]] = []
        self._too_many = False
        self._heard_since: set[str] = set()
        self._asked = 0
        self._asked_awake = 0
        self._ticks = 0
        self._goodbyes: dict[str, int] = {}
        self._unwilling: dict[str, tuple[int, int]] = {}
        self._complaints = Complaints()
        self._started_ms = 0
        self._installed_ms = 0
        self._proposing_ms = 0
        self._stuck = False
        self._leaving = False
        self._port = settings.port
        self._heartbeat_port = 0
        self._addresses: tuple[str, ...] = ()
        self._local = "localhost"
        self._quorate: bool | None = None

    # --- events -------------------------------------------------------------------------------

    def receive(self, event: Event, now_ms: int, wall_s: float) -> list[Effect]:
        out: list[Effect] = []
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
                if self._leaving:
                    out.append(LinkClose(link))
                else:
                    self._links[link] = Link(address, dialed)
                    self._send_to_link(link, self._hello(), out)
            case LinkClosed(link, reason):
                self._link_closed(link, reason, now_ms, out)
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
                    self._stuck = True
                    self._evaluate(now_ms, out)
            case InstallOverdue(ballot):
                if self._members.promised == ballot and self._members.is_between:
                    self._stuck = True
                    self._evaluate(now_ms, out)
            case DoubtOver(view):
                self._doubt_over(view, now_ms, out)
            case GotDue():
                self._tell_got(out, now=True)
            case MessageOrdered(topic="engine.caught", origin=origin):
                self._caught_up(origin, now_ms, out)
            case WindowOver(view):
                self._last_man_standing(view, now_ms, out)
            case MessageOrdered(topic="engine.forget", payload=payload):
                self._forget(payload.decode("utf-8", "replace"), now_ms, out)
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
        for address in self._settings.peers:
            self._discovery.add(address, now_ms, lasting=True)
        self._tick(now_ms, out)

    def _tick(self, now_ms: int, out: list[Effect]) -> None:
        out.append(StartTimer("tick", self._settings.heartbeat_ms, Tick()))
        for name in self._hearing.tick(now_ms, out):
            silent_ms = self._hearing.silent_ms(name, now_ms)
            self._give_up(name, f"{name} has been silent for {silent_ms} ms", "silent", now_ms, out)
        self._ticks += 1
        self._beat(out, seldom=self._ticks % SELDOM_TICKS != 0)
        self._dial(now_ms, out)
        self._evaluate(now_ms, out)

    def _give_up(self, name: str, text: str, reason: str, now_ms: int, out: list[Effect]) -> None:
        peer = self._peers.get(name)
        if peer:
            self._happened("member", "warning", text, out, name)
            out.append(LinkClose(peer.link))
            self._link_closed(peer.link, reason, now_ms, out)

    def _heartbeat_said(self, report: pulse.Report, now_ms: int, out: list[Effect]) -> None:
        match report:
            case pulse.Silent(name, boot, why, silent_ms, limit_ms):
                peer = self._peers.get(name)
                if peer and peer.boot == boot:
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

    def _confirm(self, witness: Peer, now_ms: int, out: list[Effect]) -> None:
        """Who is silent here and given up by a witness is given up sooner: else the two would disagree for a while on
        whom they want. Source: Lifeguard's confirmations."""
        soon_ms = self._settings.detect_ms * CONFIRMED_PERCENT // 100
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
            for peer in self._peers.values():
                self._send(peer.name, self._beat_for(peer, ask=self._asked_awake), out)
            delay_ms = DOUBT_BEATS * self._settings.heartbeat_ms
            out.append(StartTimer("doubt", delay_ms, DoubtOver(self._members.view)))

    def _doubt_over(self, view: ViewId, now_ms: int, out: list[Effect]) -> None:
        if not self._doubting or view != self._members.view or self._members.is_between:
            return
        others = self._members.names - {self._me.name}
        whole = all(self._is_whole(name) for name in others)
        if others <= self._heard_since and whole and not self._too_many:
            self._doubting = False
            doubtful, self._doubtful = self._doubtful, []
            for origin, link, frame in doubtful:
                self._in_view(origin, link, frame, out)
        else:
            # Nothing more is delivered in this view; a new one brings what we should have had of it.
            self._doubtful.clear()
            self._stuck = True
            self._evaluate(now_ms, out)

    # --- links --------------------------------------------------------------------------------

    def _hello(self) -> Hello:
        me = self._me
        return Hello(
            codec.PROTOCOL, me.cluster, me.name, me.uuid, me.boot, me.feature_set, self._port, self._heartbeat_port,
            self._addresses,
        )

    def _dial(self, now_ms: int, out: list[Effect]) -> None:
        if not self._leaving:
            linked = frozenset(self._peers)
            out.extend(Dial(address) for address in self._discovery.due(now_ms, linked))

    def _dial_failed(
        self, address: tuple[str, int], kind: str, text: str, now_ms: int, out: list[Effect]
    ) -> None:
        self._discovery.failed(address, now_ms, refused=kind == "key")
        if kind == "key":
            where = f"{address[0]}:{address[1]}"
            self._complain(
                "key " + where, f"{where} has another cluster key than {self._settings.key}; not"
                " joining it (copy the cluster's key file here, mode 0600)", now_ms, out,
            )

    def _stranger(
        self, address: tuple[str, int], kind: str, text: str, now_ms: int, out: list[Effect]
    ) -> None:
        what = {
            "key": "came with another cluster key, or none", "plain": "speaks no TLS",
        }.get(kind, "was refused")
        self._complain(
            f"{kind} {address[0]}", f"somebody at {address[0]} {what}; refused ({text})", now_ms, out
        )

    def _complain(self, key: str, text: str, now_ms: int, out: list[Effect]) -> None:
        """One clear line for people; the same again only after a minute."""
        if not self._complaints.is_due(key, text, now_ms):
            return
        out.append(Log("warning", text))
        self._happened("trust", "warning", text, out)

    def _send_to_link(self, link: int, frame: Frame, out: list[Effect]) -> None:
        out.append(LinkSend((link,), frame))

    def _send(self, name: str, frame: Frame, out: list[Effect]) -> None:
        peer = self._peers.get(name)
        if peer:
            out.append(LinkSend((peer.link,), frame))

    def _is_whole(self, name: str) -> bool:
        """The connection that this view began with is still the one to this member."""
        peer = self._peers.get(name)
        return peer is not None and self._view_links.get(name) == peer.link

    def _send_in_view(self, name: str, frame: Frame, out: list[Effect]) -> None:
        """For frames whose order matters: never over another connection, lest a later one pass a lost one."""
        if self._is_whole(name):
            self._send(name, frame, out)

    def _link_closed(self, link: int, reason: str, now_ms: int, out: list[Effect]) -> None:
        known = self._links.pop(link, None)
        if known is None:
            return
        if known.dialed and not known.name:
            self._discovery.failed(known.address, now_ms)
        peer = self._peers.get(known.name)
        if peer is None or peer.link != link:
            return
        out.append(Log("info", "link ended", {"peer": peer.name, "reason": reason}))
        del self._peers[peer.name]
        self._hearing.peer_gone(peer.name, out)
        self._discovery.lost(peer.name, now_ms)
        self._beat(out)
        if not self._leaving and reason not in ("goodbye", "refused"):
            self._dial(now_ms, out)
        self._evaluate(now_ms, out)

    def _hello_came(self, link: int, hello: Hello, now_ms: int, out: list[Effect]) -> None:
        known = self._links[link]
        if known.name:
            return
        refusal = self._refusal(link, known, hello, now_ms, out)
        if refusal:
            known.name = ""
            self._send_to_link(link, refusal, out)
            out.append(LinkClose(link))
            if known.dialed and refusal.code == "connected":
                self._discovery.linked(known.address, hello.name, now_ms)
            elif known.dialed:
                self._discovery.failed(known.address, now_ms, refused=True)
            self._links.pop(link, None)
            return
        old = self._peers.get(hello.name)
        if old:
            # An earlier life of the same node, or the connection that both have agreed to give up.
            out.append(LinkClose(old.link))
            self._link_closed(old.link, "replaced", now_ms, out)
        known.name = hello.name
        address = known.address if known.dialed else (known.address[0], hello.port)
        if known.dialed or hello.port:
            self._discovery.linked(address, hello.name, now_ms)
        peer = self._peers[hello.name] = Peer(
            hello.name, link, hello.uuid, hello.boot, address, known.dialed, hello.feature_set
        )
        if hello.heartbeat:
            hosts = dict.fromkeys((known.address[0], *hello.addresses[:ADDRESSES_MAX]))
            peer.heartbeat = tuple((host, hello.heartbeat) for host in hosts)
        self._goodbyes.pop(hello.name, None)
        self._hearing.peer_up(peer, now_ms, out)
        out.append(Log("info", "link up", {"peer": hello.name, "boot": hello.boot}))
        self._beat(out)

    def _refusal(
        self, link: int, known: Link, hello: Hello, now_ms: int, out: list[Effect]
    ) -> Refuse | None:
        other = self._peers.get(hello.name)
        found = refusal(self._me, known, hello, other)
        if found:
            if found.about:
                self._complain(found.about, found.refuse.text, now_ms, out)
            elif known.dialed:
                self._discovery.is_me(known.address)
            return found.refuse
        if self._goodbyes.get(hello.name) == hello.boot:
            # It is on its way out; a link to it now would make its end look like a loss.
            return Refuse("old", "this node said goodbye")
        if other is None:
            return None
        in_view = self._view_links.get(other.name) == other.link
        return replaces(self._me, known, hello, other, in_view=in_view)

    def _refused(self, link: int, refuse: Refuse, now_ms: int, out: list[Effect]) -> None:
        known = self._links.get(link)
        if known is None:
            return
        if refuse.code not in ("connected", "self", "old"):
            where = f"{known.address[0]}:{known.address[1]}"
            self._complain("refused " + where, f"{where} refuses us: {refuse.text}", now_ms, out)
        out.append(LinkClose(link))
        self._link_closed(link, "refused", now_ms, out)
        if known.dialed:
            # After the end of the link, which by itself would have us look again at once.
            self._discovery.failed(known.address, now_ms, refused=refuse.code not in ("connected", "old"))

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
        if peer is None or peer.link != link:
            return
        self._hearing.link_spoke(peer, now_ms)
        match frame:
            case Beat():
                self._beat_came(peer, frame, now_ms, out)
            case Goodbye():
                self._goodbyes[peer.name] = peer.boot
                out.append(LinkClose(link))
                self._link_closed(link, "goodbye", now_ms, out)
            case Propose():
                self._proposed(peer.name, frame, now_ms, out)
            case Nack():
                self._nack(peer.name, frame, now_ms, out)
            case Promise():
                if self._members.promise_came(peer.name, frame):
                    self._install(now_ms, out)
            case Install():
                self._installed(frame, now_ms, out)
            case Submit() | Order() | Got() | Direct():
                self._in_view(peer.name, link, frame, out)
            case _:
                pass

    def _beat_came(self, peer: Peer, beat: Beat, now_ms: int, out: list[Effect]) -> None:
        self._members.saw(beat.highest)
        changed = not peer.beats or dict(beat.reach) != peer.reach or beat.view != peer.view
        peer.reach, peer.view, peer.wants_often = dict(beat.reach), beat.view, beat.often
        peer.beats += 1
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
        self, origin: str, link: int, frame: Submit | Order | Got | Direct, out: list[Effect]
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
        links = self._member_links()
        if links:
            out.append(LinkSend(links, order))
        self._deliver(self._ordering.take(order), out)

    def _member_links(self) -> tuple[int, ...]:
        return tuple(link for name, link in self._view_links.items() if self._is_whole(name))

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
            out.append(CancelTimer("got"))
        elif not now and self._ordering.leader != self._me.name:
            out.append(StartTimer("got", GOT_MS, GotDue()))

    def _direct(self, to: str, topic: str, payload: bytes, out: list[Effect]) -> None:
        view = self._members.view
        if self._members.is_between or to not in self._members.names:
            return
        if to == self._me.name:
            out.append(Tell(MessageDirect(view.n, to, topic, payload)))
        else:
            self._send_in_view(to, Direct(view, topic, payload), out)

    # --- views --------------------------------------------------------------------------------

    def _reached(self) -> dict[str, int]:
        return {self._me.name: self._me.boot, **{p.name: p.boot for p in self._peers.values()}}

    def _beat(self, out: list[Effect], *, seldom: bool = False) -> None:
        """Tell all peers where we are; `seldom`: only those whose life is told by that."""
        groups: dict[bool, list[int]] = {}
        for peer in self._peers.values():
            if peer.wants_often or not peer.passing or not seldom:
                groups.setdefault(not peer.passing, []).append(peer.link)
        for often, links in groups.items():
            out.append(LinkSend(tuple(links), self._beat_frame(often, 0, 0)))

    def _beat_for(self, peer: Peer, *, ask: int = 0, answers: int = 0) -> Beat:
        return self._beat_frame(not peer.passing, ask, answers)

    def _beat_frame(self, often: bool, ask: int, answers: int) -> Beat:
        reach = tuple(sorted(self._reached().items()))
        return Beat(self._members.view, self._members.highest, reach, often, ask, answers)

    def _wanted(self, now_ms: int) -> frozenset[str]:
        """Whom we would have in a view now, ourselves among them."""
        reached = self._reached()
        reach: dict[str, set[str]] = {self._me.name: set(reached)}
        for peer in self._peers.values():
            if self._unwilling.get(peer.name, (0, 0))[0] > now_ms:
                continue
            # A peer reaches another life of somebody than we do: that is nobody.
            reach[peer.name] = {n for n, boot in peer.reach.items() if reached.get(n) == boot}
        # Who was away and is only just linked again stands behind those who were here all the time.
        staying = {name for name in self._members.names if name == self._me.name or self._is_whole(name)}
        return wanted_members(self._me.name, reach, staying)

    def _evaluate(self, now_ms: int, out: list[Effect]) -> None:
        """Start, restart or stop the wait before a proposal."""
        if self._leaving or self._started_ms == 0:
            return
        wanted = self._wanted(now_ms)
        if not self._needs_view(wanted, now_ms):
            if self._proposing_ms:
                self._proposing_ms = 0
                out.append(CancelTimer("propose"))
            return
        if self._members.round is not None:
            return
        rank = sorted(wanted).index(self._me.name)
        due = now_ms + self._settings.settle_ms + RANK_MS * rank
        if not self._proposing_ms or due < self._proposing_ms:
            self._proposing_ms = due
            out.append(StartTimer("propose", due - now_ms, ProposeNow()))

    def _needs_view(self, wanted: frozenset[str], now_ms: int) -> bool:
        members = self._members
        if members.is_between and not self._stuck:
            return False
        if self._stuck:
            return True
        if not members.seats:
            return self._may_start(wanted, now_ms)
        if wanted != members.names:
            return True
        for seat in members.seats:
            if seat.name == self._me.name:
                continue
            peer = self._peers[seat.name]
            if peer.boot != seat.boot or self._view_links.get(seat.name) != peer.link:
                return True
            # It sits in another view than we think: it missed ours, or we missed its.
            long = now_ms - self._installed_ms > 4 * self._settings.phase_ms
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
        reached = self._reached()
        propose = self._members.propose({name: reached[name] for name in wanted})
        out.append(Log("debug", "proposing", {"members": sorted(wanted), "n": propose.ballot.n}))
        out.append(StartTimer("round", self._settings.phase_ms, RoundOverdue(propose.ballot)))
        for name in sorted(wanted - {self._me.name}):
            self._send(name, propose, out)
        self._promise(propose.ballot, self._me.name, now_ms, out)

    def _proposed(self, origin: str, propose: Propose, now_ms: int, out: list[Effect]) -> None:
        if propose.ballot.proposer != origin or self._leaving:
            return
        # It proposes to us, so it is willing.
        self._unwilling.pop(origin, None)
        nack = self._members.judge(propose, self._reached(), self._wanted(now_ms))
        if nack:
            self._send(origin, nack, out)
        else:
            self._promise(propose.ballot, origin, now_ms, out)

    def _promise(self, ballot: ViewId, proposer: str, now_ms: int, out: list[Effect]) -> None:
        members = self._members
        if not members.is_between and members.seats:
            out.append(Tell(Blocked()))
        members.promise(ballot)
        self._stuck = False
        self._doubting = False
        self._doubtful.clear()
        self._early.clear()
        if self._proposing_ms:
            self._proposing_ms = 0
            out.append(CancelTimer("propose"))
        # Written before any entry of that view is: ballots rise for ever, also through a restart of all.
        out.append(StoreValue(f"ballot:{ballot.n}", "ballot", str(ballot.n).encode()))
        out.append(StartTimer("install", 2 * self._settings.phase_ms, InstallOverdue(ballot)))
        promise = Promise(
            ballot, self._ordering.owed(), members.since, members.all_seen, self._settings.expect,
            self._settings.votes, members.roster, self._me.feature_set, members.unique, self._fresh,
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
            f"roster:{install.ballot.n}", "roster", msgspec.msgpack.encode(install.roster)
        ))
        view = view_of(install, {seat.name: seat.boot for seat in before}, self._goodbyes)
        self._quorate = view.quorate
        out.append(Log("info", "view", {
            "number": view.number, "members": list(view.names), "quorate": view.quorate,
            "reason": view.reason,
        }))
        out.append(Tell(MembersChanged(view)))
        out.extend(Tell(line) for line in lines_of(view, before_quorate))
        self._beat(out)
        for submit in ordering.ask_again():
            self._submit(submit, out)
        early, self._early = self._early, []
        for origin, link, frame in early:
            assert isinstance(frame, Submit | Order | Got | Direct)
            self._in_view(origin, link, frame, out)
        for name in view.left:
            self._goodbyes.pop(name, None)
        self._evaluate(now_ms, out)

    def _happened(
        self, kind: str, level: str, text: str, out: list[Effect], *about: str
    ) -> None:
        out.append(Tell(Happened(kind, level, text, about)))

    def _caught_up(self, name: str, now_ms: int, out: list[Effect]) -> None:
        """A member has what the others have. When that is this node, and for the first time, it votes from now on."""
        if name != self._me.name or not self._fresh:
            return
        self._fresh = False
        out.append(StoreValue("caught-up", "caught-up", self._me.uuid.encode()))
        entry = next((one for one in self._members.roster.entries if one.name == name), None)
        if entry is not None and entry.votes != self._settings.votes:
            # The same members, other votes: that is another view.
            self._stuck = True
            self._evaluate(now_ms, out)

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
            f"roster:{members.view.n}", "roster", msgspec.msgpack.encode(members.roster)
        ))
        self._happened("member", "notice", f"{name} does not belong to the cluster any more", out, name)
        if self._ordering.leader == self._me.name:
            # The same members, another quorum: that is another view.
            self._stuck = True
            self._evaluate(now_ms, out)

    # --- the end ------------------------------------------------------------------------------

    def _leave(self, reason: str, out: list[Effect]) -> None:
        if self._leaving:
            out.append(Exit(0, reason))
            return
        self._leaving = True
        links = tuple(peer.link for peer in self._peers.values())
        if links:
            out.append(LinkSend(links, Goodbye(reason)))
        out.append(StartTimer("gone", GOODBYE_MS, GoneNow(reason or "left")))


def _remembered(values: Mapping[str, bytes]) -> tuple[int, Roster]:
    """The highest ballot and the roster of earlier lives; damaged values count as none."""
    try:
        highest = int(values.get("ballot", b"0"))
    except ValueError:
        highest = 0
    try:
        known = msgspec.msgpack.decode(values["roster"], type=Roster)
    except (KeyError, msgspec.MsgspecError):
        known = Roster()
    return max(highest, known.version.n), known
