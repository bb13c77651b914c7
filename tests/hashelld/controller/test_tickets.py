"""Tickets in whole clusters of real components: what their loss does, by policy."""

from __future__ import annotations

import pytest

WEB = (
    '<primitive id="web" class="ocf" provider="test" type="Dummy"><operations>'
    '<op id="web-m" name="monitor" interval="5s"/></operations></primitive>'
)
PROMOTABLE = (
    '<clone id="db-clone"><meta_attributes id="db-meta"><nvpair id="db-p" name="promotable" value="true"/>'
    '</meta_attributes><primitive id="db" class="ocf" provider="test" type="Dummy"><operations>'
    '<op id="db-m" name="monitor" interval="5s"/><op id="db-mp" name="monitor" interval="6s" role="Promoted"/>'
    "</operations></primitive></clone>"
)
FENCE = (
    '<primitive id="fence" class="stonith" type="fence_test"><instance_attributes id="f">'
    '<nvpair id="f-1" name="pcmk_host_list" value="node1 node2 node3"/>'
    '<nvpair id="f-2" name="pcmk_host_check" value="static-list"/></instance_attributes></primitive>'
)


def needs(policy: str, resource: str = "web", more: str = "") -> str:
    return f'<rsc_ticket id="t" rsc="{resource}" ticket="A" loss-policy="{policy}"{more}/>'


def turn(cluster, **state: str) -> None:
    """Grant, revoke, hold: as the shell and crm_ticket write it."""
    words = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in state.items())
    cluster.change("modify", f'<tickets><ticket_state id="A"{words}/></tickets>', "status")
    cluster.run(10)


def granted(cluster) -> None:
    turn(cluster, granted="true", standby="false", last_granted="1700000000")


def revoked(cluster) -> None:
    turn(cluster, granted="false")


def test_what_needs_a_ticket_starts_when_it_is_granted_and_not_before(make_cluster):
    cluster = make_cluster(WEB, constraints=needs("stop"))
    assert cluster.where("web") == set()
    granted(cluster)
    assert len(cluster.where("web")) == 1 and cluster.dc.state == "S_IDLE"


def test_a_lost_ticket_with_the_policy_stop_stops_what_needs_it(make_cluster):
    cluster = make_cluster(WEB, constraints=needs("stop"))
    granted(cluster)
    revoked(cluster)
    assert cluster.where("web") == set() and cluster.dc.state == "S_IDLE"


def test_a_lost_ticket_with_the_policy_freeze_leaves_what_runs_and_lets_nothing_else_start(make_cluster):
    cluster = make_cluster(WEB, constraints=needs("freeze"))
    granted(cluster)
    (home,) = cluster.where("web")
    revoked(cluster)
    assert cluster.where("web") == {home}
    cluster.active["web"].clear()
    cluster.run(20)
    assert "web" not in {resource for _, resource, action in cluster.calls[-3:] if action == "start"}


def test_a_lost_ticket_with_the_policy_demote_demotes(make_cluster):
    cluster = make_cluster(PROMOTABLE, constraints=needs("demote", "db-clone", ' rsc-role="Master"'))
    for name in ("node1", "node2", "node3"):
        cluster.change("modify", (
            f'<node_state id="{name[-1]}" uname="{name}"><transient_attributes id="{name[-1]}">'
            f'<instance_attributes id="status-{name[-1]}"><nvpair id="s-{name[-1]}" name="master-db" value="10"/>'
            "</instance_attributes></transient_attributes></node_state>"
        ), "status")
    cluster.run(10)
    assert cluster.promoted.get("db", set()) == set()
    granted(cluster)
    assert len(cluster.promoted["db"]) == 1
    revoked(cluster)
    assert cluster.promoted["db"] == set() and len(cluster.where("db")) == 3, "it runs on, and nowhere promoted"


def test_a_lost_ticket_with_the_policy_fence_fences_the_node_where_it_was_needed(make_cluster):
    cluster = make_cluster(
        WEB + FENCE, constraints=needs("fence"), options={"stonith-enabled": "true"}, meet=False
    )
    cluster.meet("node1", "node2", "node3")
    cluster.run(40)
    granted(cluster)
    (home,) = cluster.where("web")
    revoked(cluster)
    assert ("fence_test:reboot", home) in cluster.fenced


@pytest.mark.parametrize("policy", ["stop", "freeze"])
def test_a_ticket_in_standby_holds_its_resources_until_it_is_active_again(make_cluster, policy):
    cluster = make_cluster(WEB, constraints=needs(policy))
    granted(cluster)
    turn(cluster, standby="true")
    assert cluster.where("web") == set(), "a ticket that is given away in order stops its resources whatever the policy"
    turn(cluster, standby="false")
    assert len(cluster.where("web")) == 1 and cluster.dc.state == "S_IDLE"
