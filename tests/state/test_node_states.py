"""Node states: which nodes are online, and which must be fenced."""

from __future__ import annotations

import pytest

from hashell.state.findings import FencingNeeded
from hashell.values.scores import INFINITY

NOW_S = 1_704_067_200


def fenced(state):
    return [(found.node, found.reason) for found in state.findings if isinstance(found, FencingNeeded)]


@pytest.fixture
def fencing(cluster, write):
    primitive, _ = write
    cluster.options["fencing-enabled"] = "true"
    cluster.resources = primitive("f", agent='class="stonith" type="fence_x"')
    return cluster


def test_nodes_that_are_members_are_online_and_the_dc_is_known(cluster):
    state = cluster.read()

    assert [(node.name, node.online, node.score) for node in state.nodes.values()] == [("a", True, 0), ("b", True, 0)]
    assert state.dc == "id-a"
    assert state.nodes["id-a"].is_dc
    assert state.node_named("A") is state.nodes["id-a"]


@pytest.mark.parametrize(
    ("words", "online", "reason"),
    [
        ('in_ccm="0" crmd="0" join="down" expected="member"', False, "peer is no longer part of the cluster"),
        ('in_ccm="1" crmd="0" join="member" expected="member"', True, "peer process is no longer available"),
        ('in_ccm="1" crmd="1" join="banned" expected="member"', True, "peer failed Pacemaker membership criteria"),
        ('in_ccm="1" crmd="1" join="lost" expected="member"', True, "peer was in an unknown state"),
        ('crmd="1" join="member" expected="member"', False, "peer has not been seen by the cluster"),
    ],
)
def test_a_node_that_is_not_as_it_should_be_is_fenced(fencing, words, online, reason):
    fencing.node("b", words)

    state = fencing.read()

    assert fenced(state) == [("id-b", reason)]
    assert (state.nodes["id-b"].online, state.nodes["id-b"].unclean) == (online, True)


def test_a_node_on_its_way_is_given_time(fencing):
    fencing.node("b", f'in_ccm="{NOW_S - 60}" crmd="0" join="down" expected="down"')
    state = fencing.read()
    assert (state.nodes["id-b"].pending, fenced(state)) == (True, [])

    fencing.options["node-pending-timeout"] = "2min"
    assert fencing.read().recheck_at == NOW_S + 60

    fencing.options["node-pending-timeout"] = "30s"
    assert fenced(fencing.read()) == [("id-b", "peer pending timed out on joining the process group")]


@pytest.mark.parametrize("join", ["down", "pending"])
def test_a_node_that_is_still_joining_is_pending(fencing, join):
    fencing.node("b", f'in_ccm="1" crmd="1" join="{join}" expected="member"')

    state = fencing.read()

    assert (state.nodes["id-b"].pending, state.nodes["id-b"].standby, fenced(state)) == (True, True, [])


def test_a_remote_node_is_fenced_for_its_resources_only_if_nobody_can_reach_it(fencing, write):
    primitive, _ = write
    fencing.resources += primitive("far", agent='class="ocf" provider="pacemaker" type="remote"') + primitive("r")
    fencing.state("far", 'id="far" remote_node="true"')
    fencing.ran("a", "far", "stop")
    fencing.ran("far", "r", "start")

    state = fencing.read()

    node = state.nodes["far"]
    assert (node.online, node.unclean, node.seen) == (False, True, False)
    assert [reason for name, reason in fenced(state) if name == "far"] == [
        "r is active there (fencing will be revoked if remote connection can be re-established elsewhere)"
    ]


def test_a_node_that_was_never_seen_is_unclean_at_the_start(fencing):
    fencing.node("c", None)
    assert fencing.read().nodes["id-c"].unclean

    fencing.options["startup-fencing"] = "false"
    assert not fencing.read().nodes["id-c"].unclean


def test_a_node_that_shuts_down_gets_no_resources(cluster):
    cluster.node("b", shutdown=str(NOW_S))

    node = cluster.read().nodes["id-b"]

    assert (node.online, node.shutdown, node.score) == (True, True, -INFINITY)


def test_attributes_put_nodes_into_standby_and_maintenance(cluster):
    cluster.node("a", standby="on", maintenance="true")

    node = cluster.read().nodes["id-a"]

    assert (node.standby, node.maintenance) == (True, True)
    assert node.attributes["#uname"] == "a"


def test_a_person_can_ask_for_fencing(fencing):
    fencing.node("b", terminate="true")
    assert fenced(fencing.read()) == [("id-b", "fencing was requested")]


def test_without_quorum_the_fence_policy_fences_all(fencing):
    fencing.options["no-quorum-policy"] = "fence"
    fencing.quorum = "0"
    assert fenced(fencing.read()) == []  # it never had quorum

    fencing.quorum = '0" no-quorum-panic="1'
    assert fenced(fencing.read()) == [
        ("id-a", "cluster does not have quorum"), ("id-b", "cluster does not have quorum"),
    ]


def test_without_fencing_a_lost_node_is_offline_and_one_whose_controller_died_unclean(cluster):
    cluster.node("b", 'in_ccm="0" crmd="0" join="down" expected="member"')
    cluster.node("c", 'in_ccm="1" crmd="0" join="down" expected="member"')

    state = cluster.read()

    assert (state.nodes["id-b"].online, state.nodes["id-b"].unclean) == (False, False)
    assert (state.nodes["id-c"].online, state.nodes["id-c"].unclean) == (False, True)


def test_health_is_the_worst_of_all_colours(cluster):
    cluster.options["node-health-strategy"] = "migrate-on-red"
    cluster.node("a", **{"#health-disk": "yellow"})
    cluster.node("b", **{"#health-disk": "yellow", "#health-cpu": "red"})

    state = cluster.read()

    assert (state.nodes["id-a"].health, state.nodes["id-b"].health) == (0, -1)


def test_a_state_of_an_unknown_node_is_ignored(cluster):
    cluster.state("gone", 'id="id-gone" in_ccm="1"')

    assert set(cluster.read().nodes) == {"id-a", "id-b"}


def test_a_remote_node_is_online_where_its_connection_is_started(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("far", agent='class="ocf" provider="pacemaker" type="remote"')
    cluster.state("far", 'id="far" remote_node="true" node_in_maintenance="1"')
    assert not cluster.read().nodes["far"].online

    cluster.ran("a", "far", "start")
    node = cluster.read().nodes["far"]
    assert (node.online, node.is_remote_node, node.is_guest, node.remote_maintenance) == (True, True, False, True)


def test_a_guest_of_a_failed_launcher_is_offline_and_to_be_recovered(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("vm", remote_node="guest")
    cluster.ran("a", "vm", "start")
    cluster.ran("a", "guest", "start")
    cluster.state("guest", 'id="guest"')
    node = cluster.read().nodes["guest"]
    assert (node.online, node.is_guest, node.attributes["#kind"]) == (True, True, "container")

    cluster.ran("a", "vm", "monitor", 1, interval=10_000, expected=0)
    node = cluster.read().nodes["guest"]
    assert (node.online, node.remote_reset) == (False, True)


def test_a_node_is_worth_the_priorities_of_what_runs_there(cluster, write):
    primitive, meta = write
    cluster.resources = (
        primitive("r", priority="5") + primitive("failing", priority="100")
        + f'<clone id="c">{meta("m", promotable="true", priority="10")}{primitive("p")}</clone>'
    )
    cluster.ran("a", "r", "start")
    cluster.ran("a", "failing", "start")
    cluster.ran("a", "failing", "monitor", 1, interval=10_000)
    for node in ("a", "b"):
        cluster.ran(node, "p", "start")
    cluster.ran("b", "p", "promote")

    state = cluster.read()

    assert [node.priority for node in state.nodes.values()] == [15, 11]


def test_what_runs_on_a_node_in_maintenance_is_not_managed(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r")
    cluster.node("a", maintenance="true")
    cluster.ran("a", "r", "start")

    resource = cluster.read().by_id["r"]

    assert (resource.managed, resource.maintenance, resource.allowed["id-a"]) == (False, True, INFINITY)


def test_a_remote_node_whose_connection_failed_is_fenced_whether_it_can_be_had_back_or_not(fencing, write):
    primitive, _ = write
    fencing.resources += primitive("far", agent='class="ocf" provider="pacemaker" type="remote"')
    fencing.state("far", 'id="far" remote_node="true"')
    fencing.ran("a", "far", "start")
    fencing.ran("a", "far", "monitor", 1, interval=10_000)

    state = fencing.read()

    node = state.nodes["far"]
    assert (node.unclean, node.seen) == (True, True)
    assert fenced(state) == [("far", "remote connection is unrecoverable")]
    fencing.state("far", 'id="far" remote_node="true" node_fenced="1"')
    assert fenced(fencing.read()) == []
