"""Linking: connections → peers. Who is let in, which of two connections stays, and how a torn one is gone on with.

Theory of operation. Both ends say Hello; from then on the connection is a *peer*, and its frames are counted
(sessions.py). A second connection of the same life is a *spare*. Only one end decides between the two: that with the
lower name. Where a connection inside a view is torn, both ends dial at once; on a spare, whoever knows of the tear says
Resume, the lower name picks one spare, the other follows, and both send again what the other lacks. Whoever sends
anything else on a spare has begun anew there, and so does the other. No Resume within `resume_ms`, or a port where
nobody listens: the peer is gone, and with it the view.
"""

from __future__ import annotations

from hashelld.core.effects import CancelTimer, Effect, Log, StartTimer
from hashelld.engine.mesh import codec
from hashelld.engine.mesh.alarms import BeatDue, ResumeOver
from hashelld.engine.mesh.codec import Ack, Beat, Frame, Hello, Refuse, Resume
from hashelld.engine.mesh.links import Address, Dial, LinkClose, LinkSend
from hashelld.engine.mesh.peers import Link, Peer
from hashelld.engine.mesh.roster import is_begun
from hashelld.engine.mesh.sessions import Session
from hashelld.engine.mesh.state import State, highest_in, is_counted
from hashelld.engine.mesh.welcome import refusal

#: From so many peers on news for all of them wait for so many milliseconds, so that more of it goes along.
MANY_PEERS, SOON_MS = 8, 30
#: Addresses of a peer that count, besides that of its link.
ADDRESSES_MAX = 4
#: Milliseconds that a spare connection is kept.
SPARE_MS = 1_000
#: A peer with so much not acknowledged, by bytes or by time, lags; after so long it is given up.
LAG_BYTES = 8 * 1024 * 1024
LAG_MS = 3_000
LAG_MAX_MS = 10_000
#: Ends after which a connection is not resumed: somebody meant them.
_MEANT = frozenset({"goodbye", "refused", "replaced"})


class Linking(State):
    """The part of the engine that knows connections."""

    # --- hooks for what builds on this

    def _evaluate(self, now_ms: int, out: list[Effect]) -> None:
        raise NotImplementedError

    # --- out

    def _send_to_link(self, link: int, frame: Frame, out: list[Effect]) -> None:
        out.append(LinkSend((link,), frame))

    def _send(self, name: str, frame: Frame, out: list[Effect]) -> None:
        self._send_all((name,), frame, out)

    def _send_all(self, names: tuple[str, ...], frame: Frame, out: list[Effect]) -> None:
        """To some peers, encoded once. A torn one gets it when its connection is resumed."""
        links = []
        counted = is_counted(frame)
        for name in names:
            peer = self._peers.get(name)
            if peer is None:
                continue
            if counted:
                peer.session.keep(frame, self._now_ms)
            if not peer.torn_ms:
                links.append(peer.link)
        if links:
            out.append(LinkSend(tuple(links), frame))

    def _send_in_view(self, name: str, frame: Frame, out: list[Effect]) -> None:
        """For frames whose order matters: never over a connection that knows nothing of those before, lest a later one
        pass a lost one."""
        if self._is_whole(name):
            self._send(name, frame, out)

    def _beat(self, out: list[Effect], *, seldom: bool = False) -> None:
        """Tell all peers where we are; `seldom`: only those whose life is told by that."""
        groups: dict[tuple[bool, bool], list[str]] = {}
        for peer in self._peers.values():
            if peer.wants_often or not peer.passing or not seldom:
                groups.setdefault((not peer.passing, self._tells(peer)), []).append(peer.name)
        for (often, tells), names in groups.items():
            self._send_all(tuple(names), self._beat_frame(often, 0, 0, tells=tells), out)

    def _beat_soon(self, out: list[Effect]) -> None:
        """As `_beat`; where many come and go at once, once for all of them."""
        if len(self._peers) < MANY_PEERS:
            self._beat(out)
        elif not self._beat_due:
            self._beat_due = True
            out.append(StartTimer("beat", SOON_MS, BeatDue()))

    def _beat_for(self, peer: Peer, *, ask: int = 0, answers: int = 0) -> Beat:
        return self._beat_frame(not peer.passing, ask, answers, tells=self._tells(peer))

    def _beat_frame(self, often: bool, ask: int, answers: int, *, tells: bool = False) -> Beat:
        members = self._members
        reach = tuple(self._reached().items())
        return Beat(members.view, members.highest, reach, often, ask, answers, members.roster if tells else None)

    def _tells(self, peer: Peer) -> bool:
        """Whether the next beat tells this peer of our cluster: once, if it is not in our view, where it would hear of
        it anyway."""
        known = self._members.roster
        if peer.told == known.version or peer.name in self._members.names or not is_begun(known):
            return False
        peer.told = known.version
        return True

    # --- dialing

    def _dial(self, now_ms: int, out: list[Effect]) -> None:
        if not self._leaving:
            linked = frozenset(peer.name for peer in self._peers.values() if not peer.torn_ms)
            out.extend(Dial(address) for address in self._discovery.due(now_ms, linked))

    def _dial_failed(
        self, address: Address, kind: str, text: str, now_ms: int, out: list[Effect]
    ) -> None:
        self._discovery.failed(address, now_ms, refused=kind == "key")
        if kind == "refused":
            for peer in list(self._peers.values()):
                if peer.torn_ms and (peer.address == address or self._discovery.name_of(address) == peer.name):
                    self._drop(peer, "nobody listens there any more", now_ms, out)
        if kind == "key":
            where = f"{address[0]}:{address[1]}"
            self._complain(
                "key " + where, f"{where} has another cluster key than {self._settings.key}; not"
                " joining it (copy the cluster's key file here, mode 0600)", now_ms, out,
            )

    def _stranger(
        self, address: Address, kind: str, text: str, now_ms: int, out: list[Effect]
    ) -> None:
        what = {
            "key": "came with another cluster key, or none", "plain": "speaks no TLS",
        }.get(kind, "was refused")
        self._complain(
            f"{kind} {address[0]}", f"somebody at {address[0]} {what}; refused ({text})", now_ms, out
        )

    # --- a connection begins

    def _link_opened(self, link: int, address: Address, dialed: bool, now_ms: int, out: list[Effect]) -> None:
        if self._leaving:
            out.append(LinkClose(link))
            return
        self._links[link] = Link(address, dialed, since_ms=now_ms)
        me = self._me
        self._send_to_link(link, Hello(
            codec.PROTOCOL, me.cluster, me.name, me.uuid, me.boot, me.feature_set, self._port, self._heartbeat_port,
            self._addresses, link,
        ), out)

    def _hello_came(self, link: int, hello: Hello, now_ms: int, out: list[Effect]) -> None:
        known = self._links[link]
        if known.hello:
            return
        refuse = self._refusal(known, hello, now_ms, out)
        other = self._peers.get(hello.name)
        if refuse is None and other and hello.boot < other.boot:
            refuse = Refuse("old", "a later life of this node is here")
        if refuse:
            self._refuse(link, refuse, hello.name, now_ms, out)
            return
        known.name, known.hello, known.since_ms = hello.name, hello, now_ms
        if other and hello.boot == other.boot:
            self._second_link(link, known, other, now_ms, out)
            return
        if other:
            # An earlier life of the same node.
            out.append(LinkClose(other.link))
            self._links.pop(other.link, None)
            self._drop(other, "replaced", now_ms, out)
        self._adopt(link, known, now_ms, out)

    def _refusal(self, known: Link, hello: Hello, now_ms: int, out: list[Effect]) -> Refuse | None:
        found = refusal(self._me, known, hello, self._peers.get(hello.name))
        if found:
            if found.about:
                self._complain(found.about, found.refuse.text, now_ms, out)
            elif known.dialed:
                self._discovery.is_me(known.address)
            return found.refuse
        if self._goodbyes.get(hello.name) == hello.boot:
            # It is on its way out; a link to it now would make its end look like a loss.
            return Refuse("old", "this node said goodbye")
        return None

    def _refuse(self, link: int, refuse: Refuse, name: str, now_ms: int, out: list[Effect]) -> None:
        known = self._links.pop(link)
        self._send_to_link(link, refuse, out)
        out.append(LinkClose(link))
        if known.dialed and refuse.code == "connected":
            self._discovery.linked(known.address, name, now_ms)
        elif known.dialed:
            self._discovery.failed(known.address, now_ms, refused=True)

    def _refused(self, link: int, refuse: Refuse, now_ms: int, out: list[Effect]) -> None:
        known = self._links.get(link)
        if known is None:
            return
        if refuse.code not in ("connected", "self", "old"):
            where = f"{known.address[0]}:{known.address[1]}"
            self._complain("refused " + where, f"{where} refuses us: {refuse.text}", now_ms, out)
        out.append(LinkClose(link))
        self._link_closed(link, "refused", now_ms, out)
        if refuse.code == "connected" and known.hello:
            # The other end has chosen, and what it chose may be a spare here: else it would hold on to that and refuse
            # all others.
            self._adopt_spare(known.name, known.hello.boot, now_ms, out)
        if known.dialed:
            # After the end of the link, which by itself would have us look again at once.
            self._discovery.failed(known.address, now_ms, refused=refuse.code not in ("connected", "old"))

    def _adopt(self, link: int, known: Link, now_ms: int, out: list[Effect]) -> None:
        """This connection is the peer's from now on, and begins anew."""
        hello = known.hello
        assert hello is not None, "who has not said Hello is nobody"
        address = known.address if known.dialed else (known.address[0], hello.port)
        if known.dialed or hello.port:
            self._discovery.linked(address, hello.name, now_ms)
        hosts = tuple(dict.fromkeys((known.address[0], *hello.addresses[:ADDRESSES_MAX])))
        for host in hosts[1:]:
            self._discovery.linked((host, hello.port), hello.name, now_ms)
        self._reaching = None
        peer = self._peers[hello.name] = Peer(
            hello.name, link, hello.uuid, hello.boot, address, known.dialed, hello.feature_set,
            Session(link, hello.session), since_ms=now_ms,
        )
        if hello.heartbeat:
            peer.heartbeat = tuple((host, hello.heartbeat) for host in hosts)
        self._goodbyes.pop(hello.name, None)
        self._hearing.set_nodes(self._nodes)
        self._hearing.peer_up(peer, now_ms, out)
        out.append(Log("info", "link up", {"peer": hello.name, "boot": hello.boot}))
        self._show_links(now_ms, out)
        self._send(hello.name, self._beat_for(peer), out)
        self._beat_soon(out)

    # --- two connections with the same life of a node

    def _decides(self, name: str) -> bool:
        """Whether it is on us to choose between two connections with this node."""
        return self._me.name < name

    def _second_link(self, link: int, known: Link, peer: Peer, now_ms: int, out: list[Effect]) -> None:
        if known.dialed:
            self._discovery.linked(known.address, peer.name, now_ms)
        if peer.torn_ms:
            self._offer_resume(link, known, peer, out)
        elif self._decides(peer.name) and not self._is_used(peer):
            # Both dialed, and nothing hangs on either: the one that the lower name dialed stays.
            if known.dialed and not peer.dialed:
                out.append(LinkClose(peer.link))
                self._links.pop(peer.link, None)
                self._drop(peer, "replaced", now_ms, out)
                self._adopt(link, known, now_ms, out)
            else:
                self._refuse(link, Refuse("connected", "we have a connection already"), peer.name, now_ms, out)

    def _is_used(self, peer: Peer) -> bool:
        """A view lives on its connection, or will when it is installed."""
        return self._view_links.get(peer.name) == peer.link or self._members.is_between

    def _offer_resume(self, link: int, known: Link, peer: Peer, out: list[Effect]) -> None:
        if known.offered or (peer.resuming and self._decides(peer.name)):
            return
        if self._decides(peer.name):
            peer.resuming = link
        known.offered = True
        self._send_to_link(link, peer.session.resume(), out)

    def _resume_came(self, link: int, known: Link, resume: Resume, now_ms: int, out: list[Effect]) -> None:
        peer = self._peers.get(known.name)
        if peer is None or peer.link == link:
            return
        if self._decides(peer.name) and peer.resuming not in (0, link):
            return
        session = peer.session
        if not peer.torn_ms and resume.turn < session.turn:
            # Said before this end's connection took over, most likely; else that one is torn too, and we will see it.
            known.offer = resume
            return
        same = (resume.yours, resume.mine) == (session.mine, session.yours)
        missing = session.missing(resume.received) if same else None
        if missing is None:
            self._begin_anew(link, known, now_ms, out)
            return
        peer.resuming = link
        if not peer.torn_ms:
            # The other end has seen what we have not yet.
            out.append(LinkClose(peer.link))
            self._links.pop(peer.link, None)
        if not known.offered:
            known.offered = True
            self._send_to_link(link, session.resume(), out)
        session.taken_over(resume)
        self._take_over(link, known, peer, out)
        for frame in missing:
            self._send_to_link(link, frame, out)
        self._beat(out)
        out.append(Log("info", "link resumed", {"peer": peer.name, "again": len(missing)}))
        self._close_spares(peer.name, out)

    def _take_over(self, link: int, known: Link, peer: Peer, out: list[Effect]) -> None:
        """All that was said of the old connection now is of this one."""
        old, peer.link = peer.link, link
        peer.torn_ms = peer.resuming = 0
        peer.dialed = known.dialed
        if self._view_links.get(peer.name) == old:
            self._view_links[peer.name] = link
        self._early = [(name, link if number == old else number, frame) for name, number, frame in self._early]
        self._doubtful = [(name, link if number == old else number, frame) for name, number, frame in self._doubtful]
        out.append(CancelTimer(f"resume:{peer.name}"))

    def _is_past(self, peer: Peer, frame: Frame) -> bool:
        """Whether a frame on a spare was said before our connection began: one connection may be slower than another.

        Whoever is in our view, or has promised it, knows of its number; so what tells of lower ones alone is older.
        Were it newer after all, the next beat would tell.
        """
        members, number = self._members, highest_in(frame)
        if number is None:
            return False
        return number < (members.promised if members.is_between else members.view).n and (
            members.is_between or peer.name in members.names
        )

    def _begin_anew(self, link: int, known: Link, now_ms: int, out: list[Effect]) -> None:
        """What went over the old connection is lost: the spare is a new one."""
        peer = self._peers.get(known.name)
        if peer:
            if self._decides(peer.name) or peer.dialed or peer.session.sent or self._is_used(peer):
                out.append(LinkClose(peer.link))
                self._links.pop(peer.link, None)
            # Else it is the one that the other end will choose as soon as it hears of it: closed now, both would be
            # gone, and all begin again. It stays as a spare.
            self._drop(peer, "begun anew", now_ms, out, try_spare=False)
        self._adopt(link, known, now_ms, out)

    def _close_spares(self, name: str, out: list[Effect]) -> None:
        peer = self._peers.get(name)
        for link, known in list(self._links.items()):
            if known.name == name and (peer is None or peer.link != link):
                del self._links[link]
                out.append(LinkClose(link))

    def _old_spares(self, now_ms: int, out: list[Effect]) -> None:
        """Spares that nobody needed, and connections that never said who they are."""
        late_ms = self._patience.late_ms
        for link, known in list(self._links.items()):
            peer = self._peers.get(known.name)
            if peer is not None and peer.link == link:
                continue
            if now_ms - known.since_ms > self._stretched(SPARE_MS * (1 if known.hello else 5)) + late_ms:
                self._refuse(link, Refuse("connected", "we have a connection already"), known.name, now_ms, out)

    # --- a connection ends

    def _link_closed(self, link: int, reason: str, now_ms: int, out: list[Effect], *, faulty: bool = False) -> None:
        known = self._links.pop(link, None)
        if known is None:
            return
        if known.dialed and not known.name:
            self._discovery.failed(known.address, now_ms)
        peer = self._peers.get(known.name)
        if peer is None:
            return
        if peer.resuming == link:
            peer.resuming = 0
        if peer.link != link:
            return
        in_view = self._view_links.get(peer.name) == link and not self._leaving
        if in_view and self._settings.resume_ms and reason not in _MEANT and not faulty:
            self._torn(peer, reason, now_ms, out)
        else:
            if faulty:
                self._complain(f"faulty {peer.name}", f"{peer.name} is cut off: {reason}", now_ms, out)
            self._drop(peer, reason, now_ms, out)

    def _torn(self, peer: Peer, reason: str, now_ms: int, out: list[Effect]) -> None:
        out.append(Log("info", "link torn", {"peer": peer.name, "reason": reason}))
        peer.torn_ms = max(1, now_ms)
        out.append(StartTimer(
            f"resume:{peer.name}", self._settings.resume_ms, ResumeOver(peer.name, peer.session.mine, peer.torn_ms)
        ))
        self._discovery.lost(peer.name, now_ms)
        self._dial(now_ms, out)
        for link, known in list(self._links.items()):
            if known.name == peer.name and known.hello and peer.torn_ms:
                if known.offer:
                    self._resume_came(link, known, known.offer, now_ms, out)
                else:
                    self._offer_resume(link, known, peer, out)

    def _adopt_spare(self, name: str, boot: int, now_ms: int, out: list[Effect]) -> None:
        """Another connection with the same life of a node becomes its one, if there is any."""
        if name in self._peers:
            return
        for link, known in self._links.items():
            if known.name == name and known.hello and known.hello.boot == boot:
                self._adopt(link, known, now_ms, out)
                return

    def _resume_over(self, alarm: ResumeOver, now_ms: int, out: list[Effect]) -> None:
        peer = self._peers.get(alarm.name)
        if peer and peer.torn_ms == alarm.torn_ms and peer.session.mine == alarm.session:
            self._drop(peer, "torn and not resumed", now_ms, out)

    def _drop(
        self, peer: Peer, reason: str, now_ms: int, out: list[Effect], *, try_spare: bool = True
    ) -> None:
        """It is no peer any more."""
        out.append(Log("info", "link ended", {"peer": peer.name, "reason": reason}))
        del self._peers[peer.name]
        self._reaching = None
        self._show_links(now_ms, out)
        if peer.torn_ms:
            out.append(CancelTimer(f"resume:{peer.name}"))
        self._hearing.set_nodes(self._nodes)
        self._hearing.peer_gone(peer.name, out)
        self._discovery.lost(peer.name, now_ms)
        if try_spare and reason not in _MEANT:
            self._adopt_spare(peer.name, peer.boot, now_ms, out)
        self._beat_soon(out)
        if not self._leaving and reason not in ("goodbye", "refused"):
            self._dial(now_ms, out)
        self._evaluate(now_ms, out)

    def _give_up(self, name: str, text: str, reason: str, now_ms: int, out: list[Effect]) -> None:
        """It is gone, whatever its connection says."""
        peer = self._peers.get(name)
        if peer:
            self._happened("member", "warning", text, out, name)
            self._links.pop(peer.link, None)
            out.append(LinkClose(peer.link))
            self._close_spares(name, out)
            self._drop(peer, reason, now_ms, out)

    def _said_goodbye(self, peer: Peer, now_ms: int, out: list[Effect]) -> None:
        self._goodbyes[peer.name] = peer.boot
        self._links.pop(peer.link, None)
        out.append(LinkClose(peer.link))
        self._close_spares(peer.name, out)
        self._drop(peer, "goodbye", now_ms, out)

    # --- what is counted

    def _counted(self, peer: Peer, frame: Frame, out: list[Effect]) -> None:
        ack = peer.session.took(frame)
        if ack:
            self._send(peer.name, ack, out)

    def _tell_acks(self, now_ms: int, out: list[Effect]) -> None:
        """Every tick: how far we got with each, and who does not keep up with us."""
        lag_ms = self._stretched(LAG_MS)
        for peer in list(self._peers.values()):
            ack = peer.session.tell()
            if ack:
                self._send(peer.name, ack, out)
            behind = peer.session.kept_bytes > LAG_BYTES or peer.session.waits_ms(now_ms) > lag_ms
            if not behind:
                peer.lags_ms = 0
            elif not peer.lags_ms:
                peer.lags_ms = now_ms
                text = f"{peer.name} lags: {peer.session.kept_bytes} bytes wait for it"
                out.append(Log("warning", text))
                self._happened("member", "warning", text, out, peer.name)
            elif now_ms - peer.lags_ms > self._stretched(LAG_MAX_MS) + self._patience.late_ms:
                text = f"{peer.name} has lagged for {(now_ms - peer.lags_ms) // 1000} s and is left behind"
                self._give_up(peer.name, text, "lags", now_ms, out)

    def _acked(self, peer: Peer, ack: Ack) -> None:
        peer.session.acked(ack.received)
