"""The timeline as lines: every event of the cluster, newest last, and the outages that a client
saw.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene
from hashell.monitor.views import View, Wishes
from hashell.wire.messages import EventInfo

MEANING = {"info": "muted", "notice": "ok", "warning": "warn", "error": "fail"}
FAULT = {"warning": 1, "error": 2}


def clock(when_s: float) -> str:
    """Local time of day with tenths: `14:03:07.2`."""
    return time.strftime("%H:%M:%S", time.localtime(when_s)) + f".{int(when_s * 10) % 10}"


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """All events so far."""
    return lines(scene.events, wishes.glyphs)


def lines(events: Iterable[EventInfo], glyphs: Glyphs) -> list[Line]:
    """One line an event: time, node, sign and text."""
    return [
        Line(
            f"event:{event.node}:{event.number}",
            (
                Span(f" {clock(event.when_s)} ", "muted"),
                Span(f"{event.node:<10.10} ", "accent"),
                Span(f"{glyphs.of(MEANING.get(event.level, 'muted'))} ", MEANING.get(event.level, "muted")),
                Span(event.text, "foreground" if event.level != "info" else "muted"),
            ),
            "event", event.about[0] if event.about else "", event.node, FAULT.get(event.level, 0),
        )
        for event in events
    ]


VIEW = View("timeline", build, frozenset({"events"}), follow=True, empty="nothing happened yet")
