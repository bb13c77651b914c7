"""Durations: reading them, and adding them to a moment the way Pacemaker does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.rules.durations import Duration
from hashell.rules.iso8601 import Moment

START = Moment.from_date(2023, 1, 31)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P1Y2M10DT2H30M", Duration(years=1, months=2, days=10, hours=2, minutes=30)),
        ("P2W", Duration(weeks=2)),
        ("PT5S", Duration(seconds=5)),
        ("P1M", Duration(months=1)),
        ("PT1M", Duration(minutes=1)),
    ],
)
def test_iso_8601_durations_are_read(text, expected):
    assert Duration.parse(text) == expected


@pytest.mark.parametrize("text", ["", "P", "PT", "1D", "P1X", "P-1D", "P1D ", "P99999999999D"])
def test_what_is_no_duration_is_refused(text):
    assert Duration.parse(text) is None


def test_attributes_are_read_and_a_word_among_them_makes_all_of_it_invalid():
    assert Duration.from_attributes({"id": "d", "hours": "1", "days": "-2"}) == Duration(hours=1, days=-2)
    assert Duration.from_attributes({"hours": "soon"}) is None
    assert Duration.from_attributes({"hours": "99999999999"}) is None


def test_the_largest_unit_is_added_first():
    # A month after 31 January is the last of February; a day after that is March.
    assert Duration(months=1, days=1).after(START).date == (2023, 3, 1)
    assert Duration(years=1, months=1).after(START).date == (2024, 2, 29)
    assert Duration(hours=25).after(START) == Moment.from_date(2023, 2, 1).plus_seconds(3600)


@given(st.integers(0, 400), st.integers(0, 400_000))
def test_days_and_seconds_are_plain_time(days, amount):
    end = Duration(days=days, seconds=amount).after(START)

    assert end.epoch_s == START.epoch_s + days * 86_400 + amount
