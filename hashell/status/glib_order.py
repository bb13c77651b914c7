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
    count = 0
    for name in names:
        if name in table:
            continue
        _put(table, shift, name)
        count += 1
        if len(table) <= count + count // 16:
            shift = min(max(_SHIFT_MIN, int(count * 1.333).bit_length()), len(_PRIMES) - 1)
            old, table = table, [_EMPTY] * (1 << shift)
            for kept in old:
                if kept is not None:
                    _put(table, shift, kept)
    return [name for name in table if name is not None]


def _put(table: list[str | None], shift: int, name: str) -> None:
    place = (_hash(name) * 11) % 2**32 % _PRIMES[shift]
    step = 0
    while table[place] is not None:
        step += 1
        place = (place + step) & (len(table) - 1)
    table[place] = name


def _hash(name: str) -> int:
    """djb2 over signed bytes, in 32 bits; 0 and 1 mean something else to the table."""
    value = 5381
    for byte in name.encode():
        value = (value * 33 + (byte - 256 if byte > 127 else byte)) & 0xFFFFFFFF
    return max(value, 2)
