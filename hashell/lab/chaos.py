"""`hashell chaos`: faults by chance from a seed against a cluster on this machine, and an audit after each.

    hashell chaos --seed 7 --faults 20
    hashell chaos --live --list            (live.py: fault by fault, with a table of outages)
    hashell chaos --seeds 1-100            (the daemon's own room: whole clusters in one process, on simulated time)

A run is a story (scenario.py) that a seed makes up: each fault is done, the service must be there on exactly one node,
the fault is healed, and the nodes must agree again on view, coordinator and CIB. At most one node is away at a time, so
a majority is always there. The same seed makes the same story.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NoReturn

from hashell.errors import BadUsage, HashellError
from hashell.lab import scenario
from hashell.lab.scenario import Step, Story
from hashell.lab.stage import LoopbackStage
from hashell.lab.timeline import Moment, Timeline

#: What may be done to a node, with what takes it back (empty: the cluster itself does).
FAULTS: tuple[tuple[str, str], ...] = (
    ("kill-service", ""), ("kill-node", "start-node"), ("freeze-node", "start-node"), ("kill-daemon", "start-node"),
    ("stop-node", "start-node"), ("standby", "online"),
)
#: Faults in one run.
FAULTS_MAX = 10_000
#: Seconds for the service to be there again, and for all nodes to agree.
SERVICE_S, AGREE_S = 60.0, 60.0


def make_up(seed: int, faults: int, nodes: Sequence[str]) -> Story:
    """The story of a seed. Pure: the same arguments give the same story."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    steps: list[Step] = []
    for number in range(1, faults + 1):
        verb, healing = chance.choice(FAULTS)
        # Without the service there is nothing to kill on another node than the one that serves.
        node = "" if verb == "kill-service" else chance.choice(nodes)
        steps += _fault(number, verb, healing, node)
    return Story(f"chaos-{seed}", f"{faults} faults by chance, seed {seed}", "", tuple(steps))


def _fault(number: int, verb: str, healing: str, node: str) -> Iterator[Step]:
    yield Step(say=f"{number}: {verb} {node}".rstrip(), do=verb, node=node or "serving")
    yield Step(must="answers", within_s=SERVICE_S, for_s=0.3)
    if verb in ("kill-node", "freeze-node", "kill-daemon", "stop-node"):
        yield Step(must="gone", node=node)
    if verb in ("kill-node", "freeze-node", "kill-daemon"):
        # Fencing must be over before the node is started again, or it would end the new life too.
        yield Step(must="idle", within_s=AGREE_S, for_s=0.7)
        yield Step(must="off", node=node, within_s=SERVICE_S)
    if healing:
        yield Step(say=f"{number}: {healing} {node}", do=healing, node=node)
    if healing == "start-node":
        yield Step(must="member", node=node, within_s=AGREE_S)
    yield Step(must="idle", within_s=AGREE_S)
    yield Step(must="answers", within_s=SERVICE_S, for_s=0.3)
    yield Step(must="agree", within_s=AGREE_S)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadUsage(f"hashell chaos: {message}", "see hashell chaos --help")


def parser() -> argparse.ArgumentParser:
    """The command line of `hashell chaos`."""
    made = _Parser(
        prog="hashell chaos", description="Faults by chance, audited.", allow_abbrev=False,
        epilog="--seeds A-B: many lives of simulated clusters instead; --live: fault by fault, with a table of outages;"
        " each has a --help of its own",
    )
    made.add_argument("--nodes", type=int, default=3, metavar="N", help="3 to 8 nodes (default 3)")
    made.add_argument("--faults", type=int, default=10, metavar="N", help="how many faults (default 10)")
    made.add_argument("--seed", type=int, metavar="S", help="makes the run repeatable (default: by the clock)")
    made.add_argument("--json", action="store_true", help="one JSON document on standard output")
    made.add_argument("--keep", action="store_true", help="leave the nodes' folders, with their logs")
    return made


def main(argv: Sequence[str]) -> int:
    """The command; 0 when every audit held."""
    if "--live" in argv:
        from hashell.lab.live import main as live

        return live([word for word in argv if word != "--live"])
    try:
        options = parser().parse_args(argv)
        if not 3 <= options.nodes <= 8 or not 1 <= options.faults <= FAULTS_MAX:
            raise BadUsage(f"3 to 8 nodes and 1 to {FAULTS_MAX} faults", "two nodes have no majority to spare")
        seed = options.seed if options.seed is not None else int(time.time()) % 1_000_000
        return _run(options, seed)
    except HashellError as error:
        print(f"hashell chaos: {error}", file=sys.stderr)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0


def _run(options: argparse.Namespace, seed: int) -> int:
    timeline = Timeline()

    def show(moment: Moment) -> None:
        out = sys.stderr if options.json else sys.stdout
        print(f"{moment.at_s - timeline.began_s:8.3f}  {moment.text}", file=out, flush=True)

    timeline.show = show
    with LoopbackStage(options.nodes, keep=options.keep, timeline=timeline) as stage:
        stage.build()
        story = make_up(seed, options.faults, stage.cluster.nodes)
        timeline.add("story", f"{story.title} (again: hashell chaos --seed {seed} --faults {options.faults})")
        outcome = scenario.tell(story, stage, lambda text: timeline.add("step", text))
        problem = outcome.problem
        if not problem and stage.probe.doubles:
            problem = f"two owners: {stage.probe.doubles[0]}"
        gaps = sorted(gap.seconds for gap in stage.probe.gaps)
        longest = f"{gaps[-1]:.2f} s, middle {gaps[len(gaps) // 2]:.2f} s" if gaps else "none"
        timeline.add("problem" if problem else "story", problem or f"all held; {len(gaps)} outages, longest {longest}")
        if options.json:
            print(json.dumps({
                "good": not problem, "problem": problem, "seed": seed, "faults": options.faults,
                "outages_s": [round(seconds, 3) for seconds in gaps], "two_owners": list(stage.probe.doubles),
                "seconds": round(outcome.ended_s - outcome.began_s, 3),
            }))
        if problem:
            for node in stage.cluster.nodes:
                print(f"--- {node}\n{stage.cluster.log_tail(node)}", file=sys.stderr)
    return 1 if problem else 0
