"""Complaints: one clear line for people about each bad peer, and the same again only after a while. Pure."""

from __future__ import annotations

#: Milliseconds in which the same complaint about the same host is made once.
COMPLAIN_MS = 60_000
#: Complaints remembered.
COMPLAINTS_MAX = 256


class Complaints:
    """What was said about whom, and when; how often in all is counted."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], int] = {}
        self.counted = 0

    def is_due(self, about: str, text: str, now_ms: int) -> bool:
        """Whether to say it now."""
        self.counted += 1
        last = self._said.get((about, text))
        if last is not None and now_ms - last < COMPLAIN_MS:
            return False
        if len(self._said) >= COMPLAINTS_MAX:
            self._said.pop(next(iter(self._said)))
        self._said[about, text] = now_ms
        return True
