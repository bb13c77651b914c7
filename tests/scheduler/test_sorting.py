"""Sorting where comparisons contradict one another: who is compared with whom decides."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.scheduler.sorting import merge_sorted

#: Each comes before the next, and the last before the first.
BEATS = {("a", "c"), ("c", "b"), ("b", "a")}


def in_a_circle(left, right):
    return -1 if (left, right) in BEATS else 1


def test_of_three_in_a_circle_the_last_two_are_compared_first():
    assert merge_sorted(["a", "b", "c"], in_a_circle) == ["a", "c", "b"]
    assert merge_sorted(["b", "c", "a"], in_a_circle) == ["b", "a", "c"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers())))
def test_what_can_be_ordered_is_ordered_and_equals_keep_their_order(items):
    assert merge_sorted(items, lambda left, right: left[0] - right[0]) == sorted(items, key=lambda item: item[0])
