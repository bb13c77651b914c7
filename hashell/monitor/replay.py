"""A recording without a screen: its timeline as text, or the status at a moment of it in any format of the one shot."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from hashell.client.recording import frames
from hashell.errors import BadUsage, HashellError, NotFound
from hashell.monitor import glyphs
from hashell.monitor.past import Past
from hashell.monitor.views import Wishes, timeline
from hashell.monitor.views.times import moment
from hashell.values.intervals import parse_interval_ms

if TYPE_CHECKING:
    from hashell.monitor.scene import Scene

DAY_S = 86_400.0


class BadMoment(BadUsage):
    id = "moment-bad"


def load(path: str) -> tuple[Past, list[str]]:
    """The past of a recording, and words about what was left out. Raises HashellError."""
    past = Past()
    words: list[str] = []
    past.kind, past.read_only = "recording", True
    for frame in frames(path, words.append):
        past.hear_frame(frame)
    return past, words


def moment_of(text: str, began_s: float, ended_s: float) -> float:
    """`02:13:07` (the last one in the recording), `2026-11-22T02:13:07`, or `-90s` (before its end); local time.

    Raises BadMoment.
    """
    if not text:
        return ended_s
    try:
        if text.startswith("-"):
            interval_ms = parse_interval_ms(text[1:])
            if interval_ms is not None:
                return ended_s - interval_ms / 1000
        elif len(text) <= len("02:13:07.25"):
            day = time.strftime("%Y-%m-%d", time.localtime(ended_s))
            when_s = datetime.fromisoformat(f"{day}T{text}").timestamp()
            while when_s > ended_s and when_s - DAY_S >= began_s - DAY_S:
                when_s -= DAY_S
            return when_s
        else:
            return datetime.fromisoformat(text).timestamp()
    except (ValueError, HashellError):
        pass
    raise BadMoment(f"{text} is no time", "write 02:13:07, 2026-11-22T02:13:07, or -90s for that long before the end")


def scene_at(past: Past, text: str) -> Scene:
    """The scene that a time means. Raises BadMoment, and NotFound when the recording does not have it."""
    began_s, ended_s = past.began_s, past.heard_s
    when_s = moment_of(text, began_s, ended_s)
    scene = past.look(when_s).scene()
    if scene.cib is None:
        spans = f"{moment(began_s)} to {moment(ended_s)}"
        raise NotFound(f"the recording has no cluster at {moment(when_s)}", f"it goes from {spans}")
    return scene


def timeline_text(past: Past, text: str = "") -> Iterator[str]:
    """What the timeline says, a line an event, up to a time."""
    scene = past.scene() if not text else past.look(moment_of(text, past.began_s, past.heard_s)).scene()
    wishes = Wishes(glyphs.choose(encoding=sys.stdout.encoding or "ascii"), now_s=past.heard_s)
    for line in timeline.build(scene, wishes):
        yield line.text.strip()
