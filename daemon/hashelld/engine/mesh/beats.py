"""Beats: what one heartbeat says, in about 120 bytes of UDP, sealed with the cluster key. Pure, standard library.

Layout (big-endian): magic, version, flags | tag of the key | sender, receiver (marks of 8 bytes) | boot, sequence | the
view's number and mark | age of the daemon's last tick, own lateness | bitmap of the view's seats that are heard | stamp
of this beat, stamp of the receiver's last beat and how long ago that came | MAC (BLAKE2b, keyed, 16 bytes).

A beat is for one receiver: what was said to another proves nothing. The receiver's own stamp comes back in it, so one
that was kept and sent again later shows its age by our own clock.
"""

from __future__ import annotations

import struct

# hmac's own comparison, in a time that does not tell where two differ, without all that hmac imports.
from _operator import _compare_digest as same
from collections.abc import Mapping
from typing import NamedTuple

try:
    # The same as hashlib's, without the 4 MB of OpenSSL that hashlib would load into locked memory.
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

MAGIC = b"hB"
VERSION = 1
#: The daemon left on purpose; it died.
LEAVING, DEAD = 1, 2
#: Nodes of a view that the bitmap has room for.
SEATS_MAX = 64
MARK_BYTES = 8
MAC_BYTES = 16
_BODY = struct.Struct("!2sBB8s8s8sQQQQIHQQQI")
BEAT_BYTES = _BODY.size + MAC_BYTES
_U16, _U32 = 0xFFFF, 0xFFFFFFFF


class Heartbeat(NamedTuple):
    """What is said. Stamps and `hold_us` are microseconds of the stamper's monotonic clock."""

    flags: int
    sender: bytes
    receiver: bytes
    boot: int
    sequence: int
    view: int
    view_mark: int
    tick_age_ms: int
    late_ms: int
    heard: int
    stamp_us: int
    echo_us: int
    hold_us: int


class BadBeat(ValueError):
    """Not from this cluster, or not whole; the text is a word for a counter."""


def mark(*words: str) -> bytes:
    """A short name of something for datagrams: of a node (name, uuid), or of a view's proposer."""
    return blake2b("\0".join(words).encode(), digest_size=MARK_BYTES).digest()


def number_mark(*words: str) -> int:
    return int.from_bytes(mark(*words), "big")


def seal(beat: Heartbeat, tag: bytes, key: bytes) -> bytes:
    """Bytes for the wire. Times that are too long for their field count as the longest."""
    body = _BODY.pack(
        MAGIC, VERSION, beat.flags, tag, beat.sender, beat.receiver, beat.boot, beat.sequence,
        beat.view, beat.view_mark, min(beat.tick_age_ms, _U32), min(beat.late_ms, _U16),
        beat.heard, beat.stamp_us, beat.echo_us, min(beat.hold_us, _U32),
    )
    return body + blake2b(body, key=key, digest_size=MAC_BYTES).digest()


def unseal(data: bytes, keys: Mapping[bytes, bytes]) -> Heartbeat:
    """What somebody with one of the keys (tag → key) said. Raises BadBeat; the cheap looks come first."""
    if len(data) != BEAT_BYTES or data[:2] != MAGIC or data[2] != VERSION:
        raise BadBeat("garbage")
    key = keys.get(data[4 : 4 + MARK_BYTES])
    if key is None:
        raise BadBeat("other key")
    body = data[: _BODY.size]
    if not same(blake2b(body, key=key, digest_size=MAC_BYTES).digest(), data[_BODY.size :]):
        raise BadBeat("forged")
    (
        _, _, flags, _, sender, receiver, boot, sequence, view, view_mark, tick_age_ms, late_ms,
        heard, stamp_us, echo_us, hold_us,
    ) = _BODY.unpack(body)
    return Heartbeat(
        flags, sender, receiver, boot, sequence, view, view_mark, tick_age_ms, late_ms, heard,
        stamp_us, echo_us, hold_us,
    )
