"""Nodes: remote and guest ones, fencing, shutdown, maintenance, standby, health, quorum."""

from __future__ import annotations

from hashell.testing.cases import Case
from hashell.testing.clusters import UP, Cluster, clone, device, operation, pairs, primitive

TWO_NODES = ("node1", "node2")
FENCED = {"fencing_enabled": "true"}
REMOTE = '<primitive id="far" class="ocf" provider="pacemaker" type="remote"/>'
ON_FAR = '<rsc_location id="l" rsc="a" node="far" score="100"/>'
LOST = 'uname="node1" in_ccm="false" crmd="offline" join="down" expected="member"'
WATCHED = primitive("a", operation("a", "monitor", "10s"))
SIX = tuple(f"node{n}" for n in range(1, 7))


def running(**more):
    """Two resources and a fence device that run on two nodes."""
    return Cluster(device() + WATCHED + primitive("b"), nodes=TWO_NODES, options={**FENCED, **more}).settled()


def lost(cluster, node="node1"):
    """The cluster once a node does not answer any more."""
    return cluster.with_status(f'uname="{node}" {UP}', LOST.replace("node1", node))


def without_quorum(policy, **more):
    """A cluster in which everything runs, that has lost quorum."""
    cluster = Cluster(device() + primitive("a") + primitive("b"), nodes=TWO_NODES, options={**FENCED, **more}).settled()
    return cluster.but(options={**FENCED, "no_quorum_policy": policy, **more}, quorum="0")


def unhealthy(strategy, value="red", **more):
    return Cluster(
        primitive("a"), nodes=TWO_NODES, attributes={"node1": {"#health-disk": value}},
        options={"node_health_strategy": strategy, **more},
    )


def shutting_down(**options):
    cluster = Cluster(primitive("a"), nodes=TWO_NODES, options=options).settled()
    return cluster.with_attribute("node1", "shutdown", "1704067100")


def unfencing():
    """A device that has to let nodes in before anything starts there."""
    fence = (
        '<primitive id="fence" class="stonith" type="fence_dummy">'
        + pairs("meta_attributes", "fence-m", {"provides": "unfencing"})
        + pairs("instance_attributes", "fence-i", {"pcmk_host_list": "node1 node2"}) + "</primitive>"
    )
    return Cluster(fence + primitive("a", requires="unfencing"), nodes=TWO_NODES, options=FENCED)


UNMANAGED = "2.1 calls what is in maintenance unmanaged"

CASES = (
    # Remote nodes and guests -----------------------------------------------------------------------
    Case(
        "a resource on a remote node waits for the connection", ("remote node",),
        Cluster(REMOTE + primitive("a"), ON_FAR, nodes=("node1",)),
        ["Start far ( node1 )", "Start a ( far )"],
        does=["Resource action: far start on node1", "Resource action: a start on far"],
        shows=["RemoteOnline: [ far ]"],
    ),
    Case(
        "a connection stops after what runs behind it", ("remote node",),
        Cluster(REMOTE + primitive("a"), ON_FAR, nodes=("node1",)).settled().but(
            resources=REMOTE.replace("/>", ">" + pairs("meta_attributes", "m", {"target-role": "Stopped"})
                                     + "</primitive>") + primitive("a")),
        does=["Resource action: a stop on far", "Resource action: far stop on node1"],
    ),
    Case(
        "a connection moves with what runs behind it staying", ("remote node",),
        Cluster(REMOTE + primitive("a"), ON_FAR, nodes=TWO_NODES).settled()
        .but(attributes={"node1": {"standby": "on"}}),
        shows=["far (ocf:pacemaker:remote): Started node2", "a (ocf:heartbeat:Dummy): Started far"],
    ),
    Case(
        "a guest comes with its container", ("guest node",),
        Cluster(primitive("vm", remote_node="guest") + primitive("a"), ON_FAR.replace("far", "guest"),
                nodes=("node1",)),
        does=["Resource action: vm start on node1", "Resource action: guest start on node1",
              "Resource action: a start on guest"],
        shows=["GuestOnline: [ guest ]"],
    ),
    Case(
        "what runs on a guest goes when its container moves", ("guest node",),
        Cluster(primitive("vm", remote_node="guest") + primitive("a"), ON_FAR.replace("far", "guest"), nodes=TWO_NODES)
        .settled().but(attributes={"node1": {"standby": "on"}}),
        does=["Resource action: a stop on guest", "Resource action: guest stop on node1",
              "Resource action: vm stop on node1", "Resource action: vm start on node2"],
    ),
    # Fencing ---------------------------------------------------------------------------------------
    Case(
        "a lost node is fenced before its resources start elsewhere", ("fencing", "fencing dependencies"),
        lost(running(), "node2"),
        does=["Fencing node2 (reboot)", "Pseudo action: a_stop_0", "Resource action: a start on node1"],
    ),
    Case(
        "without fencing a lost node's resources just start elsewhere", ("fencing",),
        lost(Cluster(WATCHED, nodes=TWO_NODES).settled()),
        ["Start a ( node2 )"], never=["Fencing"],
    ),
    Case(
        "a resource that needs quorum only does not wait for fencing", ("fencing dependencies",),
        lost(Cluster(device() + primitive("a", requires="quorum"), nodes=TWO_NODES, options=FENCED,
                     constraints='<rsc_location id="l" rsc="a" node="node2" score="5"/>').settled(), "node2"),
        does=["Fencing node2 (reboot)"], shows=["a (ocf:heartbeat:Dummy): Started node1"],
    ),
    Case(
        "nodes are turned off where that is the action", ("fencing",), lost(running(fencing_action="off"), "node2"),
        does=["Fencing node2 (off)"],
    ),
    Case(
        "a node that was never seen is fenced at startup", ("startup-fencing",),
        Cluster(device() + primitive("a"), nodes=TWO_NODES, options=FENCED,
                status=f'<node_state id="1" uname="node1" {UP}/>'),
        does=["Fencing node2 (reboot)", "Resource action: a start on node1"],
    ),
    Case(
        "without startup fencing a node that was never seen is left alone", ("startup-fencing",),
        Cluster(device() + primitive("a"), nodes=TWO_NODES, options={**FENCED, "startup_fencing": "false"},
                status=f'<node_state id="1" uname="node1" {UP}/>'),
        never=["Fencing"], shows=["a (ocf:heartbeat:Dummy): Started node1"],
    ),
    Case(
        "two lost nodes are fenced at once", ("concurrent-fencing",),
        lost(lost(Cluster(device() + WATCHED + primitive("b"), options={**FENCED, "concurrent_fencing": "true"})
                  .settled(), "node2"), "node3"),
        does=["Fencing node3 (reboot)"], shows=["OFFLINE: [ node2 node3 ]"],
    ),
    Case(
        "two lost nodes are fenced one after the other", ("concurrent-fencing",),
        lost(lost(Cluster(device() + WATCHED + primitive("b"), options={**FENCED, "concurrent_fencing": "false"})
                  .settled(), "node2"), "node3"),
        shows=["OFFLINE: [ node2 node3 ]"],
    ),
    Case(
        "the node with the more important resources is fenced with a delay",
        ("priority-fencing-delay", "topology-aware delays"),
        lost(Cluster(
            device() + primitive("a", priority="10"), '<rsc_location id="l" rsc="a" node="node2" score="1"/>',
            nodes=TWO_NODES, options={**FENCED, "priority_fencing_delay": "15s"},
            more='<fencing-topology><fencing-level id="f" target="node2" index="1" devices="fence"/>'
            "</fencing-topology>",
        ).settled(), "node2"),
        does=["Fencing node2 (reboot)"], graph=['CRM_meta_priority_fencing_delay="15"'],
    ),
    Case(
        "a watchdog fences where there is no device", ("watchdog",),
        lost(Cluster(primitive("a"), nodes=TWO_NODES, options={
            **FENCED, "have_watchdog": "true", "stonith_watchdog_timeout": "10s",
        }).settled()),
        does=["Fencing node1 (reboot)", "Resource action: a start on node2"],
    ),
    Case(
        "nodes are let in before anything starts that needs it", ("unfencing",), unfencing(),
        does=["Fencing node2 (on)", "Resource action: a start on node2"],
    ),
    # Shutdown --------------------------------------------------------------------------------------
    Case(
        "a node that shuts down is left first", ("shutdown",), shutting_down(),
        ["Move a ( node1 -> node2 )"],
        does=["Resource action: a stop on node1", "Cluster action: do_shutdown on node1"],
    ),
    Case(
        "with locks, resources wait for the node that shut down", ("shutdown-lock",),
        shutting_down(shutdown_lock="true"),
        ["Stop a ( node1 ) due to node availability"], never=["a start on node2"],
    ),
    # Maintenance and standby -----------------------------------------------------------------------
    Case(
        "in maintenance of the cluster nothing is done", ("maintenance: cluster", "unmanaged"),
        Cluster(WATCHED, nodes=TWO_NODES).settled().but(
            options={"maintenance_mode": "true"}, attributes={"node1": {"standby": "on"}}),
        [], never=["stop", "start"], differs=UNMANAGED,
    ),
    Case(
        "in maintenance of a node what runs there is left", ("maintenance: node", "unmanaged"),
        Cluster(WATCHED, nodes=TWO_NODES).settled().but(attributes={"node1": {"maintenance": "on"}}),
        [], does=["Resource action: a cancel=10000 on node1"],
        shows=["a (ocf:heartbeat:Dummy): Started node1 ("], differs=UNMANAGED,
    ),
    Case(
        "in maintenance of a resource it is left alone", ("maintenance: resource", "unmanaged"),
        Cluster(primitive("a") + primitive("b"), nodes=TWO_NODES).settled().but(
            resources=primitive("a", maintenance="true", target_role="Stopped")
            + primitive("b", target_role="Stopped")),
        ["Stop b ( node2 ) due to node availability"], differs=UNMANAGED,
    ),
    Case(
        "what is not managed is neither moved nor stopped", ("unmanaged",),
        Cluster(primitive("a"), nodes=TWO_NODES).settled().but(
            resources=primitive("a", is_managed="false"), attributes={"node1": {"standby": "on"}}),
        [], shows=["a (ocf:heartbeat:Dummy): Started node1 (unmanaged)"],
    ),
    Case(
        "a node in standby is left", ("standby",),
        Cluster(primitive("a"), nodes=TWO_NODES).settled().but(attributes={"node1": {"standby": "on"}}),
        ["Move a ( node1 -> node2 )"], shows=["Node node1: standby"],
    ),
    # Health ----------------------------------------------------------------------------------------
    Case(
        "health does not count where nobody asks for it", ("health: none",), unhealthy("none"), ["Start a ( node1 )"],
    ),
    Case(
        "a red node is left", ("health: migrate-on-red",), unhealthy("migrate-on-red"), ["Start a ( node2 )"],
        scores={("a", "node1"): "-INFINITY"},
    ),
    Case(
        "a yellow node may be used where only red ones are left", ("health: migrate-on-red",),
        unhealthy("migrate-on-red", "yellow"), ["Start a ( node1 )"],
    ),
    Case(
        "only green nodes are used", ("health: only-green",), unhealthy("only-green", "yellow"), ["Start a ( node2 )"],
        scores={("a", "node1"): "-INFINITY"},
    ),
    Case(
        "health is added up where it is progressive", ("health: progressive",),
        unhealthy("progressive", "yellow", node_health_yellow="-7", node_health_base="3"), ["Start a ( node2 )"],
        scores={("a", "node1"): "-4", ("a", "node2"): "3"},
    ),
    Case(
        "where health is custom its points count as they are", ("health: custom",), unhealthy("custom", "red"),
        ["Start a ( node2 )"],
    ),
    # Quorum ----------------------------------------------------------------------------------------
    Case(
        "without quorum everything stops", ("no-quorum-policy: stop",), without_quorum("stop"),
        does=["Resource action: a stop on node2"], never=["start"],
    ),
    Case(
        "without quorum a frozen cluster goes on, and starts nothing new", ("no-quorum-policy: freeze",),
        without_quorum("freeze").but(resources=device() + primitive("a") + primitive("b") + primitive("c")),
        never=["start", "stop"], shows=["a (ocf:heartbeat:Dummy): Started node2"],
    ),
    Case(
        "without quorum an unconcerned cluster goes on", ("no-quorum-policy: ignore",),
        without_quorum("ignore").but(resources=device() + primitive("a") + primitive("b") + primitive("c")),
        does=["Resource action: c start on node2"], never=["stop"],
    ),
    Case(
        "without quorum promoted instances are demoted, and the rest goes on", ("no-quorum-policy: demote",),
        Cluster(clone("k", primitive("p", agent="Stateful"), promotable="true") + primitive("a"), nodes=TWO_NODES)
        .settled().with_attribute("node1", "master-p", "5").settled().but(
            options={"no_quorum_policy": "demote"}, quorum="0"),
        does=["Resource action: p demote on node1"], shows=["Unpromoted: [ node1 node2 ]"],
    ),
    Case(
        "without quorum the nodes of a partition fence themselves", ("no-quorum-policy: suicide",),
        # Nodes that never had quorum are not to fence themselves: the CIB says that they had.
        without_quorum("suicide").but(quorum='0" no-quorum-panic="1'), does=["Fencing node2 (reboot)"],
    ),
    # Order of what is done -------------------------------------------------------------------------
    Case(
        "probes come first, and nothing else before they are done", ("transition priorities", "probe"),
        Cluster(primitive("a") + primitive("b"), nodes=("node1",)),
        does=["Resource action: a monitor on node1", "Resource action: b monitor on node1",
              "Resource action: b start on node1"],
    ),
    Case(
        "what is more important comes first in the graph", ("transition priorities",),
        Cluster(primitive("a", priority="7"), nodes=("node1",)), graph=['priority="7"'],
    ),
)
