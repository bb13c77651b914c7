"""Constraints: where, together, in which order, with which ticket."""

from __future__ import annotations

from hashell.testing.cases import Case
from hashell.testing.clusters import Cluster, clone, device, primitive

TWO_NODES = ("node1", "node2")
TWO = primitive("a") + primitive("b")
THREE = TWO + primitive("c")
PROMOTABLE = clone("p-clone", primitive("p", agent="Stateful"), promotable="true")
FENCED = {"fencing_enabled": "true"}


def location(resource, node, score, ident="l", **more):
    words = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<rsc_location id="{ident}" rsc="{resource}" node="{node}" score="{score}"{words}/>'


def colocation(dependent, primary, score="INFINITY", ident="c", **more):
    words = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<rsc_colocation id="{ident}" rsc="{dependent}" with-rsc="{primary}" score="{score}"{words}/>'


def order(first, then, ident="o", **more):
    words = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<rsc_order id="{ident}" first="{first}" then="{then}"{words}/>'


def members(ident, *names, **more):
    words = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    refs = "".join(f'<resource_ref id="{name}"/>' for name in names)
    return f'<resource_set id="{ident}"{words}>{refs}</resource_set>'


PROMOTED = Cluster(PROMOTABLE + primitive("a"), nodes=TWO_NODES).settled().with_attribute("node2", "master-p", "10")


def ticket(policy):
    """A promoted clone and a primitive that both depend on a ticket which the cluster does not have (any more)."""
    cluster = PROMOTED.settled()
    return cluster.but(
        resources=device() + cluster.resources, options=FENCED,
        constraints=f'<rsc_ticket id="t1" rsc="p-clone" rsc-role="Promoted" ticket="east" loss-policy="{policy}"/>'
        f'<rsc_ticket id="t2" rsc="a" ticket="east" loss-policy="{policy}"/>',
    )


CASES = (
    # Location --------------------------------------------------------------------------------------
    Case(
        "points draw a resource to a node", ("location",),
        Cluster(primitive("a"), location("a", "node3", "100")),
        changes=["Start a ( node3 )"], scores={("a", "node1"): "0", ("a", "node3"): "100"},
    ),
    Case(
        "what no node may run stays stopped", ("location",),
        Cluster(primitive("a"), location("a", "node1", "-INFINITY"), nodes=("node1",)),
        changes=[], scores={("a", "node1"): "-INFINITY"}, shows=["a (ocf:heartbeat:Dummy): Stopped"],
    ),
    Case(
        "a rule's points go to the nodes that it is true for", ("location rule", "rule: node attribute"),
        Cluster(
            primitive("a"),
            '<rsc_location id="l" rsc="a"><rule id="r" score="-INFINITY" boolean-op="or">'
            '<expression id="e" attribute="disk" operation="not_defined"/>'
            '<expression id="f" attribute="disk" operation="lt" type="number" value="9"/></rule></rsc_location>',
            attributes={"node2": {"disk": "10"}, "node3": {"disk": "8"}},
        ),
        changes=["Start a ( node2 )"],
        scores={("a", "node1"): "-INFINITY", ("a", "node2"): "0", ("a", "node3"): "-INFINITY"},
    ),
    Case(
        "a rule may take its points from a node attribute", ("location rule", "rule: node attribute"),
        Cluster(
            primitive("a"),
            '<rsc_location id="l" rsc="a"><rule id="r" score-attribute="ping">'
            '<expression id="e" attribute="ping" operation="defined"/></rule></rsc_location>',
            attributes={"node2": {"ping": "100"}, "node3": {"ping": "300"}},
        ),
        changes=["Start a ( node3 )"], scores={("a", "node2"): "100", ("a", "node3"): "300"},
    ),
    Case(
        "a rule for the promoted role says where a clone is promoted", ("location rule", "promotion scores"),
        PROMOTED.but(constraints=(
            '<rsc_location id="l" rsc="p-clone"><rule id="r" role="Promoted" score="100">'
            '<expression id="e" attribute="#uname" operation="eq" value="node1"/></rule></rsc_location>'
        )).with_attribute("node1", "master-p", "1"),
        shows=["Promoted: [ node1 ]"],
    ),
    Case(
        "a pattern concerns all resources whose ids it matches", ("location pattern",),
        Cluster(
            primitive("web1") + primitive("web2") + primitive("db"),
            '<rsc_location id="l" rsc-pattern="^web" node="node3" score="100"/>',
        ),
        changes=["Start web1 ( node3 )", "Start web2 ( node3 )", "Start db ( node1 )"],
    ),
    Case(
        "a pattern turned round concerns all that it does not match", ("location pattern",),
        Cluster(
            primitive("web1") + primitive("db"),
            '<rsc_location id="l" rsc-pattern="!^web" node="node3" score="100"/>',
        ),
        changes=["Start web1 ( node1 )", "Start db ( node3 )"],
    ),
    Case(
        "where discovery is off nobody looks for the resource", ("resource-discovery", "probe"),
        Cluster(primitive("a"), location("a", "node2", "-INFINITY", resource_discovery="never"), nodes=TWO_NODES),
        changes=["Start a ( node1 )"],
        does=["Resource action: a monitor on node1"], never=["a monitor on node2"],
    ),
    Case(
        "exclusive discovery keeps a resource on the nodes that are named", ("resource-discovery",),
        Cluster(primitive("a"), location("a", "node3", "0", resource_discovery="exclusive")),
        changes=["Start a ( node3 )"], never=["monitor on node1", "monitor on node2"],
    ),
    Case(
        "a set in a location constraint concerns all its members", ("location set",),
        Cluster(THREE, f'<rsc_location id="l" node="node3" score="100">{members("s", "a", "b")}</rsc_location>'),
        changes=["Start a ( node3 )", "Start b ( node3 )", "Start c ( node1 )"],
    ),
    # Colocation ------------------------------------------------------------------------------------
    Case(
        "the wish of a dependent counts for what it must be with", ("colocation",),
        Cluster(TWO, colocation("b", "a") + location("b", "node3", "10")),
        changes=["Start a ( node3 )", "Start b ( node3 )"],
    ),
    Case(
        "resources that repel each other run apart", ("colocation",),
        Cluster(TWO, colocation("b", "a", "-INFINITY") + location("b", "node1", "100")
                + location("a", "node1", "5", "m"),
                nodes=TWO_NODES),
        shows=["Started node1", "Started node2"],
    ),
    Case(
        "a dependent of a role goes where the role is", ("colocation role",),
        PROMOTED.settled().but(constraints=colocation("a", "p-clone", with_rsc_role="Promoted")),
        changes=["Move a ( node1 -> node2 )"],
    ),
    Case(
        "the promoted role goes to what it must be with", ("colocation role",),
        PROMOTED.but(constraints=colocation("p-clone", "a", rsc_role="Promoted"))
        .with_attribute("node1", "master-p", "1"),
        shows=["Promoted: [ node1 ]"],
    ),
    Case(
        "members of a set are colocated in a chain", ("colocation set",),
        Cluster(THREE, f'<rsc_colocation id="x" score="INFINITY">{members("s", "a", "b", "c")}</rsc_colocation>'
                + location("c", "node2", "5")),
        changes=["Start a ( node2 )", "Start b ( node2 )", "Start c ( node2 )"],
    ),
    Case(
        "members of a set that is not sequential depend on the other set alone", ("colocation set",),
        Cluster(
            THREE + primitive("d", target_role="Stopped"),
            f'<rsc_colocation id="x" score="INFINITY">{members("s", "a", "d", sequential="false")}{members("s2", "c")}'
            "</rsc_colocation>" + location("c", "node2", "5"),
        ),
        changes=["Start a ( node2 )", "Start c ( node2 )", "Start b ( node1 )"],
    ),
    Case(
        "resources are held together by a node attribute", ("colocation node attribute",),
        Cluster(
            TWO, colocation("b", "a", node_attribute="site") + location("a", "node3", "50")
            + location("b", "node1", "9", "m") + location("b", "node2", "5", "n"),
            attributes={"node1": {"site": "x"}, "node2": {"site": "y"}, "node3": {"site": "y"}},
        ),
        changes=["Start a ( node3 )", "Start b ( node2 )"], scores={("b", "node1"): "-INFINITY"},
    ),
    Case(
        "without influence a dependent stops rather than move what it is with", ("colocation influence",),
        Cluster(TWO, colocation("b", "a", influence="false")).settled().but(
            constraints=colocation("b", "a", influence="false") + location("b", "node1", "-INFINITY"),
        ),
        changes=["Stop b ( node1 ) due to node availability"],
    ),
    Case(
        "with influence what a dependent is with moves for it", ("colocation influence",),
        Cluster(TWO, colocation("b", "a")).settled().but(
            constraints=colocation("b", "a") + location("b", "node1", "-INFINITY"),
        ),
        changes=["Move a ( node1 -> node2 )", "Move b ( node1 -> node2 )"],
    ),
    # Order -----------------------------------------------------------------------------------------
    Case(
        "a mandatory order keeps the second from starting without the first", ("order kind: Mandatory",),
        Cluster(primitive("a", target_role="Stopped") + primitive("b"), order("a", "b")),
        changes=["Start b ( node1 ) due to unrunnable a start (blocked)"], never=["b start"],
    ),
    Case(
        "an optional order does without the first", ("order kind: Optional",),
        Cluster(primitive("a", target_role="Stopped") + primitive("b"), order("a", "b", kind="Optional")),
        changes=["Start b ( node1 )"],
    ),
    Case(
        "an optional order is kept where both start", ("order kind: Optional",),
        Cluster(TWO, order("b", "a", kind="Optional")),
        does=["Resource action: b start on node2", "Resource action: a start on node1"],
    ),
    Case(
        "a serialized pair needs neither the other nor an order", ("order kind: Serialize",),
        Cluster(primitive("a", target_role="Stopped") + primitive("b"), order("a", "b", kind="Serialize")),
        changes=["Start b ( node1 )"],
    ),
    Case(
        "a mandatory order restarts the second with the first", ("order kind: Mandatory",),
        Cluster(TWO, order("a", "b")).settled().but(constraints=order("a", "b") + location("a", "node1", "-INFINITY")),
        does=["Resource action: b stop on node2", "Resource action: a stop on node1"],
    ),
    Case(
        "an order between promotion and start waits for the promotion", ("order actions",),
        Cluster(PROMOTED.resources, order("p-clone", "a", first_action="promote", then_action="start"), nodes=TWO_NODES)
        .settled().with_attribute("node2", "master-p", "10"),
        does=["Resource action: p promote on node2", "Resource action: a start on node1"],
    ),
    Case(
        "an order from stop to start puts one after the other is gone", ("order actions",),
        Cluster(TWO, nodes=("node1",)).settled().but(
            resources=primitive("a", target_role="Stopped") + TWO.removeprefix(primitive("a")) + primitive("d"),
            constraints=order("a", "d", first_action="stop", then_action="start", symmetrical="false"),
        ),
        does=["Resource action: a stop on node1", "Resource action: d start on node1"],
    ),
    Case(
        "a set is started in order, and stopped in reverse", ("order set",),
        Cluster(THREE, f'<rsc_order id="o">{members("s", "c", "b", "a")}</rsc_order>', nodes=("node1",)),
        does=["Resource action: c start on node1", "Resource action: b start on node1",
              "Resource action: a start on node1"],
    ),
    Case(
        "members of a set that is not sequential have no order", ("order set",),
        Cluster(
            primitive("a", target_role="Stopped") + primitive("b") + primitive("c"),
            f'<rsc_order id="o">{members("s", "a", "b", sequential="false")}{members("s2", "c")}</rsc_order>',
        ),
        changes=["Start b ( node1 )", "Start c ( node2 ) due to unrunnable a start (blocked)"],
    ),
    Case(
        "one of a set is enough where not all are required", ("require-all",),
        Cluster(
            primitive("a", target_role="Stopped") + primitive("b") + primitive("c"),
            f'<rsc_order id="o">{members("s", "a", "b", sequential="false", require_all="false")}{members("s2", "c")}'
            "</rsc_order>",
        ),
        changes=["Start b ( node1 )", "Start c ( node2 )"],
        does=["Resource action: b start on node1", "Resource action: c start on node2"],
    ),
    Case(
        "an order that is not symmetrical says nothing about stopping", ("symmetrical",),
        Cluster(TWO, order("a", "b", symmetrical="false")).settled().but(
            resources=primitive("a", target_role="Stopped") + primitive("b"),
        ),
        changes=["Stop a ( node1 ) due to node availability"],
    ),
    Case(
        "an order that is symmetrical stops the second too", ("symmetrical",),
        Cluster(TWO, order("a", "b")).settled().but(resources=primitive("a", target_role="Stopped") + primitive("b")),
        changes=["Stop a ( node1 ) due to node availability",
                 "Stop b ( node2 ) due to required a start"],
        does=["Resource action: b stop on node2", "Resource action: a stop on node1"],
    ),
    Case(
        "interleaved instances wait for the one on their own node only", ("interleave",),
        Cluster(
            clone("k", primitive("a"), interleave="true") + clone("m", primitive("b"), interleave="true"),
            order("k", "m"), nodes=TWO_NODES,
        ).settled().but(attributes={"node2": {"standby": "on"}}),
        changes=["Stop a:1 ( node2 ) due to node availability", "Stop b:1 ( node2 ) due to node availability"],
    ),
    Case(
        "instances that are not interleaved wait for all of the other clone", ("interleave",),
        Cluster(
            clone("k", primitive("a")) + clone("m", primitive("b")), order("k", "m"), nodes=TWO_NODES,
        ).settled().but(attributes={"node2": {"standby": "on"}}),
        does=["Pseudo action: m_stop_0", "Pseudo action: m_stopped_0", "Pseudo action: k_stop_0"],
    ),
    # Tickets ---------------------------------------------------------------------------------------
    Case(
        "without its ticket a resource stops", ("ticket", "loss-policy: stop"), ticket("stop"),
        does=["Resource action: p demote on node2"], shows=["a (ocf:heartbeat:Dummy): Stopped"],
    ),
    Case(
        "without its ticket a promoted instance is demoted", ("ticket", "loss-policy: demote"), ticket("demote"),
        does=["Resource action: p demote on node2"], shows=["Unpromoted: [ node1 node2 ]"],
    ),
    Case(
        "without its ticket a frozen resource is left as it is", ("ticket", "loss-policy: freeze"), ticket("freeze"),
        never=["stop", "demote"], shows=["Promoted: [ node2 ]", "a (ocf:heartbeat:Dummy): Started node1"],
    ),
    Case(
        "without its ticket a resource's node is fenced", ("ticket", "loss-policy: fence"), ticket("fence"),
        does=["Fencing node1 (reboot)"],
    ),
    Case(
        "a ticket in standby counts as none", ("ticket",),
        Cluster(primitive("a"), '<rsc_ticket id="t" rsc="a" ticket="east"/>', nodes=TWO_NODES),
        argv=("-g", "east", "-b", "east"), changes=[],
    ),
    Case(
        "a granted ticket lets its resources start", ("ticket",),
        Cluster(primitive("a"), '<rsc_ticket id="t" rsc="a" ticket="east"/>', nodes=TWO_NODES),
        argv=("-g", "east"), changes=["Start a ( node1 )"],
    ),
)
