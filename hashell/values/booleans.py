"""Booleans: every spelling that a CIB may use.

Source: Pacemaker Explained, "Options and values", boolean.
"""

from __future__ import annotations

TRUE = frozenset({"true", "on", "yes", "y", "1"})
FALSE = frozenset({"false", "off", "no", "n", "0"})


def parse_boolean(text: str | None) -> bool | None:
    """True or False for a known spelling in any case, None for anything else."""
    if text is None:
        return None
    word = text.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    return None


def is_true(text: str | None) -> bool:
    """Whether a text is a spelling of true; anything else, also rubbish, is not."""
    return parse_boolean(text) is True
