"""What is started, stopped, promoted and left alone."""

from __future__ import annotations

import pytest

from hashell.testing.clusters import Cluster, clone, group, operation, pairs, primitive

PROMOTABLE = clone("p-clone", primitive("p"), promotable="true")


def promoted(cluster):
    """The nodes with a promoted instance."""
    schedule = cluster.decide().schedule
    return sorted(
        schedule.placements[name] for name, role in schedule.roles.items()
        if role.lower() == "promoted" and ":" in name
    )


def test_a_probe_precedes_the_start():
    graph = Cluster(primitive("a"), nodes=("node1",)).decide().graph
    inputs = {synapse.action.key: synapse.inputs for synapse in graph.synapses}
    ids = {synapse.action.key: synapse.action.id for synapse in graph.synapses}
    assert inputs["a_monitor_0"] == ()
    assert ids["a_monitor_0"] in inputs["a_start_0"]


def test_what_is_not_to_run_is_probed_only():
    cluster = Cluster(primitive("a", target_role="Stopped"))
    assert cluster.changes() == []
    assert cluster.tasks() == [f"a_monitor_0@node{n}" for n in (1, 2, 3)]


def test_target_role_stops_what_runs():
    settled = Cluster(primitive("a")).settled()
    cluster = settled.but(resources=primitive("a", target_role="Stopped"))
    assert cluster.changes() == ["Stop a ( node1 ) due to node availability"]
    assert cluster.tasks() == ["a_stop_0@node1"]


def test_a_monitor_is_started_and_cancelled_with_its_definition():
    watched = primitive("a", operation("a", "monitor", "10s"))
    settled = Cluster(watched).settled()
    assert "a_monitor_10000@node1" in Cluster(watched).tasks()
    assert settled.but(resources=primitive("a")).tasks() == ["a_monitor_10000@node1"]
    (synapse,) = settled.but(resources=primitive("a")).decide().graph.synapses
    assert synapse.action.task == "cancel"


def test_a_disabled_monitor_is_not_started():
    watched = primitive("a", operation("a", "monitor", "10s", enabled="false"))
    assert "a_monitor_10000@node1" not in Cluster(watched).tasks()


def test_changed_parameters_restart():
    def resource(value):
        return primitive("a", pairs("instance_attributes", "i", {"x": value}))

    settled = Cluster(resource("1")).settled()
    cluster = settled.but(resources=resource("2"))
    assert cluster.changes() == ["Restart a ( node1 ) due to resource definition change"]
    assert set(cluster.tasks()) == {"a_stop_0@node1", "a_start_0@node1"}


@pytest.mark.parametrize("meta", [{"is_managed": "false"}, {"maintenance": "true"}])
def test_an_unmanaged_resource_is_left_alone(meta):
    settled = Cluster(primitive("a")).settled()
    assert settled.but(resources=primitive("a", target_role="Stopped", **meta)).changes() == []


def test_in_maintenance_mode_nothing_is_done_and_monitors_cease():
    watched = primitive("a", operation("a", "monitor", "10s"))
    settled = Cluster(watched).settled()
    cluster = settled.but(options={"maintenance_mode": "true"})
    assert cluster.changes() == []
    assert [synapse.action.task for synapse in cluster.decide().graph.synapses] == ["cancel"]


def test_a_removed_resource_is_stopped_and_forgotten():
    settled = Cluster(primitive("a") + primitive("b")).settled()
    cluster = settled.but(resources=primitive("b"))
    assert cluster.changes()[0].startswith("Stop a ( node1 )")
    assert {"a_stop_0@node1", "a_delete_0@node1"} <= set(cluster.tasks())


def test_a_removed_resource_may_be_left_running():
    settled = Cluster(primitive("a") + primitive("b")).settled()
    cluster = settled.but(resources=primitive("b"), options={"stop_orphan_resources": "false"})
    assert not any(task.startswith("a_stop") for task in cluster.tasks())


def test_a_promotion_score_promotes():
    cluster = Cluster(PROMOTABLE).with_attribute("node2", "master-p", "10")
    assert promoted(cluster) == ["node2"]
    assert cluster.score("p:1", "node2") == 10 or cluster.score("p:0", "node2") == 10


def test_without_a_promotion_score_nothing_is_promoted():
    assert promoted(Cluster(PROMOTABLE)) == []


def test_a_better_score_elsewhere_moves_the_promoted_role():
    settled = Cluster(PROMOTABLE).with_attribute("node1", "master-p", "10").settled()
    cluster = settled.with_attribute("node2", "master-p", "100")
    lines = cluster.changes()
    assert any(line.startswith("Demote") for line in lines)
    assert any(line.startswith("Promote") for line in lines)
    order = [synapse.action.task for synapse in sorted(cluster.decide().graph.synapses, key=lambda one: one.action.id)]
    assert "demote" in order
    assert "promote" in order


def test_two_may_be_promoted():
    cluster = Cluster(clone("p-clone", primitive("p"), promotable="true", promoted_max="2"))
    cluster = cluster.with_attribute("node1", "master-p", "10").with_attribute("node3", "master-p", "5")
    assert promoted(cluster) == ["node1", "node3"]


def test_a_location_wish_for_the_promoted_role_counts_for_promotion():
    wish = (
        '<rsc_location id="l" rsc="p-clone"><rule id="r" role="Promoted" score="50">'
        '<expression id="e" attribute="#uname" operation="eq" value="node3"/></rule></rsc_location>'
    )
    cluster = Cluster(PROMOTABLE, wish)
    for node in cluster.nodes:
        cluster = cluster.with_attribute(node, "master-p", "10")
    assert promoted(cluster) == ["node3"]


def test_a_colocation_with_the_promoted_role_follows_it():
    follow = '<rsc_colocation id="c" rsc="ip" with-rsc="p-clone" with-rsc-role="Promoted" score="INFINITY"/>'
    cluster = Cluster(primitive("ip") + PROMOTABLE, follow).with_attribute("node2", "master-p", "10")
    assert cluster.placements()["ip"] == "node2"


def test_notifications_surround_the_steps_of_a_clone():
    tasks = Cluster(clone("k", primitive("a"), notify="true"), nodes=("node1",)).settled().with_attribute(
        "node1", "standby", "on",
    ).tasks()
    assert "k_pre_notify_stop_0@" in tasks
    assert "k_confirmed-pre_notify_stop_0@" in tasks
    assert any("notified" in task or "post_notify_stop" in task for task in tasks)


def test_the_members_of_a_group_start_in_order_and_stop_in_reverse():
    cluster = Cluster(group("g", primitive("a"), primitive("b")), nodes=("node1",))
    assert _waits(cluster, "b_start_0", "a_start_0")
    stopping = cluster.settled().but(
        resources=group("g", primitive("a"), primitive("b"), target_role="Stopped"),
    )
    assert _waits(stopping, "a_stop_0", "b_stop_0")


def _waits(cluster, later, earlier):
    """Whether one action waits, directly or by way of others, for another."""
    graph = cluster.decide().graph
    keys = {synapse.action.id: synapse.action.key for synapse in graph.synapses}
    before = {synapse.action.key: {keys[one] for one in synapse.inputs} for synapse in graph.synapses}
    found, open_keys = set(), [later]
    while open_keys:
        for key in before[open_keys.pop()] - found:
            found.add(key)
            open_keys.append(key)
    return earlier in found


@pytest.mark.parametrize(("kind", "waits"), [("Mandatory", True), ("Optional", True), ("Serialize", True)])
def test_an_order_is_kept_when_both_start(kind, waits):
    order = f'<rsc_order id="o" first="a" then="b" kind="{kind}"/>'
    assert _waits(Cluster(primitive("a") + primitive("b"), order), "b_start_0", "a_start_0") is waits


def test_a_mandatory_order_blocks_the_second_when_the_first_will_not_run():
    resources = primitive("a", target_role="Stopped") + primitive("b")
    for kind, blocked in (("Mandatory", True), ("Optional", False)):
        cluster = Cluster(resources, f'<rsc_order id="o" first="a" then="b" kind="{kind}"/>')
        assert ("b_start_0@node1" not in cluster.tasks()) is blocked


def test_a_restart_of_the_first_restarts_the_second():
    def first(value):
        return primitive("a", pairs("instance_attributes", "i", {"x": value}))

    order = '<rsc_order id="o" first="a" then="b"/>'
    settled = Cluster(first("1") + primitive("b"), order).settled()
    cluster = settled.but(resources=first("2") + primitive("b"))
    assert [line.split(" (")[0] for line in cluster.changes()] == ["Restart a", "Restart b"]
    assert _waits(cluster, "a_stop_0", "b_stop_0")


def test_an_order_set_chains_its_members():
    sets = (
        '<rsc_order id="o"><resource_set id="s"><resource_ref id="a"/><resource_ref id="b"/><resource_ref id="c"/>'
        "</resource_set></rsc_order>"
    )
    cluster = Cluster(primitive("a") + primitive("b") + primitive("c"), sets)
    assert _waits(cluster, "c_start_0", "a_start_0")


def test_what_may_migrate_moves_alive():
    settled = Cluster(primitive("a", allow_migrate="true")).settled()
    cluster = settled.but(attributes={"node1": {"standby": "on"}})
    assert cluster.changes() == ["Migrate a ( node1 -> node2 )"]
    assert [task.partition("@")[0] for task in cluster.tasks() if "node" in task] == [
        "a_stop_0", "a_migrate_to_0", "a_migrate_from_0",
    ]


def test_a_revoked_ticket_stops_what_depends_on_it():
    ticket = '<rsc_ticket id="t" rsc="a" ticket="east" loss-policy="stop"/>'
    assert Cluster(primitive("a"), ticket).placements() == {"a": ""}
    settled = Cluster(primitive("a")).settled()
    assert settled.but(constraints=ticket).changes() == ["Stop a ( node1 ) due to node availability"]
