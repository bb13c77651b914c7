"""Losses, splits, refused writes and silence, in whole clusters of real components."""

from __future__ import annotations

import itertools

import pytest

from hashelld.core.events import ShutdownWanted

DUMMY = """<primitive id="web" class="ocf" provider="test" type="Dummy"><operations>
<op id="web-m" name="monitor" interval="10s"/></operations></primitive>"""
STOP = ("<primitive id='web'><meta_attributes id='m'>"
        "<nvpair id='m-r' name='target-role' value='{0}'/></meta_attributes></primitive>")


@pytest.mark.parametrize("after_ms", range(0, 120, 7))
def test_a_dc_that_dies_at_any_moment_of_the_first_start_leaves_one_copy(make_cluster, after_ms):
    cluster = make_cluster(DUMMY, meet=False)
    cluster.meet("node1", "node2", "node3")
    cluster.run(after_ms / 1000)
    cluster.kill("node1")
    cluster.run(0.05)
    cluster.meet("node2", "node3")
    cluster.run(20)
    assert len(cluster.where("web")) == 1
    assert cluster.dc.state == "S_IDLE"
    starts = [c for c in cluster.calls if c[2] == "start" and c[0] != "node1"]
    assert len(starts) <= 1


def test_writes_that_are_refused_for_a_while_are_made_up_for(make_cluster):
    cluster = make_cluster(DUMMY)
    (home,) = cluster.where("web")
    cluster.refuse_writes = True
    cluster.active["web"].clear()
    cluster.run(15)
    assert cluster.where("web") == set()
    cluster.refuse_writes = False
    cluster.run(20)
    assert cluster.where("web") == {home}
    assert cluster.dc.state == "S_IDLE"


def test_a_cluster_that_cannot_write_at_first_starts_when_it_can(make_cluster):
    cluster = make_cluster(DUMMY, meet=False)
    cluster.refuse_writes = True
    cluster.meet("node1", "node2", "node3")
    cluster.run(10)
    assert cluster.calls == []
    cluster.refuse_writes = False
    cluster.run(10)
    assert len(cluster.where("web")) == 1


def test_a_member_that_says_nothing_is_given_up_and_the_others_go_on(make_cluster):
    cluster = make_cluster(DUMMY, meet=False)
    cluster.nodes["node3"].up = False
    cluster.meet("node1", "node2", "node3")
    cluster.run(20)
    assert cluster.where("web") <= {"node1", "node2"}
    assert len(cluster.where("web")) == 1


def test_a_node_that_was_cut_off_and_comes_back_tells_what_runs_there(make_cluster):
    cluster = make_cluster(DUMMY, options={"no-quorum-policy": "ignore"})
    (home,) = cluster.where("web")
    others = [name for name in cluster.nodes if name != home]
    cluster.meet(*others)
    cluster.run(10)
    # Nobody was fenced, so there are two copies now: that is what fencing is for.
    assert len(cluster.where("web")) == 2
    cluster.meet(*others, home)
    cluster.run(20)
    assert len(cluster.where("web")) == 1
    assert cluster.dc.state == "S_IDLE"


def test_attributes_of_a_node_that_was_cut_off_come_back_with_it(make_cluster):
    from hashell.wire.messages import SetAttribute
    from hashelld.core.events import ClientAsked

    cluster = make_cluster(DUMMY)
    cluster.tell("node3", ClientAsked(1, "root", SetAttribute("node3", "pingd", "100")))
    cluster.run(2)
    cluster.meet("node1", "node2")
    cluster.run(5)
    assert cluster.attribute("node3", "pingd") is None
    cluster.meet("node1", "node2", "node3")
    cluster.run(10)
    assert cluster.attribute("node3", "pingd") == "100"


def test_a_partition_without_quorum_stops_its_resources(make_cluster):
    cluster = make_cluster(DUMMY)
    assert len(cluster.where("web")) == 1
    cluster.meet("node1", quorate=False)
    cluster.active["web"] = {"node1"} & cluster.active["web"]
    cluster.run(20)
    assert cluster.where("web") == set()
    assert cluster.cib.root.get("have-quorum") == "0"


def test_all_nodes_may_leave_at_once(make_cluster):
    cluster = make_cluster(DUMMY)
    for name in cluster.nodes:
        cluster.tell(name, ShutdownWanted("all"))
    cluster.run(10)
    assert all(node.left is not None and node.left.clean for node in cluster.nodes.values())
    assert cluster.where("web") == set()


def test_a_dc_that_cannot_decide_still_leaves(make_cluster):
    from hashelld.core.events import GraphReady

    cluster = make_cluster(DUMMY)
    cluster.scheduler = lambda _, ask: GraphReady(ask.request, b"", error="it is broken")
    cluster.tell("node1", ShutdownWanted("test"))
    cluster.run(60)
    assert cluster.nodes["node1"].left is not None
    assert not cluster.nodes["node1"].left.clean


def test_a_scheduler_that_fails_is_asked_again_with_growing_pauses(make_cluster):
    from hashelld.core.events import GraphReady

    cluster = make_cluster(DUMMY)
    real, asks = cluster.scheduler, []

    def broken(_, ask):
        asks.append(cluster.now_ms)
        return GraphReady(ask.request, b"", error="it is broken")

    cluster.scheduler = broken
    cluster.change("modify", STOP.format("Stopped"), "resources")
    cluster.run(30)
    assert 3 <= len(asks) <= 7
    pauses = [b - a for a, b in itertools.pairwise(asks)]
    assert pauses == sorted(pauses)
    cluster.scheduler = real
    cluster.run(60)
    assert cluster.where("web") == set()


def test_results_of_an_old_dc_are_not_taken_for_the_new_ones(make_cluster):
    cluster = make_cluster(DUMMY)
    for name in cluster.nodes:
        cluster.hangs.add((name, "web", "stop"))
    cluster.change("modify", STOP.format("Stopped"), "resources")
    cluster.run(1)
    (home,) = cluster.where("web")
    cluster.meet(*[name for name in ("node2", "node3", "node1") if name != "node1"], "node1")
    cluster.run(60)
    assert cluster.nodes["node2"].controller.is_dc
    assert cluster.dc.state == "S_IDLE"
    assert cluster.attribute(home, "fail-count-web#stop_0") == "INFINITY"
