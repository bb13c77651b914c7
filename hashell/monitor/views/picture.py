"""Constraints as a picture: what starts before what, who stands with whom, and points of resources on nodes. Pure.

Order and colocation are drawn as trees with arrows, so that any width and plain ASCII are enough; what hangs below two
things is drawn out once and named at the other place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from hashell.cib.document import Cib
from hashell.monitor.glyphs import ASCII, Glyphs
from hashell.monitor.lines import Line, Span
from hashell.values.scores import INFINITY, parse_score

#: Deeper is no picture any more.
DEPTH_MAX = 40


@dataclass(frozen=True, slots=True)
class Edge:
    """`below` hangs on `above` because of the constraint `id`; `line` is how it is drawn, `word` what stands behind."""

    above: str
    below: str
    id: str
    line: str
    word: str
    meaning: str


@dataclass(frozen=True, slots=True)
class _Pen:
    """Signs to draw with; every one is a cell wide."""

    fork: str
    last: str
    pass_: str
    must: str
    may: str
    apart: str
    with_: str
    near: str
    then: str


_UNICODE = _Pen("├", "└", "│", "──▶", "┄┄▶", "──✖", "═══", "───", " ──▶ ")
_ASCII = _Pen("|", "`", "|", "-->", "..>", "--X", "===", "---", " --> ")


def lines(cib: Cib, glyphs: Glyphs, width: int) -> list[Line]:
    """The picture at a width; empty parts say so."""
    pen = _ASCII if glyphs is ASCII else _UNICODE
    rows: list[Line] = []
    groups = _groups(cib, pen)
    if groups:
        rows += [_heading("Groups", "start from left to right, together on one node"), *_wrapped(groups, width)]
    rows.append(_heading("Order", f"{pen.must.strip()} must start before, {pen.may.strip()} if both start"))
    rows += _tree(list(_orders(cib, pen)), "order", pen)
    rows.append(_heading("Together", f"{pen.with_} must follow, {pen.near} would like to, {pen.apart} must not"))
    rows += _tree(list(_colocations(cib, pen)), "colocation", pen)
    rows.append(_heading("Places", "points of a resource on a node"))
    rows += _places(cib, width, "." if glyphs is ASCII else "·")
    tickets = list(_tickets(cib, pen))
    if tickets:
        rows += [_heading("Tickets", "what a site may run only with its ticket"), *tickets]
    return rows


def _heading(title: str, note: str) -> Line:
    return Line(
        f"picture:{title}", (Span(title, "accent", True), Span(f"   {note}", "muted")), "heading", selectable=False
    )


def _nothing(what: str) -> Line:
    return Line(f"picture:no {what}", (Span("  none", "muted"),), selectable=False)


# --- groups ---------------------------------------------------------------------------------------------


def _groups(cib: Cib, pen: _Pen) -> list[tuple[str, list[str]]]:
    found = cib.root.iterfind("configuration/resources//group")
    return [
        (group.get("id", ""), [
            one.get("id", "") + (pen.then if place < len(group.findall("primitive")) - 1 else "")
            for place, one in enumerate(group.iterfind("primitive"))
        ]) for group in found
    ]


def _wrapped(groups: list[tuple[str, list[str]]], width: int) -> Iterator[Line]:
    for name, members in groups:
        lead = f"  {name}: "
        row, number = "", 0
        for member in [*members, ""]:
            if row and (not member or len(lead) + len(row) + len(member) > width):
                head = Span(lead, "ok", True) if not number else Span(" " * len(lead))
                yield Line(f"picture:group:{name}:{number}", (head, Span(row)), "resource", name)
                row, number = "", number + 1
            row += member


# --- trees ----------------------------------------------------------------------------------------------


def _tree(edges: Sequence[Edge], kind: str, pen: _Pen) -> Iterator[Line]:
    """What hangs on what. In a ring of edges one of the ring stands above."""
    if not edges:
        yield _nothing(kind)
        return
    below: dict[str, list[Edge]] = {}
    for edge in edges:
        below.setdefault(edge.above, []).append(edge)
    hanging = {edge.below for edge in edges}
    tops = [name for name in below if name not in hanging]
    drawn: set[str] = set()
    for top in [*tops, *below]:
        if top in drawn:
            continue
        yield Line(f"picture:{kind}:{top}", (Span("  "), Span(top, "ok", True)), "resource", _resource(top))
        drawn.add(top)
        yield from _hanging(top, below, "  ", drawn, kind, pen)


def _hanging(
    top: str, below: dict[str, list[Edge]], lead: str, drawn: set[str], kind: str, pen: _Pen
) -> Iterator[Line]:
    children = below.get(top, [])
    for place, edge in enumerate(children):
        last = place == len(children) - 1
        more = below.get(edge.below) and edge.below in drawn
        spans = (
            Span(lead + (pen.last if last else pen.fork), "muted"), Span(edge.line, edge.meaning), Span(" "),
            Span(edge.below, "ok", True), Span(f"  {edge.word}" if edge.word else "", edge.meaning),
            Span("  (drawn above)" if more else "", "muted"), Span(f"  {edge.id}", "muted"),
        )
        yield Line(f"picture:{kind}:{edge.id}:{edge.above}:{edge.below}", spans, "constraint", edge.id)
        if edge.below not in drawn and len(lead) < DEPTH_MAX * 4:
            drawn.add(edge.below)
            yield from _hanging(
                edge.below, below, lead + (" " if last else pen.pass_) + "    ", drawn, kind, pen
            )


def _resource(name: str) -> str:
    return name.partition(":")[0]


def _orders(cib: Cib, pen: _Pen) -> Iterator[Edge]:
    for one in cib.root.iterfind("configuration/constraints/rsc_order"):
        kind = one.get("kind") or ("Optional" if one.get("score") == "0" else "Mandatory")
        must = kind == "Mandatory"
        line = pen.must if must else pen.may
        word = "" if must else "one at a time" if kind == "Serialize" else "if both"
        name = one.get("id", "")
        meaning = "foreground" if must else "muted"
        if one.get("first"):
            first = _end(one, "first", "action", "start")
            then = _end(one, "then", "action", one.get("first-action", "start"))
            yield Edge(first, then, name, line, word, meaning)
            continue
        before = ""
        for found in one.iterfind("resource_set"):
            for step in _steps(found):
                if before:
                    yield Edge(before, step, name, line, word, meaning)
                before = step


def _steps(found: etree._Element) -> list[str]:
    """A set in the order in which it is gone through: one by one, or all at once as one step."""
    members = [one.get("id", "") for one in found.iterfind("resource_ref")]
    if found.get("sequential", "true") == "true":
        return members
    return [f"({' '.join(members)})" if len(members) > 1 else "".join(members)]


def _colocations(cib: Cib, pen: _Pen) -> Iterator[Edge]:
    for one in cib.root.iterfind("configuration/constraints/rsc_colocation"):
        points = parse_score(one.get("score") or "INFINITY")
        line = pen.apart if points < 0 else pen.with_ if points >= INFINITY else pen.near
        meaning = "fail" if points < 0 else "foreground" if points >= INFINITY else "muted"
        word = "" if abs(points) >= INFINITY else str(points)
        name = one.get("id", "")
        if one.get("rsc"):
            yield Edge(_end(one, "with-rsc", "role"), _end(one, "rsc", "role"), name, line, word, meaning)
            continue
        # A later set decides for the one before it; within a set an earlier member decides.
        leader = ""
        for found in reversed(one.findall("resource_set")):
            steps = _steps(found)
            for step in steps:
                if leader:
                    yield Edge(leader, step, name, line, word, meaning)
                leader = step


def _end(element: etree._Element, end: str, what: str, usual: str = "") -> str:
    more = element.get(f"{end}-{what}", "")
    return element.get(end, "") + (f":{more}" if more and more not in (usual, "Started") else "")


# --- places ---------------------------------------------------------------------------------------------


def _places(cib: Cib, width: int, empty: str) -> Iterator[Line]:
    """A table of resources and nodes where it fits, else the nodes of each resource in a row. Rules in words."""
    nodes = [one.get("uname", "") for one in cib.root.iterfind("configuration/nodes/node")]
    points: dict[str, dict[str, str]] = {}
    rules: dict[str, list[tuple[str, str]]] = {}
    for one in cib.root.iterfind("configuration/constraints/rsc_location"):
        for who in _located(one):
            if one.get("node"):
                points.setdefault(who, {})[one.get("node", "")] = _short(one.get("score", ""))
                if one.get("node") not in nodes:
                    nodes.append(one.get("node", ""))
            else:
                rules.setdefault(who, []).extend((one.get("id", ""), _rule(rule)) for rule in one.iterfind("rule"))
    if not points and not rules:
        yield _nothing("places")
        return
    name_width = max(len(who) for who in {**points, **rules}) + 2
    cell = max((len(node) for node in nodes), default=0) + 2
    fits = 2 + name_width + cell * len(nodes) <= width
    if points and fits:
        head = "".join(f"{node:>{cell}}" for node in nodes)
        yield Line("picture:places", (Span(" " * (2 + name_width)), Span(head, "accent")), selectable=False)
    for who in sorted({**points, **rules}):
        row = points.get(who, {})
        spans = [Span("  "), Span(f"{who:<{name_width}}", "ok", True)]
        if fits:
            cells = [row.get(node, "") for node in nodes]
            spans += [Span(f"{score or empty:>{cell}}", _colour(score)) for score in cells]
        else:
            spans += [Span(f"{node}: {score}  ", _colour(score)) for node, score in row.items()]
        if row:
            yield Line(f"picture:place:{who}", tuple(spans), "resource", who.partition(":")[0])
        for number, (name, text) in enumerate(rules.get(who, ())):
            label = Span(f"{'' if row or number else who:<{name_width}}", "ok", True)
            rule = (Span("  "), label, Span(f" {text}"), Span(f"  {name}", "muted"))
            yield Line(f"picture:rule:{name}:{who}:{number}", rule, "constraint", name)


def _located(one: etree._Element) -> list[str]:
    role = f":{one.get('role')}" if one.get("role") else ""
    if one.get("rsc"):
        return [one.get("rsc", "") + role]
    if one.get("rsc-pattern"):
        return [f"/{one.get('rsc-pattern')}/{role}"]
    return [found.get("id", "") + role for found in one.iterfind("resource_set/resource_ref")]


def _rule(rule: etree._Element) -> str:
    parts: list[str] = []
    for one in rule.iterchildren(etree.Element):
        match str(one.tag):
            case "expression":
                parts.append(f"{one.get('attribute', '')} {one.get('operation', '')} {one.get('value', '')}".strip())
            case "date_expression":
                ends = " to ".join(filter(None, (one.get("start"), one.get("end"))))
                parts.append(f"date {one.get('operation', '')} {ends}".strip())
            case "rule":
                parts.append(f"({_rule(one)})")
            case other:
                parts.append(other)
    score = _short(rule.get("score") or rule.get("score-attribute") or "")
    lead = f"{score}: if " if score else ""
    return lead + f" {rule.get('boolean-op', 'and')} ".join(parts)


def _short(score: str) -> str:
    return score.replace("INFINITY", "inf").removeprefix("+")


def _colour(score: str) -> str:
    if not score:
        return "muted"
    if score.startswith("-"):
        return "fail" if score == "-inf" else "warn"
    return "ok"


def _tickets(cib: Cib, pen: _Pen) -> Iterator[Line]:
    for one in cib.root.iterfind("configuration/constraints/rsc_ticket"):
        who = one.get("rsc") or " ".join(ref.get("id", "") for ref in one.iterfind("resource_set/resource_ref"))
        spans = (
            Span(f"  {one.get('ticket', '')}", "ok", True), Span(pen.then), Span(who),
            Span(f"  lost: {one.get('loss-policy', 'stop')}", "warn"), Span(f"  {one.get('id', '')}", "muted"),
        )
        yield Line(f"picture:ticket:{one.get('id')}", spans, "constraint", one.get("id", ""))
