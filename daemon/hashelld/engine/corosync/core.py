"""The corosync engine's state machine: a process group's changes and messages → views, ordered and direct messages.

Theory of operation. A process group (CPG) has one order of messages and of its own changes, the same for all that stay
together, but it says process ids, not lives of nodes; several changes follow one another when rings meet; and it knows
nothing of quorum. So a view begins with a round of statements in that order:

    the group changed   nothing of the view before counts any more (Blocked)
    Propose             by the lowest address: these members; what is heard of it has the same past for all
    State …             of each member, said where it heard the proposal, when votequorum has spoken of these nodes
    the last State      all make the same view from the same statements, at the same place of the order

Every message carries the view in which it was asked for. One that comes in another view is dropped by all alike, and
asked for again by its origin: so it is delivered once, in one view. A daemon that stands still stays in the group;
those that hear nothing of it for the stall limit propose a view without it, and it finds that out where it hears that
proposal: before it delivers anything that came while it stood still, it waits for an answer of its own to come round.
Without corosync a node is alone and has no quorum.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from hashell.wire.messages import Failure, RotateKey
from hashelld.core.dispatch import MulticastWanted, SendWanted
from hashelld.core.effects import CancelTimer, Effect, Exit, Log, Reply, StartTimer, StoreValue, Tell
from hashelld.core.events import (
    Blocked,
    ClientAsked,
    Event,
    Happened,
    Leaving,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    Started,
)
from hashelld.engine.corosync import codec
from hashelld.engine.corosync.alarms import AloneNow, GoneNow, RoundOverdue, StateOverdue, Tick
from hashelld.engine.corosync.codec import Again, Alive, Assembly, Propose, Said, State, ViewName
from hashelld.engine.corosync.links import Address, Cast, Down, GroupChanged, Heard, LeaveGroup, QuorumSaid, Up
from hashelld.engine.corosync.views import Agreed, Seat, agree, view_of
from hashelld.engine.engine import MESSAGE_MAX, QUEUE_MAX, Me
from hashelld.engine.news import lines_of
from hashelld.settings import Settings

#: Milliseconds between two signs of life, and of a tick's lateness after which this node did not run.
TICK_MS = 500
PAUSE_MS = 1_000
#: Milliseconds that votequorum gets to speak of the nodes of the group before its silence counts as no quorum.
QUORUM_MS = 1_000
#: Milliseconds between taking leave and the end.
GOODBYE_MS = 100
#: Data frames kept while it is not known whether this node is still in its view.
DOUBTFUL_MAX = 10_000
#: Lives of nodes whose last message is remembered.
LIVES_MAX = 128


class CorosyncEngine:
    """The engine of one node."""

    name = "engine"

    def __init__(self, settings: Settings, me: Me, values: dict[str, bytes]) -> None:
        self._settings = settings
        self._me = me
        self._fresh = values.get("caught-up") != me.uuid.encode()
        ballot = values.get("ballot", b"")
        self._highest = int(ballot) if ballot.isdigit() else 0
        #: The group as corosync has it now; () while we are not in it.
        self._group: tuple[Address, ...] = ()
        self._address: Address = (0, 0)
        self._nodes_down: set[int] = set()
        self._goodbyes: set[str] = set()
        self._addresses: dict[int, str] = {}
        self._all_votes = 0
        self._quorum: QuorumSaid | None = None
        self._stated: State | None = None
        #: The round under way: who proposed it, its members, what they stated.
        self._round = ""
        self._rounds = 0
        self._round_members: tuple[Address, ...] = ()
        self._states: dict[Address, State] = {}
        self._proposing = False
        self._excluded: set[Address] = set()
        #: The view; () before the first. `_alone`: it has no group, what we say comes back at once.
        self._seats: tuple[Seat, ...] = ()
        self._seated: dict[Address, Seat] = {}
        self._view = ViewName()
        self._since = 0
        self._unique = False
        self._quorate: bool | None = None
        self._between = True
        self._alone = False
        self._why_alone = "corosync does not answer"
        self._sequence = 0
        self._counter = 0
        self._pending: OrderedDict[int, tuple[str, bytes]] = OrderedDict()
        #: The last message to all that was delivered, for each life of a node: the same at all members of a view.
        self._delivered: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._assemblies: dict[Address, Assembly] = {}
        #: How many of our own signs of life came round since each process was last heard, one at a time: a ring that
        #: stands still, and then brings much at once, looks like nobody's silence. When our own clock last rang.
        self._unheard: dict[Address, int] = {}
        self._sign_out = False
        self._rang_ms = 0
        self._started_ms = 0
        self._asked = 0
        self._doubting = 0
        self._doubtful: list[tuple[Address, Said]] = []
        self._leaving = False

    # --- events -------------------------------------------------------------------------------

    def receive(self, event: Event, now_ms: int, wall_s: float) -> list[Effect]:
        out: list[Effect] = []
        if self._rang_ms:
            self._watch_ourselves(now_ms, out)
        match event:
            case Heard(origin, data):
                self._heard(origin, data, now_ms, out)
            case MulticastWanted(topic, payload):
                self._multicast(topic, payload, out)
            case SendWanted(to, topic, payload):
                self._direct(to, topic, payload, out)
            case GroupChanged():
                self._group_changed(event, now_ms, out)
            case QuorumSaid():
                self._quorum_said(event, now_ms, out)
            case Up():
                self._up(event, out)
            case Down(reason):
                self._down(reason, now_ms, out)
            case Tick():
                self._tick(now_ms, out)
            case StateOverdue(round):
                if round == self._round and self._between and self._stated is None:
                    self._state(now_ms, out, known=False)
            case RoundOverdue(round):
                self._round_overdue(round, now_ms, out)
            case AloneNow() if not self._seats and self._group:
                self._propose(now_ms, out)
            case AloneNow() if not self._seats:
                self._be_alone(self._why_alone, out)
            case MessageOrdered(topic="engine.caught", origin=origin):
                self._caught_up(origin, out)
            case ClientAsked(client, _, RotateKey()):
                out.append(Reply(client, Failure(
                    "refused", "the key belongs to corosync here",
                    "make one with corosync-keygen, copy /etc/corosync/authkey to all nodes, corosync-cfgtool -R",
                )))
            case Leaving(_, reason):
                self._leave(reason, out)
            case GoneNow(reason):
                out.append(Exit(0, reason))
            case Started():
                self._rang_ms = self._started_ms = now_ms
                out.append(StartTimer("tick", TICK_MS, Tick()))
                out.append(StartTimer("alone", self._settings.join_window_ms, AloneNow()))
            case _:
                pass
        return out

    def _happened(self, kind: str, level: str, text: str, out: list[Effect], *about: str) -> None:
        out.append(Tell(Happened(kind, level, text, about)))

    def _name_of(self, address: Address) -> str:
        seat = self._seated.get(address)
        return seat.name if seat else f"node {address[0]}"

    def _cast(self, frame: codec.Frame, out: list[Effect]) -> None:
        if self._group:
            out.append(Cast(codec.encode(frame)))

    # --- corosync comes and goes

    def _up(self, up: Up, out: list[Effect]) -> None:
        """A configuration that means another node or cluster ends us with an error that says so."""
        for word, theirs, ours in (("cluster", up.cluster, self._settings.cluster), ("node", up.name, self._me.name)):
            if theirs and theirs != ours:
                text = f"corosync runs with the {word} {theirs}, hashelld with {ours}"
                self._happened("daemon", "error", text, out)
                out.append(Log("error", text, {"hint": f"start hashelld with --{word} {theirs}, or restart corosync"}))
                out.append(Exit(65, text))
                return
        self._address = up.me
        self._addresses = dict(up.addresses)
        self._all_votes = up.all_votes
        out.append(Log("info", "connected to corosync", {"node_id": up.me[0]}))

    def _down(self, reason: str, now_ms: int, out: list[Effect]) -> None:
        self._group = ()
        self._quorum = None
        self._excluded.clear()
        self._proposing = False
        self._why_alone = f"without corosync: {reason}"
        if not self._seats and now_ms - self._started_ms < self._settings.join_window_ms:
            return  # it may be starting, as we are
        if not self._leaving and not self._alone:
            self._happened("member", "error", f"corosync is gone here: {reason}", out, self._me.name)
        self._be_alone(self._why_alone, out)

    def _be_alone(self, reason: str, out: list[Effect]) -> None:
        """A view of this node alone, without quorum."""
        if self._alone or self._leaving or not self._started_ms:
            return
        self._stop_view(out)
        self._drop_round(out)
        self._rounds += 1
        me = self._me
        seat = Seat(self._address, me.name, me.uuid, me.boot, self._highest + 1, me.feature_set, 0)
        self._alone = True
        self._install(Agreed(
            ViewName(self._highest + 1, self._proposer()), (seat,), False, False, 0, max(1, self._all_votes),
            max(1, self._all_votes) // 2 + 1, reason,
        ), out)

    def _proposer(self) -> str:
        """Names a round of this node for ever."""
        return f"{self._me.name}:{self._me.boot}.{self._rounds}"

    def _leave(self, reason: str, out: list[Effect]) -> None:
        if self._leaving:
            out.append(Exit(0, reason))
            return
        self._leaving = True
        out.append(LeaveGroup())
        out.append(StartTimer("gone", GOODBYE_MS, GoneNow(reason or "left")))

    # --- the group

    def _group_changed(self, change: GroupChanged, now_ms: int, out: list[Effect]) -> None:
        if self._address not in change.members:
            return  # our own leave
        for address in change.left:
            if address in self._seated:
                self._goodbyes.add(self._seated[address].name)
        members = tuple(sorted(change.members))
        self._nodes_down = (self._nodes_down | set(change.down)) - {node for node, _ in members}
        gone = set(self._group) - set(members)
        if self._doubting and members == (self._address,):
            self._doubtful.clear()  # who stood still and finds itself alone has missed how the others went on
        self._end_doubt(out)
        self._stop_view(out)
        self._drop_round(out)
        self._group = members
        for address in gone:
            self._assemblies.pop(address, None)
        self._excluded &= set(members) - {self._address}
        self._proposing = self._sign_out = False
        self._unheard = dict.fromkeys(members, 0)
        self._propose(now_ms, out)

    def _stop_view(self, out: list[Effect]) -> None:
        if not self._between and self._seats:
            out.append(Tell(Blocked()))
        self._between = True
        self._alone = False

    def _drop_round(self, out: list[Effect]) -> None:
        self._round, self._round_members = "", ()
        self._states = {}
        self._stated = None
        out.append(CancelTimer("state"))
        out.append(CancelTimer("round"))

    # --- rounds

    def _leads(self) -> bool:
        """Whether it is on this node to propose: it is the lowest of those that run."""
        able = [address for address in self._group if address not in self._excluded]
        return bool(able) and able[0] == self._address

    def _propose(self, now_ms: int, out: list[Effect], back: Address | None = None) -> None:
        """If that is on us. `back`: a process that was left out and runs again."""
        out.append(StartTimer("round", self._settings.stall_limit_ms, RoundOverdue(self._round)))
        if self._leaving or self._proposing or not self._leads() or self._waits_for_others(now_ms):
            return
        self._proposing = True
        self._rounds += 1
        members = tuple(address for address in self._group if address == back or address not in self._excluded)
        self._cast(Propose(codec.VERSION, self._proposer(), members, self._group), out)

    def _waits_for_others(self, now_ms: int) -> bool:
        """At the very start, alone, while votequorum may count nodes whose daemons are only just starting."""
        first = not self._seats and self._group == (self._address,)
        return first and now_ms - self._started_ms < self._settings.join_window_ms

    def _proposed(self, origin: Address, propose: Propose, now_ms: int, out: list[Effect]) -> None:
        members = propose.members
        if origin == self._address:
            self._proposing = False
        if propose.group != self._group or origin not in members or not set(members) <= set(self._group):
            return  # of a group that is no more; who leads now proposes again
        self._excluded = set(self._group) - set(members)
        if self._address not in members:
            self._left_out(origin, now_ms, out)
            return
        self._end_doubt(out)
        self._stop_view(out)
        self._drop_round(out)
        self._round, self._round_members = propose.proposer, tuple(sorted(members))
        out.append(StartTimer("round", self._settings.stall_limit_ms, RoundOverdue(self._round)))
        if self._quorum_is_current():
            self._state(now_ms, out, known=True)
        else:
            out.append(StartTimer("state", QUORUM_MS, StateOverdue(self._round)))

    def _left_out(self, origin: Address, now_ms: int, out: list[Effect]) -> None:
        """The others go on without this node, as it did not run: nothing that came meanwhile counts here."""
        self._doubting = 0
        self._doubtful.clear()
        if not self._alone:
            by = self._name_of(origin)
            self._happened("member", "warning", f"{by} went on without {self._me.name}, which did not run", out)
            self._be_alone(f"left out by {by}", out)
        self._cast(Alive(outside=True), out)

    def _quorum_is_current(self) -> bool:
        """Whether what votequorum said last is about the nodes of the group as it is now."""
        if self._quorum is None:
            return False
        counted = set(self._quorum.nodes)
        return {node for node, _ in self._group} <= counted and not counted & self._nodes_down

    def _state(self, now_ms: int, out: list[Effect], *, known: bool) -> None:
        said = self._quorum or QuorumSaid(False, ())
        reason = "" if known else "votequorum has not spoken of these nodes"
        if known and not said.quorate and "WaitForAll" in said.flags and said.votes >= said.quorum:
            reason = "waiting until all nodes have been here once (wait_for_all)"
        me = self._me
        self._stated = State(
            self._round, me.name, me.uuid, me.boot, me.feature_set, self._highest, self._view, self._unique,
            self._since, self._fresh, known, said.quorate, said.own_votes if known else 0, said.votes,
            said.expected_votes, said.quorum, self._all_votes, reason,
            tuple((*life, counter) for life, counter in self._delivered.items()),
        )
        out.append(CancelTimer("state"))
        self._cast(self._stated, out)

    def _stated_by(self, origin: Address, state: State, out: list[Effect]) -> None:
        if not self._round or state.proposer != self._round or origin not in self._round_members:
            return
        self._states[origin] = state
        if len(self._states) < len(self._round_members):
            return
        agreed = agree(self._round, self._states)
        self._round = ""
        out.append(CancelTimer("round"))
        mine = next((seat for seat in agreed.seats if seat.name == self._me.name), None)
        if mine is None or mine.address != self._address:
            other = mine.address[0] if mine else 0
            text = f"another node is called {self._me.name} (node id {other})"
            self._happened("trust", "error", text, out)
            out.append(Log("error", text, {"hint": "give each node a name of its own"}))
            out.append(Exit(65, text))
            return
        self._merge_delivered(self._states.values(), out)
        self._install(agreed, out)

    def _merge_delivered(self, states: Iterable[State], out: list[Effect]) -> None:
        """What some part has delivered none delivers again; what was ours of it we hear at the end of our view."""
        for name, boot, counter in sorted(one for state in states for one in state.heard):
            self._delivered[name, boot] = max(counter, self._delivered.pop((name, boot), 0))
        while len(self._delivered) > LIVES_MAX:
            self._delivered.popitem(last=False)
        last = self._delivered.get((self._me.name, self._me.boot), 0)
        for counter in [one for one in self._pending if one <= last]:
            topic, payload = self._pending.pop(counter)
            if self._seats:
                self._deliver(self._me.name, topic, payload, out)

    def _round_overdue(self, round: str, now_ms: int, out: list[Effect]) -> None:
        """Somebody does not run: go on without those that said nothing."""
        if not self._between or not self._group or round != self._round:
            return
        self._excluded |= self._silent()
        self._proposing = False
        self._propose(now_ms, out)

    def _install(self, agreed: Agreed, out: list[Effect]) -> None:
        before = {seat.name: seat.boot for seat in self._seats}
        self._highest = max(self._highest, agreed.name.number)
        self._seats, self._view, self._unique = agreed.seats, agreed.name, agreed.unique
        self._since = next(seat.since for seat in agreed.seats if seat.name == self._me.name)
        self._seated = {seat.address: seat for seat in agreed.seats}
        self._between = False
        self._sequence = 0
        self._assemblies.clear()
        out.append(CancelTimer("alone"))
        out.append(StoreValue(f"ballot:{agreed.name.number}", "ballot", str(self._highest).encode()))
        own = next(seat for seat in agreed.seats if seat.name == self._me.name)
        if self._fresh and own.votes and agreed.unique:
            # Founded with a majority: nobody had a past. (Who was alone so far is as new as those that come now.)
            self._not_fresh(out)
        view = view_of(agreed, before, self._goodbyes, self._addresses)
        quorate_before, self._quorate = self._quorate, view.quorate
        self._goodbyes -= set(view.left)
        out.append(Log("info", "view", {
            "number": view.number, "members": list(view.names), "quorate": view.quorate, "reason": view.reason,
        }))
        out.append(Tell(MembersChanged(view)))
        out.extend(Tell(line) for line in lines_of(view, quorate_before))
        for counter, (topic, payload) in list(self._pending.items()):
            self._say(counter, topic, payload, out)
        if self._stated is not None and not self._alone:
            self._compare_quorum(out)

    # --- votequorum

    def _quorum_said(self, said: QuorumSaid, now_ms: int, out: list[Effect]) -> None:
        self._quorum = said
        if self._between:
            if self._round and self._stated is None and self._quorum_is_current():
                self._state(now_ms, out, known=True)
        else:
            self._compare_quorum(out)

    def _compare_quorum(self, out: list[Effect]) -> None:
        """Whether the view was made of what votequorum says; if not, it must be made again."""
        said, stated = self._quorum, self._stated
        if said is None or stated is None or self._alone or not self._quorum_is_current():
            return
        now = (True, said.quorate, said.own_votes, said.votes, said.expected_votes, said.quorum)
        then = (
            stated.known, stated.quorate, stated.own_votes, stated.votes, stated.expected_votes, stated.quorum,
        )
        if now != then:
            self._cast(Again(self._view), out)

    def _caught_up(self, name: str, out: list[Effect]) -> None:
        """A member has what a majority has. When that is this node, and for the first time, it counts from now on."""
        if name == self._me.name and self._fresh:
            self._not_fresh(out)
            self._cast(Again(self._view), out)

    def _not_fresh(self, out: list[Effect]) -> None:
        self._fresh = False
        out.append(StoreValue("caught-up", "caught-up", self._me.uuid.encode(), before_entries=True))

    # --- who runs

    def _tick(self, now_ms: int, out: list[Effect]) -> None:
        out.append(StartTimer("tick", TICK_MS, Tick()))
        self._rang_ms = now_ms
        if not self._group:
            return
        if not self._sign_out or self._alone:
            self._sign_out = True
            self._cast(Alive(outside=self._alone), out)
        if self._between or self._doubting or self._alone:
            return
        silent = self._silent()
        for address in sorted(silent):
            name = self._name_of(address)
            text = f"the daemon of {name} has stood still for {self._settings.stall_limit_ms} ms"
            self._happened("member", "warning", text, out, name)
        if silent:
            self._excluded |= silent
            self._propose(now_ms, out)

    def _silent(self) -> set[Address]:
        """Who belongs to the group and has not been heard for the stall limit."""
        limit = self._settings.stall_limit_ms // TICK_MS
        return {
            address for address, count in self._unheard.items()
            if count >= limit and address != self._address and address not in self._excluded
        }

    def _watch_ourselves(self, now_ms: int, out: list[Effect]) -> None:
        late_ms = now_ms - self._rang_ms - TICK_MS
        if late_ms < PAUSE_MS:
            return
        self._rang_ms = now_ms
        self._unheard = dict.fromkeys(self._unheard, 0)
        out.append(Log("warning", "this node did not run", {"paused_ms": late_ms}))
        self._happened("member", "warning", f"{self._me.name} did not run for {late_ms} ms", out, self._me.name)
        if self._group and not self._between and not self._alone:
            self._asked += 1
            self._doubting = self._asked
            self._cast(Alive(self._asked), out)

    def _end_doubt(self, out: list[Effect]) -> None:
        """What was kept is of our view."""
        self._doubting = 0
        doubtful, self._doubtful = self._doubtful, []
        for origin, said in doubtful:
            self._take(origin, said, out)

    def _alive(self, origin: Address, alive: Alive, now_ms: int, out: list[Effect]) -> None:
        if origin == self._address:
            self._sign_out = False
            for address in self._unheard:
                self._unheard[address] += 1
            if alive.asks and alive.asks == self._doubting:
                self._end_doubt(out)
        elif alive.outside and origin not in self._seated and not self._between and not self._alone:
            # It runs again: whoever leads takes it in.
            self._propose(now_ms, out, back=origin)

    # --- messages -----------------------------------------------------------------------------

    def _heard(self, origin: Address, data: bytes, now_ms: int, out: list[Effect]) -> None:
        if origin not in self._group:
            return
        self._unheard[origin] = 0
        frame = codec.decode(data)
        match frame:
            case Said():
                self._said(origin, frame, out)
            case Propose():
                self._proposed(origin, frame, now_ms, out)
            case State():
                self._stated_by(origin, frame, out)
            case Again(view):
                if view == self._view and not self._between and not self._alone:
                    self._propose(now_ms, out)
            case Alive():
                self._alive(origin, frame, now_ms, out)
            case None:
                out.append(Log("error", "a message of the group cannot be read", {"node_id": origin[0]}))

    def _said(self, origin: Address, said: Said, out: list[Effect]) -> None:
        if said.view != self._view or self._between or self._alone:
            return  # of another view: its origin says it again in its next one
        if not self._doubting:
            self._take(origin, said, out)
        elif len(self._doubtful) < DOUBTFUL_MAX:
            self._doubtful.append((origin, said))
        else:
            # More than we keep: this view cannot go on for us.
            self._doubtful.clear()
            self._be_alone("too much came while this node did not run", out)

    def _take(self, origin: Address, said: Said, out: list[Effect]) -> None:
        if said.to and said.to != self._me.name:
            return
        payload = self._assemblies.setdefault(origin, Assembly()).add(said)
        seat = self._seated.get(origin)
        if payload is None or seat is None:
            return
        name = seat.name
        if said.to:
            out.append(Tell(MessageDirect(self._view.number, name, said.topic, payload)))
            return
        if said.counter <= self._delivered.get((name, seat.boot), 0):
            return
        self._delivered[name, seat.boot] = said.counter
        if origin == self._address:
            self._pending.pop(said.counter, None)
        self._deliver(name, said.topic, payload, out)

    def _deliver(self, name: str, topic: str, payload: bytes, out: list[Effect]) -> None:
        self._sequence += 1
        out.append(Tell(MessageOrdered(self._view.number, self._sequence, name, topic, payload)))

    def _multicast(self, topic: str, payload: bytes, out: list[Effect]) -> None:
        if len(payload) > MESSAGE_MAX:
            out.append(Log("error", "a multicast is too long", {"topic": topic}))
            return
        if len(self._pending) >= QUEUE_MAX:
            out.append(Log("error", "too many multicasts wait; one is dropped", {"topic": topic}))
            return
        self._counter += 1
        self._pending[self._counter] = (topic, payload)
        if not self._between:
            self._say(self._counter, topic, payload, out)

    def _say(self, counter: int, topic: str, payload: bytes, out: list[Effect]) -> None:
        if self._alone:
            self._pending.pop(counter, None)
            self._deliver(self._me.name, topic, payload, out)
            return
        for said in codec.pieces_of(self._view, counter, "", topic, payload):
            self._cast(said, out)

    def _direct(self, to: str, topic: str, payload: bytes, out: list[Effect]) -> None:
        if self._between or all(seat.name != to for seat in self._seats):
            return
        if to == self._me.name:
            out.append(Tell(MessageDirect(self._view.number, to, topic, payload)))
            return
        if len(payload) > MESSAGE_MAX:
            out.append(Log("error", "a message is too long", {"topic": topic, "to": to}))
            return
        self._counter += 1
        for said in codec.pieces_of(self._view, self._counter, to, topic, payload):
            self._cast(said, out)
