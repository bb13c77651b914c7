"""Words of times, intervals, names and results."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.status import words
from hashell.status.options import Release


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "0s"), (1, "1ms"), (20, "20ms"), (1000, "1s"), (1500, "1.500s"), (1007, "1.007s"), (60_000, "1m"),
        (90_000, "1m30s"), (3_600_000, "1h"), (86_400_000, "1d"), (90_061_001, "1d1h1m1.001s"),
    ],
)
def test_an_interval_is_shown_in_the_units_that_are_not_zero(milliseconds, shown):
    assert words.interval(milliseconds, Release.THREE) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(1000, "1000ms"), (60_000, "60s"), (90_000, "1m30s"), (3_600_000, "60m"), (61_000, "1m1000ms")],
)
def test_crm_mon_keeps_to_the_smaller_unit_where_the_larger_one_is_exactly_one(milliseconds, shown):
    assert words.interval(milliseconds, Release.TWO) == shown


def test_numbers_in_names_of_nodes_are_compared_by_value_and_letters_without_case():
    names = ["node10", "Node2", "node1", "node02", "alpha", "node2b"]

    assert sorted(names, key=words.by_name) == ["alpha", "node1", "Node2", "node2b", "node02", "node10"]


@given(st.text("aB01_", max_size=6), st.text("aB01_", max_size=6))
def test_comparing_names_the_other_way_round_gives_the_opposite(left, right):
    def sign(number: int) -> int:
        return (number > 0) - (number < 0)

    assert sign(words.compare_names(left, right)) == -sign(words.compare_names(right, left))


def test_results_are_worded_as_each_release_words_them():
    assert words.result(7, Release.TWO) == "not running"
    assert words.result(7, Release.THREE) == "Not running"
    assert words.result(99, Release.THREE) == "Unknown exit status"


@pytest.fixture
def zone(monkeypatch):
    """Sets the time zone for one test."""
    import time

    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


def test_a_moment_is_shown_in_local_time_and_in_english(zone):
    zone("UTC")
    assert words.when(1_657_750_406) == "Wed Jul 13 22:13:26 2022"
    assert words.when(1_657_090_406) == "Wed Jul  6 06:53:26 2022"
    zone("Europe/Vienna")
    assert words.when(1_657_750_406) == "Thu Jul 14 00:13:26 2022"


def test_a_moment_with_its_zone_says_z_for_utc_and_hours_and_minutes_else(zone):
    zone("UTC")
    assert words.when_iso(1_657_750_406) == "2022-07-13 22:13:26Z"
    zone("Asia/Kolkata")
    assert words.when_iso(1_657_750_406) == "2022-07-14 03:43:26 +05:30"
    zone("America/New_York")
    assert words.when_iso(1_657_750_406) == "2022-07-13 18:13:26 -04:00"
