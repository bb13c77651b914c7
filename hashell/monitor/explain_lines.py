"""Why is it here: what the scheduler adds up for each node, as lines.

In:  the CIB and a resource. Out: for each node the score when its place was chosen, and the terms of the sum.
"""

from __future__ import annotations

from collections.abc import Iterator

from hashell.cib.document import Cib
from hashell.errors import HashellError
from hashell.monitor.glyphs import Glyphs
from hashell.monitor.lines import Line, Span
from hashell.scheduler.explain import Explanation, explain
from hashell.scheduler.schedule import Wanted
from hashell.simulate.run import Decision, decide
from hashell.values.scores import show_score

#: Terms shown for each node; a busy cluster can have hundreds.
TERMS_MAX = 60


def build(cib: Cib, resource: str, glyphs: Glyphs, now_s: float) -> list[Line]:
    """One line a node, best first, with its terms below."""
    try:
        decision = decide(cib, now_s, 0, Wanted(scores=True))
    except HashellError as error:
        return [Line("why", (Span(f" the scheduler cannot say: {error}", "fail"),), selectable=False)]
    found = _instances(decision, resource)
    if not found:
        return [Line("why", (Span(f" {resource} is a container: ask about what is in it", "muted"),), selectable=False)]
    lines: list[Line] = []
    for name in found:
        lines += _lines(explain(decision.schedule, name), glyphs)
    return lines


def _instances(decision: Decision, resource: str) -> list[str]:
    """The resource itself, or its instances when it is cloned, or the members of what it contains."""
    placements = decision.schedule.placements
    if resource in placements:
        return [resource]
    parents = decision.schedule.parents
    return [
        name for name in placements
        if name.partition(":")[0] == resource or resource in parents.get(name, ())
    ]


def _lines(told: Explanation, glyphs: Glyphs) -> Iterator[Line]:
    where = f"runs on {told.node}" if told.node else "runs nowhere"
    yield Line(
        f"why:{told.resource}",
        (Span(f" {told.resource} ", "accent", True), Span(where, "ok" if told.node else "warn")),
        selectable=False,
    )
    for node, total in sorted(told.totals.items(), key=lambda item: (-item[1], item[0])):
        meaning = "fail" if total < 0 else "ok" if node == told.node else "foreground"
        sign = glyphs.arrow if node == told.node else " "
        yield Line(
            f"why:{told.resource}:{node}",
            (Span(f"  {sign} ", meaning), Span(f"{node:<20} ", bold=True), Span(show_score(total), meaning)),
            "node", node, node, parent=f"why:{told.resource}",
        )
        terms = [term for term in told.terms if term.node in ("", node)]
        for place, term in enumerate(terms[:TERMS_MAX]):
            points = show_score(term.score)
            yield Line(
                f"why:{told.resource}:{node}:{place}",
                (
                    Span(f"      {points if points.startswith('-') else '+' + points:>12}  ", "muted"),
                    Span(term.reason),
                    Span("" if term.resource == told.resource else f"  (of {term.resource})", "muted"),
                ),
                depth=1, parent=f"why:{told.resource}:{node}", selectable=False,
            )
        if len(terms) > TERMS_MAX:
            yield Line(
                f"why:{told.resource}:{node}:more",
                (Span(f"      {len(terms) - TERMS_MAX} more terms", "muted"),), selectable=False,
            )
