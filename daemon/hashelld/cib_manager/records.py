"""Records: entries as the journal keeps them, and what of a journal still counts after a start. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from hashelld.cib_manager.messages import Entry, Position

_T = TypeVar("_T")


def decoded(data: bytes, kind: type[_T]) -> _T | None:
    """None for what is not of this kind: it comes from a peer or a disk."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError):
        return None


def encoded(base: int, entry: Entry) -> bytes:
    """A journal record. `base` counts the whole copies that this node has taken: records of an earlier one belong to
    another history."""
    return msgspec.msgpack.encode((base, entry))


def entry_of(record: bytes) -> tuple[int, Entry] | None:
    """The base and the entry of a journal record."""
    return decoded(record, tuple[int, Entry])


def keeps_record(record: bytes, lineage: Mapping[str, Any]) -> bool:
    """Whether a journal record is not in a CIB stored with this lineage."""
    found = entry_of(record)
    if found is None:
        return False
    base, entry = found
    stored_base = int(lineage.get("base", 0))
    return base > stored_base or (
        base == stored_base and entry.position > position(lineage.get("applied"))
    )


def branch_texts(entries: Iterable[Entry]) -> list[str]:
    """Entries of a branch as a lineage holds them."""
    return [msgspec.msgpack.encode(entry).hex() for entry in entries]


def branch_of(lineage: Mapping[str, Any]) -> tuple[Entry, ...]:
    """The branch's entries that were stored with a CIB; what cannot be read is none."""
    found = (decoded(_bytes(text), Entry) for text in lineage.get("branch", ()))
    return tuple(entry for entry in found if entry is not None)


def _bytes(text: object) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return b""


def newest_view(journal: tuple[bytes, ...]) -> int:
    """The highest number of a view in journal records."""
    found = (entry_of(raw) for raw in journal)
    return max((record[1].position.view for record in found if record), default=0)


def position(value: Any) -> Position:
    """A position as a lineage holds it; the first of all when it is none."""
    if isinstance(value, list | tuple) and len(value) == 3:
        return Position(int(value[0]), str(value[1]), int(value[2]))
    return Position()
