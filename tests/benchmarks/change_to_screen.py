"""Time from a committed change of the CIB to the monitor's screen, on a real cluster and a real terminal.

    python tests/benchmarks/change_to_screen.py [--changes 40]

Three nodes start on localhost; a standby attribute is set and taken back by a client of one node, and a monitor
attached to another node is watched until its screen shows it. Counted from the client's call: the commit is in it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from hashell.lab.stage import LoopbackStage
from hashell.testing.terminal import Terminal
from hashell.wire.messages import Change


def standby(value: str) -> Change:
    xml = (
        '<node id="3" uname="node3"><instance_attributes id="nodes-3">'
        f'<nvpair id="nodes-3-standby" name="standby" value="{value}"/></instance_attributes></node>'
    )
    return Change("modify", xml.encode(), "nodes")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--changes", type=int, default=40)
    count = parser.parse_args().changes
    took: list[float] = []
    with LoopbackStage() as stage:
        stage.build()
        client = stage.cluster.client("node1")
        command = [sys.executable, "-m", "hashell", "monitor", "--attach", str(stage.cluster.place("node2").socket)]
        begin = time.perf_counter()
        with Terminal(command) as monitor:
            monitor.wait_for("node3 online")
            first = time.perf_counter() - begin
            for number in range(count):
                value, shown = (("on", "node3 standby"), ("off", "node3 online"))[number % 2]
                begin = time.perf_counter()
                client.apply([standby(value)])
                monitor.wait_for(shown)
                took.append((time.perf_counter() - begin) * 1000)
                client.wait_idle(20)
        client.close()
    took.sort()
    print(f"first status on the screen {first * 1000:.0f} ms after the start of the monitor")
    print(
        f"{count} changes: median {statistics.median(took):.0f} ms, p99 {took[int(len(took) * 0.99) - 1]:.0f} ms, "
        f"worst {took[-1]:.0f} ms"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
