"""Intervals as Pacemaker reads them, and back to words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.values.intervals import MAX_MS, interval_ms, parse_interval_ms, show_interval


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("10", 10_000), ("10s", 10_000), ("10sec", 10_000), ("10 S", 10_000), (" 10s", 10_000),
        ("500ms", 500), ("500msec", 500), ("1500us", 1), ("2m", 120_000), ("2min", 120_000),
        ("1h", 3_600_000), ("1hr", 3_600_000), ("0", 0), ("+5", 5000), ("-0", 0),
        ("3.9s", 3000), ("3.1.4ms", 3), ("10seconds", 10_000),
        ("99999999999999999999s", MAX_MS), ("5000000s", MAX_MS),
    ],
)
def test_plain_intervals(text, milliseconds):
    assert parse_interval_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "s", "-1", "-1s", "1d", "1x", "ten", "٣s", "P", "P5", "P5X",
                                  "PT", "PT0S", "P-1D2", "P3000000000S", None])
def test_what_is_no_interval(text):
    assert parse_interval_ms(text) is None
    assert interval_ms(text, 77) == 77


# What crm_simulate makes of these as intervals of a monitor.
@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("PT1M", 60_000), ("P10S", 10_000), ("PT10S", 10_000), ("P1M", 2_592_000_000),
        ("P2D", 86_400_000), ("P1D", 0), ("P1W", 518_400_000), ("P1Y", 0),
        ("PT1H30M", 5_400_000), ("PT30M1H", 5_400_000), ("PT90S/PT1S", 90_000),
        ("P3Y6M4DT12H30M5S", 4_294_967_000),
    ],
)
def test_durations_of_iso_8601(text, milliseconds):
    assert parse_interval_ms(text) == milliseconds


@given(st.integers(0, MAX_MS))
def test_what_is_shown_is_read_back_as_the_same(milliseconds):
    assert parse_interval_ms(show_interval(milliseconds)) == milliseconds


@given(st.one_of(st.text(max_size=30), st.text("PT0123456789YMWDHS-+:./ ms", max_size=40)))
def test_any_text_is_an_interval_within_bounds_or_none(text):
    read = parse_interval_ms(text)
    assert read is None or 0 <= read <= MAX_MS


def test_absurdly_long_numbers_are_no_trouble():
    assert parse_interval_ms("9" * 100_000) == MAX_MS
    assert parse_interval_ms("0" * 100_000 + "1s") == 1000


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(0, "0s"), (1, "1ms"), (1500, "1500ms"), (10_000, "10s"), (120_000, "2min"),
     (3_600_000, "1h"), (86_400_000, "24h")],
)
def test_intervals_are_shown_in_the_largest_unit_that_fits(milliseconds, shown):
    assert show_interval(milliseconds) == shown
