"""Network: links as TCP has them, first in first out until they break; cuts that keep what is under way; slow moments;
datagrams that get lost, doubled and reordered.

What is sent into a cut waits, as TCP sends it again, and arrives when the cut heals: late messages of an old view are
what an engine must not fall for. A cut may be one-way: then what goes the other way arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hashelld.core.events import Event
from hashelld.engine.mesh.codec import Frame, decode, encode
from hashelld.engine.mesh.links import DialFailed, FrameCame, LinkClosed, LinkOpened
from hashelld.simulation.world import World

#: Milliseconds of a hop: a LAN, and now and then a hiccup.
HOP_MS = (0.1, 2.0)
HICCUP_MS = 60.0
HICCUPS = 0.01
DIAL_TIMEOUT_MS = 3_000.0
#: Milliseconds after which TCP sends again what was lost.
RETRANSMIT_MS = (200.0, 450.0)
#: Of datagrams these shares are lost and come twice, and so many milliseconds may pass between the two.
LOST, DOUBLED, DOUBLED_MS = 0.003, 0.01, 30.0
#: One in this many lives sends every frame through the codec; it has tests of its own.
CODEC_EVERY = 16


@dataclass(slots=True)
class _End:
    """One end of a link: whose, its number there, and when its last frame arrives."""

    node: str
    link: int
    arrives_ms: float = 0.0


@dataclass(slots=True, eq=False)
class _Wire:
    ends: tuple[_End, _End]
    open: bool = True
    held: list[tuple[int, Frame]] = field(default_factory=list)


class Network:
    """All links. `deliver(node, event)` hands an event to a node's engine, if it lives, which `is_up` says."""

    def __init__(
        self, world: World, deliver: Callable[[str, Event], None], is_up: Callable[[str], bool]
    ) -> None:
        self._world = world
        self._deliver = deliver
        self._is_up = is_up
        #: Takes a datagram: to whom, the data, from whom.
        self.datagram_came: Callable[[str, bytes, str], None] = lambda to, data, sender: None
        #: Where firewalls let no datagrams pass: from, to.
        self.walls: set[tuple[str, str]] = set()
        self._wires: list[_Wire] = []
        self._by_end: dict[tuple[str, int], tuple[_Wire, int]] = {}
        self._next = 0
        self._cuts: dict[tuple[str, str], int] = {}
        self._through_codec = world.seed % CODEC_EVERY == 0
        self.loss = 0.0
        self.extra_ms = 0.0

    # --- faults

    def cut(self, one: str, other: str, *, both: bool = True) -> None:
        """Nothing goes from `one` to `other` any more, nor back unless it is a one-way cut. Cuts count: each is healed
        for itself."""
        self._cuts[one, other] = self._cuts.get((one, other), 0) + 1
        if both:
            self._cuts[other, one] = self._cuts.get((other, one), 0) + 1

    def mend(self, one: str, other: str, *, both: bool = True) -> None:
        """One cut ends."""
        for pair in ((one, other), (other, one)) if both else ((one, other),):
            left = self._cuts.get(pair, 0) - 1
            if left > 0:
                self._cuts[pair] = left
            else:
                self._cuts.pop(pair, None)
        self._release()

    def heal(self) -> None:
        """All cuts end; what waited arrives."""
        self._cuts.clear()
        self.walls.clear()
        self.loss = self.extra_ms = 0.0
        self._release()

    @property
    def is_whole(self) -> bool:
        return not self._cuts

    def _release(self) -> None:
        for wire in self._wires:
            if wire.held:
                held, wire.held = wire.held, []
                for side, frame in held:
                    self._send(wire, side, frame)

    def crash(self, node: str) -> None:
        """The node is gone; its peers' ends close, unless they are cut off from it and learn nothing."""
        for wire in self._wires:
            if wire.open and node in (wire.ends[0].node, wire.ends[1].node):
                wire.open = False
                for end in wire.ends:
                    self._by_end.pop((end.node, end.link), None)
                    if end.node != node and not self._cut(node, end.node):
                        self._close_end(end)
        self._wires = [wire for wire in self._wires if wire.open]

    def vanish(self, node: str) -> None:
        """The power of a node is gone: nobody is told that its connections ended."""
        for wire in self._wires:
            if wire.open and node in (wire.ends[0].node, wire.ends[1].node):
                wire.open = False
                for end in wire.ends:
                    self._by_end.pop((end.node, end.link), None)
        self._wires = [wire for wire in self._wires if wire.open]

    def reset(self, one: str, other: str) -> None:
        """A middlebox tears what is between two nodes; both live."""
        for wire in list(self._wires):
            if wire.open and {end.node for end in wire.ends} == {one, other}:
                self._tear(wire)

    # --- what transports do

    def dial(self, node: str, to: str) -> None:
        address = (to, 1)

        def arrive() -> None:
            if not self._is_up(node):
                return
            if self._cut(node, to) or self._cut(to, node):
                self._world.after(DIAL_TIMEOUT_MS, self._deliver, node, DialFailed(address, "timeout"))
            elif not self._is_up(to):
                self._deliver(node, DialFailed(address, "refused"))
            else:
                self._next += 2
                wire = _Wire((_End(node, self._next), _End(to, self._next + 1)))
                self._wires.append(wire)
                for side, end in enumerate(wire.ends):
                    self._by_end[end.node, end.link] = (wire, side)
                self._deliver(to, LinkOpened(wire.ends[1].link, (node, 2), False))
                self._deliver(node, LinkOpened(wire.ends[0].link, address, True))

        self._world.after(self._hop() * 3, arrive)

    def datagram(self, node: str, to: str, data: bytes) -> None:
        """It arrives once, twice or never, and may be passed by a later one."""
        chance = self._world.chance
        if (node, to) in self._cuts or (node, to) in self.walls or chance.random() < max(LOST, self.loss):
            return
        hop_ms = self._hop(again=False)
        self._world.after(hop_ms, self.datagram_came, to, data, node)
        if chance.random() < DOUBLED:
            self._world.after(hop_ms + chance.uniform(0.0, DOUBLED_MS), self.datagram_came, to, data, node)

    def send(self, node: str, link: int, frame: Frame) -> None:
        found = self._by_end.get((node, link))
        if found is None:
            return
        wire, side = found
        if self._through_codec:
            frame = decode(encode(frame)[4:])
        self._send(wire, 1 - side, frame)

    def close(self, node: str, link: int) -> None:
        found = self._by_end.get((node, link))
        if found is None:
            return
        wire, side = found
        wire.open = False
        self._wires.remove(wire)
        for end in wire.ends:
            self._by_end.pop((end.node, end.link), None)
        if not self._cut(node, wire.ends[1 - side].node):
            self._close_end(wire.ends[1 - side], keep_order=True)

    # --- inside

    def _cut(self, one: str, other: str) -> bool:
        return (one, other) in self._cuts

    def _hop(self, *, again: bool = True) -> float:
        """Milliseconds until something arrives; with `again`, what is lost is sent once more."""
        chance = self._world.chance
        dice = chance.random()
        if dice < HICCUPS:
            return chance.uniform(1.0, HICCUP_MS)
        hop = HOP_MS[0] + (HOP_MS[1] - HOP_MS[0]) * (dice - HICCUPS) / (1.0 - HICCUPS)
        if again and self.loss and chance.random() < self.loss:
            hop += chance.uniform(*RETRANSMIT_MS)
        return hop + (chance.uniform(0.0, self.extra_ms) if self.extra_ms else 0.0)

    def _send(self, wire: _Wire, side: int, frame: Frame) -> None:
        if self._cuts and self._cut(wire.ends[1 - side].node, wire.ends[side].node):
            wire.held.append((side, frame))
            return
        end, world = wire.ends[side], self._world
        at_ms = world.now_ms + self._hop()
        end.arrives_ms = max(end.arrives_ms, at_ms)
        # What was under way when the sender closed still arrives; nothing arrives at a dead node.
        world.after(end.arrives_ms - world.now_ms, self._deliver, end.node, FrameCame(end.link, frame))

    def _close_end(self, end: _End, *, keep_order: bool = False) -> None:
        at_ms = self._world.now_ms + self._hop()
        if keep_order:
            at_ms = max(at_ms, end.arrives_ms)
        self._world.after(at_ms - self._world.now_ms, self._deliver, end.node, LinkClosed(end.link, "closed"))

    def _tear(self, wire: _Wire) -> None:
        wire.open = False
        self._wires.remove(wire)
        for end in wire.ends:
            self._by_end.pop((end.node, end.link), None)
            self._close_end(end)
