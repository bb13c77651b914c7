"""Real daemons on loopback: what they keep when they are killed, and whom they let in."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from hashell.cib.digest import document_digest
from hashell.client.feed import CibUpdate, Connected, InfoUpdate, LiveFeed
from hashell.errors import HashellError, NotReachable, TimedOut
from hashell.lab import processes
from hashell.lab.cluster import LocalCluster
from hashell.lab.keygen import make_key
from hashell.wire.messages import Change, Info

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(180)]

THREE = ("node1", "node2", "node3")


@pytest.fixture
def three():
    with LocalCluster(THREE) as cluster:
        cluster.start()
        cluster.wait_formed()
        yield cluster


def told(cluster: LocalCluster, node: str) -> Info:
    """What a node that runs says of the cluster; it may take its time."""
    info = cluster.info(node, timeout_s=60)
    assert info is not None, f"{node} does not answer"
    return info


def an_attribute(number: int) -> Change:
    xml = (
        '<cluster_property_set id="cib-bootstrap-options">'
        f'<nvpair id="written-{number}" name="written-{number}" value="{number}"/></cluster_property_set>'
    )
    return Change("modify", xml.encode(), "crm_config")


def written(cluster: LocalCluster, node: str) -> set[int]:
    """The numbers that a node's CIB holds."""
    client = cluster.client(node)
    try:
        found = client.cib().root.xpath("//nvpair[starts-with(@id, 'written-')]/@value")
    finally:
        client.close()
    return {int(value) for value in found}


def configurations(cluster: LocalCluster) -> set[str]:
    """The distinct configurations that the nodes hold, each as version and digest."""
    found = set()
    for node in cluster.nodes:
        client = cluster.client(node)
        cib = client.cib()
        client.close()
        root = cib.copy_root()
        for status in root.findall("status"):
            root.remove(status)
        root.set("num_updates", "0")
        found.add(f"{cib.version.epoch} {document_digest(type(cib)(root))}")
    return found


class Writer(threading.Thread):
    """Writes numbers one after the other to whichever node takes them, and remembers which were acknowledged."""

    def __init__(self, cluster: LocalCluster, count: int) -> None:
        super().__init__(daemon=True)
        self.cluster = cluster
        self.count = count
        self.acknowledged: list[int] = []
        self.refused = 0

    def run(self) -> None:
        client = None
        deadline = time.monotonic() + 120
        for number in range(self.count):
            while time.monotonic() < deadline:
                try:
                    client = client or self.cluster.client(self.cluster.nodes[number % 3], timeout_s=3)
                    client.apply([an_attribute(number)])
                except HashellError:
                    self.refused += 1
                    if client is not None:
                        client.close()
                    client = None
                    try:
                        client = self.cluster.client(timeout_s=3)
                    except HashellError:
                        time.sleep(0.05)
                else:
                    self.acknowledged.append(number)
                    break
        if client is not None:
            client.close()

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < count:
            assert time.monotonic() < deadline, f"only {len(self.acknowledged)} were written"
            time.sleep(0.005)


def test_nodes_find_one_another_and_agree_on_one_that_coordinates(three):
    def agree() -> bool:
        infos = [told(three, node) for node in three.nodes]
        return (
            len({info.dc for info in infos}) == 1
            and all({m.name for m in info.members if m.state == "member"} == set(THREE) for info in infos)
            and all(info.quorate and info.votes == 3 and info.quorum == 2 for info in infos)
        )

    three.wait_until(agree, "the nodes do not agree on members, coordinator and votes")
    sockets = {str(place.socket) for place in three.places.values()}
    three.wait_until(
        lambda: all(set(told(three, node).socket_paths) == sockets for node in three.nodes),
        "the nodes do not know one another's sockets",
    )


def test_a_write_on_one_node_is_on_all(three):
    client = three.client("node2")
    version = client.apply([an_attribute(7)], command="write 7")
    client.close()
    three.wait_until(
        lambda: all(written(three, node) == {7} for node in three.nodes), "the write is not everywhere"
    )
    three.wait_until(lambda: len(configurations(three)) == 1, "the nodes do not agree")
    client = three.client("node3")
    assert client.history()[0].version == version
    assert client.history()[0].command == "write 7"
    client.close()


@pytest.mark.parametrize("which", ["the coordinator", "another"])
def test_no_acknowledged_write_is_lost_when_a_node_is_killed_during_a_hundred(three, which):
    dc = told(three, "node1").dc
    victim = dc if which == "the coordinator" else next(node for node in three.nodes if node != dc)
    writer = Writer(three, 100)
    writer.start()
    writer.wait_for(20)
    three.kill(victim)
    writer.wait_for(60)
    three.start_node(victim)
    writer.join(150)
    assert len(writer.acknowledged) == 100
    three.wait_formed()
    three.wait_until(lambda: len(configurations(three)) == 1, "the nodes do not agree")
    for node in three.nodes:
        assert written(three, node) >= set(writer.acknowledged)


def test_what_was_acknowledged_outlives_the_death_of_all(three):
    writer = Writer(three, 100)
    writer.start()
    writer.wait_for(50)
    for node in three.nodes:
        os.kill(three.pid(node), signal.SIGKILL)
    acknowledged = set(writer.acknowledged)
    for node in three.nodes:
        three.kill(node)
    three.start()
    three.wait_formed()
    writer.join(150)
    three.wait_until(lambda: len(configurations(three)) == 1, "the nodes do not agree")
    assert len(acknowledged) >= 50
    for node in three.nodes:
        assert written(three, node) >= acknowledged | set(writer.acknowledged)


def test_what_a_node_wrote_alone_is_kept_when_the_others_return(three):
    three.kill("node2")
    three.kill("node3")
    three.wait_until(lambda: not told(three, "node1").quorate, "node1 still claims quorum")
    client = three.client("node1")
    client.apply([an_attribute(1)])
    client.close()
    three.start_node("node2")
    three.start_node("node3")
    three.wait_formed()
    # Nobody else wrote meanwhile, so there is nothing that it could contradict.
    three.wait_until(
        lambda: all(written(three, node) == {1} for node in three.nodes), "the lone write is not everywhere"
    )
    three.wait_until(lambda: len(configurations(three)) == 1, "the nodes do not agree")


def test_a_damaged_cib_is_fetched_from_the_others(three):
    client = three.client()
    client.apply([an_attribute(3)])
    client.close()
    three.wait_until(lambda: written(three, "node3") == {3}, "not replicated")
    three.stop_node("node3")
    place = three.place("node3")
    damaged = sorted(place.state.rglob("cib.xml"))
    assert damaged, "where does the CIB live?"
    for path in damaged:
        path.write_bytes(b"<cib><this is not")
    three.start_node("node3")
    three.wait_formed()
    three.wait_until(lambda: written(three, "node3") == {3}, "node3 did not fetch the CIB")


def test_a_lone_node_with_a_damaged_cib_starts_loudly_from_what_it_has():
    with LocalCluster(("node1",)) as cluster:
        cluster.start()
        cluster.wait_formed()
        client = cluster.client()
        client.apply([an_attribute(1)])
        client.close()
        cluster.stop_node("node1")
        for path in cluster.place("node1").state.rglob("cib.xml"):
            path.write_bytes(b"\0" * 100)
        cluster.start_node("node1")
        cluster.wait_formed()
        cluster.wait_until(lambda: written(cluster, "node1") == {1}, "the change is not back")
        client = cluster.client()
        assert any(event.level in ("warning", "error") for event in client.events())
        client.close()


def test_a_lost_state_folder_is_no_lost_cluster(three):
    client = three.client()
    client.apply([an_attribute(5)])
    client.close()
    three.kill("node2")
    shutil.rmtree(three.place("node2").state)
    three.place("node2").state.mkdir()
    three.start_node("node2")
    three.wait_formed()
    three.wait_until(lambda: written(three, "node2") == {5}, "node2 did not fetch the CIB")


def test_a_frozen_node_is_left_behind_and_comes_back(three):
    victim = next(node for node in three.nodes if node != told(three, "node1").dc)
    other = next(node for node in three.nodes if node != victim)
    three.freeze(victim)
    three.wait_until(
        lambda: any(m.name == victim and m.state == "lost" for m in told(three, other).members),
        f"{victim} is not missed",
    )
    three.thaw(victim)
    three.wait_formed()


def test_a_clean_leave_ends_with_0_and_is_no_loss(three):
    assert three.stop_node("node3") == 0
    three.wait_until(
        lambda: any(m.name == "node3" and m.state == "left" for m in told(three, "node1").members),
        "node3 has not left",
    )
    assert not three.place("node3").socket.exists()


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_who_watches_moves_to_another_node_when_theirs_dies_or_freezes(fault):
    with LocalCluster(THREE) as cluster:
        await asyncio.to_thread(cluster.start)
        await asyncio.to_thread(cluster.wait_formed)
        feed = LiveFeed(str(cluster.place("node1").socket))
        seen: list[object] = []

        async def watch() -> None:
            async for update in feed.updates():
                seen.append(update)

        async def until(holds) -> None:
            async with asyncio.timeout(60):
                while not holds():
                    await asyncio.sleep(0.02)

        task = asyncio.create_task(watch())
        sockets = {str(place.socket) for place in cluster.places.values()}
        await until(lambda: any(isinstance(u, InfoUpdate) and set(u.info.socket_paths) == sockets for u in seen))
        await asyncio.to_thread(getattr(cluster, fault), "node1")
        await until(lambda: any(isinstance(u, Connected) and u.moved_from for u in seen))
        moved = next(u for u in seen if isinstance(u, Connected) and u.moved_from)
        assert moved.node in ("node2", "node3") and "node1" in moved.why
        del seen[:]

        def write() -> None:
            client = cluster.client(moved.node)
            client.apply([an_attribute(9)])
            client.close()

        await until(lambda: any(isinstance(u, InfoUpdate) and u.info.votes == 2 for u in seen))
        await asyncio.to_thread(write)
        await until(lambda: any(isinstance(u, CibUpdate) and u.after.by_id("written-9") is not None for u in seen))
        await feed.close()
        await task


# --- who is not let in


@pytest.fixture
def strangers():
    """Daemons that are ended with the test."""
    made: list[subprocess.Popen] = []
    yield made
    for process in made:
        process.kill()
        process.wait(60)


def stranger(lab: LocalCluster, strangers: list, like: str, **changes: str) -> subprocess.Popen:
    """A daemon with the command line of the node `like`, some options changed."""
    words = lab.command(like)
    for option, value in changes.items():
        words[words.index("--" + option.replace("_", "-")) + 1] = value
    env = {**lab.environment(like), processes.MARK: str(lab.folder / "stranger" / "run")}
    with (lab.folder / "stranger.log").open("ab") as log:
        process = subprocess.Popen(
            words, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    strangers.append(process)
    return process


@pytest.fixture
def pair():
    """Two nodes of three: the third place is free for a stranger."""
    with LocalCluster(THREE) as cluster:
        cluster.start_node("node1")
        cluster.start_node("node2")
        cluster.wait_formed(nodes=("node1", "node2"))
        yield cluster


def own_folders(cluster: LocalCluster) -> dict[str, str]:
    folder = cluster.folder / "stranger"
    (folder / "state").mkdir(parents=True)
    (folder / "run").mkdir()
    return {"state_dir": str(folder / "state"), "run_dir": str(folder / "run")}


def stays_out(cluster: LocalCluster, process: subprocess.Popen, says: str) -> None:
    """Until the stranger's log has the word, and a second more, the members do not change."""
    deadline = time.monotonic() + 60
    told_at = None
    while process.poll() is None and (told_at is None or time.monotonic() - told_at < 1):
        info = told(cluster, "node1")
        assert {m.name for m in info.members if m.state == "member"} <= {"node1", "node2"}
        log = (cluster.folder / "stranger.log").read_text(errors="replace")
        if told_at is None and says in log.lower():
            told_at = time.monotonic()
        assert time.monotonic() < deadline, log
        time.sleep(0.05)
    assert says in (cluster.folder / "stranger.log").read_text(errors="replace").lower()


def test_a_wrong_key_stays_out_and_is_told_why(pair, strangers):
    key = pair.folder / "other-key"
    make_key(key)
    stays_out(pair, stranger(pair, strangers, "node3", key=str(key), **own_folders(pair)), "another cluster key")


def test_another_cluster_name_stays_out(pair, strangers):
    stays_out(pair, stranger(pair, strangers, "node3", cluster="elsewhere", **own_folders(pair)), "not joined")


def test_a_name_that_is_taken_is_refused_and_the_owner_stays(pair, strangers):
    stays_out(pair, stranger(pair, strangers, "node3", node="node2", **own_folders(pair)), "two nodes are called node2")
    assert pair.alive("node2")
    client = pair.client("node1")
    assert any("two nodes are called node2" in event.text for event in client.events())
    client.close()


def test_a_port_in_use_is_one_clear_line(pair, strangers):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = stranger(pair, strangers, "node3", port=port, **own_folders(pair))
        code = process.wait(60)
    log = (pair.folder / "stranger.log").read_text()
    assert code not in (0, None)
    assert port in log and "Traceback" not in log


def test_a_key_that_others_can_read_is_refused(pair, strangers):
    key = pair.folder / "open-key"
    shutil.copy(pair.folder / "key", key)
    key.chmod(0o644)
    process = stranger(pair, strangers, "node3", key=str(key), **own_folders(pair))
    assert process.wait(60) != 0
    log = (pair.folder / "stranger.log").read_text()
    assert str(key) in log and "Traceback" not in log


def test_a_second_daemon_for_the_same_node_is_refused(pair, strangers):
    process = stranger(pair, strangers, "node2")
    assert process.wait(60) != 0
    log = (pair.folder / "stranger.log").read_text()
    assert "Traceback" not in log
    assert pair.alive("node2")
    assert told(pair, "node2").node == "node2"


# --- the lab itself


def test_nothing_is_left_behind():
    with LocalCluster(("node1", "node2")) as cluster:
        cluster.start()
        cluster.wait_formed()
        folder = cluster.folder
        assert processes.belonging(folder)
    assert processes.belonging(folder) == ()
    assert not folder.exists()


def test_nothing_is_left_behind_when_the_lab_is_killed(tmp_path):
    script = (
        "import sys, time; from hashell.lab.cluster import LocalCluster;"
        "c = LocalCluster(('node1', 'node2')); c.start(); c.wait_formed(); print(c.folder, flush=True); time.sleep(99)"
    )
    from pathlib import Path

    from hashell.lab.cluster import import_path

    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": import_path()},
    )
    folder = Path(process.stdout.readline().strip())
    assert processes.belonging(folder)
    process.kill()
    process.wait(60)
    process.stdout.close()
    deadline = time.monotonic() + 60
    while processes.belonging(folder) or folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_cluster_that_does_not_form_says_where_the_logs_are():
    with LocalCluster(("node1", "node2")) as cluster:
        cluster.start_node("node1")
        cluster.start_node("node2")
        with pytest.raises((TimedOut, NotReachable)) as caught:
            cluster.wait_until(lambda: False, "never", 0.2)
        assert str(cluster.folder) in caught.value.hint
