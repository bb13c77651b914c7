"""Integers: the way C reads them, by leading digits; what follows is dropped.

Source: ISO C, strtoll; lib/common/strings.c.
"""

from __future__ import annotations

import re

_LEADING = re.compile(r"\s*([+-]?[0-9]+)")
#: What a long long holds, and how many digits are sure to fit.
_MAX, _DIGITS_MAX = 2**63 - 1, 18


def whole_number(text: str) -> int | None:
    """`12` from "12"; None from any text that is not digits alone (of 0 to 9), or too many of them."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _DIGITS_MAX else None


def leading_integer(text: str | None) -> int | None:
    """`12` from "12", " 12" and "12abc"; None from no text and from text without leading digits.

    Numbers too large for 64 bits become the largest or smallest that fits.
    """
    if text is None:
        return None
    if text.isdecimal() and text.isascii() and len(text) < _DIGITS_MAX:
        return int(text)  # the common case
    match = _LEADING.match(text)
    if match is None:
        return None
    return int(match[1]) if len(match[1]) < _DIGITS_MAX else (-_MAX - 1 if match[1][0] == "-" else _MAX)
