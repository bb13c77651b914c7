"""Real daemons that were apart and wrote: what lost is listed, shown, made again, and told until somebody looked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hashell.lab.cluster import LocalCluster
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(180)]

THREE = ("node1", "node2", "node3")


def write(cluster: LocalCluster, node: str, name: str) -> None:
    xml = f'<cluster_property_set id="s"><nvpair id="{name}" name="{name}" value="1"/></cluster_property_set>'
    client = cluster.client(node)
    client.apply([Change("modify", xml.encode(), "crm_config")])
    client.close()


def names(cluster: LocalCluster, node: str) -> set[str]:
    client = cluster.client(node)
    try:
        return set(client.cib().root.xpath("//nvpair[starts-with(@id, 'by-')]/@id"))
    finally:
        client.close()


def warned(cluster: LocalCluster, node: str) -> bool:
    info = cluster.info(node)
    return info is not None and any("cib conflicts" in line for line in info.warnings)


def shell(cluster: LocalCluster, node: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hashell", "--attach", str(cluster.place(node).socket), "cib", "conflicts", *words],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_what_a_lone_node_wrote_against_the_majority_is_archived_shown_and_made_again():
    with LocalCluster(THREE) as cluster:
        cluster.start()
        cluster.wait_formed()
        write(cluster, "node1", "by-all")
        cluster.wait_until(lambda: all(names(cluster, node) == {"by-all"} for node in THREE), "it is not everywhere")
        for name in ("node2", "node3"):
            cluster.kill(name)
        cluster.wait_until(
            lambda: (info := cluster.info("node1")) is not None and not info.quorate, "node1 still claims quorum"
        )
        write(cluster, "node1", "by-one")
        cluster.kill("node1")
        cluster.start_node("node2")
        cluster.start_node("node3")
        cluster.wait_formed(nodes=("node2", "node3"))
        write(cluster, "node2", "by-two")
        cluster.start_node("node1")
        cluster.wait_formed()
        cluster.wait_until(lambda: names(cluster, "node1") == {"by-all", "by-two"}, "the majority did not win")
        cluster.wait_until(lambda: warned(cluster, "node1"), "nobody is told of what lost")

        assert "1 change of node1" in shell(cluster, "node1")
        assert "+" in shell(cluster, "node1", "show", "last")
        assert 'id="by-one"' in shell(cluster, "node1", "show", "last", "xml")
        assert "made again" in shell(cluster, "node1", "apply", "last")
        cluster.wait_until(
            lambda: all(names(cluster, node) == {"by-all", "by-one", "by-two"} for node in THREE),
            "it is not everywhere again",
        )
        cluster.wait_until(lambda: not warned(cluster, "node1"), "it is still told of")
        assert "nothing lost" in shell(cluster, "node1", "list")
