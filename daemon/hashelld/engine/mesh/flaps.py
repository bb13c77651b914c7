"""Flaps: a node that is lost again soon after it came back is taken in later each time. Pure."""

from __future__ import annotations

from dataclasses import dataclass

#: Milliseconds in a view after which a node counts as steady again, and after which all is forgotten.
STEADY_MS = 10_000
FORGET_MS = 600_000
#: So many losses, each soon after the one before, make a flapping node; the first delay, doubled with each further one.
LOSSES = 3
FIRST_MS = 1_000
#: Nodes remembered.
NODES_MAX = 256


@dataclass(slots=True)
class _Node:
    joined_ms: int = 0
    lost_ms: int = 0
    losses: int = 0


class Flaps:
    """Losses by name. `most_ms` bounds the delay; 0: nobody waits."""

    def __init__(self, most_ms: int) -> None:
        self._most_ms = most_ms
        self._nodes: dict[str, _Node] = {}

    def joined(self, name: str, now_ms: int) -> None:
        if len(self._nodes) >= NODES_MAX and name not in self._nodes:
            del self._nodes[next(iter(self._nodes))]
        self._nodes.setdefault(name, _Node()).joined_ms = now_ms

    def lost(self, name: str, now_ms: int) -> int:
        """Milliseconds for which it is not taken in again; 0: none."""
        node = self._nodes.get(name)
        if node is None:
            return 0
        if now_ms - node.joined_ms > STEADY_MS or now_ms - node.lost_ms > FORGET_MS:
            node.losses = 0
        node.losses += 1
        node.lost_ms = now_ms
        return self.waits_ms(name, now_ms)

    def waits_ms(self, name: str, now_ms: int) -> int:
        """For how long it still has to wait."""
        node = self._nodes.get(name)
        if node is None or node.losses < LOSSES:
            return 0
        delay_ms = min(self._most_ms, FIRST_MS << min(node.losses - LOSSES, 16))
        return max(0, node.lost_ms + delay_ms - now_ms)
