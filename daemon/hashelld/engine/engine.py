"""What every engine is told and promises. The conformance tests run over all that can run.

Promises: one order of messages in a view, delivered to the sender too; MembersChanged is ordered with the messages; two
members that go together from one view to the next have delivered the same messages before it; a multicast asked for
while a view ends is delivered in the next; nothing of a view is delivered outside it; nothing is promised about
durability (the CIB manager sees to that).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hashell.values.feature_set import FEATURE_SET
from hashelld.core.component import Component

#: Bytes of one message. A whole CIB of 64 nodes fits; larger things go in pieces.
MESSAGE_MAX = 8 * 1024 * 1024
#: Multicasts that may wait for a view; more are dropped with an error, a component must not ask for so many.
QUEUE_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Me:
    """Who this node is, for an engine."""

    name: str
    uuid: str
    boot: int
    cluster: str
    feature_set: str = FEATURE_SET


def age(feature_set: str) -> tuple[int, ...]:
    """Feature sets in order: older ones first, and before all of them who tells none."""
    return tuple(int(part) if part.isdigit() else 0 for part in feature_set.split(".")) if feature_set else ()


class Engine(Component, Protocol):
    """A component called `engine`; hears Started, MulticastWanted, SendWanted, Leaving."""
