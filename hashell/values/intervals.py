"""Intervals: "10s", "2min", "500ms", ISO 8601 durations → milliseconds, and back to words.

Source: Pacemaker Explained, "Options and values", timeout and duration; ISO 8601-1:2019, 5.5.2.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"\s*([+-]?\d+)[\d.]*\s*(.*)", re.DOTALL)
_ISO = re.compile(
    r"P(?:(?P<y>\d+)Y)?(?:(?P<mo>\d+)M)?(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?"
    r"(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?"
)
#: Milliseconds for each unit, by the prefix that the unit's spelling must have; the order matters
#: ("ms" and "min" before "m").
_UNITS: tuple[tuple[str, int, int], ...] = (
    ("ms", 1, 1), ("us", 1, 1000), ("s", 1000, 1), ("min", 60_000, 1), ("m", 60_000, 1),
    ("h", 3_600_000, 1), ("d", 86_400_000, 1),
)
#: Longest interval that Pacemaker holds: an unsigned 32-bit number of milliseconds.
MAX_MS = 2**32 - 1


def parse_interval_ms(text: str | None) -> int | None:
    """Milliseconds, or None for no text, a negative number or a unit that nobody knows.

    A bare number is seconds; of a decimal only the whole part counts, as in Pacemaker.
    """
    if text is None:
        return None
    if text.startswith("P"):
        return _iso_ms(text)
    match = _PLAIN.fullmatch(text)
    if match is None:
        return None
    number, unit = int(match[1]), match[2].strip().lower()
    if number < 0:
        return None
    if not unit:
        return min(number * 1000, MAX_MS)
    for prefix, multiplier, divisor in _UNITS:
        if unit.startswith(prefix):
            return min(number * multiplier // divisor, MAX_MS)
    return None


def _iso_ms(text: str) -> int | None:
    """A duration as a span counted from the epoch: years and months have calendar lengths there."""
    match = _ISO.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    part = {name: int(value or 0) for name, value in match.groupdict().items()}
    seconds = (
        (part["y"] * 365 + part["mo"] * 30 + part["w"] * 7 + part["d"]) * 86_400
        + part["h"] * 3600 + part["m"] * 60 + part["s"]
    )
    return min(seconds * 1000, MAX_MS)


def interval_ms(text: str | None, default: int = 0) -> int:
    """Milliseconds, or `default` where there is no valid interval."""
    value = parse_interval_ms(text)
    return default if value is None else value


def show_interval(milliseconds: int) -> str:
    """The shortest plain spelling that reads back as the same number: 0s, 500ms, 10s, 2min, 1h, 1d.
    """
    if milliseconds == 0:
        return "0s"
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
