"""`hashell chaos --live`: faults against real processes, round by round, an audit after each, a table at the end.

    hashell chaos --live --list
    hashell chaos --live --rounds 20 --peer          # beside a real Pacemaker and corosync, in turn (root)
    hashell chaos --live --only partition --rounds 5

Nodes are processes on loopback; faults that need cables (and everything with --machines) are done to machines in
namespaces, which takes root. After each round the cluster must be idle and whole again without a hand, nobody but the
victim may have been lost, no failure may be left, the service must never have run twice, logs have no traceback, and
memory and descriptors are what they were. The exit code is 1 when anything of that did not hold.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from hashell.errors import BadUsage, HashellError
from hashell.lab.live_audit import Usage, growth
from hashell.lab.live_faults import BY_NAME, FAULTS, MARKED, Fault, of_engine
from hashell.lab.live_peer import PATIENCE_S as PEER_PATIENCE_S
from hashell.lab.live_peer import PeerRig
from hashell.lab.live_rig import PATIENCE_S, HashellRig, Rig, wait_until
from hashell.lab.namespaces import check_possible
from hashell.lab.timeline import Moment, Timeline

ROUNDS_MAX = 1000
#: Seconds for which the service must answer before it counts as back, and for which a rest must last.
STEADY_S = 0.4
#: A client may wait so long (seconds) in a disturbance that is none for the cluster.
QUIET_OUTAGE_S = 1.0
#: Rounds on one rig before its memory and descriptors are what later ones are held against.
WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Round:
    """One fault done once. `outage_s` is the longest that the client saw between the fault and its end (for a cold
    start: from the start); `whole_s` how long after its end all was whole; `problems` is empty when all held;
    `phases` says for people when the cluster told what."""

    fault: str
    product: str
    number: int
    victim: str
    was_dc: bool
    outage_s: float
    whole_s: float
    problems: tuple[str, ...]
    phases: str = ""


def choose(rig: Any, fault: Fault) -> str:
    """The victim."""
    owner, dc = rig.owner(), rig.dc()
    if fault.victim == "dc":
        return str(dc)
    if fault.victim == "other":
        rest = [node for node in rig.nodes if node != owner]
        return str(next((node for node in rest if node != dc), rest[0]))
    return str(owner)


def _outage_s(rig: Any, since_s: float, from_s: float | None = None) -> float:
    """The longest gap that ended since then; `from_s`: counted from there instead of from its beginning."""
    return max((
        gap.ended_s - (gap.began_s if from_s is None else max(from_s, gap.began_s))
        for gap in list(rig.probe.gaps) if gap.ended_s > since_s
    ), default=0.0)


def play(rig: Any, fault: Fault, number: int) -> Round:
    """One round: the fault, what must come of it, its end, the rest. Problems are collected, never raised."""
    ours = isinstance(rig, HashellRig)
    patience_s = PATIENCE_S if ours else PEER_PATIENCE_S
    problems: list[str] = []
    victim, was_dc, outage_s, whole_s = "", False, 0.0, 0.0
    wall_s = done_wall_s = time.time()
    seen: dict[str, Any] = {}
    doubles = len(rig.doubles()) if ours else 0
    try:
        wait_until(lambda: _answer(rig), patience_s, STEADY_S)
        victim = choose(rig, fault)
        was_dc = rig.dc() == victim
        if ours:
            seen["failures"], seen["view"] = set(rig.failures()), rig.view()
        began_s, done_wall_s = time.monotonic(), time.time()
        fault.do(rig, victim)
        if fault.comes == "cold":
            wait_until(lambda: "the service still answers" if rig.owner() else "", patience_s)
            started_s = time.monotonic()
            fault.undo(rig, victim)
            wait_until(lambda: _answer(rig), patience_s, STEADY_S)
            outage_s = _outage_s(rig, started_s, started_s)
        else:
            _await(rig, fault, victim, patience_s)
            outage_s = _outage_s(rig, began_s)
            fault.undo(rig, victim)
        ended_s = time.monotonic()
        # As a person would see it: all is well, and stays so.
        wait_until(lambda: _unrest(rig, fault), patience_s, STEADY_S)
        whole_s = time.monotonic() - ended_s - STEADY_S
    except HashellError as error:
        problems.append(str(error))
    if ours:
        problems += _audit(rig, fault, victim, seen, wall_s, outage_s, doubles)
    phases = rig.phases(done_wall_s) if ours and fault.comes != "quiet" else ""
    return Round(fault.name, rig.product, number, victim, was_dc, outage_s, whole_s, tuple(problems), phases)


def _answer(rig: Rig) -> str:
    return "" if rig.owner() else "the service does not answer"


def _unrest(rig: Rig, fault: Fault) -> str:
    """Why the cluster is not whole. Where all may be lost, who comes back may be fenced for its former life; then its
    machine boots again."""
    if isinstance(rig, HashellRig) and fault.comes in ("rests", "cold"):
        for node in rig.nodes:
            rig.revive(node)
    return rig.trouble()


def _await(rig: Rig, fault: Fault, victim: str, patience_s: float) -> None:
    """Until what must come of a fault has come. Raises TimedOut."""
    if fault.comes in ("quiet", "rests"):
        time.sleep(fault.lasts_s)
        return
    elsewhere = fault.comes in ("lost", "moves") and fault.victim == "owner"

    def served() -> str:
        owner = rig.owner()
        return _answer(rig) or (f"the service still answers on {victim}" if elsewhere and owner == victim else "")

    wait_until(served, patience_s, STEADY_S)
    if fault.comes == "lost":
        wait_until(lambda: rig.lost(victim), patience_s)


def _audit(
    rig: HashellRig, fault: Fault, victim: str, seen: dict[str, Any], wall_s: float, outage_s: float, doubles: int
) -> list[str]:
    """What did not hold in the round that is over."""
    problems = [f"two owners: {text}" for text in rig.doubles()[doubles:][:1]]
    problems += rig.new_complaints()
    may_be_lost = {"lost": {victim}, "cold": set(rig.nodes), "rests": set(rig.nodes)}.get(fault.comes, set())
    teller = "" if fault.comes == "quiet" else victim
    problems += [f"{node} was lost without need" for node in rig.losses(wall_s, teller) if node not in may_be_lost]
    try:
        failures = set(rig.failures()) - seen.get("failures", set())
        if fault.comes == "recovers":
            rig.clean_up()
            wait_until(rig.trouble)
        elif failures:
            problems.append(f"failures are left: {', '.join(sorted(failures))}")
            rig.clean_up()
        if fault.comes == "quiet":
            if "view" in seen and rig.view() != seen["view"]:
                problems.append(f"view and transition were {seen['view']}, are {rig.view()}")
            if outage_s > QUIET_OUTAGE_S and not fault.mute:
                problems.append(f"the client waited {outage_s:.2f} s")
    except HashellError as error:
        problems.append(str(error))
    return problems


# --- rigs and rounds


def _rigs_needed(faults: Iterable[Fault], machines: bool) -> tuple[bool, ...]:
    """Which of loopback (False) and machines (True) are needed, in this order."""
    return tuple(sorted({machines or fault.machines for fault in faults}))


def run(
    faults: Sequence[Fault], rounds: int, *, machines: bool = False, peer_rounds: int = 0, keep: bool = False,
    settings: str = "", engine: str = "", say: Callable[[str], None] = lambda text: None,
    timeline: Timeline | None = None,
) -> tuple[list[Round], list[str]]:
    """All rounds of all faults; and what did not hold over the whole run. The peer's rounds of a fault come right after
    ours, as the machine's speed drifts. Raises HashellError when a cluster cannot be built."""
    found: list[Round] = []
    overall: list[str] = []
    kept = of_engine(faults, engine)
    for fault in faults:
        if fault.name not in {one.name for one in kept}:
            say(f"{fault.name} is left out: nodes on {engine} have nothing that it could be done to")
    faults = kept
    peer = PeerRig(keep=keep) if peer_rounds and any(fault.peer for fault in faults) else None
    try:
        for on_machines in _rigs_needed(faults, machines):
            here = [fault for fault in faults if (machines or fault.machines) == on_machines]
            with HashellRig(
                machines=on_machines, keep=keep, settings=settings, engine=engine, timeline=timeline
            ) as rig:
                where = "on machines in namespaces" if on_machines else "on loopback"
                say(f"three nodes {where}" + (f", kept in {rig.cluster.folder}" if keep else ""))
                before: tuple[Usage, ...] = ()
                count = 0
                for fault in here:
                    for one, times in ((rig, rounds), *(((peer, peer_rounds),) if peer and fault.peer else ())):
                        for number in range(1, times + 1):
                            done = play(one, fault, number)
                            found.append(done)
                            say(_line(done))
                            count += one is rig
                            if one is rig and count == WARM_UP:
                                before = rig.usage()
                after = rig.usage()
                overall += growth(before, after) if before else ()
                say(_usage_line(after))
    finally:
        if peer is not None:
            peer.close()
    return found, overall


def _line(done: Round) -> str:
    dc = " (dc)" if done.was_dc else ""
    end = "; ".join(done.problems)[:600] if done.problems else "good" + (f" ({done.phases})" if done.phases else "")
    return (
        f"{done.product:9} {done.fault:20} {done.number:3} {done.victim + dc:11} outage {done.outage_s * 1000:6.0f} ms,"
        f" whole after {done.whole_s:5.1f} s: {end}"
    )


def _usage_line(usage: Iterable[Usage]) -> str:
    words = [
        f"{one.node} {one.what} {one.rss_kb // 1024} MB (PSS {one.pss_kb // 1024}), {one.fds} descriptors"
        for one in usage if one.what in ("daemon", "heart")
    ]
    return "now: " + "; ".join(words)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: rounds of one fault and product. Seconds; `ratio` is the peer's median through ours (0: no
    peer); `held` is whether the worst outage keeps to the mark (None: there is none)."""

    fault: str
    product: str
    rounds: int
    bad: int
    median_s: float
    worst_s: float
    mark_s: float
    held: bool | None
    ratio: float = 0.0


def table(rounds: Sequence[Round]) -> list[Row]:
    """One row a fault and product, in the order of the first round."""
    medians: dict[tuple[str, str], float] = {}
    made: list[Row] = []
    for key in dict.fromkeys((one.fault, one.product) for one in rounds):
        group = [one for one in rounds if (one.fault, one.product) == key]
        outages = [one.outage_s for one in group]
        mark_s = BY_NAME[key[0]].mark_s if key[1] == HashellRig.product else 0.0
        medians[key] = statistics.median(outages)
        made.append(Row(
            key[0], key[1], len(group), sum(1 for one in group if one.problems), medians[key], max(outages), mark_s,
            max(outages) <= mark_s if mark_s else None,
        ))
    return [
        Row(row.fault, row.product, row.rounds, row.bad, row.median_s, row.worst_s, row.mark_s, row.held,
            medians.get((row.fault, PeerRig.product), 0.0) / row.median_s if row.median_s else 0.0)
        if row.product != PeerRig.product else row
        for row in made
    ]


def show(rows: Sequence[Row]) -> str:
    """The table for people."""
    lines = [
        f"{'fault':20} {'product':9} {'rounds':>6} {'bad':>4} {'median':>8} {'worst':>8} {'mark':>6}  {'ratio':>6}"
    ]
    for row in rows:
        mark = f"{row.mark_s:.1f} s" if row.mark_s else ""
        kept = {None: " ", True: "+", False: "!"}[row.held]
        ratio = f"{row.ratio:.1f}" if row.ratio else ""
        lines.append(
            f"{row.fault:20} {row.product:9} {row.rounds:6} {row.bad:4} {row.median_s:6.2f} s {row.worst_s:6.2f} s"
            f" {mark:>6}{kept} {ratio:>6}"
        )
    return "\n".join(lines)


# --- the command


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadUsage(f"hashell chaos --live: {message}", "see hashell chaos --live --help")


def parser() -> argparse.ArgumentParser:
    """The command line of `hashell chaos --live`."""
    made = _Parser(
        prog="hashell chaos --live", allow_abbrev=False,
        description="Faults against real processes, round by round, audited; the client's outages in a table.",
    )
    add = made.add_argument
    add("--list", action="store_true", help="list the faults and end")
    add("--rounds", type=int, default=3, metavar="N", help="rounds of each fault (default 3)")
    add("--only", action="append", default=[], metavar="NAME",
        help=f"only this fault, or all; may be given several times (default: {' '.join(MARKED)})")
    add("--machines", action="store_true", help="every fault on machines in namespaces (root)")
    add("--peer", action="store_true", help="a real Pacemaker with corosync beside it, in turn (root)")
    add("--peer-rounds", type=int, metavar="N", help="rounds of the peer (default: as many)")
    add("--engine", metavar="E", default="", choices=("mesh", "corosync"),
        help="the engine of our nodes: mesh, or corosync, on machines")
    add("--settings", metavar="LINE", action="append", default=[], help="a line of every node's settings file")
    add("--json", action="store_true", help="one JSON document on standard output")
    add("--keep", action="store_true", help="leave the nodes' folders, with their logs")
    return made


def main(argv: Sequence[str]) -> int:
    """The command; 0 when every round was good."""
    try:
        options = parser().parse_args(argv)
        if options.list:
            for fault in FAULTS:
                needs = " (machines)" if fault.machines else ""
                print(f"{fault.name:20} {fault.comes:9} {fault.about}{needs}")
            return 0
        peer_rounds = (options.rounds if options.peer_rounds is None else options.peer_rounds) if options.peer else 0
        if not 1 <= options.rounds <= ROUNDS_MAX or not 0 <= peer_rounds <= ROUNDS_MAX:
            raise BadUsage(f"rounds are 1 to {ROUNDS_MAX}")
        return _run(options, _chosen(options.only), peer_rounds)
    except HashellError as error:
        print(f"hashell chaos: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0


def _chosen(names: Sequence[str]) -> list[Fault]:
    """The faults of these names; without any, those with marks that can be done here. Raises BadUsage."""
    unknown = [name for name in names if name not in BY_NAME and name != "all"]
    if unknown:
        raise BadUsage(f"no fault is called {unknown[0]!r}", "there are: " + ", ".join(BY_NAME))
    if "all" in names:
        return list(FAULTS)
    if names:
        return [BY_NAME[name] for name in dict.fromkeys(names)]
    try:
        check_possible()
    except HashellError as error:
        print(f"hashell chaos: without machines: {error}", file=sys.stderr)
        return [BY_NAME[name] for name in MARKED if not BY_NAME[name].machines]
    return [BY_NAME[name] for name in MARKED]


def _run(options: argparse.Namespace, faults: list[Fault], peer_rounds: int) -> int:
    out = sys.stderr if options.json else sys.stdout
    began_s = time.monotonic()
    timeline = Timeline()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:8.1f}  {text}", file=out, flush=True)

    def problem(moment: Moment) -> None:
        if moment.kind == "problem":
            say(moment.text)

    timeline.show = problem
    # `kill`, or a terminal that is closed: end as for Ctrl-C, so that nothing is left behind.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _interrupt)
    rounds, overall = run(
        faults, options.rounds, machines=options.machines or bool(options.engine), peer_rounds=peer_rounds,
        keep=options.keep, settings="".join(f"{line}\n" for line in options.settings), engine=options.engine, say=say,
        timeline=timeline,
    )
    rows = table(rounds)
    bad = [one for one in rounds if one.problems and one.product != PeerRig.product]
    print(show(rows), file=out)
    for text in overall:
        print(f"problem: {text}", file=out)
    print(f"{len(rounds)} rounds, {len(bad)} of ours not as they should be", file=out)
    if options.json:
        print(json.dumps({
            "good": not bad and not overall, "problems": overall,
            "rows": [_plain(row) for row in rows], "rounds": [_plain(one) for one in rounds],
        }))
    return 1 if bad or overall else 0


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _plain(one: Row | Round) -> dict[str, Any]:
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name in one.__slots__ for value in (getattr(one, name),)
    }
