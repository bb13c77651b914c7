"""The peer: a real corosync (and Pacemaker) on sealed machines, each with processes and a host name of its own."""

from __future__ import annotations

import pytest

from hashell.errors import HashellError
from hashell.lab import processes
from hashell.lab.peer import PeerCluster, check_installed, corosync_conf

pytestmark = [pytest.mark.timeout(240)]


def test_the_peers_configuration_names_all_nodes_and_leaves_times_to_its_own_defaults():
    text = corosync_conf({"alpha": "10.0.0.1", "beta": "10.0.0.2"})
    assert "name: alpha\n        nodeid: 1\n        ring0_addr: 10.0.0.1" in text and "nodeid: 2" in text
    assert "token:" not in text
    assert "token: 1000" in corosync_conf({"alpha": "10.0.0.1"}, token_ms=1000)


def there(corosync_only: bool) -> None:
    try:
        check_installed(corosync_only)
    except HashellError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.root
def test_corosync_of_three_machines_forms_one_ring_and_nothing_of_it_is_left():
    there(corosync_only=True)
    with PeerCluster(("node1", "node2", "node3"), corosync_only=True) as peer:
        peer.start()

        def quorate() -> bool:
            try:
                return all("Quorate:          Yes" in peer.run(n, "corosync-quorumtool", "-s") for n in peer.nodes)
            except HashellError:
                return False

        peer.wait_until(quorate, "no ring")
        assert peer.run("node2", "hostname").strip() == "node2"
        seen = peer.run("node1", "ps", "-e", "-o", "comm=").split()
        assert seen.count("corosync") == 1
        # Daemons whose parents are gone do not stay as zombies: who waits for their end would wait for ever.
        peer.run("node1", "sh", "-c", "(sleep 0.05 > /dev/null 2>&1 &)")
        peer.wait_until(lambda: "Z" not in peer.run("node1", "ps", "-e", "-o", "stat="), "a zombie stays")
        peer.stop_node("node2")
        assert "corosync" not in peer.run("node2", "ps", "-e", "-o", "comm=")
        folder = peer.folder
        peer.power_off("node3")
        assert not peer.powered("node3")
    assert processes.belonging(folder) == ()
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.root
def test_pacemaker_of_three_machines_elects_a_coordinator_and_takes_a_configuration():
    there(corosync_only=False)
    with PeerCluster(("node1", "node2", "node3")) as peer:
        peer.start()
        peer.wait_whole()
        assert peer.view("node3").dc in peer.nodes
        peer.run("node2", "crm_attribute", "-t", "crm_config", "-n", "stonith-enabled", "-v", "false")
        assert 'value="false"' in peer.run("node1", "cibadmin", "-Q", "--scope", "crm_config")
