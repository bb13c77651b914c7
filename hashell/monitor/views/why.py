"""Why is it here, and what must change for another node to win: what the scheduler adds up for each node, as lines.

In:  the CIB, a resource (`Wishes.about`), what was found out about other nodes (`Wishes.winning`). Out: the verdict,
why it is stopped and what it waits for; for each node the score, the terms that add up to it, what stands in the way,
and what would have to change. The words are those of `hashell explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hashell.errors import HashellError
from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene
from hashell.monitor.views import View, Wishes
from hashell.scheduler.trace import trace
from hashell.scheduler.why import WANTED, NodeWhy, Why, instances, tell
from hashell.simulate.explain import node_rows, sign_of, way_lines, wrapped
from hashell.simulate.run import decide
from hashell.simulate.source import zone
from hashell.values.scores import show_score

#: Terms shown for each node; a busy cluster can have hundreds.
TERMS_MAX = 60
#: Instances of one resource; a clone on a hundred nodes is the same a hundred times.
INSTANCES_MAX = 16
#: The column in which the words of a term begin.
_TEXT_AT = 20
_ASKING = "asking the scheduler what must change …"


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """About the resource that `wishes` are about: its verdict, then one line a node, best first, its terms below."""
    if scene.cib is None or not wishes.about:
        return ()
    now_s = wishes.now_s if scene.live else scene.when_s
    try:
        decision = decide(scene.cib, now_s, 0, WANTED, zone(now_s))
    except HashellError as error:
        return [_note("why", f" the scheduler cannot say: {error}", "fail")]
    names = instances(decision.state, wishes.about)
    if not names:
        return [_note("why", f" {wishes.about} is not there, or a container: ask about what is in it")]
    shown = names[:INSTANCES_MAX]
    traces = trace(decision.state, shown)
    told: list[Line] = []
    for place, name in enumerate(shown):
        told += _lines(tell(decision.state, decision.schedule, traces, name), wishes, first=not place)
    if len(shown) < len(names):
        told.append(_note("why:more", f" {len(names) - len(shown)} more instances"))
    return told


def _note(key: str, text: str, meaning: str = "muted", parent: str = "") -> Line:
    return Line(key, (Span(text, meaning),), parent=parent, depth=1 if parent else 0, selectable=False)


def _notes(key: str, lines: Iterable[str], parent: str, meaning: str = "muted") -> Iterator[Line]:
    """Lines of `hashell explain`; a command stands out."""
    for place, text in enumerate(lines):
        command = text.lstrip().startswith("$ ")
        yield _note(f"{key}:{place}", f"  {text}", "accent" if command else meaning, parent)


def _lines(why: Why, wishes: Wishes, *, first: bool) -> Iterator[Line]:
    top, width = f"why:{why.resource}", wishes.width - 3
    where = f"runs on {why.node}" if why.node else "runs nowhere"
    yield Line(
        top, (Span(f" {why.resource} ", "accent", True), Span(where, "ok" if why.node else "warn")), selectable=False,
    )
    yield from _notes(f"{top}:verdict", wrapped(why.verdict, "  ", 4, width), top, "foreground")
    if why.change:
        yield from _notes(f"{top}:change", wrapped(f"Now: {why.change}", "  ", 4, width), top, "warn")
    for place, way in enumerate(why.stopped):
        yield from _notes(f"{top}:stopped:{place}", way_lines(way, width=width), top, "warn")
    if why.promotion is not None:
        where = f" on {why.promotion.node}" if why.promotion.node else ""
        told = f"promotion{where}: {show_score(why.promotion.points)} {why.promotion.note}"
        yield _note(f"{top}:promotion", f"    {told}", parent=top)
        for place, term in enumerate(why.promotion.summands[:TERMS_MAX]):
            of = f" (of {term.of})" if term.of else ""
            yield from _term(f"{top}:promotion:{place}", top, sign_of(term), f"{term.text}{of}", width)
    for one in why.nodes:
        yield from _node_lines(top, one, wishes.glyphs, width, chosen=one.chosen and bool(why.node))
        if first and one.node in wishes.winning:
            lines = wishes.winning[one.node]
            key = f"{top}:{one.node}"
            yield from _notes(f"{key}:winning", (f"  {_ASKING}",) if lines is None else lines, key, "pending")
    for place, wait in enumerate(why.waits):
        verb = "waits for" if wait.possible else "cannot be done before"
        for number, cause in enumerate(wait.causes):
            text = f"{wait.text} {verb} {cause.text}: {cause.why}"
            meaning = "muted" if wait.possible else "warn"
            yield from _notes(f"{top}:wait:{place}:{number}", wrapped(text, "  ", 6, width), top, meaning)


def _node_lines(top: str, one: NodeWhy, glyphs: Glyphs, width: int, *, chosen: bool) -> Iterator[Line]:
    key = f"{top}:{one.node}"
    points = "not allowed" if one.points is None else show_score(one.points)
    barred = one.points is None or one.points < 0 or bool(one.obstacles)
    meaning = "fail" if barred else "ok" if chosen else "foreground"
    sign = glyphs.arrow if chosen else " "
    yield Line(
        key, (Span(f"  {sign} ", meaning), Span(f"{one.node:<20} ", bold=True), Span(points, meaning)),
        "node", one.node, one.node, parent=top,
    )
    rows = list(node_rows(one))
    for place, row in enumerate(rows[:TERMS_MAX]):
        yield from _term(
            f"{key}:{place}", key, row.points, row.text, width, "fail" if row.veto else "foreground"
        )
    if len(rows) > TERMS_MAX:
        yield _note(f"{key}:more", f"      {len(rows) - TERMS_MAX} more terms", parent=key)


def _term(
    key: str, parent: str, points: str, text: str, width: int, meaning: str = "foreground"
) -> Iterator[Line]:
    """Points, and the words beside them in as many rows as they need."""
    for place, part in enumerate(wrapped(text, width=width - _TEXT_AT)):
        beside = f"      {points if not place else '':>12}  "
        yield Line(
            key if not place else f"{key}:{place}", (Span(beside, "muted"), Span(part, meaning)), depth=1,
            parent=parent, selectable=False,
        )


VIEW = View(
    "why", build, frozenset({"cib"}), heavy=True, asked=True, empty="press x on a resource",
    help=(("enter", "on a node: what must change for it to win"),),
)
