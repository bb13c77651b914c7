"""Why is it here: what the scheduler adds up for each node, as lines.

In:  the CIB and a resource. Out: what happens to it and why it is stopped; for each node the score when its place was
chosen, the terms that add up to it, and what stands in the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hashell.cib.document import Cib
from hashell.errors import HashellError
from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene
from hashell.monitor.views import View, Wishes
from hashell.scheduler.trace import trace
from hashell.scheduler.why import WANTED, NodeWhy, Summand, Why, instances, tell
from hashell.simulate.run import decide
from hashell.simulate.source import zone
from hashell.values.scores import show_score

#: Terms shown for each node; a busy cluster can have hundreds.
TERMS_MAX = 60
#: Instances of one resource; a clone on a hundred nodes is the same a hundred times.
INSTANCES_MAX = 16


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """About the resource that `wishes` are about."""
    if scene.cib is None or not wishes.about:
        return ()
    return lines(scene.cib, wishes.about, wishes.glyphs, wishes.now_s if scene.live else scene.when_s)


def lines(cib: Cib, resource: str, glyphs: Glyphs, now_s: float) -> list[Line]:
    """One line a node, best first, with its terms below."""
    try:
        decision = decide(cib, now_s, 0, WANTED, zone(now_s))
    except HashellError as error:
        return [_note("why", f" the scheduler cannot say: {error}", "fail")]
    names = instances(decision.state, resource)
    if not names:
        return [_note("why", f" {resource} is a container: ask about what is in it")]
    shown = names[:INSTANCES_MAX]
    traces = trace(decision.state, shown)
    told: list[Line] = []
    for name in shown:
        told += _lines(tell(decision.state, decision.schedule, traces, name), glyphs)
    if len(shown) < len(names):
        told.append(_note("why:more", f" {len(names) - len(shown)} more instances"))
    return told


def _note(key: str, text: str, meaning: str = "muted", parent: str = "") -> Line:
    return Line(key, (Span(text, meaning),), parent=parent, depth=1 if parent else 0, selectable=False)


def _lines(why: Why, glyphs: Glyphs) -> Iterator[Line]:
    top = f"why:{why.resource}"
    where = f"runs on {why.node}" if why.node else "runs nowhere"
    yield Line(
        top, (Span(f" {why.resource} ", "accent", True), Span(where, "ok" if why.node else "warn")), selectable=False,
    )
    if why.change:
        yield _note(f"{top}:change", f"    {why.change}", "warn", top)
    for place, way in enumerate(why.stopped):
        yield _note(f"{top}:stopped:{place}", f"    {way.text}", "warn", top)
    for place, wait in enumerate(why.waits):
        verb = "waits for" if wait.possible else "cannot be done before"
        for number, cause in enumerate(wait.causes):
            yield _note(
                f"{top}:wait:{place}:{number}", f"    {wait.text} {verb} {cause.text}: {cause.why}",
                "muted" if wait.possible else "warn", top,
            )
    if why.promotion is not None:
        where = f" on {why.promotion.node}" if why.promotion.node else ""
        told = f"score for promotion{where}: {show_score(why.promotion.points)} {why.promotion.note}"
        yield _note(f"{top}:promotion", f"    {told}", parent=top)
        for place, term in enumerate(why.promotion.summands[:TERMS_MAX]):
            yield _term(f"{top}:promotion:{place}", top, term)
    for one in why.nodes:
        yield from _node_lines(top, one, glyphs, chosen=one.chosen and bool(why.node))


def _node_lines(top: str, one: NodeWhy, glyphs: Glyphs, *, chosen: bool) -> Iterator[Line]:
    key = f"{top}:{one.node}"
    points = "not allowed" if one.points is None else show_score(one.points)
    barred = one.points is None or one.points < 0 or bool(one.obstacles)
    meaning = "fail" if barred else "ok" if chosen else "foreground"
    sign = glyphs.arrow if chosen else " "
    yield Line(
        key, (Span(f"  {sign} ", meaning), Span(f"{one.node:<20} ", bold=True), Span(points, meaning)),
        "node", one.node, one.node, parent=top,
    )
    for place, way in enumerate(one.obstacles):
        yield _note(f"{key}:obstacle:{place}", f"      {'':>12}  {way.text}", "fail", key)
    terms = (*one.summands, *one.later)
    for place, term in enumerate(terms[:TERMS_MAX]):
        yield _term(f"{key}:{place}", key, term)
    if len(terms) > TERMS_MAX:
        yield _note(f"{key}:more", f"      {len(terms) - TERMS_MAX} more terms", parent=key)


def _term(key: str, parent: str, term: Summand) -> Line:
    points = show_score(term.points)
    sign = "=" if term.sets else "" if points.startswith("-") else "+"
    return Line(
        key,
        (
            Span(f"      {sign + points:>12}  ", "muted"), Span(term.text),
            Span(f"  (of {term.of})" if term.of else "", "muted"),
        ),
        depth=1, parent=parent, selectable=False,
    )


VIEW = View("why", build, frozenset({"cib"}), heavy=True, asked=True, empty="press x on a resource")
