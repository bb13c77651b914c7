"""hashelld on a real corosync, three machines in namespaces: the faults that mesh is put to, put to this engine.

Needs root and corosync.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from hashell.errors import HashellError
from hashell.lab.corosync import CorosyncCluster, check_corosync
from hashell.lab.namespaces import NoNamespaces
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

THREE = ("node1", "node2", "node3")
CONFIG = (
    ("crm_config", '<cluster_property_set id="cib-bootstrap-options">'
     '<nvpair id="o-stonith" name="stonith-enabled" value="true"/>'
     '<nvpair id="o-policy" name="no-quorum-policy" value="stop"/></cluster_property_set>'),
    ("resources", '<primitive id="fencing" class="stonith" type="fence_hashell"><instance_attributes id="fencing-i">'
     '<nvpair id="fencing-list" name="pcmk_host_list" value="node1 node2 node3"/>'
     '<nvpair id="fencing-check" name="pcmk_host_check" value="static-list"/></instance_attributes></primitive>'),
    ("resources", '<primitive id="service" class="ocf" provider="hashell" type="Dummy"><operations>'
     '<op id="service-monitor" name="monitor" interval="5s" timeout="10s"/></operations></primitive>'),
)


@pytest.fixture(scope="module")
def cluster():
    try:
        check_corosync()
    except NoNamespaces as error:
        pytest.skip(f"no machines with corosync here: {error}")
    with CorosyncCluster(THREE) as made:
        made.start()
        made.wait_formed(60)
        client = made.client("node1", timeout_s=30)
        client.apply([Change("modify", xml.encode(), section) for section, xml in CONFIG])
        client.close()
        made.wait_until(lambda: len(runs_on(made)) == 1, "the service did not start", 40)
        yield made


def xpath(cluster: CorosyncCluster, node: str, path: str) -> list[object]:
    try:
        client = cluster.client(node, timeout_s=5)
    except HashellError:
        return []
    try:
        return list(client.cib().root.xpath(path))
    except HashellError:
        return []
    finally:
        client.close()


def runs_on(cluster: CorosyncCluster, ask: str = "") -> list[str]:
    """Where the service runs, as a node that has quorum knows."""
    for node in (ask,) if ask else THREE:
        info = cluster.info(node)
        if info and info.quorate and (not ask or node == ask):
            found = []
            for state in xpath(cluster, node, "//node_state"):
                last = state.xpath(  # type: ignore[attr-defined]
                    ".//lrm_resource[@id='service']/lrm_rsc_op[not(@operation='monitor' and @interval!='0')]"
                )
                last = sorted(last, key=lambda op: int(op.get("call-id", "0")))
                if last and last[-1].get("rc-code") == "0" and last[-1].get("operation") != "stop":
                    found.append(state.get("uname"))  # type: ignore[attr-defined]
            return found
    return []


def members(cluster: CorosyncCluster, node: str) -> set[str]:
    info = cluster.info(node)
    return {one.name for one in info.members if one.state == "member"} if info else set()


def whole_again(cluster: CorosyncCluster) -> None:
    """After all fencing, whoever was fenced or killed is started; then all are one, and the service runs once."""
    idle(cluster)
    for node in THREE:
        if not cluster.alive(node):
            cluster.start_machine(node)
    cluster.wait_formed(60)
    cluster.wait_until(lambda: len(runs_on(cluster)) == 1, "the service does not run once", 60)
    idle(cluster)


def idle(cluster: CorosyncCluster) -> None:
    """Until the part with quorum has nothing to do."""
    node = next(node for node in THREE if (info := cluster.info(node)) is not None and info.quorate)
    client = cluster.client(node, timeout_s=30)
    client.wait_idle(60)
    client.close()


def others(node: str) -> tuple[str, ...]:
    return tuple(one for one in THREE if one != node)


def moved_from(cluster: CorosyncCluster, node: str, timeout_s: float = 40) -> float:
    ask = others(node)[0]
    return cluster.wait_until(
        lambda: bool(set(runs_on(cluster, ask)) - {node}), f"the service is not taken from {node}", timeout_s
    )


def test_three_nodes_form_a_cluster_with_corosyncs_ids_votes_and_names(cluster):
    info = cluster.info("node2")

    assert info.engine == "corosync" and info.quorate
    assert [(one.id, one.name, one.votes, one.address) for one in sorted(info.members, key=lambda one: one.id)] == [
        (number, f"node{number}", 1, f"10.77.0.{number + 10}") for number in (1, 2, 3)
    ]
    tool = cluster.machine("node2").do("corosync-quorumtool", "-s")
    assert f"Expected votes:   {info.expected_votes}" in tool and f"Total votes:      {info.votes}" in tool


def test_a_cib_of_megabytes_reaches_all_nodes(cluster):
    xml = '<cluster_property_set id="big">' + "".join(
        f'<nvpair id="big-{number}" name="n{number}" value="{"x" * 1000}"/>' for number in range(2_500)
    ) + "</cluster_property_set>"
    client = cluster.client("node3", timeout_s=60)
    version = client.apply([Change("modify", xml.encode(), "crm_config")])
    cluster.wait_until(
        lambda: all(len(xpath(cluster, node, "//*[@id='big']/nvpair")) == 2_500 for node in THREE), "not on all", 30
    )
    client.apply([Change("delete", path="//*[@id='big']")])
    client.close()

    assert version


def test_standby_moves_the_service(cluster):
    (node,) = runs_on(cluster)
    client = cluster.client(node, timeout_s=30)
    standby = (
        f'<nodes><node id="{THREE.index(node) + 1}" uname="{node}"><instance_attributes id="sb">'
        '<nvpair id="sb-s" name="standby" value="on"/></instance_attributes></node></nodes>'
    )
    client.apply([Change("modify", standby.encode(), "nodes")])
    moved_from(cluster, node)
    client.apply([Change("delete", path="//*[@id='sb']")])
    client.close()
    whole_again(cluster)


def test_a_daemon_that_is_killed_is_lost_at_once_and_fenced(cluster):
    (node,) = runs_on(cluster)
    cluster.kill_daemon(node)
    began = time.monotonic()
    cluster.wait_until(lambda: node not in members(cluster, others(node)[0]), "it is still a member", 10)
    assert time.monotonic() - began < 2
    moved_from(cluster, node)
    whole_again(cluster)


def test_a_node_that_loses_power_is_lost_after_corosyncs_token_and_its_service_taken(cluster):
    (node,) = runs_on(cluster)
    cluster.kill(node)
    moved_from(cluster, node)
    whole_again(cluster)


def test_a_node_whose_corosync_is_killed_has_no_quorum_and_is_fenced(cluster):
    (node,) = runs_on(cluster)
    cluster.kill_corosync(node)
    info = cluster.info(node)
    assert info is not None and not info.quorate and "without corosync" in info.quorum_reason
    moved_from(cluster, node)
    whole_again(cluster)


def test_a_frozen_node_is_fenced_and_its_service_taken(cluster):
    (node,) = runs_on(cluster)
    cluster.freeze(node)
    moved_from(cluster, node)
    whole_again(cluster)


def test_a_daemon_that_stands_still_while_its_corosync_runs_is_left_out_and_fenced(cluster):
    (node,) = runs_on(cluster)
    os.kill(cluster.pid(node), signal.SIGSTOP)
    moved_from(cluster, node)
    whole_again(cluster)


def test_the_coordinator_may_die(cluster):
    dc = cluster.info("node1").dc
    cluster.kill(dc)
    ask = others(dc)[0]
    cluster.wait_until(lambda: (info := cluster.info(ask)) is not None and info.dc not in ("", dc), "no new DC", 30)
    cluster.wait_until(lambda: len(runs_on(cluster, ask)) == 1, "the service does not run", 40)
    whole_again(cluster)


def test_a_node_whose_cable_is_pulled_loses_quorum_and_comes_back_whole(cluster):
    """Without a fence agent that reaches it, as where a switch fails: the rest waits, it stops its resources."""
    client = cluster.client(timeout_s=30)
    client.apply([Change("modify", b'<nvpair id="o-stonith" name="stonith-enabled" value="false"/>',
                         "//*[@id='cib-bootstrap-options']")])
    client.close()
    (node,) = runs_on(cluster)
    rest = others(node)
    cluster.cut(node)
    moved_from(cluster, node)
    cluster.wait_until(lambda: (info := cluster.info(node)) is not None and not info.quorate, "it has quorum", 20)
    assert members(cluster, node) == {node}
    assert members(cluster, rest[0]) == members(cluster, rest[1]) == set(rest)

    cluster.cut(node, cut=False)
    whole_again(cluster)

    digests = {str(xpath(cluster, one, "/cib/@epoch")) for one in THREE}
    assert len(digests) == 1


def test_a_node_that_leaves_cleanly_is_not_fenced(cluster):
    (node,) = runs_on(cluster)
    assert cluster.stop_node(node) == 0
    ask = others(node)[0]
    cluster.wait_until(lambda: node not in members(cluster, ask), "it is a member", 10)
    info = cluster.info(ask)
    assert {one.name: one.state for one in info.members}[node] == "left"
    cluster.start_node(node)
    whole_again(cluster)
