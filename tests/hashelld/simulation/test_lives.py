"""Whole clusters of the real engine and CIB manager live through crashes, cuts and pauses, and keep their promises.

More lives: `python -m hashelld.simulation.run 1-1000`; one seed alone prints its log.
"""

from __future__ import annotations

import pytest

from hashelld.cib_manager import core as cib_core
from hashelld.core.events import CibOperation, Leaving
from hashelld.engine.mesh import core as mesh_core
from hashelld.engine.mesh.core import MeshEngine
from hashelld.simulation.checkers import Checker
from hashelld.simulation.cluster import Cluster
from hashelld.simulation.run import live
from hashelld.simulation.world import World


@pytest.mark.parametrize(("seed", "nodes"), [(6, 4), (29, 4), (49, 2), (13, 3)])
def test_seeds_that_once_showed_a_mistake_keep_every_promise_now(seed, nodes):
    outcome = live(seed, nodes, life_ms=8_000)

    assert outcome.error == ""
    assert outcome.acknowledged > 20


def test_the_same_seed_gives_the_same_life():
    one, again = (live(5, 3, life_ms=2_000, keep_log=True) for _ in range(2))

    assert one.log == again.log
    assert one.events == again.events


def start(count, seed=1, options=None):
    world = World(seed)
    checker = Checker(seed)
    cluster = Cluster(world, count, checker.hear, options=options)
    checker.cluster = cluster
    for name in cluster.names:
        cluster.nodes[name].start()
    world.run_for(1500)
    return world, cluster, checker


def write(cluster, node, request):
    xml = f'<cluster_property_set id="s"><nvpair id="{request}" name="{request}" value="1"/></cluster_property_set>'
    cluster.nodes[node].ask(request, (CibOperation("modify", xml.encode(), "crm_config"),))


def view(cluster, node):
    return cluster.nodes[node].cib_manager.view


def ids(cluster, node):
    return set(cluster.nodes[node].cib_manager.cib.ids())


def test_three_nodes_form_one_view_and_a_write_at_any_reaches_all():
    world, cluster, checker = start(3)
    for node in cluster.names:
        write(cluster, node, f"by-{node}")
    world.run_for(200)

    assert {view(cluster, node).names for node in cluster.names} == {("node1", "node2", "node3")}
    assert checker.acknowledged == {f"by-{node}": True for node in cluster.names}
    assert all({f"by-{n}" for n in cluster.names} <= ids(cluster, node) for node in cluster.names)


def test_a_killed_node_is_lost_within_a_tenth_of_a_second_and_the_next_oldest_coordinates():
    world, cluster, _ = start(3)
    cluster.nodes["node1"].crash()
    world.run_for(100)

    assert view(cluster, "node2").names == ("node2", "node3")
    assert view(cluster, "node2").lost == ("node1",)
    assert view(cluster, "node3").dc == "node2"


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_node_that_leaves_has_left_and_is_not_lost_however_slow_all_are(seed, monkeypatch):
    monkeypatch.setattr(mesh_core, "GOODBYE_MS", 400)
    world, cluster, _ = start(3, seed, {"settle_ms": 300})
    cluster.nodes["node3"].feed("", Leaving(clean=True))
    world.run_for(1500)

    assert not cluster.nodes["node3"].up
    for node in ("node1", "node2"):
        assert (view(cluster, node).left, view(cluster, node).lost) == (("node3",), ())


def test_a_silent_node_is_lost_after_about_a_second_and_comes_back_as_the_youngest():
    world, cluster, _ = start(3)
    cluster.nodes["node1"].pause()
    world.run_for(900)
    assert "node1" in view(cluster, "node2").names
    world.run_for(500)
    assert view(cluster, "node2").names == ("node2", "node3")
    cluster.nodes["node1"].resume()
    world.run_for(1500)

    assert view(cluster, "node1").names == ("node2", "node3", "node1")


def test_nodes_that_all_stood_still_together_stay_together():
    world, cluster, checker = start(3)
    views = len(checker.views)
    for node in cluster.nodes.values():
        node.pause()
    world.run_for(1800)
    for node in cluster.nodes.values():
        node.resume()
    world.run_for(1000)
    write(cluster, "node3", "after")
    world.run_for(500)

    assert len(checker.views) == views
    assert checker.acknowledged == {"after": True}


def test_a_write_is_not_acknowledged_by_a_minority_as_the_majoritys():
    world, cluster, checker = start(3)
    cluster.network.cut("node1", "node2")
    cluster.network.cut("node1", "node3")
    world.run_for(3000)
    write(cluster, "node1", "alone")
    write(cluster, "node2", "together")
    world.run_for(500)
    assert checker.acknowledged == {"alone": False, "together": True}
    cluster.network.heal()
    world.run_for(4000)

    checker.at_the_end()
    assert "together" in ids(cluster, "node1") and "alone" not in ids(cluster, "node1")
    archives = cluster.nodes["node1"].disk.archives
    assert [b'"alone"' in archive.cib for archive in archives] == [True]


def test_two_nodes_alone_one_after_the_other_lose_nothing():
    world, cluster, checker = start(2)
    cluster.nodes["node2"].crash()
    world.run_for(2000)
    write(cluster, "node1", "alone")
    world.run_for(500)
    assert checker.acknowledged == {"alone": False}
    cluster.nodes["node2"].start()
    world.run_for(3000)

    checker.at_the_end()
    assert "alone" in ids(cluster, "node2")


def test_a_cut_between_two_of_three_gives_a_stable_pair():
    world, cluster, checker = start(3)
    cluster.network.cut("node1", "node3")
    world.run_for(6000)
    views = len(checker.views)
    names = {view(cluster, node).names for node in cluster.names}
    world.run_for(5000)

    assert ("node1", "node2") in names or ("node2", "node3") in names
    assert len(checker.views) - views <= 4


def test_all_lose_power_and_what_was_acknowledged_is_there_after():
    world, cluster, checker = start(3)
    for number in range(20):
        write(cluster, "node2", f"w{number}")
        world.run_for(5)
    world.run_for(100)
    for node in cluster.nodes.values():
        node.crash()
    for node in cluster.nodes.values():
        node.start()
    world.run_for(4000)

    checker.at_the_end()
    assert len(checker.acknowledged) == 20


def test_the_checkers_find_it_when_a_frame_may_pass_a_lost_one(monkeypatch):
    """The rule that a torn connection ends the view: without it, later messages go on over the next connection."""
    in_view = MeshEngine._in_view

    def anything_goes(self, origin, link, frame, out):
        self._view_links[origin] = link
        return in_view(self, origin, link, frame, out)

    monkeypatch.setattr(MeshEngine, "_is_whole", lambda self, name: name in self._peers)
    monkeypatch.setattr(MeshEngine, "_in_view", anything_goes)

    assert any(live(seed, 3, life_ms=12_000).error for seed in (3, 7))


def test_the_checkers_find_it_when_the_version_decides_before_the_lineage(monkeypatch):
    def by_version(members, states):
        return max(members, key=lambda name: (states[name].version, states[name].unique))

    monkeypatch.setattr(cib_core, "authority", by_version)

    assert "acknowledged by a majority and is lost" in live(2, 5, life_ms=12_000).error
