"""Ordered messages of the engines, side by side on one machine: how many a second, and how long one takes.

    python tests/benchmarks/engine_messages.py [--nodes 3] [--seconds 5] [--size 100] [--rounds 3] [--engines mesh]

Each node is a process with a real engine and its real edges, nothing else of hashelld, on a machine of its own in
namespaces (root); for corosync with a real corosync. First latency: the last two nodes (neither gives places in mesh)
answer one another, one message at a time; half of a round trip counts. Then throughput: with a window of messages under
way each node answers each message of the one before it; what the slowest node heard counts. Engines take turns, round
by round, as the machine's speed drifts. What all heard is compared: one order, nothing lost, nothing twice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

#: Messages of each node under way at once.
WINDOW = 100
FORM_S = 60.0


# --- one node -------------------------------------------------------------------------------


class Load:
    """A component in the place of all others: answers messages of one node, counts what it hears of all."""

    name = "load"

    def __init__(self, node: str, nodes: int, size: int) -> None:
        self.node, self.nodes = node, nodes
        self.payload = bytes(size)
        self.formed = asyncio.Event()
        self.answers_to = ""
        self.alone = False
        self.count = self.heard = 0
        self.said_s = 0.0
        self.times: list[float] = []
        self.digest = hashlib.sha256()
        self.ended: set[str] = set()
        self.all_ended = asyncio.Event()

    def receive(self, event: Any, now_ms: int, wall_s: float) -> list[Any]:
        from hashelld.core.effects import Multicast
        from hashelld.core.events import MembersChanged, MessageOrdered

        if isinstance(event, MembersChanged) and len(event.view.members) == self.nodes:
            self.formed.set()
        if not isinstance(event, MessageOrdered):
            return []
        if event.topic == "load.end":
            self.ended.add(event.origin)
            if len(self.ended) == self.nodes:
                self.all_ended.set()
            return []
        self.count += 1
        self.heard += 1
        self.digest.update(b"%d %s %d;" % (event.sequence, event.origin.encode(), len(event.payload)))
        if event.origin != self.answers_to:
            return []
        if self.alone:
            now_s = time.perf_counter()
            self.times.append((now_s - self.said_s) / 2)
            self.said_s = now_s
        return [Multicast("load.word", self.payload)]


async def node(arguments: argparse.Namespace) -> None:
    """Hears lines on standard input: `answer NODE` (`begin` with how many messages), `stop`, `end`."""
    import structlog

    from hashell.cib.document import Cib, parse_xml
    from hashelld.__main__ import NICE
    from hashelld.core.dispatch import Dispatcher, MulticastWanted
    from hashelld.core.driver import Driver
    from hashelld.core.effects import StoreValue
    from hashelld.core.events import MembersChanged, Started
    from hashelld.node import make_engine
    from hashelld.settings import from_command_line
    from hashelld.storage.files import make_folder
    from hashelld.storage.restore import restore

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)

    class Forget:
        """Values are not kept: no disk in what is measured."""

        def __init__(self) -> None:
            self.performs = {StoreValue: lambda name, effect: None}

        async def start(self, feed: Any) -> None:
            pass

        async def stop(self) -> None:
            pass

    settings = from_command_line(arguments.words)
    make_folder(settings.run_dir, 0o755)
    restored, _, _ = restore(settings.state_dir, settings.node)
    engine, edges = make_engine(settings, restored)
    load = Load(settings.node, arguments.nodes, arguments.size)
    driver = Driver(
        Dispatcher([engine, load], {MembersChanged: ("load",), Started: ("engine",)}), [Forget(), *edges]
    )
    cib = Cib(parse_xml(b'<cib validate-with="pacemaker-3.9"><configuration/><status/></cib>', "empty"))
    running = asyncio.create_task(driver.run([Started(settings.node, settings.cluster, cib)]))
    await load.formed.wait()
    print("formed", flush=True)
    loop = asyncio.get_running_loop()
    while word := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        words = word.split()
        if words[0] == "answer":
            load.answers_to = words[1]
            load.heard, began_s = 0, time.perf_counter()
        elif words[0] == "begin":
            load.alone = words[1] == "1"
            load.said_s = time.perf_counter()
            for _ in range(int(words[1])):
                driver.feed("engine", MulticastWanted("load.word", load.payload))
        elif words[0] == "stop":
            said = {"heard": load.heard, "seconds": time.perf_counter() - began_s, "times": load.times}
            load.answers_to, load.alone, load.times = "", False, []
            print(json.dumps(said), flush=True)
        else:
            break
    driver.feed("engine", MulticastWanted("load.end", b""))
    await load.all_ended.wait()
    cpu = os.times()
    print(json.dumps({
        "count": load.count, "digest": load.digest.hexdigest(), "cpu_s": cpu.user + cpu.system,
    }), flush=True)
    await asyncio.sleep(1.0)
    running.cancel()


# --- all of them ----------------------------------------------------------------------------


def measure(engine: str, options: argparse.Namespace) -> dict[str, float]:
    """One round of one engine. Raises SystemExit when what the nodes heard differs."""
    from hashell.lab.corosync import CorosyncCluster

    names = tuple(f"node{number}" for number in range(1, options.nodes + 1))
    with tempfile.TemporaryDirectory() as folder, CorosyncCluster(names, folder=Path(folder), engine=engine) as lab:
        if engine == "corosync":
            for name in names:
                lab.start_corosync(name)
            for name in names:
                lab.wait_corosync(name)
        nodes = []
        for name in names:
            words = lab.command(name)[3:]
            nodes.append(subprocess.Popen(
                [*lab.prefix(name), sys.executable, __file__, "--nodes", str(options.nodes), "--size",
                 str(options.size), "--as-node", *words],
                env=lab.environment(name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            ))

        def tell(one: subprocess.Popen[str], word: str) -> None:
            assert one.stdin is not None
            one.stdin.write(word + "\n")
            one.stdin.flush()

        def hear(one: subprocess.Popen[str]) -> str:
            assert one.stdout is not None
            line = one.stdout.readline().strip()
            if not line:
                raise SystemExit(f"a node of {engine} ended: {one.wait()}")
            return line

        for one in nodes:
            assert hear(one) == "formed"
        time.sleep(1.0)
        tell(nodes[-1], f"answer {names[-2]}")
        tell(nodes[-2], f"answer {names[-1]}")
        tell(nodes[-1], "begin 1")
        time.sleep(options.seconds)
        for one in nodes[-2:]:
            tell(one, "stop")
        times = sorted([json.loads(hear(one)) for one in nodes[-2:]][1]["times"])
        for number, one in enumerate(nodes):
            tell(one, f"answer {names[number - 1]}")
        for one in nodes:
            tell(one, f"begin {WINDOW}")
        time.sleep(options.seconds)
        for one in nodes:
            tell(one, "stop")
        many = [json.loads(hear(one)) for one in nodes]
        for one in nodes:
            tell(one, "end")
        ends = [json.loads(hear(one)) for one in nodes]
        for one in nodes:
            one.wait(20)
            for pipe in (one.stdin, one.stdout):
                assert pipe is not None
                pipe.close()
        if len({(end["count"], end["digest"]) for end in ends}) != 1:
            raise SystemExit(f"{engine}: the nodes heard different things: {ends}")
        return {
            "p50": 1000 * statistics.median(times), "p99": 1000 * times[int(len(times) * 0.99)],
            "rate": min(one["heard"] / one["seconds"] for one in many),
            "cpu": statistics.mean(end["cpu_s"] for end in ends),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", default="mesh,corosync")
    parser.add_argument("--as-node", dest="words", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.words is not None:
        asyncio.run(node(options))
        return 0
    from hashell.lab.namespaces import NoNamespaces

    found: dict[str, list[dict[str, float]]] = {}
    for number in range(options.rounds):
        for engine in options.engines.split(","):
            try:
                one = measure(engine, options)
            except NoNamespaces as error:
                print(f"not possible here: {error}", file=sys.stderr)
                return 1
            found.setdefault(engine, []).append(one)
            print(
                f"round {number + 1} {engine:8} one at a time: p50 {one['p50']:6.2f} ms, p99 {one['p99']:6.2f} ms;"
                f" all nodes at once: {one['rate']:7.0f} messages/s of {options.size} bytes,"
                f" CPU of a node {one['cpu']:.1f} s", flush=True,
            )
    for engine, rounds in found.items():
        middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        print(
            f"{engine}: {options.nodes} nodes, median of {len(rounds)}: p50 {middle['p50']:.2f} ms,"
            f" p99 {middle['p99']:.2f} ms, {middle['rate']:.0f} ordered messages/s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
