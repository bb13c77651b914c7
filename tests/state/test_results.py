"""Results: what the history says of roles, and what failures ask for."""

from __future__ import annotations

import pytest

from hashell.state.findings import ActionFound, FailureCleared, FencingNeeded, ScoreChanged
from hashell.values.roles import Role
from hashell.values.scores import INFINITY

NOW_S = 1_704_067_200


def actions(state):
    return [(found.resource.id, found.task, found.node, found.optional) for found in state.findings
            if isinstance(found, ActionFound)]


def operations(inner):
    return f"<operations>{inner}</operations>"


@pytest.fixture
def one(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r")
    return cluster


def test_a_start_makes_it_active_and_a_stop_ends_that(one):
    one.ran("a", "r", "start")
    resource = one.read().by_id["r"]
    assert (resource.role, resource.active_on, list(resource.known_on)) == (Role.STARTED, ("id-a",), ["id-a"])

    one.ran("a", "r", "stop")
    resource = one.read().by_id["r"]
    assert (resource.role, resource.active_on) == (Role.STOPPED, ())


def test_entries_count_in_the_order_of_their_call_ids(one):
    one.ran("a", "r", "stop", call=5)
    one.ran("a", "r", "start", call=9)
    one.ran("a", "r", "monitor", 7, call=2)

    assert one.read().by_id["r"].role is Role.STARTED


def test_a_probe_says_where_it_runs_or_not(one):
    one.ran("a", "r", "monitor", 0, expected=7)
    one.ran("b", "r", "monitor", 7)

    state = one.read()
    resource = state.by_id["r"]

    assert resource.active_on == ("id-a",)
    assert [node.id for node in state.nodes.values() if node.knows(resource)] == ["id-a", "id-b"]
    assert not resource.failed


def test_a_recurring_monitor_goes_on(one):
    one.ran("a", "r", "start")
    one.ran("a", "r", "monitor", interval=10_000)

    assert actions(one.read()) == [("r", "monitor", "id-a", True)]


def test_a_failed_monitor_asks_for_a_restart(one):
    one.ran("a", "r", "start")
    one.ran("a", "r", "monitor", 1, interval=10_000, ident="r_last_failure_0")

    state = one.read()

    resource = state.by_id["r"]
    assert (resource.failed, resource.stop_if_failed, resource.active_on) == (True, True, ("id-a",))
    assert actions(state)[-1] == ("r", "stop", "id-a", False)
    assert [(entry.id, entry.node, entry.resource) for entry in state.failed] == [("r_last_failure_0", "a", "r")]


def test_a_stop_after_a_failure_forgives_it(one):
    one.ran("a", "r", "start")
    one.ran("a", "r", "monitor", 1, interval=10_000)
    one.ran("a", "r", "stop")

    resource = one.read().by_id["r"]

    assert (resource.failed, resource.role) == (False, Role.STOPPED)


def test_a_stop_that_failed_without_fencing_blocks_it(one):
    one.ran("a", "r", "start")
    one.ran("a", "r", "stop", 1)

    state = one.read()

    resource = state.by_id["r"]
    assert (resource.blocked, resource.managed, resource.failed) == (True, False, True)
    assert (state.instances_total, state.instances_blocked) == (1, 1)


def test_a_stop_that_failed_with_fencing_fences_the_node(one, write):
    primitive, _ = write
    one.options["fencing-enabled"] = "true"
    one.resources += primitive("f", agent='class="stonith" type="x"')
    one.ran("a", "r", "start")
    one.ran("a", "r", "stop", 1)

    state = one.read()

    assert state.nodes["id-a"].unclean
    assert [f.reason for f in state.findings if isinstance(f, FencingNeeded)] == ["r failed there"]
    assert state.by_id["r"].allowed["id-a"] == -INFINITY


@pytest.mark.parametrize(
    ("on_fail", "check"),
    [
        ("ignore", lambda state: not state.by_id["r"].failed and state.by_id["r"].ignore_failure),
        ("block", lambda state: state.by_id["r"].blocked and not state.by_id["r"].managed),
        ("standby", lambda state: state.nodes["id-a"].standby_on_fail and state.nodes["id-a"].standby),
        ("stop", lambda state: state.by_id["r"].next_role is Role.STOPPED
         and set(state.by_id["r"].allowed.values()) == {-INFINITY}),
        ("migrate", lambda state: state.by_id["r"].allowed == {"id-a": -INFINITY, "id-b": 0}),
        ("restart", lambda state: state.by_id["r"].stop_if_failed),
    ],
)
def test_on_fail_says_what_a_failure_does(cluster, write, on_fail, check):
    primitive, _ = write
    cluster.resources = primitive("r", operations(
        f'<op id="o" name="monitor" interval="10s" on-fail="{on_fail}"/>'))
    cluster.ran("a", "r", "start")
    cluster.ran("a", "r", "monitor", 1, interval=10_000)

    assert check(cluster.read())


def test_an_agent_that_is_missing_bans_it_from_the_node(one):
    one.ran("a", "r", "start", 5, status=7, expected=0)

    state = one.read()

    assert state.by_id["r"].allowed == {"id-a": -INFINITY, "id-b": 0}
    assert any(isinstance(f, ScoreChanged) and f.reason == "hard-error" for f in state.findings)


def test_a_probe_without_an_agent_counts_as_not_running(one):
    one.ran("a", "r", "monitor", 5, status=7, expected=7)

    state = one.read()

    assert state.by_id["r"].role is Role.STOPPED
    assert state.by_id["r"].allowed["id-a"] == -INFINITY
    assert len(state.failed) == 1


def test_a_wrong_configuration_bans_it_everywhere(one):
    one.ran("a", "r", "start", 6, expected=0)

    assert set(one.read().by_id["r"].allowed.values()) == {-INFINITY}


def test_a_degraded_answer_counts_as_well_and_is_listed(one):
    one.ran("a", "r", "start")
    one.ran("a", "r", "monitor", 190, interval=10_000, status=0, expected=0)

    state = one.read()

    assert not state.by_id["r"].failed
    assert len(state.failed) == 1


def test_a_pending_start_is_shown_as_such(one):
    one.ran("a", "r", "start", 193, status=-1, expected=0, call=-1)

    resource = one.read().by_id["r"]

    assert (resource.role, resource.start_pending) == (Role.STARTED, True)
    assert (resource.pending_task, resource.pending_on) == ("start", "id-a")


def test_a_pending_monitor_that_failed_since_is_no_longer_pending(one):
    one.ran("a", "r", "start")
    one.ran("a", "r", "monitor", 1, interval=10_000, ident="r_last_failure_0", when=NOW_S - 5)
    one.ran("a", "r", "monitor", 193, interval=10_000, status=-1, expected=0, call=-1, when=NOW_S - 50)

    assert one.read().by_id["r"].pending_task is None


def test_roles_of_a_promotable_clone(cluster, write):
    primitive, meta = write
    cluster.resources = f'<clone id="c">{meta("m", promotable="true")}{primitive("p")}</clone>'
    cluster.ran("a", "p", "start")
    cluster.ran("a", "p", "promote")
    cluster.ran("b", "p", "monitor", 8, expected=7)

    state = cluster.read()

    assert [state.by_id[f"p:{i}"].role for i in (0, 1)] == [Role.PROMOTED, Role.PROMOTED]
    cluster.ran("a", "p", "demote")
    assert cluster.read().by_id["p:0"].role is Role.UNPROMOTED


def test_a_failure_expires(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r", failure_timeout="60s")
    cluster.node("a", **{"fail-count-r#monitor_10000": "2", "last-failure-r#monitor_10000": str(NOW_S - 100)})
    cluster.ran("a", "r", "start")
    cluster.ran("a", "r", "monitor", 1, interval=10_000, ident="r_last_failure_0", when=NOW_S - 100)

    state = cluster.read()

    assert not state.by_id["r"].failed
    cleared = {(f.resource.id, f.node, f.reason) for f in state.findings if isinstance(f, FailureCleared)}
    assert cleared == {("r", "id-a", "it expired")}
    entries = state.history[0].resources[0].entries
    assert [entry.restart_digest for entry in entries] == [None, "calculated-failure-timeout"]


def test_a_failure_that_is_young_will_be_looked_at_again(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r", failure_timeout="60s")
    cluster.node("a", **{"fail-count-r#monitor_10000": "2", "last-failure-r#monitor_10000": str(NOW_S - 10)})
    cluster.ran("a", "r", "start")
    cluster.ran("a", "r", "monitor", 1, interval=10_000, ident="r_last_failure_0", when=NOW_S - 10)

    state = cluster.read()

    assert state.by_id["r"].failed
    assert state.recheck_at == NOW_S + 51


def test_a_blocking_failure_never_expires(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r", operations('<op id="o" name="monitor" interval="10s" on-fail="block"/>'),
                                  failure_timeout="60s")
    cluster.node("a", **{"fail-count-r#monitor_10000": "2", "last-failure-r#monitor_10000": str(NOW_S - 1000)})
    cluster.ran("a", "r", "start")
    cluster.ran("a", "r", "monitor", 1, interval=10_000, ident="r_last_failure_0")

    state = cluster.read()

    assert state.by_id["r"].blocked
    assert state.by_id["r"].failure_timeout_ms == 0


def test_entries_that_make_no_sense_are_ignored(one):
    one.ran("a", "r", "start", 0, status=1)
    one.ran("a", "r", "start", 999, status=4)
    one.ran("a", "r", "dance")
    one.ran("a", "r", "start", ident="x", rc_code="good")

    state = one.read()

    assert state.by_id["r"].role is Role.STOPPED
    assert len([problem for problem in state.problems if problem.startswith("Ignoring resource history")]) == 3


def test_an_unmanaged_resource_that_stopped_has_not_failed(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r", is_managed="false")
    cluster.ran("a", "r", "start")
    cluster.ran("a", "r", "monitor", 7, interval=10_000, expected=0)

    resource = cluster.read().by_id["r"]

    assert (resource.failed, resource.role) == (False, Role.STOPPED)


def test_what_is_active_twice_is_handled_as_configured(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r", multiple_active="block") + primitive("s", multiple_active="stop_only")
    for node in ("a", "b"):
        for resource in ("r", "s"):
            cluster.ran(node, resource, "start")

    state = cluster.read()

    assert (state.by_id["r"].blocked, state.by_id["r"].managed) == (True, False)
    assert set(state.by_id["s"].allowed.values()) == {-INFINITY}


def test_a_resource_on_a_lost_node_has_it_fenced(one, write):
    primitive, _ = write
    one.options["fencing-enabled"] = "true"
    one.resources += primitive("f", agent='class="stonith" type="x"')
    one.node("b", 'in_ccm="0" crmd="0" join="down" expected="down"')
    one.ran("b", "r", "start")

    state = one.read()

    assert [(f.node, f.reason) for f in state.findings if isinstance(f, FencingNeeded)] == [
        ("id-b", "r is thought to be active there")
    ]


def test_a_shutdown_lock_holds_and_expires(one):
    one.options |= {"shutdown-lock": "true", "shutdown-lock-limit": "60s"}
    one.ran("b", f'r|shutdown-lock="{NOW_S - 30}"', "stop")
    assert one.read().by_id["r"].lock_node == "id-b"

    assert one.read(NOW_S + 100).by_id["r"].lock_node is None


def test_target_role_caps_the_next_role(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r", target_role="Stopped")
    cluster.ran("a", "r", "start")

    state = cluster.read()

    assert state.by_id["r"].next_role is Role.STOPPED
    assert state.instances_disabled == 1
