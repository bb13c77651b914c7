"""Agents of other projects, as a distribution installs them, run by real daemons: they find what they call."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from pathlib import Path

import pytest

from hashell.agents import find
from hashell.lab.cluster import LocalCluster
from hashell.values.agent_names import AgentName
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

THREE = ("node1", "node2", "node3")
ALERT = Path("/usr/share/pacemaker/alerts/alert_file.sh.sample")
AGENTS = (
    AgentName("ocf", "pacemaker", "ping"), AgentName("ocf", "pacemaker", "Stateful"),
    AgentName("stonith", "", "fence_dummy"),
)
missing = [str(one) for one in AGENTS if not find.find_path(one)]
if missing or not ALERT.is_file() or shutil.which("ping") is None:
    pytest.skip(f"not installed here: {', '.join(missing) or 'ping or ' + ALERT.name}", allow_module_level=True)

RESOURCES = """<resources><clone id="pings"><primitive id="ping" class="ocf" provider="pacemaker" type="ping">
<instance_attributes id="p-i"><nvpair id="p-h" name="host_list" value="127.0.0.1 127.0.0.2"/>
<nvpair id="p-m" name="multiplier" value="100"/><nvpair id="p-d" name="dampen" value="1s"/>
<nvpair id="p-a" name="attempts" value="1"/><nvpair id="p-t" name="timeout" value="1"/></instance_attributes>
<operations><op id="p-o" name="monitor" interval="5s" timeout="60s"/></operations></primitive></clone>
<clone id="states"><meta_attributes id="s-m"><nvpair id="s-p" name="promotable" value="true"/>
<nvpair id="s-n" name="notify" value="true"/></meta_attributes>
<primitive id="state" class="ocf" provider="pacemaker" type="Stateful"><operations>
<op id="s-o" name="monitor" interval="10s" timeout="60s"/>
<op id="s-q" name="monitor" interval="11s" timeout="60s" role="Promoted"/></operations></primitive></clone>
<primitive id="fence" class="stonith" type="fence_dummy"><instance_attributes id="f-i">
<nvpair id="f-f" name="status_file" value="{folder}/power"/>
<nvpair id="f-l" name="pcmk_host_list" value="node1 node2 node3"/>
<nvpair id="f-d" name="pcmk_delay_base" value="node3:1s"/></instance_attributes></primitive></resources>"""
ALERTS = """<alerts><alert id="all" path="{folder}/alert.sh"><select><select_nodes/><select_fencing/><select_resources/>
<select_attributes><attribute id="a-p" name="pingd"/></select_attributes></select>
<recipient id="a-r" value="{folder}/told"/></alert></alerts>"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agents")
    shutil.copy(ALERT, folder / "alert.sh")
    (folder / "alert.sh").chmod(0o755)
    (folder / "told").touch()
    with LocalCluster(THREE, settings="flap_delay_max_ms = 0\n") as made:
        made.start()
        made.wait_formed()
        with closing(made.client()) as client:
            client.apply([
                Change("modify", RESOURCES.replace("{folder}", str(folder)).encode(), "resources"),
                Change("modify", ALERTS.replace("{folder}", str(folder)).encode(), "alerts"),
            ])
            client.wait_idle(90)
        made.extra = folder
        yield made


def attributes(cluster, name):
    """node → value of a transient attribute in the CIB."""
    with closing(cluster.client("node1")) as client:
        return {
            pair.xpath("ancestor::node_state/@uname")[0]: pair.get("value")
            for pair in client.cib().root.xpath(f"//transient_attributes//nvpair[@name='{name}']")
        }


def told(cluster):
    return (cluster.extra / "told").read_text()


def test_ping_counts_hosts_and_its_attribute_is_on_every_node(cluster):
    cluster.wait_until(lambda: attributes(cluster, "pingd") == dict.fromkeys(THREE, "200"), "pingd is not 200 on all")


def test_stateful_gets_its_promotion_scores_set_and_one_instance_is_promoted(cluster):
    cluster.wait_until(lambda: set(attributes(cluster, "master-state")) == set(THREE), "no scores")
    with closing(cluster.client()) as client:
        client.wait_idle(60)
        promoted = client.cib().root.xpath(
            "//lrm_resource[@id='state']/lrm_rsc_op[@operation='promote' and @rc-code='0']/@on_node"
        )
    assert len(promoted) == 1
    assert sorted(attributes(cluster, "master-state").values()) == ["10", "5", "5"]


def test_a_real_alert_agent_hears_of_operations_and_of_the_attribute_that_it_selected(cluster):
    cluster.wait_until(lambda: "Resource operation 'start' for 'ping' on 'node1': ok" in told(cluster), "no operation")
    line = "Attribute 'pingd' on node 'node2' was updated to '200'"
    cluster.wait_until(lambda: line in told(cluster), "no attribute")
    assert "master-state" not in told(cluster)


@pytest.fixture(scope="module")
def fenced(cluster):
    """node3 was killed, and fenced: what is told of it, and how many seconds it took."""
    cluster.kill("node3")
    began = time.monotonic()

    def told_of():
        with closing(cluster.client("node1")) as client:
            return [
                event.data for event in client.events(200)
                if event.kind == "fencing" and event.data.get("state") == "success"
            ]

    cluster.wait_until(lambda: bool(told_of()), "node3 is not fenced")
    took_s = time.monotonic() - began
    (row,) = told_of()
    return row, took_s


def test_a_real_fence_agent_fences_a_lost_node_after_its_delay_and_the_alert_agent_hears_of_it(cluster, fenced):
    row, took_s = fenced
    assert took_s > 1
    assert (row["target"], row["device"]) == ("node3", "fence") and row["delegate"] in ("node1", "node2")
    assert (cluster.extra / "power").read_text().strip() in ("on", "off")
    cluster.wait_until(lambda: "Node 'node3' is now 'lost'" in told(cluster), "no alert of the loss")
    cluster.wait_until(lambda: "Fencing Operation reboot of node3" in told(cluster), "no alert of the fencing")


@pytest.mark.usefixtures("fenced")
def test_what_was_fenced_is_known_after_all_nodes_were_started_again(cluster):
    for node in ("node1", "node2"):
        cluster.kill(node)
    for node in THREE:
        cluster.start_node(node)
    cluster.wait_formed()
    for node in ("node1", "node2"):
        assert b"node3" in (cluster.place(node).state / "values" / "fencing.value").read_bytes()
