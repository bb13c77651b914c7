"""What would have to change for a resource to run on a node: done on paper, it does."""

from __future__ import annotations

import random

import pytest

from hashell.cib.document import Cib
from hashell.cib.files import load_cib
from hashell.scheduler.why import instances, runs_next
from hashell.simulate.remedy import apply_edit, remedy
from hashell.simulate.run import decide, with_status
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import NOW_S, Cluster, clone, group, operation, pairs, primitive

CASES, FUZZ = SHARED / "scheduler-corpus" / "xml", SHARED / "scheduler-fuzz" / "xml"
#: Every so many-th recorded case is looked at, and none that takes long; pairs of resource and node in each.
STEP, BYTES_MAX, PAIRS = 24, 60_000, 2
#: What is found for at least so many of them. The rest has no place there by what it is (parts of bundles, guests in
#: guests, nodes that wait to be fenced).
SHARE_LEAST = 0.8
TWO = primitive("a") + primitive("b")


def location(resource, node, score="-INFINITY", ident="l", more=""):
    return f'<rsc_location id="{ident}" rsc="{resource}" node="{node}" score="{score}" {more}/>'


def colocation(dependent, primary, score="INFINITY", ident="c"):
    return f'<rsc_colocation id="{ident}" rsc="{dependent}" with-rsc="{primary}" score="{score}"/>'


def is_there(cib, now_s, name, node):
    decision = decide(cib, now_s)
    return any(
        decision.schedule.placements.get(one) == node and runs_next(decision.state, decision.schedule, one)
        for one in instances(decision.state, name)
    )


def changed(cib, changes):
    root = cib.copy_root()
    for way in changes:
        for edit in way.edits:
            apply_edit(root, edit)
    return Cib(root)


#: A cluster, a resource, a node, and words of what has to change.
MENDED = {
    "stickiness": (
        Cluster(primitive("a", resource_stickiness="7")).settled(), "a", "node2", ["at least 8 more points"],
    ),
    "stickiness without end": (
        Cluster(primitive("a", resource_stickiness="INFINITY")).settled(), "a", "node2", ["(INFINITY): stickiness"],
    ),
    "a demand": (
        Cluster(TWO, location("a", "node1", "INFINITY")), "a", "node2", ["location constraint l prefers node1"],
    ),
    "a ban": (Cluster(TWO, location("a", "node2")), "a", "node2", ["remove or change l"]),
    "a colocation": (Cluster(TWO, colocation("b", "a") + location("a", "node1", "9")), "b", "node2", ["remove c"]),
    "apart": (
        Cluster(TWO, colocation("b", "a", "-INFINITY") + location("a", "node2", "9")), "b", "node2",
        ["remove or weaken c"],
    ),
    "a group": (
        Cluster(group("g", primitive("a"), primitive("b"))).settled(), "b", "node3", ["at least 1 more points"],
    ),
    "standby": (
        Cluster(primitive("a"), attributes={"node2": {"standby": "on"}}).settled(), "a", "node2",
        ["in standby", "points"],
    ),
    "a lost node": (Cluster(primitive("a"), down=("node2",)), "a", "node2", ["offline", "points"]),
    "failures": (
        Cluster(primitive("a", operation("a", "monitor", "10s"), migration_threshold="1")).settled().with_attribute(
            "node1", "fail-count-a#monitor_10000", "1"
        ),
        "a", "node1", ["clean up the failures"],
    ),
    "a disabled resource": (Cluster(primitive("a", target_role="Stopped")), "a", "node1", ["target-role"]),
    "a ticket": (
        Cluster(primitive("a"), '<rsc_ticket id="t" rsc="a" ticket="east"/>'), "a", "node1", ["grant the ticket"],
    ),
    "an asymmetric cluster": (
        Cluster(TWO, location("a", "node1", "0"), {"symmetric_cluster": "false"}), "a", "node2",
        ["no constraint allows"],
    ),
    "exclusive discovery": (
        Cluster(TWO, location("a", "node1", "0", more='resource-discovery="exclusive"')), "a", "node2",
        ["name the node in a constraint with resource-discovery=exclusive"],
    ),
    "capacity": (
        Cluster(
            primitive("a", pairs("utilization", "u", {"cpu": "3"})), options={"placement_strategy": "utilization"},
            capacity={"node1": {"cpu": "4"}},
        ),
        "a", "node2", ["free or add capacity"],
    ),
    "health": (
        Cluster(primitive("a"), options={"node_health_strategy": "migrate-on-red"}).settled().with_attribute(
            "node2", "#health-x", "red"
        ),
        "a", "node2", ["make the node healthy again"],
    ),
    "what has to be first cannot": (
        Cluster(primitive("a", target_role="Stopped") + primitive("b"), '<rsc_order id="o" first="a" then="b"/>'),
        "b", "node1", ["order constraint o"],
    ),
    "not managed": (
        Cluster(primitive("a", is_managed="false")).settled().but(resources=primitive("a", is_managed="false")), "a",
        "node2", [],
    ),
    "an instance": (Cluster(clone("k", primitive("a"), clone_max="1")), "a:0", "node3", ["more points"]),
}


@pytest.mark.parametrize("name", MENDED)
def test_what_is_proposed_brings_the_resource_to_the_node(name):
    cluster, resource, node, words = MENDED[name]
    found = remedy(cluster.cib(), resource, node, NOW_S)
    assert found.works
    told = [way.text for way in found.changes]
    assert all(any(word in text for text in told) for word in words), told
    assert is_there(changed(cluster.cib(), found.changes), NOW_S, resource.partition(":")[0], node)


@pytest.mark.parametrize("name", MENDED)
def test_nothing_of_what_is_proposed_can_be_spared(name):
    cluster, resource, node, _words = MENDED[name]
    found = remedy(cluster.cib(), resource, node, NOW_S)
    for left_out in found.changes:
        rest = [one for one in found.changes if one is not left_out]
        assert not is_there(changed(cluster.cib(), rest), NOW_S, resource.partition(":")[0], node), left_out.text
    for way in found.changes:
        if 1 < way.points < 1_000_000:
            (edit,) = way.edits
            fewer = [one for one in found.changes if one is not way]
            root = changed(cluster.cib(), fewer).copy_root()
            apply_edit(root, type(edit)(edit.what, edit.name, edit.node, str(way.points - 1)))
            assert not is_there(Cib(root), NOW_S, resource.partition(":")[0], node)


def test_what_is_there_already_needs_nothing():
    found = remedy(Cluster(primitive("a")).settled().cib(), "a", "node1", NOW_S)
    assert (found.works, found.changes) == (True, ())


def recorded():
    for folder in (CASES, FUZZ):
        for path in sorted(folder.glob("*.xml"))[::STEP]:
            if path.stat().st_size < BYTES_MAX:
                cib = with_status(load_cib(path))
                yield path.stem, cib, float(cib.root.get("execution-date") or 1_704_067_200)


@pytest.mark.skipif(not CASES.is_dir(), reason="recorded cases are not beside the checkout")
def test_what_is_proposed_for_recorded_cases_does_what_it_says():
    asked = worked = 0
    for name, cib, now_s in recorded():
        rng = random.Random(name)
        decision = decide(cib, now_s)
        primitives = [one for one in decision.state.by_id.values() if not one.children and not one.removed]
        nodes = [one.name for one in decision.state.nodes.values()]
        for _ in range(PAIRS if primitives else 0):
            resource, node = rng.choice(primitives), rng.choice(nodes)
            if is_there(cib, now_s, resource.config.id, node):
                continue
            found = remedy(cib, resource.id, node, now_s)
            asked += 1
            worked += found.works
            if found.works:
                assert found.changes
                assert is_there(changed(cib, found.changes), now_s, resource.config.id, node), (name, resource.id, node)
    assert asked > 40
    assert worked >= asked * SHARE_LEAST
