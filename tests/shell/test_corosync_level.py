"""The corosync level on a file of this test's own."""

from __future__ import annotations

import pytest

from hashell.errors import BadInput, BadUsage, NotFound, Refused
from hashell.shell.grammar.lexer import split_words
from hashell.shell.session import Session
from hashell.values.corosync_conf import parse

CONF = """totem {
    version: 2
    cluster_name: demo
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


@pytest.fixture
def path(tmp_path, monkeypatch):
    made = tmp_path / "corosync.conf"
    made.write_text(CONF)
    monkeypatch.setenv("COROSYNC_MAIN_CONFIG_FILE", str(made))
    return made


def run(line, **options):
    out: list[str] = []
    session = Session(out=out.append, err=out.append)
    for name, value in options.items():
        setattr(session.options, name, value)
    session.run_words(split_words(line))
    return "".join(out)


def test_a_value_is_read_and_set_and_the_file_before_is_kept(path):
    run("corosync set totem.token 3000")
    assert run("corosync get totem.token") == "3000\n"
    assert path.with_name("corosync.conf.before").read_text() == CONF


def test_a_change_that_would_make_the_file_wrong_is_refused_and_nothing_is_written(path):
    with pytest.raises(BadInput, match="auto_tie_breaker"):
        run("corosync set quorum.auto_tie_breaker 1")
    assert path.read_text() == CONF
    assert "WARNING" in run("corosync set quorum.auto_tie_breaker 1", force=True)


def test_nodes_come_and_go(path):
    run("corosync add-node 10.0.0.3 node3")
    assert [node.name for node in parse(path.read_text()).nodes] == ["node1", "node2", "node3"]
    with pytest.raises(Refused):
        run("corosync del-node node3")
    run("corosync del-node node3", yes=True)
    assert [node.name for node in parse(path.read_text()).nodes] == ["node1", "node2"]


def test_links_are_shown_added_and_removed(path):
    run("corosync link add node1=10.1.0.1 node2=10.1.0.2 options knet_link_priority=5")
    shown = run("corosync link show")
    assert "Link 1:\n  node1: 10.1.0.1\n  node2: 10.1.0.2\n  options: knet_link_priority=5\n" in shown
    run("corosync link remove 1")
    assert "Link 1" not in run("corosync link show")


def test_a_read_only_session_changes_nothing(path):
    with pytest.raises(Refused):
        run("corosync set totem.token 3000", read_only=True)
    assert "demo: 2 nodes" in run("corosync check", read_only=True)


def test_a_node_without_corosync_is_told_what_to_use_instead(monkeypatch, tmp_path):
    monkeypatch.setenv("COROSYNC_MAIN_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(NotFound, match="has no corosync"):
        run("corosync show")


def test_a_host_that_is_an_option_for_ssh_is_refused(path):
    with pytest.raises(BadUsage, match="no host"):
        run("corosync pull -oProxyCommand=x")
