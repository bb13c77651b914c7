"""What clients ask for, in whole clusters of real components."""

from __future__ import annotations

from hashell.wire.messages import (
    CleanUp,
    Done,
    FailResource,
    Failure,
    Fence,
    ForgetNode,
    SetAttribute,
    StopNode,
    WaitIdle,
)
from hashelld.core.events import ClientAsked

DUMMY = """<primitive id="web" class="ocf" provider="test" type="Dummy"><operations>
<op id="web-m" name="monitor" interval="10s"/></operations></primitive>"""


def ask(cluster, node, body, seconds=5):
    """The answer to a client of a node."""
    before = len(cluster.replies)
    cluster.tell(node, ClientAsked(7, "root", body))
    cluster.run(seconds)
    (reply,) = cluster.replies[before:]
    assert reply[0] == 7
    return reply[1]


def test_cleaning_up_forgets_the_failures_and_looks_afresh(make_cluster):
    cluster = make_cluster(DUMMY)
    (home,) = cluster.where("web")
    cluster.active["web"].clear()
    cluster.run(20)
    assert cluster.attribute(home, "fail-count-web#monitor_10000") == "1"
    assert cluster.entry(home, "web_last_failure_0")
    before = len(cluster.calls)
    assert isinstance(ask(cluster, "node2", CleanUp(resource="web")), Done)
    assert cluster.attribute(home, "fail-count-web#monitor_10000") is None
    # What stands there now is the probe that found it running, not the failed monitor.
    assert cluster.entry(home, "web_last_failure_0")["operation_key"] == "web_monitor_0"
    assert cluster.entry(home, "web_last_failure_0")["rc-code"] == "0"
    assert cluster.where("web") == {home}
    assert (home, "web", "monitor") in cluster.calls[before:]
    assert (home, "web", "start") not in cluster.calls[before:]
    assert cluster.entry(home, "web_monitor_10000")["rc-code"] == "0"


def test_nothing_to_clean_up_is_said_and_does_nothing(make_cluster):
    cluster = make_cluster(DUMMY)
    before = len(cluster.calls)
    answer = ask(cluster, "node2", CleanUp(resource="web"), 2)
    assert answer == Done("nothing was to clean up")
    assert not [c for c in cluster.calls[before:] if c[2] != "monitor"]


def test_a_refresh_probes_everywhere_again_and_keeps_the_resource(make_cluster):
    cluster = make_cluster(DUMMY)
    home = cluster.where("web")
    before = len(cluster.calls)
    assert isinstance(ask(cluster, "node1", CleanUp(refresh=True)), Done)
    again = cluster.calls[before:]
    assert {c[0] for c in again if c[2] == "monitor"} == {"node1", "node2", "node3"}
    assert cluster.where("web") == home
    assert not [c for c in again if c[2] in ("start", "stop")]


def test_an_unknown_resource_or_node_is_refused_by_name(make_cluster):
    cluster = make_cluster(DUMMY)
    for body, name in (
        (CleanUp(resource="nope"), "nope"), (CleanUp(resource="web", node="nobody"), "nobody"),
        (FailResource("nope", "node1"), "nope"), (StopNode("nobody"), "nobody"),
        (ForgetNode("nobody"), "nobody"), (SetAttribute("nobody", "a", "1"), "nobody"),
        (Fence("nobody"), "nobody"),
    ):
        answer = ask(cluster, "node1", body, 1)
        assert isinstance(answer, Failure), body
        assert name in answer.message


def test_a_failure_that_is_only_told_recovers_the_resource(make_cluster):
    cluster = make_cluster(DUMMY)
    (home,) = cluster.where("web")
    before = len(cluster.calls)
    assert isinstance(ask(cluster, "node3", FailResource("web", home)), Done)
    assert [c[2] for c in cluster.calls[before:] if c[2] != "monitor"] == ["stop", "start"]
    assert cluster.attribute(home, "fail-count-web#asyncmon_0") == "1"


def test_waiting_ends_when_the_work_is_done_and_not_before(make_cluster):
    cluster = make_cluster(DUMMY)
    cluster.hangs.add(("node1", "web", "stop"))
    cluster.hangs.add(("node2", "web", "stop"))
    cluster.hangs.add(("node3", "web", "stop"))
    cluster.change("modify", "<primitive id='web'><meta_attributes id='m'>"
                   "<nvpair id='m-r' name='target-role' value='Stopped'/></meta_attributes>"
                   "</primitive>", "resources")
    cluster.tell("node3", ClientAsked(7, "root", WaitIdle(60_000)))
    cluster.run(10)
    assert cluster.replies == []
    cluster.run(30)
    assert cluster.replies == [(7, Done())]


def test_waiting_ends_with_an_error_when_time_is_up(make_cluster):
    cluster = make_cluster(DUMMY)
    for name in cluster.nodes:
        cluster.hangs.add((name, "web", "stop"))
    cluster.change("modify", "<primitive id='web'><meta_attributes id='m'>"
                   "<nvpair id='m-r' name='target-role' value='Stopped'/></meta_attributes>"
                   "</primitive>", "resources")
    answer = ask(cluster, "node2", WaitIdle(5_000), 10)
    assert isinstance(answer, Failure)
    assert answer.exit_code == 124


def test_waiting_survives_the_loss_of_the_dc(make_cluster):
    cluster = make_cluster(DUMMY)
    for name in cluster.nodes:
        cluster.hangs.add((name, "web", "stop"))
    cluster.change("modify", "<primitive id='web'><meta_attributes id='m'>"
                   "<nvpair id='m-r' name='target-role' value='Stopped'/></meta_attributes>"
                   "</primitive>", "resources")
    cluster.tell("node3", ClientAsked(7, "root", WaitIdle(100_000)))
    cluster.run(2)
    cluster.kill("node1")
    cluster.meet("node2", "node3")
    cluster.run(60)
    assert cluster.replies == [(7, Done())]


def test_a_client_stops_another_node_cleanly_and_then_forgets_it(make_cluster):
    cluster = make_cluster(DUMMY)
    assert isinstance(ask(cluster, "node1", ForgetNode("node3"), 1), Failure)
    assert isinstance(ask(cluster, "node1", StopNode("node3")), Done)
    assert cluster.nodes["node3"].left.clean
    cluster.meet("node1", "node2", left=["node3"])
    cluster.run(5)
    state = cluster.cib.root.find("status/node_state[@uname='node3']")
    assert (state.get("in_ccm"), state.get("expected")) == ("false", "down")
    assert cluster.attribute("node3", "shutdown") is None
    assert isinstance(ask(cluster, "node1", ForgetNode("node3")), Done)
    assert cluster.cib.root.find(".//*[@uname='node3']") is None


def test_attributes_are_set_counted_dampened_and_removed(make_cluster):
    cluster = make_cluster(DUMMY)
    assert ask(cluster, "node1", SetAttribute("node2", "pingd", "100"), 1) == Done()
    assert cluster.attribute("node2", "pingd") == "100"
    ask(cluster, "node3", SetAttribute("node2", "pingd", "value++"), 1)
    assert cluster.attribute("node2", "pingd") == "101"
    ask(cluster, "node1", SetAttribute("node1", "load", "1", dampening_ms=3000), 1)
    assert cluster.attribute("node1", "load") is None
    ask(cluster, "node1", SetAttribute("node1", "load", "2", dampening_ms=3000), 1)
    cluster.run(4)
    assert cluster.attribute("node1", "load") == "2"
    ask(cluster, "node1", SetAttribute("node2", "pingd", None), 1)
    assert cluster.attribute("node2", "pingd") is None


def test_a_client_fences_a_node_and_hears_when_it_is_done(make_cluster):
    device = """<primitive id="fence" class="stonith" type="fence_test"><instance_attributes id="f-i">
<nvpair id="f-1" name="pcmk_host_list" value="node1 node2 node3"/></instance_attributes></primitive>"""
    cluster = make_cluster(DUMMY + device, options={"stonith-enabled": "true"})
    answer = ask(cluster, "node1", Fence("node3", "off"), 2)
    assert isinstance(answer, Done)
    assert ("fence_test:off", "node3") in cluster.fenced


def test_a_person_vouches_for_a_node_that_is_gone_but_not_for_a_member(make_cluster):
    device = """<primitive id="fence" class="stonith" type="fence_test"><instance_attributes id="f-i">
<nvpair id="f-1" name="pcmk_host_list" value="node1 node2 node3"/></instance_attributes></primitive>"""
    cluster = make_cluster(DUMMY + device, options={"stonith-enabled": "true"})
    (home,) = cluster.where("web")
    others = [name for name in cluster.nodes if name != home]
    for name in others:
        cluster.broken[name, "fence_test", "reboot"] = 1
    assert isinstance(ask(cluster, others[0], Fence(home, confirm=True), 1), Failure)
    cluster.meet(*others)
    cluster.run(20)
    assert cluster.where("web") == {home}
    cluster.kill(home)
    assert isinstance(ask(cluster, others[0], Fence(home, "off", confirm=True), 90), Done)
    assert cluster.where("web") and cluster.where("web") <= set(others)


def test_what_runs_while_its_resource_is_forgotten_ends_for_the_transition_too(make_cluster):
    cluster = make_cluster(DUMMY)
    (home,) = cluster.where("web")
    cluster.active["web"].clear()
    for node in cluster.nodes:
        cluster.hangs.add((node, "web", "stop"))
    before = len(cluster.calls)
    cluster.run(12)
    assert (home, "web", "stop") in cluster.calls[before:]
    cluster.hangs.clear()
    assert isinstance(ask(cluster, "node1", CleanUp("web", refresh=True)), Done)
    # The stop has 20 s; what watches over an action that says nothing lets 60 s more go by.
    cluster.run(25)
    assert isinstance(ask(cluster, "node1", WaitIdle(5_000), 6), Done)
    assert len(cluster.where("web")) == 1
