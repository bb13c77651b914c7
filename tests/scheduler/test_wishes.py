"""Trees of wishes give what walking along all colocations gives, on any small cluster."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.scheduler.colocation import spread, wishes
from hashell.scheduler.variants import instances, promotable
from hashell.simulate import run
from hashell.testing.clusters import Cluster, clone, group, primitive
from hashell.transition.xml import graph_to_xml
from hashell.values.scores import INFINITY

NODES = ("node1", "node2", "node3", "node4")
SCORES = ("INFINITY", "-INFINITY", "1000", "500", "30", "7", "-30", "-2000", "400000", "-900000")
SITES = {"node1": {"site": "a"}, "node2": {"site": "a"}, "node3": {"site": "b"}}


def walk(source, target, nodes, colocation, flags):
    """What a tree stands for: the walk itself."""
    return source.spread_scores(target, nodes, colocation, spread.factor_of(colocation), flags) or nodes


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
    for n in range(dice.randint(0, 6)):
        rules.append(
            f'<rsc_location id="l{n}" rsc="{dice.choice(names)}" node="{dice.choice(NODES)}"'
            f' score="{dice.choice(SCORES)}"/>'
        )
    down = tuple(name for name in NODES[1:] if dice.random() < 0.15)
    return Cluster("".join(parts), "".join(rules), nodes=NODES, attributes=SITES, down=down)


def told(cluster: Cluster) -> tuple[object, ...]:
    """The graph, and all points that are shown."""
    decision = cluster.decide(scores=True)
    return graph_to_xml(decision.graph), decision.schedule.lines, decision.schedule.placements


def both_ways(cluster: Cluster, few_uses: int) -> tuple[tuple[object, ...], tuple[object, ...]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wishes, "_FEW_USES", few_uses)
        trees = told(cluster)
        for module in (wishes, instances, promotable):
            patch.setattr(module, "spread_wish", walk)
        return trees, told(cluster)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9), few_uses=st.sampled_from((-1, 0, 10**6)), running=st.booleans())
def test_trees_give_what_the_walk_gives(seed, few_uses, running):
    cluster = random_cluster(seed)
    if running:
        decision = cluster.decide()
        status = run.walk(decision, clock_s=cluster.now_s - 1000).cib.status
        cluster = cluster.but(status="".join(etree.tostring(state, encoding="unicode") for state in status))
    by_tree, by_walk = both_ways(cluster, few_uses)
    assert by_tree == by_walk


def test_one_tree_serves_a_clone_and_another_all_its_instances():
    apps = "".join(primitive(f"a{n}") for n in range(3))
    follow = "".join(
        f'<rsc_colocation id="c{n}" rsc="a{n}" with-rsc="base" score="INFINITY"/>' for n in range(3)
    )
    cluster = Cluster(clone("base", primitive("b")) + apps, follow)
    written = []
    write = wishes._Writer.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            wishes._Writer, "write", lambda self, *words: written.append(words[1].id) or write(self, *words)
        )
        cluster.decide()
    assert sorted(written) == ["c0", "c0", "c1", "c1", "c2", "c2"]


NAMES = ("1", "2", "3")
POINTS = st.sampled_from((-INFINITY, -700_000, -5, 0, 1, 20, 900_000, INFINITY))


def steps(children):
    changes = st.dictionaries(st.sampled_from(NAMES), POINTS.filter(bool), max_size=3)
    return st.builds(wishes.Step, changes.map(lambda found: tuple(found.items())), children)


TREES = steps(st.recursive(
    st.just(()), lambda below: st.lists(steps(below), min_size=1, max_size=3).map(tuple), max_leaves=12
))


@settings(max_examples=200, deadline=None)
@given(
    tree=TREES, nodes=st.dictionaries(st.sampled_from(NAMES), POINTS, min_size=1),
    barred=st.sets(st.sampled_from(NAMES)), flags=st.sampled_from((0, 1, 2, 3)),
)
def test_short_cuts_give_what_the_whole_tree_gives(tree, nodes, barred, flags):
    runnable = {name: name not in barred for name in NAMES}
    workspace = SimpleNamespace(runnable=lambda: runnable)
    whole = wishes._add(tree, dict(nodes), workspace, flags)
    wish = wishes.Wish(tree, (), 0)
    by_course = wishes._run_courses(wish, tree, dict(nodes), workspace, flags)
    assert by_course is None or by_course == whole
    for name, points in nodes.items():
        if points >= 0 and runnable[name]:
            alone = wishes._add(tree, {name: points}, workspace, flags)
            assert wishes._add_alone(wish, tree, name, points, flags) == alone[name]
