"""Frames: what a peer may send, and that nothing else gets through."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.engine.mesh import codec
from hashelld.engine.mesh.codec import BadFrame, Beat, Direct, Hello, Reader, ViewId, encode

HELLO = Hello(1, "c", "node1", "u", 3, "3.20.1", 5460)


def test_frames_come_out_as_they_went_in_however_the_bytes_are_cut():
    frames = [HELLO, Beat(ViewId(3, "a"), 4, (("a", 1), ("b", 2))), Direct(ViewId(3, "a"), "t", b"\0" * 5000)]
    data = b"".join(encode(frame) for frame in frames)
    for size in (1, 7, 100, len(data)):
        reader = Reader()
        out = [f for at in range(0, len(data), size) for f in reader.feed(data[at : at + size])]
        assert out == frames


def test_before_the_hello_only_little_is_taken():
    with pytest.raises(BadFrame, match="at most 4096"):
        list(Reader().feed(struct.pack(">I", 5000)))


@pytest.mark.parametrize("data", [
    struct.pack(">I", 0), struct.pack(">I", 2**32 - 1), struct.pack(">I", 3) + b"\xc1\xc1\xc1",
    struct.pack(">I", 1) + b"\x00",
], ids=["empty", "huge", "no msgpack", "no frame"])
def test_nonsense_is_refused_with_a_reason(data):
    with pytest.raises(BadFrame):
        list(Reader().feed(data))


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_is_another_frame_or_an_error_and_never_anything_else(place, value):
    data = bytearray(encode(Beat(ViewId(3, "a"), 4, (("a", 1), ("b", 2)))))
    data[place % len(data)] = value
    try:
        for frame in Reader().feed(bytes(data)):
            assert isinstance(frame, codec.Frame)
    except BadFrame:
        pass


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_an_error(data):
    with contextlib.suppress(BadFrame):
        list(Reader().feed(data))


def test_a_long_frame_goes_in_pieces_and_comes_out_whole():
    long = Direct(ViewId(3, "a"), "t", bytes(range(256)) * 40_000)
    data = encode(HELLO) + encode(long) + encode(Beat(ViewId(3, "a"), 4, ()))
    reader = Reader()
    out = [f for at in range(0, len(data), 100_000) for f in reader.feed(data[at : at + 100_000])]

    assert out == [HELLO, long, Beat(ViewId(3, "a"), 4, ())]
    assert len(encode(long)) < 1.01 * 40_000 * 256


def test_pieces_are_bounded_and_nobody_sends_them_before_the_hello(monkeypatch):
    monkeypatch.setattr(codec, "WHOLE_MAX", 1_000_000)
    piece = encode(codec.Piece(False, b"x" * 200_000))
    with pytest.raises(BadFrame, match="at most 4096"):
        list(Reader().feed(piece))
    with pytest.raises(BadFrame, match="before"):
        list(Reader().feed(encode(codec.Piece(False, b"x"))))
    with pytest.raises(BadFrame, match="more than 1000000"):
        list(Reader().feed(encode(HELLO) + 6 * piece))
    with pytest.raises(BadFrame, match="Hello in pieces"):
        list(Reader().feed(encode(HELLO) + encode(codec.Piece(True, encode(HELLO)[4:]))))


@pytest.mark.parametrize("number", [-1, 2**53 + 1, 2**63])
def test_numbers_that_could_not_be_counted_on_are_refused(number):
    with pytest.raises(BadFrame):
        codec.decode(encode(Beat(ViewId(number, "a"), 1, ()))[4:])
