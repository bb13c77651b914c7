"""The remote node's side: whoever of the cluster is connected, and what passes through. No CIB, no controller.

The executor here is the same as a member's: it keeps its queues, its recurring monitors and what it knows while nobody
is connected, and tells all of it to the next one who is. The newest link speaks for the cluster; the one before it is
told so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell import __version__
from hashelld.core.effects import CancelTimer, Effect, Exit, Log, StartTimer, Tell
from hashelld.core.events import (
    Attached,
    ChangeAnswered,
    ChangeWanted,
    Event,
    Leaving,
    OperationDone,
    OperationWanted,
    ShutdownWanted,
)
from hashelld.remote import words
from hashelld.remote.links import LinkDown, LinkUp, NameKnown, PassAnswer, RemoteClose, RemoteSend, WordCame

if TYPE_CHECKING:
    from hashelld.settings import Settings

#: Links of those that have connected and not said who they are.
STRANGERS_MAX = 16
#: How long a stranger may take.
GREETING_MS = 5000
#: How long a node that is to go down waits for the cluster to take its resources away.
ESCALATION_MS = 20 * 60_000


@dataclass(frozen=True, slots=True)
class NoGreeting(Event):
    link: int


@dataclass(frozen=True, slots=True)
class WaitedEnough(Event):
    """The cluster did not let us go in time."""


class RemoteSide:
    """`settings.node` is this node's name, or empty: then whoever connects says what it is called."""

    name = "remote"

    def __init__(self, settings: Settings, *, node: str = "") -> None:
        self._wanted = node
        self._cluster = ""
        self._node = node
        self._strangers: dict[int, str] = {}
        self._link = 0
        self._host = ""
        self._dc = ""
        self._was_attached = False
        self._leaving = ""

    @property
    def host(self) -> str:
        """The member that is connected now; empty when none is."""
        return self._host if self._link else ""

    @property
    def node(self) -> str:
        """What this node is called in its cluster; empty until somebody has said it."""
        return self._node

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case WordCame(link, word):
                return self._word(link, word)
            case ChangeWanted(operations, _, request):
                # What nobody hears now is told whole to the next who connects.
                return self._say(words.wish_of(request, operations))
            case OperationDone():
                return self._say(words.ended_of(event))
            case LinkUp(link, _, address):
                return self._link_up(link, address)
            case LinkDown(link, reason):
                return self._link_down(link, reason)
            case NoGreeting(link):
                if self._strangers.pop(link, None) is not None:
                    return [Log("warning", "somebody connected and said nothing"), RemoteClose(link)]
            case ShutdownWanted(reason):
                return self._shutdown(reason)
            case WaitedEnough():
                return [Exit(1, "the cluster did not let this node go in time")]
            case Leaving(clean, reason):
                return [Exit(0 if clean else 1, reason)]
            case _:
                pass
        return []

    def ask(self, asked: words.Asked) -> list[Effect] | None:
        """Pass a client's request on; None when nobody is connected."""
        return self._say(asked) if self._link else None

    def _say(self, word: words.Word) -> list[Effect]:
        return [RemoteSend(self._link, word)] if self._link else []

    # --- links ----------------------------------------------------------------------------------------------

    def _link_up(self, link: int, address: str) -> list[Effect]:
        effects: list[Effect] = []
        if len(self._strangers) >= STRANGERS_MAX:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            effects += [CancelTimer(f"greeting:{oldest}"), RemoteClose(oldest)]
        self._strangers[link] = address
        return [*effects, StartTimer(f"greeting:{link}", GREETING_MS, NoGreeting(link))]

    def _link_down(self, link: int, reason: str) -> list[Effect]:
        self._strangers.pop(link, None)
        if link != self._link:
            return [CancelTimer(f"greeting:{link}")]
        self._link = 0
        return [Log("warning", f"lost the connection from {self._host}: {reason}"), *self._alone()]

    def _alone(self) -> list[Effect]:
        return [Exit(0, "nobody is connected any more")] if self._leaving else []

    def _attach(self, link: int, word: words.Attach) -> list[Effect]:
        if self._strangers.pop(link, None) is None:
            return [Log("warning", "somebody attached twice"), RemoteClose(link)]
        effects: list[Effect] = [CancelTimer(f"greeting:{link}")]
        refusal = self._refusal(word)
        if refusal:
            return [
                *effects, Log("warning", f"{word.host} refused: {refusal}"),
                RemoteSend(link, words.Refused(refusal)), RemoteClose(link),
            ]
        if self._link:
            effects += [RemoteSend(self._link, words.Taken(word.host)), RemoteClose(self._link)]
        self._link, self._host, self._dc = link, word.host, word.dc
        self._node, self._cluster = word.remote, word.cluster
        fresh, self._was_attached = not self._was_attached, True
        effects += [
            Log("info", f"{word.host} of the cluster {word.cluster} is connected"),
            RemoteSend(link, words.Accepted(words.PROTOCOL, self._node, fresh, __version__)),
            NameKnown(self._node),
            Tell(self._attached(publish=True)),
        ]
        return [*effects, *self._say(words.Leave(self._leaving))] if self._leaving else effects

    def _refusal(self, word: words.Attach) -> str:
        if word.protocol != words.PROTOCOL:
            return f"it speaks protocol {word.protocol}, this node {words.PROTOCOL}"
        if self._wanted and word.remote != self._wanted:
            return f"this is the remote node {self._wanted}, not {word.remote}"
        if self._was_attached and word.remote != self._node:
            return f"this node is called {self._node} since it was first connected, not {word.remote}"
        return ""

    def _attached(self, *, publish: bool) -> Attached:
        return Attached(self._node, self._node, self._cluster, self._dc, publish)

    # --- words ----------------------------------------------------------------------------------------------

    def _word(self, link: int, word: words.Word) -> list[Effect]:
        if isinstance(word, words.Attach):
            return self._attach(link, word)
        if link != self._link:
            # From somebody whose place was taken, or who has not said who it is.
            return []
        match word:
            case words.Do(xml, dc, again):
                effects: list[Effect] = []
                if dc != self._dc:
                    self._dc = dc
                    effects.append(Tell(self._attached(publish=False)))
                return [*effects, Tell(OperationWanted(xml, dc, again))]
            case words.Settled():
                return [Tell(ChangeAnswered(word.request, word.version, word.error_id, word.error, word.hint))]
            case words.Republish():
                return [Tell(self._attached(publish=True))]
            case words.Ping(number):
                return self._say(words.Pong(number))
            case words.Answer() | words.Notice():
                return [PassAnswer(word)]
            case words.Release(end):
                self._link = 0
                effects = [Log("info", f"{self._host} ended the connection"), RemoteClose(link)]
                return [*effects, *([Exit(0, "the cluster let this node go")] if end else self._alone())]
        return []

    # --- going down -----------------------------------------------------------------------------------------

    def _shutdown(self, reason: str) -> list[Effect]:
        if not self._link:
            return [Exit(0, reason)]
        if self._leaving:
            return []
        self._leaving = reason
        return [*self._say(words.Leave(reason)), StartTimer("escalation", ESCALATION_MS, WaitedEnough())]
