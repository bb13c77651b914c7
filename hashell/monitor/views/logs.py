"""Logs of all nodes in one order: what each node told of itself, by one clock, as lines; pure.

In:  the scene's own events (of the node that we are attached to) and what other nodes told (`Scene.logs`), whose
clocks' distance from ours is taken off and told. Out: a line of what is shown, a line for each clock that is wrong and
each node that does not tell, then the events, newest last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import NodeLog, Scene
from hashell.monitor.views import View, Wishes
from hashell.monitor.views.timeline import FAULT, MEANING, NARROW
from hashell.monitor.views.times import clock, moment
from hashell.wire.messages import EventInfo

#: Levels from the mildest; a wish shows one and all above it.
LEVELS = ("info", "notice", "warning", "error")
#: Rows shown: what is older is found by going back in time.
ROWS_MAX = 5_000
#: A clock that is off by less is right.
LAG_S = 0.25


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """The newest rows that are wished for."""
    rows = merged(scene)
    lowest = LEVELS.index(wishes.level) if wishes.level in LEVELS else 0
    shown = [
        row for row in rows
        if (not lowest or row[1].level not in LEVELS or LEVELS.index(row[1].level) >= lowest)
        and (not wishes.only_node or row[1].node == wishes.only_node)
    ]
    told = [_headline(scene, wishes, len(shown), len(rows))]
    told += _clocks(scene.node_logs)
    if len(shown) > ROWS_MAX:
        told.append(_note("logs:more", f" {len(shown) - ROWS_MAX} older ones are not shown: go back in time with {{"))
    told += (_row(at_s, event, wishes) for at_s, event in shown[-ROWS_MAX:])
    return told


def merged(scene: Scene) -> list[tuple[float, EventInfo]]:
    """Every event once, by our clock: what our own node told (also of nodes that we were attached to before) and what
    the others did."""
    rows: dict[tuple[str, int, float], tuple[float, EventInfo]] = {}
    lags = {one.node: one.lag_s for one in scene.node_logs if one.node != scene.link.node}
    for event in scene.events:
        rows[event.node, event.number, event.when_s] = (event.when_s - lags.get(event.node, 0.0), event)
    for at_s, event in scene.logs:
        rows.setdefault((event.node, event.number, event.when_s), (at_s, event))
    return sorted(rows.values(), key=lambda row: (row[0], row[1].node, row[1].number))


def _note(key: str, text: str, meaning: str = "muted") -> Line:
    return Line(key, (Span(text, meaning),), "heading", selectable=False)


def _headline(scene: Scene, wishes: Wishes, shown: int, of: int) -> Line:
    nodes = {event.node for event in scene.events} | {one.node for one in scene.node_logs}
    what = f"{wishes.level} and worse" if wishes.level in LEVELS[1:] else "all levels"
    whose = f"only {wishes.only_node}" if wishes.only_node else f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}"
    count = f"{shown} of {of}" if shown != of else f"{of}"
    keys = f"  {count}  v level  n this node only  / text"
    return Line(
        "logs", (Span(f" {whose}, {what}", "accent", True), Span(keys, "muted")), "heading", selectable=False,
    )


def _clocks(nodes: Sequence[NodeLog]) -> Iterator[Line]:
    for one in nodes:
        if one.problem:
            yield _note(f"logs:{one.node}:problem", f" {one.node} does not tell: {one.problem}", "warn")
        elif abs(one.lag_s) > max(LAG_S, one.within_s):
            way = "ahead of" if one.lag_s > 0 else "behind"
            yield _note(
                f"logs:{one.node}:clock",
                f" {one.node}: its clock is {abs(one.lag_s):.1f} s {way} this one; its rows stand at our time", "warn",
            )


def _row(at_s: float, event: EventInfo, wishes: Wishes) -> Line:
    meaning = MEANING.get(event.level, "muted")
    stamp = f" {moment(at_s)} " if wishes.width < NARROW else f" {clock(at_s)} "
    sign = wishes.glyphs.of(meaning)
    return Line(
        f"event:{event.node}:{event.number}",
        (
            Span(stamp, "muted"), Span(f"{event.node:<10.10} ", "accent"), Span(f"{sign} {event.level:<8}", meaning),
            Span(f"{event.kind:<11.11} ", "muted"),
            Span(event.text, "foreground" if event.level != "info" else "muted"),
        ),
        "event", event.about[0] if event.about else "", event.node, FAULT.get(event.level, 0), when_s=at_s,
    )


VIEW = View(
    "logs", build, frozenset({"events", "logs", "link"}), heavy=True, follow=True, empty="nobody told anything yet",
    help=(
        ("v", "the lowest level that is shown: all, notice, warning, error"),
        ("n", "only the node of the row under the cursor; again: all"),
        ("enter", "the cluster as it was then"),
    ),
)
