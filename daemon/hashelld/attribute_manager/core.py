"""The attribute manager's state machine: values wait until they are quiet, then go out together.

Any node may write attributes of any node: writes are ordered by the CIB manager. What was written
and is not yet seen in the CIB counts as present, so that two quick failures count two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from hashell.cib.document import Cib
from hashell.wire.messages import AttributeValues, Done, Failure, GetAttribute, SetAttribute
from hashelld.attribute_manager import private, writer
from hashelld.attribute_manager.private import Private
from hashelld.core.effects import Effect, Log, Multicast, Reply, StartTimer, Tell
from hashelld.core.events import (
    AttributeChanged,
    AttributeWanted,
    Author,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    ClientAsked,
    Event,
    MembersChanged,
    MessageOrdered,
    Started,
    View,
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
#: Kinds of attributes besides the usual one.
PRIVATE, UTILIZATION = "private", "utilization"
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
        self._private = Private()
        self._view: View | None = None

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case AttributeWanted(node, name, value, dampening_ms, _, kind):
                return self._wanted(node, name, value, dampening_ms, kind)
            case MessageOrdered():
                return self._ordered(event)
            case Quiet(name):
                return self._flush(name)
            case ChangeAnswered():
                return self._answered(event)
            case CibChanged():
                self._cib = event.after
                self._forget_removed()
            case MembersChanged(view):
                return self._members(view)
            case LookAgain():
                return self._repair()
            case ClientAsked(client, _, SetAttribute() as body):
                return self._client(client, body)
            case ClientAsked(client, _, GetAttribute() as body):
                return [Reply(client, self._values(body))]
            case Started():
                self._cib = event.cib
            case _:
                pass
        return []

    def _members(self, view: View) -> list[Effect]:
        before, self._view = self._view, view
        self._ids = {one.name: str(one.id) for one in view.members}
        effects: list[Effect] = [StartTimer("look", REPAIR_MS, LookAgain())]
        came_along = [one for one in view.names if before is not None and one in before.names]
        if view.joined and (came_along or [self._node])[0] == self._node:
            # Values that are in no CIB are told to those who join by one of those who were together.
            told = self._private.encode()
            if told:
                effects.append(Multicast("attribute_manager.private", told))
        return effects

    def _ordered(self, event: MessageOrdered) -> list[Effect]:
        try:
            if event.topic == "attribute_manager.private":
                self._private.apply(event.payload)
        except msgspec.MsgspecError as error:
            return [Log("error", f"{event.topic} of {event.origin} cannot be read: {error}")]
        return []

    def _id(self, node: str) -> str:
        return self._ids.get(node) or writer.node_ids(self._cib).get(node, "")

    def _present(self, node: str, name: str) -> str | None:
        """The value as it will be when all that is on its way has arrived. A name may have its kind before it."""
        kind, name = _split(name)
        if kind == PRIVATE:
            return self._private.get(node, name)
        marked = _joined(kind, name)
        for place in (self._waiting, *(w.changed for w in reversed(self._writes.values()))):
            if marked in place.get(node, {}):
                return place[node][marked]
        return (writer.values(self._cib, self._id(node), kind) or {}).get(name)

    def _values(self, body: GetAttribute) -> AttributeValues:
        if body.kind == PRIVATE:
            found = self._private.of(body.name)
            return AttributeValues(tuple(
                (node, value) for node, value in found.items() if body.node in ("", node)
            ))
        nodes = [body.node] if body.node else list({**self._ids, **writer.node_ids(self._cib)})
        marked = _joined(body.kind, body.name)
        pairs = ((node, self._present(node, marked)) for node in nodes)
        return AttributeValues(tuple((node, value) for node, value in pairs if value is not None))

    def _wanted(
        self, node: str, name: str, value: str | None, dampening_ms: int, kind: str, client: int | None = None
    ) -> list[Effect]:
        if kind != PRIVATE:
            return self._set(node, _joined(kind, name), value, dampening_ms, client)
        if value is not None:
            value = writer.evaluate(value, self._private.get(node, name))
        change = (private.Change(node, name, value),)
        effects: list[Effect] = [Multicast("attribute_manager.private", msgspec.msgpack.encode(change))]
        return effects if client is None else [*effects, Reply(client, Done())]

    def _set(
        self, node: str, name: str, value: str | None, dampening_ms: int, client: int | None = None
    ) -> list[Effect]:
        if sum(len(one) for one in self._waiting.values()) >= WAITING_MAX:
            return [Log("error", f"attribute {name} of {node} is dropped: too many wait")]
        present = self._present(node, name)
        if value is not None:
            value = writer.evaluate(value, present)
        if node == self._node and name not in ONE_LIFE:
            if value is None:
                self._mine.pop(name, None)
            else:
                self._mine[name] = value
        if value == present and name not in self._waiting.get(node, {}):
            # What is so already is not written again, and nobody waits for it. Most of what agents say is that.
            return [] if client is None else [Reply(client, Done())]
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
            for kind in ("", UTILIZATION) if node_id else ():
                chosen = {_split(n)[1]: v for n, v in values.items() if _split(n)[0] == kind}
                operations += list(writer.update(node_id, node, chosen, kind))
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
            return [
                *(Reply(client, Done()) for client in write.clients),
                *(
                    Tell(AttributeChanged(node, _split(name)[1], value))
                    for node, values in write.changed.items() for name, value in values.items()
                ),
            ]
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
        there = self._there()
        if there is not None:
            self._mine = {
                name: there[name] for name in self._mine if name in there
            }

    def _there(self) -> dict[str, str] | None:
        """This node's values in the CIB, those of utilization with their kind before the name."""
        node_id = self._id(self._node)
        there = writer.values(self._cib, node_id)
        if there is None:
            return None
        more = writer.values(self._cib, node_id, UTILIZATION) or {}
        return {**there, **{_joined(UTILIZATION, name): value for name, value in more.items()}}

    def _repair(self) -> list[Effect]:
        there = self._there()
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
        if body.kind not in ("", PRIVATE, UTILIZATION):
            return [Reply(client, Failure("bad-usage", f"no attribute is of the kind {body.kind!r}", exit_code=2))]
        if body.dampening_ms:
            effects = self._wanted(body.node, body.name, body.value, body.dampening_ms, body.kind)
            return [*effects, Reply(client, Done())]
        return self._wanted(body.node, body.name, body.value, 0, body.kind, client)


def _joined(kind: str, name: str) -> str:
    """Name and kind as one key: both kinds may have the same names. No attribute's name holds a line break."""
    return f"{kind}\n{name}" if kind else name


def _split(key: str) -> tuple[str, str]:
    kind, line_break, name = key.rpartition("\n")
    return (kind, name) if line_break else ("", key)
