"""Loopback: an engine of one node, for tests and for a node that wants no peers."""

from __future__ import annotations

from hashelld.core.dispatch import MulticastWanted, SendWanted
from hashelld.core.effects import Effect, Exit, Tell
from hashelld.core.events import (
    Event,
    Leaving,
    Member,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    Started,
    View,
)
from hashelld.engine.engine import Me


class LoopbackEngine:
    """Every message comes straight back."""

    name = "engine"

    def __init__(self, me: Me) -> None:
        self._me = me
        self._sequence = 0

    def receive(self, event: Event, now_ms: int, wall_s: float) -> list[Effect]:
        me = self._me
        match event:
            case Started():
                member = Member(1, me.name, me.uuid, me.boot, feature_set=me.feature_set)
                return [Tell(MembersChanged(View(
                    me.boot, (member,), joined=(me.name,), quorate=True, votes=1, expected_votes=1,
                    quorum=1, unique=True, proposer=me.name,
                )))]
            case MulticastWanted(topic, payload):
                self._sequence += 1
                return [Tell(MessageOrdered(me.boot, self._sequence, me.name, topic, payload))]
            case SendWanted(to, topic, payload) if to == me.name:
                return [Tell(MessageDirect(me.boot, me.name, topic, payload))]
            case Leaving():
                return [Exit(0, event.reason or "left")]
            case _:
                return []
