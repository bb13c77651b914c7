"""The doctor's judgement: each finding from the facts that call for it, and none from healthy ones."""

from __future__ import annotations

import msgspec
import pytest

from hashell.client.memory import MemoryClient
from hashell.commands.doctor import KeyFact, NodeFacts, PortFact, about_cluster, about_node
from hashell.commands.env import Env
from hashell.wire.messages import Info, MemberInfo

HEALTHY = NodeFacts(
    name="node1", resolves={"node1": ("10.0.0.1",)}, now_s=1_800_000_000, synchronized=True,
    sockets={"/run/hashell/hashelld.sock": ""}, key=KeyFact("/etc/hashell/key", True, 0o600, True, 129),
    ports=(PortFact(5460, "TCP", "ours"), PortFact(5460, "UDP", "ours")), free_bytes=10**10,
    state_dir="/var/lib/hashell", state_writable=True, units={"hashelld": "active", "pacemaker": "inactive"},
    enabled={"hashelld": "enabled"},
    load=0.5, cpus=2, ocf_root="/usr/lib/ocf", agents=80, fence_agents=40, watchdog=True,
)


def ids(facts: NodeFacts) -> set[str]:
    return {one.id for one in about_node(facts)}


def test_a_healthy_node_has_no_findings():
    assert about_node(HEALTHY) == ()


@pytest.mark.parametrize(("changes", "id", "bad"), [
    ({"name": "localhost.localdomain"}, "name-bad", True),
    ({"resolves": {"node2": ()}}, "name-unknown", False),
    ({"resolves": {"node2": ("127.0.1.1",)}}, "name-loopback", False),
    ({"now_s": 1000.0}, "clock-wrong", True),
    ({"synchronized": False}, "clock-free", False),
    ({"sockets": {"/run/x": "nobody listens"}}, "socket-dead", True),
    ({"units": {"hashelld": "active", "pacemaker": "active"}}, "two-clusters", True),
    ({"units": {"hashelld": "failed"}}, "unit-failed", True),
    ({"enabled": {"hashelld": "disabled"}}, "not-enabled", False),
    ({"key": KeyFact("/etc/hashell/key", True, 0o644, True, 129)}, "key-open", True),
    ({"key": KeyFact("/etc/hashell/key", True, 0o600, False, 129)}, "key-owner", True),
    ({"key": KeyFact("/etc/hashell/key", True, 0o600, True, 3)}, "key-short", True),
    ({"key": KeyFact("/etc/hashell/key")}, "no-key", False),
    ({"ports": (PortFact(5460, "TCP", "taken"),)}, "port-taken", True),
    ({"firewall": "firewalld"}, "firewall", False),
    ({"selinux": "Enforcing"}, "selinux", False),
    ({"state_writable": False}, "state-read-only", True),
    ({"free_bytes": 1000}, "disk-full", True),
    ({"load": 50.0}, "load", False),
    ({"agents": 0}, "no-agents", False),
    ({"fence_agents": 0}, "no-fence-agents", False),
    ({"watchdog": False}, "no-watchdog", False),
    ({"corosync_problem": "corosync.conf, line 3: …"}, "corosync-conf", True),
    ({"has_daemon": False}, "no-daemon", False),
])
def test_one_fact_gives_one_finding_with_a_way_out(changes, id, bad):
    found = about_node(msgspec.structs.replace(HEALTHY, **changes))
    assert [(one.id, one.bad) for one in found] == [(id, bad)]
    assert found[0].hint


def test_what_could_not_be_found_out_is_no_finding():
    unknown = msgspec.structs.replace(
        HEALTHY, synchronized=None, key=None, free_bytes=None, state_writable=None, agents=None, fence_agents=None,
        watchdog=None, units={}, enabled={},
    )
    assert about_node(unknown) == ()


def cluster(options: str = "", resources: str = "", constraints: str = "", status: str = "", **info) -> set[str]:
    pairs = "".join(
        f'<nvpair id="o-{n}" name="{pair.split("=")[0]}" value="{pair.split("=")[1]}"/>'
        for n, pair in enumerate(options.split())
    )
    text = (
        '<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config>'
        f'<cluster_property_set id="o">{pairs}</cluster_property_set></crm_config><nodes><node id="1" uname="node1"/>'
        f'<node id="2" uname="node2"/></nodes><resources>{resources}</resources><constraints>{constraints}'
        f"</constraints></configuration><status>{status}</status></cib>"
    )
    given = {"flags": (), "quorum": 2, "votes": 2, **info}
    told = Info(
        "demo", "node1", "mesh", tuple(MemberInfo(n, f"node{n}", "member") for n in (1, 2)), "node1", True, 2,
        given["votes"], given["quorum"], 1, "S_IDLE", quorum_flags=given["flags"],
    )
    return {one.id for one in about_cluster(Env.open(MemoryClient(text)), told)}


OFF = "stonith-enabled=false"


def test_two_votes_without_two_node_stop_with_the_first_loss():
    assert "two-nodes-stop" in cluster(OFF)
    assert "two-nodes-stop" not in cluster(OFF, votes=3)


def test_two_node_needs_fencing_and_a_delay():
    assert "two-nodes-split" in cluster(OFF, flags=("2Node",), quorum=1)
    assert "two-nodes-duel" in cluster("stonith-enabled=true", flags=("2Node",), quorum=1)
    assert "two-nodes-duel" not in cluster("priority-fencing-delay=15s", flags=("2Node",), quorum=1)


def test_fencing_that_is_off_is_told():
    assert "fencing-off" in cluster(OFF)


PRIMITIVE = '<primitive id="web" class="ocf" provider="pacemaker" type="Dummy"/>'


def test_a_move_that_was_left_behind_is_told_but_not_one_that_ends_by_itself():
    left = '<rsc_location id="cli-prefer-web" rsc="web" node="node1" score="INFINITY"/>'
    ends = (
        '<rsc_location id="cli-prefer-web" rsc="web"><rule id="r" score="INFINITY" boolean-op="and">'
        '<expression id="e" attribute="#uname" operation="eq" value="node1"/>'
        '<date_expression id="d" operation="lt" end="2030-01-01"/></rule></rsc_location>'
    )
    assert "override" in cluster(OFF, PRIMITIVE, left)
    assert "override" not in cluster(OFF, PRIMITIVE, ends)


def test_a_constraint_on_a_node_that_does_not_exist_is_told():
    assert "unknown-node" in cluster(OFF, PRIMITIVE, '<rsc_location id="l" rsc="web" node="gone" score="1"/>')


def test_fail_counts_and_missing_monitors_are_told():
    failed = (
        '<node_state id="1" uname="node1"><transient_attributes id="1"><instance_attributes id="s">'
        '<nvpair id="f" name="fail-count-web#start_0" value="{}"/></instance_attributes></transient_attributes>'
        "</node_state>"
    )
    assert "banned-by-failure" in cluster(OFF, PRIMITIVE, status=failed.format("INFINITY"))
    assert "failed-before" in cluster(OFF, PRIMITIVE, status=failed.format("3"))
    assert "no-monitor" in cluster(OFF, PRIMITIVE)
