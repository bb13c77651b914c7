"""State: what all parts of the engine know, and how they tell people. The parts (linking.py, viewing.py, core.py) build
on one another in this order: a lower one never asks a higher one, but for the hooks that it declares."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hashelld.core.effects import Effect, Log, Tell
from hashelld.core.events import Happened
from hashelld.engine.engine import Me
from hashelld.engine.mesh.codec import (
    Ack,
    Beat,
    Direct,
    Frame,
    Goodbye,
    Got,
    Hello,
    Install,
    Nack,
    Order,
    Promise,
    Propose,
    Refuse,
    Resume,
    Roster,
    Submit,
)
from hashelld.engine.mesh.complaints import Complaints
from hashelld.engine.mesh.discovery import Discovery
from hashelld.engine.mesh.flaps import Flaps
from hashelld.engine.mesh.hearing import Hearing
from hashelld.engine.mesh.membership import Membership
from hashelld.engine.mesh.ordering import Ordering
from hashelld.engine.mesh.patience import Patience, stretched
from hashelld.engine.mesh.peers import Link, Peer
from hashelld.engine.mesh.roster import is_begun
from hashelld.engine.mesh.rotation import Rotation
from hashelld.engine.mesh.told import links_of
from hashelld.settings import Settings, quorum_options

ViewFrame = Submit | Order | Got | Direct


class State:
    """The fields of one node's engine."""

    def __init__(self, settings: Settings, me: Me, values: Mapping[str, bytes]) -> None:
        self._settings = settings
        self._me = me
        self._options = quorum_options(settings)
        #: This node's folder is empty, or was not filled from others yet; the window of last_man_standing has passed.
        self._window_over = False
        highest, known = remembered(values)
        # A roster in which this very folder has a vote says by itself that it was filled: who dies between the two
        # writes is neither without the vote that the others count nor without knowledge of the others.
        founded = any(entry.uuid == me.uuid and entry.votes for entry in known.entries)
        self._fresh = not founded and values.get("caught-up") != me.uuid.encode()
        self._members = Membership(me.name, me.boot, highest, known)
        self._ordering = Ordering(me.name)
        self._discovery = Discovery()
        self._flaps = Flaps(settings.flap_delay_max_ms)
        self._complaints = Complaints()
        self._patience = Patience(settings.phase_ms)
        self._rotation = Rotation()
        #: Connections by number; the nodes at whose other end we know.
        self._links: dict[int, Link] = {}
        self._peers: dict[str, Peer] = {}
        #: Names of both and ourselves with their lives, in the order of the names; None when a peer came or went.
        self._reaching: dict[str, int] | None = None
        self._hearing = Hearing(settings, me, self._peers)
        #: The connections that the view lives on: those that it began with, or that took over from them.
        self._view_links: dict[str, int] = {}
        #: Frames of a view that is promised and not yet installed here; such as wait until a doubt is over.
        self._early: list[tuple[str, int, ViewFrame]] = []
        self._doubtful: list[tuple[str, int, ViewFrame]] = []
        self._doubting = False
        self._too_many = False
        self._heard_since: set[str] = set()
        self._asked = 0
        self._asked_awake = 0
        self._doubts = 0
        self._ticks = self._ticked_ms = 0
        self._goodbyes: dict[str, int] = {}
        self._unwilling: dict[str, tuple[int, int]] = {}
        self._now_ms = 0
        self._started_ms = 0
        self._installed_ms = 0
        #: When this node proposes; when its round began; refusals in a row. Newcomers that are gathered: since when,
        #: until when, and who is wanted by now.
        self._proposing_ms = 0
        self._round_ms = 0
        self._nacks = 0
        self._gathering_ms = self._gathered_ms = 0
        self._gathered: frozenset[str] = frozenset()
        self._stuck = False
        self._beat_due = False
        self._got_due = False
        self._leaving = False
        self._port = settings.port
        self._heartbeat_port = 0
        self._addresses: tuple[str, ...] = ()
        self._local = "localhost"
        self._quorate: bool | None = None

    def _happened(self, kind: str, level: str, text: str, out: list[Effect], *about: str) -> None:
        out.append(Tell(Happened(kind, level, text, about)))

    def _complain(self, key: str, text: str, now_ms: int, out: list[Effect]) -> None:
        """One clear line for people; the same again only after a minute."""
        if not self._complaints.is_due(key, text, now_ms):
            return
        out.append(Log("warning", text))
        self._happened("trust", "warning", text, out)

    def _show_links(self, now_ms: int, out: list[Effect]) -> None:
        names = {entry.name for entry in self._members.roster.entries} - {self._me.name}
        shown, limit_ms = self._hearing.shown, self._stretched(self._settings.detect_ms)
        out.append(Tell(links_of(self._peers, names, shown, limit_ms, now_ms)))

    def _reached(self) -> dict[str, int]:
        """Whom we reach, ourselves too, and in which life; nobody changes it."""
        if self._reaching is None:
            lives = [(self._me.name, self._me.boot), *((peer.name, peer.boot) for peer in self._peers.values())]
            self._reaching = dict(sorted(lives))
        return self._reaching

    @property
    def is_begun(self) -> bool:
        """Whether this node knows of a cluster that a majority has begun."""
        return is_begun(self._members.roster)

    @property
    def _nodes(self) -> int:
        """How many we have to do with."""
        return max(len(self._peers) + 1, len(self._members.seats))

    def _stretched(self, value: int) -> int:
        return stretched(value, self._nodes)

    def _is_whole(self, name: str) -> bool:
        """The connection that this view lives on is still the one to this member."""
        peer = self._peers.get(name)
        return peer is not None and self._view_links.get(name) == peer.link


def is_counted(frame: Frame) -> bool:
    """Whether a session counts a frame: all whose loss would matter."""
    return type(frame) not in _UNCOUNTED


_UNCOUNTED = frozenset({Hello, Refuse, Beat, Goodbye, Ack, Resume})


def highest_in(frame: Frame) -> int | None:
    """The highest number of a ballot that a frame tells of; None where it tells of none."""
    match frame:
        case Beat(highest=highest) | Nack(highest=highest):
            return highest
        case Propose(ballot=ballot) | Promise(ballot=ballot) | Install(ballot=ballot):
            return ballot.n
        case Submit(view=view) | Order(view=view) | Got(view=view) | Direct(view=view):
            return view.n
    return None


def remembered(values: Mapping[str, bytes]) -> tuple[int, Roster]:
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
