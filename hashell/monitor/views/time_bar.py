"""The time bar: all that is known of the past in one row, the newest at the right; pure.

Its scale is finer towards the right end: a cell there is a second or so, at the left it may be an hour. So one gesture
reaches the last failure to the second, and also yesterday.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Span

#: Seconds of age at which the scale begins to be coarser.
FINE_S = 20.0
#: level of an event → (rank, meaning)
LEVELS = {"info": (0, "muted"), "notice": (1, "ok"), "warning": (2, "warn"), "error": (3, "fail")}


def place_of(when_s: float, began_s: float, ended_s: float, width: int) -> int:
    """The cell of a moment, 0 at the left."""
    whole = math.log1p(max(ended_s - began_s, 1.0) / FINE_S)
    age = math.log1p(max(ended_s - when_s, 0.0) / FINE_S)
    return max(0, min(width - 1, round((1 - age / whole) * (width - 1))))


def moment_of(place: int, began_s: float, ended_s: float, width: int) -> float | None:
    """The moment of a cell; None for the last one, which is now."""
    if place >= width - 1 or width < 2:
        return None
    whole = math.log1p(max(ended_s - began_s, 1.0) / FINE_S)
    age = math.expm1((1 - max(place, 0) / (width - 1)) * whole) * FINE_S
    return max(began_s, ended_s - age)


def spans(
    marks: Sequence[tuple[float, str]], began_s: float, ended_s: float, at_s: float | None, width: int, glyphs: Glyphs
) -> tuple[Span, ...]:
    """`width` cells: what happened when (time, level), the worst of each cell, and the moment that is shown."""
    if width < 2:
        return ()
    worst = [-1] * width
    meanings = ["muted"] * width
    for when_s, level in marks:
        rank, meaning = LEVELS.get(level, LEVELS["info"])
        place = place_of(when_s, began_s, ended_s, width)
        if rank > worst[place]:
            worst[place], meanings[place] = rank, meaning
    signs = {-1: glyphs.rule, 0: glyphs.tick, 1: glyphs.tick, 2: glyphs.warn, 3: glyphs.fail}
    here = width - 1 if at_s is None else place_of(at_s, began_s, ended_s, width)
    return tuple(
        Span(glyphs.bar, "accent" if at_s is None else "pending", True) if place == here
        else Span(signs[worst[place]], meanings[place]) for place in range(width)
    )
