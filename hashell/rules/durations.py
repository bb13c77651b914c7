"""Durations: years, months, weeks, days, hours, minutes and seconds, and adding them as Pacemaker does.

Source: Pacemaker Explained, "Date/time expressions", duration; lib/common/iso8601.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

from msgspec import Struct
from msgspec.structs import fields

from hashell.rules.iso8601 import Moment
from hashell.values.integers import leading_integer

_ISO = re.compile(
    r"P(?=[^\s/])(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?"
)
#: What an amount may be at most: a signed 32-bit number, as in Pacemaker.
MAX = 2**31 - 1


class Duration(Struct, frozen=True):
    """Each field as written; 0 where not given."""

    years: int = 0
    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0
    seconds: int = 0

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, str]) -> Self | None:
        """From the attributes of a `duration` element; None if one of them is no number."""
        found: dict[str, int] = {}
        for field in fields(cls):
            text = attributes.get(field.name)
            if text is None:
                continue
            amount = leading_integer(text)
            if amount is None or abs(amount) > MAX:
                return None
            found[field.name] = amount
        return cls(**found)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`P1Y2M10DT2H30M`, `P2W`; None when it is not of that form."""
        match = _ISO.fullmatch(text)
        if match is None or not any(match.groups()):
            return None
        amounts = [int(part or 0) for part in match.groups()]
        return cls(*amounts) if max(amounts) <= MAX else None

    def after(self, start: Moment) -> Moment:
        """The moment this long after `start`, the largest unit added first.

        A year keeps the day of the year, a month the day of the month or else takes the last one.
        """
        moment = start.plus_years(self.years) if self.years else start
        if self.months:
            moment = moment.plus_months(self.months)
        if self.weeks or self.days:
            moment = moment.plus_days(7 * self.weeks).plus_days(self.days)
        for seconds in (self.hours * 3600, self.minutes * 60, self.seconds):
            if seconds:
                moment = moment.plus_seconds(seconds)
        return moment
