"""Whole clusters of the real engine and CIB manager live through crashes, cuts and pauses, and keep their promises.

More lives: `hashell chaos --simulate --seeds 1-1000`; one seed alone prints its log.
"""

from __future__ import annotations

import itertools

import pytest

from hashelld.core.events import CibOperation, Leaving, ShutdownWanted
from hashelld.engine.engine import age
from hashelld.engine.mesh import core as mesh_core
from hashelld.engine.mesh.sessions import Session
from hashelld.simulation import faults, starts
from hashelld.simulation.checkers import Broken, Checker
from hashelld.simulation.cluster import Cluster
from hashelld.simulation.life import configuration, live, write
from hashelld.simulation.network import Network
from hashelld.simulation.shrink import fewest
from hashelld.simulation.world import World


#: Each showed a mistake once, in the product or in what simulates it; whole: with services and fencing.
@pytest.mark.parametrize(("seed", "nodes", "whole"), [
    (6, 4, False), (29, 4, False), (49, 2, False), (13, 3, False), (29, 7, True), (34, 5, True), (38, 7, True),
    (21, 3, True), (22, 5, True),
])
def test_seeds_that_once_showed_a_mistake_keep_every_promise_now(seed, nodes, whole):
    outcome = live(seed, nodes, whole=whole, plain=True)

    assert outcome.error == ""
    assert outcome.acknowledged > 0


#: Found with ways to begin, courses and services that belong together. 5: a cluster that grew lost its quorum when the
#: first newcomer voted; 1066: a node left before it had looked what its earlier life had left running; 3197: who could
#: not fence six nodes at once did not look at those that came for a minute; 4194: a fencing that was over late held the
#: next life of its target for fenced; 5036: some had a vote without ever having been in a majority; 6: the only node
#: died between two writes, and had a vote then that it might not cast; 810: what a branch lost counted as applied
#: because a later write of the same node was; 558, 1253: who was back before its watchdog had to end it was held
#: for dead; 3440: a founder that died between two writes knew of no others, and had quorum alone; 1990: a coordinator's
#: goodbye was forgotten with the view in which it was said; 127: three nodes without a past began a second cluster, one
#: of them wiped, the others linked with members of the first; 61176: the disk was full when a branch that lost was to
#: be archived, and had room when the copy was stored over it; 40218: the wall clock was set back between a monitor's
#: success and its failure, and the success counted as the later one; 101633: nodes that were frozen without quorum
#: moved a service to one that had been fenced and came back to them, where the others did not look for it.
@pytest.mark.parametrize(("seed", "nodes", "start", "course"), [
    (5, 7, "grown", ""), (1066, 5, "cut", "restart_all"), (3197, 7, "grown", ""), (4194, 3, "falls", ""),
    (5036, 7, "one_by_one", ""), (6, 1, "falls", "restart_all"),
    (810, 3, "", ""), (558, 3, "", ""), (1253, 7, "", ""),
    (3440, 7, "", ""), (1990, 5, "", ""), (127, 5, "", ""),
    (61176, 3, "", ""), (40218, 1, "", ""), (101633, 7, "", ""),
])
def test_seeds_that_showed_a_mistake_since_there_are_courses_keep_every_promise_now(seed, nodes, start, course):
    assert live(seed, nodes, start=start, course=course).error == ""


@pytest.mark.parametrize(("seed", "nodes"), [(2006, 7), (567, 3)])
def test_a_change_that_came_back_while_its_asker_fetched_the_cib_is_answered_all_the_same(seed, nodes):
    """Else what a node found is told again only after the time in which nobody can answer. 567: what was answered from
    a copy counted as under way for ever, and nothing was sent any more."""
    outcome = live(seed, nodes)

    assert outcome.error == ""
    assert outcome.rest_ms < 8_000


@pytest.mark.parametrize("form", [form for form in starts.FORMS if form != "together"])
def test_however_a_cluster_begins_it_has_quorum_and_rests_soon_after_all_are_up(form):
    for seed, nodes, is_whole in ((3, 2, False), (8, 3, False), (9, 5, False), (1, 3, True)):
        outcome = live(seed, nodes, whole=is_whole, start=form, only=())

        assert outcome.error == ""
        assert outcome.rest_ms < 5_000


@pytest.mark.parametrize("kind", faults.COURSES)
def test_courses_of_stops_starts_and_merges_end_in_one_cluster_at_rest(kind):
    for seed, nodes, is_whole in ((4, 3, False), (5, 5, kind != "apart"), (6, 2, False)):
        watchdogs = kind == "foodless"
        outcome = live(seed, nodes, whole=is_whole or watchdogs, watchdogs=watchdogs or None, course=kind)

        assert outcome.error == ""
        assert outcome.plan[-1].kind == kind


@pytest.mark.parametrize(("seed", "whole"), [(3, True), (8, False), (173, True)])
def test_two_nodes_and_an_arbiter_keep_every_promise(seed, whole):
    assert live(seed, 3, whole=whole, arbiter=True, plain=True).error == ""


def test_the_same_seed_gives_the_same_life_also_with_services_and_fencing():
    one, again = (live(5, 3, life_ms=2_000, whole=True, keep_log=True) for _ in range(2))

    assert one.log == again.log
    assert (one.events, one.decisions) == (again.events, again.decisions)
    assert one.services > 0


def start(count, seed=1, options=None):
    world = World(seed)
    checker = Checker(seed)
    cluster = Cluster(world, count, checker.hear, options=options)
    checker.watch(cluster)
    for name in cluster.names:
        cluster.nodes[name].start()
    world.run_for(1500)
    return world, cluster, checker


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


def test_a_rolling_upgrade_and_the_way_back_have_the_oldest_feature_set_coordinate():
    world, cluster, checker = start(3)
    numbers = itertools.count()
    for wanted in ("3.100.0", "3.20.1"):
        for node in cluster.names:
            cluster.nodes[node].leave()
            world.run_for(1000)
            assert not cluster.nodes[node].up
            cluster.nodes[node].feature_set = wanted
            cluster.nodes[node].start()
            world.run_for(1500)
            found = {name: view(cluster, name) for name in cluster.names}
            assert {one.names for one in found.values()} == {found[node].names}
            assert len(found[node].names) == 3
            sets = [member.feature_set for member in found[node].members]
            assert sets == sorted(sets, key=age)
            assert sets == [cluster.nodes[name].feature_set for name in found[node].names]
            write(cluster, node, f"w{next(numbers)}")
            world.run_for(300)
    checker.at_the_end()
    assert checker.acknowledged == {f"w{number}": True for number in range(6)}
    assert {f"w{number}" for number in range(6)} <= ids(cluster, "node1")


def test_sixteen_nodes_keep_together_while_a_megabyte_of_cib_is_replaced_every_second():
    world, cluster, checker = start(16)
    world.run_for(1500)
    views = len(checker.views)
    filler = "".join(f'<nvpair id="f{number}" name="f{number}" value="{"x" * 1000}"/>' for number in range(1000))
    marks = []
    for number in range(5):
        marks.append(f'<nvpair id="r{number}" name="r{number}" value="1"/>')
        xml = f'<crm_config><cluster_property_set id="set">{"".join(marks)}{filler}</cluster_property_set></crm_config>'
        assert len(xml) > 1_000_000
        cluster.nodes["node5"].ask(f"r{number}", (CibOperation("replace", xml.encode(), "crm_config"),))
        world.run_for(1000)
        assert all(f"r{number}" in ids(cluster, node) for node in cluster.names)
    checker.at_the_end()

    assert len(checker.views) == views
    assert len(view(cluster, "node1").names) == 16


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


def part(cluster, *alone):
    for one in alone:
        for other in cluster.names:
            if other not in alone:
                cluster.network.cut(one, other)


def test_what_a_branch_wrote_is_kept_also_when_all_that_wrote_it_have_started_anew():
    """node2 took node1's copy, node1 comes back and takes node2's: both must still know what the majority lacks."""
    world, cluster, checker = start(5)
    cluster.nodes["node2"].crash()
    world.run_for(1000)
    part(cluster, "node1", "node2")
    world.run_for(2500)
    write(cluster, "node1", "alone")
    world.run_for(300)
    assert checker.acknowledged == {"alone": False}
    cluster.nodes["node2"].start()
    world.run_for(3000)
    assert set(view(cluster, "node1").names) == {"node1", "node2"}
    for name in ("node1", "node2"):
        cluster.nodes[name].crash()
        cluster.nodes[name].start()
        world.run_for(4000)
        assert "alone" in ids(cluster, name)
    cluster.network.heal()
    world.run_for(6000)

    checker.at_the_end()
    assert "alone" not in ids(cluster, "node1")
    assert any(b'"alone"' in a.cib for node in cluster.nodes.values() for a in node.disk.archives)


@pytest.mark.parametrize("seed", range(1, 5))
def test_what_a_majority_ordered_and_a_branch_committed_is_kept_though_the_power_goes_with_the_answer(seed):
    world, cluster, checker = start(3, seed)
    part(cluster, "node1")
    write(cluster, "node1", "late")
    cluster.moment = lambda kind, node: kind == "acknowledged" and world.after(0.0, cluster.nodes[node].crash)
    world.run_for(3000)
    assert checker.acknowledged == {"late": False}
    assert not cluster.nodes["node1"].up
    cluster.network.heal()
    cluster.nodes["node1"].start()
    world.run_for(4000)

    checker.at_the_end()
    assert [b'"late"' in a.cib for a in cluster.nodes["node1"].disk.archives] == [True]


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


def whole(count, seed=1):
    """A cluster with one service that all of it has seen start."""
    world = World(seed)
    checker = Checker(seed)
    cluster = Cluster(world, count, checker.hear, whole=True)
    checker.watch(cluster)
    checker.resources = ("r1",)
    for node in cluster.nodes.values():
        node.disk.cib = configuration(cluster.names, ("r1",), "stop")
    for node in cluster.nodes.values():
        node.start()
    world.run_for(3_000)
    return world, cluster, checker


def test_a_frozen_node_is_fenced_before_its_service_runs_elsewhere():
    world, cluster, checker = whole(3)
    (home,) = cluster.machines.running("r1")
    checker.suspects = {home}
    cluster.nodes[home].pause()
    world.run_for(6_000)

    assert checker.fenced == [home]
    (now,) = cluster.machines.running("r1")
    assert now != home


def test_while_no_device_can_fence_a_frozen_node_its_service_stays_where_it_is():
    world, cluster, checker = whole(3)
    (home,) = cluster.machines.running("r1")
    checker.suspects = {home}
    cluster.machines.fencing = "fail"
    cluster.nodes[home].pause()
    world.run_for(10_000)
    assert cluster.machines.running("r1") == [home]
    cluster.machines.fencing = "work"
    world.run_for(20_000)

    assert checker.fenced == [home]
    assert cluster.machines.running("r1") not in ([], [home])


def test_a_node_that_was_lost_while_it_wanted_to_leave_leaves_when_it_is_back():
    """Those that lost it took its wish out of the CIB, and nobody else would say it again."""
    world, cluster, checker = whole(3)
    (home,) = cluster.machines.running("r1")
    checker.suspects = {home}
    cluster.machines.fencing = "fail"
    cluster.machines.all[home].broken["r1", "stop"] = "hang"
    cluster.nodes[home].feed("", ShutdownWanted("test"))
    # Its wish is in the CIB; nothing was asked of it yet that it could fail at.
    world.run_for(10)
    cluster.nodes[home].pause()
    world.run_for(2_000)
    cluster.machines.all[home].broken.clear()
    cluster.nodes[home].resume()
    world.run_for(200)
    cluster.machines.fencing = "work"
    world.run_for(8_000)

    assert not cluster.nodes[home].up
    assert checker.fenced == []
    (now,) = cluster.machines.running("r1")
    assert now != home


def test_a_node_that_joins_never_makes_a_healthy_member_lost():
    """Its connections come up one after the other, and a proposal of its without a member would be a loss."""
    for seed in range(1, 9):
        world, cluster, checker = whole(5, seed)
        cluster.nodes["node2"].crash()
        checker.suspects = {"node2"}
        world.run_for(1_500)
        lost = {name for v in checker.views.values() for name in v.lost}

        assert lost == {"node2"}
        assert set(checker.fenced) <= {"node2"}


def test_the_fewest_faults_that_break_something_are_found():
    def error_of(only):
        return "broken" if {3, 7} <= set(only) else ""

    assert fewest(range(10), error_of, "broken") == ([3, 7], "broken")


def test_a_wiped_node_does_not_vote_before_it_has_what_the_others_have():
    """node3 knew of no change, node1 loses its folder: the two of them must not outvote node2, which is away."""
    world, cluster, checker = start(3)
    cluster.nodes["node3"].crash()
    world.run_for(1500)
    write(cluster, "node1", "kept")
    world.run_for(300)
    assert checker.acknowledged == {"kept": True}
    for name in ("node1", "node2"):
        cluster.nodes[name].crash()
    cluster.nodes["node1"].disk.wipe()
    cluster.nodes["node1"].start()
    cluster.nodes["node3"].start()
    world.run_for(6000)
    both = view(cluster, "node3")
    assert set(both.names) == {"node1", "node3"}
    assert not both.unique and not both.quorate
    cluster.nodes["node2"].start()
    world.run_for(4000)

    checker.at_the_end()
    assert "kept" in ids(cluster, "node1")
    assert view(cluster, "node1").votes == 3


def test_with_last_man_standing_a_cluster_of_five_goes_down_to_two_one_by_one():
    world, cluster, _ = start(5, options={"last_man_standing": True, "last_man_standing_window_ms": 1000})
    for name in ("node5", "node4", "node3"):
        cluster.nodes[name].crash()
        world.run_for(2500)
    assert view(cluster, "node1").quorate
    assert (view(cluster, "node1").votes, view(cluster, "node1").expected_votes) == (2, 2)
    cluster.nodes["node5"].start()
    world.run_for(3000)

    assert (view(cluster, "node1").votes, view(cluster, "node1").expected_votes) == (3, 3)


def test_the_checkers_find_it_when_a_resumed_link_leaves_frames_out(monkeypatch):
    """The rule that a torn connection goes on frame for frame, or the view ends."""
    monkeypatch.setattr(Session, "missing", lambda self, received: ())

    try:
        _, cluster, _ = torn_again_and_again(keep_log=True)
    except Broken:
        return
    assert any("is cut off: message" in line for line in cluster.lines)


def torn_again_and_again(**options):
    world = World(1)
    checker = Checker(1)
    cluster = Cluster(world, 3, checker.hear, **options)
    checker.watch(cluster)
    for name in cluster.names:
        cluster.nodes[name].start()
    world.run_for(1500)
    for number in range(20):
        for node in cluster.names:
            write(cluster, node, f"{node}-{number}")
        world.run_for(1)
        cluster.network.reset("node1", "node3")
        world.run_for(120)
    world.run_for(400)
    return world, cluster, checker


def test_a_torn_link_is_resumed_and_the_view_goes_on_without_a_gap():
    _, cluster, checker = torn_again_and_again()

    assert len(checker.views) == 1
    assert len(checker.acknowledged) == 60
    assert all(set(checker.acknowledged) <= ids(cluster, node) for node in cluster.names)


def test_a_link_that_stays_torn_ends_the_view():
    world, cluster, _ = start(3)
    cluster.network.cut("node1", "node2")
    cluster.network.reset("node1", "node2")
    world.run_for(1500)

    assert "node2" not in view(cluster, "node1").names or "node1" not in view(cluster, "node2").names


@pytest.mark.parametrize("seed", range(1, 7))
def test_what_a_slow_connection_brings_late_is_no_sign_that_a_peer_has_begun_anew(seed, monkeypatch):
    """Both dial, the lower name chooses; what it had said before on the other connection comes when a view is there."""
    send = Network._send

    def slow(self, wire, side, frame):
        if wire.ends[0].node == "node2" and wire.ends[side].node == "node2":
            wire.ends[side].arrives_ms = max(wire.ends[side].arrives_ms, 1_400.0)
        send(self, wire, side, frame)

    monkeypatch.setattr(Network, "_send", slow)
    world = World(seed)
    checker = Checker(seed)
    cluster = Cluster(world, 2, checker.hear, keep_log=True)
    checker.watch(cluster)
    for name in cluster.names:
        cluster.nodes[name].start()
    world.run_for(300)
    assert {view(cluster, name).names for name in cluster.names} == {("node1", "node2")}
    views = len(checker.views)
    world.run_for(2_000)

    assert len(checker.views) == views


def test_of_two_nodes_one_that_has_lost_its_folder_votes_again_when_it_has_what_the_other_has():
    world, cluster, checker = start(2)
    write(cluster, "node1", "kept")
    world.run_for(300)
    for name in cluster.names:
        cluster.nodes[name].crash()
    cluster.nodes["node2"].disk.wipe()
    for name in cluster.names:
        cluster.nodes[name].start()
    world.run_for(5_000)

    checker.at_the_end()
    assert "kept" in ids(cluster, "node2")
    assert (view(cluster, "node2").votes, view(cluster, "node2").unique) == (2, True)


@pytest.mark.parametrize("count", [16, pytest.param(64, marks=pytest.mark.slow)])
def test_many_nodes_that_start_at_once_are_one_view_soon(count):
    world = World(1)
    checker = Checker(1)
    cluster = Cluster(world, count, checker.hear, options={"heartbeat_ms": 300})
    checker.watch(cluster)
    for name in cluster.names:
        cluster.nodes[name].start()
    world.run_for(2_500)
    write(cluster, f"node{count}", "one")
    world.run_for(500)

    checker.at_the_end()
    assert checker.acknowledged == {"one": True}
    assert len(checker.views) == 1


def test_clocks_whose_rates_differ_by_a_twentieth_and_walls_by_hours_lose_nobody_and_fence_nobody():
    world = World(1)
    checker = Checker(1)
    cluster = Cluster(world, 3, checker.hear, whole=True, hearts=True)
    checker.watch(cluster)
    checker.resources = ("r1",)
    walls = {"node1": (0.975, 0.0), "node2": (1.0, -7_200.0), "node3": (1.025, 9 * 3600.0)}
    for name, node in cluster.nodes.items():
        node.disk.cib = configuration(cluster.names, ("r1",), "stop")
        node.rate, node.wall_offset_s = walls[name]
        node.wall_drift = node.wall_offset_s / 36_000_000
        node.start()
    world.run_for(20_000)
    write(cluster, "node3", "kept")
    world.run_for(1_000)

    checker.at_the_end()
    assert len(checker.views) == 1 and checker.fenced == []
    assert len(cluster.machines.running("r1")) == 1
