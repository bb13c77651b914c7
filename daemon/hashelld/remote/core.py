"""The member's side: connections to remote nodes, as resources that this node's executor asks for.

    start, migrate_from → Dialing → Attaching → Up → stop → Down
                             ▲                  │
                             └── tried again    └─ link lost → Lost (its monitor fails; the scheduler decides)

A start has succeeded when the CIB says that the node is up and what runs there. Operations for the node then go through
the link, and what the node wants written goes into the CIB in its name.
Source: daemons/controld/controld_remote_ra.c.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashell.cib.document import Cib, parse_xml
from hashell.errors import BadInput
from hashell.values.outcomes import ExecStatus, OcfCode
from hashelld.core.effects import CancelTimer, Effect, Log, Send, StartTimer, Tell
from hashelld.core.events import (
    AttributeWanted,
    Author,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    CibOperation,
    ConnectionAnswered,
    ConnectionLost,
    ConnectionWanted,
    Event,
    Happened,
    Leaving,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    Started,
    View,
)
from hashelld.remote import status, words
from hashelld.remote.links import (
    PORT,
    DialFailed,
    DialRemote,
    LinkDown,
    LinkUp,
    PassRequest,
    RemoteClose,
    RemoteSend,
    WordCame,
)

if TYPE_CHECKING:
    from hashelld.settings import Settings

#: Connections of one member. Bounds what a CIB can ask for; Pacemaker is tried with some tens.
CONNECTIONS_MAX = 256
#: Pause between two tries to connect, and how long before the end of a start's time no other begins.
RETRY_MS, LAST_TRY_MS = 500, 200
#: One try. A remote node answers in milliseconds, or when its machine has booted.
DIAL_MS = 5000
#: How often a link is tried, and how long the other side may be silent. A remote node is fenced when its connection is
#: lost, so it gets twice what a member gets that is only slow.
PING_MS, SILENCE_MS = 2000, 10_000
#: Changes that one remote node may have on their way.
WISHES_MAX = 1000

_UPWARD = frozenset({"start", "migrate_from"})
_REQUEST = "remote:"


class State(enum.Enum):
    """How a connection is, seen from this member."""

    DOWN = enum.auto()
    DIALING = enum.auto()
    ATTACHING = enum.auto()
    UP = enum.auto()
    LOST = enum.auto()


@dataclass(frozen=True, slots=True)
class TryAgain(Event):
    """Time for another try to connect."""

    remote: str


@dataclass(frozen=True, slots=True)
class TooLate(Event):
    """The time of an operation (`token`) is over."""

    remote: str
    token: str


@dataclass(frozen=True, slots=True)
class Listen(Event):
    """Time to hear whether the other side is there."""

    remote: str


@dataclass(slots=True)
class _Connection:
    remote: str
    state: State = State.DOWN
    host: str = ""
    port: int = PORT
    link: int = 0
    dial: int = 0
    token: str = ""
    """Of the start, migrate_from or stop that waits."""
    task: str = ""
    until_ms: int = 0
    why_not: str = ""
    announced: str = ""
    """The request of the change that says that the node is up."""
    fresh: bool = False
    heard_ms: int = 0
    polls: dict[int, str] = field(default_factory=dict)
    """Pings that monitors wait for: number → token."""
    expect_takeover: bool = False
    taken: bool = False
    leaving: bool = False


class Remotes:
    """Connections of this member to remote nodes."""

    name = "remote"

    def __init__(self, settings: Settings) -> None:
        self._node = settings.node
        self._cluster = settings.cluster
        self._connections: dict[str, _Connection] = {}
        self._links: dict[int, str] = {}
        self._dials: dict[int, str] = {}
        self._wishes: dict[str, tuple[int, str]] = {}
        self._view: View | None = None
        self._cib = Cib.empty()
        self._numbers = 0

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case WordCame(link, word):
                return self._word(link, word, now_ms, wall_s)
            case ConnectionWanted():
                return self._wanted(event, now_ms)
            case MessageDirect():
                return self._message(event)
            case MessageOrdered():
                return self._ordered(event)
            case ChangeAnswered(request) if request.startswith(_REQUEST):
                return self._settled(event, now_ms)
            case LinkUp():
                return self._link_up(event, now_ms)
            case DialFailed():
                return self._dial_failed(event, now_ms)
            case LinkDown(link, reason):
                return self._link_down(link, reason, now_ms)
            case TryAgain(remote):
                return self._try(self._connections[remote], now_ms) if remote in self._connections else []
            case TooLate(remote, token):
                return self._too_late(remote, token)
            case Listen(remote):
                return self._listen(remote, now_ms)
            case CibChanged():
                self._cib = event.after
                # Only a whole transfer can have lost what remote nodes wrote.
                return [] if event.patch else self._republish()
            case MembersChanged(view):
                self._view = view
            case Started():
                self._cib = event.cib
            case Leaving():
                return [RemoteClose(link) for link in self._links]
            case _:
                pass
        return []

    # --- what the executor wants ----------------------------------------------------------------------------

    def _wanted(self, event: ConnectionWanted, now_ms: int) -> list[Effect]:
        known = self._connections.get(event.remote)
        if known is None:
            if len(self._connections) >= CONNECTIONS_MAX and event.task in _UPWARD:
                return [_answer(event.token, OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, "too many connections")]
            known = self._connections[event.remote] = _Connection(event.remote)
        match event.task:
            case "start" | "migrate_from":
                return self._start(known, event, now_ms)
            case "monitor":
                return self._poll(known, event, now_ms)
            case "stop":
                return self._stop(known, event)
            case "migrate_to":
                known.expect_takeover, known.taken = True, False
                return [_good(event.token)]
            case "reload" | "reload-agent":
                # All that can be reloaded is reconnect_interval, and that is the scheduler's to obey.
                return [_good(event.token)]
        return [_answer(
            event.token, OcfCode.UNIMPLEMENT_FEATURE, ExecStatus.NOT_SUPPORTED, f"a connection cannot {event.task}"
        )]

    def _start(self, known: _Connection, event: ConnectionWanted, now_ms: int) -> list[Effect]:
        host, port = address(event.remote, event.parameters)
        if known.state is State.UP and (known.host, known.port) == (host, port):
            return [_good(event.token)]
        effects = self._drop(known)
        known.host, known.port = host, port
        known.expect_takeover = known.taken = known.leaving = False
        known.token, known.task = event.token, event.task
        known.until_ms, known.why_not = now_ms + event.timeout_ms, "nobody answers"
        effects.append(StartTimer(f"late:{known.remote}", event.timeout_ms, TooLate(known.remote, event.token)))
        return effects + self._try(known, now_ms)

    def _try(self, known: _Connection, now_ms: int) -> list[Effect]:
        if not known.token or known.task not in _UPWARD or known.state in (State.UP, State.ATTACHING):
            return []
        self._numbers += 1
        known.state, known.dial = State.DIALING, self._numbers
        self._dials[known.dial] = known.remote
        left_ms = max(1, known.until_ms - now_ms)
        return [DialRemote(known.dial, known.host, known.port, min(DIAL_MS, left_ms))]

    def _poll(self, known: _Connection, event: ConnectionWanted, now_ms: int) -> list[Effect]:
        if known.state is State.LOST and event.interval_ms:
            return [_answer(
                event.token, OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, f"lost the connection: {known.why_not}"
            )]
        if known.state is not State.UP:
            return [_answer(event.token, OcfCode.NOT_RUNNING, ExecStatus.DONE)]
        self._numbers += 1
        known.polls[self._numbers] = event.token
        return [
            RemoteSend(known.link, words.Ping(self._numbers)),
            StartTimer(f"poll:{event.token}", event.timeout_ms, TooLate(known.remote, event.token)),
        ]

    def _stop(self, known: _Connection, event: ConnectionWanted) -> list[Effect]:
        if known.expect_takeover and not known.taken and known.state is State.UP:
            # The other member connects in a moment; if it does not, the node is released as by any stop.
            known.token, known.task = event.token, "stop"
            return [StartTimer(
                f"late:{known.remote}", max(1, event.timeout_ms // 2), TooLate(known.remote, event.token)
            )]
        return self._stopped(known, event.token)

    def _stopped(self, known: _Connection, token: str) -> list[Effect]:
        taken, had = known.taken, known.state is not State.DOWN
        effects = self._drop(known, end=known.leaving)
        self._connections.pop(known.remote, None)
        if had and not taken:
            effects += self._write(known.remote, status.down(known.remote))
        return [*effects, _good(token)]

    # --- links ----------------------------------------------------------------------------------------------

    def _link_up(self, event: LinkUp, now_ms: int) -> list[Effect]:
        known = self._connections.get(self._dials.pop(event.dial, ""))
        if known is None or known.dial != event.dial or known.state is not State.DIALING:
            return [RemoteClose(event.link)]
        known.state, known.link, known.heard_ms = State.ATTACHING, event.link, now_ms
        self._links[event.link] = known.remote
        dc = self._view.dc if self._view is not None else self._node
        attach = words.Attach(words.PROTOCOL, self._cluster, self._node, known.remote, dc)
        return [
            RemoteSend(event.link, attach),
            StartTimer(f"listen:{known.remote}", PING_MS, Listen(known.remote)),
        ]

    def _dial_failed(self, event: DialFailed, now_ms: int) -> list[Effect]:
        known = self._connections.get(self._dials.pop(event.dial, ""))
        if known is None or known.dial != event.dial or known.state is not State.DIALING:
            return []
        return self._not_yet(known, event.reason, event.final, now_ms)

    def _not_yet(self, known: _Connection, reason: str, final: bool, now_ms: int) -> list[Effect]:
        """A try to connect failed: there may be time for another."""
        effects = self._drop_link(known)
        known.state, known.why_not = State.DOWN, reason
        if not known.token or known.task not in _UPWARD:
            return effects
        if final:
            token, known.token = known.token, ""
            return [*effects, CancelTimer(f"late:{known.remote}"), _answer(
                token, OcfCode.INVALID_PARAM, ExecStatus.ERROR, f"{known.host}, port {known.port}: {reason}"
            )]
        if known.until_ms - now_ms > RETRY_MS + LAST_TRY_MS:
            effects.append(StartTimer(f"retry:{known.remote}", RETRY_MS, TryAgain(known.remote)))
        return effects

    def _link_down(self, link: int, reason: str, now_ms: int) -> list[Effect]:
        known = self._connections.get(self._links.get(link, ""))
        if known is None or known.link != link:
            self._links.pop(link, None)
            return []
        if known.state is State.ATTACHING:
            return self._not_yet(known, reason, False, now_ms)
        return self._lost(known, reason)

    def _lost(self, known: _Connection, reason: str) -> list[Effect]:
        if known.expect_takeover and known.task == "stop" and known.token:
            return []
        effects = self._drop_link(known)
        was_up = known.state is State.UP
        if was_up and status.in_maintenance(self._cib, known.remote):
            return effects + self._left_alone(known, reason)
        known.state, known.why_not = State.LOST, reason
        for token in known.polls.values():
            effects += [CancelTimer(f"poll:{token}"), _answer(
                token, OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, f"lost the connection: {reason}"
            )]
        known.polls.clear()
        if not was_up:
            return effects
        text = f"lost the connection to the remote node {known.remote}: {reason}"
        effects += [
            Log("warning", text),
            Tell(Happened("member", "warning", text, (known.remote,))),
            # What it was doing nobody will tell.
            *([Send(self._view.dc, "controller.remote_lost", known.remote.encode())] if self._view else []),
            Tell(ConnectionLost(known.remote)),
        ]
        return effects

    def _left_alone(self, known: _Connection, reason: str) -> list[Effect]:
        """Somebody works on the node: it went away as if its connection had been stopped."""
        effects = self._drop(known)
        self._connections.pop(known.remote, None)
        text = f"the remote node {known.remote}, which is in maintenance, is not connected any more: {reason}"
        return [
            *effects, *self._write(known.remote, status.down(known.remote)), Log("notice", text),
            Tell(Happened("member", "notice", text, (known.remote,))),
            Tell(ConnectionLost(known.remote, left_alone=True)),
        ]

    def _drop(self, known: _Connection, *, end: bool = False) -> list[Effect]:
        """End whatever there is of a connection; a start that waits fails."""
        effects: list[Effect] = []
        if known.link and known.state in (State.UP, State.ATTACHING):
            effects.append(RemoteSend(known.link, words.Release(end)))
        effects += self._drop_link(known)
        for token in (*known.polls.values(), *([known.token] if known.token else [])):
            effects += [CancelTimer(f"poll:{token}"), _answer(
                token, OcfCode.UNKNOWN_ERROR, ExecStatus.CANCELLED, "another operation took its place"
            )]
        known.polls.clear()
        known.token, known.task, known.state = "", "", State.DOWN
        return [*effects, CancelTimer(f"late:{known.remote}"), CancelTimer(f"retry:{known.remote}")]

    def _drop_link(self, known: _Connection) -> list[Effect]:
        link, known.link, known.announced = known.link, 0, ""
        if not link:
            return []
        self._links.pop(link, None)
        self._wishes = {name: one for name, one in self._wishes.items() if one[0] != link}
        return [RemoteClose(link), CancelTimer(f"listen:{known.remote}")]

    def _too_late(self, remote: str, token: str) -> list[Effect]:
        known = self._connections.get(remote)
        if known is None:
            return []
        if token == known.token and known.task == "stop":
            known.token = ""
            return self._stopped(known, token)
        if token == known.token:
            known.token = ""
            effects = self._drop(known)
            return [*effects, _answer(
                token, OcfCode.UNKNOWN_ERROR, ExecStatus.TIMEOUT,
                f"no connection to {known.host}, port {known.port}: {known.why_not}",
            )]
        number = next((one for one, owner in known.polls.items() if owner == token), 0)
        if not number:
            return []
        del known.polls[number]
        answer = _answer(token, OcfCode.UNKNOWN_ERROR, ExecStatus.TIMEOUT, "the remote node does not answer")
        return [answer, *self._lost(known, "it does not answer")]

    def _listen(self, remote: str, now_ms: int) -> list[Effect]:
        known = self._connections.get(remote)
        if known is None or not known.link:
            return []
        silent_ms = now_ms - known.heard_ms
        if silent_ms >= SILENCE_MS:
            reason = f"it was silent for {silent_ms // 1000} s"
            if known.state is State.ATTACHING:
                return self._not_yet(known, reason, False, now_ms)
            return self._lost(known, reason)
        return [
            RemoteSend(known.link, words.Ping(0)), StartTimer(f"listen:{remote}", PING_MS, Listen(remote)),
        ]

    # --- what the remote node says --------------------------------------------------------------------------

    def _word(self, link: int, word: words.Word, now_ms: int, wall_s: float) -> list[Effect]:
        known = self._connections.get(self._links.get(link, ""))
        if known is None or known.link != link:
            return []
        known.heard_ms = now_ms
        match word:
            case words.Accepted():
                known.fresh = word.fresh
                return []
            case words.Refused(reason, final):
                return self._not_yet(known, reason, final, now_ms) if known.state is State.ATTACHING else []
            case words.Wish():
                return self._wish(known, word)
            case words.Pong(number):
                token = known.polls.pop(number, "")
                return [CancelTimer(f"poll:{token}"), _good(token)] if token else []
            case words.Ended():
                return [Tell(words.done_of(word, known.remote))]
            case words.Asked():
                return [PassRequest(link, known.remote, word)]
            case words.Taken(by):
                return self._taken(known, by)
            case words.Leave(reason):
                return self._leave(known, reason, wall_s)
        return []

    def _wish(self, known: _Connection, wish: words.Wish) -> list[Effect]:
        if len(self._wishes) >= WISHES_MAX:
            return [RemoteSend(known.link, words.Settled(wish.request, "", "too-many", "too many changes wait"))]
        operations = words.operations_of(wish)
        request = f"{_REQUEST}{known.remote}:{known.link}:{wish.request}"
        if known.state is State.ATTACHING and not known.announced:
            # Its first words are all that it knows: with them it is there.
            operations = (*status.up(known.remote, fresh=known.fresh), *operations)
            known.announced = request
        self._wishes[request] = (known.link, wish.request)
        return [Tell(ChangeWanted(operations, Author("hashelld", known.remote, "executor"), request))]

    def _settled(self, event: ChangeAnswered, now_ms: int) -> list[Effect]:
        link, request = self._wishes.pop(event.request, (0, ""))
        known = self._connections.get(self._links.get(link, ""))
        if known is None or known.link != link:
            return []
        effects: list[Effect] = [RemoteSend(link, words.Settled(
            request, event.version, event.error_id, event.error, event.hint
        ))]
        if event.request != known.announced:
            return effects
        known.announced = ""
        if event.error_id:
            return [*effects, *self._not_yet(known, event.error or event.error_id, False, now_ms)]
        known.state = State.UP
        token, known.token = known.token, ""
        return [
            *effects, CancelTimer(f"late:{known.remote}"),
            Tell(Happened("member", "notice", f"connected to the remote node {known.remote}", (known.remote,))),
            *([_good(token)] if token else []),
        ]

    def _taken(self, known: _Connection, by: str) -> list[Effect]:
        if not known.expect_takeover:
            return self._lost(known, f"{by} took it over")
        known.taken = True
        effects = self._drop_link(known)
        known.state = State.LOST
        if known.token and known.task == "stop":
            token, known.token = known.token, ""
            return [*effects, CancelTimer(f"late:{known.remote}"), *self._stopped(known, token)]
        return effects

    def _leave(self, known: _Connection, reason: str, wall_s: float) -> list[Effect]:
        """It goes down when nothing runs there any more: the scheduler sees to it."""
        known.leaving = True
        text = f"the remote node {known.remote} is to go down: {reason}"
        return [
            Log("notice", text), Tell(Happened("member", "notice", text, (known.remote,))),
            Tell(AttributeWanted(known.remote, "shutdown", str(int(wall_s)))),
        ]

    # --- what is for remote nodes ---------------------------------------------------------------------------

    def _message(self, event: MessageDirect) -> list[Effect]:
        if self._view is None or event.view != self._view.number or event.origin != self._view.dc:
            return []
        if event.topic in ("remote.operation", "remote.again"):
            return self._pass_on(event.payload, event.origin, again=event.topic == "remote.again", alone=True)
        return []

    def _ordered(self, event: MessageOrdered) -> list[Effect]:
        """For a remote node, wherever its connection is: cleaning up, failing on purpose."""
        if event.topic == "remote.do" and self._view is not None:
            return self._pass_on(event.payload, self._view.dc, again=False, alone=False)
        return []

    def _pass_on(self, xml: bytes, dc: str, *, again: bool, alone: bool) -> list[Effect]:
        """`alone`: nobody else was asked, so somebody must say so when it cannot be done."""
        try:
            remote = parse_xml(xml, "an action").get("on_node", "")
        except BadInput as error:
            return [Log("error", f"an operation that cannot be read: {error}")]
        known = self._connections.get(remote)
        if known is not None and known.link and known.state in (State.UP, State.ATTACHING):
            return [RemoteSend(known.link, words.Do(xml, dc, again))]
        if not alone:
            return []
        return [
            Log("error", f"{self._node} has no connection to the remote node {remote}"),
            *([Send(self._view.dc, "controller.remote_lost", remote.encode())] if self._view else []),
        ]

    def _republish(self) -> list[Effect]:
        return [
            RemoteSend(one.link, words.Republish()) for one in self._connections.values() if one.state is State.UP
        ]

    def _write(self, remote: str, operations: tuple[CibOperation, ...]) -> list[Effect]:
        return [Tell(ChangeWanted(operations, Author("hashelld", self._node, "remote"), ""))]


def address(remote: str, parameters: Mapping[str, str]) -> tuple[str, int]:
    """Where a remote node is: `server` or `addr`, else its name; `port`, else the usual one."""
    host = parameters.get("server") or parameters.get("addr") or remote
    text = parameters.get("port", "")
    return host, int(text) if text.isdigit() and 0 < int(text) < 65536 else PORT




def _answer(token: str, rc: int, status_: ExecStatus, reason: str = "") -> Effect:
    return Tell(ConnectionAnswered(token, int(rc), int(status_), reason))


def _good(token: str) -> Effect:
    return _answer(token, OcfCode.OK, ExecStatus.DONE)
