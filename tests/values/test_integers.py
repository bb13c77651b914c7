"""Integers as C reads them, and those that are digits alone."""

from __future__ import annotations

import pytest

from hashell.values.integers import leading_integer, whole_number


@pytest.mark.parametrize(("text", "number"), [
    ("12", 12), (" 12", 12), ("12abc", 12), ("-5s", -5), ("+7", 7), ("", None), ("abc", None), ("--5", None),
    ("²", None), ("٣", None), ("9" * 5000, 2**63 - 1), ("-" + "9" * 5000, -(2**63)), (None, None),
])
def test_leading_digits_count(text, number):
    assert leading_integer(text) == number


@pytest.mark.parametrize(("text", "number"), [
    ("12", 12), ("0", 0), ("", None), ("12abc", None), ("-5", None), ("²", None), ("٣", None), ("9" * 5000, None),
    ("1_000", None),
])
def test_only_digits_make_a_whole_number(text, number):
    assert whole_number(text) == number
