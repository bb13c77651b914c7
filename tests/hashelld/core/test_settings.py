"""Settings: every bad value is one error that names file, key and way out."""

from __future__ import annotations

import pytest

from hashell.errors import BadInput, BadUsage
from hashelld.settings import BadSetting, from_command_line

NEEDED = ["--cluster", "c", "--node", "n"]


def test_the_command_line_goes_over_the_file_and_the_file_over_defaults(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text('cluster = "filed"\nnode = "n1"\nport = 7000\ndetect_ms = 2000\npeers = ["a:1", "b"]\n')
    settings = from_command_line(["--settings", str(file), "--port", "0"])

    assert (settings.cluster, settings.port, settings.detect_ms) == ("filed", 0, 2000)
    assert settings.peers == (("a", 1), ("b", 5460))
    assert settings.heartbeat_ms == 100


@pytest.mark.parametrize(("text", "said"), [
    ('port = "x"', r"port is 'x' \(use a whole number, 0 to 65535"),
    ("port = 70000", "port is 70000"),
    ("zeroconf = 1", r"zeroconf is 1 \(use true or false"),
    ("prot = 1", r"nothing is called 'prot' \(known keys: cluster, node"),
    ("port = ", "is no TOML: Invalid value"),
    ('peers = ["host:x"]', "'host:x' is no peer"),
    ('engine = "warp"', r"engine is 'warp' \(use mesh"),
    ('cluster = "a/b"', "cluster is 'a/b'"),
    ("detect_ms = 250", "detect_ms 250 is below three heartbeats"),
    ("two_node = true\nauto_tie_breaker = true", "exclude one another"),
])
def test_a_bad_setting_names_the_file_the_key_and_the_way_out(tmp_path, text, said):
    file = tmp_path / "node.toml"
    file.write_text(text)

    with pytest.raises(BadSetting, match=said) as caught:
        from_command_line(["--settings", str(file), *([] if "cluster" in text else NEEDED)])
    assert str(file) in str(caught.value)
    assert caught.value.exit_code == 65
    assert caught.value.hint


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(BadSetting, match=r"nowhere.toml does not exist"):
        from_command_line(["--settings", str(tmp_path / "nowhere.toml"), *NEEDED])


def test_a_missing_name_is_said():
    with pytest.raises(BadSetting, match="no node is given"):
        from_command_line(["--cluster", "c"])


def test_an_unknown_option_is_bad_usage():
    with pytest.raises(BadUsage, match="unrecognized arguments: --frobnicate"):
        from_command_line([*NEEDED, "--frobnicate"])


def test_a_remote_node_needs_no_name_and_listens_where_its_container_says(monkeypatch):
    made = from_command_line(["--remote"])
    assert (made.remote, made.node_given, made.port) == (True, False, 3121)
    monkeypatch.setenv("PCMK_remote_port", "9999")
    assert from_command_line(["--remote", "--node", "r1"]).port == 9999
    assert from_command_line(["--remote", "--node", "r1"]).node_given
    assert from_command_line(["--remote", "--port", "5"]).port == 5
    assert from_command_line(["--cluster", "c", "--node", "n"]).port == 5460


CONF = """totem {
  version: 2
  cluster_name: web
}
nodelist {
  node {
    nodeid: 1
    name: a
    ring0_addr: 10.0.0.1
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
  last_man_standing: 1
}
"""


def with_corosync(tmp_path, text, *words):
    file = tmp_path / "corosync.conf"
    file.write_text(text)
    return from_command_line(["--engine", "corosync", "--corosync-conf", str(file), *words])


def test_with_corosync_its_file_says_what_cluster_and_quorum_are(tmp_path):
    settings = with_corosync(tmp_path, CONF, "--node", "b")

    assert (settings.cluster, settings.node, settings.votes, settings.expect) == ("web", "b", 2, 3)
    assert settings.last_man_standing and not settings.two_node


@pytest.mark.parametrize(("words", "text", "said"), [
    (["--node", "c"], CONF, r"has no node 'c' \(its nodes: a, b"),
    (["--node", "a", "--cluster", "other"], CONF, "cluster is 'other', .* has cluster_name 'web'"),
    (["--node", "a", "--arbiter"], CONF, "corosync has no arbiter"),
    (["--node", "a", "--expect", "3"], CONF, "expect is corosync's to say"),
    (["--node", "a"], CONF.replace("cluster_name: web", ""), "line 1: totem.cluster_name is missing"),
])
def test_what_contradicts_corosyncs_file_is_said(tmp_path, words, text, said):
    with pytest.raises(BadInput, match=said):
        with_corosync(tmp_path, text, *words)


def test_a_missing_corosync_conf_names_the_ways_out(tmp_path):
    with pytest.raises(BadSetting, match=r"--corosync-conf, or use --engine mesh"):
        from_command_line(["--engine", "corosync", "--corosync-conf", str(tmp_path / "none"), *NEEDED])
