"""Scores saturate, and are read as Pacemaker reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.values.scores import (
    INFINITY,
    add_scores,
    clamp,
    is_score,
    parse_score,
    show_score,
)

scores = st.integers(-INFINITY, INFINITY)


@given(scores, scores)
def test_a_sum_of_scores_stays_within_infinity_whatever_the_order(left, right):
    assert add_scores(left, right) == add_scores(right, left)
    assert -INFINITY <= add_scores(left, right) <= INFINITY


@given(scores)
def test_minus_infinity_wins_over_everything(score):
    assert add_scores(score, -INFINITY) == -INFINITY


@given(scores)
def test_infinity_wins_over_every_number(score):
    assert add_scores(score, INFINITY) == (-INFINITY if score == -INFINITY else INFINITY)


@given(scores)
def test_what_is_shown_is_read_back_as_the_same(score):
    assert parse_score(show_score(score)) == score
    assert is_score(show_score(score))


@given(st.integers())
def test_clamping_twice_is_clamping_once(number):
    assert clamp(clamp(number)) == clamp(number)
    assert abs(clamp(number)) <= INFINITY


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("INFINITY", INFINITY), ("+INFINITY", INFINITY), ("-INFINITY", -INFINITY),
        ("infinity", 7), ("Red", -INFINITY), ("green", 0), ("YELLOW", 0),
        ("12", 12), ("+12", 12), (" -12", -12), ("12abc", 12), ("1.9", 1), ("2000000", INFINITY),
        ("-9999999999999999999999", -INFINITY), ("", 7), ("abc", 7), (None, 7), ("٣", 7),
    ],
)
def test_spellings_of_scores(text, score):
    assert parse_score(text, 7) == score


def test_a_default_is_held_within_bounds_too():
    assert parse_score(None, 10**9) == INFINITY


def test_absurdly_long_numbers_are_no_trouble():
    assert parse_score("9" * 100_000) == INFINITY
    assert parse_score("-" + "9" * 100_000) == -INFINITY


@pytest.mark.parametrize("text", ["", "abc", "1.5", "12abc", "infinity", " 1", "1 "])
def test_what_is_no_whole_score(text):
    assert not is_score(text)


@given(st.text(max_size=20))
def test_any_text_is_a_score_within_bounds(text):
    assert -INFINITY <= parse_score(text) <= INFINITY
