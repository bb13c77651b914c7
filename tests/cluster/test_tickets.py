"""Tickets in a running cluster, turned by the shell and by the tool that sites' programs call."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hashell.agents.call import Place
from hashell.lab.cluster import LocalCluster
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(120)]

RESOURCE = """<resources><primitive id="web" class="ocf" provider="hashell" type="Dummy"><operations>
<op id="web-m" name="monitor" interval="5s"/></operations></primitive></resources>"""


@pytest.fixture
def lab():
    with LocalCluster(("node1", "node2")) as cluster:
        cluster.start()
        cluster.wait_formed()
        yield cluster


def test_a_ticket_that_the_shell_or_crm_ticket_turns_takes_effect_at_once(lab):
    client = lab.client()
    client.apply([
        Change("modify", b'<cluster_property_set id="o"><nvpair id="o-1" name="stonith-enabled" value="false"/>'
                         b"</cluster_property_set>", "crm_config"),
        Change("modify", RESOURCE.encode(), ""),
        Change("modify", b'<rsc_ticket id="t" rsc="web" ticket="A" loss-policy="stop"/>', "constraints"),
    ])

    def runs() -> bool:
        return bool(client.cib().root.xpath(
            "status/node_state//lrm_rsc_op[@id='web_last_0' and @operation='start' and @rc-code='0']"
        ))

    def shell(*words: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "hashell", "--attach", str(lab.place("node2").socket), *words],
            env=lab.environment("node2"), capture_output=True, text=True, timeout=60, check=False,
        )
        assert done.returncode == 0, done.stderr

    def tool(*words: str) -> subprocess.CompletedProcess[str]:
        place = lab.place("node1")
        environment = {**lab.environment("node1"), **Place(
            "node1", lab.name, str(place.state), str(place.run)
        ).environment}
        return subprocess.run(
            [f"{environment['HA_SBIN_DIR']}/crm_ticket", *words], env=environment, capture_output=True, text=True,
            timeout=30, check=False,
        )

    client.wait_idle(20)
    assert not runs()
    shell("--yes", "site", "ticket", "grant", "A")
    lab.wait_until(runs, "a granted ticket starts nothing", 15)
    assert tool("-t", "A", "-s").returncode == 0
    lab.wait_until(lambda: not runs(), "a ticket in standby stops nothing", 15)
    assert tool("-l").stdout == "A\tgranted [standby]\n"
    shell("--yes", "site", "ticket", "activate", "A")
    lab.wait_until(runs, "an active ticket starts nothing", 15)
    assert tool("-t", "A", "--revoke").returncode == 107, "not without --force"
    assert tool("-t", "A", "--revoke", "--force").returncode == 0
    lab.wait_until(lambda: not runs(), "a revoked ticket stops nothing", 15)
    client.close()
