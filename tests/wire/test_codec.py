"""Frames survive any cut of the stream, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import itertools
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.wire import codec
from hashell.wire.messages import (
    Applied,
    ApplyChanges,
    Change,
    CibIs,
    EventInfo,
    Events,
    Failure,
    GetCib,
    GetHistory,
    Hello,
    SetAttribute,
    Subscribe,
    ToClient,
    ToDaemon,
)

text = st.text(max_size=20)
requests = st.one_of(
    st.builds(Hello, protocol=st.integers(0, 9), program=text, version=text),
    st.just(GetCib()),
    st.builds(GetHistory, limit=st.integers(0, 1000)),
    st.builds(SetAttribute, node=text, name=text, value=st.none() | text),
    st.builds(Subscribe, cib=st.booleans(), events=st.booleans()),
    st.builds(
        ApplyChanges,
        changes=st.lists(
            st.builds(Change, kind=text, xml=st.binary(max_size=200), path=text), max_size=3
        ).map(tuple),
        command=text,
    ),
)
replies = st.one_of(
    st.builds(Applied, version=text),
    st.builds(CibIs, xml=st.binary(max_size=500), version=text),
    st.builds(Failure, id=text, message=text, hint=text, exit_code=st.integers(0, 255)),
    st.builds(
        Events,
        events=st.lists(
            st.builds(
                EventInfo, number=st.integers(0, 2**40), when_s=st.floats(0, 2e9), node=text,
                kind=text, level=text, text=text, data=st.dictionaries(text, st.integers(0, 9)),
            ),
            max_size=3,
        ).map(tuple),
    ),
)
numbers = st.integers(0, 2**40)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(st.lists(st.builds(ToDaemon, numbers, requests), max_size=5), st.lists(st.integers(0, 10**6)))
def test_requests_come_out_as_they_went_in_however_the_stream_is_cut(frames, cuts):
    reader = codec.FrameReader(ToDaemon, first_max=codec.FRAME_MAX)
    out = []
    for piece in pieces(b"".join(codec.encode(frame) for frame in frames), cuts):
        out += reader.feed(piece)
    assert out == frames
    assert reader.holds == 0


@given(st.lists(st.builds(ToClient, numbers, replies), max_size=5), st.lists(st.integers(0, 10**6)))
def test_replies_come_out_as_they_went_in_however_the_stream_is_cut(frames, cuts):
    reader = codec.FrameReader(ToClient, first_max=codec.FRAME_MAX)
    out = []
    for piece in pieces(b"".join(codec.encode(frame) for frame in frames), cuts):
        out += reader.feed(piece)
    assert out == frames


@given(st.binary(max_size=300))
def test_any_bytes_give_frames_or_one_clear_error(data):
    reader = codec.daemon_reader()
    try:
        frames = reader.feed(data)
    except codec.BadFrame as error:
        assert error.hint
        assert reader.holds == 0
    else:
        assert all(isinstance(frame, ToDaemon) for frame in frames)


@given(st.builds(ToDaemon, numbers, requests), st.integers(0, 10**6), st.integers(1, 255))
def test_a_flipped_byte_never_raises_anything_but_a_bad_frame(frame, place, flip):
    data = bytearray(codec.encode(frame))
    data[place % len(data)] ^= flip
    reader = codec.FrameReader(ToDaemon)
    with contextlib.suppress(codec.BadFrame):
        reader.feed(bytes(data))


@pytest.mark.parametrize("length", [0, codec.FIRST_FRAME_MAX + 1, 2**32 - 1])
def test_a_first_frame_of_a_wrong_length_is_refused_before_it_arrives(length):
    with pytest.raises(codec.BadFrame, match=str(length)):
        codec.daemon_reader().feed(struct.pack("!I", length))


def test_after_the_first_frame_large_ones_are_read():
    reader = codec.daemon_reader()
    reader.feed(codec.encode(ToDaemon(1, GetCib())))
    large = ToDaemon(2, ApplyChanges((Change("replace", b"x" * 100_000),)))
    assert reader.feed(codec.encode(large)) == [large]


def test_an_unknown_message_is_named_in_the_error():
    body = msgspec.msgpack.encode([1, {"type": "MakeCoffee"}])
    with pytest.raises(codec.BadFrame, match="MakeCoffee"):
        codec.daemon_reader().feed(struct.pack("!I", len(body)) + body)


def test_deep_nesting_is_a_bad_frame_and_no_recursion_error():
    body = b"\x92\x01" + b"\x91" * 3000 + b"\xc0"
    with pytest.raises(codec.BadFrame):
        codec.daemon_reader().feed(struct.pack("!I", len(body)) + body)


def test_what_would_not_be_read_is_not_sent():
    with pytest.raises(codec.BadFrame, match="does not fit"):
        codec.encode(ToClient(1, CibIs(b"x" * 200, "0.0.0")), limit=100)


def test_a_bad_frame_ends_the_reader():
    reader = codec.daemon_reader()
    with pytest.raises(codec.BadFrame):
        reader.feed(b"GET / HTTP/1.1\r\n")
    with pytest.raises(AssertionError):
        reader.feed(codec.encode(ToDaemon(1, GetCib())))
