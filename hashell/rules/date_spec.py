"""Date specifications: cron-like ranges of calendar fields, and when they next change.

Source: Pacemaker Explained, "Date/time expressions", date_spec; lib/common/rules.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Self

from msgspec import Struct
from msgspec.structs import fields, replace

from hashell.rules.iso8601 import Moment

#: Inclusive; None is no bound.
Range = tuple[int | None, int | None]

_RANGE = re.compile(r"\s*(?:(\d+)|(\d+)-(\d+)?|-(\d+))")
#: How far ahead a change is looked for. A specification that names a leap day and a weekday changes
#: within 28 years, 40 with a century without a leap day in between; one of days is found sooner.
_YEARS_AHEAD = 41


def parse_range(text: str) -> Range | None:
    """`8`, `9-16`, `3-`, `-5`; None for anything else."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    single, low, high, only_high = match.groups()
    if single is not None:
        return int(single), int(single)
    if only_high is not None:
        return None, int(only_high)
    return int(low), None if high is None else int(high)


class DateSpec(Struct, frozen=True):
    """For each field a range, None where any value will do."""

    years: Range | None = None
    months: Range | None = None
    monthdays: Range | None = None
    hours: Range | None = None
    minutes: Range | None = None
    seconds: Range | None = None
    yeardays: Range | None = None
    weekyears: Range | None = None
    weeks: Range | None = None
    weekdays: Range | None = None

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, str]) -> Self | str:
        """From the attributes of a `date_spec` element; the name of the first attribute that is no range, if one is
        not.
        """
        found: dict[str, Range] = {}
        for field in fields(cls):
            text = attributes.get(field.name)
            if text is None:
                continue
            parsed = parse_range(text)
            if parsed is None:
                return field.name
            found[field.name] = parsed
        return cls(**found)

    def met_at(self, moment: Moment) -> bool:
        """Whether every field is within its range, in the moment's own zone."""
        return self._day_met(moment) and self._time_met(moment)

    def next_change(self, moment: Moment) -> Moment | None:
        """The first moment after `moment` with the other answer; None if there is none for decades."""
        met = self.met_at(moment)
        by_day = (
            self.years, self.months, self.monthdays, self.yeardays, self.weekyears, self.weeks,
            self.weekdays,
        )
        days = 1 if by_day == (None,) * len(by_day) else _YEARS_AHEAD * 366
        for day in _days_from(moment, days):
            if not self._day_met(day):
                if met:
                    return day
                continue
            if day is not moment and self._time_met(day) != met:
                return day
            for second in self._edges(day.second):
                there = replace(day, second=second)
                if self._time_met(there) != met:
                    return there
        return None

    def _day_met(self, moment: Moment) -> bool:
        year, month, monthday = moment.date
        weekyear, week, weekday = moment.week_date
        return (
            _within(self.years, year) and _within(self.months, month)
            and _within(self.monthdays, monthday) and _within(self.yeardays, moment.day)
            and _within(self.weekyears, weekyear) and _within(self.weeks, week)
            and _within(self.weekdays, weekday)
        )

    def _time_met(self, moment: Moment) -> bool:
        hour, minute, second = moment.time
        return (
            _within(self.hours, hour) and _within(self.minutes, minute)
            and _within(self.seconds, second)
        )

    def _edges(self, after: int) -> Iterator[int]:
        """Seconds of the day, rising, at which the answer can differ: no finer than the finest range."""
        if self.seconds is not None:
            step = 1
        elif self.minutes is not None:
            step = 60
        elif self.hours is not None:
            step = 3600
        else:
            return
        yield from range(after - after % step + step, 86_400, step)


def _within(allowed: Range | None, value: int) -> bool:
    if allowed is None:
        return True
    low, high = allowed
    return (low is None or value >= low) and (high is None or value <= high)


def _days_from(moment: Moment, days: int) -> Iterator[Moment]:
    """This moment, then the beginning of each of so many following days."""
    yield moment
    day = replace(moment, second=0)
    for _ in range(days):
        day = day.plus_days(1)
        yield day
