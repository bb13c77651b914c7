"""What binds services to one another in simulated lives is looked after: what breaks it is told, the rest is not."""

from __future__ import annotations

import pytest

from hashelld.simulation import relations
from hashelld.simulation.machines import Machines
from hashelld.simulation.world import World

THREE = ("r1", "r2", "r3")


@pytest.fixture
def machines():
    def nothing(*words):
        pass

    return Machines(World(1), ("node1", "node2"), nothing, nothing, nothing, nothing)


def place(machines, **where):
    for node, services in where.items():
        machines.all[node].services.update(services.split())


@pytest.mark.parametrize(("relation", "node1", "node2", "broken"), [
    ("group", "r1 r2 r3", "", False), ("group", "r1 r2", "", False), ("group", "r1 r3", "", True),
    ("group", "r1", "r2", True), ("colocated", "r1", "r2 r3", True), ("colocated", "r1 r2 r3", "", False),
    ("ordered", "r2", "", True), ("apart", "r1", "r2 r3", False), ("apart", "r1 r2", "r3", True),
    ("", "r3", "r2", False),
])
def test_what_belongs_together_and_is_not_is_told(machines, relation, node1, node2, broken):
    place(machines, node1=node1, node2=node2)

    assert bool(relations.at_rest(relation, THREE, machines)) is broken


def test_what_somebody_ended_is_no_mistake_of_the_cluster(machines):
    place(machines, node1="r1 r2")
    machines.kill_service("node1", "r1")

    assert relations.at_rest("group", THREE, machines) == ""
    assert relations.at_start("group", THREE, machines, "node1", "r2") == ""


def test_a_start_before_the_start_of_what_it_stands_on_is_over_is_told(machines):
    place(machines, node1="r1")
    machines.all["node1"].starting["r1"] = 0
    assert "before r1 runs there" in relations.at_start("group", THREE, machines, "node1", "r2")
    machines.all["node1"].starting.clear()

    assert relations.at_start("group", THREE, machines, "node1", "r2") == ""
    assert "before r1 runs there" in relations.at_start("ordered", THREE, machines, "node2", "r2")
    assert relations.at_start("colocated", THREE, machines, "node2", "r2") == ""


def test_a_stop_of_what_something_still_stands_on_is_told(machines):
    place(machines, node1="r1 r2")

    assert "while r2 runs there" in relations.at_stop("group", THREE, machines, "node1", "r1")
    assert relations.at_stop("group", THREE, machines, "node1", "r2") == ""
