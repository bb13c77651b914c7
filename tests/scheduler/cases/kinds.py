"""Kinds of resources: primitives, groups, clones, promotable clones, bundles; templates and tags."""

from __future__ import annotations

from hashell.testing.cases import Case
from hashell.testing.clusters import Cluster, clone, group, operation, primitive

TWO_NODES = ("node1", "node2")
BUNDLE = (
    '<bundle id="box"><podman image="img" replicas="2"/>'
    '<network ip-range-start="192.168.122.131" control-port="3121"/>'
    '<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/></bundle>'
)
PROMOTABLE = clone("p-clone", primitive("p", agent="Stateful"), promotable="true")


def location(resource, node, score, ident="l"):
    return f'<rsc_location id="{ident}" rsc="{resource}" node="{node}" score="{score}"/>'


CASES = (
    Case(
        "a primitive is probed everywhere, then started on one node", ("primitive", "probe"),
        Cluster(primitive("a"), nodes=TWO_NODES),
        changes=["Start a ( node1 )"],
        does=["Resource action: a start on node1"],
        shows=["a (ocf:heartbeat:Dummy): Started node1"],
    ),
    Case(
        "the members of a group start in order on one node", ("group",),
        Cluster(group("g", primitive("a"), primitive("b")), location("b", "node2", "5")),
        changes=["Start a ( node2 )", "Start b ( node2 )"],
        does=["Pseudo action: g_start_0", "Resource action: a start on node2", "Resource action: b start on node2",
              "Pseudo action: g_running_0"],
        scores={("a", "node2"): "5", ("b", "node1"): "-INFINITY", ("b", "node2"): "5"},
    ),
    Case(
        "a clone runs once on each node", ("anonymous clone",),
        Cluster(clone("k", primitive("a"))),
        changes=["Start a:0 ( node1 )", "Start a:1 ( node2 )", "Start a:2 ( node3 )"],
        does=["Pseudo action: k_start_0", "Pseudo action: k_running_0"],
        shows=["Started: [ node1 node2 node3 ]"],
    ),
    Case(
        "instances of a unique clone may share a node", ("unique clone",),
        Cluster(clone("k", primitive("a"), globally_unique="true", clone_max="3", clone_node_max="2"), nodes=TWO_NODES),
        changes=["Start a:0 ( node1 )", "Start a:1 ( node2 )", "Start a:2 ( node1 )"],
    ),
    Case(
        "the members of each instance of a cloned group share a node", ("cloned group",),
        Cluster(clone("k", group("g", primitive("a"), primitive("b")), clone_max="2"), location("k", "node3", "9")),
        changes=["Start a:0 ( node3 )", "Start b:0 ( node3 )", "Start a:1 ( node1 )", "Start b:1 ( node1 )"],
        does=["Resource action: a:0 start on node3", "Resource action: b:0 start on node3"],
    ),
    Case(
        "without points for promotion a promotable clone only starts", ("promotable clone",),
        Cluster(PROMOTABLE, nodes=TWO_NODES),
        changes=["Start p:0 ( node1 )", "Start p:1 ( node2 )"],
        shows=["Unpromoted: [ node1 node2 ]"],
    ),
    Case(
        "the node with the best points for promotion gets the promoted instance", ("promotion scores",),
        Cluster(PROMOTABLE, nodes=TWO_NODES).settled()
        .with_attribute("node1", "master-p", "5").with_attribute("node2", "master-p", "10"),
        changes=["Promote p:1 ( Unpromoted -> Promoted node2 )"],
        does=["Pseudo action: p-clone_promote_0", "Resource action: p promote on node2",
              "Pseudo action: p-clone_promoted_0"],
        shows=["Promoted: [ node2 ]", "Unpromoted: [ node1 ]"],
    ),
    Case(
        "promoted-max bounds how many are promoted", ("promotable clone",),
        Cluster(clone("p-clone", primitive("p", agent="Stateful"), promotable="true", promoted_max="2"))
        .settled().with_attribute("node1", "master-p", "1").with_attribute("node2", "master-p", "2")
        .with_attribute("node3", "master-p", "3"),
        shows=["Promoted: [ node2 node3 ]", "Unpromoted: [ node1 ]"],
    ),
    Case(
        "a better promotion score elsewhere moves the promoted role", ("promotion scores",),
        Cluster(PROMOTABLE, nodes=TWO_NODES).settled().with_attribute("node1", "master-p", "5").settled()
        .with_attribute("node2", "master-p", "50"),
        changes=["Demote p:0 ( Promoted -> Unpromoted node1 )", "Promote p:1 ( Unpromoted -> Promoted node2 )"],
        does=["Resource action: p demote on node1", "Resource action: p promote on node2"],
    ),
    Case(
        "a bundle has containers, addresses, connections and what is inside",
        ("bundle", "bundle container", "bundle address", "bundle guest node"),
        Cluster(BUNDLE, nodes=TWO_NODES),
        does=["Resource action: box-podman-0 start on node1", "Resource action: box-0 start on node1",
              "Resource action: a:0 start on box-0"],
        shows=["box-0 (192.168.122.131) (ocf:heartbeat:Dummy): Started node1",
               "box-1 (192.168.122.132) (ocf:heartbeat:Dummy): Started node2"],
    ),
    Case(
        "a bundle's container whose node goes into standby takes its guest along", ("bundle", "bundle guest node"),
        Cluster(BUNDLE).settled().but(attributes={"node1": {"standby": "on"}}),
        does=["Resource action: a stop on box-0", "Resource action: box-0 stop on node1",
              "Resource action: box-podman-0 stop on node1", "Resource action: box-podman-0 start on node3",
              "Resource action: box-0 start on node3", "Resource action: a start on box-0"],
    ),
    Case(
        "a template gives what its resources leave out", ("template",),
        Cluster(
            '<template id="t" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="t-m">'
            '<nvpair id="t-p" name="priority" value="10"/></meta_attributes>' + operation("t", "monitor", "10s")
            + '</template>' + primitive("b", priority="5") + '<primitive id="a" template="t"/>', nodes=TWO_NODES,
        ),
        changes=["Start b ( node2 )", "Start a ( node1 )"],
        does=["Resource action: a start on node1", "Resource action: a monitor=10000 on node1"],
        shows=["a (ocf:heartbeat:Dummy): Started node1"],
    ),
    Case(
        "a constraint on a template concerns all its resources", ("template",),
        Cluster(
            '<template id="t" class="ocf" provider="heartbeat" type="Dummy"/><primitive id="a" template="t"/>'
            '<primitive id="b" template="t"/>' + primitive("c"),
            '<rsc_colocation id="x" rsc="t" with-rsc="c" score="INFINITY"/>' + location("c", "node2", "5"),
        ),
        changes=["Start a ( node2 )", "Start b ( node2 )", "Start c ( node2 )"],
    ),
    Case(
        "a tag stands for its resources", ("tag",),
        Cluster(
            primitive("a") + primitive("b") + primitive("c"), location("both", "node3", "100"),
            more='<tags><tag id="both"><obj_ref id="a"/><obj_ref id="b"/></tag></tags>',
        ),
        changes=["Start a ( node3 )", "Start b ( node3 )", "Start c ( node1 )"],
    ),
)
