"""Remote nodes in whole clusters of real components: connections as resources, and what runs at their other ends."""

from __future__ import annotations

import pytest

from hashell.wire.messages import CleanUp
from hashelld.core.events import ClientAsked, ShutdownWanted

REMOTE = (
    '<primitive id="r1" class="ocf" provider="pacemaker" type="remote">'
    '<instance_attributes id="r1-i"><nvpair id="r1-i-1" name="reconnect_interval" value="{0}"/></instance_attributes>'
    '<operations><op id="r1-m" name="monitor" interval="10s"/></operations></primitive>'
)
WEB = (
    '<primitive id="web" class="ocf" provider="test" type="Dummy"><operations>'
    '<op id="web-m" name="monitor" interval="5s"/></operations></primitive>'
)
FENCE = (
    '<primitive id="fence" class="stonith" type="fence_test"><instance_attributes id="f">'
    '<nvpair id="f-1" name="pcmk_host_list" value="r1 node1 node2 node3"/>'
    '<nvpair id="f-2" name="pcmk_host_check" value="static-list"/></instance_attributes></primitive>'
)
HERE = '<rsc_location id="here" rsc="web" node="r1" score="1000"/>'
STANDBY = """<node id="{0}" uname="node{0}"><instance_attributes id="nodes-{0}">
<nvpair id="nodes-{0}-standby" name="standby" value="on"/></instance_attributes></node>"""


@pytest.fixture
def cluster(make_cluster):
    """Three members, a remote node, a service there, and a fence device for all of them."""
    made = make_cluster(
        WEB + REMOTE.format("0"), constraints=HERE, options={"stonith-enabled": "false"}, meet=False
    )
    made.add_remote("r1")
    made.meet("node1", "node2", "node3")
    made.run(20)
    return made


@pytest.fixture
def fenced(make_cluster):
    made = make_cluster(
        WEB + REMOTE.format("60s") + FENCE, constraints=HERE, options={"stonith-enabled": "true"}, meet=False
    )
    made.add_remote("r1")
    made.meet("node1", "node2", "node3")
    # With fencing, members that are away are waited for.
    made.run(40)
    return made


def host(cluster) -> str:
    """The member that is connected to the remote node."""
    found = [ends for ends in cluster.links.values() if "r1" in ends]
    assert len(found) == 1, found
    return next(one for one in found[0] if one != "r1")


def state(cluster, name="r1"):
    return cluster.cib.root.find(f"status/node_state[@uname='{name}']")


def test_a_service_runs_on_a_remote_node_by_way_of_the_member_that_is_connected(cluster):
    assert cluster.where("web") == {"r1"}
    assert cluster.entry(host(cluster), "r1_last_0")["operation"] == "start"
    assert cluster.entry("r1", "web_last_0")["on_node"] == "r1"
    assert cluster.entry("r1", "web_monitor_5000")["rc-code"] == "0"
    assert (state(cluster).get("remote_node"), state(cluster).get("in_ccm")) == ("true", "true")
    assert cluster.dc.state == "S_IDLE"


def test_the_connection_moves_with_its_host_and_the_service_notices_nothing(cluster):
    old = host(cluster)
    before = len(cluster.calls)
    cluster.kill(old)
    cluster.meet(*[n for n in ("node1", "node2", "node3") if n != old])
    cluster.run(20)
    assert host(cluster) != old
    done = {call for call in cluster.calls[before:] if call[1] == "web"}
    assert done <= {("r1", "web", "monitor")}
    assert cluster.where("web") == {"r1"} and cluster.dc.state == "S_IDLE"


def test_a_connection_is_handed_over_when_its_host_goes_to_standby(cluster):
    old = host(cluster)
    before = len(cluster.calls)
    cluster.change("modify", STANDBY.format(old[-1]), "nodes")
    cluster.run(20)
    assert host(cluster) != old
    assert {call[2] for call in cluster.calls[before:] if call[1] == "web"} <= {"monitor"}
    assert state(cluster).get("in_ccm") == "true" and cluster.dc.state == "S_IDLE"


def test_a_remote_nodes_monitors_go_on_while_nobody_is_connected_and_their_failures_are_told_afterwards(cluster):
    old = host(cluster)
    cluster.kill(old)
    cluster.broken["r1", "web", "monitor"] = 7
    cluster.active["web"].clear()
    cluster.run(6)
    del cluster.broken["r1", "web", "monitor"]
    cluster.meet(*[n for n in ("node1", "node2", "node3") if n != old])
    cluster.run(20)
    assert cluster.attribute("r1", "fail-count-web#monitor_5000") == "1"
    assert cluster.where("web") == {"r1"}


def test_a_remote_node_whose_connection_is_lost_is_fenced_before_its_service_runs_elsewhere(fenced):
    old = host(fenced)
    fenced.crash("r1")
    fenced.run(10)
    assert ("fence_test:reboot", "r1") in fenced.fenced
    (now,) = fenced.where("web")
    assert now != "r1"
    assert int(state(fenced).get("node_fenced")) > 0 and state(fenced).find("lrm") is None
    assert fenced.entry(old, "r1_last_failure_0")["exit-reason"].startswith("lost the connection")


def test_a_fenced_remote_node_that_is_back_is_connected_again_when_its_interval_is_over(fenced):
    fenced.crash("r1")
    fenced.run(10)
    fenced.add_remote("r1", boot=2)
    fenced.run(30)
    assert not [ends for ends in fenced.links.values() if "r1" in ends]
    # Pacemaker's tool does not say when it wants to be asked again: then it is when all is looked at again.
    fenced.run(1000)
    assert host(fenced)
    assert state(fenced).get("node_fenced") == "0"
    assert fenced.where("web") == {"r1"}, "it prefers the remote node"


def test_a_remote_node_that_is_told_to_leave_has_its_service_moved_first(cluster):
    before = len(cluster.calls)
    cluster.tell("r1", ShutdownWanted("SIGTERM"))
    cluster.run(20)
    done = [call for call in cluster.calls[before:] if call[1] == "web" and call[2] in ("start", "stop")]
    assert done[0] == ("r1", "web", "stop") and done[1][2] == "start"
    assert not cluster.nodes["r1"].up, "it was let go"
    assert state(cluster).get("in_ccm") == "false"
    assert cluster.where("web") and cluster.where("web") != {"r1"}


def test_a_service_on_a_remote_node_is_looked_at_afresh_when_it_is_cleaned_up(cluster):
    cluster.active["web"].clear()
    cluster.run(12)
    assert cluster.attribute("r1", "fail-count-web#monitor_5000") == "1"
    other = next(name for name in ("node1", "node2", "node3") if name != host(cluster))
    before = len(cluster.calls)
    cluster.tell(other, ClientAsked(7, "root", CleanUp("web", "r1")))
    cluster.run(10)
    assert cluster.attribute("r1", "fail-count-web#monitor_5000") is None
    assert ("r1", "web", "monitor") in cluster.calls[before:]
    assert cluster.where("web") == {"r1"} and cluster.dc.state == "S_IDLE"


def test_a_connection_to_nobody_fails_at_the_end_of_its_time(make_cluster):
    made = make_cluster(REMOTE.format("0"), options={"stonith-enabled": "false"})
    made.run(120)
    reasons = {
        made.entry(name, "r1_last_failure_0").get("exit-reason", "") for name in ("node1", "node2", "node3")
    }
    assert any("connection refused" in one for one in reasons)


def test_a_second_life_of_a_remote_node_knows_nothing_and_is_probed(cluster):
    cluster.kill("r1")
    cluster.add_remote("r1", boot=2)
    before = len(cluster.calls)
    cluster.run(60)
    assert ("r1", "web", "monitor") in cluster.calls[before:]
    assert cluster.where("web") == {"r1"} and cluster.dc.state == "S_IDLE"


def test_a_remote_node_in_maintenance_may_go_away_and_come_back_and_nothing_is_done_about_it(fenced):
    fenced.change("modify", (
        '<node id="r1" type="remote" uname="r1"><instance_attributes id="nodes-r1">'
        '<nvpair id="nodes-r1-m" name="maintenance" value="true"/></instance_attributes></node>'
    ), "nodes")
    fenced.run(10)
    assert state(fenced).get("node_in_maintenance") == "true"
    before = len(fenced.calls)
    fenced.crash("r1")
    fenced.run(10)
    assert state(fenced).get("in_ccm") == "false"
    fenced.add_remote("r1", boot=2)
    fenced.run(40)
    assert host(fenced) and state(fenced).get("in_ccm") == "true"
    assert not [one for one in fenced.fenced if one[0] == "fence_test:reboot"]
    assert not [call for call in fenced.calls[before:] if call[1:] in (("web", "start"), ("web", "stop"))]
    assert fenced.where("web") == {"r1"} and fenced.dc.state == "S_IDLE"
