"""Failed operations and lost nodes: recovery, limits, fencing, quorum, and input that makes no sense."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.document import Cib
from hashell.errors import HashellError
from hashell.simulate.corpus import run
from hashell.simulate.run import FailureWish, decide, walk
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import Cluster, clone, device, group, operation, primitive

WATCHED = primitive("a", operation("a", "monitor", "10s"))
FENCED = {"fencing_enabled": "true"}
LOST = ('uname="node1" in_ccm="true" crmd="online"', 'uname="node1" in_ccm="false" crmd="offline"')


def after(cluster, *failures):
    """The cluster after one transition in which some operations fail."""
    result = walk(cluster.decide(), [FailureWish(text) for text in failures], cluster.now_s - 100)
    return cluster.but(status="".join(etree.tostring(child, encoding="unicode") for child in result.cib.status))


def failed_monitor(cluster):
    """The same, with a monitor of `a` on node1 that fails."""
    found = cluster.status.index('operation_key="a_monitor_10000"')
    start, end = cluster.status.rindex("<", 0, found), cluster.status.index("/>", found)
    entry = cluster.status[start:end]
    failed = entry.replace('rc-code="0"', 'rc-code="1"').replace('transition-magic="0:0;', 'transition-magic="0:1;')
    return cluster.but(status=cluster.status.replace(entry, failed))


def test_a_failed_monitor_recovers():
    cluster = failed_monitor(Cluster(WATCHED).settled())
    assert cluster.changes() == ["Recover a ( node1 )"]
    assert set(cluster.tasks()) == {"a_stop_0@node1", "a_start_0@node1", "a_monitor_10000@node1"}


@pytest.mark.parametrize(("policy", "first"), [
    ("ignore", None), ("stop", "Stop a"), ("block", None), ("standby", "Recover a"), ("restart", "Recover a"),
])
def test_on_fail_says_what_follows(policy, first):
    settled = Cluster(primitive("a", operation("a", "monitor", "10s", on_fail=policy))).settled()
    lines = [line.split(" (")[0] for line in failed_monitor(settled).changes()]
    assert lines == ([] if first is None else [first])


def test_a_failed_start_goes_elsewhere():
    cluster = after(Cluster(WATCHED), "a_start_0@node1=1")
    assert cluster.changes()[0].startswith("Recover a ( node1 -> node2 )")


def test_a_failed_stop_without_fencing_blocks():
    settled = Cluster(primitive("a")).settled()
    cluster = after(settled.but(attributes={"node1": {"standby": "on"}}), "a_stop_0@node1=1")
    assert not any(task.startswith("a_start") for task in cluster.tasks())


def test_a_failed_stop_with_fencing_fences():
    settled = Cluster(device() + primitive("a"), options=FENCED).settled()
    where = settled.placements()["a"]
    cluster = after(settled.but(attributes={where: {"standby": "on"}}), f"a_stop_0@{where}=1")
    assert cluster.changes()[0] == f"Fence (reboot) {where} 'a failed there'"


def test_the_migration_threshold_moves_a_resource():
    settled = Cluster(primitive("a", operation("a", "monitor", "10s"), migration_threshold="2")).settled()
    once = settled.with_attribute("node1", "fail-count-a#monitor_10000", "1")
    twice = settled.with_attribute("node1", "fail-count-a#monitor_10000", "2")
    assert failed_monitor(once).changes() == ["Recover a ( node1 )"]
    assert failed_monitor(twice).changes() == ["Recover a ( node1 -> node2 )"]


def test_a_lost_node_is_fenced_before_its_resources_start_elsewhere():
    cluster = Cluster(device() + primitive("a"), options=FENCED, nodes=("node1", "node2")).settled()
    cluster = cluster.with_status(*LOST)
    assert cluster.changes()[0].startswith("Fence (reboot) node1")
    assert "stonith-node1-reboot@node1" in cluster.tasks()


def test_without_fencing_a_lost_node_s_resources_just_start_elsewhere():
    cluster = Cluster(primitive("a")).settled().with_status(*LOST)
    assert "a_start_0@node2" in cluster.tasks()


@pytest.mark.parametrize(("policy", "tasks"), [
    ("stop", {"a_stop_0@node1"}), ("freeze", set()), ("ignore", set()),
])
def test_without_quorum_the_policy_decides(policy, tasks):
    settled = Cluster(primitive("a"), options={"no_quorum_policy": policy}).settled()
    assert set(settled.but(quorum="0").tasks()) == tasks


def test_without_quorum_a_frozen_cluster_starts_nothing():
    cluster = Cluster(primitive("a"), options={"no_quorum_policy": "freeze"}, quorum="0")
    assert not any("_start_" in task for task in cluster.tasks())


def test_a_shutdown_moves_resources_away_first():
    settled = Cluster(primitive("a")).settled()
    cluster = settled.with_attribute("node1", "shutdown", "1704000000")
    assert cluster.changes() == ["Move a ( node1 -> node2 )"]
    assert "do_shutdown-node1@node1" in cluster.tasks()


def test_a_failure_that_expires_asks_to_look_again():
    settled = Cluster(primitive("a", operation("a", "monitor", "10s"), failure_timeout="600s")).settled()
    cluster = failed_monitor(settled).with_attribute("node1", "fail-count-a#monitor_10000", "1")
    cluster = cluster.with_attribute("node1", "last-failure-a#monitor_10000", str(cluster.now_s - 300))
    decision = cluster.decide()
    assert decision.recheck_at is not None
    assert cluster.now_s + 300 <= decision.recheck_at <= cluster.now_s + 301


def test_the_same_cluster_gets_the_same_answer():
    cluster = Cluster(clone("k", group("g", primitive("a"), primitive("b"))) + device(), options=FENCED)
    assert cluster.decide().graph == cluster.decide().graph


# Input that makes no sense ----------------------------------------------------------------------

ODD = ["", "0", "-1", "INFINITY", "x", "true", "a", "g", "node1", "Stopped", "Promoted", "10s", "9" * 30, "a:0", "\n"]


def _base():
    constraints = (
        '<rsc_location id="l" rsc="a" node="node2" score="5"/><rsc_colocation id="c" rsc="b" with-rsc="a" score="5"/>'
        '<rsc_order id="o" first="g" then="a"/><rsc_ticket id="t" rsc="d" ticket="east"/>'
        '<rsc_location id="l2" rsc="k"><rule id="r" score="5">'
        '<expression id="e" attribute="x" operation="eq" value="1"/></rule></rsc_location>'
        '<rsc_order id="os"><resource_set id="s1">'
        '<resource_ref id="a"/><resource_ref id="b"/></resource_set></rsc_order>'
    )
    resources = device() + WATCHED + primitive("b") + group("g", primitive("d"), primitive("e")) + clone(
        "k", primitive("f"), promotable="true", notify="true",
    )
    return Cluster(resources, constraints, FENCED, attributes={"node1": {"x": "1"}})


BASE = _base()
SETTLED = etree.tostring(BASE.settled().cib().root)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_cib_is_scheduled_or_refused_never_fatal(data):
    root = etree.fromstring(SETTLED)
    for _ in range(data.draw(st.integers(1, 4))):
        elements = [one for one in root.iter() if isinstance(one.tag, str) and one is not root]
        if not elements:
            break
        element = data.draw(st.sampled_from(elements))
        names = sorted(element.attrib)
        what = data.draw(st.sampled_from(["drop", "set", "unset", "twice"]))
        if what == "drop":
            element.getparent().remove(element)
        elif what == "twice":
            element.getparent().append(etree.fromstring(etree.tostring(element)))
        elif names and what == "set":
            element.set(data.draw(st.sampled_from(names)), data.draw(st.sampled_from(ODD)))
        elif names:
            del element.attrib[data.draw(st.sampled_from(names))]
    try:
        decision = decide(Cib(root), BASE.now_s)
        walk(decision, clock_s=BASE.now_s)
    except HashellError:
        pass


def _corpus(folder):
    place = SHARED / folder
    if not (place / "xml").is_dir():
        pytest.skip(f"no recorded cases in {place}")
    return place


def _local_utc(monkeypatch):
    monkeypatch.setitem(os.environ, "TZ", "UTC")


@pytest.mark.parametrize("pattern", ["^simple", "^group", "^coloc", "^order", "^ticket-promoted", "^bundle-order"])
def test_recorded_cases_are_decided_as_recorded(pattern, monkeypatch):
    _local_utc(monkeypatch)
    cases = run(Path(_corpus("scheduler-corpus")), pattern=pattern)
    assert [case.name for case in cases if case.difference or case.error] == []


def test_recorded_random_cases_are_decided_as_recorded(monkeypatch):
    _local_utc(monkeypatch)
    cases = run(Path(_corpus("scheduler-fuzz")), pattern="^fuzz-0000[0-3]", limit=40)
    assert [case.name for case in cases if case.difference or case.error] == []
