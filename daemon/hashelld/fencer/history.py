"""History: what was fenced, by whom, when, and what came of it; the same on all nodes. Pure.

Every fencing is told as ordered messages, so each node writes the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

#: Rows that are kept, as in Pacemaker.
ROWS_MAX = 500


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One fencing. `state` is pending, done or failed; `when_s` seconds since 1970."""

    id: str
    target: str
    action: str
    origin: str
    client: str
    state: str
    executor: str = ""
    device: str = ""
    error: str = ""
    when_s: float = 0.0


def add(rows: tuple[Row, ...], row: Row) -> tuple[Row, ...]:
    """A new row, or the newer state of one; the oldest go first."""
    kept = tuple(one for one in rows if one.id != row.id)
    return (*kept, row)[-ROWS_MAX:]


def merge(left: Iterable[Row], right: Iterable[Row]) -> tuple[Row, ...]:
    """The histories of two nodes as one, by time; what is decided wins over what is pending."""
    found: dict[str, Row] = {}
    for row in (*left, *right):
        old = found.get(row.id)
        if old is None or old.state == "pending":
            found[row.id] = row
    return tuple(sorted(found.values(), key=lambda row: (row.when_s, row.id)))[-ROWS_MAX:]


def details(row: Row) -> dict[str, str]:
    """A row in the words of crm_mon's fencing history."""
    state = {"pending": "pending", "done": "success"}.get(row.state, "failed")
    return {
        "target": row.target, "action": row.action, "state": state, "origin": row.origin,
        "client": row.client, "delegate": row.executor, "device": row.device, "reason": row.error,
    }


def encode(rows: Iterable[Row]) -> bytes:
    return msgspec.msgpack.encode(tuple(rows))


def decode(data: bytes) -> tuple[Row, ...]:
    """Empty for what cannot be read."""
    try:
        return msgspec.msgpack.decode(data, type=tuple[Row, ...])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return ()
