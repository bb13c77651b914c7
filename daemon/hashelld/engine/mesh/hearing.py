"""Hearing: whether each peer lives, by its heartbeats where those pass, else by what comes over its link. Pure.

A peer is *passing* while the heartbeat process hears it both ways; then that process alone tells its silence, and the
link is asked only when it has doubts. All others send frames over the link at every tick, and the detector here counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from hashelld.core.effects import CancelTimer, Effect, Log, StartTimer, Tell
from hashelld.core.events import Happened
from hashelld.engine.engine import Me
from hashelld.engine.mesh import beats, pulse
from hashelld.engine.mesh.alarms import HeartbeatGone
from hashelld.engine.mesh.codec import ViewId
from hashelld.engine.mesh.complaints import Complaints
from hashelld.engine.mesh.links import TellHeartbeat
from hashelld.engine.mesh.patience import stretched
from hashelld.engine.mesh.peers import Peer
from hashelld.engine.mesh.suspicion import Detector
from hashelld.settings import Settings

#: Milliseconds that a heartbeat process gets to be replaced by another before links are listened to instead.
REPLACED_MS = 1_500


class Hearing:
    """`peers` is the engine's own table; this looks at it and notes in it how each is heard."""

    def __init__(self, settings: Settings, me: Me, peers: Mapping[str, Peer]) -> None:
        self._settings = settings
        self._me = me
        self._peers = peers
        self._detector = Detector(settings.heartbeat_ms, settings.detect_ms)
        self._complaints = Complaints()
        self._view: tuple[ViewId, tuple[str, ...]] = (ViewId(), ())
        self.is_up = False
        self.shown = pulse.Shown(0, (), ())
        self.priority = ""

    # --- peers and views

    def peer_up(self, peer: Peer, now_ms: int, out: list[Effect]) -> None:
        # A fresh connection counts as having been heard: else two detectors close each other's connections for ever.
        self._detector.heard(peer.name, now_ms)
        self._watch(peer, out)

    def peer_gone(self, name: str, out: list[Effect]) -> None:
        self._detector.forget(name)
        if self.is_up:
            out.append(TellHeartbeat(pulse.Unwatch(name)))

    def view(self, view: ViewId, names: tuple[str, ...], out: list[Effect]) -> None:
        self._view = (view, names)
        if self.is_up:
            out.append(TellHeartbeat(self._in_view()))

    def _in_view(self) -> pulse.InView:
        view, names = self._view
        return pulse.InView(view.n, beats.number_mark(view.proposer, str(view.boot)), names)

    def _watch(self, peer: Peer, out: list[Effect]) -> None:
        if self.is_up and peer.heartbeat:
            ident = beats.mark(peer.name, peer.uuid)
            out.append(TellHeartbeat(pulse.Watch(peer.name, ident, peer.boot, peer.heartbeat)))

    # --- what the link tells

    def link_spoke(self, peer: Peer, now_ms: int) -> None:
        if not peer.passing:
            self._detector.heard(peer.name, now_ms)

    def link_answered(self, peer: Peer, out: list[Effect]) -> None:
        """It has just been asked, and was there."""
        if self.is_up and peer.heartbeat:
            out.append(TellHeartbeat(pulse.Vouch(peer.name)))

    def given_up(self, peer: Peer, out: list[Effect]) -> None:
        """A member of our view does not reach it any more."""
        if self.is_up and peer.passing:
            out.append(TellHeartbeat(pulse.GivenUp(peer.name)))

    def silent_ms(self, name: str, now_ms: int) -> int:
        """How long a peer that is heard over its link has not been; 0 for others."""
        return self._detector.silent_ms(name, now_ms)

    def paused(self, now_ms: int) -> int:
        return self._detector.paused(now_ms)

    def set_nodes(self, nodes: int) -> None:
        """With how many nodes we have to do: among many silence counts later."""
        self._detector.detect_ms = stretched(self._settings.detect_ms, nodes)

    def looked(self, now_ms: int) -> None:
        """We did not run: nobody is blamed for that."""
        self._detector.tick(now_ms)

    def tick(self, now_ms: int, out: list[Effect]) -> tuple[str, ...]:
        """Names of those that are silent on their links."""
        if self.is_up:
            out.append(TellHeartbeat(pulse.Alive()))
        return self._detector.tick(now_ms)

    # --- the heartbeat process

    def up(self, priority: str, out: list[Effect]) -> None:
        self.is_up = True
        self.priority = priority
        out.append(CancelTimer("heartbeat"))
        out.append(Log("info", "heartbeat process", {"priority": priority}))
        out.append(TellHeartbeat(self._in_view()))
        for peer in self._peers.values():
            self._watch(peer, out)

    def down(self, reason: str, out: list[Effect]) -> None:
        """Peers that passed are believed to go on for as long as another process takes to hear them."""
        self.is_up = False
        out.append(Log("warning", "the heartbeat process ended", {"reason": reason}))
        out.append(StartTimer("heartbeat", REPLACED_MS, HeartbeatGone()))

    def gone(self, now_ms: int, out: list[Effect]) -> None:
        if self.is_up:
            return
        for peer in self._peers.values():
            self._by_link(peer, now_ms)
        text = f"{self._me.name} has no heartbeat process; its links tell who lives, which a busy node may be late for"
        if self._complaints.is_due("process", text, now_ms):
            out.append(Tell(Happened("member", "warning", text, (self._me.name,))))

    def passes(self, peer: Peer, out: list[Effect]) -> None:
        peer.passing = True
        self._detector.forget(peer.name)
        out.append(Log("debug", "heartbeats pass", {"peer": peer.name}))

    def blocked(self, peer: Peer, now_ms: int, out: list[Effect]) -> None:
        self._by_link(peer, now_ms)
        where = ", ".join(f"{host}:{port}" for host, port in peer.heartbeat)
        text = (
            f"heartbeats between {self._me.name} and {peer.name} do not pass (UDP to {where}); its link tells instead"
        )
        out.append(Log("warning", text))
        if self._complaints.is_due("blocked " + peer.name, text, now_ms):
            out.append(Tell(Happened("member", "warning", text, (peer.name,))))

    def _by_link(self, peer: Peer, now_ms: int) -> None:
        peer.passing = False
        self._detector.heard(peer.name, now_ms)

    def show(self, shown: pulse.Shown, now_ms: int, out: list[Effect]) -> None:
        """Say when detection has become slower, and why."""
        before = {peer.name: peer.limit_ms for peer in self.shown.peers}
        self.shown = shown
        usual_ms = stretched(self._settings.detect_ms, len(shown.peers) + 1)
        for peer in shown.peers:
            if peer.limit_ms > max(usual_ms, before.get(peer.name, 0)):
                text = (
                    f"detection of {peer.name} slowed to {peer.limit_ms} ms because it was not heard for"
                    f" {peer.largest_gap_ms} ms"
                )
                out.append(Log("info", text))
                if self._complaints.is_due("slow " + peer.name, "", now_ms):
                    out.append(Tell(Happened("member", "notice", text, (peer.name,))))
