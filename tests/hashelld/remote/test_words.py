"""The words of members and remote nodes: what is written is read, in pieces of any size, and nothing else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashelld.core.events import CibOperation, OperationDone
from hashelld.remote import words

texts = st.text(max_size=30)
from_member = st.one_of(
    st.builds(words.Attach, st.integers(0, 9), texts, texts, texts, texts),
    st.builds(words.Do, st.binary(max_size=99), texts, st.booleans()),
    st.builds(words.Settled, texts, texts, texts, texts, texts), st.just(words.Republish()),
    st.builds(words.Answer, st.integers(0, 2**50), st.binary(max_size=99)),
    st.builds(words.Notice, st.binary(max_size=99), st.booleans()), st.builds(words.Ping, st.integers(0, 2**50)),
    st.builds(words.Release, st.booleans()),
)
from_remote = st.one_of(
    st.builds(words.Accepted, st.integers(0, 9), texts, st.booleans(), texts),
    st.builds(words.Refused, texts, st.booleans()),
    st.builds(
        words.Wish, texts,
        st.lists(st.builds(words.Operation, texts, st.binary(max_size=9), texts), max_size=3).map(tuple),
    ),
    st.builds(words.Taken, texts), st.builds(words.Leave, texts), st.builds(words.Pong, st.integers(0, 2**50)),
)


@given(st.lists(from_member, max_size=5), st.lists(st.integers(1, 40), min_size=1, max_size=9))
def test_words_of_a_member_arrive_whole_and_in_order_however_they_are_cut(said, cuts):
    data = b"".join(words.encode(one) for one in said)
    reader, heard, at = words.Reader(at_remote=True), [], 0
    while at < len(data):
        for cut in cuts:
            heard += reader.feed(data[at : at + cut])
            at += cut
    assert heard == said


@given(from_remote)
def test_words_of_a_remote_node_are_read_by_members_only(said):
    assert words.Reader(at_remote=False).feed(words.encode(said)) == [said]
    with pytest.raises(words.BadFrame):
        words.Reader(at_remote=True).feed(words.encode(said))


@given(st.binary(min_size=4, max_size=300))
def test_whatever_comes_is_read_waited_for_or_refused(data):
    reader = words.Reader(at_remote=True)
    try:
        for word in reader.feed(data):
            assert isinstance(word, words.Word)
    except words.BadFrame as error:
        assert error.message


@pytest.mark.parametrize("length", [0, words.FIRST_FRAME_MAX + 1, 2**32 - 1])
def test_a_length_that_cannot_be_is_refused_before_anything_is_held(length):
    with pytest.raises(words.BadFrame):
        words.Reader(at_remote=True).feed(struct.pack("!I", length))


def test_operations_and_results_pass_unchanged():
    operations = (CibOperation("modify", b"<a/>", "status"), CibOperation("delete", path="//x"))
    assert words.operations_of(words.wish_of("r", operations)) == operations
    done = OperationDone("web", "start", 0, 1, 4, "1:2:0:u", "why", 7)
    back = words.done_of(words.ended_of(done), "r1")
    assert (back.node, back.reason, back.transition_key, back.exec_ms) == ("r1", "why", "1:2:0:u", 7)
