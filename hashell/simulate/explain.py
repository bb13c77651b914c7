"""Explain: `hashell explain RSC [NODE]`: why is it here, why not there, why is it stopped; and which constraints clash.

What is said is decided in scheduler/why.py and scheduler/conflicts.py; here it is asked for and printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from hashell.cib.document import Cib
from hashell.errors import BadUsage, HashellError, NotFound
from hashell.scheduler.reasons import Way
from hashell.scheduler.trace import trace
from hashell.scheduler.waits import Wait
from hashell.scheduler.why import WANTED, NodeWhy, Summand, Why, instances, tell
from hashell.simulate import contradictions
from hashell.simulate.arguments import Parser
from hashell.simulate.remedy import Remedy, remedy
from hashell.simulate.run import decide, with_status
from hashell.simulate.source import LiveCib, read_cib, zone
from hashell.values.scores import INFINITY, show_score

#: Instances of one resource that are told of without --all: a clone on a hundred nodes is the same a hundred times.
INSTANCES_MAX = 8
#: Columns of what is printed, and where the words of a term begin.
WIDTH, _INDENT = 80, 16


class UnknownResource(NotFound):
    id = "resource-unknown"


class UnknownNode(NotFound):
    id = "node-unknown"


class Explained(Struct, frozen=True):
    """What is known of one primitive; `remedy` only where a node was asked about and it is not going to be there."""

    why: Why
    remedy: Remedy | None = None


def explain(cib: Cib, name: str, node: str, now_s: float, utc_offset_s: int = 0) -> list[Why]:
    """Everything about a resource, one `Why` for each primitive in it. Raises NotFound."""
    decision = decide(cib, now_s, 0, WANTED, utc_offset_s)
    state = decision.state
    names = instances(state, name)
    if not names:
        known = {one.config.id for one in state.all_resources()} | set(state.by_id)
        raise UnknownResource(f"no resource is called {name}", nearest(name, known))
    wanted = state.node_named(node)
    if node and wanted is None:
        raise UnknownNode(f"no node is called {node}", nearest(node, {one.name for one in state.nodes.values()}))
    traces = trace(state, names)
    return [tell(state, decision.schedule, traces, one, "" if wanted is None else wanted.name) for one in names]


def with_remedies(cib: Cib, told: list[Why], now_s: float, utc_offset_s: int = 0) -> list[Explained]:
    """For each kind of primitive that was asked about on one node: what would bring it there, tried out."""
    found: list[Explained] = []
    there = {why.resource.partition(":")[0] for why in told if why.node and why.nodes[0].chosen}
    asked: set[str] = set()
    for why in told:
        kind = why.resource.partition(":")[0]
        answer = None
        if kind not in there | asked:
            asked.add(kind)
            answer = remedy(cib, why.resource, why.nodes[0].node, now_s, utc_offset_s)
        found.append(Explained(why, answer))
    return found


def wins(
    cib: Cib, name: str, node: str, now_s: float, utc_offset_s: int = 0, width: int = WIDTH,
) -> tuple[str, ...]:
    """What must change for a node to win a resource, as lines of at most `width` columns; none where it is there.
    Raises NotFound."""
    told = with_remedies(cib, explain(cib, name, node, now_s, utc_offset_s)[:1], now_s, utc_offset_s)
    return tuple(
        line for one in told if one.remedy is not None
        for line in remedy_lines(one.remedy, one.why, one.why.nodes[0].node, width)
    )


def nearest(name: str, known: set[str]) -> str:
    """A hint at names like one that is not there."""
    import difflib

    close = difflib.get_close_matches(name, sorted(known), 3)
    return f"did you mean {' or '.join(close)}?" if close else "see `hashell status`"


# Text -----------------------------------------------------------------------------------------------


def _points(points: int) -> str:
    shown = show_score(points)
    return shown if shown.startswith("-") else f"+{shown}"


def wrapped(text: str, first: str = "", rest: int | None = None, width: int = WIDTH) -> list[str]:
    """A line after `first`, its further lines `rest` columns in; words are never cut."""
    import textwrap

    indent = " " * (len(first) if rest is None else rest)
    return textwrap.wrap(
        text, max(width, len(first) + 20), initial_indent=first, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def sign_of(one: Summand) -> str:
    """What a term does to the sum: +5, -INFINITY, or =0 where the sum begins anew."""
    return "=" + show_score(one.points) if one.sets else _points(one.points)


def _summand_lines(one: Summand) -> list[str]:
    of = f" (of {one.of})" if one.of else ""
    return wrapped(f"{one.text}{of}", f"    {sign_of(one):>{_INDENT - 6}}  ")


class Row(Struct, frozen=True):
    """One row below a node: the points (! for what stands in the way), the words, whether it forbids the node."""

    points: str
    text: str
    veto: bool = False


def node_rows(one: NodeWhy) -> Iterator[Row]:
    """What adds up to a node's points, in the words of shell and monitor."""
    for way in one.obstacles:
        yield Row("!", way.text, True)
    vetoed = one.base <= -INFINITY
    if one.base or not one.summands:
        begin = one.note or ("to begin with" if one.base else "nothing speaks for or against it")
        yield Row(show_score(one.base), f"VETO: {begin}" if vetoed else begin, vetoed)
    for place, summand in enumerate((*one.summands, *one.later)):
        first = summand.is_veto and not vetoed
        vetoed |= first
        of = f" (of {summand.of})" if summand.of else ""
        late = " (after the points were added up)" if place >= len(one.summands) else ""
        yield Row(sign_of(summand), f"{'VETO: ' if first else ''}{summand.text}{late}{of}", first)


def _node_lines(why: Why, one: NodeWhy) -> Iterator[str]:
    shown = "not allowed" if one.points is None else show_score(one.points)
    mark = "  <- here" if one.chosen and why.node else ""
    yield f"  {one.node}: {shown}{mark}"
    for row in node_rows(one):
        yield from wrapped(row.text, f"    {row.points:>{_INDENT - 6}}  ")


def way_lines(way: Way, mark: str = "  - ", width: int = WIDTH) -> Iterator[str]:
    """What would have to change, and below it the command."""
    yield from wrapped(way.text, mark, width=width)
    if way.command:
        yield " " * len(mark) + f"$ {way.command}"


def _wait_lines(wait: Wait) -> Iterator[str]:
    if wait.possible:
        yield from wrapped(f"{wait.text} waits for", "  ")
    else:
        yield from wrapped(f"{wait.text} cannot be done, as this cannot:", "  ")
    for cause in wait.causes:
        yield from wrapped(f"{cause.text}: {cause.why}", "    - ")
    if wait.more:
        yield f"    - and {wait.more} more"
    if wait.root:
        yield from wrapped(f"it begins with the {wait.root}", "    ")


def text_lines(why: Why, *, node: str = "") -> Iterator[str]:
    """One resource, for people. With `node` only that is told of, and not what its actions wait for."""
    yield from wrapped(why.verdict, "", 2)
    if why.change:
        yield from wrapped(f"Now: {why.change}", "", 2)
    for way in why.stopped:
        yield from way_lines(way)
    for wait in why.waits if not node else ():
        yield from _wait_lines(wait)
    if why.promotion is not None:
        found = why.promotion
        where = f" on {found.node}" if found.node else ""
        yield from wrapped(f"promotion{where}: {show_score(found.points)}", "  ")
        for summand in found.summands:
            yield from _summand_lines(summand)
        if found.note:
            yield from wrapped(found.note, " " * _INDENT)
    for one in why.nodes:
        yield from _node_lines(why, one)
    if node and why.node and why.nodes[0].chosen:
        yield f"  Nothing has to change for it to run on {why.nodes[0].node}."


def remedy_lines(found: Remedy, why: Why, node: str, width: int = WIDTH) -> Iterator[str]:
    """What would bring a resource to a node."""
    if found.works:
        several = len(found.changes) > 1
        yield from wrapped(
            f"For it to run on {node}, " + ("all of this would have to change" if several else "this would do")
            + " (tried on paper):", "  ", width=width,
        )
        for way in found.changes:
            yield from way_lines(way, "    - ", width)
        return
    yield from wrapped(f"No change was found that brings it to {node}. What stands in the way:", "  ", width=width)
    ways = why.nodes[0].ways or found.changes
    for way in ways:
        yield from way_lines(way, "    - ", width)
    for one in (*why.nodes[0].summands, *why.nodes[0].later) if not ways else ():
        if one.is_veto:
            yield from wrapped(one.text, "    - ", width=width)


# Data -----------------------------------------------------------------------------------------------


def _way_data(ways: Sequence[Way]) -> list[dict[str, str]]:
    return [{"text": way.text, "command": way.command} for way in ways]


def _summand_data(one: Summand) -> dict[str, object]:
    data: dict[str, object] = {"points": show_score(one.points), "kind": one.kind, "text": one.text}
    for key, value in (("constraint", one.constraint), ("rule", one.rule), ("with", one.other), ("of", one.of)):
        if value:
            data[key] = value
    if one.sets:
        data["sets"] = True
    if one.way is not None:
        data["way"] = {"text": one.way.text, "command": one.way.command}
    return data


def _wait_data(wait: Wait) -> dict[str, object]:
    return {
        "action": wait.action, "text": wait.text, "possible": wait.possible, "root": wait.root, "more": wait.more,
        "for": [
            {"action": one.action, "text": one.text, "why": one.why, "constraints": list(one.constraints)}
            for one in wait.causes
        ],
    }


def data_of(why: Why, found: Remedy | None = None) -> dict[str, object]:
    """The same as plain data; points are texts, since INFINITY is one."""
    data: dict[str, object] = {
        "resource": why.resource, "active_on": list(why.now), "current_role": why.now_role, "node": why.node,
        "role": why.role, "verdict": why.verdict, "change": why.change, "stopped": _way_data(why.stopped),
        "waits": [_wait_data(wait) for wait in why.waits],
        "promotion": None if why.promotion is None else {
            "node": why.promotion.node, "points": show_score(why.promotion.points), "note": why.promotion.note,
            "terms": [_summand_data(term) for term in why.promotion.summands],
        },
        "nodes": [
            {
                "node": one.node, "chosen": one.chosen,
                "points": None if one.points is None else show_score(one.points), "base": show_score(one.base),
                "terms": [_summand_data(term) for term in one.summands],
                "later": [_summand_data(term) for term in one.later],
                "obstacles": _way_data(one.obstacles),
                "note": one.note,
                "veto": None if one.veto is None else _summand_data(one.veto), "ways": _way_data(one.ways),
            }
            for one in why.nodes
        ],
    }
    if found is not None:
        data["remedy"] = {"works": found.works, "changes": _way_data(found.changes)}
    return data


# Command --------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="hashell explain", allow_abbrev=False,
        description="Why is a resource where it is, why not elsewhere, why is it stopped, why does it move.",
    )
    parser.add_argument("resource", nargs="?", default="", metavar="RSC")
    parser.add_argument(
        "node", nargs="?", default="", metavar="NODE", help="why it is there or not, and what would have to change"
    )
    parser.add_argument(
        "--conflicts", action="store_true",
        help="the constraints that contradict one another, so that RSC (or any resource) cannot run",
    )
    parser.add_argument("--all", action="store_true", help="all instances of a clone")
    parser.add_argument("--json", action="store_true", help="as data")
    parser.add_argument("--cib", default="", metavar="FILE", help="a CIB in a file; - for standard input")
    parser.add_argument("--attach", default="", metavar="KIND", help="hashelld, pacemaker, ssh://HOST or a socket")
    return parser


def main(argv: list[str], live: LiveCib | None = None) -> int:
    """`hashell explain`; the exit code. `live` gives the CIB of a running cluster."""
    options = _parser().parse_args(argv)
    try:
        return run(options, read_cib(options.cib, options.attach, live), sys.stdout.write)
    except HashellError as error:
        print(f"hashell explain: {error}", file=sys.stderr)
        return error.exit_code


def run(options: argparse.Namespace, cib: Cib, write: Callable[[str], object]) -> int:
    """One command on a CIB. Raises HashellError."""
    cib = with_status(cib)
    now_s = time.time()
    if options.conflicts:
        return _conflicts(options, cib, now_s, write)
    if not options.resource:
        raise BadUsage("which resource?", "hashell explain RSC [NODE], or hashell explain --conflicts")
    told = explain(cib, options.resource, options.node, now_s, zone(now_s))
    shown = told if options.all or options.json else told[:INSTANCES_MAX]
    found = (
        with_remedies(cib, shown, now_s, zone(now_s)) if options.node else [Explained(why) for why in shown]
    )
    if options.json:
        write(json.dumps([data_of(one.why, one.remedy) for one in found], indent=2) + "\n")
        return 0
    for place, one in enumerate(found):
        if place:
            write("\n")
        write("".join(f"{line}\n" for line in text_lines(one.why, node=options.node)))
        if one.remedy is not None:
            write("".join(f"{line}\n" for line in remedy_lines(one.remedy, one.why, one.why.nodes[0].node)))
    if len(shown) < len(told):
        write(f"\n{len(told) - len(shown)} more instances; --all shows them\n")
    return 0


def _conflicts(options: argparse.Namespace, cib: Cib, now_s: float, write: Callable[[str], object]) -> int:
    found = contradictions.find(cib, options.resource, now_s, zone(now_s))
    if options.json:
        write(json.dumps(contradictions.data_of(found), indent=2) + "\n")
        return 1 if found.lasting else 0
    parts = [list(contradictions.text_lines(one)) for one in found.contradictions]
    parts += [list(contradictions.stuck_lines(one)) for one in found.stuck]
    if found.unlooked:
        parts.append([f"Not looked at: {len(found.unlooked)} more that cannot run. Name one."])
    if not found.lasting:
        parts.insert(0, ["No constraints contradict one another."])
    write("\n\n".join("\n".join(part) for part in parts) + "\n")
    return 1 if found.lasting else 0
