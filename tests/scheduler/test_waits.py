"""Why one action comes before another: every relation keeps its reason, and it is told in words."""

from __future__ import annotations

import pytest

from hashell.cib.files import load_cib
from hashell.scheduler.schedule import Wanted
from hashell.scheduler.waits import _IMPLIED, Waits
from hashell.simulate.run import decide, with_status
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import Cluster, clone, device, group, operation, primitive

CASES = SHARED / "scheduler-corpus" / "xml"
#: Every so many-th recorded case is looked at.
STEP = 6
ORDER = '<rsc_order id="o" first="a" then="b"/>'
TWO = primitive("a") + primitive("b")
CLUSTERS = {
    "an order": Cluster(TWO, ORDER),
    "a group": Cluster(group("g", primitive("a"), primitive("b"))),
    "clones that follow one another": Cluster(
        clone("k", primitive("a"), interleave="true") + clone("m", primitive("b"), interleave="true"),
        '<rsc_order id="o" first="k" then="m"/>',
    ),
    "instances that are told": Cluster(
        clone("k", primitive("a", operation("a", "monitor", "10s"), agent="Stateful"), promotable="true", notify="true")
    ),
    "a lost node": Cluster(device() + TWO, ORDER, {"fencing_enabled": "true"})
    .settled()
    .with_status('uname="node1" in_ccm="true"', 'uname="node1" in_ccm="false"'),
    "a move": Cluster(TWO, ORDER).settled().but(attributes={"node1": {"standby": "on"}, "node2": {"standby": "on"}}),
}


def waits(cluster, resource):
    decision = cluster.decide(reasons=True)
    return Waits(decision.state, decision.schedule).of(resource)


def causes(cluster, resource, task):
    return [
        (cause.text, cause.why) for wait in waits(cluster, resource) if wait.text.startswith(task)
        for cause in wait.causes
    ]


def unexplained(cib, now_s):
    """Relations without a reason, and words for which there is no sentence."""
    schedule = decide(cib, now_s, 1, Wanted(reasons=True)).schedule
    known = {one.get("id") for one in cib.root.iterfind("configuration/constraints/*")} | set(_IMPLIED)
    keys = {action.id: action.key for action in schedule.actions}
    return [
        (keys[one.first], keys[one.then], one.why) for one in schedule.relations
        if not one.why or not set(one.why) <= known
    ]


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_relation_between_actions_has_a_reason(name):
    assert unexplained(CLUSTERS[name].cib(), CLUSTERS[name].now_s) == []


@pytest.mark.skipif(not CASES.is_dir(), reason="recorded cases are not beside the checkout")
def test_every_relation_of_recorded_cases_has_a_reason():
    looked = 0
    for path in sorted(CASES.glob("*.xml"))[::STEP]:
        cib = with_status(load_cib(path))
        assert unexplained(cib, float(cib.root.get("execution-date") or 1_704_067_200)) == [], path.name
        looked += 1
    assert looked > 50


def test_what_waits_for_nothing_is_not_asked_for_reasons():
    assert CLUSTERS["an order"].decide().schedule.relations == ()


def test_a_start_names_the_constraint_that_makes_it_wait():
    told = causes(CLUSTERS["an order"], "b", "start")
    assert ("start of a on node1", "order constraint o") in told
    assert any(why.startswith("first the cluster looks") for _, why in told)


def test_instances_name_what_their_clone_waits_for():
    told = causes(CLUSTERS["clones that follow one another"], "b:0", "start")
    assert ("start of a:0 on node1", "order constraint o") in told, told


def test_what_moves_stops_first_and_in_order():
    told = causes(CLUSTERS["a move"], "b", "start")
    assert any(text.startswith("stop of b on ") and "stops before it starts" in why for text, why in told), told
    assert any(text.startswith("start of a on ") and "order constraint o" in why for text, why in told), told


def test_what_ran_on_a_lost_node_waits_for_its_fencing():
    told = causes(CLUSTERS["a lost node"], "a", "start")
    assert ("fencing of node1", "the node must have been fenced") in told, told


def test_what_cannot_be_done_names_where_that_begins():
    cluster = Cluster(
        primitive("a", target_role="Stopped") + primitive("b") + primitive("c"),
        ORDER + '<rsc_order id="p" first="b" then="c"/>',
    )
    (wait,) = (one for one in waits(cluster, "c") if not one.possible)
    assert [(cause.text.split(" on ")[0], cause.constraints) for cause in wait.causes] == [("start of b", ("p",))]
    assert wait.root.startswith("start of a")
