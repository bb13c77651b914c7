"""Where resources go: location, stickiness, colocation, groups, clones, capacity, nodes that are not to be used."""

from __future__ import annotations

import pytest

from hashell.testing.clusters import Cluster, clone, group, pairs, primitive

TWO = primitive("a") + primitive("b")


def location(resource, node, score, ident="l"):
    return f'<rsc_location id="{ident}" rsc="{resource}" node="{node}" score="{score}"/>'


def colocation(dependent, primary, score="INFINITY", ident="c", **more):
    words = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<rsc_colocation id="{ident}" rsc="{dependent}" with-rsc="{primary}" score="{score}"{words}/>'


def test_resources_spread_over_the_nodes():
    cluster = Cluster(TWO + primitive("c"))
    assert cluster.placements() == {"a": "node1", "b": "node2", "c": "node3"}


def test_what_runs_stays_where_it_is():
    settled = Cluster(TWO).settled()
    assert settled.changes() == []
    assert settled.tasks() == []


@pytest.mark.parametrize(("score", "node"), [("100", "node3"), ("-INFINITY", "node1"), ("INFINITY", "node3")])
def test_a_location_score_draws_or_repels(score, node):
    cluster = Cluster(primitive("a"), location("a", "node3", score))
    assert cluster.placements()["a"] == node


def test_a_wish_weaker_than_stickiness_does_not_move_a_resource():
    settled = Cluster(primitive("a", resource_stickiness="100")).settled()
    assert settled.but(constraints=location("a", "node3", "99")).changes() == []
    assert settled.but(constraints=location("a", "node3", "101")).changes() == ["Move a ( node1 -> node3 )"]


def test_a_resource_that_is_wanted_nowhere_stops():
    everywhere = "".join(location("a", f"node{n}", "-INFINITY", f"l{n}") for n in (1, 2, 3))
    assert Cluster(primitive("a"), everywhere).placements() == {"a": ""}
    assert Cluster(primitive("a")).settled().but(constraints=everywhere).changes() == [
        "Stop a ( node1 ) due to node availability"
    ]


def test_in_an_asymmetric_cluster_resources_need_a_wish():
    cluster = Cluster(TWO, location("b", "node2", "0"), {"symmetric_cluster": "false"})
    assert cluster.placements() == {"a": "", "b": "node2"}


def test_a_rule_on_node_attributes_chooses_the_node():
    rule = (
        '<rsc_location id="l" rsc="a"><rule id="r" score="-INFINITY">'
        '<expression id="e" attribute="disk" operation="ne" value="fast"/></rule></rsc_location>'
    )
    cluster = Cluster(primitive("a"), rule, attributes={"node2": {"disk": "fast"}})
    assert cluster.placements()["a"] == "node2"


def test_each_rule_of_a_constraint_counts():
    rules = (
        '<rsc_location id="l" rsc="a">'
        '<rule id="r1" score="5"><expression id="e1" attribute="#uname" operation="eq" value="node2"/></rule>'
        '<rule id="r2" score="9"><expression id="e2" attribute="#uname" operation="eq" value="node3"/></rule>'
        "</rsc_location>"
    )
    cluster = Cluster(primitive("a"), rules)
    assert (cluster.score("a", "node2"), cluster.score("a", "node3")) == (5, 9)


def test_a_rule_takes_its_score_from_a_node_attribute():
    rule = (
        '<rsc_location id="l" rsc="a"><rule id="r" score-attribute="ping">'
        '<expression id="e" attribute="ping" operation="defined"/></rule></rsc_location>'
    )
    cluster = Cluster(primitive("a"), rule, attributes={"node2": {"ping": "100"}, "node3": {"ping": "300"}})
    assert cluster.score("a", "node3") == 300
    assert cluster.placements()["a"] == "node3"


def test_a_pattern_concerns_all_resources_that_it_matches():
    pattern = '<rsc_location id="l" rsc-pattern="^web" node="node3" score="100"/>'
    cluster = Cluster(primitive("web1") + primitive("web2") + primitive("db"), pattern)
    assert cluster.placements() == {"web1": "node3", "web2": "node3", "db": "node1"}


def test_colocated_resources_share_a_node():
    cluster = Cluster(TWO, colocation("b", "a") + location("a", "node3", "10"))
    assert cluster.placements() == {"a": "node3", "b": "node3"}


def test_the_wish_of_a_dependent_counts_for_its_primary():
    cluster = Cluster(TWO, colocation("b", "a") + location("b", "node3", "10"))
    assert cluster.placements() == {"a": "node3", "b": "node3"}


def test_without_influence_the_wish_of_a_dependent_does_not_count():
    together = Cluster(TWO, colocation("b", "a", influence="false")).settled()
    cluster = together.but(constraints=together.constraints + location("b", "node3", "10"))
    assert cluster.placements() == {"a": "node1", "b": "node1"}


def test_a_dependent_waits_for_its_primary():
    cluster = Cluster(primitive("a", target_role="Stopped") + primitive("b"), colocation("b", "a"))
    assert cluster.placements() == {"a": "", "b": ""}


def test_repelling_resources_run_apart():
    cluster = Cluster(TWO, colocation("b", "a", "-INFINITY") + location("b", "node1", "1000"), nodes=("node1", "node2"))
    assert len(set(cluster.placements().values())) == 2


def test_resources_are_held_together_by_a_node_attribute():
    cluster = Cluster(
        TWO,
        colocation("b", "a", node_attribute="site") + location("a", "node3", "50") + location("b", "node1", "9", "m"),
        attributes={"node1": {"site": "x"}, "node2": {"site": "y"}, "node3": {"site": "y"}},
    )
    places = cluster.placements()
    assert places["a"] == "node3"
    assert places["b"] in ("node2", "node3")


def test_a_colocation_set_chains_its_members():
    sets = (
        '<rsc_colocation id="c" score="INFINITY"><resource_set id="s">'
        '<resource_ref id="a"/><resource_ref id="b"/><resource_ref id="d"/></resource_set></rsc_colocation>'
    )
    cluster = Cluster(TWO + primitive("d"), sets + location("d", "node2", "5"))
    assert set(cluster.placements().values()) == {"node2"}


def test_the_members_of_a_group_share_a_node():
    cluster = Cluster(group("g", primitive("a"), primitive("b")), location("g", "node2", "5"))
    assert cluster.placements() == {"g": "node2", "a": "node2", "b": "node2"}


def test_a_stopped_member_stops_those_behind_it():
    members = (primitive("a"), primitive("b", target_role="Stopped"), primitive("c"))
    places = Cluster(group("g", *members)).placements()
    assert (places["a"], places["b"], places["c"]) == ("node1", "", "")


def test_a_clone_runs_once_on_each_node():
    places = Cluster(clone("k", primitive("a"))).placements()
    assert sorted(places[f"a:{n}"] for n in range(3)) == ["node1", "node2", "node3"]


def test_clone_max_bounds_the_instances():
    assert len(Cluster(clone("k", primitive("a"), clone_max="2")).changes()) == 2


def test_a_unique_clone_may_run_twice_on_a_node():
    inside = clone("k", primitive("a"), globally_unique="true", clone_max="4", clone_node_max="2")
    places = [Cluster(inside, nodes=("node1", "node2")).placements()[f"a:{n}"] for n in range(4)]
    assert sorted(places) == ["node1", "node1", "node2", "node2"]


def test_the_priority_says_who_gets_the_last_place():
    def needs(ident):
        return pairs("utilization", f"u-{ident}", {"cpu": "2"})

    resources = primitive("a", needs("a")) + primitive("b", needs("b"), priority="10")
    cluster = Cluster(
        resources, options={"placement_strategy": "utilization"}, nodes=("node1",), capacity={"node1": {"cpu": "3"}},
    )
    assert cluster.placements() == {"a": "", "b": "node1"}


@pytest.mark.parametrize("name", ["standby", "maintenance"])
def test_a_node_that_is_not_to_be_used_gets_nothing(name):
    cluster = Cluster(TWO, attributes={"node1": {name: "true"}})
    assert "node1" not in cluster.placements().values()


def test_standby_moves_what_runs_and_maintenance_leaves_it():
    settled = Cluster(primitive("a")).settled()
    assert settled.but(attributes={"node1": {"standby": "on"}}).changes() == ["Move a ( node1 -> node2 )"]
    assert settled.but(attributes={"node1": {"maintenance": "true"}}).changes() == []


def test_sick_nodes_are_left():
    settled = Cluster(primitive("a"), options={"node_health_strategy": "migrate-on-red"}).settled()
    assert settled.with_attribute("node1", "#health-disk", "red").changes() == ["Move a ( node1 -> node2 )"]


def test_a_reference_to_nothing_is_ignored_and_told():
    cluster = Cluster(primitive("a"), location("ghost", "node1", "5") + colocation("a", "ghost", ident="c"))
    assert cluster.placements() == {"a": "node1"}
    assert cluster.decide().schedule.problems


def test_every_change_of_points_keeps_its_reason():
    settled = Cluster(primitive("a", resource_stickiness="7")).settled()
    cluster = settled.but(constraints=location("a", "node2", "5", "prefer-two"))
    changes = {(one.node, one.score) for one in cluster.decide().schedule.score_changes if one.resource == "a"}
    assert {("node1", 7), ("node2", 5)} <= changes
    assert any("prefer-two" in one.reason for one in cluster.decide().schedule.score_changes)


def test_a_tag_stands_for_its_resources():
    tags = '<tags><tag id="both"><obj_ref id="a"/><obj_ref id="b"/></tag></tags>'
    cluster = Cluster(TWO, location("both", "node3", "5"), more=tags)
    assert set(cluster.placements().values()) == {"node3"}


def test_a_template_gives_what_its_resources_leave_out():
    template = (
        '<template id="t" class="ocf" provider="heartbeat" type="Dummy">'
        f'{pairs("meta_attributes", "t-meta", {"target-role": "Stopped"})}</template>'
    )
    assert Cluster(template + '<primitive id="a" template="t"/>').placements() == {"a": ""}


def test_a_resource_that_a_repelling_set_names_twice_is_repelled_from_those_before_its_first_place():
    sets = (
        '<rsc_colocation id="c" score="-10"><resource_set id="s"><resource_ref id="a"/><resource_ref id="b"/>'
        '<resource_ref id="a"/><resource_ref id="a"/></resource_set></rsc_colocation>'
    )
    cluster = Cluster(TWO, sets, nodes=("node1", "node2"))
    assert sorted(cluster.score("b", node) for node in cluster.nodes) == [-10, 0]
