"""Time completion at every key: lines of both languages typed letter by letter at a cluster of 2,000 resources.

    python tests/benchmarks/completion.py [--resources 2000] [--rounds 3] [--loading] [--limit-ms 30]
    python tests/benchmarks/completion.py --terminal [--resources 2000] [--rounds 20]

For each key three times are taken: what the menu costs (completion), what the line costs (its colours and the toolbar's
words, which are made anew at every key), and both together, which is what stands between the key and the screen. A line
is typed afresh in every round, so nothing that was read for an earlier round is found again; with --loading another
thread reads the whole configuration again and again meanwhile, as when a cluster changes all the time. Ends with 1 when
the 99th percentile of both together is above the limit.

With --terminal the shell itself runs at a terminal of 80x24, and the time is taken from a key to its menu on the
screen; it holds the cost of reading the screen too. There is no limit for it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from hashell.cib.document import Cib
from hashell.shell.grammar.complete import complete
from hashell.shell.grammar.highlight import about, spans
from hashell.shell.grammar.line import read_line
from hashell.shell.grammar.snapshot import snapshot_of
from hashell.shell.grammar.sources import Sources, _warm
from hashell.testing.terminal import Terminal

#: What is typed, by the level where it is typed. `{n}` is the number of a resource, another one each time.
LINES: tuple[tuple[tuple[str, ...], str], ...] = (
    ((), "resource move vip-{n} node3"),
    ((), "resource maintenance group-{n} on"),
    ((), "resource locate db-{n}"),
    ((), "resource param web-{n} set ip 10.0.0.1"),
    ((), "node standby node7"),
    ((), "configure show related:web-{n}"),
    (("configure",), "primitive new-{n} ocf:heartbeat:IPaddr2 params ip=10.0.0.1 op monitor interval=10s timeout=20s"),
    (("configure",), "group g-{n} web-{n} vip-{n} db-{n} meta target-role=Stopped"),
    (("configure",), "location l-{n} web-{n} rule -inf: not_defined pingd or pingd lte 0"),
    (("configure",), "colocation c-{n} inf: web-{n}:Started vip-{n}"),
    (("configure",), "order o-{n} Mandatory: db-{n}:promote web-{n}:start"),
    (("configure",), "delete web-{n} vip-{n}"),
    (("configure",), "property no-quorum-policy=stop stonith-enabled=true"),
    ((), "pcs resource create new-{n} ocf:heartbeat:IPaddr2 ip=10.0.0.1 op monitor interval=10s --group group-{n}"),
    ((), "pcs resource move vip-{n} node5"),
    ((), "pcs constraint order start db-{n} then start web-{n}"),
    ((), "pcs constraint location web-{n} prefers node3=100"),
    ((), "pcs property set stonith-enabled=false"),
    # Letters that stand in many names, none of which begins with them: every name is compared with them.
    ((), "resource locate 1{n}"),
    (("configure",), "show -{n}"),
)


def configuration(resources: int, nodes: int = 16) -> bytes:
    """Groups of an address and a web server, a database and a file system beside each; a status that has them run."""
    parts, places, states = [], [], [[] for _ in range(nodes)]  # type: ignore[var-annotated]
    for number in range(resources // 4):
        parts.append(
            f'<group id="group-{number}"><primitive id="vip-{number}" class="ocf" provider="heartbeat" type="IPaddr2">'
            f'<instance_attributes id="vip-{number}-a"><nvpair id="vip-{number}-ip" name="ip" '
            f'value="10.1.{number % 250}.{number // 250}"/></instance_attributes><operations>'
            f'<op id="vip-{number}-m" name="monitor" interval="10s"/></operations></primitive>'
            f'<primitive id="web-{number}" class="ocf" provider="heartbeat" type="apache"/></group>'
            f'<primitive id="db-{number}" class="ocf" provider="heartbeat" type="pgsql"/>'
            f'<primitive id="fs-{number}" class="ocf" provider="heartbeat" type="Filesystem"/>'
        )
        places.append(
            f'<rsc_location id="place-{number}" rsc="group-{number}" node="node{number % nodes}" score="100"/>'
        )
        for name in ("vip", "web", "db", "fs"):
            states[number % nodes].append(
                f'<lrm_resource id="{name}-{number}"><lrm_rsc_op id="{name}-{number}_last_0" operation="start" '
                f'call-id="{number}" rc-code="0" op-status="0" interval="0"/></lrm_resource>'
            )
    members = "".join(f'<node id="{number}" uname="node{number}"/>' for number in range(nodes))
    status = "".join(
        f'<node_state id="{number}" uname="node{number}" in_ccm="true" crmd="online" join="member" expected="member">'
        f'<lrm id="{number}"><lrm_resources>{"".join(found)}</lrm_resources></lrm></node_state>'
        for number, found in enumerate(states)
    )
    return (
        '<cib epoch="1" num_updates="0" admin_epoch="0" validate-with="pacemaker-3.9"><configuration><crm_config/>'
        f"<nodes>{members}</nodes><resources>{''.join(parts)}</resources><constraints>{''.join(places)}</constraints>"
        f"</configuration><status>{status}</status></cib>"
    ).encode()

HEAD = f"{'ms a key':<12}{'keys':>7}{'median':>9}{'p90':>9}{'p99':>9}{'worst':>9}   at"


class Times:
    """What keys cost, in milliseconds, with the text that cost most."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.all: list[tuple[float, str]] = []

    def add(self, took_s: float, text: str) -> None:
        self.all.append((took_s * 1000, text))

    def at(self, share: float) -> float:
        """The percentile, nearest rank."""
        ordered = sorted(self.all)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))][0]

    def show(self) -> str:
        worst, text = max(self.all)
        figures = "".join(f"{one:9.2f}" for one in (self.at(0.5), self.at(0.9), self.at(0.99), worst))
        return f"{self.name:<12}{len(self.all):>7}{figures}   {text!r}"


def measure(
    cib: Cib, *, resources: int, rounds: int, seed: int = 1, lines: Sequence[tuple[tuple[str, ...], str]] = LINES
) -> tuple[Times, Times, Times]:
    """Type every line in every round; the times of the menu, of the line, and of both together."""
    sources = Sources(snapshot_of(cib))
    _warm()  # What the shell's loading thread does while its first prompt is drawn.
    sources._list_agents()
    for name in {one.agent for one in sources.snapshot.resources.values() if one.agent is not None}:
        sources._describe(name)
    chance = random.Random(seed)
    menu, line, key = Times("menu"), Times("line"), Times("both")
    for _ in range(rounds):
        read_line.cache_clear()
        for path, form in lines:
            text = form.replace("{n}", str(chance.randrange(resources // 4)))
            for end in range(1, len(text) + 1):
                typed = text[:end]
                begin = time.perf_counter()
                complete(typed, path, sources)
                between = time.perf_counter()
                spans(typed, path, sources, end)
                about(typed, end, path, sources)
                done = time.perf_counter()
                menu.add(between - begin, typed)
                line.add(done - between, typed)
                key.add(done - begin, typed)
    return menu, line, key


class Loading:
    """Another thread that reads the configuration as the shell's does, again and again."""

    def __init__(self, cib: Cib) -> None:
        self._sources = Sources()
        self._cib = cib
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Loading:
        # The shell sets it: a key must not wait for the thread that reads.
        from hashell.shell.app import SWITCH_S

        sys.setswitchinterval(SWITCH_S)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._ended.is_set():
            begin = time.monotonic()
            self._sources.snapshot = snapshot_of(self._cib)
            self._ended.wait(4 * (time.monotonic() - begin))


def at_a_terminal(cib: bytes, *, resources: int, rounds: int, seed: int = 1) -> Times:
    """From each digit of a resource's number to the menu that begins with it."""
    chance = random.Random(seed)
    times = Times("on screen")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cib.xml"
        path.write_bytes(cib)
        command = [sys.executable, "-m", "hashell", "--cib", str(path)]
        environment = {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder, "NO_COLOR": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        with Terminal(command, env=environment) as terminal:
            terminal.wait_for(lambda text: "# " in text or text.rstrip().endswith("runs here"))
            terminal.wait_for(f"{resources // 4 * 5} resources")
            for _ in range(rounds):
                # Three digits: that of the thousands and two more, so that a menu remains to be shown.
                digits = str(chance.randrange(100, resources // 4))
                terminal.send("resource locate vip-")
                terminal.wait_for(lambda text: "locate vip-" in text and text.count("vip-") > 2)
                for place in range(1, len(digits) + 1):
                    word = f"vip-{digits[:place]}"
                    begin = time.perf_counter()
                    terminal.send(digits[place - 1])
                    terminal.wait_for(lambda text, word=word: _menu_of(text, word))  # type: ignore[misc]
                    times.add(time.perf_counter() - begin, f"resource locate {word}")
                terminal.send("\x03")
                terminal.wait_for(lambda text: "locate" not in text)
    return times


def _menu_of(text: str, word: str) -> bool:
    """Whether the line ends with the word and all that is offered begins with it; one that is whole is not offered, but
    the toolbar tells what it is."""
    rows = text.splitlines()
    line = next((number for number, row in enumerate(rows) if row.endswith(f"locate {word}")), None)
    if line is None:
        return False
    offered = [row.split()[0] for row in rows[line + 1 : -2] if row.strip()]
    return all(one.startswith(word) for one in offered) and (bool(offered) or f"{word}: " in text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cib", type=Path, help="a file instead of a made configuration")
    parser.add_argument("--resources", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--loading", action="store_true", help="read the configuration beside the keyboard meanwhile")
    parser.add_argument("--terminal", action="store_true", help="the whole shell, from the key to the screen")
    parser.add_argument("--limit-ms", type=float, default=30.0, help="what the 99th percentile may be")
    options = parser.parse_args()
    if options.terminal:
        found_there = at_a_terminal(
            configuration(options.resources), resources=options.resources, rounds=options.rounds or 20
        )
        print(f"{HEAD}\n{found_there.show()}")
        return 0
    cib = Cib.parse(options.cib.read_bytes() if options.cib else configuration(options.resources))
    begin = time.perf_counter()
    known = snapshot_of(cib)
    took_ms = (time.perf_counter() - begin) * 1000
    named = f"{len(known.resources)} resources and groups, {len(known.nodes)} nodes"
    print(f"{named}; read beside the keyboard in {took_ms:.0f} ms")
    if options.loading:
        with Loading(cib):
            found = measure(cib, resources=options.resources, rounds=options.rounds or 3)
    else:
        found = measure(cib, resources=options.resources, rounds=options.rounds or 3)
    print(HEAD)
    for times in found:
        print(times.show())
    return 1 if found[-1].at(0.99) > options.limit_ms else 0


if __name__ == "__main__":
    sys.exit(main())
