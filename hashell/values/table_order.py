"""The order in which crm_mon prints what Pacemaker keeps in a hash table: GLib's, by hash of the
name.

Scripts and golden files compare whole outputs, so where the original order comes from a table, ours
does.
Source: GLib, ghash.c, g_str_hash and g_hash_table_insert.
"""

from __future__ import annotations

from collections.abc import Iterable

_EMPTY = None
#: The smallest table has 2**3 places.
_SHIFT_MIN = 3
_PRIMES = (1, 2, 3, 7, 13, 31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521)


def in_table_order(names: Iterable[str]) -> list[str]:
    """The names (each once) as a walk over a table meets them into which they were put in this
    order.
    """
    shift = _SHIFT_MIN
    table: list[str | None] = [_EMPTY] * (1 << shift)
    seen: set[str] = set()
    taken: set[int] = set()
    for name in names:
        if name in seen:
            continue
        seen.add(name)
        place = _place(name, shift, table, taken)
        taken.add(place)
        table[place] = name
        if len(table) <= len(seen) + len(seen) // 16:
            shift = min(max(_SHIFT_MIN, int(len(seen) * 1.333).bit_length()), len(_PRIMES) - 1)
            taken = _grow(table, shift)
    return [name for name in table if name is not None]


def _grow(table: list[str | None], shift: int) -> set[int]:
    """Make room in place: each name goes to its new place, and whoever still sits there moves on at
    once. The places that are taken then.
    """
    old_size = len(table)
    table.extend([_EMPTY] * ((1 << shift) - old_size))
    settled: set[int] = set()
    for start in range(old_size):
        moving = table[start]
        if moving is None or start in settled:
            continue
        table[start] = _EMPTY
        while moving is not None:
            place = _place(moving, shift, table, settled)
            settled.add(place)
            moving, table[place] = table[place], moving
    return settled


def _place(name: str, shift: int, table: list[str | None], taken: set[int]) -> int:
    """Where a name goes: by its hash, and past taken places in growing steps."""
    place = (_hash(name) * 11) % 2**32 % _PRIMES[shift]
    step = 0
    while place in taken:
        step += 1
        place = (place + step) & (len(table) - 1)
    return place


def _hash(name: str) -> int:
    """Times 31 plus the next signed byte, in 32 bits; 0 and 1 mean something else to the table."""
    value = 0
    for byte in name.encode():
        value = (value * 31 + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
    return max(value, 2)
