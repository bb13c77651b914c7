"""Date specifications: cron-like ranges of calendar fields, and when they next change.

Source: Pacemaker Explained, "Date/time expressions", date_spec; lib/common/rules.c.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DateSpec:
    """For each field an inclusive range (low, high), None where any will do; high None means no
    upper bound.
    """

    years: tuple[int, int | None] | None = None
    months: tuple[int, int | None] | None = None
    monthdays: tuple[int, int | None] | None = None
    hours: tuple[int, int | None] | None = None
    minutes: tuple[int, int | None] | None = None
    seconds: tuple[int, int | None] | None = None
    yeardays: tuple[int, int | None] | None = None
    weekyears: tuple[int, int | None] | None = None
    weeks: tuple[int, int | None] | None = None
    weekdays: tuple[int, int | None] | None = None
