"""The attribute manager's state machine: values wait until they are quiet, then go out together.

Any node may write attributes of any node: writes are ordered by the CIB manager. What was written
and is not yet seen in the CIB counts as present, so that two quick failures count two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashell.cib.document import Cib
from hashell.wire.messages import Done, Failure, SetAttribute
from hashelld.attribute_manager import writer
from hashelld.core.effects import Effect, Log, Reply, StartTimer, Tell
from hashelld.core.events import (
    AttributeWanted,
    Author,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    ClientAsked,
    Event,
    MembersChanged,
    Started,
)

if TYPE_CHECKING:
    from hashelld.settings import Settings

#: Values set in one go are written in one go: this is how long "one go" lasts.
TOGETHER_MS = 1
#: Longest dampening that is taken, and pause before a refused write is tried again.
DAMPENING_MAX_MS, RETRY_MS = 3_600_000, 500
RETRIES_MAX = 20
#: After a view change, when to look whether the cluster still has this node's values.
REPAIR_MS = 1000
#: Attributes that may wait; more means that somebody sets them without end.
WAITING_MAX = 10_000
#: Never written again by the node itself: they are about one life of it.
ONE_LIFE = frozenset({"shutdown"})


@dataclass(frozen=True, slots=True)
class Quiet(Event):
    """The dampening of an attribute is over; an empty name means those without any."""

    name: str


@dataclass(frozen=True, slots=True)
class LookAgain(Event):
    """Time to see whether this node's own values are still there."""


@dataclass(slots=True)
class _Write:
    changed: dict[str, dict[str, str | None]]
    clients: list[int] = field(default_factory=list)
    tries: int = 0


class AttributeManager:
    """Transient attributes of all nodes, as this node has them written."""

    name = "attribute_manager"

    def __init__(self, settings: Settings) -> None:
        self._node = settings.node
        self._cib = Cib.empty()
        self._ids: dict[str, str] = {}
        self._waiting: dict[str, dict[str, str | None]] = {}
        self._clients: dict[str, list[int]] = {}
        self._writes: dict[str, _Write] = {}
        self._requests = 0
        self._mine: dict[str, str] = {}

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case AttributeWanted(node, name, value, dampening_ms):
                return self._set(node, name, value, dampening_ms)
            case Quiet(name):
                return self._flush(name)
            case ChangeAnswered():
                return self._answered(event)
            case CibChanged():
                self._cib = event.after
                self._forget_removed()
            case MembersChanged(view):
                self._ids = {one.name: str(one.id) for one in view.members}
                return [StartTimer("look", REPAIR_MS, LookAgain())]
            case LookAgain():
                return self._repair()
            case ClientAsked(client, _, SetAttribute() as body):
                return self._client(client, body)
            case Started():
                self._cib = event.cib
            case _:
                pass
        return []

    def _id(self, node: str) -> str:
        return self._ids.get(node) or writer.node_ids(self._cib).get(node, "")

    def _present(self, node: str, name: str) -> str | None:
        """The value as it will be when all that is on its way has arrived."""
        for place in (self._waiting, *(w.changed for w in reversed(self._writes.values()))):
            if name in place.get(node, {}):
                return place[node][name]
        return (writer.values(self._cib, self._id(node)) or {}).get(name)

    def _set(
        self, node: str, name: str, value: str | None, dampening_ms: int, client: int | None = None
    ) -> list[Effect]:
        if sum(len(one) for one in self._waiting.values()) >= WAITING_MAX:
            return [Log("error", f"attribute {name} of {node} is dropped: too many wait")]
        if value is not None:
            value = writer.evaluate(value, self._present(node, name))
        if node == self._node and name not in ONE_LIFE:
            if value is None:
                self._mine.pop(name, None)
            else:
                self._mine[name] = value
        self._waiting.setdefault(node, {})[name] = value
        group = name if dampening_ms > 0 else ""
        if client is not None:
            self._clients.setdefault(group, []).append(client)
        delay = min(max(dampening_ms, TOGETHER_MS), DAMPENING_MAX_MS)
        return [StartTimer(f"quiet:{group}", delay, Quiet(group))]

    def _flush(self, group: str) -> list[Effect]:
        """Write what is quiet. With an attribute that is dampened go all nodes' values of it."""
        changed: dict[str, dict[str, str | None]] = {}
        for node, values in list(self._waiting.items()):
            chosen = {n: v for n, v in values.items() if not group or n == group}
            for name in chosen:
                del values[name]
            if chosen:
                changed[node] = chosen
            if not values:
                del self._waiting[node]
        clients = self._clients.pop(group, [])
        if not changed:
            return [Reply(client, Done()) for client in clients]
        return self._write(_Write(changed, clients))

    def _write(self, write: _Write) -> list[Effect]:
        operations = []
        for node, values in write.changed.items():
            node_id = self._id(node)
            if node_id:
                operations += list(writer.update(node_id, node, values))
        if not operations:
            return [Reply(client, Done()) for client in write.clients]
        self._requests += 1
        request = f"attribute_manager:{self._requests}"
        self._writes[request] = write
        author = Author("hashelld", self._node, "attribute_manager")
        return [Tell(ChangeWanted(tuple(operations), author, request))]

    def _answered(self, event: ChangeAnswered) -> list[Effect]:
        write = self._writes.pop(event.request, None)
        if write is None:
            return []
        if not event.error_id:
            return [Reply(client, Done()) for client in write.clients]
        effects: list[Effect] = [
            Reply(client, Failure(event.error_id, event.error, event.hint))
            for client in write.clients
        ]
        if write.tries >= RETRIES_MAX:
            return [*effects, Log("error", f"attributes are not written: {event.error}")]
        # Newer values win over what could not be written.
        for node, values in write.changed.items():
            place = self._waiting.setdefault(node, {})
            for name, value in values.items():
                place.setdefault(name, value)
        return [*effects, StartTimer("quiet:", RETRY_MS, Quiet(""))]

    def _forget_removed(self) -> None:
        """What somebody else took out is not ours to write again."""
        if not self._mine or self._writes or self._waiting:
            return
        there = writer.values(self._cib, self._id(self._node))
        if there is not None:
            self._mine = {
                name: there[name] for name in self._mine if name in there
            }

    def _repair(self) -> list[Effect]:
        there = writer.values(self._cib, self._id(self._node))
        lost = {n: v for n, v in self._mine.items() if there is None or n not in there}
        if not lost or self._writes:
            return []
        return self._write(_Write({self._node: dict(lost)}))

    def _client(self, client: int, body: SetAttribute) -> list[Effect]:
        if not self._id(body.node):
            return [Reply(client, Failure(
                "not-found", f"no node is called {body.node!r}", "see: node list", 105
            ))]
        if not body.name or "\n" in body.name:
            return [Reply(client, Failure("bad-usage", "the attribute has no name", exit_code=2))]
        if body.dampening_ms:
            effects = self._set(body.node, body.name, body.value, body.dampening_ms)
            return [*effects, Reply(client, Done())]
        return self._set(body.node, body.name, body.value, 0, client)
