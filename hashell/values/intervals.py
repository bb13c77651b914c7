"""Intervals: "10s", "2min", "500ms", ISO 8601 durations → milliseconds, and back to words.

Source: Pacemaker Explained, "Options and values", timeout and duration; ISO 8601-1:2019, 5.5.2.
"""

from __future__ import annotations

import functools
import re

_PLAIN = re.compile(r"\s*([+-]?)([0-9]+)[0-9.]*\s*(.*)", re.DOTALL | re.ASCII)
_ISO_PART = re.compile(r"([+:-]?)([0-9]{1,10})([YMWDHS])")
#: Milliseconds for each unit, by the prefix that the unit's spelling must have; the order matters
#: ("ms" before "m"). There is no unit for days: Pacemaker takes "1d" for a mistake.
_UNITS: tuple[tuple[str, int, int], ...] = (
    ("ms", 1, 1), ("us", 1, 1000), ("s", 1000, 1), ("m", 60_000, 1), ("h", 3_600_000, 1),
)
#: Longest interval that Pacemaker holds: an unsigned 32-bit number of milliseconds.
MAX_MS = 2**32 - 1
#: Digits of a number that are read; every longer one is beyond MAX_MS anyway.
_DIGITS_MAX = 18
#: Numbers inside an ISO 8601 duration are C integers.
_INT_MAX = 2**31 - 1


@functools.lru_cache(maxsize=1024)  # the same few texts stand in thousands of resources
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
    number, unit = _bounded(match[2]), match[3].lower()
    if match[1] == "-" and number > 0:
        return None
    if not unit:
        return min(number * 1000, MAX_MS)
    for prefix, multiplier, divisor in _UNITS:
        if unit.startswith(prefix):
            return min(number * multiplier // divisor, MAX_MS)
    return None


def _bounded(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS_MAX else 10**_DIGITS_MAX


def _iso_ms(text: str) -> int | None:
    """A duration in the way in which Pacemaker reads it where an interval is wanted.

    The units may come in any order and the T be left out, except that M means minutes only behind a
    T. Pacemaker counts the time from the first day of the year 1 and so loses a year of years and a
    day of days: P1D is 0 and P2D is 24 hours. Both must agree, for intervals are part of the names
    of operations; who means a day writes 24h.
    Source: lib/common/iso8601.c (crm_time_parse_duration, crm_time_get_seconds).
    """
    years = months = days = seconds = 0
    at, clock = 1, False
    while at < len(text) and text[at] != "/" and not text[at].isspace():
        if text[at] == "T":
            clock = True
            at += 1
            continue
        match = _ISO_PART.match(text, at)
        if match is None:
            return None
        at = match.end()
        number = int(match[2]) * (-1 if match[1] == "-" else 1)
        if abs(number) > _INT_MAX:
            return None
        unit = match[3]
        if unit == "Y":
            years = number
        elif unit == "M" and not clock:
            months = number
        elif unit in "WD":
            days += number * (7 if unit == "W" else 1)
        else:
            seconds += number * {"H": 3600, "M": 60, "S": 1}[unit]
        if max(abs(days), abs(seconds)) > _INT_MAX:
            return None
    if not (years or months or days or seconds):
        return None
    past = max(years - 1, 0)
    whole_days = (
        past * 365 + past // 4 - past // 100 + past // 400
        + max(months, 0) * 30 + max(days - 1, 0)
    )
    total = whole_days * 86_400 + seconds
    return None if total < 0 else min(total, MAX_MS // 1000) * 1000


def interval_ms(text: str | None, default: int = 0) -> int:
    """Milliseconds, or `default` where there is no valid interval."""
    value = parse_interval_ms(text)
    return default if value is None else value


def show_interval(milliseconds: int) -> str:
    """The shortest plain spelling that reads back as the same number: 0s, 500ms, 10s, 2min, 24h."""
    if milliseconds == 0:
        return "0s"
    for unit, size in (("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
