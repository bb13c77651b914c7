"""Time the scheduler on growing clusters, in process and as a command, side by side with crm_simulate.

    python tests/benchmarks/scheduler.py [--size 4x50] [--case start] [--walk 16x200] [--corpus FOLDER]
        [--generator gen_cib.py] [--runs 3] [--limit 120] [--no-commands]

The clusters are made here: groups, plain resources, clones that run everywhere, promotable clones with a group that
follows the promoted instance, tied to one another by colocations, orders and locations; or by a program that
understands `--nodes N --resources N --scenario start|steady|node-loss` and prints a CIB (`--generator`). Cases: `start`
(nothing was probed yet), `steady` (all runs), `loss` (all ran, and the last node is gone). `--walk` adds a first start
that is also executed on paper and shown afterwards (`-S`). `--corpus` adds a folder of CIBs, each scheduled once in one
process (`crm_simulate --profile`).

First is `decide` in this process, on a document that was parsed before. After an event is what the daemon's scheduler
does: from the bytes of a version to its graph, when it has decided for another one before that had one node in another
state. The commands are `hashell simulate -x FILE -R` and
`crm_simulate -x FILE -R`, whole processes, in turn (A B A B …). Figures are CPU seconds, the least of all runs, since
that is steadiest on a machine with other work. A crm_simulate that needs more than `--limit` CPU seconds is ended, and
stands as ">120"; the ratio is then at least so much. An exponent is the slope of log time over log (nodes * resources)
between the first size and the last that was measured. Without crm_simulate its columns are empty. The tables are in
Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import math
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.successive import Successive
from hashell.simulate.main import main as simulate
from hashell.simulate.run import decide, walk
from hashell.state.garbage import look_seldom
from hashell.state.memory import Memory
from hashell.testing.clusters import DOWN, UP, clone, group, operation, primitive

NOW_S = 1_704_067_200
SIZES = ("4x50", "16x200", "32x1000", "64x2000")
CASES = ("start", "steady", "loss")
STEPS_MAX = 6
#: How a process ends that has used up its CPU seconds.
_ENDED = (-signal.SIGXCPU, -signal.SIGKILL)


def build(nodes: int, resources: int, seed: int = 1) -> Cib:
    """A cluster of so many nodes and primitives, on which nothing was ever looked for."""
    dice = random.Random(seed)
    parts, rules, tops = [], [], []
    bases = [f"base{n}" for n in range(max(1, resources // 100))]
    for name in bases:
        inside = primitive(f"{name}-one", operation(f"{name}-one", "monitor", "30s"))
        parts.append(clone(name, inside, interleave="true"))
    made = len(bases)
    while made < resources:
        name = f"app{len(tops)}"
        size = min(dice.randint(1, 4), resources - made)
        kind = dice.random()
        if kind < 0.15:
            inside = primitive(f"{name}-db", operation(f"{name}-db", "monitor", "20s", role="Promoted"), "Stateful")
            parts.append(clone(name, inside, promotable="true", clone_max="2"))
            size = 1
        elif size == 1:
            parts.append(primitive(name, operation(name, "monitor", "10s"), resource_stickiness="100"))
        else:
            members = [
                primitive(f"{name}-{n}", operation(f"{name}-{n}", "monitor", "10s"), resource_stickiness="100")
                for n in range(size)
            ]
            parts.append(group(name, *members))
        if kind >= 0.15 and dice.random() < 0.4:
            base = dice.choice(bases)
            rules.append(f'<rsc_colocation id="{name}-with" rsc="{name}" with-rsc="{base}" score="INFINITY"/>')
            rules.append(f'<rsc_order id="{name}-after" first="{base}" then="{name}"/>')
        elif tops and dice.random() < 0.2:
            rules.append(f'<rsc_colocation id="{name}-near" rsc="{name}" with-rsc="{tops[-1]}" score="50"/>')
        if dice.random() < 0.3:
            where, score = f"node{dice.randint(1, nodes)}", dice.choice(("200", "-INFINITY"))
            rules.append(f'<rsc_location id="{name}-at" rsc="{name}" node="{where}" score="{score}"/>')
        tops.append(name)
        made += size
    for left, right in itertools.pairwise(bases):
        rules.append(f'<rsc_colocation id="{right}-with" rsc="{right}" with-rsc="{left}" score="INFINITY"/>')
        rules.append(f'<rsc_order id="{right}-after" first="{left}" then="{right}"/>')
    members = "".join(f'<node id="{n}" uname="node{n}"/>' for n in range(1, nodes + 1))
    states = "".join(f'<node_state id="{n}" uname="node{n}" {UP}/>' for n in range(1, nodes + 1))
    fence = '<primitive id="fence" class="stonith" type="fence_dummy"/>'
    return Cib.parse((
        '<cib have-quorum="1" dc-uuid="1" validate-with="pacemaker-3.9" crm_feature_set="3.20.1" admin_epoch="0"'
        f' epoch="1" num_updates="0"><configuration><crm_config/><nodes>{members}</nodes><resources>{fence}'
        f'{"".join(parts)}</resources><constraints>{"".join(rules)}</constraints></configuration>'
        f"<status>{states}</status></cib>"
    ).encode())


def settle(cib: Cib) -> Cib:
    """The same cluster when it has come to rest."""
    for _ in range(STEPS_MAX):
        decision = decide(cib, NOW_S)
        if not decision.graph.synapses:
            break
        cib = walk(decision, clock_s=NOW_S - 1000).cib
    return cib


def lose_last(cib: Cib) -> Cib:
    """The same cluster, its last node gone without a word."""
    root = cib.copy_root()
    state = root.findall("status/node_state")[-1]
    for word in DOWN.split():
        name, _, value = word.partition("=")
        state.set(name, value.strip('"'))
    return Cib(root)


@dataclass(frozen=True, slots=True)
class Row:
    """CPU seconds; None where nothing was measured. `peer_least` says that the peer was ended at that moment."""

    size: str
    case: str
    inside: float
    event: float | None = None
    command: float | None = None
    peer: float | None = None
    peer_least: bool = False

    @property
    def work(self) -> int:
        nodes, _, resources = self.size.partition("x")
        return int(nodes) * int(resources)

    def line(self) -> str:
        peer = "" if self.peer is None else f"{'>' * self.peer_least}{_figure(self.peer)}"
        own = (self.inside, self.event, self.command)
        cells = [self.size, self.case, *map(_figure, own), peer, *map(self._ratio, own)]
        return f"| {' | '.join(cells)} |"

    def _ratio(self, own: float | None) -> str:
        if self.peer is None or not own:
            return ""
        return f"{'>' * self.peer_least}{self.peer / own:.1f}"


HEAD = (
    "| nodes x resources | case | first | after an event | command | crm_simulate"
    " | C / first | C / after an event | C / command |",
    "|---|---|--:|--:|--:|--:|--:|--:|--:|",
)


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def cpu(what: Callable[[], object]) -> float:
    """CPU seconds that a call takes in this process."""
    begin = time.process_time()
    what()
    return time.process_time() - begin


def command(words: list[str], limit_s: int) -> float | None:
    """CPU seconds of one whole process, its output dropped; None when it was ended at its limit. Exits if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["sh", "-c", f'ulimit -t {limit_s}; exec "$@"', "sh", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode in _ENDED:
        return None
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return took


class Following:
    """A scheduler that has decided for a version, and is asked about the next."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        cib = Cib.parse(self._data, path.name)
        cib.root.set("num_updates", "0")
        for state in cib.root.findall("status/node_state")[-1:]:
            state.set("in_ccm", "false" if state.get("in_ccm") == "true" else "true")
        self._before = etree.tostring(cib.root)
        # What is the same must have the same bytes, as it has when a daemon writes both.
        self._data = etree.tostring(Cib.parse(self._data, path.name).root)

    def next(self) -> float:
        """CPU seconds for the next."""
        versions, memory = Successive(), Memory()
        decide(versions.read(self._before), NOW_S, memory=memory)
        return cpu(lambda: decide(versions.read(self._data), NOW_S, memory=memory))


def measure(
    size: str, case: str, own: list[str], peer: list[str], inside: Callable[[], object], options: argparse.Namespace,
    following: Following | None = None,
) -> Row:
    """One row: hashell and its peer in turn."""
    found: list[tuple[float, float | None, float | None]] = []
    events: list[float] = []
    ended = False
    for _ in range(options.runs):
        mine = cpu(inside)
        if following is not None:
            events.append(following.next())
        other = its = None
        if not options.no_commands:
            other = command([sys.executable, "-m", "hashell", "simulate", *own], 10 * options.limit)
            if shutil.which("crm_simulate") and not ended:
                its = command(["crm_simulate", *peer], options.limit)
                ended = its is None
        found.append((mine, other, its))
    peers = [its for _, _, its in found if its is not None]
    commands = [other for _, other, _ in found if other is not None]
    return Row(
        size, case, min(mine for mine, _, _ in found), min(events, default=None), min(commands, default=None),
        options.limit if ended else min(peers, default=None), ended,
    )


def schedule_files(paths: list[Path]) -> None:
    """Schedule each CIB of a folder, parsing included."""
    for path in paths:
        decide(Cib.parse(path.read_bytes(), path.name), NOW_S)


def quietly(words: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        simulate(words)


def make(size: str, case: str, generator: str | None, folder: Path) -> Path:
    """The file of one cluster."""
    path = folder / f"{size}-{case}.xml"
    if path.exists():
        return path
    nodes, _, resources = size.partition("x")
    if generator is not None:
        scenario = {"loss": "node-loss"}.get(case, case)
        words = ["--nodes", nodes, "--resources", resources, "--scenario", scenario]
        path.write_bytes(subprocess.run([sys.executable, generator, *words], stdout=subprocess.PIPE, check=True).stdout)
        return path
    cib = build(int(nodes), int(resources))
    if case == "steady":
        cib = settle(cib)
    elif case == "loss":
        cib = lose_last(Cib.parse(make(size, "steady", None, folder).read_bytes()))
    path.write_bytes(etree.tostring(cib.root))
    return path


def slope(small: tuple[int, float], large: tuple[int, float]) -> float:
    return math.log(large[1] / small[1]) / math.log(large[0] / small[0])


def exponents(rows: list[Row]) -> list[str]:
    """How fast each column grows, from the first size to the last of which all was measured."""
    lines = ["| case | first | after an event | command | crm_simulate |", "|---|--:|--:|--:|--:|"]
    for case in CASES:
        cells = [case]
        for name in ("inside", "event", "command", "peer"):
            points = [
                (row.work, value) for row in rows
                if row.case == case and (value := getattr(row, name)) and not (name == "peer" and row.peer_least)
            ]
            cells.append(f"{slope(points[0], points[-1]):.2f}" if len(points) > 1 else "")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", action="append", metavar="NODESxRESOURCES", help=f"default: {' '.join(SIZES)}")
    parser.add_argument("--case", action="append", choices=CASES, help="default: all")
    parser.add_argument("--walk", action="append", metavar="NODESxRESOURCES", default=[], help="a start with -S")
    parser.add_argument("--corpus", metavar="FOLDER", help="of CIBs, each to be scheduled")
    parser.add_argument("--generator", metavar="PROGRAM", help="makes the clusters; default: made here")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--limit", type=int, default=120, metavar="SECONDS", help="of CPU, for crm_simulate")
    parser.add_argument("--no-commands", action="store_true", help="in process alone")
    options = parser.parse_args(argv)
    os.environ["TZ"] = "UTC"
    look_seldom()  # as the daemon's scheduler does
    rows: list[Row] = []

    def show(row: Row) -> None:
        rows.append(row)
        print(row.line(), flush=True)

    print("\n".join(HEAD), flush=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for size in options.size or SIZES:
            for case in options.case or CASES:
                path = make(size, case, options.generator, folder)
                cib = Cib.parse(path.read_bytes(), path.name)
                words = ["-x", str(path), "-R"]
                show(measure(
                    size, case, words, words, lambda cib=cib: decide(cib, NOW_S), options, Following(path),
                ))
        for size in options.walk:
            words = ["-x", str(make(size, "start", options.generator, folder)), "-S"]
            show(measure(size, "start -S", words, words, lambda words=words: quietly(words), options))
        if options.corpus:
            files = sorted(Path(options.corpus).glob("*.xml"))
            words = ["--profile", options.corpus]
            show(measure(f"{len(files)} files", "corpus", words, words, lambda: schedule_files(files), options))
    print("\n" + "\n".join(exponents(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
