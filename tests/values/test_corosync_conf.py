"""corosync.conf is read strictly: every mistake names its line and the way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.values.corosync_conf import BadCorosyncConf, parse, parse_sections

GOOD = """\
# a comment
totem {
  version: 2
  cluster_name: web
  token: 1000
}
nodelist {
  node {
    nodeid: 1
    name: a
    ring0_addr: 10.0.0.1
    ring1_addr: 10.1.0.1
  }
  node {
    nodeid: 2
    name: b
    ring0_addr: 10.0.0.2
    quorum_votes: 2
  }
}
quorum {
  provider: corosync_votequorum
  wait_for_all: 1
}
"""


def test_what_an_engine_needs_is_read():
    conf = parse(GOOD)

    assert (conf.cluster_name, conf.token_ms, conf.wait_for_all, conf.two_node) == ("web", 1000, True, False)
    assert [(node.id, node.name, node.addresses, node.votes) for node in conf.nodes] == [
        (1, "a", ("10.0.0.1", "10.1.0.1"), 1), (2, "b", ("10.0.0.2",), 2),
    ]
    assert conf.votes == 3
    assert conf.node_called("b") is conf.nodes[1] and conf.node_called("c") is None


def test_two_node_brings_wait_for_all_with_it():
    conf = parse(GOOD.replace("wait_for_all: 1", "two_node: 1").replace("quorum_votes: 2", "quorum_votes: 1"))

    assert conf.two_node and conf.wait_for_all


def test_a_quorum_device_has_votes_of_its_own():
    device = "  device {\n    model: net\n    votes: 1\n  }\n}\n"
    conf = parse(GOOD[: GOOD.rindex("}")] + device)

    assert (conf.device, conf.device_votes, conf.votes) == ("net", 1, 4)


@pytest.mark.parametrize(("wrong", "right", "line", "hint"), [
    ("cluster_name: web", "# nothing", "line 2: totem.cluster_name is missing", "add cluster_name"),
    ("version: 2", "version: 3", "line 3: totem.version is '3'", "2 to 2"),
    ("nodeid: 2", "nodeid: 1", "line 14: nodeid 1 is used by the node of line 8", "its own"),
    ("nodeid: 2", "nodeid: two", "line 15: node.nodeid is 'two'", "whole number"),
    ("nodeid: 2", "", "line 14: the node has no nodeid", "nodeid: 1"),
    ("name: b", "name: a", "line 14: name a is used", "its own"),
    ("ring0_addr: 10.0.0.2", "", "line 14: node 2 has no address", "ring0_addr"),
    ("provider: corosync_votequorum", "provider: other", "line 22: quorum.provider is 'other'", "corosync_votequorum"),
    ("wait_for_all: 1", "wait_for_al: 1", "line 23: quorum has no option wait_for_al", "known:"),
    ("wait_for_all: 1", "wait_for_all: maybe", "line 23: quorum.wait_for_all is 'maybe'", "1 or 0"),
    ("wait_for_all: 1", "two_node: 1", "line 23: quorum.two_node is 1 and there are 3 votes", "two votes"),
    ("wait_for_all: 1", "auto_tie_breaker_node: best", "line 23: quorum.auto_tie_breaker_node is 'best'", "lowest"),
    ("wait_for_all: 1", "rubbish", "line 23: 'rubbish' is neither", "mend or remove"),
    ("wait_for_all: 1", "{", "line 23: '{' opens no section", "name {"),
    ("wait_for_all: 1\n}", "wait_for_all: 1\n}\n}", "line 25: nothing is open", "remove it"),
    ("wait_for_all: 1\n}", "wait_for_all: 1\n", "line 21: the section quorum is not closed", "add a line"),
])
def test_a_mistake_names_its_line_and_the_way_out(wrong, right, line, hint):
    with pytest.raises(BadCorosyncConf) as caught:
        parse(GOOD.replace(wrong, right), "c.conf")

    assert caught.value.message.startswith(f"c.conf, {line}"), caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("section", ["totem", "nodelist", "quorum"])
def test_a_missing_section_is_said(section):
    with pytest.raises(BadCorosyncConf, match="there is no"):
        parse(GOOD.replace(f"{section} {{", "other {"))


def test_sections_within_sections_are_bounded():
    with pytest.raises(BadCorosyncConf, match="too many sections"):
        parse_sections("a {\n" * 100)


@given(st.text(alphabet="totemnlisquru{}:#12 \n\tab", max_size=300))
def test_whatever_text_comes_is_read_or_refused_with_a_reason(text):
    try:
        parse(text)
    except BadCorosyncConf as error:
        assert error.hint
