"""CIB writes on nodes with durable storage: one by one on a kept connection, and pipelined; how fast they spread.

    python tests/benchmarks/cib_writes.py [--nodes 3] [--writes 500] [--window 64] [--rounds 2] [--peer]

Each write changes one property (16 of them in turn), is asked of node1, and counts when its answer has come: then a
majority has it on disk. Spread: from asking until the last of the other nodes has told a subscriber of it. CPU: what
all nodes, with their children, and who asks and watches spend on one write; it tells more than the times do when the
machine has other work. `--peer` (root, Debian's pacemaker and corosync): a real Pacemaker of as many nodes on the same
machine, asked through its own library on one kept connection (peer_cib.py), in turn with ours.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from hashell import __version__
from hashell.lab import processes
from hashell.lab.cluster import LocalCluster
from hashell.lab.peer import PeerCluster
from hashell.wire import codec, messages
from hashell.wire.messages import Change, ToClient, ToDaemon


class Connection:
    """One kept connection, without a client's bookkeeping."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.reader = codec.FrameReader(ToClient, first_max=codec.FRAME_MAX)
        self.send(1, messages.Hello(messages.PROTOCOL, "benchmark", __version__))
        next(self.frames())

    def send(self, number: int, body: messages.Message) -> None:
        self.socket.sendall(codec.encode(ToDaemon(number, body)))

    def frames(self) -> Iterator[ToClient]:
        while True:
            data = self.socket.recv(1 << 20)
            if not data:
                return
            yield from self.reader.feed(data)


def change(number: int) -> messages.ApplyChanges:
    xml = (
        f'<cluster_property_set id="bench"><nvpair id="bench-{number % 16}" name="bench-{number % 16}"'
        f' value="{number}"/></cluster_property_set>'
    )
    return messages.ApplyChanges((Change("modify", xml.encode(), "crm_config"),), "benchmark")


class Watcher(threading.Thread):
    """Notes when a node tells of each version."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self.connection = Connection(path)
        self.seen: list[tuple[tuple[int, ...], float]] = []
        self.connection.send(2, messages.Subscribe())

    def run(self) -> None:
        for frame in self.connection.frames():
            if isinstance(frame.body, messages.CibNotice):
                version = tuple(int(part) for part in frame.body.version.split("."))
                self.seen.append((version, time.perf_counter()))

    def when(self, version: str) -> float | None:
        """A later version tells of this one too."""
        wanted = tuple(int(part) for part in version.split("."))
        return next((at for seen, at in self.seen if seen >= wanted), None)


def write(connection: Connection, count: int, window: int) -> tuple[float, list[tuple[float, float, str]]]:
    """Seconds for all, and of each when it was asked, answered, and its version."""
    asked: dict[int, float] = {}
    done: list[tuple[float, float, str]] = []
    frames = connection.frames()
    begin, number = time.perf_counter(), 10
    while len(done) < count:
        while len(asked) < window and number < 10 + count:
            asked[number] = time.perf_counter()
            connection.send(number, change(number))
            number += 1
        frame = next(frames)
        if frame.number in asked:
            assert isinstance(frame.body, messages.Applied), frame.body
            done.append((asked.pop(frame.number), time.perf_counter(), frame.body.version))
    return time.perf_counter() - begin, done


def percent(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def prefer(pid: int) -> None:
    """Give the session of a process the share of the processor that hashelld asks for its own, where the kernel shares
    it out by sessions (sched(7))."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("-10", encoding="ascii")


class Figures:
    """What came of the rounds of one way to write."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rates: list[float] = []
        self.answers: list[float] = []
        self.spread: list[float] = []
        self.cpu: list[tuple[float, ...]] = []

    def add(self, rate: float, answers: list[float], spread: list[float], cpu_ms: tuple[float, ...] = ()) -> None:
        """`cpu_ms`: of one write, of each node and at last of who asks and watches."""
        self.rates.append(rate)
        self.answers += answers
        self.spread += spread
        if cpu_ms:
            self.cpu.append(cpu_ms)

    def __str__(self) -> str:
        told = f"{self.name}: {statistics.median(self.rates):.0f} a second"
        if self.answers:
            told += f"; answer p50 {percent(self.answers, 0.5):.1f} ms, p99 {percent(self.answers, 0.99):.1f} ms"
        if self.spread:
            told += f"; spread p50 {percent(self.spread, 0.5):.1f} ms, p99 {percent(self.spread, 0.99):.1f} ms"
        if self.cpu:
            parts = [statistics.median(part) for part in zip(*self.cpu, strict=True)]
            told += f"; CPU {sum(parts):.2f} ms ({', '.join(f'{part:.2f}' for part in parts)})"
        return told


def cpu_s(cluster: LocalCluster) -> tuple[float, ...]:
    """Seconds of processor that each node has taken so far, and this process."""
    spent = []
    for name in cluster.nodes:
        daemon = psutil.Process(cluster.pid(name))
        spent.append(sum(sum(one.cpu_times()[:2]) for one in (daemon, *daemon.children(recursive=True))))
    return (*spent, time.process_time())


def ours(cluster: LocalCluster, watchers: list[Watcher], writes: int, window: int, figures: Figures) -> None:
    connection = Connection(str(cluster.place("node1").socket))
    before = cpu_s(cluster)
    took_s, done = write(connection, writes, window)
    cpu_ms = tuple((after - begun) * 1000 / writes for begun, after in zip(before, cpu_s(cluster), strict=True))
    connection.socket.close()
    time.sleep(1.0)
    spread = [
        (max(times) - begin) * 1000 for begin, _, version in done
        if (times := [at for watcher in watchers if (at := watcher.when(version)) is not None])
        and len(times) == len(watchers)
    ]
    figures.add(writes / took_s, [(end - begin) * 1000 for begin, end, _ in done], spread, cpu_ms)
    for watcher in watchers:
        watcher.seen.clear()


def theirs(peer: PeerCluster, writes: int, window: int, figures: Figures) -> None:
    program = ("/usr/bin/python3", str(Path(__file__).with_name("peer_cib.py")))
    watchers = [
        subprocess.Popen(
            peer.command(node, *program, "watch", str(3 + writes / 15)), stdout=subprocess.PIPE, text=True
        )
        for node in list(peer.nodes)[1:] if window == 1
    ]
    for watcher in watchers:
        assert watcher.stdout is not None and watcher.stdout.readline().strip() == "ready"
    lines = peer.run(peer.nodes[0], *program, "write", str(writes), str(window), timeout_s=600).splitlines()
    times = [tuple(float(part) for part in line.split()) for line in lines]
    seen = [[float(line) for line in watcher.communicate()[0].split()] for watcher in watchers]
    spread = []
    if seen and all(len(one) == writes for one in seen):
        spread = [max(told) - begin for (begin, _), told in zip(times, zip(*seen, strict=True), strict=True)]
    answers = [end - begin for begin, end in times] if window == 1 else []
    figures.add(writes * 1000 / (times[-1][1] - times[0][0]), answers, spread)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--writes", type=int, default=500)
    parser.add_argument("--window", type=int, default=64, help="writes under way when pipelined")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peer", action="store_true", help="the same of a real Pacemaker, in turn")
    options = parser.parse_args()
    names = [f"node{number}" for number in range(1, options.nodes + 1)]
    with contextlib.suppress(OSError):
        # What asks and what watches, and the peer's daemons, as hashelld asks for itself.
        os.setpriority(os.PRIO_PROCESS, 0, -10)
        prefer(os.getpid())
    ways = (("one after the other", 1), ("8 under way", 8), (f"{options.window} under way", options.window))
    figures = {window: Figures(name) for name, window in ways}
    peers = {window: Figures(f"Pacemaker, {name}") for name, window in ways}
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(PeerCluster(names)) if options.peer else None
        if peer:
            peer.start()
            peer.wait_whole()
            for pid in processes.belonging(peer.folder):
                prefer(pid)
        cluster = stack.enter_context(LocalCluster(names))
        cluster.start()
        cluster.wait_formed()
        client = cluster.client("node1")
        client.wait_idle(30)
        client.close()
        watchers = [Watcher(str(cluster.place(name).socket)) for name in names[1:]]
        for watcher in watchers:
            watcher.start()
        print(f"{options.nodes} nodes, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        for _ in range(options.rounds):
            for _, window in ways:
                ours(cluster, watchers, options.writes, window, figures[window])
                if peer:
                    theirs(peer, max(100, options.writes // 5), window, peers[window])
    for _, window in ways:
        print(figures[window])
        if peer:
            print(peers[window])
    if peer:
        best = max(statistics.median(one.rates) for one in peers.values())
        for _, window in ways:
            ratio = statistics.median(figures[window].rates) / best
            print(f"{figures[window].name}: {ratio:.1f} times the peer's best of a kept connection")
    return 0


if __name__ == "__main__":
    sys.exit(main())
