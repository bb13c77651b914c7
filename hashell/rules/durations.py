"""Durations: years, months, weeks, days, hours, minutes and seconds, and adding them to a moment as
Pacemaker does.

Source: Pacemaker Explained, "Date/time expressions", duration; lib/common/iso8601.c.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Duration:
    """Each field as written; 0 where not given."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0
    seconds: int = 0
