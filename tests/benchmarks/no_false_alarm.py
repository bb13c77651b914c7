"""No false alarm: three nodes with a service beside busy processes and a disk under fsync load; nothing may happen.

`python tests/benchmarks/no_false_alarm.py [MINUTES] [BUSY_PER_CORE]` (10 and 8 when not given) prints views, losses and
needless transitions, how late the heartbeat processes were, the time that commits took, and what it cost. Exit code 1
when a member was lost, a view changed, or a transition did anything: the service runs, so there is nothing to do. It
disturbs all else on the machine: that is what it is for.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hashell.errors import HashellError
from hashell.lab import processes
from hashell.lab.cluster import LocalCluster
from hashell.lab.live_rig import HashellRig
from hashell.wire.messages import Change

NODES = ("node1", "node2", "node3")
BUSY = "while True: pass"
SYNC = """
import os, sys
with open(sys.argv[1], "wb") as file:
    while True:
        file.write(os.urandom(65536)); file.flush(); os.fsync(file.fileno())
        if file.tell() > 64 << 20: file.seek(0)
"""


@contextlib.contextmanager
def load(per_core: int, folder: str) -> Iterator[None]:
    """Processes that want every core, each at ordinary priority, and two that write and sync without end."""
    count = per_core * (os.cpu_count() or 1)
    made = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    made += [subprocess.Popen([sys.executable, "-c", SYNC, f"{folder}/sync{number}"]) for number in range(2)]
    try:
        yield
    finally:
        for process in made:
            process.kill()
        for process in made:
            process.wait()


def write(cluster: LocalCluster, number: int) -> float:
    """Milliseconds for one committed change."""
    xml = (
        '<cluster_property_set id="cib-bootstrap-options">'
        f'<nvpair id="load" name="load" value="{number}"/></cluster_property_set>'
    )
    began = time.monotonic()
    client = cluster.client(NODES[number % 3], timeout_s=60)
    try:
        client.apply([Change("modify", xml.encode(), "crm_config")])
    finally:
        client.close()
    return (time.monotonic() - began) * 1000


def needless(rig: HashellRig, since_s: float) -> list[str]:
    """What transitions did since then (wall clock), by the events that tell of it, and failures."""
    watcher = rig.stage.watcher
    events = watcher.events if watcher is not None else []
    return [
        f"{event.node}: {event.text}" for event in events
        if event.when_s >= since_s and event.kind in ("transition", "operation", "fencing")
    ]


def heart_cpu_s(cluster: LocalCluster, node: str) -> tuple[float, float]:
    """Processor seconds that a node's heartbeat process and its daemon have used."""
    tick = os.sysconf("SC_CLK_TCK")
    heart = daemon = 0.0
    for pid in processes.belonging(cluster.place(node).run):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
            used = (int(fields[11]) + int(fields[12])) / tick
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"mesh.heartbeat import main" in words:
                heart += used
            elif pid == cluster.pid(node):
                daemon += used
    return heart, daemon


def main(minutes: float, per_core: int) -> int:
    with tempfile.TemporaryDirectory() as folder, HashellRig(settings='log_level = "debug"\n') as rig:
        cluster = rig.cluster
        time.sleep(3)
        started = time.time()
        before = {node: cluster.info(node) for node in NODES}
        cpu = {node: heart_cpu_s(cluster, node) for node in NODES}
        logged = {node: cluster.place(node).log.stat().st_size for node in NODES}
        views = {info.view for info in before.values() if info}
        commits: list[float] = []
        failed = 0
        began = time.monotonic()
        with load(per_core, folder):
            number = 0
            while time.monotonic() - began < 60 * minutes:
                try:
                    commits.append(write(cluster, number))
                except HashellError as error:
                    failed += 1
                    print(f"a write failed: {error}", flush=True)
                number += 1
                time.sleep(1)
        seconds = time.monotonic() - began
        cluster.wait_until(lambda: all(cluster.info(node) for node in NODES), "a node does not answer", 120)
        after = {info.view for node in NODES if (info := cluster.info(node))}
        transitions = {info.transition for node in NODES if (info := cluster.info(node))}
        logs = {
            node: cluster.place(node).log.read_bytes()[logged[node]:].decode(errors="replace") for node in NODES
        }
        commits.sort()
        lost = sum(len(re.findall(r"has been silent|was lost|link ended|link torn", text)) for text in logs.values())
        print(f"{seconds / 60:.1f} minutes, {per_core} busy processes a core, 2 that sync; views {views} -> {after}")
        print(f"losses and torn links: {lost}; transitions {transitions}; writes {len(commits)}, failed {failed}")
        did = needless(rig, started)
        print(f"needless transitions: {len(did)}" + "".join(f"\n    {text}" for text in did[:10]))
        gaps = [gap.seconds for gap in rig.probe.gaps if gap.began_s > began]
        print(f"the client waited {len(gaps)} times, {max(gaps, default=0):.2f} s at most (the server is starved too)")
        if commits:
            print(f"commit ms: median {commits[len(commits) // 2]:.0f}, p99 {commits[len(commits) * 99 // 100]:.0f}")
        for node, text in logs.items():
            heart, daemon = (now - was for now, was in zip(heart_cpu_s(cluster, node), cpu[node], strict=True))
            asked = text.count("asking over the link")
            slowed = re.findall(r"slowed to (\d+) ms", text)
            pauses = re.findall(r"paused_ms=(\d+)", text)
            print(
                f"{node}: heart {100 * heart / seconds:.2f} % of a core, daemon {100 * daemon / seconds:.2f} %;"
                f" doubts {asked}, detection slowed to {max(map(int, slowed), default=1000)} ms,"
                f" did not run {max(map(int, pauses), default=0)} ms at most"
            )
        return 1 if lost or did or after != views else 0


if __name__ == "__main__":
    sys.exit(main(
        float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, int(sys.argv[2]) if len(sys.argv) > 2 else 8
    ))
