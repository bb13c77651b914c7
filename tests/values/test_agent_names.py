"""Names of agents, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.values.agent_names import AgentName


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ocf:heartbeat:IPaddr2", AgentName("ocf", "heartbeat", "IPaddr2")),
        ("lsb:nginx", AgentName("lsb", "", "nginx")),
        ("stonith:fence_ipmilan", AgentName("stonith", "", "fence_ipmilan")),
        ("systemd:name@a:b", AgentName("systemd", "", "name@a:b")),
    ],
)
def test_a_name_is_read_and_written(text, name):
    assert AgentName.parse(text) == name
    assert str(name) == text


@pytest.mark.parametrize("text", ["", "IPaddr2", "ocf:", "ocf:heartbeat", "ocf::x", "ocf:x:"])
def test_what_is_no_name(text):
    assert AgentName.parse(text) is None


@given(st.text(":abc", max_size=12))
def test_whatever_is_read_is_written_the_same(text):
    name = AgentName.parse(text)
    assert name is None or str(name) == text or not name.standard
