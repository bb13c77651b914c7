"""Every kind of action that a graph can hold, in whole clusters of real components."""

from __future__ import annotations

PLAIN = '<primitive id="web" class="ocf" provider="test" type="{0}">{1}<operations>{2}</operations></primitive>'
MONITOR = '<op id="web-m" name="monitor" interval="{0}"/>'
STANDBY = """<node id="{0}" uname="node{0}"><instance_attributes id="nodes-{0}">
<nvpair id="nodes-{0}-standby" name="standby" value="{1}"/></instance_attributes></node>"""


def dummy(kind="Dummy", parameters="", operations=""):
    return PLAIN.format(kind, parameters, operations or MONITOR.format("10s"))


def parameter(name, value):
    return (
        f'<instance_attributes id="web-i"><nvpair id="web-{name}" name="{name}" value="{value}"/>'
        "</instance_attributes>"
    )


def test_a_resource_with_live_migration_moves_without_a_stop(make_cluster):
    meta = '<meta_attributes id="m"><nvpair id="m-1" name="allow-migrate" value="true"/></meta_attributes>'
    cluster = make_cluster(dummy(parameters=meta))
    (home,) = cluster.where("web")
    before = len(cluster.calls)
    cluster.change("modify", STANDBY.format(home[-1], "on"), "nodes")
    cluster.run(5)
    (now,) = cluster.where("web")
    assert now != home
    done = [c for c in cluster.calls[before:] if c[2] != "monitor"]
    # The last stop only tidies up what the migration has left behind.
    assert done == [(home, "web", "migrate_to"), (now, "web", "migrate_from"), (home, "web", "stop")]
    assert cluster.entry(home, "web_migrate_to_0")["migrate_target"] == now
    assert cluster.dc.state == "S_IDLE"


def test_a_reloadable_parameter_is_reloaded_and_another_restarts(make_cluster):
    cluster = make_cluster(dummy(parameters=parameter("fake", "1")))
    before = len(cluster.calls)
    cluster.change("modify", '<nvpair id="web-fake" name="fake" value="2"/>',
                   "/cib/configuration/resources/primitive/instance_attributes")
    cluster.run(5)
    done = [c[2] for c in cluster.calls[before:] if c[2] != "monitor"]
    assert done == ["reload-agent"]
    before = len(cluster.calls)
    cluster.change("modify", '<nvpair id="web-state" name="state" value="/x"/>',
                   "/cib/configuration/resources/primitive/instance_attributes")
    cluster.run(5)
    assert [c[2] for c in cluster.calls[before:] if c[2] != "monitor"] == ["stop", "start"]
    assert cluster.dc.state == "S_IDLE"


def test_a_changed_interval_ends_the_old_recurring_monitor(make_cluster):
    cluster = make_cluster(dummy())
    (home,) = cluster.where("web")
    cluster.change("replace", '<op id="web-m" name="monitor" interval="30s"/>',
                   "/cib/configuration/resources/primitive/operations/op")
    cluster.run(3)
    assert not cluster.entry(home, "web_monitor_10000")
    assert cluster.entry(home, "web_monitor_30000")["rc-code"] == "0"
    before = len(cluster.calls)
    cluster.run(61)
    assert len(cluster.calls[before:]) == 2
    assert cluster.dc.state == "S_IDLE"


def test_a_removed_resource_is_stopped_and_forgotten_everywhere(make_cluster):
    cluster = make_cluster(dummy())
    cluster.change("delete", path="/cib/configuration/resources/primitive")
    cluster.run(5)
    assert cluster.where("web") == set()
    assert not cluster.cib.root.xpath("//lrm_resource[@id='web']")
    before = len(cluster.calls)
    cluster.run(30)
    assert cluster.calls[before:] == []
    assert cluster.dc.state == "S_IDLE"


def test_a_promotable_clone_is_promoted_notified_and_demoted(make_cluster):
    clone = (
        '<clone id="c"><meta_attributes id="cm"><nvpair id="cm-1" name="promotable" value="true"/>'
        '<nvpair id="cm-2" name="notify" value="true"/></meta_attributes>'
        + dummy("Stateful", operations='<op id="o1" name="monitor" interval="10s" role="Promoted"/>'
                '<op id="o2" name="monitor" interval="11s" role="Unpromoted"/>') + "</clone>"
    )
    rule = (
        '<rsc_location id="l" rsc="c"><rule id="r" role="Promoted" score="100">'
        '<expression id="e" attribute="#uname" operation="eq" value="{0}"/></rule></rsc_location>'
    )
    cluster = make_cluster(clone, constraints=rule.format("node2"))
    assert cluster.where("web") == {"node1", "node2", "node3"}
    assert cluster.promoted["web"] == {"node2"}
    assert ("node2", "web", "notify") in cluster.calls
    # Notifications are told, not recorded.
    assert not cluster.cib.root.xpath("//lrm_rsc_op[@operation='notify']")
    cluster.change("replace", rule.format("node3"), "constraints")
    cluster.run(5)
    assert cluster.promoted["web"] == {"node3"}
    before = len(cluster.calls)
    cluster.run(25)
    assert {c[2] for c in cluster.calls[before:]} == {"monitor"}
    assert cluster.dc.state == "S_IDLE"


def test_an_agent_that_is_not_installed_is_tried_nowhere_twice(make_cluster):
    cluster = make_cluster(dummy("Missing"))
    assert cluster.where("web") == set()
    assert cluster.entry("node1", "web_last_failure_0")["rc-code"] == "5"
    assert cluster.entry("node1", "web_last_failure_0")["op-status"] == "7"
    assert cluster.dc.state == "S_IDLE"


def test_a_monitor_that_hangs_times_out_and_the_resource_recovers(make_cluster):
    cluster = make_cluster(dummy())
    (home,) = cluster.where("web")
    cluster.hangs.add((home, "web", "monitor"))
    cluster.run(35)
    entry = cluster.entry(home, "web_last_failure_0")
    assert (entry["op-status"], entry["rc-code"]) == ("2", "1")
    assert "20s" in entry["exit-reason"]
    cluster.hangs.clear()
    cluster.run(30)
    assert cluster.where("web")
    assert cluster.attribute(home, "fail-count-web#monitor_10000")


def test_maintenance_mode_stops_nothing_and_monitors_nothing(make_cluster):
    cluster = make_cluster(dummy())
    home = cluster.where("web")
    cluster.change("modify", '<cluster_property_set id="cib-bootstrap-options">'
                   '<nvpair id="mm" name="maintenance-mode" value="true"/></cluster_property_set>',
                   "crm_config")
    cluster.run(2)
    before = len(cluster.calls)
    cluster.run(40)
    assert cluster.calls[before:] == []
    assert cluster.where("web") == home
    cluster.change("delete", path="//nvpair[@id='mm']")
    cluster.run(15)
    assert cluster.calls[before:]
    assert {c[2] for c in cluster.calls[before:]} == {"monitor"}


def test_expired_failures_are_forgotten_without_anybody_asking(make_cluster):
    meta = '<meta_attributes id="m"><nvpair id="m-1" name="failure-timeout" value="60s"/></meta_attributes>'
    cluster = make_cluster(
        dummy(parameters=meta), options={"cluster-recheck-interval": "60s"}
    )
    (home,) = cluster.where("web")
    cluster.active["web"].clear()
    cluster.run(15)
    assert cluster.attribute(home, "fail-count-web#monitor_10000") == "1"
    cluster.run(200)
    assert cluster.attribute(home, "fail-count-web#monitor_10000") is None


def test_a_clone_of_many_starts_on_every_node_within_one_transition(make_cluster):
    many = "".join(
        dummy().replace('"web', f'"r{number}') for number in range(12)
    )
    cluster = make_cluster(many)
    assert all(len(cluster.where(f"r{number}")) == 1 for number in range(12))
    assert cluster.dc.state == "S_IDLE"
