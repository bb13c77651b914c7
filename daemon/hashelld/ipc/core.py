"""The component `ipc`: answers what this node knows, hands on what others must do, tells subscribers what happens.

Every ticket is answered exactly once: by this component, by the one that heard `ClientAsked`, or, when nobody did
within the request's time, by the server with a failure `timed-out`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hashell.cib.acl import acls_enabled
from hashell.cib.document import Cib
from hashell.errors import HashellError, Refused
from hashell.wire import messages
from hashell.wire.failures import failure, failure_of
from hashelld.core.effects import Effect, Multicast, Notify, ReadHistory, Reply, Send, Tell, UseArchive
from hashelld.core.events import (
    ActionsChanged,
    AttributeWanted,
    Author,
    ChangeAnswered,
    ChangeCommitted,
    ChangeWanted,
    CibChanged,
    CibOperation,
    ClientAsked,
    DivergencesKept,
    Event,
    Happened,
    Leaving,
    LinkSeen,
    LinksSeen,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    ShutdownWanted,
    Started,
    TransitionEnded,
    TransitionStarted,
    View,
)
from hashelld.ipc.access import Access
from hashelld.settings import Settings, quorum_options

#: Events kept for those who come later; about a day of a quiet cluster, a few minutes of a storm.
EVENTS_KEPT = 1_000
#: Changes in one request; a shell's commit is one, an import some hundred.
CHANGES_MAX = 10_000
#: Nodes that left and are still shown.
GONE_KEPT = 64
#: The topic under which nodes tell one another where their sockets are.
SOCKET_TOPIC = "ipc.socket"
#: The topics under which a node asks another for its events, and is told them; how many at most, and how many such
#: questions may be open.
EVENTS_TOPIC = "ipc.events"
EVENTS_TOLD_TOPIC = "ipc.events-told"
EVENTS_TOLD = 250
LOOKING_MAX = 256
_REQUEST = "ipc:"
_KINDS = frozenset({"create", "patch", "modify", "delete", "replace"})


@dataclass(frozen=True, slots=True)
class RequestArrived(Event):
    """A client's request, from the server. `user` is by the kernel's word; `ticket` is what `Reply` names."""

    ticket: int
    user: str
    may_write: bool
    body: Any
    privileged: bool = True
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guarded:
    """A notice of the CIB while access control lists count: only the privileged may have it whole."""

    notice: messages.CibNotice


@dataclass(frozen=True, slots=True)
class ClientGone(Event):
    """The connection behind these tickets ended: nobody waits for their answers."""

    tickets: tuple[int, ...]


class _Socket(msgspec.Struct, frozen=True):
    """What nodes tell one another: where my clients knock, and on which machine that is."""

    path: str
    machine: str


class _EventsWanted(msgspec.Struct, frozen=True, array_like=True):
    ticket: int
    limit: int
    after: int


class _EventsTold(msgspec.Struct, frozen=True, array_like=True):
    ticket: int
    when_s: float
    events: tuple[messages.EventInfo, ...]


class Ipc:
    """`machine` tells this machine from others: by default the boot id of its kernel."""

    name = "ipc"

    def __init__(self, settings: Settings, *, machine: str = "") -> None:
        self._cluster = settings.cluster
        self._node = settings.node
        self._engine = settings.engine
        self._arbiter = settings.arbiter
        self._quorum = quorum_options(settings)
        self._socket = _Socket(str(settings.socket), machine or this_machine())
        self._neighbours: dict[str, str] = {}
        self._cib = Cib.empty()
        self._cib_bytes: bytes | None = None
        self._view: View | None = None
        self._divergences = 0
        self._links: tuple[LinkSeen, ...] = ()
        self._links_s = 0.0
        self._since_s: dict[str, float] = {}
        self._gone: dict[str, messages.MemberInfo] = {}
        self._events: deque[messages.EventInfo] = deque(maxlen=EVENTS_KEPT)
        self._event_number = 0
        self._looking: dict[int, str] = {}
        self._transition = 0
        self._transition_runs = False
        self._begun: messages.TransitionNotice | None = None
        self._actions: dict[int, messages.TransitionNotice] = {}
        self._ended: messages.TransitionNotice | None = None

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case RequestArrived():
                return self._request(event, wall_s)
            case Started(_, _, cib):
                self._cib, self._cib_bytes = cib, None
            case CibChanged():
                return self._cib_changed(event, wall_s)
            case MembersChanged(view):
                return self._members_changed(view, wall_s)
            case TransitionStarted():
                return [Notify(self._transition_started(event))]
            case ActionsChanged(number, changes):
                notices = [
                    messages.TransitionNotice("action", number, action=action, state=state, rc=rc)
                    for action, state, rc in changes
                ]
                if number == self._transition:
                    self._actions.update((notice.action, notice) for notice in notices)
                return map(Notify, notices)
            case TransitionEnded(number, result, reason, idle, duration_ms):
                self._transition_runs = False
                notice = messages.TransitionNotice(
                    "ended", number, result=result, reason=reason, idle=idle, duration_ms=duration_ms
                )
                if number == self._transition:
                    self._ended = notice
                return [Notify(notice)]
            case Happened():
                return self._happened(event, wall_s)
            case LinksSeen(links):
                self._links, self._links_s = links, wall_s
            case DivergencesKept(names):
                self._divergences = len(names)
                return [Notify(messages.MembersNotice(self._info()))]
            case MessageOrdered(topic=topic, origin=origin, payload=payload):
                return self._socket_told(origin, payload) if topic == SOCKET_TOPIC else []
            case MessageDirect(origin=origin, topic=topic, payload=payload):
                return self._events_of_others(origin, topic, payload, wall_s)
            case ChangeCommitted(request, version) if request.startswith(_REQUEST):
                return [Reply(int(request.removeprefix(_REQUEST)), messages.Applied(version))]
            case ChangeAnswered(request) if request.startswith(_REQUEST):
                return self._change_answered(event)
        return []

    # --- what happens

    def _transition_started(self, event: TransitionStarted) -> messages.TransitionNotice:
        self._transition, self._transition_runs = event.number, True
        self._begun = messages.TransitionNotice(
            "started", event.number, dc=event.dc, graph_packed=event.graph_packed, summary=event.summary
        )
        self._actions.clear()
        self._ended = None
        return self._begun

    def _transition_is(self) -> messages.Transition:
        """The notices of the last transition, as if they had just been pushed."""
        parts = (self._begun, *self._actions.values(), self._ended)
        return messages.Transition(tuple(part for part in parts if part is not None))

    def _cib_changed(self, event: CibChanged, wall_s: float) -> list[Effect]:
        self._cib, self._cib_bytes = event.after, None
        author = event.author
        notice = messages.CibNotice(
            str(event.after.version), event.patch, author.user, author.node, author.command, wall_s
        )
        effects: list[Effect] = [Notify(Guarded(notice) if acls_enabled(event.after) else notice)]
        if event.configuration_changed and self._gone:
            # Taken out of the nodes by somebody: not those that the CIB has never had.
            forgotten = self._gone.keys() & (_configured(event.before) - _configured(event.after))
            for name in forgotten:
                del self._gone[name]
            if forgotten:
                effects.append(Notify(messages.MembersNotice(self._info())))
        return effects

    def _members_changed(self, view: View, wall_s: float) -> list[Effect]:
        before = {member.name: member for member in self._view.holders} if self._view else {}
        arbiters = {member.name for member in self._view.arbiters} if self._view else set()
        self._view = view
        for member in view.holders:
            if member.name not in before:
                self._since_s[member.name] = wall_s
            self._gone.pop(member.name, None)
        silent = arbiters - {member.name for member in view.holders}
        for name, state in (*((n, "left") for n in view.left), *((n, "lost") for n in (*view.lost, *sorted(silent)))):
            known = before.get(name)
            self._gone[name] = messages.MemberInfo(
                id=known.id if known else 0, name=name, state=state,
                address=known.address if known else "", since_s=wall_s, arbiter=name in arbiters,
            )
            self._since_s.pop(name, None)
        while len(self._gone) > GONE_KEPT:
            self._gone.pop(next(iter(self._gone)))
        self._transition_runs = self._transition_runs and view.dc == self._node
        for name in [name for name in self._neighbours if name not in self._since_s]:
            del self._neighbours[name]
        unanswered = [ticket for ticket, node in self._looking.items() if node not in view.names]
        return [
            *(
                Reply(ticket, failure("not-reachable", f"{self._looking.pop(ticket)} went before it told its events"))
                for ticket in unanswered
            ),
            Notify(messages.MembersNotice(self._info())),
            Multicast(SOCKET_TOPIC, msgspec.msgpack.encode(self._socket)),
        ]

    def _socket_told(self, node: str, payload: bytes) -> list[Effect]:
        """A member says where its clients knock; of use to ours when it is on this machine."""
        try:
            told = msgspec.msgpack.decode(payload, type=_Socket)
        except msgspec.MsgspecError:
            return []
        here = node != self._node and told.machine == self._socket.machine != "" and told.path
        if not here or self._neighbours.get(node) == told.path:
            return []
        self._neighbours[node] = told.path
        return [Notify(messages.MembersNotice(self._info()))]

    def _happened(self, event: Happened, wall_s: float) -> list[Effect]:
        self._event_number += 1
        info = messages.EventInfo(
            self._event_number, wall_s, self._node, event.kind, event.level, event.text, event.about,
            dict(event.data),
        )
        self._events.append(info)
        return [Notify(messages.EventNotice(info))]

    # --- events of other nodes

    def _events_after(self, after: int, limit: int) -> tuple[messages.EventInfo, ...]:
        kept = [event for event in self._events if event.number > after]
        return tuple(kept[-limit:]) if limit > 0 else ()

    def _ask_events(self, ticket: int, body: messages.GetEvents) -> list[Effect]:
        members = self._view.names if self._view else ()
        if body.node not in members:
            hint = "there are: " + ", ".join(members) if members else "this node is in no cluster yet"
            return [Reply(ticket, failure("not-found", f"{body.node!r} is no member now", hint))]
        self._looking[ticket] = body.node
        while len(self._looking) > LOOKING_MAX:  # the server has answered the oldest long ago: timed out
            self._looking.pop(next(iter(self._looking)))
        wanted = _EventsWanted(ticket, max(0, min(body.limit, EVENTS_TOLD)), body.after)
        return [Send(body.node, EVENTS_TOPIC, msgspec.msgpack.encode(wanted))]

    def _events_of_others(self, origin: str, topic: str, payload: bytes, wall_s: float) -> list[Effect]:
        """Another node asks for ours, or tells us its own."""
        try:
            if topic == EVENTS_TOPIC:
                wanted = msgspec.msgpack.decode(payload, type=_EventsWanted)
                events = self._events_after(wanted.after, min(wanted.limit, EVENTS_TOLD))
                told = _EventsTold(wanted.ticket, wall_s, events)
                return [Send(origin, EVENTS_TOLD_TOPIC, msgspec.msgpack.encode(told))]
            if topic == EVENTS_TOLD_TOPIC:
                told = msgspec.msgpack.decode(payload, type=_EventsTold)
                if self._looking.get(told.ticket) == origin:
                    del self._looking[told.ticket]
                    return [Reply(told.ticket, messages.Events(told.events, origin, told.when_s))]
        except msgspec.MsgspecError:
            pass  # spoiled, or of a release that speaks otherwise: the question ends by its time
        return []

    # --- what is asked

    def _request(self, event: RequestArrived, wall_s: float) -> Iterable[Effect]:
        try:
            return list(self._answer(event, wall_s))
        except HashellError as error:
            return [Reply(event.ticket, failure_of(error))]

    def _access(self, event: RequestArrived) -> Access:
        return Access.of(self._cib, event.user, event.groups, privileged=event.privileged)

    def _answer(self, event: RequestArrived, wall_s: float) -> Iterable[Effect]:
        """Raises PermissionDenied, and what a change raises that cannot be done."""
        ticket, body = event.ticket, event.body
        if self._arbiter:
            self._check_arbiter(body)
        match body:
            case messages.GetCib() | messages.Subscribe():
                return [Reply(ticket, self._cib_is(self._access(event)))]
            case messages.GetInfo():
                return [Reply(ticket, self._info())]
            case messages.GetEvents(limit, node, after) if node in ("", self._node):
                return [Reply(ticket, messages.Events(self._events_after(after, limit), self._node, wall_s))]
            case messages.GetEvents():
                return self._ask_events(ticket, body)
            case messages.GetTransition():
                return [Reply(ticket, self._transition_is())]
            case messages.GetDivergences() | messages.GetDivergence():
                self._access(event).check_other("the archive")
                return [UseArchive(ticket, getattr(body, "name", ""))]
            case messages.GetHistory() | messages.GetVersion():
                self._access(event).check_other("the history")
            case messages.GetSecret() | messages.SetSecret():
                if not event.privileged:
                    return [Reply(ticket, _not_allowed(event.user, self._node))]
                return [Tell(ClientAsked(ticket, event.user, body))]
            case messages.GetAttribute():
                self._access(event).check_other("attributes")
                return [Tell(ClientAsked(ticket, event.user, body))]
            case messages.FenceDevices():
                self._access(event).check_other("the fence devices")
                return [Tell(ClientAsked(ticket, event.user, body))]
        match body:
            case messages.GetHistory(limit):
                return [ReadHistory(ticket, max(0, limit))]
            case messages.GetVersion(version) if version:
                return [ReadHistory(ticket, version=version)]
            case messages.GetVersion():
                return [Reply(ticket, failure("bad-input", "no version was named"))]
            case messages.WaitIdle():
                return [Tell(ClientAsked(ticket, event.user, body))]
        if not event.may_write:
            return [Reply(ticket, _not_allowed(event.user, self._node))]
        return self._wish(event)

    def _check_arbiter(self, body: Any) -> None:
        """Raises Refused for what an arbiter has no part in: all but looking, its own archive, key and end."""
        may = (
            messages.GetCib, messages.Subscribe, messages.GetInfo, messages.GetEvents, messages.GetTransition,
            messages.GetDivergences, messages.GetDivergence, messages.DropDivergence, messages.GetHistory,
            messages.GetVersion, messages.RotateKey,
        )
        stops = isinstance(body, messages.StopNode) and body.node in ("", self._node)
        if not stops and not isinstance(body, may):
            others = ", ".join(self._view.names) if self._view else ""
            raise Refused(f"{self._node} is an arbiter: it votes and does nothing else", f"ask {others or 'a member'}")

    def _wish(self, event: RequestArrived) -> Iterable[Effect]:
        """A request that changes something, by somebody who may."""
        ticket, body = event.ticket, event.body
        if not isinstance(body, messages.ApplyChanges):
            self._access(event).check_other(type(body).__name__)
        match body:
            case messages.ApplyChanges():
                return self._apply(event, body)
            case messages.DropDivergence(name):
                if not name:
                    return [Reply(ticket, failure("bad-input", "no conflict was named"))]
                return [UseArchive(ticket, name, drop=True)]
            case messages.SetAttribute(node, name, value, dampening_ms, kind):
                wanted = AttributeWanted(
                    node or self._node, name, value, dampening_ms, f"{_REQUEST}{ticket}", kind
                )
                if not name:
                    return [Reply(ticket, failure("bad-input", "an attribute needs a name"))]
                if wanted.node not in self._known_nodes():
                    hint = "there are: " + ", ".join(sorted(self._known_nodes()))
                    return [Reply(ticket, failure("not-found", f"no node is called {wanted.node!r}", hint))]
                return [Tell(wanted), Reply(ticket, messages.Done())]
            case messages.StopNode(node) if node in ("", self._node):
                reason = f"{event.user} asked for it"
                return [
                    # An arbiter has nothing that must be moved first.
                    Tell(Leaving(True, reason) if self._arbiter else ShutdownWanted(reason)),
                    Reply(ticket, messages.Done(f"{self._node} is leaving the cluster")),
                ]
            case _:
                return [Tell(ClientAsked(ticket, event.user, body))]

    def _apply(self, event: RequestArrived, body: messages.ApplyChanges) -> Iterable[Effect]:
        if not body.changes:
            return [Reply(event.ticket, messages.Applied(str(self._cib.version)))]
        if len(body.changes) > CHANGES_MAX:
            told = failure(
                "bad-input", f"{len(body.changes)} changes are too many for one request",
                f"send at most {CHANGES_MAX}, or one replacement",
            )
            return [Reply(event.ticket, told)]
        for change in body.changes:
            if change.kind not in _KINDS:
                told = failure(
                    "bad-input", f"no change is of the kind {change.kind!r}",
                    "use " + ", ".join(sorted(_KINDS)),
                )
                return [Reply(event.ticket, told)]
        access = self._access(event)
        access.check(body.changes)
        # What was judged is this configuration: on another one the same edit might reach what is not theirs.
        now = self._cib.version
        operations = tuple(
            CibOperation(
                change.kind, change.xml, change.path,
                change.admin_epoch if change.epoch >= 0 or not access.restricted else now.admin_epoch,
                change.epoch if change.epoch >= 0 or not access.restricted else now.epoch,
            )
            for change in body.changes
        )
        author = Author(event.user, self._node, body.command, body.message)
        return [Tell(ChangeWanted(operations, author, f"{_REQUEST}{event.ticket}"))]

    def _change_answered(self, event: ChangeAnswered) -> list[Effect]:
        number = event.request.removeprefix(_REQUEST)
        if not number.isdigit():
            return []
        if event.error or event.error_id:
            told = failure(event.error_id or "refused", event.error, event.hint)
            return [Reply(int(number), told)]
        return [Reply(int(number), messages.Applied(event.version))]

    # --- what this node knows

    def _cib_is(self, access: Access) -> messages.CibIs:
        if access.restricted:
            return messages.CibIs(access.visible().to_bytes(), str(self._cib.version))
        if self._cib_bytes is None:
            self._cib_bytes = self._cib.to_bytes()
        return messages.CibIs(self._cib_bytes, str(self._cib.version))

    def _controller_state(self) -> str:
        """In Pacemaker's words. What a controller does between two transitions is too short to be seen here."""
        if self._view is None:
            return "S_STARTING"
        if self._view.dc != self._node:
            return "S_NOT_DC"
        return "S_TRANSITION_ENGINE" if self._transition_runs else "S_IDLE"

    def _info(self) -> messages.Info:
        view = self._view or View(0, ())
        return messages.Info(
            cluster=self._cluster,
            node=self._node,
            engine=self._engine,
            members=tuple(self._members(view)),
            dc=view.dc,
            quorate=view.quorate,
            votes=view.votes,
            expected_votes=view.expected_votes,
            quorum=view.quorum,
            view=view.number,
            controller_state=self._controller_state(),
            transition=self._transition,
            warnings=self._warnings(view),
            socket_paths=(self._socket.path, *self._neighbours.values()),
            quorum_reason=view.reason,
            quorum_flags=self._quorum.flags(view.expected_votes, quorate=view.quorate),
            links=tuple(
                messages.LinkInfo(
                    one.peer, one.address, one.up, self._links_s - one.for_ms / 1000 if one.up else 0.0,
                    one.heartbeats, one.round_trip_us, one.detect_ms, one.heard_ms,
                ) for one in self._links
            ),
        )

    def _known_nodes(self) -> frozenset[str]:
        """Names of members, and of nodes that the CIB has (remote nodes, and such as are away)."""
        elements = (
            *self._cib.root.iterfind("configuration/nodes/node"), *self._cib.root.iterfind("status/node_state")
        )
        members = [member.name for member in self._view.holders] if self._view else []
        return frozenset((self._node, *members, *(element.get("uname", "") for element in elements)))

    def _members(self, view: View) -> Iterator[messages.MemberInfo]:
        for member in view.holders:
            since_s = self._since_s.get(member.name, 0.0)
            yield messages.MemberInfo(
                member.id, member.name, "member", member.address, since_s, member.votes, member in view.arbiters
            )
        yield from self._gone.values()

    def _warnings(self, view: View) -> tuple[str, ...]:
        if self._view is None:
            return ("this node is not in a cluster yet",)
        found = []
        if not view.quorate:
            found.append(f"no quorum: {view.votes} of {view.expected_votes} votes, {view.quorum} are needed")
        if self._divergences:
            found.append(
                f"{self._divergences} sets of changes on {self._node} lost against another history and are kept: see"
                " cib conflicts"
            )
        return tuple(found)


def _not_allowed(user: str, node: str) -> messages.Failure:
    return failure(
        "refused", f"{user} may look at {node} but change nothing",
        "run as root or as the daemon's user, or join the group haclient",
    )


def this_machine() -> str:
    """The same for all processes that one kernel runs, and for no other: its boot id."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _configured(cib: Cib) -> frozenset[str]:
    """Names of the nodes in the configuration."""
    return frozenset(element.get("uname", "") for element in cib.root.iterfind("configuration/nodes/node"))
