"""Rehearse: `hashell rehearse`: for every node (and pair) lost now, what moves where and what stays down."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence

from hashell.errors import BadUsage, HashellError, NotFound
from hashell.simulate.arguments import Parser
from hashell.simulate.losses import Loss, Move, Rehearsal, rehearse
from hashell.simulate.run import with_status
from hashell.simulate.source import LiveCib, read_cib, zone

#: Losing more nodes at once has too many cases to be looked through one by one.
TOGETHER_MAX = 2
_QUORUM = {"auto": None, "keep": True, "lose": False}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="hashell rehearse", allow_abbrev=False,
        description="Lose every node in turn, on paper: what moves where, what stays down, what is fenced.",
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
    parser.add_argument("--json", action="store_true", help="as data")
    parser.add_argument("--cib", default="", metavar="FILE", help="a CIB in a file; - for standard input")
    parser.add_argument("--attach", default="", metavar="KIND", help="which cluster: hashelld, pacemaker or a socket")
    return parser


def main(argv: list[str], live: LiveCib | None = None) -> int:
    """`hashell rehearse`; the exit code. `live` gives the CIB of a running cluster."""
    options = _parser().parse_args(argv)
    try:
        if not 0 <= options.survive <= TOGETHER_MAX:
            raise BadUsage(f"--survive {options.survive} cannot be rehearsed", f"from 1 to {TOGETHER_MAX}")
        now_s = time.time()
        told = rehearse(
            with_status(read_cib(options.cib, options.attach, live)), now_s,
            together=max(2 if options.pairs else 1, options.survive), only=options.nodes,
            keep_quorum=_QUORUM[options.quorum], utc_offset_s=zone(now_s),
        )
        ghosts = sorted(set(options.nodes) - set(told.nodes))
        if ghosts:
            raise NotFound(f"no node {', '.join(ghosts)} is online", "online: " + ", ".join(told.nodes))
    except HashellError as error:
        print(f"hashell rehearse: {error}", file=sys.stderr)
        return error.exit_code
    if options.json:
        print(json.dumps(data_of(told), indent=2))
    else:
        print(*text_lines(told), sep="\n")
    if not options.survive:
        return 0
    fatal = [loss for loss in told.losses if len(loss.lost) <= options.survive and not loss.survived]
    return 1 if fatal or told.down_before or not told.losses else 0


def _moves(moves: Sequence[Move]) -> str:
    return ", ".join(f"{one.resource} -> {' '.join(one.target)}" for one in moves) or "-"


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


def text_lines(told: Rehearsal) -> Iterator[str]:
    """A table, and a sentence below it."""
    if told.down_before:
        yield f"Down already, with all nodes: {', '.join(told.down_before)}"
        yield ""
    if not told.losses:
        yield "There is no loss that would leave a node: " + (
            f"only {told.nodes[0]} is online." if told.nodes else "no node is online."
        )
        return
    rows = [("Lost", "Moves", "Stays down", "Fenced", "Also"), *map(_row, told.losses)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
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
            }
            for loss in told.losses
        ],
    }
