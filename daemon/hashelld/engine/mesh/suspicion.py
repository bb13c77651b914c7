"""Suspicion: when a silent node is gone, knowing that we ourselves may have been late. Pure.

Before any verdict the detector looks at its own lateness: a node that was not scheduled must not blame its peers.
"""

from __future__ import annotations


class Detector:
    """When each peer was last heard, by the monotonic clock in milliseconds."""

    def __init__(self, heartbeat_ms: int, detect_ms: int) -> None:
        self._heartbeat_ms = heartbeat_ms
        self._detect_ms = detect_ms
        self._heard: dict[str, int] = {}
        self._last_tick = 0
        self.late_max_ms = 0

    def heard(self, name: str, now_ms: int) -> None:
        self._heard[name] = now_ms

    def forget(self, name: str) -> None:
        self._heard.pop(name, None)

    def silent_ms(self, name: str, now_ms: int) -> int:
        """How long a peer has not been heard; 0 for one that is not known."""
        return now_ms - self._heard.get(name, now_ms)

    def paused(self, now_ms: int) -> int:
        """Milliseconds that this node was not running, if so long that its peers must have given it up; else 0.

        To be asked at every event, before anything is done with it: what waits in the sockets is of the past.
        """
        if not self._last_tick:
            return 0
        late = now_ms - self._last_tick - self._heartbeat_ms
        return late if late > self._detect_ms else 0

    def tick(self, now_ms: int) -> tuple[str, ...]:
        """To be called every heartbeat; the peers that have been silent for too long."""
        late = max(0, now_ms - self._last_tick - self._heartbeat_ms) if self._last_tick else 0
        self._last_tick = now_ms
        self.late_max_ms = max(self.late_max_ms, late)
        if late > self._heartbeat_ms:
            # What they sent meanwhile may still wait in our sockets: everybody gets that time again.
            for name in self._heard:
                self._heard[name] = min(now_ms, self._heard[name] + late)
        return tuple(
            name for name, when in sorted(self._heard.items()) if now_ms - when > self._detect_ms
        )
