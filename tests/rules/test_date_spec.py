"""Date specifications: which moments they mean, and when that changes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashell.rules.date_spec import DateSpec, parse_range
from hashell.rules.iso8601 import Moment, parse_moment


def at(text: str) -> Moment:
    moment = parse_moment(text)
    assert moment is not None
    return moment


@pytest.mark.parametrize(
    ("text", "expected"), [("8", (8, 8)), ("9-16", (9, 16)), ("3-", (3, None)), ("-5", (None, 5)), (" 4", (4, 4))]
)
def test_ranges_are_read(text, expected):
    assert parse_range(text) == expected


@pytest.mark.parametrize("text", ["", "-", "a", "1-b", "1-2-3", "--1", "1 - 2x"])
def test_what_is_no_range_is_refused(text):
    assert parse_range(text) is None


def test_the_attribute_that_is_wrong_is_named():
    assert DateSpec.from_attributes({"hours": "9-16", "weekdays": "mon"}) == "weekdays"


def test_office_hours_hold_on_working_days_only():
    office = DateSpec.from_attributes({"id": "s", "hours": "9-16", "weekdays": "1-5"})
    assert isinstance(office, DateSpec)

    assert office.met_at(at("2024-06-03 09:00:00"))
    assert office.met_at(at("2024-06-03 16:59:59"))
    assert not office.met_at(at("2024-06-03 17:00:00"))
    assert not office.met_at(at("2024-06-02 10:00:00"))


def test_an_empty_specification_always_holds_and_never_changes():
    assert DateSpec().met_at(at("2024-06-03 09:00:00"))
    assert DateSpec().next_change(at("2024-06-03 09:00:00")) is None


@pytest.mark.parametrize(
    ("now", "change"),
    [
        ("2024-06-03 08:59:59", "2024-06-03 09:00:00"),
        ("2024-06-03 09:30:00", "2024-06-03 17:00:00"),
        ("2024-06-07 17:00:00", "2024-06-10 09:00:00"),
    ],
)
def test_the_next_change_of_office_hours_is_found(now, change):
    office = DateSpec(hours=(9, 16), weekdays=(1, 5))

    assert office.next_change(at(now)) == at(change)


def test_a_leap_day_is_found_years_ahead():
    leap_day = DateSpec(months=(2, 2), monthdays=(29, 29))

    assert leap_day.next_change(at("2097-01-01")) == at("2104-02-29")


ranges = st.one_of(st.none(), st.tuples(st.integers(0, 24), st.integers(0, 24)))


@settings(deadline=None, max_examples=40)
@given(ranges, st.one_of(st.none(), st.tuples(st.integers(1, 7), st.integers(1, 7))), st.integers(0, 2_000_000_000))
def test_nothing_changes_before_the_next_change_and_something_does_then(hours, weekdays, now_s):
    spec = DateSpec(hours=hours, weekdays=weekdays)
    now = Moment.from_epoch(now_s)

    change = spec.next_change(now)

    if change is None:
        assert all(spec.met_at(now.plus_seconds(i * 3600)) == spec.met_at(now) for i in range(24 * 8))
    else:
        assert change.epoch_s > now_s
        assert spec.met_at(change) != spec.met_at(now)
        assert spec.met_at(change.plus_seconds(-1)) == spec.met_at(now)
