"""Time the scheduler on growing clusters, in process and as a command, side by side with crm_simulate.

    python tests/benchmarks/scheduler.py [--size 4x50] [--size 16x200] [--case start] [--runs 3] [--no-commands]

The clusters are made here: groups, plain resources, clones that run everywhere, promotable clones with a group that
follows the promoted instance, tied to one another by colocations, orders and locations. Cases: `start` (nothing was
probed yet), `steady` (all runs), `loss` (all ran, and the last node is gone).

In process is `decide` on a document that was parsed before; the commands are `hashell simulate -x FILE -R` and
`crm_simulate -x FILE -R`, whole processes, in turn (A B A B …). Figures are CPU seconds, the least of all runs, since
that is steadiest on a machine with other work; ratios are taken pair by pair, the median shown. An exponent is the
slope of log time over log (nodes * resources) between two sizes. Without crm_simulate its columns are left out.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lxml import etree

from hashell.cib.document import Cib
from hashell.simulate.run import decide, walk
from hashell.testing.clusters import DOWN, UP, clone, group, operation, primitive

NOW_S = 1_704_067_200
SIZES = ("4x50", "16x200", "32x1000")
CASES = ("start", "steady", "loss")
STEPS_MAX = 6


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


def in_process(cib: Cib, runs: int) -> float:
    """CPU seconds of one decision, the least of all runs."""
    took = []
    for _ in range(runs):
        begin = time.process_time()
        decide(cib, NOW_S)
        took.append(time.process_time() - begin)
    return min(took)


def command(words: list[str]) -> float:
    """CPU seconds of one whole process; its output is dropped. Exits when the command fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, timeout=900)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(path: Path, runs: int) -> tuple[float, float | None, float | None]:
    """CPU seconds of both commands, and how many times slower crm_simulate is (None where it is missing)."""
    ours = [sys.executable, "-m", "hashell", "simulate", "-x", str(path), "-R"]
    peer = shutil.which("crm_simulate")
    pairs = []
    for _ in range(runs):
        pairs.append((command(ours), command([peer, "-x", str(path), "-R"]) if peer else None))
    own = min(mine for mine, _ in pairs)
    other = [(mine, its) for mine, its in pairs if its is not None]
    if not other:
        return own, None, None
    return own, min(its for _, its in other), statistics.median(its / mine for mine, its in other)


def shown(value: float | None, width: int = 9, digits: int = 3) -> str:
    return f"{value:{width}.{digits}f}" if value is not None else "-".rjust(width)


def slope(small: tuple[int, float], large: tuple[int, float]) -> float:
    return math.log(large[1] / small[1]) / math.log(large[0] / small[0])


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", action="append", metavar="NODESxRESOURCES", help=f"default: {' '.join(SIZES)}")
    parser.add_argument("--case", action="append", choices=CASES, help="default: all")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-commands", action="store_true", help="in process alone")
    options = parser.parse_args(argv)
    os.environ["TZ"] = "UTC"
    print(f"{'case':8}{'size':>10}{'decide':>9}{'command':>9}{'C':>9}{'C/ours':>8}   exponents: decide, command, C")
    last: dict[str, tuple[int, tuple[float | None, ...]]] = {}
    with tempfile.TemporaryDirectory() as place:
        for size in options.size or SIZES:
            nodes, _, resources = size.partition("x")
            work = int(nodes) * int(resources)
            fresh = build(int(nodes), int(resources))
            calm = None
            for case in options.case or CASES:
                if case == "start":
                    cib = fresh
                else:
                    calm = calm or settle(fresh)
                    cib = calm if case == "steady" else lose_last(calm)
                path = Path(place, f"{size}-{case}.xml")
                path.write_bytes(etree.tostring(cib.root))
                figures: tuple[float | None, ...] = (in_process(cib, options.runs),)
                ratio: float | None = None
                if not options.no_commands:
                    own, peer, ratio = commands(path, options.runs)
                    figures = (*figures, own, peer)
                figures += (None,) * (3 - len(figures))
                slopes = ""
                if case in last:
                    before, old = last[case]
                    slopes = "   " + ", ".join(
                        f"{slope((before, one), (work, two)):.2f}" if one and two else "-"
                        for one, two in zip(old, figures, strict=True)
                    )
                last[case] = work, figures
                print(f"{case:8}{size:>10}{''.join(map(shown, figures))}{shown(ratio, 8, 1)}{slopes}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
