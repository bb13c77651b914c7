"""Placement: stickiness, priority, capacity, and how resources are spread."""

from __future__ import annotations

from hashell.testing.cases import Case
from hashell.testing.clusters import Cluster, clone, pairs, primitive

TWO_NODES = ("node1", "node2")


def needing(ident, **amounts):
    """A resource that uses up some of a node."""
    return primitive(ident, pairs("utilization", f"{ident}-u", amounts))


def spread(strategy, **more):
    return Cluster(
        needing("a", cpu="2") + needing("b", cpu="2") + needing("c", cpu="1"), options={"placement_strategy": strategy},
        nodes=TWO_NODES, capacity={"node1": {"cpu": "2"}, "node2": {"cpu": "4"}}, **more,
    )


CASES = (
    Case(
        "a resource stays where it is against a weaker wish", ("stickiness",),
        Cluster(primitive("a", resource_stickiness="100")).settled().but(
            constraints='<rsc_location id="l" rsc="a" node="node3" score="99"/>'),
        [], scores={("a", "node1"): "100", ("a", "node3"): "99"},
    ),
    Case(
        "a resource moves for a stronger wish", ("stickiness",),
        Cluster(primitive("a", resource_stickiness="100")).settled().but(
            constraints='<rsc_location id="l" rsc="a" node="node3" score="101"/>'),
        ["Move a ( node1 -> node3 )"],
    ),
    Case(
        "stickiness of all members holds a group", ("stickiness", "group"),
        Cluster(
            '<group id="g">' + primitive("a", resource_stickiness="50") + primitive("b", resource_stickiness="50")
            + "</group>",
        ).settled().but(constraints='<rsc_location id="l" rsc="g" node="node3" score="99"/>'),
        [], scores={("a", "node1"): "100"},
    ),
    Case(
        "the resource with the higher priority gets the place", ("priority",),
        Cluster(
            primitive("a", priority="1") + primitive("b", priority="5"),
            '<rsc_colocation id="x" rsc="a" with-rsc="b" score="-INFINITY"/>', nodes=("node1",),
        ),
        ["Start b ( node1 )"],
    ),
    Case(
        "without enough capacity the one of lower priority stays down", ("priority", "placement: utilization"),
        Cluster(
            primitive("a", pairs("utilization", "a-u", {"cpu": "2"}), priority="1")
            + primitive("b", pairs("utilization", "b-u", {"cpu": "2"}), priority="5"),
            nodes=("node1",), options={"placement_strategy": "utilization"}, capacity={"node1": {"cpu": "3"}},
        ),
        ["Start b ( node1 )"],
    ),
    Case(
        "by default capacity does not count", ("placement: default", "utilization"), spread("default"),
        ["Start a ( node1 )", "Start b ( node2 )", "Start c ( node1 )"],
    ),
    Case(
        "by utilization a node gets no more than it can bear", ("placement: utilization", "utilization"),
        spread("utilization"), ["Start a ( node1 )", "Start b ( node2 )", "Start c ( node2 )"],
    ),
    Case(
        "balanced, what is left decides", ("placement: balanced", "utilization"), spread("balanced"),
        ["Start a ( node2 )", "Start b ( node1 )", "Start c ( node2 )"],
    ),
    Case(
        "minimal, as few nodes as possible are used", ("placement: minimal", "utilization"),
        spread("minimal").but(resources=needing("a", cpu="1") + needing("b", cpu="1")),
        ["Start a ( node1 )", "Start b ( node1 )"],
    ),
    Case(
        "what fits nowhere stays down", ("placement: utilization", "utilization"),
        spread("utilization").but(resources=needing("a", cpu="5") + needing("b", cpu="4")), ["Start b ( node2 )"],
    ),
    Case(
        "instances of a clone are kept where they run", ("stickiness", "anonymous clone"),
        Cluster(clone("k", primitive("a"), clone_max="2")).settled().but(
            constraints='<rsc_location id="l" rsc="k" node="node3" score="0"/>'),
        [],
    ),
)
