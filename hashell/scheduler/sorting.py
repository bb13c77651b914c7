"""Sorting by comparisons that contradict one another.

Which instance is better placed, which node has more left: such comparisons are not transitive, so that the order
depends on who is compared with whom. So it is done as with Pacemaker's lists: halves are sorted and merged.

Source: GLib's documentation and behaviour of g_list_sort().
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def merge_sorted(items: Sequence[Item], compare: Callable[[Item, Item], int]) -> list[Item]:
    """Sorted; equals stay in their order. `compare` gives a number above 0 if its second argument comes first."""
    count = len(items)
    if count < 2:
        return list(items)
    left = merge_sorted(items[: count // 2], compare)
    right = merge_sorted(items[count // 2 :], compare)
    found: list[Item] = []
    at = other = 0
    while at < len(left) and other < len(right):
        if compare(left[at], right[other]) <= 0:
            found.append(left[at])
            at += 1
        else:
            found.append(right[other])
            other += 1
    return found + left[at:] + right[other:]
