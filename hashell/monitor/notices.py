"""Notices of faults for who does not look at the screen: the terminal's bell and its desktop notice; pure.

A flood is no news: a few at once, then one in a while, which says how many were left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from hashell.monitor.incidents import is_fault
from hashell.wire.messages import EventInfo

#: Notices that may come at once, and seconds until there may be one more.
BURST = 3
EVERY_S = 10.0
#: Letters of one notice.
TEXT_MAX = 160


class Noticer:
    """Says what is worth a notice, never more than BURST + one each EVERY_S."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._since_s = 0.0
        self._quiet = 0

    def notice(self, cluster: str, events: Iterable[EventInfo], now_s: float) -> str:
        """One text for all faults among these events; empty for none, and where there were too many of late."""
        faults = [event for event in events if is_fault(event)]
        if not faults:
            return ""
        self._left = min(float(BURST), self._left + max(0.0, now_s - self._since_s) / EVERY_S)
        self._since_s = max(now_s, self._since_s)
        if self._left < 1:
            self._quiet += len(faults)
            return ""
        self._left -= 1
        more, self._quiet = len(faults) - 1 + self._quiet, 0
        text = f"{cluster}: {faults[-1].text}" if cluster else faults[-1].text
        room = TEXT_MAX - 20
        text = text if len(text) <= room else text[: room - 1] + "…"
        return plain(text) + (f" (and {more} more)" if more else "")


def plain(text: str) -> str:
    """Nothing but what can be read: a notice goes to the terminal past the screen."""
    return "".join(one if one.isprintable() else "?" for one in text)


def desktop(text: str) -> str:
    """What makes a terminal show a notice on the desktop: OSC 9. Control characters never reach the terminal."""
    return f"\x1b]9;{plain(text)}\x07"
