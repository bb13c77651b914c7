"""Ordering: one order of messages in a view. The first of the view gives places; all deliver in that order.

A message that this node asked for is kept until it is delivered here, and asked for again in the next view: so it is
delivered once, whatever happens to the sequencer.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from hashelld.engine.engine import QUEUE_MAX
from hashelld.engine.mesh.codec import Got, Order, Ordered, Owed, Submit, ViewId
from hashelld.engine.mesh.sound import check_next

#: Messages after which a member says how far it got (a timer does it for the last ones).
GOT_EVERY = 64


class QueueFull(Exception):
    """More multicasts wait than a component may ask for."""


class Ordering:
    """One node's part, over all views of its life."""

    def __init__(self, me: str) -> None:
        self._me = me
        self.view = ViewId()
        self.leader = ""
        self.delivered = 0
        self._placed = 0
        self._stable = 0
        self._held: deque[Ordered] = deque()
        self._got: dict[str, int] = {}
        self._told = 0
        self._counter = 0
        self._pending: OrderedDict[int, tuple[str, bytes]] = OrderedDict()

    # --- asking

    def ask(self, topic: str, payload: bytes) -> Submit:
        """A message of ours; the Submit goes to the leader when a view is open. Raises QueueFull."""
        if len(self._pending) >= QUEUE_MAX:
            raise QueueFull
        self._counter += 1
        self._pending[self._counter] = (topic, payload)
        return Submit(self.view, self._counter, topic, payload)

    def ask_again(self) -> list[Submit]:
        """All of ours that have no place yet, for the view that begins."""
        return [
            Submit(self.view, counter, topic, payload)
            for counter, (topic, payload) in self._pending.items()
        ]

    # --- the first of the view

    def place(self, origin: str, submit: Submit) -> Order:
        """Give a message its place; the Order goes to all members, the leader itself too."""
        assert self.leader == self._me, "only the first of the view gives places"
        self._placed += 1
        message = Ordered(self._placed, origin, submit.counter, submit.topic, submit.payload)
        return Order(self.view, (message,), self._stable)

    def got(self, name: str, sequence: int) -> None:
        """A member has all up to `sequence`."""
        if name in self._got:
            self._got[name] = max(self._got[name], sequence)
            self._settle(min(self._got.values()))

    # --- every member

    def take(self, order: Order) -> list[Ordered]:
        """Messages to deliver now; what was delivered is dropped. Raises BadFrame where there is a gap."""
        out: list[Ordered] = []
        for message in order.messages:
            if message.sequence <= self.delivered:
                continue
            check_next(message, self.delivered)
            self.deliver(message)
            out.append(message)
        self._settle(order.stable)
        return out

    def deliver(self, message: Ordered) -> None:
        self.delivered = message.sequence
        self._held.append(message)
        if message.origin == self._me:
            self._pending.pop(message.counter, None)
        if self.leader == self._me:
            self.got(self._me, message.sequence)

    def tell(self, *, now: bool) -> Got | None:
        """What the leader should know of how far we are; seldom, or with `now` whatever is new."""
        if self.leader == self._me or self.delivered == self._told:
            return None
        if not now and self.delivered - self._told < GOT_EVERY:
            return None
        self._told = self.delivered
        return Got(self.view, self.delivered)

    @property
    def held(self) -> int:
        """Messages kept because some member may lack them."""
        return len(self._held)

    @property
    def stable(self) -> int:
        return self._stable

    def _settle(self, stable: int) -> None:
        self._stable = max(self._stable, min(stable, self.delivered))
        while self._held and self._held[0].sequence <= self._stable:
            self._held.popleft()

    # --- the end and the beginning of a view

    def owed(self) -> Owed:
        """What we have of the view that ends."""
        return Owed(self.view, self.delivered, tuple(self._held))

    def begin(self, view: ViewId, members: tuple[str, ...]) -> None:
        """Start at 1 in a new view; `members[0]` gives places."""
        self.view, self.leader = view, members[0]
        self.delivered = self._placed = self._stable = self._told = 0
        self._held.clear()
        self._got = dict.fromkeys(members, 0) if self.leader == self._me else {}
