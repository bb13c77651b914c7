"""Real daemons beside who floods, replays or never reads: nobody gets in, nothing grows, the cluster goes on."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest

from hashell.errors import HashellError
from hashell.lab.cluster import LocalCluster
from hashell.lab.keygen import make_key
from hashell.lab.live_audit import growth, usage_of
from hashell.lab.live_rig import LiveLoopback
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(240)]

THREE = ("node1", "node2", "node3")


@pytest.fixture
def three():
    with LocalCluster(THREE, settings="flap_delay_max_ms = 0\n") as cluster:
        cluster.start()
        cluster.wait_formed()
        for node in THREE:
            log = cluster.place(node).log
            cluster.wait_until(lambda log=log: "heartbeat process" in log.read_text(), "a heart is not ready")
        time.sleep(1)
        yield cluster


def held(cluster, kinds=("daemon", "heart")):
    return [one for node in THREE for one in usage_of(node, cluster.place(node).run) if one.what in kinds]


def view(cluster):
    return {node: cluster.info(node, timeout_s=30).view for node in THREE}


def write(cluster, value):
    xml = (
        f'<cluster_property_set id="cib-bootstrap-options"><nvpair id="x" name="x" value="{value}"/>'
        "</cluster_property_set>"
    )
    client = cluster.client("node2", timeout_s=30)
    try:
        return client.apply([Change("modify", xml.encode(), "crm_config")])
    finally:
        client.close()


def goes_on(cluster, before):
    """The same view on all, and a write is committed."""
    assert view(cluster) == before
    assert write(cluster, int(time.monotonic()))


def flood(cluster, seconds):
    """Datagrams of all sizes, and connections that never speak, as fast as a small process can."""
    place = cluster.place("node1")
    idle = []
    until = time.monotonic() + seconds
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        while time.monotonic() < until:
            for size in (1, 40, 80, 400, 1400):
                datagrams.sendto(os.urandom(size), (place.address, place.port))
                sent += 1
            if len(idle) < 300:
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex((place.address, place.port))
                idle.append(one)
            time.sleep(0.001)
    for one in idle:
        one.close()
    return sent


def test_a_flood_of_datagrams_and_of_connections_that_never_speak_costs_no_member_and_no_memory(three):
    before = view(three)
    # The first takes what the bounds allow; a second one of the same strength must find it enough.
    assert flood(three, 4) > 500
    three.wait_until(lambda: all(one.fds < 40 for one in held(three)), "descriptors are not given back", 60)
    was = held(three)
    flood(three, 6)
    goes_on(three, before)
    three.wait_until(lambda: not growth(was, held(three)), "descriptors or memory are not given back", 60)
    goes_on(three, before)


def test_a_stranger_with_another_key_who_knocks_without_end_gets_nowhere_and_takes_nothing(three, tmp_path):
    was, before = held(three), view(three)
    other = tmp_path / "key"
    make_key(other)
    place = three.place("node2")
    words = three.command("node3")
    for option, value in (("--key", str(other)), ("--node", "node9"), ("--port", "0"),
                          ("--state-dir", str(tmp_path / "state")), ("--run-dir", str(tmp_path / "run"))):
        words[words.index(option) + 1] = value
    stranger = subprocess.Popen(
        words, env=three.environment("node3") | {"HASHELL_RUN_DIR": str(three.folder / "stranger")},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        refused = 0
        for _ in range(100):
            try:
                plain = socket.create_connection((place.address, place.port), 10)
                with context.wrap_socket(plain) as tls:
                    tls.settimeout(10)
                    tls.sendall(b"\0" * 100)
                    refused += not tls.recv(100)
            except (OSError, ssl.SSLError):
                refused += 1
        assert refused == 100
        assert {m.name for m in three.info("node1", timeout_s=60).members if m.state == "member"} == set(THREE)
        goes_on(three, before)
    finally:
        stranger.kill()
        stranger.wait(30)
    three.wait_until(lambda: not growth(was, held(three)), "descriptors or memory are not given back", 60)


@pytest.mark.root
def test_replayed_heartbeats_of_a_dead_node_do_not_keep_it_alive_and_do_not_disturb_its_next_life(three):
    try:
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    except PermissionError:
        pytest.skip("listening to all packets needs root")
    ports = {three.place(node).port: node for node in THREE}
    taken: list[tuple[bytes, int]] = []
    with sniffer:
        sniffer.bind(("lo", 0))
        sniffer.settimeout(10)
        until = time.monotonic() + 30
        while len(taken) < 60 and time.monotonic() < until:
            packet = sniffer.recv(65536)
            head = (packet[0] & 15) * 4
            sender, receiver = (int.from_bytes(packet[at:at + 2], "big") for at in (head, head + 2))
            way = ports.get(sender), ports.get(receiver)
            if packet[9] == socket.IPPROTO_UDP and way in (("node3", "node1"), ("node3", "node2")):
                taken.append((packet[head + 8:], receiver))
    assert len(taken) >= 60, "no beats of node3 were seen"
    three.kill("node3")

    def replay():
        # From the port of the dead: whoever asks only where a beat comes from would believe it.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind((three.place("node3").address, three.place("node3").port))
            for data, port in taken:
                again.sendto(data, ("127.0.0.1", port))
                time.sleep(0.01)

    replay()
    three.wait_until(
        lambda: any(m.name == "node3" and m.state == "lost" for m in three.info("node1", timeout_s=60).members),
        "it is held alive",
    )
    three.start_node("node3")
    three.wait_formed()
    before = view(three)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        for data, port in taken * 5:
            again.sendto(data, ("127.0.0.1", port))
            time.sleep(0.002)
    goes_on(three, before)


def sleep_until_dropped(cluster, number):
    """A client of node2 that follows everything is stopped; writes go on until it is dropped. The next number."""
    program = (
        "import sys, asyncio\nfrom hashell.client.feed import LiveFeed\n"
        "async def main():\n"
        "    async for update in LiveFeed(sys.argv[1], program='sleeper').updates(): print('x', flush=True)\n"
        "asyncio.run(main())\n"
    )
    sleeper = subprocess.Popen(
        [sys.executable, "-c", program, str(cluster.place("node2").socket)], stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": cluster.environment("node2")["PYTHONPATH"]},
    )
    log = cluster.place("node2").log
    before = log.read_text().count("client dropped")
    try:
        assert sleeper.stdout.readline() == b"x\n"
        os.kill(sleeper.pid, signal.SIGSTOP)
        until = time.monotonic() + 90
        # Each write is told to every subscriber: much for one who does not read.
        while log.read_text().count("client dropped") == before:
            assert time.monotonic() < until, "it is still waited for"
            write_big(cluster, number)
            number += 1
    finally:
        sleeper.kill()
        sleeper.wait(30)
        sleeper.stdout.close()
    return number


def test_a_client_that_never_reads_is_dropped_alone_and_its_daemon_does_not_grow():
    with LiveLoopback(3) as stage:
        stage.build()
        cluster = stage.cluster
        # What waits for the first one takes its room, within its bound; for a second one that must be enough.
        number = sleep_until_dropped(cluster, 0)
        was = held(cluster)
        assert all(one.rss_kb < 400 * 1024 for one in was)
        sleep_until_dropped(cluster, number)
        assert not stage.complaint("answers", "", "", "")
        cluster.wait_until(lambda: not growth(was, held(cluster)), "the daemon has grown", 60)


def write_big(cluster, number):
    text = f"{number:08}" + "x" * 800_000
    xml = (
        f'<cluster_property_set id="cib-bootstrap-options"><nvpair id="big" name="big" value="{text}"/>'
        "</cluster_property_set>"
    )
    client = cluster.client("node1", timeout_s=30)
    try:
        client.apply([Change("modify", xml.encode(), "crm_config")])
    finally:
        client.close()


def test_a_node_that_is_starved_suspects_itself_and_not_the_others(three):
    """It gets 20 ms of every 600: the others may lose it, it must not say of them that they are silent."""
    place = three.place("node3")
    seen = len(place.log.read_bytes())
    from hashell.lab import processes

    pids = [one.pid for one in held(three) if one.node == "node3"]
    assert len(pids) >= 2
    until = time.monotonic() + 15
    try:
        while time.monotonic() < until:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(0.58)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            time.sleep(0.02)
    finally:
        processes.send(place.run, signal.SIGCONT)
    said = place.log.read_bytes()[seen:].decode(errors="replace")
    blamed = [line for line in said.splitlines() if "why='silent'" in line]
    assert blamed == []
    client = three.client("node1")
    try:
        texts = [event.text for event in client.events() if event.node == "node3"]
    except HashellError:
        texts = []
    finally:
        client.close()
    assert not any(text.endswith(("node1 was lost", "node2 was lost")) for text in texts)
    three.wait_formed()
