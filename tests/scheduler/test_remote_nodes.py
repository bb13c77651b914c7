"""Remote nodes, guests, bundles and devices that unfence."""

from __future__ import annotations

from hashell.testing.clusters import Cluster, primitive

REMOTE = '<primitive id="far" class="ocf" provider="pacemaker" type="remote"/>'
BUNDLE = (
    '<bundle id="box"><podman image="img" replicas="2"/><network ip-range-start="192.168.122.131" control-port="3121"/>'
    '<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/></bundle>'
)


def order_of(cluster):
    """For each key what it waits for directly."""
    graph = cluster.decide().graph
    keys = {synapse.action.id: synapse.action.key for synapse in graph.synapses}
    return {synapse.action.key: {keys[one] for one in synapse.inputs} for synapse in graph.synapses}


def test_a_resource_on_a_remote_node_waits_for_the_connection():
    wish = '<rsc_location id="l" rsc="a" node="far" score="100"/>'
    cluster = Cluster(REMOTE + primitive("a"), wish, nodes=("node1",))
    assert cluster.placements()["a"] == "far"
    assert "far_start_0" in order_of(cluster)["a_start_0"]


def test_actions_on_a_remote_node_name_who_does_them():
    wish = '<rsc_location id="l" rsc="a" node="far" score="100"/>'
    graph = Cluster(REMOTE + primitive("a"), wish, nodes=("node1",)).decide().graph
    (start,) = (synapse.action for synapse in graph.synapses if synapse.action.key == "a_start_0")
    assert (start.node, start.router_node) == ("far", "node1")


def test_a_left_over_connection_stops_after_what_runs_there():
    wish = '<rsc_location id="l" rsc="a" node="far" score="100"/>'
    settled = Cluster(REMOTE + primitive("a"), wish, nodes=("node1",)).settled()
    cluster = settled.but(resources=primitive("a"), constraints="")
    assert "a_stop_0" in order_of(cluster)["far_stop_0"]


def test_a_guest_node_comes_with_its_container():
    guest = primitive("vm", remote_node="guest")
    wish = '<rsc_location id="l" rsc="a" node="guest" score="100"/>'
    cluster = Cluster(guest + primitive("a"), wish, nodes=("node1",))
    assert cluster.placements()["a"] == "guest"
    assert "guest_start_0" in order_of(cluster)["a_start_0"]
    assert "vm_start_0" in order_of(cluster)["guest_start_0"]


def test_a_bundle_starts_containers_then_connections_then_what_is_inside():
    cluster = Cluster(BUNDLE, nodes=("node1", "node2"))
    waits = order_of(cluster)
    assert {"box-podman-0_start_0", "box-podman-1_start_0"} <= set(waits)
    assert "box-podman-0_start_0" in waits["box-0_start_0"]
    settled = cluster.settled()
    assert settled.changes() == []
    assert settled.placements()["a:0"] in ("box-0", "box-1")


def test_a_bundle_spreads_its_replicas():
    places = Cluster(BUNDLE, nodes=("node1", "node2")).placements()
    assert sorted(places[f"box-podman-{n}"] for n in (0, 1)) == ["node1", "node2"]
