"""Whole clusters of real components: what becomes of resources when things happen."""

from __future__ import annotations

import pytest

from hashell.wire.messages import Fence
from hashelld.core.events import ClientAsked, FencingDone, ShutdownWanted

DUMMY = """<primitive id="web" class="ocf" provider="test" type="Dummy"><operations>
<op id="web-m" name="monitor" interval="10s"/></operations></primitive>"""
STANDBY = """<node id="{0}" uname="node{0}"><instance_attributes id="nodes-{0}">
<nvpair id="nodes-{0}-standby" name="standby" value="{1}"/></instance_attributes></node>"""


def test_a_resource_is_probed_everywhere_then_started_and_monitored_on_one_node(make_cluster):
    cluster = make_cluster(DUMMY)
    assert cluster.dc.state == "S_IDLE"
    assert {c[0] for c in cluster.calls if c[2] == "monitor"} == {"node1", "node2", "node3"}
    assert [c[2] for c in cluster.calls][:5] == ["monitor"] * 3 + ["start", "monitor"]
    (home,) = cluster.where("web")
    assert cluster.entry(home, "web_last_0")["operation"] == "start"
    assert cluster.entry(home, "web_monitor_10000")["rc-code"] == "0"
    before = len(cluster.calls)
    cluster.run(35)
    assert cluster.calls[before:] in ([(home, "web", "monitor")] * n for n in (3, 4))
    assert cluster.dc.state == "S_IDLE"


def test_a_failed_monitor_is_counted_and_the_resource_recovered(make_cluster):
    cluster = make_cluster(DUMMY)
    (home,) = cluster.where("web")
    cluster.active["web"].clear()
    cluster.run(20)
    assert cluster.where("web") == {home}
    assert cluster.attribute(home, "fail-count-web#monitor_10000") == "1"
    assert cluster.attribute(home, "last-failure-web#monitor_10000") is not None
    cluster.active["web"].clear()
    cluster.run(20)
    assert cluster.attribute(home, "fail-count-web#monitor_10000") == "2"
    assert cluster.dc.state == "S_IDLE"


def test_standby_moves_the_resource_and_the_monitor_with_it(make_cluster):
    cluster = make_cluster(DUMMY)
    (home,) = cluster.where("web")
    cluster.change("modify", STANDBY.format(home[-1], "on"), "nodes")
    cluster.run(5)
    (now,) = cluster.where("web")
    assert now != home
    before = len(cluster.calls)
    cluster.run(25)
    assert {c[0] for c in cluster.calls[before:]} == {now}


def test_who_may_coordinate_next_is_warm_for_the_configuration_once_all_is_at_rest(make_cluster):
    cluster = make_cluster(DUMMY)
    (home,) = cluster.where("web")
    cluster.change("modify", STANDBY.format(home[-1], "on"), "nodes")
    cluster.run(30)
    version = str(cluster.cib.version).rpartition(".")[0]
    assert sorted(name for name, of in cluster.tried if of == version) == ["node2", "node3"]
    assert len(set(cluster.tried)) == len(cluster.tried)


def test_a_stream_of_changes_that_matter_to_nobody_is_decided_about_ten_times_a_second(make_cluster):
    cluster = make_cluster(DUMMY)
    asked = len(cluster.summaries)
    for number in range(100):
        cluster.change("modify", STANDBY.format(1, "off").replace("standby", f"x{number % 7}"), "nodes")
        cluster.run(0.01)
    assert 5 <= len(cluster.summaries) - asked <= 12
    # What follows on it is not forgotten.
    (home,) = cluster.where("web")
    cluster.change("modify", STANDBY.format(home[-1], "on"), "nodes")
    cluster.run(5)
    assert cluster.where("web") != {home}


def test_the_loss_of_a_node_is_decided_about_at_once_whatever_was_decided_just_before(make_cluster):
    cluster = make_cluster(DUMMY)
    (home,) = cluster.where("web")
    cluster.change("modify", STANDBY.format(1, "off").replace("standby", "x"), "nodes")
    cluster.run(0.05)
    cluster.change("modify", STANDBY.format(1, "off").replace("standby", "y"), "nodes")
    cluster.nodes[home].up = False
    cluster.active["web"].discard(home)
    cluster.meet(*(name for name in cluster.nodes if name != home))
    cluster.run(0.09)
    assert len(cluster.where("web")) == 1


def test_a_failed_start_moves_the_resource_for_good(make_cluster):
    cluster = make_cluster(DUMMY, meet=False)
    cluster.broken["node1", "web", "start"] = 1
    cluster.meet("node1", "node2", "node3")
    cluster.run(10)
    (home,) = cluster.where("web")
    failed = [c[0] for c in cluster.calls if c[2] == "start"]
    assert home != "node1"
    if "node1" in failed:
        assert cluster.attribute("node1", "fail-count-web#start_0") == "INFINITY"


def test_the_next_node_coordinates_when_the_dc_is_lost_and_resources_move(make_cluster):
    cluster = make_cluster(DUMMY)
    cluster.change("modify", STANDBY.format(2, "on"), "nodes")
    cluster.change("modify", STANDBY.format(3, "on"), "nodes")
    cluster.run(5)
    assert cluster.where("web") == {"node1"}
    cluster.change("modify", STANDBY.format(3, "off"), "nodes")
    cluster.run(5)
    cluster.kill("node1")
    cluster.meet("node2", "node3")
    cluster.run(10)
    assert cluster.nodes["node2"].controller.is_dc
    assert cluster.where("web") == {"node3"}
    assert cluster.dc.state == "S_IDLE"


@pytest.mark.parametrize("leaver", ["node1", "node2"])
def test_a_node_that_leaves_is_emptied_first(make_cluster, leaver):
    cluster = make_cluster(DUMMY)
    for other in {"1", "2", "3"} - {leaver[-1]}:
        cluster.change("modify", STANDBY.format(other, "on"), "nodes")
    cluster.run(5)
    assert cluster.where("web") == {leaver}
    cluster.change("modify", STANDBY.format("3", "off"), "nodes")
    cluster.run(2)
    cluster.tell(leaver, ShutdownWanted("test"))
    cluster.run(10)
    left = cluster.nodes[leaver].left
    assert left is not None and left.clean
    assert cluster.where("web") == {"node3"}


def test_a_daemon_that_comes_back_finds_its_resource_still_running(make_cluster):
    cluster = make_cluster(DUMMY)
    (home,) = cluster.where("web")
    others = [name for name in cluster.nodes if name != home]
    cluster.change("modify", "<crm_config><cluster_property_set id='cib-bootstrap-options'>"
                   "<nvpair id='mm' name='maintenance-mode' value='true'/></cluster_property_set></crm_config>")
    cluster.run(2)
    cluster.crash(home)
    cluster.meet(*others)
    cluster.run(5)
    cluster.restart(home)
    cluster.meet(*others, home)
    cluster.run(10)
    assert cluster.entry(home, "web_last_0")["operation"] == "monitor"
    assert cluster.entry(home, "web_last_0")["rc-code"] == "0"
    assert cluster.where("web") == {home}


DEVICE = """<primitive id="fence" class="stonith" type="fence_test"><instance_attributes id="f-i">
<nvpair id="f-1" name="pcmk_host_list" value="node1 node2 node3"/></instance_attributes></primitive>"""


def test_a_lost_node_is_fenced_before_its_resource_starts_elsewhere(make_cluster):
    cluster = make_cluster(DUMMY + DEVICE, options={"stonith-enabled": "true"})
    (home,) = cluster.where("web")
    others = [name for name in cluster.nodes if name != home]
    # It is cut off, not dead: its resource runs on.
    cluster.meet(*others)
    cluster.run(20)
    assert [f for f in cluster.fenced if f[1]] == [("fence_test:reboot", home)]
    assert not cluster.nodes[home].up
    (now,) = cluster.where("web")
    assert now in others
    assert cluster.dc.state == "S_IDLE"
    state = cluster.cib.root.find(f"status/node_state[@uname='{home}']")
    assert (state.get("in_ccm"), state.get("expected"), state.find("lrm")) == ("false", "down", None)


def test_nothing_is_taken_over_while_fencing_fails(make_cluster):
    cluster = make_cluster(DUMMY + DEVICE, options={"stonith-enabled": "true"})
    (home,) = cluster.where("web")
    others = [name for name in cluster.nodes if name != home]
    for name in others:
        cluster.broken[name, "fence_test", "reboot"] = 1
    cluster.meet(*others)
    cluster.run(60)
    assert cluster.where("web") == {home}
    tries = len(cluster.fenced)
    assert 2 <= tries < 100
    for name in others:
        del cluster.broken[name, "fence_test", "reboot"]
    cluster.run(120)
    assert cluster.where("web") <= set(others)
    assert cluster.where("web")


def test_a_failed_stop_has_the_node_fenced(make_cluster):
    cluster = make_cluster(DUMMY + DEVICE, options={"stonith-enabled": "true"})
    (home,) = cluster.where("web")
    others = [name for name in cluster.nodes if name != home]
    if home == "node1":
        # The DC cannot be here: who is fenced does not see what becomes of it.
        cluster.change("modify", STANDBY.format("1", "on"), "nodes")
        cluster.run(5)
        (home,) = cluster.where("web")
        others = [name for name in cluster.nodes if name != home]
    cluster.broken[home, "web", "stop"] = 1
    cluster.change("modify", STANDBY.format(home[-1], "on"), "nodes")
    # The others notice the loss only after a while, and something is to be decided meanwhile.
    cluster.run(2)
    assert cluster.nodes[home].up is False
    cluster.change("modify", '<cluster_property_set id="cib-bootstrap-options"><nvpair id="r"'
                   ' name="cluster-recheck-interval" value="7min"/></cluster_property_set>', "crm_config")
    cluster.run(3)
    cluster.meet(*others)
    cluster.run(20)
    assert cluster.fenced.count(("fence_test:reboot", home)) == 1
    (now,) = cluster.where("web")
    assert now in others
    assert cluster.dc.state == "S_IDLE"


def test_configured_nodes_that_never_came_are_fenced_only_after_a_grace(make_cluster):
    cluster = make_cluster(DUMMY + DEVICE, options={"stonith-enabled": "true"}, meet=False)
    cluster.meet("node1", "node2")
    cluster.run(1)
    cluster.change("modify", "<node id='3' uname='node3'/>", "nodes")
    cluster.run(10)
    assert cluster.fenced == [] or all(not target for _, target in cluster.fenced)
    cluster.run(30)
    assert ("fence_test:reboot", "node3") in cluster.fenced


def test_a_new_dc_does_not_wait_for_ever_for_nodes_that_never_came(make_cluster):
    device = DEVICE.replace("node3", "node3 node4")
    cluster = make_cluster(DUMMY + device, nodes=4, options={"stonith-enabled": "true"}, meet=False)
    cluster.meet("node1", "node2", "node3")
    cluster.change("modify", "<node id='4' uname='node4'/>", "nodes")
    cluster.run(5)
    assert cluster.where("web") == set()
    cluster.kill("node1")
    cluster.meet("node2", "node3")
    cluster.run(30)
    assert ("fence_test:reboot", "node1") in cluster.fenced
    assert len(cluster.where("web")) == 1


def leaving_with_a_stop_that_hangs(make_cluster, resources, **options):
    """A cluster whose second node runs the service, cannot stop it, and is told to leave."""
    cluster = make_cluster(resources, options=options)
    for other in ("1", "3"):
        cluster.change("modify", STANDBY.format(other, "on"), "nodes")
    cluster.run(5)
    assert cluster.where("web") == {"node2"}
    cluster.change("modify", STANDBY.format("3", "off"), "nodes")
    cluster.run(2)
    cluster.hangs.add(("node2", "web", "stop"))
    cluster.tell("node2", ShutdownWanted("test"))
    return cluster


def test_a_node_whose_stop_hangs_while_it_leaves_is_fenced_and_the_others_go_on(make_cluster):
    cluster = leaving_with_a_stop_that_hangs(make_cluster, DUMMY + DEVICE, **{"stonith-enabled": "true"})
    cluster.run(40)
    assert cluster.nodes["node2"].up is False
    cluster.meet("node1", "node3")
    cluster.run(20)
    assert cluster.where("web") == {"node3"}


def test_a_node_whose_stop_hangs_leaves_at_the_escalation_where_nothing_fences(make_cluster):
    cluster = leaving_with_a_stop_that_hangs(
        make_cluster, DUMMY, **{"stonith-enabled": "false", "shutdown-escalation": "3min"}
    )
    cluster.run(170)
    assert cluster.nodes["node2"].left is None
    cluster.run(20)
    left = cluster.nodes["node2"].left
    assert left is not None and not left.clean
    # Nothing says that the service is stopped: nobody else starts it.
    assert cluster.where("web") == {"node2"}


def test_who_was_just_turned_off_by_hand_is_not_fenced_once_more_for_being_lost(make_cluster):
    """It may be started again at once, and a second shot would end that."""
    cluster = make_cluster(DUMMY + DEVICE, options={"stonith-enabled": "true"})
    (home,) = cluster.where("web")
    others = [name for name in cluster.nodes if name != home]
    cluster.tell(others[-1], ClientAsked(1, "root", Fence(home, "off")))
    cluster.run(0.02)
    assert not cluster.nodes[home].up
    # The loss is noticed before the agent says that it is done.
    cluster.meet(*others)
    cluster.run(20)
    assert [f for f in cluster.fenced if f[1]] == [("fence_test:off", home)]
    (now,) = cluster.where("web")
    assert now in others
    assert cluster.dc.state == "S_IDLE"


def test_a_fencing_that_ends_after_its_target_started_again_says_nothing_of_the_new_life(make_cluster):
    cluster = make_cluster(DUMMY + DEVICE, options={"stonith-enabled": "true"})
    (home,) = cluster.where("web")
    others = [name for name in cluster.nodes if name != home]
    first = cluster.nodes[home].boot
    cluster.kill(home)
    cluster.meet(*others)
    cluster.run(20)
    cluster.restart(home)
    cluster.meet(*others, home)
    cluster.run(20)
    fenced = FencingDone(home, "reboot", "", others[0], "fence", life=first)
    for name in cluster.nodes:
        cluster.tell(name, fenced)
    cluster.run(20)
    state = cluster.cib.root.find(f"status/node_state[@uname='{home}']")
    assert (state.get("in_ccm"), state.get("crmd"), state.get("expected")) == ("true", "online", "member")
    assert cluster.dc.state == "S_IDLE"


def test_a_fencing_that_is_done_before_the_loss_is_noticed_is_known_after_it_too(make_cluster):
    """What the DC wrote of it belonged to the view that ended, and is lost with it."""
    cluster = make_cluster(DUMMY + DEVICE, options={"stonith-enabled": "true"})
    (home,) = cluster.where("web")
    others = [name for name in cluster.nodes if name != home]
    cluster.kill(home)
    cluster.refuse_writes = True
    for name in others:
        cluster.tell(name, FencingDone(home, "off", "", others[0], "fence", life=cluster.nodes[home].boot))
    cluster.run(0.01)
    cluster.refuse_writes = False
    # Also where the node that heard of it as the DC is not the next one.
    cluster.meet(*reversed(others))
    cluster.run(20)
    assert [f for f in cluster.fenced if f[1]] == []
    (now,) = cluster.where("web")
    assert now in others
    cluster.restart(home)
    cluster.meet(*reversed(others), home)
    cluster.run(10)
    cluster.kill(home)
    cluster.meet(*others)
    cluster.run(20)
    assert [f for f in cluster.fenced if f[1]] == [("fence_test:reboot", home)]
