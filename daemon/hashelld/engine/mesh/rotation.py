"""Rotation: a new cluster key for all members, agreed on in the one order of the view. Pure.

Somebody announces the next key; each member writes it beside the old one, accepts both, and says that it holds it. When
all members of the view do, each turns: the new one becomes the file's, and it is what is shown to others. When all have
turned, the old one is accepted no more. A view that ends in between begins again: whoever still holds a next key
announces it in the new view, and the first announced counts. A node that was away is refused with its old key, and both
sides are told; one that died holding the next key tries that too (keyring.py), and turns when it sees others show it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from hashelld.core.effects import Effect
from hashelld.core.events import Event

#: Where members tell one another.
TOPIC = "engine.key"


@dataclass(frozen=True, slots=True)
class MakeKey(Effect):
    """Make a new key; KeyMade follows."""


@dataclass(frozen=True, slots=True)
class HoldKey(Effect):
    """Write the next key beside the current one and accept both; KeyHeld follows, and KeyTurned if it is current."""

    tag: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TurnKey(Effect):
    """The held key becomes the current one; KeyTurned follows. The old one is still accepted."""

    tag: str


@dataclass(frozen=True, slots=True)
class DropKeys(Effect):
    """Accept this key alone."""

    tag: str


@dataclass(frozen=True, slots=True)
class KeyMade(Event):
    tag: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyHeld(Event):
    """On disk; `pending`: from an earlier life, in which not all had turned. `error`: it could not be written."""

    tag: str
    key: bytes = field(default=b"", repr=False)
    pending: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class KeyTurned(Event):
    tag: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class KeyShown(Event):
    """A peer has proved that it has this key, which is not our first one."""

    tag: str


class Said(msgspec.Struct, frozen=True, array_like=True):
    """`word`: next (with the key), held, turned."""

    word: str
    tag: str
    key: bytes = b""

    def __repr__(self) -> str:
        return f"Said({self.word!r}, {self.tag!r})"


def decode(payload: bytes) -> Said | None:
    try:
        return msgspec.msgpack.decode(payload, type=Said)
    except msgspec.MsgspecError:
        return None


class Rotation:
    """One node's part. `tag` names the key that the view is going over to ("": none)."""

    def __init__(self) -> None:
        self.tag = ""
        self._pending: tuple[str, bytes] = ("", b"")
        self._held: set[str] = set()
        self._turned: set[str] = set()
        self._turning = False

    @property
    def is_under_way(self) -> bool:
        return bool(self.tag or self._pending[0])

    def pending(self, tag: str, key: bytes) -> None:
        """An earlier life of this node held it."""
        self._pending = (tag, key)

    def begin(self) -> Said | None:
        """A view begins; what to tell its members."""
        self.tag = ""
        self._held.clear()
        self._turned.clear()
        self._turning = False
        tag, key = self._pending
        return Said("next", tag, key) if tag else None

    def shown(self, tag: str) -> list[Effect]:
        """Others have turned already, so all had held it."""
        return [TurnKey(tag)] if tag == self._pending[0] else []

    def ordered(self, origin: str, said: Said, members: Collection[str]) -> list[Effect]:
        """What a member said, in the order of the view, so with the same result at all."""
        if said.word == "next" and said.key and self.tag in ("", said.tag):
            self.tag = said.tag
            self._pending = (said.tag, said.key)
            return [HoldKey(said.tag, said.key)]
        if said.tag != self.tag or origin not in members:
            return []
        if said.word == "held":
            self._held.add(origin)
            if self._held >= set(members) and not self._turning:
                self._turning = True
                return [TurnKey(said.tag)]
        elif said.word == "turned":
            self._turned.add(origin)
            if self._turned >= set(members):
                self.tag, self._pending = "", ("", b"")
                return [DropKeys(said.tag)]
        return []
