"""Run: many lives, by some processes; a rate, and for each that broke a promise the command that shows it again.

`hashell chaos --seeds 1-200 --nodes 3,5,7` runs seeds; one alone prints its log.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hashelld.simulation.life import Outcome, live
from hashelld.simulation.shrink import shrink

Task = tuple[int, int]
#: Seconds between two lines that show how far we are.
SHOWN_S = 60.0


@dataclass(slots=True)
class Totals:
    """Sums over many lives."""

    begun_s: float = field(default_factory=time.monotonic)
    shown_s: float = field(default_factory=time.monotonic)
    lives: int = 0
    events: int = 0
    acknowledged: int = 0
    views: int = 0
    services: int = 0
    fenced: int = 0
    slowest_rest_ms: float = 0.0
    slowest_seed: int = 0

    def add(self, outcome: Outcome) -> None:
        self.lives += 1
        self.events += outcome.events
        self.acknowledged += outcome.acknowledged
        self.views += outcome.views
        self.services += outcome.services
        self.fenced += outcome.fenced
        if outcome.rest_ms > self.slowest_rest_ms:
            self.slowest_rest_ms, self.slowest_seed = outcome.rest_ms, outcome.seed

    def is_due(self) -> bool:
        """Whether it is time to show how far we are."""
        now_s = time.monotonic()
        if now_s - self.shown_s < SHOWN_S:
            return False
        self.shown_s = now_s
        return True

    def __str__(self) -> str:
        took_s = time.monotonic() - self.begun_s
        return (
            f"{self.lives} lives in {took_s:.0f} s, {self.lives / max(took_s, 0.001) * 60:.0f} a minute:"
            f" {self.events} events, {self.views} views, {self.acknowledged} writes acknowledged,"
            f" {self.services} starts of services, {self.fenced} fencings;"
            f" slowest rest after {self.slowest_rest_ms / 1000:.1f} s (seed {self.slowest_seed})"
        )


def tasks(first: int, last: int, nodes: Sequence[int]) -> Iterator[Task]:
    """Seeds, each with a number of nodes in turn."""
    for seed in range(first, last + 1):
        yield seed, nodes[seed % len(nodes)]


def _one(task: Task) -> Outcome:
    """What a life leaves behind is collected before the next, which then finds its memory still in the caches; what was
    there before them is not looked at again."""
    if gc.isenabled():
        gc.collect()
        gc.freeze()
        gc.disable()
    outcome = live(*task)
    gc.collect()
    return outcome


def outcomes(todo: Sequence[Task], processes: int) -> Iterator[Outcome]:
    """The lives' outcomes as they come."""
    if processes <= 1:
        yield from map(_one, todo)
        return
    with multiprocessing.get_context("fork").Pool(processes, maxtasksperchild=500) as pool:
        yield from pool.imap_unordered(_one, todo, chunksize=4)


def again(outcome: Outcome, only: Sequence[int] | None = None) -> str:
    """The command that shows a life again."""
    part = "" if only is None else " --only " + ",".join(map(str, only))
    return f"hashell chaos --seeds {outcome.seed} --nodes {outcome.nodes}{part}"


def parser() -> argparse.ArgumentParser:
    """The options of `hashell chaos --seeds`."""
    made = argparse.ArgumentParser(
        prog="hashell chaos", description="Whole clusters on simulated time, network, disks and machines, with faults"
        " by chance and checkers at every step. The exit code is 1 when a promise was broken.",
    )
    made.add_argument("--seeds", default="1-100", metavar="A-B", help="seeds, or one seed: then its log is printed")
    made.add_argument("--nodes", default="3,5,7", metavar="N,N", help="numbers of nodes, in turn (default 3,5,7)")
    made.add_argument("--only", metavar="I,J", help="with one seed: only these of its faults")
    made.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    made.add_argument("--keep-going", action="store_true", help="do not end at the first broken promise")
    made.add_argument("--quiet", action="store_true", help="no log for one seed")
    return made


def main(argv: Sequence[str]) -> int:
    """The exit code is 1 when any life broke a promise."""
    options = parser().parse_args(argv)
    first, _, last = options.seeds.partition("-")
    counts = options.nodes.split(",")
    if not all(word.isdigit() for word in (first, last or first, *counts)) or not all(0 < int(n) <= 64 for n in counts):
        print("hashell chaos: --seeds is A or A-B, --nodes numbers from 1 to 64, as in 3,5", file=sys.stderr)
        return 64
    nodes = [int(count) for count in counts]
    todo = list(tasks(int(first), int(last or first), nodes))
    if len(todo) == 1:
        only = None if options.only is None else [int(number) for number in options.only.split(",") if number]
        return _show(live(*todo[0], only=only, keep_log=not options.quiet))
    totals, bad = Totals(), 0
    for outcome in outcomes(todo, options.jobs):
        totals.add(outcome)
        if totals.lives % 100 == 0 or totals.is_due():
            print(f"… {totals}", flush=True)
        if outcome.error:
            bad += 1
            print(f"{outcome.error}\n    again: {again(outcome)}", flush=True)
            if not options.keep_going:
                _shortest(outcome)
                break
    print(totals)
    print(f"{bad} broken" if bad else "no promise was broken")
    return 1 if bad else 0


def _shortest(outcome: Outcome) -> None:
    only, error = shrink(outcome)
    print(f"    shortest: {again(outcome, only)}\n    {error}")
    for fault in outcome.plan:
        if fault.number in only:
            print(f"      {fault}")


def _show(outcome: Outcome) -> int:
    for line in outcome.log:
        print(line)
    for fault in outcome.plan:
        print(f"    {fault}")
    print(
        f"seed {outcome.seed}: {outcome.nodes} nodes, {outcome.events} events, {outcome.views} views,"
        f" {outcome.acknowledged} acknowledged, {outcome.archives} archived, {outcome.decisions} decisions,"
        f" {outcome.services} starts, {outcome.fenced} fenced, at rest after {outcome.rest_ms:.0f} ms"
        + (f"\nBROKEN {outcome.error}" if outcome.error else "")
    )
    return 1 if outcome.error else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
