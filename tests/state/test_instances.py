"""Instances of clones, bundles and removed resources: which object an entry of the history belongs to."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from hashell.model.resources import ResourceKind
from hashell.state.resources import ProbeMode, Resource
from hashell.values.roles import Role
from hashell.values.scores import INFINITY


def clone(write, *, unique: bool = False, **values: str) -> str:
    primitive, meta = write
    return f'<clone id="c">{meta("m", globally_unique=str(unique).lower(), **values)}{primitive("r")}</clone>'


def test_an_anonymous_clone_deals_its_numbers_in_the_order_of_the_status(cluster, write):
    cluster.resources = clone(write)
    cluster.ran("b", "r", "start")
    cluster.ran("a", "r", "start")

    state = cluster.read()

    assert [(child.id, child.active_on, child.history_id) for child in state.by_id["c"].children] == [
        ("r:0", ("id-a",), "r"), ("r:1", ("id-b",), "r"),
    ]
    assert state.by_id["c"].active_on == ("id-a", "id-b")
    assert [node.running[0].id for node in state.nodes.values()] == ["r:0", "r:1"]


def test_an_instance_too_many_is_removed(cluster, write):
    cluster.resources = clone(write, clone_max="1")
    cluster.ran("a", "r", "start")
    cluster.ran("b", "r", "start")

    children = cluster.read().by_id["c"].children

    assert [(child.id, child.removed) for child in children] == [("r:0", False), ("r:1", True)]


def test_a_unique_clone_goes_by_the_number_in_the_history(cluster, write):
    cluster.resources = clone(write, unique=True, clone_max="3", clone_node_max="2")
    cluster.ran("a", "r:2", "start")
    cluster.ran("a", "r:0", "start")

    state = cluster.read()

    assert [child.active_on for child in state.by_id["c"].children] == [("id-a",), (), ("id-a",)]
    assert state.by_id["r:2"].printable_id == "r:2"
    assert state.by_id["r:2"].meta["clone"] == "2"
    assert state.by_id["r:2"].meta["clone-max"] == "3"


def test_members_of_a_cloned_group_stay_in_one_instance(cluster, write):
    primitive, _ = write
    cluster.resources = f'<clone id="c"><group id="g">{primitive("x")}{primitive("y")}</group></clone>'
    for node in ("b", "a"):
        cluster.ran(node, "x", "start")
        cluster.ran(node, "y", "start")

    state = cluster.read()

    assert [(r.id, r.kind, r.parent.id if r.parent else None) for r in state.by_id["g:1"].tree()] == [
        ("g:1", ResourceKind.GROUP, "c"), ("x:1", ResourceKind.PRIMITIVE, "g:1"),
        ("y:1", ResourceKind.PRIMITIVE, "g:1"),
    ]
    for instance in state.by_id["c"].children:
        assert len({member.active_on for member in instance.children}) == 1
    assert state.by_id["x:1"].top is state.by_id["c"]
    assert state.by_id["x:1"].printable_id == "x"


def test_a_removed_resource_stands_last_and_may_run_nowhere(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("low", priority="-5")
    cluster.ran("a", "gone", "start")

    state = cluster.read()

    gone = state.resources[-1]
    assert (gone.id, gone.removed, gone.role, set(gone.allowed.values())) == ("gone", True, Role.STARTED, {-INFINITY})
    assert state.find("gone") is gone
    cluster.options["stop-removed-resources"] = "false"
    assert not cluster.read().by_id["gone"].managed


def test_a_group_that_was_a_primitive_leaves_a_removed_one_behind(cluster, write):
    primitive, _ = write
    cluster.resources = f'<group id="g">{primitive("r")}</group>'
    cluster.ran("a", "g", "start")

    assert [(found.id, found.kind) for found in cluster.read().resources] == [
        ("g", ResourceKind.GROUP), ("g", ResourceKind.PRIMITIVE),
    ]


def test_resources_are_sorted_by_priority(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("a1") + primitive("high", priority="10") + primitive("a2")

    assert [found.id for found in cluster.read().resources] == ["high", "a1", "a2"]


def test_in_an_opt_in_cluster_nothing_is_allowed_at_first(cluster, write):
    primitive, _ = write
    cluster.options["symmetric-cluster"] = "false"
    cluster.resources = primitive("r") + primitive("vm", remote_node="guest")

    state = cluster.read()

    assert state.by_id["r"].allowed == {}
    assert set(state.by_id["guest"].allowed) == {"id-a", "id-b", "guest"}


BUNDLE = (
    '<bundle id="b"><podman image="i" replicas="2"/><network ip-range-start="10.0.0.1"/>{}</bundle>'
)


def test_only_the_instance_inside_may_run_on_a_bundles_node(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("other") + BUNDLE.format(primitive("web"))
    cluster.ran("a", "b-podman-1", "start")
    cluster.ran("b", "b-1", "start")
    cluster.state("b-1", 'id="b-1"')
    cluster.ran("b-1", "web", "start")

    state = cluster.read()

    bundle = state.by_id["b"]
    replica = bundle.replicas[1]
    assert (replica.container.id, replica.child.id, replica.ip.id, replica.remote.id, replica.node_id) == (
        "b-podman-1", "web:1", "b-ip-10.0.0.2", "b-1", "b-1",
    )
    assert replica.child.active_on == ("b-1",)
    assert replica.child.allowed == {"b-1": 500}
    assert replica.child.probe_modes == {"b-1": ProbeMode.EXCLUSIVE}
    assert "b-1" not in state.by_id["other"].allowed
    assert (state.nodes["b-1"].online, state.nodes["b-1"].is_guest) == (True, True)
    assert replica.remote.launcher is replica.container
    assert replica.container.launched == (replica.remote,)
    assert replica.child.is_bundled
    assert replica.child.outermost is bundle


def test_a_launched_resource_knows_its_launcher(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("vm") + primitive("check", container="vm") + primitive("lost", container="gone")
    cluster.ran("a", "vm", "start")
    cluster.ran("a", "check", "start")
    cluster.ran("a", "check", "monitor", 1, interval=10_000)

    state = cluster.read()

    assert state.by_id["vm"].launched == (state.by_id["check"],)
    assert any(found.resource.id == "vm" and found.task == "stop" for found in state.findings if hasattr(found, "task"))
    assert "Resource lost: Unknown container gone" in state.problems


def test_what_was_read_can_no_longer_be_changed(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r")
    state = cluster.read()

    assert type(state.by_id["r"]) is Resource
    with pytest.raises(FrozenInstanceError):
        state.by_id["r"].role = Role.STARTED
    with pytest.raises(FrozenInstanceError):
        state.nodes["id-a"].online = False


def test_an_instance_that_is_about_to_start_elsewhere_is_not_free(cluster, write):
    cluster.resources = clone(write)
    cluster.ran("a", "r", "stop", 193, status=-1, expected=0, call=-1)
    cluster.ran("b", "r", "start")

    children = cluster.read().by_id["c"].children

    assert [(child.pending_on, child.active_on) for child in children] == [("id-a", ()), (None, ("id-b",))]


@pytest.mark.parametrize(("clone_max", "removed"), [("1", [False, True]), ("2", [False, False])])
def test_a_node_that_is_gone_uses_up_no_number_unless_there_is_one_for_each(cluster, write, clone_max, removed):
    cluster.options |= {"fencing-enabled": "true", "no-quorum-policy": "ignore"}
    cluster.resources = clone(write, clone_max=clone_max, requires="nothing")
    cluster.node("a", 'in_ccm="0" crmd="0" join="down" expected="down"')
    cluster.ran("a", "r", "start")

    children = cluster.read().by_id["c"].children

    assert [child.removed for child in children] == removed


MIXED = (
    '<group id="g"><primitive id="plain" class="ocf" provider="heartbeat" type="Dummy"/>'
    '<primitive id="script" class="lsb" type="old"/></group>'
)


@pytest.mark.parametrize(("meta", "unique"), [
    ({"globally_unique": "true"}, "plain:1"), ({"clone_node_max": "2"}, "plain:0"),
])
def test_a_clone_found_to_be_anonymous_while_it_is_made_keeps_a_unique_member_in_one_instance(
    cluster, write, meta, unique
):
    """The last instance where each is told to be unique, the first where they only inherit it."""
    cluster.resources = f'<clone id="c">{write[1]("m", clone_max="2", **meta)}{MIXED}</clone>'

    clone = cluster.read().by_id["c"]

    assert not clone.unique
    assert [part.id for part in clone.tree() if part.kind is ResourceKind.PRIMITIVE and part.unique] == [unique]
