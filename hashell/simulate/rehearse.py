"""Rehearse: `hashell rehearse`: for every node (and pair) lost now, what moves where and what stays down."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from hashell.errors import BadUsage, HashellError, NotFound
from hashell.simulate.arguments import Parser
from hashell.simulate.losses import Loss, Move, Plan, Rehearsal, plan, told
from hashell.simulate.run import with_status
from hashell.simulate.source import LiveCib, read_cib, zone

#: Losing more nodes at once has too many cases to be looked through one by one.
TOGETHER_MAX = 2
#: Bytes of a CIB from which on losses are shared out to several processes, and how many of these there are at most.
_SHARED_BYTES, _JOBS_MAX = 300_000, 16
#: Columns of the table, and the least that one of them gets.
WIDTH, _COLUMN_MIN = 80, 8
_QUORUM = {"auto": None, "keep": True, "lose": False}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="hashell rehearse", allow_abbrev=False,
        description="Lose every node in turn, on paper: what moves where, what stays down, what is fenced. Remote "
        "nodes count as nodes; guests go down with their host.",
        epilog="The exit code is 0, or with --survive 1 if something would not survive; 2 for bad words.",
    )
    parser.add_argument("nodes", nargs="*", metavar="NODE", help="only losses of these")
    parser.add_argument("--pairs", action="store_true", help="every pair, too")
    parser.add_argument(
        "--survive", type=int, metavar="N", default=0,
        help=f"end with 1 unless everything survives the loss of any N nodes (1 to {TOGETHER_MAX})",
    )
    parser.add_argument(
        "--quorum", choices=tuple(_QUORUM), default="auto",
        help="auto: lost where half of the nodes or fewer are left, kept in clusters of two",
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", default=0, help="processes at a time (default: as many as processors)"
    )
    parser.add_argument("--json", action="store_true", help="as data")
    parser.add_argument("--cib", default="", metavar="FILE", help="a CIB in a file; - for standard input")
    parser.add_argument("--attach", default="", metavar="KIND", help="hashelld, pacemaker, ssh://HOST or a socket")
    return parser


def main(argv: list[str], live: LiveCib | None = None) -> int:
    """`hashell rehearse`; the exit code. `live` gives the CIB of a running cluster."""
    options = _parser().parse_args(argv)
    try:
        if not 0 <= options.survive <= TOGETHER_MAX:
            raise BadUsage(f"--survive {options.survive} cannot be rehearsed", f"from 1 to {TOGETHER_MAX}")
        now_s = time.time()
        cib = with_status(read_cib(options.cib, options.attach, live))
        planned = plan(
            cib, now_s, together=max(2 if options.pairs else 1, options.survive), only=options.nodes,
            keep_quorum=_QUORUM[options.quorum], utc_offset_s=zone(now_s),
        )
        ghosts = sorted(set(options.nodes) - set(planned.nodes))
        if ghosts:
            raise NotFound(f"no node {', '.join(ghosts)} is online", _hint(ghosts, planned.nodes))
        jobs = jobs_of(options.jobs, planned, len(cib.to_bytes()))
        found = told(planned, losses_of(planned, jobs, Progress(sys.stderr, len(planned.cases))))
    except HashellError as error:
        print(f"hashell rehearse: {error}", file=sys.stderr)
        return error.exit_code
    if options.json:
        print(json.dumps(data_of(found), indent=2))
    else:
        print(*text_lines(found, _width()), sep="\n")
    if not options.survive:
        return 0
    fatal = [loss for loss in found.losses if len(loss.lost) <= options.survive and not loss.survived]
    return 1 if fatal or found.down_before or not found.losses else 0


def _hint(ghosts: Sequence[str], nodes: Sequence[str]) -> str:
    import difflib

    near = [name for ghost in ghosts for name in difflib.get_close_matches(ghost, nodes, 1)]
    return f"did you mean {' and '.join(near)}?" if near else "online: " + (", ".join(nodes) or "none")


def _width() -> int:
    """Columns: a terminal's, but never fewer than the table needs."""
    import shutil

    return max(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH) if sys.stdout.isatty() else WIDTH


class Progress:
    """One line on a terminal that says how far it is; nothing where nobody looks."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream = stream
        self._total = total
        self._shown = 0
        self._wanted = stream.isatty() and total > 1

    def __call__(self, done: int, what: str = "") -> None:
        """So many are done; `what` comes next. The line is wiped when all are."""
        if not self._wanted:
            return
        text = "" if done >= self._total else f"rehearsing {done + 1} of {self._total}: {what}"[: WIDTH - 1]
        self._stream.write("\r" + text.ljust(self._shown) + ("\r" if not text else ""))
        self._stream.flush()
        self._shown = len(text)


# Sharing out ----------------------------------------------------------------------------------------


def jobs_of(wanted: int, planned: Plan, size: int) -> int:
    """How many processes a plan is shared out to; 0 wanted: as many as are worth it. `size`: bytes of the CIB."""
    if wanted < 0:
        raise BadUsage(f"--jobs {wanted} cannot be done", "one or more")
    if not wanted:
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        wanted = processors if size >= _SHARED_BYTES else 1
    return min(wanted, len(planned.cases), _JOBS_MAX)


#: In a process that helps: what all losses have in common.
_shared: list[Plan] = []


def _one(lost: tuple[str, ...]) -> Loss:
    return _shared[0].lose(lost)


def losses_of(planned: Plan, jobs: int, progress: Callable[[int, str], object]) -> Iterator[Loss]:
    """All losses in order. Helpers are made by forking, so that nothing has to be read again."""
    import multiprocessing

    cases = planned.cases
    if jobs <= 1 or "fork" not in multiprocessing.get_all_start_methods():
        for number, lost in enumerate(cases):
            progress(number, " + ".join(lost))
            yield planned.lose(lost)
        progress(len(cases), "")
        return
    with multiprocessing.get_context("fork").Pool(jobs, _shared.append, (planned,)) as pool:
        for number, loss in enumerate(pool.imap(_one, cases)):
            progress(number + 1, " + ".join(cases[min(number + jobs, len(cases) - 1)]))
            yield loss


def _moves(moves: Sequence[Move]) -> str:
    """`a b -> node1, c -> node2`: what goes to the same place stands together."""
    by_target: dict[tuple[str, ...], list[str]] = {}
    for one in moves:
        by_target.setdefault(one.target, []).append(one.resource)
    return ", ".join(f"{' '.join(names)} -> {' '.join(target)}" for target, names in by_target.items()) or "-"


def _row(loss: Loss) -> tuple[str, ...]:
    moved = _moves(loss.moved)
    if loss.promoted:
        moved = ("" if moved == "-" else moved + "; ") + "promoted: " + _moves(loss.promoted)
    fenced = " ".join(loss.fenced) or "-"
    if loss.unfenced:
        fenced = f"cannot fence {' '.join(loss.unfenced)}"
    notes = [] if loss.quorum else ["no quorum"]
    notes += [] if loss.at_rest else ["finds no rest"]
    notes += [f"{name} {before}->{after}" for name, before, after in loss.fewer]
    return " + ".join(loss.lost), moved, ", ".join(loss.down) or "-", fenced, ", ".join(notes) or "-"


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Columns as wide as what is in them, or the widest of them cut down until all fit."""
    found = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    room = width - 2 * (len(found) - 1)
    while sum(found) > room:
        widest = max(range(len(found)), key=lambda column: found[column])
        if found[widest] <= _COLUMN_MIN:
            break
        found[widest] = max(found[widest] - (sum(found) - room), _COLUMN_MIN, sorted(found)[-2] - 1)
    return found


def _lines_of(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    import textwrap
    from itertools import zip_longest

    cells = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""] for cell, width in zip(row, widths, strict=True)
    ]
    for parts in zip_longest(*cells, fillvalue=""):
        yield "  ".join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True)).rstrip()


def text_lines(told: Rehearsal, width: int = WIDTH) -> Iterator[str]:
    """A table, and a sentence below it."""
    import textwrap

    if told.down_before:
        yield from textwrap.wrap(f"Down already, with all nodes: {', '.join(told.down_before)}", width)
        yield ""
    if not told.losses:
        yield "There is no loss that would leave a node: " + (
            f"only {told.nodes[0]} is online." if told.nodes else "no node is online."
        )
        return
    rows = [("Lost", "Moves", "Stays down", "Fenced", "Also"), *map(_row, told.losses)]
    widths = _widths(rows, width)
    for row in rows:
        yield from _lines_of(row, widths)
    reasons = [(loss, name, why) for loss in told.losses for name, why in loss.reasons]
    if reasons:
        yield ""
        yield "Why it stays down:"
    for loss, name, why in reasons:
        yield from textwrap.wrap(
            f"{' + '.join(loss.lost)}: {name}: {why}", width, initial_indent="  ", subsequent_indent="    ",
            break_on_hyphens=False,
        )
    survived = sum(loss.survived for loss in told.losses)
    yield ""
    yield f"{survived} of {len(told.losses)} losses are survived: all that ran before runs after."


def data_of(told: Rehearsal) -> dict[str, object]:
    """The same as plain data."""
    def moves(found: Sequence[Move]) -> list[dict[str, object]]:
        return [{"resource": one.resource, "from": list(one.source), "to": list(one.target)} for one in found]

    return {
        "nodes": list(told.nodes), "down_before": list(told.down_before),
        "losses": [
            {
                "lost": list(loss.lost), "survived": loss.survived, "quorum": loss.quorum, "at_rest": loss.at_rest,
                "moved": moves(loss.moved), "promoted": moves(loss.promoted), "down": list(loss.down),
                "fewer": [
                    {"resource": name, "before": before, "after": after} for name, before, after in loss.fewer
                ],
                "fenced": list(loss.fenced), "unfenced": list(loss.unfenced),
                "reasons": [{"resource": name, "text": why} for name, why in loss.reasons],
            }
            for loss in told.losses
        ],
    }
