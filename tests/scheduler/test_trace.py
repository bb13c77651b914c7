"""The terms of a resource's points add up to what crm_simulate shows, and say where they come from."""

from __future__ import annotations

import pytest

from hashell.cib.files import load_cib
from hashell.scheduler.explain import PromotionLine, ScoreLine
from hashell.scheduler.schedule import Wanted
from hashell.scheduler.trace import sum_up, trace
from hashell.scheduler.why import instances, tell
from hashell.simulate.run import decide, with_status
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import Cluster, clone, device, group, operation, pairs, primitive

CASES = SHARED / "scheduler-corpus" / "xml"
FUZZ = SHARED / "scheduler-fuzz" / "xml"
#: The recorded cases are looked at in so many parts, so that several can go on at a time.
PARTS = 8
TWO = primitive("a") + primitive("b")


def location(resource, node, score, ident="l", more=""):
    return f'<rsc_location id="{ident}" rsc="{resource}" node="{node}" score="{score}" {more}/>'


def colocation(dependent, primary, score="INFINITY", ident="c", more=""):
    return f'<rsc_colocation id="{ident}" rsc="{dependent}" with-rsc="{primary}" score="{score}" {more}/>'


def shown(schedule):
    """Resource → the tables of points that are shown of it, in order. A new one begins with another stage, or with a
    node that comes again.
    """
    found, stages = {}, {}
    for line in schedule.lines:
        if isinstance(line, ScoreLine):
            tables = found.setdefault(line.resource, [])
            if stages.get(line.resource) != line.stage or line.node in tables[-1]:
                tables.append({})
            stages[line.resource] = line.stage
            tables[-1][line.node] = line.score
    return found


def wrong_sums(cib, now_s):
    """Resource, points shown, points added up: where they differ; points for promotion, too."""
    decision = decide(cib, now_s, 1, Wanted(scores=True))
    traces = trace(decision.state, decision.schedule.placements)
    wrong = []
    for resource, tables in shown(decision.schedule).items():
        one = traces[resource]
        sums = [{node: one.total(node, stage) for node in stage.shown} for stage in one.stages]
        last = {node: one.total(node) for node in one.shown}
        if sums != tables or last != tables[-1]:
            wrong.append((resource, tables, sums, last))
    for line in decision.schedule.lines:
        if isinstance(line, PromotionLine) and sum_up(line.terms) != line.score:
            wrong.append((line.resource, line.score, line.terms))
    return wrong


def why(cluster, resource, node=""):
    decision = cluster.decide(scores=True, reasons=True)
    return tell(decision.state, decision.schedule, trace(decision.state, [resource]), resource, node)


def on(cluster, resource, node):
    (one,) = why(cluster, resource, node).nodes
    return one


CLUSTERS = {
    "stickiness and locations": Cluster(primitive("a", resource_stickiness="7") + primitive("b"))
    .settled()
    .but(
        constraints=location("a", "node2", "5") + location("a", "node3", "-INFINITY", "m"),
    ),
    "colocations": Cluster(
        TWO + primitive("d"), colocation("b", "a") + colocation("d", "a", "-50", "e") + location("b", "node2", "9")
    ),
    "a wish that would leave nothing": Cluster(
        TWO,
        colocation("b", "a", "-500")
        + "".join(location("b", f"node{n}", "-INFINITY", f"l{n}") for n in (2, 3))
        + location("a", "node1", "9", "h"),
    ),
    "a group": Cluster(group("g", primitive("a"), primitive("b")), location("g", "node2", "5")),
    "a clone": Cluster(
        clone("k", primitive("a")) + primitive("b"), colocation("b", "k") + location("k", "node2", "-INFINITY")
    ),
    "a clone that is full": Cluster(clone("k", primitive("a"), clone_max="2")).settled(),
    "a clone that some may leave": Cluster(clone("k", primitive("a")))
    .settled()
    .but(constraints=location("k", "node2", "-INFINITY")),
    "an asymmetric cluster": Cluster(TWO, location("b", "node2", "3"), {"symmetric_cluster": "false"}),
    "capacity": Cluster(
        primitive("a", pairs("utilization", "u", {"cpu": "3"})) + primitive("b"),
        colocation("b", "a"),
        {"placement_strategy": "utilization"},
        capacity={"node2": {"cpu": "4"}},
    ),
    "a node that is gone": Cluster(TWO, down=("node1",)),
    "sick nodes": Cluster(TWO, options={"node_health_strategy": "migrate-on-red"})
    .settled()
    .with_attribute("node1", "#health-x", "red"),
    "promotion": Cluster(
        clone("k", primitive("a", agent="Stateful"), promotable="true"),
        '<rsc_location id="r" rsc="k"><rule id="rr" role="Promoted" score="10"><expression id="e" attribute="#uname" '
        'operation="eq" value="node3"/></rule></rsc_location>',
    ).settled(),
    "tickets": Cluster(primitive("a"), '<rsc_ticket id="t" rsc="a" ticket="east"/>'),
    "exclusive discovery": Cluster(TWO, location("a", "node2", "1", more='resource-discovery="exclusive"')),
}


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_terms_add_up_to_the_points_that_are_shown(name):
    cluster = CLUSTERS[name]
    assert wrong_sums(cluster.cib(), cluster.now_s) == []


@pytest.mark.skipif(not CASES.is_dir(), reason="recorded cases are not beside the checkout")
@pytest.mark.parametrize("part", range(PARTS))
def test_the_terms_of_every_recorded_case_add_up_to_all_points_that_are_shown(part):
    looked = 0
    for path in sorted([*CASES.glob("*.xml"), *sorted(FUZZ.glob("*.xml"))[::PARTS]])[part::PARTS]:
        cib = with_status(load_cib(path))
        now_s = float(cib.root.get("execution-date") or 1_704_067_200)
        assert wrong_sums(cib, now_s) == [], path.name
        looked += 1
    assert looked > 10


def test_a_place_is_explained_term_by_term():
    here = on(CLUSTERS["stickiness and locations"], "a", "node1")
    assert [(one.points, one.kind) for one in here.summands] == [(7, "stickiness")]
    there = on(CLUSTERS["stickiness and locations"], "a", "node2")
    assert [(one.points, one.kind, one.constraint) for one in there.summands] == [(5, "location", "l")]
    assert there.ways[0].points == 3


def test_the_first_veto_is_named_and_all_of_them_stand_in_the_way():
    cluster = Cluster(
        TWO, location("b", "node1", "-INFINITY") + colocation("b", "a") + location("a", "node2", "9", "m")
    )
    one = on(cluster, "b", "node1")
    assert one.veto.constraint == "l"
    assert [way.command for way in one.ways] == ["hashell configure delete l", "hashell configure delete c"]


def test_a_rule_is_told_with_its_conditions():
    rule = (
        '<rsc_location id="l" rsc="a"><rule id="r" score="-INFINITY">'
        '<expression id="e" attribute="disk" operation="ne" value="fast"/></rule></rsc_location>'
    )
    one = on(Cluster(primitive("a"), rule), "a", "node1")
    assert (one.veto.rule, one.veto.constraint) == ("r", "l")
    assert "disk ne fast" in one.veto.text


def test_a_ban_by_command_says_how_it_is_cleared():
    one = on(Cluster(primitive("a"), location("a", "node1", "-INFINITY", "cli-ban-a-on-node1")), "a", "node1")
    assert (one.veto.kind, one.veto.way.command) == ("ban", "hashell resource clear a")


def test_the_other_side_of_a_colocation_is_named():
    one = on(Cluster(TWO, colocation("b", "a") + location("a", "node2", "9")), "b", "node1")
    assert (one.veto.kind, one.veto.other) == ("colocation", "a")
    assert "a, which runs on node2" in one.veto.text


def test_failures_that_reached_the_threshold_are_counted():
    settled = Cluster(primitive("a", operation("a", "monitor", "10s"), migration_threshold="2")).settled()
    one = on(settled.with_attribute("node1", "fail-count-a#monitor_10000", "2"), "a", "node1")
    assert one.veto.kind == "failure"
    assert "2 times" in one.veto.text
    assert one.veto.way.command == "hashell resource cleanup a node1"


def test_capacity_and_health_are_told():
    assert on(CLUSTERS["capacity"], "a", "node1").veto.kind == "utilization"
    sick = on(CLUSTERS["sick nodes"], "a", "node1")
    assert (sick.veto.kind, "#health-x=red" in sick.veto.text) == ("health", True)


def test_a_node_that_can_run_nothing_says_why():
    cluster = Cluster(TWO, attributes={"node1": {"standby": "on"}}, down=("node2",))
    assert "standby" in on(cluster, "a", "node1").obstacles[0].text
    assert "offline" in on(cluster, "a", "node2").obstacles[0].text


@pytest.mark.parametrize(
    ("cluster", "word"),
    [
        (Cluster(primitive("a", target_role="Stopped")), "target-role of a is Stopped"),
        (Cluster(group("a-group", primitive("a"), target_role="Stopped")), "target-role of a-group is Stopped"),
        (Cluster(primitive("a"), options={"stop_all_resources": "true"}), "stop-all-resources"),
        (Cluster(primitive("a"), options={"fencing_enabled": "true"}), "no fence device"),
        (Cluster(primitive("a"), quorum="0"), "no quorum"),
        (Cluster(primitive("a"), options={"maintenance_mode": "true"}), "maintenance mode"),
        (Cluster(primitive("a"), '<rsc_ticket id="t" rsc="a" ticket="east"/>'), "ticket is not granted here: east"),
        (Cluster(primitive("a"), "".join(location("a", f"node{n}", "-INFINITY", f"l{n}") for n in (1, 2, 3))), "l2"),
        (
            Cluster(primitive("a") + primitive("b", target_role="Stopped"), '<rsc_order id="o" first="b" then="a"/>'),
            "start of b has to come first, and that cannot be done (order constraint o)",
        ),
    ],
)
def test_what_is_stopped_says_why(cluster, word):
    told = why(cluster, "a")
    assert told.node == ""
    assert any(word in way.text for way in told.stopped), told.stopped


def test_what_runs_is_not_said_to_be_stopped():
    assert why(Cluster(TWO).settled(), "a").stopped == ()


def test_a_move_is_told_with_its_cause():
    settled = Cluster(primitive("a")).settled()
    told = why(settled.but(attributes={"node1": {"standby": "on"}}), "a")
    assert told.change == "it moves from node1 to node2"
    cluster = Cluster(device() + primitive("a"), options={"fencing_enabled": "true"})
    lost = cluster.settled().with_status('uname="node1" in_ccm="true"', 'uname="node1" in_ccm="false"')
    assert why(lost, "a").verdict.startswith("a ")


def test_points_for_promotion_are_explained():
    decision = CLUSTERS["promotion"].decide(scores=True)
    names = instances(decision.state, "k")
    traces = trace(decision.state, names)
    told = {
        one.promotion.node: one.promotion
        for one in (tell(decision.state, decision.schedule, traces, name) for name in names)
    }
    assert [(one.points, one.rule) for one in told["node3"].summands] == [(-1, ""), (10, "rr")]
    assert (told["node3"].points, told["node3"].note) == (9, "")
    assert (told["node1"].points, told["node1"].note) == (-1, "negative points: it is not promoted")


def test_a_name_means_all_that_is_in_it():
    state = Cluster(group("g", primitive("a"), primitive("b")) + clone("k", primitive("c"))).decide().state
    assert instances(state, "g") == ("a", "b")
    assert instances(state, "c") == ("c:0", "c:1", "c:2")
    assert instances(state, "ghost") == ()


def test_watching_changes_nothing():
    cluster = CLUSTERS["a clone"]
    before = cluster.decide(scores=True)
    traces = trace(before.state, before.schedule.placements)
    assert {name: one.node for name, one in traces.items() if name in before.schedule.placements} == dict(
        before.schedule.placements
    )
    assert cluster.decide(scores=True).schedule.lines == before.schedule.lines
