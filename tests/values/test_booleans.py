"""Spellings of true and false."""

from __future__ import annotations

import pytest

from hashell.values.booleans import is_true, parse_boolean


@pytest.mark.parametrize("text", ["true", "TRUE", "on", "Yes", "y", "1"])
def test_spellings_of_true(text):
    assert parse_boolean(text) is True
    assert is_true(text)


@pytest.mark.parametrize("text", ["false", "OFF", "no", "N", "0"])
def test_spellings_of_false(text):
    assert parse_boolean(text) is False
    assert not is_true(text)


@pytest.mark.parametrize("text", ["", "2", "t", "truee", " true", None])
def test_anything_else_is_neither(text):
    assert parse_boolean(text) is None
    assert not is_true(text)
