"""Scores: integers that saturate at plus and minus INFINITY (1,000,000).

Source: Pacemaker Explained, "Resource Constraints", "Scores".
"""

from __future__ import annotations

import functools
import re

INFINITY = 1_000_000

_NUMBER = re.compile(r"\s*([+-]?)([0-9]+)", re.ASCII)
#: Digits that are read: any longer number is beyond INFINITY.
_DIGITS_MAX = 18
_WORDS = {"INFINITY": INFINITY, "+INFINITY": INFINITY, "-INFINITY": -INFINITY}
#: Colours of node health, in any case.
_COLOURS = {"red": -INFINITY, "yellow": 0, "green": 0}


def clamp(score: int) -> int:
    """A number of points, held between -INFINITY and INFINITY."""
    return max(-INFINITY, min(INFINITY, score))


@functools.lru_cache(maxsize=1024)  # the same few texts stand in thousands of resources
def parse_score(text: str | None, default: int = 0) -> int:
    """Points from a spelling of the CIB; `default` where there is none or it is no number.

    Like strtoll, leading digits count and what follows is dropped. Node health words count 0 or
    -INFINITY here; what yellow and green are worth is an option of the cluster.
    """
    if text is None:
        return clamp(default)
    word = _WORDS.get(text, _COLOURS.get(text.lower()))
    if word is not None:
        return word
    match = _NUMBER.match(text)
    if match is None:
        return clamp(default)
    digits = match[2].lstrip("0") or "0"
    number = int(digits) if len(digits) <= _DIGITS_MAX else INFINITY
    return clamp(-number if match[1] == "-" else number)


def is_score(text: str) -> bool:
    """Whether a text is a whole, valid spelling of a score, as the schema wants it."""
    return text in _WORDS or bool(re.fullmatch(r"[+-]?[0-9]{1,18}", text))


def add_scores(left: int, right: int) -> int:
    """The sum; -INFINITY wins over everything, INFINITY over every number."""
    if left <= -INFINITY or right <= -INFINITY:
        return -INFINITY
    if left >= INFINITY or right >= INFINITY:
        return INFINITY
    return clamp(left + right)


def show_score(score: int) -> str:
    """As Pacemaker prints it: INFINITY and -INFINITY in words."""
    if score >= INFINITY:
        return "INFINITY"
    if score <= -INFINITY:
        return "-INFINITY"
    return str(score)
