"""Real daemons at the limits that a machine sets them: they say so, lose nobody by it, and go on when there is room."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from hashell.errors import HashellError
from hashell.lab.cluster import LocalCluster
from hashell.wire.messages import Change

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(("node1", "node2", "node3")) as made:
        made.start()
        made.wait_formed()
        yield made


def big(number: int) -> Change:
    filler = "".join(f'<nvpair id="f{n}" name="f{n}" value="{"x" * 1000}"/>' for n in range(1000))
    mark = f'<nvpair id="mark-{number}" name="mark" value="{number}"/>'
    xml = f'<crm_config><cluster_property_set id="big">{mark}{filler}</cluster_property_set></crm_config>'
    return Change("replace", xml.encode(), "crm_config")


@pytest.fixture
def memory_group():
    """An own group of the kernel's memory control, and the name of its limit."""
    old, new = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    base, limit = (old, "memory.limit_in_bytes") if old.is_dir() else (new, "memory.max")
    group = base / f"hashell-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no group of memory control can be made here: {error}")
    try:
        if not (group / limit).exists():
            pytest.skip("memory control is not on here")
        yield group, limit
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


@pytest.mark.root
def test_a_daemon_that_the_kernel_ends_for_want_of_memory_is_lost_and_comes_back(cluster, memory_group):
    group, limit = memory_group
    (group / "cgroup.procs").write_text(str(cluster.pid("node3")))
    (group / limit).write_text(str(1024 * 1024))
    writer = cluster.client("node1", timeout_s=60)
    for number in range(10):
        # What it has had before, and may use again, is gone by the second.
        if cluster.alive("node3"):
            writer.apply([big(number)])
    cluster.wait_until(lambda: not cluster.alive("node3"), "the kernel does not end node3")
    assert cluster.exit_code("node3") == -signal.SIGKILL
    cluster.wait_formed(nodes=("node1", "node2"))
    writer.apply([Change("delete", path="//nvpair[@id='f0']")])
    writer.close()
    cluster.start_node("node3")
    cluster.wait_formed()
    client = cluster.client("node3", timeout_s=60)
    assert client.cib().by_id("f999") is not None and client.cib().by_id("f0") is None
    client.close()


def test_a_megabyte_of_cib_replaced_every_second_is_taken_by_all_and_loses_nobody(cluster):
    before = cluster.info("node1", timeout_s=60)
    assert len(big(0).xml) > 1_000_000
    writer = cluster.client("node2", timeout_s=60)
    for number in range(4):
        began = time.monotonic()
        writer.apply([big(number)])
        time.sleep(max(0.0, began + 1 - time.monotonic()))
    for node in cluster.nodes:
        client = cluster.client(node, timeout_s=60)
        cluster.wait_until(lambda client=client: client.cib().by_id("mark-3") is not None, f"{node} lacks the last")
        client.close()
    writer.apply([Change("replace", b"<crm_config/>", "crm_config")])
    writer.close()
    now = cluster.info("node1", timeout_s=60)
    assert (now.view, len(now.members)) == (before.view, 3)


def test_a_node_without_descriptors_stays_a_member_rests_and_serves_again_when_there_are_some(cluster):
    before = cluster.info("node1", timeout_s=60)
    kept = cluster.client("node3")
    pid = cluster.pid("node3")
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # The lowest free number is the limit: not one more can be opened.
    used = {int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir()}
    first_free = min(set(range(len(used) + 1)) - used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (first_free, limits[1]))
    with contextlib.suppress(HashellError):
        cluster.client("node3", timeout_s=1).close()
    # A peer that knocks, too, and stays.
    place = cluster.place("node3")
    knocking = socket.create_connection((place.address, place.port))
    spent = sum(psutil.Process(pid).cpu_times()[:2])
    began = time.monotonic()
    # Whom it knows it hears and answers: a change is written by all three.
    writer = cluster.client("node1", timeout_s=60)
    for number in range(20):
        xml = f'<nvpair id="n{number}" name="n{number}" value="1"/>'
        xml = f'<cluster_property_set id="cib-bootstrap-options">{xml}</cluster_property_set>'
        writer.apply([Change("modify", xml.encode(), "crm_config")])
    cluster.wait_until(lambda: kept.cib().by_id("n19") is not None, "node3 does not follow")
    time.sleep(max(0.0, began + 3 - time.monotonic()))
    took = time.monotonic() - began
    spent = sum(psutil.Process(pid).cpu_times()[:2]) - spent
    assert spent < 0.6 * took, "it is busy with nothing"
    now = cluster.info("node1", timeout_s=60)
    assert (now.view, len(now.members)) == (before.view, 3)
    knocking.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    cluster.wait_until(lambda: cluster.info("node3", timeout_s=10) is not None, "node3 takes no client again")
    assert cluster.info("node3", timeout_s=60).view == before.view
    log = cluster.place("node3").log.read_text()
    assert "Too many open files" in log
    assert "LimitNOFILE" in log
    assert "Traceback" not in log, "a shortage is told in a line"
    writer.close()
    kept.close()
