"""Explain: `hashell explain RSC [NODE]`: why is it here, why not there, why is it stopped; and which constraints clash.

What is said is decided in scheduler/why.py and scheduler/conflicts.py; here it is asked for and printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from lxml import etree

from hashell.cib.document import Cib
from hashell.errors import BadUsage, HashellError, NotFound
from hashell.scheduler.schedule import Wanted
from hashell.scheduler.trace import trace
from hashell.scheduler.why import NodeWhy, Summand, Why, instances, tell
from hashell.simulate import contradictions
from hashell.simulate.arguments import Parser
from hashell.simulate.run import decide, with_status
from hashell.simulate.source import LiveCib, read_cib, zone
from hashell.values.scores import show_score

#: Instances of one resource that are told of without --all: a clone on a hundred nodes is the same a hundred times.
INSTANCES_MAX = 8
#: The id of a constraint that exists only while an answer is tried out.
_TRIAL = "hashell-explain-trial"


class UnknownResource(NotFound):
    id = "resource-unknown"


class UnknownNode(NotFound):
    id = "node-unknown"


def explain(cib: Cib, name: str, node: str, now_s: float, utc_offset_s: int = 0) -> list[Why]:
    """Everything about a resource, one `Why` for each primitive in it. Raises NotFound."""
    decision = decide(cib, now_s, 0, Wanted(scores=True), utc_offset_s)
    state = decision.state
    names = instances(state, name)
    if not names:
        known = {one.config.id for one in state.all_resources()}
        raise UnknownResource(f"no resource is called {name}", _nearest(name, known))
    if node and state.node_named(node) is None:
        raise UnknownNode(f"no node is called {node}", _nearest(node, {one.name for one in state.nodes.values()}))
    traces = trace(state, names)
    return [tell(state, decision.schedule, traces, one, node) for one in names]


def tried(cib: Cib, name: str, node: str, points: int, now_s: float, utc_offset_s: int = 0) -> bool:
    """Whether so many points more would really bring a resource to a node: asked of the scheduler itself."""
    root = cib.copy_root()
    constraints = root.find("configuration/constraints")
    if constraints is None:
        configuration = root.find("configuration")
        if configuration is None:
            return False
        constraints = etree.SubElement(configuration, "constraints")
    before = decide(cib, now_s, 0, utc_offset_s=utc_offset_s)
    found = before.state.by_id.get(name)
    if found is None:
        return False
    top = found.outermost.config.id
    etree.SubElement(constraints, "rsc_location", id=_TRIAL, rsc=top, node=node, score=str(points))
    after = decide(Cib(root), now_s, 0, utc_offset_s=utc_offset_s)
    return any(
        after.schedule.placements.get(one) == node for one in after.schedule.placements
        if one in after.state.by_id and after.state.by_id[one].config.id == found.config.id
    )


def _nearest(name: str, known: set[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, sorted(known), 3)
    return f"did you mean {' or '.join(close)}?" if close else "see `hashell status`"


# Text -----------------------------------------------------------------------------------------------


def _points(points: int) -> str:
    shown = show_score(points)
    return shown if shown.startswith("-") else f"+{shown}"


def _summand_line(one: Summand) -> str:
    sign = "=" + show_score(one.points) if one.sets else _points(one.points)
    of = f"  (of {one.of})" if one.of else ""
    return f"    {sign:>11}  {one.text}{of}"


def _node_lines(why: Why, one: NodeWhy) -> Iterator[str]:
    shown = "not allowed" if one.points is None else show_score(one.points)
    mark = "  <- here" if one.chosen and why.node else ""
    yield f"  {one.node}: {shown}{mark}"
    for way in one.obstacles:
        yield f"    {'':>11}  {way.text}"
    if one.summands or one.points is not None:
        yield f"    {show_score(one.base):>11}  to begin with"
    for summand in one.summands:
        yield _summand_line(summand)
    for summand in one.later:
        yield _summand_line(summand) + "  (after the points were added up)"
    if one.veto is not None:
        yield f"    {'veto':>11}  {one.veto.text}"


def text_lines(why: Why, *, node: str = "") -> Iterator[str]:
    """One resource, for people; with `node`, what would have to change there comes too."""
    yield why.verdict
    if why.change:
        yield f"Now: {why.change}"
    for way in why.stopped:
        yield f"  - {way.text}" + (f"   [{way.command}]" if way.command else "")
    for told in why.promotion:
        yield f"  * {told}"
    for one in why.nodes:
        yield from _node_lines(why, one)
        if node and one.ways:
            yield f"  For it to run on {one.node}:"
            for way in one.ways:
                yield f"    - {way.text}" + (f"   [{way.command}]" if way.command else "")
        elif node and one.chosen and why.node:
            yield f"  Nothing has to change for it to run on {one.node}."


# Data -----------------------------------------------------------------------------------------------


def _way_data(ways: Sequence[object]) -> list[dict[str, str]]:
    return [{"text": way.text, "command": way.command} for way in ways]  # type: ignore[attr-defined]


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


def data_of(why: Why) -> dict[str, object]:
    """The same as plain data; points are texts, since INFINITY is one."""
    return {
        "resource": why.resource, "active_on": list(why.now), "current_role": why.now_role, "node": why.node,
        "role": why.role, "verdict": why.verdict, "change": why.change, "stopped": _way_data(why.stopped),
        "promotion": list(why.promotion),
        "nodes": [
            {
                "node": one.node, "chosen": one.chosen,
                "points": None if one.points is None else show_score(one.points), "base": show_score(one.base),
                "terms": [_summand_data(term) for term in one.summands],
                "later": [_summand_data(term) for term in one.later],
                "obstacles": _way_data(one.obstacles),
                "veto": None if one.veto is None else _summand_data(one.veto), "ways": _way_data(one.ways),
            }
            for one in why.nodes
        ],
    }


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
    parser.add_argument("--attach", default="", metavar="KIND", help="which cluster: hashelld, pacemaker or a socket")
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
    if options.json:
        write(json.dumps([data_of(why) for why in told], indent=2) + "\n")
        return 0
    shown = told if options.all else told[:INSTANCES_MAX]
    for place, why in enumerate(shown):
        if place:
            write("\n")
        write("".join(f"{line}\n" for line in text_lines(why, node=options.node)))
        for one in why.nodes if options.node else ():
            for way in one.ways:
                if way.points:
                    works = tried(cib, why.resource, one.node, way.points, now_s, zone(now_s))
                    told_so = "it would run there then" if works else "that alone is not enough"
                    write(f"    (tried: {told_so})\n")
    if len(shown) < len(told):
        write(f"\n{len(told) - len(shown)} more instances; --all shows them\n")
    return 0


def _conflicts(options: argparse.Namespace, cib: Cib, now_s: float, write: Callable[[str], object]) -> int:
    found = contradictions.find(cib, options.resource, now_s, zone(now_s))
    if options.json:
        write(json.dumps([contradictions.data_of(one) for one in found], indent=2) + "\n")
    else:
        write("".join(f"{line}\n" for one in found for line in contradictions.text_lines(one)))
        if not found:
            write(f"{options.resource or 'Every resource that is to run'} can run.\n")
    return 1 if found else 0
