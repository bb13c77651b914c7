"""Moments: reading every spelling, and counting in them as the calendar does."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.rules.iso8601 import (
    Moment,
    january_1_weekday,
    month_days,
    parse_moment,
    weeks_in_year,
    year_days,
)

EPOCH = dt.datetime(1970, 1, 1)
datetimes = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9998, 12, 31)).map(lambda when: when.replace(microsecond=0))


def seconds(when: dt.datetime) -> int:
    return int((when - EPOCH).total_seconds())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2014-05-07 00:28:00", dt.datetime(2014, 5, 7, 0, 28)),
        ("2014-05-07 00:28:00Z", dt.datetime(2014, 5, 7, 0, 28)),
        ("20140507T002800Z", dt.datetime(2014, 5, 7, 0, 28)),
        ("2014-05-07", dt.datetime(2014, 5, 7)),
        ("2005-020", dt.datetime(2005, 1, 20)),
        ("2005-020T11:30", dt.datetime(2005, 1, 20, 11, 30)),
        ("2014-05-07T24:00:00", dt.datetime(2014, 5, 8)),
        ("2014-05-07 00:28 +02:00", dt.datetime(2014, 5, 6, 22, 28)),
        ("2014-05-07 00:28-0130", dt.datetime(2014, 5, 7, 1, 58)),
        ("2009-W01-1", dt.datetime(2008, 12, 29)),
        ("2009-W53-7", dt.datetime(2010, 1, 3)),
        ("epoch", EPOCH),
        ("epoch/P1D", EPOCH),
    ],
)
def test_every_spelling_of_a_moment_is_read(text, expected):
    moment = parse_moment(text)

    assert moment is not None
    assert moment.epoch_s == seconds(expected)


@pytest.mark.parametrize(
    "text",
    ["", "rubbish", "2014-13-01", "2014-02-29", "2014-00-10", "0000-01-01", "2014-366", "2014-W54-1", "2014-W10-8",
     "2014-05-07 25:00", "2014-05-07 10:60", "2014-05-07 10:10:60", "2014-05-07T"],
)
def test_what_is_no_moment_is_refused(text):
    assert parse_moment(text) is None


def test_a_time_without_a_date_is_today_and_without_a_zone_local():
    noon = seconds(dt.datetime(2024, 6, 1, 12))

    assert parse_moment("T11:30", 3600, noon) == Moment.from_epoch(seconds(dt.datetime(2024, 6, 1, 10, 30)), 3600)
    assert parse_moment("11:30", 0, noon) == Moment.from_epoch(seconds(dt.datetime(2024, 6, 1, 11, 30)))


def test_a_date_without_a_time_has_no_zone():
    moment = parse_moment("2014-05-07", local_offset_s=7200)

    assert moment is not None
    assert moment.offset_s == 0


@given(datetimes)
def test_seconds_since_1970_agree_with_the_calendar_both_ways(when):
    moment = Moment.from_epoch(seconds(when))

    assert moment.epoch_s == seconds(when)
    assert moment.date == (when.year, when.month, when.day)
    assert moment.time == (when.hour, when.minute, when.second)
    assert moment.day == when.timetuple().tm_yday


@given(datetimes)
def test_week_dates_agree_with_the_calendar(when):
    assert Moment.from_epoch(seconds(when)).week_date == tuple(when.isocalendar())


@given(datetimes, st.integers(-100_000, 100_000))
def test_adding_seconds_and_days_is_what_the_calendar_says(when, amount):
    moment = Moment.from_epoch(seconds(when))
    try:
        earlier_or_later = when + dt.timedelta(seconds=amount * 7)
        other_day = when + dt.timedelta(days=amount)
    except OverflowError:
        return

    assert moment.plus_seconds(amount * 7).epoch_s == seconds(earlier_or_later)
    assert moment.plus_days(amount).epoch_s == seconds(other_day)


@given(datetimes, st.integers(-14 * 4, 14 * 4))
def test_a_printed_moment_is_read_back(when, quarters):
    offset = quarters * 900
    sign = "-" if offset < 0 else "+"
    zone = f"{sign}{abs(offset) // 3600:02}:{abs(offset) // 60 % 60:02}"
    text = f"{when:%Y-%m-%d %H:%M:%S}".rjust(19, "0") + zone

    moment = parse_moment(text)

    assert moment is not None
    assert moment.epoch_s == seconds(when) - offset


@given(st.text(alphabet="0123456789-:TWZ+ P/", max_size=24))
def test_no_text_makes_reading_fail_or_gives_an_impossible_moment(text):
    moment = parse_moment(text)

    if moment is not None:
        assert 1 <= moment.day <= year_days(moment.year)
        assert 0 <= moment.second < 86_400


def test_months_keep_the_day_or_take_the_last_one():
    january = Moment.from_date(2023, 1, 31)

    assert january.plus_months(1).date == (2023, 2, 28)
    assert january.plus_months(13).date == (2024, 2, 29)
    assert january.plus_months(-2).date == (2022, 11, 30)
    assert january.plus_months(-100_000).year == 1


def test_nothing_comes_before_year_one():
    assert Moment(1, 3).plus_days(-10) == Moment(1, 1)
    assert Moment(2, 1).plus_years(-5).year == 1


def test_lengths_of_months_and_years():
    assert [month_days(2023, month) for month in range(1, 13)] == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert month_days(1900, 2) == 28
    assert month_days(2000, 2) == 29
    assert weeks_in_year(2009) == 53
    assert weeks_in_year(2010) == 52
    assert january_1_weekday(2024) == 1
