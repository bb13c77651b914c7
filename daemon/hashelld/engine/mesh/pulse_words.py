"""Pulse words: commands and reports of the heartbeat process as bytes and back. Pure, standard library."""

from __future__ import annotations

import json
from typing import Any

from hashelld.engine.mesh import pulse

#: Bytes of one message: a view of 64 long names fits.
MESSAGE_MAX = 64 * 1024
_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        pulse.Configure, pulse.Watch, pulse.Unwatch, pulse.InView, pulse.Vouch, pulse.GivenUp, pulse.Alive,
        pulse.Farewell, pulse.Ready, pulse.Turning, pulse.Heard, pulse.Doubted, pulse.Silent, pulse.Blocked,
        pulse.Paused, pulse.Shown,
    )
}


def pack(message: pulse.Command | pulse.Report) -> bytes:
    return json.dumps([type(message).__name__, *message], default=_hex, separators=(",", ":")).encode()


def unpack(data: bytes) -> Any:
    """A Command or a Report. Raises ValueError for what is none."""
    kind, *values = json.loads(data)
    values = [_deep(value) for value in values]
    if kind == "Configure":
        values[0] = bytes.fromhex(values[0])
        values[2] = tuple((bytes.fromhex(tag), bytes.fromhex(key)) for tag, key in values[2])
    elif kind == "Watch":
        values[1] = bytes.fromhex(values[1])
    elif kind == "Shown":
        values[1] = tuple(pulse.PeerShown(*peer) for peer in values[1])
    made = _KINDS.get(kind)
    if made is None or len(made._fields) != len(values):
        raise ValueError("no message of the heartbeat process")
    return made(*values)


def _hex(value: Any) -> str:
    assert isinstance(value, bytes), "messages hold numbers, texts, bytes and tuples of them"
    return value.hex()


def _deep(value: Any) -> Any:
    return tuple(_deep(one) for one in value) if isinstance(value, list) else value
