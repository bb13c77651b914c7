"""Two nodes and an arbiter, real processes: one node dies and the other goes on; one is cut off and has no quorum."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hashell.errors import HashellError
from hashell.lab.cluster import LocalCluster, import_path
from hashell.lab.corosync import CorosyncCluster
from hashell.lab.namespaces import NoNamespaces
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NODES = ("node1", "node2", "judge")
CONFIG = (
    ("crm_config", '<cluster_property_set id="cib-bootstrap-options">'
     '<nvpair id="o-stonith" name="stonith-enabled" value="true"/>'
     '<nvpair id="o-policy" name="no-quorum-policy" value="stop"/></cluster_property_set>'),
    ("resources", '<primitive id="fencing" class="stonith" type="fence_hashell"><instance_attributes id="fencing-i">'
     '<nvpair id="fencing-list" name="pcmk_host_list" value="node1 node2"/>'
     '<nvpair id="fencing-check" name="pcmk_host_check" value="static-list"/></instance_attributes></primitive>'),
    ("resources", '<primitive id="service" class="ocf" provider="hashell" type="Dummy"/>'),
)


def configured(cluster: LocalCluster) -> None:
    cluster.start()
    cluster.wait_formed(60)
    client = cluster.client("node1", timeout_s=30)
    client.apply([Change("modify", xml.encode(), section) for section, xml in CONFIG])
    client.close()
    cluster.wait_until(lambda: runs_on(cluster) != "", "the service did not start", 40)


def runs_on(cluster: LocalCluster, ask: str = "node1") -> str:
    """The node whose last operation on the service was a start that went well."""
    client = cluster.client(ask, timeout_s=10)
    try:
        found = client.cib().root.xpath(
            "//node_state[.//lrm_resource[@id='service']/lrm_rsc_op[@operation='start' and @rc-code='0']]/@uname"
        )
    finally:
        client.close()
    return " ".join(str(one) for one in found)


@pytest.fixture
def loopback():
    with LocalCluster(NODES, arbiters=("judge",)) as cluster:
        configured(cluster)
        yield cluster


@pytest.fixture
def machines():
    try:
        cluster = CorosyncCluster(NODES, arbiters=("judge",), engine="mesh")
    except NoNamespaces as error:
        pytest.skip(f"no machines in namespaces here: {error}")
    with cluster:
        configured(cluster)
        yield cluster


def test_an_arbiter_votes_and_is_nothing_else(loopback):
    info = loopback.info("node1")
    assert (info.votes, info.expected_votes, info.quorum, info.dc in ("node1", "node2")) == (3, 3, 2, True)
    assert [one.name for one in info.members if one.arbiter] == ["judge"]

    client = loopback.client("node1")
    cib = client.cib()
    client.close()
    assert "judge" not in {*cib.root.xpath("//node/@uname"), *cib.root.xpath("//node_state/@uname")}

    judge = loopback.client("judge")
    assert judge.cib().version == cib.version
    with pytest.raises(HashellError, match="judge is an arbiter"):
        judge.apply([Change("modify", CONFIG[2][1].encode(), "resources")])
    with pytest.raises(HashellError, match="judge is an arbiter"):
        judge.wait_idle(5)
    judge.close()
    said = subprocess.run(
        [sys.executable, "-m", "hashell", "--attach", str(loopback.place("judge").socket), "quorum", "status"],
        capture_output=True, text=True, timeout=60, check=True, env={"PYTHONPATH": import_path()},
    ).stdout
    assert "1 judge (local) (arbiter)" in said and "Quorate:          Yes" in said


def test_when_one_of_two_nodes_dies_the_other_goes_on_with_the_arbiter(loopback):
    victim = runs_on(loopback)
    (other,) = {"node1", "node2"} - {victim}
    loopback.kill(victim)
    loopback.wait_until(lambda: runs_on(loopback, other) == other, "the service does not go on", 30)
    info = loopback.info(other)

    assert (info.quorate, info.votes, info.dc) == (True, 2, other)


def test_a_write_is_safe_with_the_arbiter_also_when_the_node_that_took_it_dies(loopback):
    """What node1 and the arbiter acknowledged without node2, node2 has when it comes back to the arbiter alone."""
    loopback.kill("node2")
    loopback.wait_until(lambda: loopback.info("node1", timeout_s=60).votes == 2, "node2 is not lost", 20)
    client = loopback.client("node1", timeout_s=30)
    client.wait_idle(30)
    client.apply([Change("modify", b'<nvpair id="o-kept" name="kept" value="1"/>',
                         "//*[@id='cib-bootstrap-options']")])
    client.close()
    loopback.kill("node1")
    loopback.start_node("node2")
    loopback.wait_formed(30, nodes=("node2", "judge"))

    def kept() -> bool:
        client = loopback.client("node2", timeout_s=10)
        try:
            return bool(client.cib().root.xpath("//nvpair[@id='o-kept']"))
        finally:
            client.close()

    loopback.wait_until(kept, "an acknowledged write is lost", 20)


def test_the_arbiter_may_come_and_go_without_anybody_being_fenced_or_moved(loopback):
    where = runs_on(loopback)
    loopback.kill("judge")
    loopback.wait_until(lambda: loopback.info("node1", timeout_s=60).votes == 2, "it is not lost", 20)
    info = loopback.info("node1")
    assert info.quorate and {one.name: one.state for one in info.members}["judge"] == "lost"
    loopback.start_node("judge")
    loopback.wait_formed(30)
    client = loopback.client("node1", timeout_s=30)
    client.wait_idle(30)
    events = [event for event in client.events() if event.kind == "fencing"]
    client.close()
    assert runs_on(loopback) == where and events == []
    assert loopback.stop_node("judge", 20) == 0


def test_a_node_that_is_cut_off_from_the_other_and_the_arbiter_has_no_quorum(machines):
    victim = runs_on(machines)
    (other,) = {"node1", "node2"} - {victim}
    machines.cut(victim)

    def without_quorum() -> bool:
        """Or fenced already."""
        info = machines.info(victim)
        return not machines.alive(victim) or (info is not None and not info.quorate)

    machines.wait_until(without_quorum, "it has quorum alone", 20)
    machines.wait_until(lambda: runs_on(machines, other) == other, "the service does not go on", 40)

    assert machines.info(other, timeout_s=60).quorate
