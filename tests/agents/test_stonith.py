"""What fence agents are told."""

from __future__ import annotations

import pytest

from hashell.agents import stonith


def lines(data: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in data.decode().splitlines())


def test_the_target_is_named_and_the_clusters_own_parameters_are_kept_back():
    told = lines(stonith.standard_input("off", {
        "ip": "10.0.0.1", "pcmk_host_map": "node1:3;node2:4", "pcmk_off_timeout": "60", "crm_feature_set": "3",
        "CRM_meta_timeout": "1",
    }, "node2"))
    assert told == {"action": "off", "nodename": "node2", "port": "4", "ip": "10.0.0.1"}


def test_another_argument_or_none_may_name_the_target():
    assert lines(stonith.standard_input("off", {"pcmk_host_argument": "uuid"}, "n"))["uuid"] == "n"
    assert "port" not in lines(stonith.standard_input("off", {"pcmk_host_argument": "none"}, "n"))


def test_a_port_that_the_device_fixes_stays_and_dynamic_is_filled_in():
    assert lines(stonith.standard_input("off", {"port": "9"}, "n"))["port"] == "9"
    assert lines(stonith.standard_input("off", {"port": "dynamic"}, "n"))["port"] == "n"


def test_an_action_may_be_mapped_to_another_and_a_monitor_names_nobody():
    assert lines(stonith.standard_input("reboot", {"pcmk_reboot_action": "off"}, "n"))["action"] == "off"
    assert lines(stonith.standard_input("monitor", {"ip": "x"}, "n")) == {"action": "monitor", "ip": "x"}


def test_values_with_line_breaks_cannot_smuggle_in_parameters():
    assert b"evil" not in stonith.standard_input("off", {"a": "1\nevil=1"}, "n")


@pytest.mark.parametrize(("text", "expected"), [
    ("node1:1;node2:2", {"node1": "1", "node2": "2"}), ("node1:1 node2:2,3", {"node1": "1", "node2": "2,3"}),
    ("node1=a", {"node1": "a"}), ("", {}), ("node1", {}),
])
def test_host_maps_are_read_in_all_their_spellings(text, expected):
    assert stonith.host_ports({"pcmk_host_map": text}) == expected


def test_how_hosts_are_learned_follows_what_is_given():
    assert stonith.host_check({"pcmk_host_list": "a, b"}) == "static-list"
    assert stonith.host_list({"pcmk_host_list": "a, b;c d"}) == ("a", "b", "c", "d")
    assert stonith.host_check({}, frozenset({"list", "off"})) == "dynamic-list"
    assert stonith.host_check({}, frozenset({"status"})) == "status"
    assert stonith.host_check({}, frozenset()) == "none"
    assert stonith.host_check({"pcmk_host_check": "none", "pcmk_host_list": "a"}) == "none"


def test_a_listing_gives_ports_and_their_aliases():
    assert stonith.parse_listing(b"1,node1\n2,'node2'\nnode3,\n\n") == ("1", "node1", "2", "node2", "node3")
