"""Integers: the way C reads them, by leading digits; what follows is dropped.

Source: ISO C, strtoll; lib/common/strings.c.
"""

from __future__ import annotations

import re

_LEADING = re.compile(r"\s*([+-]?\d+)")


def leading_integer(text: str | None) -> int | None:
    """`12` from "12", " 12" and "12abc"; None from no text and from text without leading digits."""
    if text is None:
        return None
    match = _LEADING.match(text)
    return int(match[1]) if match else None
