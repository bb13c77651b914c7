"""Roles: what an instance of a resource does on a node.

Source: Pacemaker Explained, "Promotable clones"; the old names Master and Slave are still read.
"""

from __future__ import annotations

import enum
from typing import Self

from hashell.errors import BadInput


class UnknownRole(BadInput):
    id = "role-unknown"


class Role(enum.StrEnum):
    """Ordered from doing nothing to being in charge; `rank` compares."""

    UNKNOWN = "Unknown"
    STOPPED = "Stopped"
    STARTED = "Started"
    UNPROMOTED = "Unpromoted"
    PROMOTED = "Promoted"

    @property
    def rank(self) -> int:
        return _RANK[self]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Any case; Slave and Master are old names. Raises UnknownRole."""
        role = cls.find(text)
        if role is None:
            raise UnknownRole(f"no role is called {text!r}", "use " + ", ".join(list(cls)[1:]))
        return role

    @classmethod
    def find(cls, text: str | None) -> Self | None:  # type: ignore[override]
        """The role, or None for no text or an unknown word."""
        if text is None:
            return None
        word = text.lower()
        word = {"slave": "unpromoted", "master": "promoted"}.get(word, word)
        for role in cls:
            if role.value.lower() == word:
                return role
        return None


_RANK = {role: number for number, role in enumerate(Role)}
