"""History: what was fenced, by whom, when, and what came of it; the same on all nodes. Pure.

Every fencing is told as ordered messages, so each node writes the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

#: Rows that are kept, as in Pacemaker.
ROWS_MAX = 500


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One fencing. `state` is pending, done or failed; `when_s` seconds since 1970; `life` the target's boot number
    when it began (0: not known)."""

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
    life: int = 0


def add(rows: tuple[Row, ...], row: Row) -> tuple[Row, ...]:
    """A new row, or the newer state of one; the oldest go first."""
    kept = tuple(one for one in rows if one.id != row.id)
    return (*kept, row)[-ROWS_MAX:]


def merge(left: Iterable[Row], right: Iterable[Row]) -> tuple[Row, ...]:
    """The histories of two nodes as one, by time; what is done wins over what
    somebody had to hold for failed, and that over what is pending."""
    certainty = {"pending": 0, "failed": 1, "done": 2}
    found: dict[str, Row] = {}
    for row in (*left, *right):
        old = found.get(row.id)
        if old is None or certainty.get(row.state, 0) > certainty.get(old.state, 0):
            found[row.id] = row
    return tuple(sorted(found.values(), key=lambda row: (row.when_s, row.id)))[-ROWS_MAX:]


def settle(rows: Iterable[Row], lives: Mapping[str, int]) -> tuple[Row, ...]:
    """Fencings whose leader is gone will not end: they failed, as far as anybody can know. `lives`: node → boot."""
    return tuple(
        row if row.state != "pending" or _leads(row, lives)
        else msgspec.structs.replace(row, state="failed", error=f"{row.origin}, which led it, was lost")
        for row in rows
    )


def pending(rows: Iterable[Row], target: str, action: str, origin: str = "") -> Row | None:
    """The latest fencing under way that does all that this one, asked for by `origin`, would."""
    return next((
        row for row in reversed(tuple(rows))
        if row.state == "pending" and row.target == target and serves(row.action, action, origin)
    ), None)


def serves(running: str, wanted: str, origin: str) -> bool:
    """Whether a fencing that runs also does what another one is wanted for.

    A transition wants a lost node's services ended: that it is off is enough, and who turned it off may not want it on
    again (or may turn it on at once, and would lose it to the second shot). What people ask for is done to the letter.
    """
    return running == wanted or (origin == "transition" and (running, wanted) == ("off", "reboot"))


def forget(rows: Iterable[Row], target: str) -> tuple[Row, ...]:
    """Without what is over of one target (empty: of all); what is under way stays."""
    return tuple(row for row in rows if row.state == "pending" or (target and row.target != target))


def _leads(row: Row, lives: Mapping[str, int]) -> bool:
    # A task's name is NODE.BOOT.NUMBER.
    boot = row.id.rsplit(".", 2)[-2:-1]
    return row.origin in lives and (not boot or boot[0] == str(lives[row.origin]))


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
