"""Trees of wishes give what walking along all colocations gives, on any small cluster."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.scheduler.colocation import spread, tables, wishes
from hashell.simulate import run
from hashell.testing.clusters import Cluster, clone, group, primitive
from hashell.transition.xml import graph_to_xml
from hashell.values.scores import INFINITY

NODES = ("node1", "node2", "node3", "node4")
SCORES = ("INFINITY", "-INFINITY", "1000", "500", "30", "7", "-30", "-2000", "400000", "-900000")
SITES = {"node1": {"site": "a"}, "node2": {"site": "a"}, "node3": {"site": "b"}}


def random_cluster(seed: int) -> Cluster:
    """Primitives, groups, clones and promotable clones, tied to one another at random, also in circles."""
    dice = random.Random(seed)
    names, parts = [], []
    for n in range(dice.randint(3, 8)):
        stick = {"resource_stickiness": dice.choice(("0", "1", "100", "5000"))}
        kind = dice.randrange(4)
        if kind == 0:
            parts.append(primitive(f"p{n}", **stick))
            names.append(f"p{n}")
        elif kind == 1:
            members = [primitive(f"m{n}{k}", **stick) for k in range(dice.randint(1, 3))]
            parts.append(group(f"g{n}", *members))
            names += [f"g{n}", f"m{n}0"]
        else:
            more = {"promotable": "true"} if kind == 3 else {}
            inside = primitive(f"c{n}p", agent="Stateful" if more else "Dummy", **stick)
            parts.append(clone(f"c{n}", inside, interleave=dice.choice(("true", "false")), **more))
            names.append(f"c{n}")
    rules = []
    for n in range(dice.randint(2, 10)):
        one, other = dice.sample(names, 2)
        words = f' influence="{dice.choice(("true", "false"))}"' if dice.random() < 0.2 else ""
        if dice.random() < 0.2:
            words += ' node-attribute="site"'
        if dice.random() < 0.2 and other.startswith("c"):
            words += ' with-rsc-role="Promoted"'
        rules.append(
            f'<rsc_colocation id="c{n}" rsc="{one}" with-rsc="{other}" score="{dice.choice(SCORES)}"{words}/>'
        )
    if dice.random() < 0.3:
        # The same said again and again.
        rules += [rule.replace(' id="', f' id="again{n}') for n, rule in enumerate(dice.choices(rules, k=4))]
    for n in range(dice.randint(0, 6)):
        rules.append(
            f'<rsc_location id="l{n}" rsc="{dice.choice(names)}" node="{dice.choice(NODES)}"'
            f' score="{dice.choice(SCORES)}"/>'
        )
    down = tuple(name for name in NODES[1:] if dice.random() < 0.15)
    return Cluster("".join(parts), "".join(rules), nodes=NODES, attributes=SITES, down=down)


def told(cluster: Cluster) -> tuple[object, ...]:
    """The graph, all points that are shown, and each change of points with its reason."""
    decision = cluster.decide(scores=True)
    schedule = decision.schedule
    return graph_to_xml(decision.graph), schedule.lines, schedule.placements, list(schedule.score_changes)


def both_ways(cluster: Cluster) -> tuple[tuple[object, ...], tuple[object, ...]]:
    trees = told(cluster)
    with pytest.MonkeyPatch.context() as patch:
        # Without a tree it is the walk that decides.
        patch.setattr(wishes, "_wish", lambda *_: wishes.Wish(None, set()))
        return trees, told(cluster)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**9), running=st.booleans())
def test_trees_give_what_the_walk_gives(seed, running):
    cluster = random_cluster(seed)
    if running:
        decision = cluster.decide()
        status = run.walk(decision, clock_s=cluster.now_s - 1000).cib.status
        cluster = cluster.but(status="".join(etree.tostring(state, encoding="unicode") for state in status))
    by_tree, by_walk = both_ways(cluster)
    assert by_tree == by_walk


def test_one_tree_serves_a_clone_and_another_all_its_instances():
    apps = "".join(primitive(f"a{n}") for n in range(3))
    follow = "".join(
        f'<rsc_colocation id="c{n}" rsc="a{n}" with-rsc="base" score="INFINITY"/>' for n in range(3)
    )
    cluster = Cluster(clone("base", primitive("b")) + apps, follow)
    written = []
    write = wishes._Writer._write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            wishes._Writer, "_write", lambda self, key, source: written.append(key[0].id) or write(self, key, source)
        )
        cluster.decide()
    assert sorted(written) == ["c0", "c0", "c1", "c1", "c2", "c2"]


def test_what_was_written_of_a_part_of_the_way_serves_all_walks_that_come_along_there():
    chain = "".join(primitive(f"a{n}") for n in range(6))
    follow = "".join(
        f'<rsc_colocation id="c{n}" rsc="a{n}" with-rsc="a{n - 1}" score="INFINITY"/>' for n in range(1, 6)
    )
    written = []
    write = wishes._Writer._write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            wishes._Writer, "_write", lambda self, key, source: written.append(key[0].id) or write(self, key, source)
        )
        Cluster(chain, follow).decide()
    assert sorted(written) == ["c1", "c2", "c3", "c4", "c5"]


def test_what_is_said_many_times_is_written_once_also_in_a_circle():
    apart = "".join(
        f'<rsc_colocation id="{one}{other}{n}" rsc="{one}" with-rsc="{other}" score="-1000"/>'
        for n in range(20) for one, other in (("a", "b"), ("b", "c"), ("c", "a"), ("b", "a"), ("c", "b"), ("a", "c"))
    )
    written = []
    write = wishes._Writer._write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            wishes._Writer, "_write", lambda self, key, source: written.append(key[0].id) or write(self, key, source)
        )
        Cluster("".join(map(primitive, "abc")), apart).decide()
    assert 0 < len(written) < 2_000


NAMES = ("1", "2", "3")
POINTS = st.sampled_from((-INFINITY, -700_000, -5, 0, 1, 20, 900_000, INFINITY))


def steps(children):
    changes = st.dictionaries(st.sampled_from(NAMES), POINTS.filter(bool), max_size=3)
    return st.builds(tables.Step, changes.map(lambda found: tuple(found.items())), children)


TREES = steps(st.recursive(
    st.just(()), lambda below: st.lists(steps(below), min_size=1, max_size=3).map(tuple), max_leaves=12
))


BITS = {"1": 1, "2": 2, "3": 4}


@settings(max_examples=200, deadline=None)
@given(
    trees=st.lists(TREES, min_size=1, max_size=3), nodes=st.dictionaries(st.sampled_from(NAMES), POINTS, min_size=1),
    barred=st.sets(st.sampled_from(NAMES)),
)
def test_lists_of_steps_give_what_whole_trees_give_one_after_another(trees, nodes, barred):
    runnable = {name: name not in barred for name in NAMES}
    whole = nodes
    for tree in trees:
        whole = tables.add_tree(tree, dict(whole), runnable, spread.ACTIVE)
    stages = [stage for tree in trees for stage in tree.stages(BITS)]
    bits = sum(bit for name, bit in BITS.items() if runnable[name])
    assert tables.run_stages(stages, nodes, BITS, bits)[0] == whole


@settings(max_examples=300, deadline=None)
@given(
    tree=TREES, tables_of_points=st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, POINTS)), min_size=2, max_size=5),
    bits=st.sampled_from((7, 7, 5)),
)
def test_a_run_tells_of_tables_like_its_own_what_they_become(tree, tables_of_points, bits):
    _, run = tables.run_stages(tree.stages(BITS), tables_of_points[0], BITS, bits)
    for nodes in tables_of_points[1:]:
        told = run.again(nodes, BITS, bits)
        if told is not None:
            assert told[0] == tables.run_stages(tree.stages(BITS), nodes, BITS, bits)[0]
            run = told[1]


@settings(max_examples=200, deadline=None)
@given(tree=TREES, name=st.sampled_from(NAMES), points=POINTS, flags=st.sampled_from((0, 1, 2, 3)))
def test_a_node_alone_gets_what_the_whole_tree_gives_it(tree, name, points, flags):
    whole = tables.add_tree(tree, {name: points}, dict.fromkeys(NAMES, True), flags)
    if points >= 0:
        assert tables.add_alone(tree.stages(BITS), BITS[name], points, flags) == whole[name]
