"""corosync.conf changed in place: values, nodes, links; comments and order stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.errors import AlreadyExists, BadUsage, NotFound
from hashell.values import corosync_edit as edit
from hashell.values.corosync_conf import parse

CONF = """# made by hand
totem {
    version: 2
    cluster_name: demo
    # slow network
    token: 3000
}
nodelist {
    node {
        ring0_addr: 10.0.0.1
        name: node1
        nodeid: 1
    }
    node {
        ring0_addr: 10.0.0.2
        name: node2
        nodeid: 2
    }
}
quorum {
    provider: corosync_votequorum
    two_node: 1
}
"""


def test_a_value_is_found_in_every_section_of_its_path():
    assert edit.values(CONF, "totem.token") == ("3000",)
    assert edit.values(CONF, "nodelist.node.ring0_addr") == ("10.0.0.1", "10.0.0.2")
    assert edit.values(CONF, "totem.join") == ()


def test_a_changed_value_is_the_only_line_that_changes():
    after = edit.set_value(CONF, "totem.token", "5000")
    assert after == CONF.replace("token: 3000", "token: 5000")


def test_a_new_value_gets_its_sections_and_the_file_is_still_good():
    after = edit.set_value(CONF, "quorum.device.net.host", "arbiter.example")
    assert edit.values(after, "quorum.device.net.host") == ("arbiter.example",)
    assert parse(edit.set_value(after, "quorum.device.model", "net")).device == "net"


def test_of_several_sections_one_has_to_be_chosen():
    with pytest.raises(BadUsage, match="there are 2 sections"):
        edit.set_value(CONF, "nodelist.node.quorum_votes", "2")
    after = edit.set_value(CONF, "nodelist.node.quorum_votes", "2", 1)
    assert [node.votes for node in parse(edit.delete(after, "quorum.two_node")).nodes] == [1, 2]
    with pytest.raises(NotFound, match="none with index 2"):
        edit.set_value(CONF, "nodelist.node.quorum_votes", "2", 2)


@pytest.mark.parametrize("value", ["", "a\nb", "x {", "}"])
def test_a_value_that_would_break_the_file_is_refused(value):
    with pytest.raises(BadUsage):
        edit.set_value(CONF, "totem.token", value)


@pytest.mark.parametrize("path", ["token", "totem.", "a b.c", ".x"])
def test_a_path_that_names_no_section_is_refused(path):
    with pytest.raises(BadUsage, match="no path"):
        edit.values(CONF, path)


def test_deleting_takes_the_line_out_and_says_when_there_is_none():
    assert "token" not in edit.delete(CONF, "totem.token")
    with pytest.raises(NotFound):
        edit.delete(CONF, "totem.join")


def test_a_third_node_takes_two_node_away_and_removing_it_brings_it_back():
    three = edit.add_node(CONF, "node3", ["10.0.0.3"])
    conf = parse(three)
    assert [(node.name, node.id) for node in conf.nodes] == [("node1", 1), ("node2", 2), ("node3", 3)]
    assert not conf.two_node
    assert parse(edit.remove_node(three, "node3")).two_node


def test_a_node_needs_a_name_address_and_id_of_its_own():
    for name, address in (("node1", "10.0.0.9"), ("node9", "10.0.0.1")):
        with pytest.raises(AlreadyExists):
            edit.add_node(CONF, name, [address])
    with pytest.raises(NotFound, match="node1, node2"):
        edit.remove_node(CONF, "node7")


def test_a_link_is_added_changed_and_removed():
    after = edit.add_link(CONF, {"node1": "10.1.0.1", "node2": "10.1.0.2"}, {"knet_link_priority": "10"})
    assert edit.links(after)[1] == {"node1": "10.1.0.1", "node2": "10.1.0.2"}
    assert edit.link_options(after, 1) == {"knet_link_priority": "10"}
    assert [node.addresses for node in parse(after).nodes] == [("10.0.0.1", "10.1.0.1"), ("10.0.0.2", "10.1.0.2")]
    changed = edit.update_link(after, 1, {"node2": "10.1.0.9"}, {"knet_link_priority": ""})
    assert edit.links(changed)[1]["node2"] == "10.1.0.9"
    assert edit.link_options(changed, 1) == {}
    gone = edit.remove_link(after, 1)
    assert gone == CONF
    with pytest.raises(BadUsage, match="only one"):
        edit.remove_link(gone, 0)
    with pytest.raises(BadUsage, match="node2"):
        edit.add_link(CONF, {"node1": "10.1.0.1"})


@given(st.sampled_from(["totem.join", "totem.consensus", "logging.debug", "quorum.device.net.host"]),
       st.text(alphabet="abc019.-:/", min_size=1, max_size=12))
def test_what_is_set_is_read_back_and_nothing_else_changes(path, value):
    after = edit.set_value(CONF, path, value)
    assert edit.values(after, path) == (value,)
    for other in edit.paths(CONF):
        assert edit.values(after, other) == edit.values(CONF, other)
