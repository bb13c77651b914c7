"""Suspicion: when a silent node is gone, knowing that we ourselves may have been late. Pure, standard library.

Before any verdict the detector looks at its own lateness: a node that was not scheduled must not blame its peers.
`Detector` is for beats that come over a link; `Gaps` is the part of the heartbeat process (pulse.py) that learns.
"""

from __future__ import annotations


class Detector:
    """When each peer was last heard, by the monotonic clock in milliseconds."""

    def __init__(self, heartbeat_ms: int, detect_ms: int) -> None:
        self._heartbeat_ms = heartbeat_ms
        self.detect_ms = detect_ms
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
        return late if late > self.detect_ms else 0

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
            name for name, when in sorted(self._heard.items()) if now_ms - when > self.detect_ms
        )


class Gaps:
    """How long a peer may be silent, by how regularly it was heard. Times in microseconds.

    Four times the largest gap of the last ten minutes, never less than `least_us`, never more than `most_us`: a network
    that hiccups is not taken for a death, and how much slower that makes us is known.
    """

    #: Minutes remembered, one bucket each.
    MINUTES = 10
    FACTOR = 4

    def __init__(self, least_us: int, most_us: int) -> None:
        self._least_us = least_us
        self._most_us = max(least_us, most_us)
        self._largest = [0] * self.MINUTES
        self._minute = 0

    def add(self, gap_us: int, now_us: int) -> None:
        minute = now_us // 60_000_000
        for passed in range(self._minute + 1, min(minute, self._minute + self.MINUTES) + 1):
            self._largest[passed % self.MINUTES] = 0
        self._minute = max(self._minute, minute)
        place = self._minute % self.MINUTES
        self._largest[place] = max(self._largest[place], gap_us)

    @property
    def largest_us(self) -> int:
        return max(self._largest)

    @property
    def limit_us(self) -> int:
        return min(self._most_us, max(self._least_us, self.FACTOR * self.largest_us))
