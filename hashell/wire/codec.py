"""Frames: a u32 length in network order, then one msgpack message; a reader and writer without I/O.

    writer   encode(ToDaemon(1, GetCib())) -> bytes
    reader   reader = daemon_reader(); reader.feed(data) -> list of whole frames, in order

Everything that cannot be a frame raises `BadFrame`, once; a reader that raised is spent, and its connection is to be
closed: after a wrong length nothing behind it can be trusted.
"""

from __future__ import annotations

import struct
from typing import Generic, TypeVar

import msgspec

from hashell.errors import BadInput
from hashell.wire.messages import ToClient, ToDaemon

#: Bytes of one frame's body. A CIB may have 64 MiB (cib/document.py); the rest is room for names around it.
FRAME_MAX = 65 * 1024 * 1024
#: Bytes of the first frame of a connection: a Hello is about 50; nobody unknown makes us hold more.
FIRST_FRAME_MAX = 4 * 1024

_LENGTH = struct.Struct("!I")
_encoder = msgspec.msgpack.Encoder()

Frame = TypeVar("Frame", ToDaemon, ToClient)


class BadFrame(BadInput):
    id = "frame-bad"


def encode(frame: ToDaemon | ToClient, limit: int = FRAME_MAX) -> bytes:
    """One frame with its length. Raises BadFrame when the body would be longer than `limit` bytes."""
    body = _encoder.encode(frame)
    if len(body) > limit:
        raise BadFrame(
            f"a {type(frame.body).__name__} of {len(body)} bytes does not fit a frame",
            f"at most {limit} bytes are sent",
        )
    return _LENGTH.pack(len(body)) + body


class FrameReader(Generic[Frame]):
    """Bytes in, in pieces of any size; whole frames out. Holds at most one unfinished frame.

    The first frame may have `first_max` bytes, later ones `frame_max`: the limit is checked on the length alone, before
    anything is held.
    """

    def __init__(
        self, kind: type[Frame], *, first_max: int = FIRST_FRAME_MAX, frame_max: int = FRAME_MAX
    ) -> None:
        self._decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(kind)
        self._held = bytearray()
        self._limit = first_max
        self._frame_max = frame_max
        self._spent = False

    @property
    def holds(self) -> int:
        """Bytes of an unfinished frame: 0 at a clean end of the stream."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order. Raises BadFrame."""
        assert not self._spent, "a reader that found a bad frame cannot find the next"
        self._held += data
        frames: list[Frame] = []
        start = 0
        try:
            while len(self._held) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._held, start)
                if length == 0 or length > self._limit:
                    raise BadFrame(
                        f"a frame says that it has {length} bytes",
                        f"1 to {self._limit} are read here; is the other side a hashell of this version?",
                    )
                end = start + _LENGTH.size + length
                if len(self._held) < end:
                    break
                frames.append(self._decode(bytes(self._held[start + _LENGTH.size : end])))
                self._limit = self._frame_max
                start = end
        except BadFrame:
            self._spent = True
            self._held.clear()
            raise
        del self._held[:start]
        return frames

    def _decode(self, body: bytes) -> Frame:
        try:
            return self._decoder.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
            raise BadFrame(
                f"a frame cannot be understood: {error}",
                "is the other side a hashell of this version?",
            ) from None


def daemon_reader(*, first_max: int = FIRST_FRAME_MAX) -> FrameReader[ToDaemon]:
    """For the daemon's end: reads what clients send."""
    return FrameReader(ToDaemon, first_max=first_max)


def client_reader() -> FrameReader[ToClient]:
    """For the client's end: reads what the daemon sends."""
    return FrameReader(ToClient)
