"""CIB writes on nodes with durable storage: one by one on a kept connection, and pipelined; how fast they spread.

    python tests/benchmarks/cib_writes.py [--nodes 3] [--writes 500] [--window 64]

Each write changes one property (16 of them in turn), is asked of node1, and counts when its answer has come: then a
majority has it on disk. Spread: from asking until the last of the other nodes has told a subscriber of it.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Iterator

from hashell import __version__
from hashell.lab.cluster import LocalCluster
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--writes", type=int, default=500)
    parser.add_argument("--window", type=int, default=64, help="writes under way when pipelined")
    options = parser.parse_args()
    names = [f"node{number}" for number in range(1, options.nodes + 1)]
    with LocalCluster(names) as cluster:
        cluster.start()
        cluster.wait_formed()
        client = cluster.client("node1")
        client.wait_idle(30)
        client.close()
        watchers = [Watcher(str(cluster.place(name).socket)) for name in names[1:]]
        for watcher in watchers:
            watcher.start()
        connection = Connection(str(cluster.place("node1").socket))
        print(f"{options.nodes} nodes, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        for what, window in (("one after the other", 1), (f"{options.window} under way", options.window)):
            took_s, done = write(connection, options.writes, window)
            answers = [(end - begin) * 1000 for begin, end, _ in done]
            time.sleep(1.0)
            spread = [
                (max(times) - begin) * 1000 for begin, _, version in done
                if (times := [at for watcher in watchers if (at := watcher.when(version)) is not None])
                and len(times) == len(watchers)
            ]
            print(
                f"{what}: {options.writes / took_s:.0f} a second; answer median {statistics.median(answers):.1f} ms,"
                f" p99 {percent(answers, 0.99):.1f} ms"
                + (f"; spread p50 {percent(spread, 0.5):.1f} ms, p99 {percent(spread, 0.99):.1f} ms" if spread else "")
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
