"""Digests: recorded against configured parameters."""

from __future__ import annotations

import pytest

from hashell.cib.digest import operation_digest
from hashell.state.digests import DigestMatch, calculate
from hashell.state.findings import FailureCleared, ParametersToCheck

PARAMETERS = '<instance_attributes id="i"><nvpair id="i1" name="size" value="3"/></instance_attributes>'


def started(cluster, write, digest: str, **more: str):
    primitive, _ = write
    cluster.resources = primitive("r", PARAMETERS)
    cluster.ran("a", "r", "start", op_digest=digest, **more)
    state = cluster.read()
    entry = state.history[0].resources[0].entries[0]
    return state.digests.compare(state.configuration, state.by_id["r"], entry, state.nodes["id-a"]).match


def test_the_same_parameters_match(cluster, write):
    assert started(cluster, write, operation_digest({"size": "3"})) is DigestMatch.MATCH


def test_other_parameters_do_not(cluster, write):
    assert started(cluster, write, operation_digest({"size": "4"})) is DigestMatch.MISMATCH


def test_without_a_digest_nobody_knows(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r", PARAMETERS)
    cluster.ran("a", "r", "start")
    state = cluster.read()
    entry = state.history[0].resources[0].entries[0]

    found = state.digests.compare(state.configuration, state.by_id["r"], entry, state.nodes["id-a"])

    assert found.match is DigestMatch.UNKNOWN


@pytest.mark.parametrize(("recorded", "match"), [("3", DigestMatch.MISMATCH), ("4", DigestMatch.RESTART)])
def test_a_change_of_parameters_that_force_a_restart_is_one(cluster, write, recorded, match):
    assert started(
        cluster, write, "old", op_force_restart=" size ", op_restart_digest=operation_digest({"size": recorded})
    ) is match


def test_the_timeout_counts_for_recurring_operations_only(cluster, write):
    primitive, _ = write
    operations = '<operations><op id="o" name="monitor" interval="10s" timeout="7s"/></operations>'
    cluster.resources = primitive("r", PARAMETERS + operations)
    state = cluster.read()
    resource, node = state.by_id["r"], state.nodes["id-a"]

    recurring = calculate(state.configuration, resource, "monitor", 10_000, node, None)
    once = calculate(state.configuration, resource, "start", 0, node, None)

    assert recurring.all == operation_digest({"size": "3", "CRM_meta_timeout": "7000", "CRM_meta_interval": "10000"})
    assert once.all == operation_digest({"size": "3"})
    assert recurring.all != once.all


def test_passwords_do_not_count_in_the_secure_digest(cluster, write):
    primitive, _ = write
    parameters = (
        '<instance_attributes id="i"><nvpair id="1" name="passwd" value="x"/><nvpair id="2" name="ip" value="y"/>'
        "</instance_attributes>"
    )
    cluster.resources = primitive("f", parameters, 'class="stonith" type="t"')
    state = cluster.read()

    found = calculate(state.configuration, state.by_id["f"], "start", 0, state.nodes["id-a"], None, secure=True)

    assert found.secure == operation_digest({"ip": "y"})


def test_a_failure_with_other_parameters_is_forgotten(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("r", PARAMETERS)
    cluster.ran("a", "r", "start", 1, ident="r_last_failure_0", op_digest="old")

    (cleared,) = [found for found in cluster.read().findings if isinstance(found, FailureCleared)]

    assert cleared.reason == "resource parameters have changed"


def test_a_connection_without_an_address_is_checked_later(cluster, write):
    primitive, _ = write
    cluster.resources = f'<bundle id="b"><podman image="i"/><network control-port="9"/>{primitive("web")}</bundle>'
    cluster.ran("a", "b-0", "start", 1, ident="b-0_last_failure_0", op_digest="old")

    assert any(isinstance(found, ParametersToCheck) for found in cluster.read().findings)


def test_a_node_was_unfenced_with_the_device_as_it_is(cluster, write):
    primitive, _ = write
    cluster.resources = primitive("f", PARAMETERS, 'class="stonith" type="t"')
    digest = operation_digest({"size": "3"})
    cluster.node("a", **{"#digests-all": f"f:t:{digest},"})
    cluster.node("b", **{"#digests-all": "f:t:old,"})

    state = cluster.read()

    device = state.by_id["f"]
    assert state.digests.fencing(state.configuration, device, state.nodes["id-a"]).match is DigestMatch.MATCH
    assert state.digests.fencing(state.configuration, device, state.nodes["id-b"]).match is DigestMatch.MISMATCH


@pytest.mark.parametrize(("interval", "match"), [(0, DigestMatch.RESTART), (10_000, DigestMatch.MISMATCH)])
def test_parameters_of_a_single_operation_cannot_be_reloaded(cluster, write, interval, match):
    primitive, _ = write
    task = "monitor" if interval else "start"
    own = '<instance_attributes id="oi"><nvpair id="o1" name="depth" value="9"/></instance_attributes>'
    cluster.resources = primitive(
        "r", f'<operations><op id="o" name="{task}" interval="{interval}ms">{own}</op></operations>'
    )
    cluster.ran("a", "r", task, interval=interval, op_digest="old")
    state = cluster.read()
    entry = state.history[0].resources[0].entries[0]

    found = state.digests.compare(state.configuration, state.by_id["r"], entry, state.nodes["id-a"])

    assert found.match is match
