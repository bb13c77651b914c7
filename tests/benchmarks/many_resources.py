"""Many resources of an agent that does nothing: what the cluster manager itself costs, in time, CPU, messages, memory.

    python tests/benchmarks/many_resources.py [--nodes 3] [--resources 200] [--rounds 1] [--peer]
    python tests/benchmarks/many_resources.py --nodes 32 --resources 500 --kill

All resources (ocf:hashell:Dummy, no recurring monitors unless --monitor) are loaded at once into an idle cluster; the
time runs until it is idle again with every one of them up on exactly one node. CPU: of the daemons with what belongs
to them (heartbeats, scheduler), and of the agents that they ran. Messages: TCP segments with data between the daemons.
Memory: PSS, the sum over a node's processes. `--kill` then kills one node that has resources and waits until all are up
again. `--progress S` tells every so many seconds how far it is, and what the first and the last node see; `--limit S`
ends what takes longer. `--peer` (root, Debian's pacemaker and corosync): the same with a real Pacemaker on this
machine, in turn.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

from hashell.errors import HashellError
from hashell.lab import processes
from hashell.lab.cluster import LocalCluster
from hashell.lab.peer import PeerCluster
from hashell.wire.messages import Change, GetTransition, Transition

PATIENCE_S = 1800.0


def configuration(resources: int, monitor: bool) -> str:
    """The `resources` section and options that both clusters get."""
    operations = '<operations><op id="{0}-m" name="monitor" interval="10s"/></operations>' if monitor else ""
    primitives = "".join(
        f'<primitive id="r{number:03}" class="ocf" provider="hashell" type="Dummy">'
        + operations.format(f"r{number:03}") + "</primitive>"
        for number in range(resources)
    )
    return f"<resources>{primitives}</resources>"


#: The nodes of one machine would each count the load of all of them as their own: none counts it (the peer's nodes see
#: a quiet load average).
OPTIONS = (
    '<cluster_property_set id="options"><nvpair id="o-fencing" name="stonith-enabled" value="false"/>'
    '<nvpair id="o-load" name="load-threshold" value="0%"/></cluster_property_set>'
)


class Node:
    """The processes of a node, and what they have used."""

    def __init__(self, name: str, folder: Path, rsctmp: Path) -> None:
        self.name = name
        self.folder = folder
        self.rsctmp = rsctmp
        self._own: dict[int, float] = {}
        self._agents: dict[int, float] = {}

    def look(self) -> None:
        for pid in processes.belonging(self.folder):
            with contextlib.suppress(psutil.Error):
                times = psutil.Process(pid).cpu_times()
                self._own[pid] = times.user + times.system
                self._agents[pid] = times.children_user + times.children_system

    def used(self) -> tuple[float, float]:
        """Seconds of CPU until now, of the cluster manager and of what it ran."""
        self.look()
        return sum(self._own.values()), sum(self._agents.values())

    def pss_mib(self) -> tuple[float, float]:
        """Of all its processes, and of the largest."""
        found = []
        for pid in processes.belonging(self.folder):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                found.append(int(re.findall(r"^Pss:\s+(\d+) kB", text, re.M)[0]) / 1024)
        return (sum(found), max(found)) if found else (0.0, 0.0)

    @property
    def running(self) -> set[str]:
        """Resources whose state file says that they run here."""
        return {path.name for path in self.rsctmp.glob("Dummy-*.state")}


def segments(ports: set[int]) -> dict[str, tuple[int, int]]:
    """Data segments and bytes that the daemons have sent to one another, of each connection that is open now."""
    if not ports:
        return {}
    try:
        told = subprocess.run(["ss", "-tinH"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    found = {}
    for first, second in zip(told.splitlines()[::2], told.splitlines()[1::2], strict=False):
        if any(int(port) in ports for port in re.findall(r":(\d+)(?=\s)", first + " ")):
            found[" ".join(first.split()[-2:])] = (
                sum(int(n) for n in re.findall(r"data_segs_out:(\d+)", second)),
                sum(int(n) for n in re.findall(r"bytes_sent:(\d+)", second)),
            )
    return found


def up_once(nodes: list[Node], wanted: int) -> str:
    """Empty when every resource runs on exactly one node."""
    seen: dict[str, int] = {}
    for node in nodes:
        for name in node.running:
            seen[name] = seen.get(name, 0) + 1
    twice = [name for name, count in seen.items() if count > 1]
    if len(seen) != wanted or twice:
        return f"{len(seen)} of {wanted} resources are up, {len(twice)} of them more than once"
    return ""


class Step:
    """What a part of a run took."""

    def __init__(self, what: str, nodes: list[Node], ports: set[int]) -> None:
        self.what = what
        self._nodes, self._ports = nodes, ports
        self._before = [node.used() for node in nodes]
        self._sent = segments(ports)
        self._began = time.perf_counter()

    def end(self) -> tuple[float, float]:
        """Print it; seconds, and the cluster manager's seconds of CPU a node."""
        took = time.perf_counter() - self._began
        after = [node.used() for node in self._nodes]
        own = [a[0] - b[0] for a, b in zip(after, self._before, strict=True)]
        agents = [a[1] - b[1] for a, b in zip(after, self._before, strict=True)]
        sent = segments(self._ports)
        memory = [node.pss_mib() for node in self._nodes if node.pss_mib()[0]]
        told = (
            f"  {self.what}: {took:.2f} s; CPU a node {statistics.mean(own):.2f} s (most {max(own):.2f} s),"
            f" agents {statistics.mean(agents):.2f} s; PSS a node {statistics.mean(m[0] for m in memory):.0f} MiB"
            f" (most {max(m[0] for m in memory):.0f} MiB, largest process {max(m[1] for m in memory):.0f} MiB)"
        )
        if self._ports:
            count, size = (sum(n[at] - self._sent.get(key, (0, 0))[at] for key, n in sent.items()) for at in (0, 1))
            told += f"; {count} segments, {size / 1e6:.1f} MB between nodes"
        print(told, flush=True)
        return took, statistics.mean(own)


def ours(options: argparse.Namespace) -> tuple[float, float]:
    names = [f"node{number}" for number in range(1, options.nodes + 1)]
    with LocalCluster(names, keep=options.keep) as cluster:
        ports = {cluster.place(name).port for name in names}
        nodes = [Node(name, cluster.place(name).run, cluster.place(name).run / "rsctmp") for name in names]
        print(f"hashell, {options.nodes} nodes, {options.resources} resources, load {os.getloadavg()[0]:.1f}"
              + (f", {cluster.folder}" if options.keep else ""))
        began = time.perf_counter()
        cluster.start()
        cluster.wait_formed(PATIENCE_S)
        print(f"  one view of all after {time.perf_counter() - began:.2f} s")
        client = cluster.client(names[0], timeout_s=PATIENCE_S)
        client.wait_idle(PATIENCE_S)
        client.apply([Change("modify", OPTIONS.encode(), "crm_config")], command="benchmark")
        client.wait_idle(PATIENCE_S)
        print(f"  idle after {time.perf_counter() - began:.2f} s; PSS a node"
              f" {statistics.mean(node.pss_mib()[0] for node in nodes):.0f} MiB")
        step = Step("loaded until idle", nodes, ports)
        with progress(cluster, nodes, options.progress):
            client.apply(
                [Change("replace", configuration(options.resources, options.monitor).encode(), "")],
                command="benchmark",
            )
            settle(client, nodes, options.resources, options.limit)
        figures = step.end()
        if options.kill:
            client.close()
            dead = next(node for node in reversed(nodes) if node.running)
            print(f"  killing {dead.name} with {len(dead.running)} resources")
            alive = [node for node in nodes if node is not dead]
            left = cluster.client(alive[0].name, timeout_s=PATIENCE_S)
            step = Step("killed until all are up", alive, ports - {cluster.place(dead.name).port})
            with progress(cluster, alive, options.progress):
                cluster.kill(dead.name)
                for path in dead.rsctmp.glob("Dummy-*.state"):
                    path.unlink()
                settle(left, alive, options.resources, options.limit)
            step.end()
            left.close()
        return figures


@contextlib.contextmanager
def progress(cluster: LocalCluster, nodes: list[Node], every_s: float) -> Iterator[None]:
    """Lines about how far it is, from a thread of its own."""
    over = threading.Event()
    began = time.perf_counter()

    def tell() -> None:
        while not over.wait(every_s):
            words = [f"{time.perf_counter() - began:.0f} s", f"load {os.getloadavg()[0]:.1f}"]
            for name in dict.fromkeys((cluster.nodes[0], cluster.nodes[-1])):
                info = cluster.info(name) if cluster.alive(name) else None
                words.append(
                    f"{name}: silent" if info is None else
                    f"{name}: view {info.view} of {sum(one.state == 'member' for one in info.members)}, dc {info.dc},"
                    f" {info.controller_state}, transition {info.transition}"
                )
            with contextlib.suppress(HashellError), contextlib.closing(cluster.client(timeout_s=5.0)) as client:
                found = client._ask(GetTransition(), Transition)
                states = Counter(one.state for one in found.notices if one.phase == "action")
                words.append("actions " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
            words.append(f"{sum(len(node.running) for node in nodes)} up")
            print("    " + "; ".join(words), flush=True)

    if every_s <= 0:
        yield
        return
    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(every_s + 10)


def settle(client: object, nodes: list[Node], wanted: int, limit_s: float) -> None:
    """Until idle with all resources up once."""
    deadline = time.perf_counter() + limit_s
    while True:
        with contextlib.suppress(HashellError):
            client.wait_idle(max(1.0, deadline - time.perf_counter()))  # type: ignore[attr-defined]
            wrong = up_once(nodes, wanted)
            if not wrong:
                return
        if time.perf_counter() > deadline:
            sys.exit(f"not settled: {up_once(nodes, wanted)}")
        time.sleep(0.05)


def theirs(options: argparse.Namespace) -> tuple[float, float]:
    names = [f"node{number}" for number in range(1, options.nodes + 1)]
    with PeerCluster(names) as peer:
        print(f"Pacemaker, {options.nodes} nodes, {options.resources} resources, load {os.getloadavg()[0]:.1f}")
        peer.start()
        print(f"  whole after {peer.wait_whole():.2f} s")
        nodes = [Node(name, peer.run_folder(name), Path("/nonexistent")) for name in names]
        peer.run(names[0], "cibadmin", "--modify", "--allow-create", "--scope", "crm_config", "--xml-text", OPTIONS)
        peer.wait_idle(names[0], PATIENCE_S)
        step = Step("loaded until idle", nodes, set())
        peer.run(
            names[0], "cibadmin", "--replace", "--scope", "resources", "--xml-pipe",
            given=configuration(options.resources, options.monitor), timeout_s=PATIENCE_S,
        )
        while True:
            peer.wait_idle(names[0], PATIENCE_S)
            placed = [on for _, on in peer.view(names[0]).resources]
            if len(placed) == options.resources and all(len(on) == 1 for on in placed):
                break
            time.sleep(0.2)
        return step.end()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--resources", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--monitor", action="store_true", help="a monitor every ten seconds for each resource")
    parser.add_argument("--kill", action="store_true", help="kill a node afterwards")
    parser.add_argument("--keep", action="store_true", help="keep the folder with state and logs")
    parser.add_argument("--progress", type=float, default=0.0, metavar="S", help="seconds between two lines")
    parser.add_argument("--limit", type=float, default=PATIENCE_S, metavar="S", help="most seconds of one step")
    parser.add_argument("--peer", action="store_true", help="the same with a real Pacemaker")
    options = parser.parse_args()
    mine, peers = [], []
    for _ in range(options.rounds):
        mine.append(ours(options))
        if options.peer:
            peers.append(theirs(options))
    if peers:
        for place, what in enumerate(("time", "CPU a node")):
            here, there = (statistics.median(one[place] for one in found) for found in (mine, peers))
            print(f"{what}: {here:.2f} s, Pacemaker {there:.2f} s: 1/{there / here:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
