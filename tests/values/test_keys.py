"""Operation keys, transition keys and magic: built and taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.values.keys import Magic, TransitionKey, operation_key, split_operation_key

numbers = st.integers(-5, 10**6)
keys = st.builds(TransitionKey, numbers, numbers, numbers, st.uuids().map(str))
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.:-]{0,12}", fullmatch=True)


@given(keys)
def test_a_transition_key_is_read_back(key):
    assert TransitionKey.parse(str(key)) == key


@given(st.builds(Magic, numbers, numbers, keys))
def test_magic_is_read_back(magic):
    assert Magic.parse(str(magic)) == magic


def test_a_transition_key_as_cibs_show_it():
    key = TransitionKey.parse("7:12:0:2668bbeb-06d5-40f9-936d-24cb7f87006a")
    assert (key.action, key.transition, key.target_rc) == (7, 12, 0)


@pytest.mark.parametrize("text", [None, "", "1:2:3", "1:2:3:", "a:2:3:u", "0:0;", "0;1:2:3:u"])
def test_what_is_no_key(text):
    assert TransitionKey.parse(text) is None
    assert Magic.parse(text) is None


@given(st.text(max_size=40))
def test_any_text_is_a_key_or_none(text):
    key, magic = TransitionKey.parse(text), Magic.parse(text)
    assert key is None or isinstance(key, TransitionKey)
    assert magic is None or isinstance(magic, Magic)


@given(
    names,
    st.sampled_from(["start", "monitor", "migrate_to", "migrate_from", "reload-agent"]),
    st.integers(0, 2**32 - 1),
)
def test_an_operation_key_is_taken_apart_again(resource, task, interval_ms):
    key = operation_key(resource, task, interval_ms)
    assert split_operation_key(key) == (resource, task, interval_ms)


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("web_monitor_10000", ("web", "monitor", 10000)),
        ("my_web_stop_0", ("my_web", "stop", 0)),
        ("rsc_post_notify_start_0", ("rsc", "post_notify_start", 0)),
        ("rsc_confirmed-pre_notify_stop_0", ("rsc", "confirmed-pre_notify_stop", 0)),
        ("web", None), ("web_monitor", None), ("_monitor_0", None), ("web_monitor_x", None),
    ],
)
def test_operation_keys_by_example(key, parts):
    assert split_operation_key(key) == parts
