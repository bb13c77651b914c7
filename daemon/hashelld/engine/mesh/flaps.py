"""Flaps: a node that is lost and back again and again comes back later each time. Pure."""

from __future__ import annotations

#: So many losses in this time make a flapping node; the first delay, doubled with each further loss.
LOSSES = 3
WINDOW_MS = 600_000
FIRST_MS = 1_000
#: Nodes remembered.
NODES_MAX = 256


class Flaps:
    """Losses by name. `most_ms` 0: nobody waits."""

    def __init__(self, most_ms: int) -> None:
        self._most_ms = most_ms
        self._lost: dict[str, list[int]] = {}

    def lost(self, name: str, now_ms: int) -> int:
        """Milliseconds for which it is not taken into a view again; 0: at once."""
        losses = [when for when in self._lost.pop(name, []) if now_ms - when < WINDOW_MS]
        losses.append(now_ms)
        self._lost[name] = losses[-32:]
        if len(self._lost) > NODES_MAX:
            del self._lost[next(iter(self._lost))]
        return self._delay_ms(name)

    def _delay_ms(self, name: str) -> int:
        beyond = len(self._lost.get(name, ())) - LOSSES
        return min(self._most_ms, FIRST_MS << min(beyond, 16)) if beyond >= 0 else 0

    def waits_ms(self, name: str, now_ms: int) -> int:
        """For how long it still has to wait."""
        losses = self._lost.get(name)
        if not losses or now_ms - losses[-1] >= WINDOW_MS:
            return 0
        return max(0, losses[-1] + self._delay_ms(name) - now_ms)
