"""Moments: dates by calendar, by day of the year or by week, times of day, and zones, as ISO 8601 spells them.

    2014-05-07 00:28:00    20140507T002800Z    2014-127T00:28+02:00    2014-W19-3    T11:30    epoch

A moment without a zone is in the local one, which the caller knows (nothing here looks at a clock).

Source: ISO 8601-1:2019, 5.2 to 5.4; lib/common/iso8601.c.
"""

from __future__ import annotations

from typing import Self

from msgspec import Struct
from msgspec.structs import replace

DAY_S = 86_400
#: Seconds from the first day of year 1 to 1970-01-01.
EPOCH_S = 62_135_596_800
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_YEAR_MAX = 2**31 - 1
#: Days of 400 years, whichever they are.
_CYCLE_DAYS = 146_097


def is_leap_year(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def year_days(year: int) -> int:
    return 366 if is_leap_year(year) else 365


def month_days(year: int, month: int) -> int:
    """Days of a month (1 … 12)."""
    return 29 if month == 2 and is_leap_year(year) else _MONTH_DAYS[month - 1]


def january_1_weekday(year: int) -> int:
    """1 for Monday … 7 for Sunday."""
    before = year - 1
    return (before + before // 4 - before // 100 + before // 400) % 7 + 1


def weeks_in_year(year: int) -> int:
    """53 in the years that begin or end with a Thursday."""
    return 53 if january_1_weekday(year) == 4 or january_1_weekday(year + 1) == 5 else 52


class Moment(Struct, frozen=True):
    """A date with a time of day: `day` counts from 1 in the year, `offset_s` is seconds east of UTC."""

    year: int
    day: int
    second: int = 0
    offset_s: int = 0

    @classmethod
    def from_epoch(cls, seconds: int, offset_s: int = 0) -> Self:
        """From seconds since 1970, shown in a zone so far east of UTC."""
        days, second = divmod(seconds + offset_s, DAY_S)
        cycles, days = divmod(days, _CYCLE_DAYS)
        year = 1970 + 400 * cycles
        while days >= year_days(year):
            days -= year_days(year)
            year += 1
        return cls(year, days + 1, second, offset_s)

    @classmethod
    def from_date(cls, year: int, month: int, day: int) -> Self:
        """From a calendar date that is known to exist."""
        return cls(year, sum(month_days(year, m) for m in range(1, month)) + day)

    @property
    def epoch_s(self) -> int:
        """Seconds since 1970 in UTC."""
        before = self.year - 1
        days = before * 365 + before // 4 - before // 100 + before // 400 + self.day - 1
        return days * DAY_S + self.second - self.offset_s - EPOCH_S

    @property
    def date(self) -> tuple[int, int, int]:
        """Year, month, day of the month."""
        month, day = 1, self.day
        while month < 12 and day > month_days(self.year, month):
            day -= month_days(self.year, month)
            month += 1
        return self.year, month, day

    @property
    def time(self) -> tuple[int, int, int]:
        """Hour, minute, second."""
        return self.second // 3600, self.second // 60 % 60, self.second % 60

    @property
    def week_date(self) -> tuple[int, int, int]:
        """Year of the week, week, day of the week (Monday is 1). Source: ISO 8601-1:2019, 5.2.4."""
        first = january_1_weekday(self.year)
        weekday = (self.day + first - 2) % 7 + 1
        week = (self.day - weekday + 10) // 7
        if week < 1:
            return self.year - 1, weeks_in_year(self.year - 1), weekday
        if week > weeks_in_year(self.year):
            return self.year + 1, 1, weekday
        return self.year, week, weekday

    def plus_years(self, years: int) -> Self:
        """The same day of the year; never before year 1."""
        return replace(self, year=min(max(self.year + years, 1), _YEAR_MAX))

    def plus_months(self, months: int) -> Self:
        """The same day of the month, or the last one of a shorter month."""
        year, month, day = self.date
        years, month = divmod(month - 1 + months, 12)
        year, month = max(year + years, 1), month + 1
        moved = self.from_date(year, month, min(day, month_days(year, month)))
        return replace(self, year=moved.year, day=moved.day)

    def plus_days(self, days: int) -> Self:
        """Never before the first day of year 1."""
        # 400 years are always the same number of days, so no loop is longer than that.
        cycles, day = divmod(self.day + days, _CYCLE_DAYS)
        year = self.year + 400 * cycles
        while day > year_days(year):
            day -= year_days(year)
            year += 1
        if day < 1:
            year -= 1
            day += year_days(year)
        if year < 1:
            return replace(self, year=1, day=1)
        return replace(self, year=min(year, _YEAR_MAX), day=day)

    def plus_seconds(self, seconds: int) -> Self:
        days, second = divmod(self.second + seconds, DAY_S)
        moved = replace(self, second=second)
        return moved.plus_days(days) if days else moved


def parse_moment(text: str, local_offset_s: int = 0, now_s: int = 0) -> Moment | None:
    """A moment from any of the spellings above, or None.

    `local_offset_s` is for times without a zone, `now_s` for times without a date.
    """
    if not text:
        return None
    if text[0] == "T" or text[2:3] == ":":
        today = Moment.from_epoch(now_s, local_offset_s)
        return _with_time(replace(today, second=0), text.removeprefix("T"), local_offset_s)
    if text[:5].lower() == "epoch" and (len(text) == 5 or text[5] == "/" or text[5].isspace()):
        return Moment(1970, 1)
    moment = _parse_date(text)
    if moment is None:
        return None
    rest = text.lstrip("0123456789-W")
    if rest[:1] in (" ", "T"):
        return _with_time(moment, rest[1:], local_offset_s)
    return moment


def _parse_date(text: str) -> Moment | None:
    calendar = _scan(text, "0-0-0")
    if len(calendar) == 1:
        calendar = _scan(text, "422")
    if len(calendar) == 3:
        year, month, day = calendar
        if not (1 <= month <= 12 and 1 <= year <= _YEAR_MAX):
            return None
        if not 1 <= day <= month_days(year, month):
            return None
        return Moment.from_date(year, month, day)
    ordinal = _scan(text, "0-0")
    if len(ordinal) == 2:
        year, day = ordinal
        if not (1 <= year <= _YEAR_MAX and 1 <= day <= year_days(year)):
            return None
        return Moment(year, day)
    weekly = _scan(text, "0-W0-0")
    if len(weekly) == 3:
        year, week, day = weekly
        if not (1 <= year <= _YEAR_MAX and 1 <= week <= weeks_in_year(year) and 1 <= day <= 7):
            return None
        first = january_1_weekday(year)
        shift = (1 if first <= 4 else 8) - first
        # Counted from the day before 1 January, which may lie in the year before.
        return Moment(year, 1).plus_days((week - 1) * 7 + shift + day - 1)
    return None


def _with_time(date: Moment, text: str, local_offset_s: int) -> Moment | None:
    second = _parse_time(text)
    if second is None:
        return None
    offset = _parse_offset(text, local_offset_s)
    if offset is None:
        return None
    moment = replace(date, second=second, offset_s=offset)
    return replace(moment, second=0).plus_days(1) if second == DAY_S else moment


def _parse_time(text: str) -> int | None:
    """Seconds of the day, 86,400 for 24:00:00; None if it is no time."""
    parts = _scan(text, "0:0:0")
    if len(parts) == 1:
        parts = _scan(text, "222")
    if not parts:
        return None
    hour, minute, second = (*parts, 0, 0)[:3]
    midnight = hour == 24 and minute == 0 and second == 0
    if (hour >= 24 and not midnight) or minute >= 60 or second >= 60:
        return None
    return hour * 3600 + minute * 60 + second


def _parse_offset(text: str, local_offset_s: int) -> int | None:
    """Seconds east of UTC from what follows a time."""
    start = text.find("Z")
    if start < 0:
        start = next((i for i, char in enumerate(text) if char in " +-"), -1)
    if start < 0:
        return local_offset_s
    zone = text[start:].lstrip()
    if not zone or zone[0] not in "+-0123456789":
        return 0
    seconds = _parse_time(zone.lstrip("+-"))
    if seconds is None:
        return None
    return -seconds if zone[0] == "-" else seconds


def _scan(text: str, form: str) -> tuple[int, ...]:
    """The numbers that C's scanf would find: a digit of `form` is a number at most so many digits wide (0: any)."""
    found: list[int] = []
    at = 0
    for char in form:
        if not char.isdigit():
            if text[at : at + 1] != char:
                break
            at += 1
            continue
        end, limit = at, at + int(char) if char != "0" else len(text)
        while end < min(limit, len(text)) and text[end] in "0123456789":
            end += 1
        if end == at:
            break
        found.append(int(text[at:end]))
        at = end
    return tuple(found)
