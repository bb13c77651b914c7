"""A running cluster goes over to a new key; who was away is told what to do."""

from __future__ import annotations

import shutil

import pytest

from hashell.lab.cluster import LocalCluster
from hashell.lab.keygen import main, make_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

THREE = ("node1", "node2", "node3")


class OwnKeys(LocalCluster):
    """Each node has a key file of its own, as on machines of their own."""

    def command(self, node, *extra):
        words = super().command(node, *extra)
        words[words.index("--key") + 1] = str(self.key(node))
        return words

    def key(self, node):
        return self.place(node).folder / "key"


@pytest.fixture
def three():
    with OwnKeys(THREE) as cluster:
        make_key(cluster.folder / "first")
        for node in THREE:
            shutil.copy(cluster.folder / "first", cluster.key(node))
        cluster.start()
        cluster.wait_formed()
        yield cluster


def told(cluster, node, text):
    client = cluster.client(node)
    try:
        return any(text in event.text for event in client.events())
    finally:
        client.close()


def test_all_members_get_the_new_key_and_go_on_and_a_restarted_one_comes_back(three, capsys):
    old = three.key("node1").read_bytes()
    view = three.info("node1", timeout_s=60).view
    assert main(["--rotate", str(three.place("node1").socket)]) == 0
    assert "is being changed on node1, node2, node3" in capsys.readouterr().err
    for node in THREE:
        three.wait_until(lambda node=node: told(three, node, "the cluster key was changed"), "it is not changed")
    keys = {three.key(node).read_bytes() for node in THREE}
    assert len(keys) == 1 and keys != {old}
    assert three.info("node2", timeout_s=60).view == view
    three.stop_node("node3")
    three.start_node("node3")
    three.wait_formed()
    key = keys.pop().strip().decode()
    assert all(key not in three.place(node).log.read_text() for node in THREE)


def test_key_rotation_while_a_node_is_down_the_node_is_told_what_to_do(three):
    three.stop_node("node3")
    client = three.client("node1")
    assert "node3" in client.rotate_key()
    client.close()
    three.wait_until(lambda: told(three, "node1", "node3 must get"), "it is not changed")
    three.start_node("node3")
    three.wait_until(
        lambda: "another cluster key" in three.place("node3").log.read_text(), "node3 is not told"
    )
    assert {m.name for m in three.info("node1", timeout_s=60).members if m.state == "member"} == {"node1", "node2"}
    three.kill("node3")
    shutil.copy(three.key("node1"), three.key("node3"))
    three.start_node("node3")
    three.wait_formed()


def test_a_node_that_died_halfway_tries_the_next_key_too_and_comes_back(three):
    old = three.key("node3").read_bytes()
    three.kill("node3")
    three.wait_until(
        lambda: (info := three.info("node1")) is not None and info.quorate
        and [m.name for m in info.members if m.state == "member"] == ["node1", "node2"],
        "the two have no quorum",
    )
    client = three.client("node1")
    client.rotate_key()
    client.close()
    three.wait_until(lambda: told(three, "node1", "the cluster key was changed"), "it is not changed")
    # As if it had died after it held the next key, and before it turned.
    next_key = three.key("node3").with_name("key.next")
    shutil.copy(three.key("node1"), next_key)
    assert three.key("node3").read_bytes() == old
    three.start_node("node3")
    three.wait_formed()
    three.wait_until(lambda: three.key("node3").read_bytes() == three.key("node1").read_bytes(), "it did not turn")
    assert not next_key.exists()
