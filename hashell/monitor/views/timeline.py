"""The timeline as lines: every event, who changed the configuration and why, incidents, what services keep; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hashell.monitor.glyphs import Glyphs
from hashell.monitor.incidents import Incident, incidents
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene
from hashell.monitor.views import View, Wishes, incident
from hashell.monitor.views.times import clock, moment
from hashell.wire.messages import EventInfo, HistoryRow

MEANING = {"info": "muted", "notice": "ok", "warning": "warn", "error": "fail"}
#: Columns below which a row does without the tenths and the node that told it.
NARROW = 60
FAULT = {"warning": 1, "error": 2}


def build(scene: Scene, wishes: Wishes) -> Sequence[Line]:
    """Events, versions of the configuration and incidents so far, newest last; what services keep stands above."""
    now_s = wishes.now_s if scene.live else scene.when_s
    narrow = wishes.width < NARROW
    versions = {row.version for row in scene.history}
    found = incidents(scene.events, scene.transitions, scene.probes, now_s)
    items: list[tuple[float, int, EventInfo | HistoryRow | Incident]] = [(one.began_s, 0, one) for one in found]
    items += [(event.when_s, 2, event) for event in scene.events if not _told_by_history(event, versions)]
    begins = scene.events[0].when_s if scene.events else 0.0
    items += [(row.when_s, 1, row) for row in scene.history if row.when_s >= begins]
    items.sort(key=lambda item: item[:2])
    told = list(incident.services(scene.probes, found, wishes, now_s))
    if told:
        told.insert(0, Line("heading:services", (Span("Services", "accent", True),), "heading", selectable=False))
        told.append(Line("heading:events", (Span("Events", "accent", True),), "heading", selectable=False))
    for _, _, item in items:
        match item:
            case EventInfo():
                told.append(event_line(item, wishes.glyphs, narrow=narrow))
            case HistoryRow():
                told.append(version_line(item, wishes.glyphs, narrow=narrow))
            case _:
                told.append(incident.heading(item, wishes, now_s))
    return told


def _told_by_history(event: EventInfo, versions: set[str]) -> bool:
    """The history says of a change who, what and why; its event says it once more."""
    if event.kind != "config" or event.level != "info":
        return False
    return event.text.rpartition("(version ")[2].rstrip(")") in versions


def lines(events: Iterable[EventInfo], glyphs: Glyphs) -> list[Line]:
    """One line an event."""
    return [event_line(event, glyphs) for event in events]


def event_line(event: EventInfo, glyphs: Glyphs, *, narrow: bool = False) -> Line:
    """Time, node, sign and text of an event; a narrow one leaves out who told it."""
    meaning = MEANING.get(event.level, "muted")
    return Line(
        f"event:{event.node}:{event.number}",
        (
            *_head(event.when_s, event.node, narrow=narrow),
            Span(f"{glyphs.of(meaning)} ", meaning),
            Span(event.text, "foreground" if event.level != "info" else "muted"),
        ),
        "event", event.about[0] if event.about else "", event.node, FAULT.get(event.level, 0), when_s=event.when_s,
    )


def _head(when_s: float, node: str, *, narrow: bool) -> tuple[Span, ...]:
    if narrow:
        return (Span(f" {moment(when_s)} ", "muted"),)
    return Span(f" {clock(when_s)} ", "muted"), Span(f"{node:<10.10} ", "accent")


def version_line(row: HistoryRow, glyphs: Glyphs, *, narrow: bool = False) -> Line:
    """Who changed the configuration, how, and what they said about it."""
    said = f'  "{row.message}"' if row.message else ""
    return Line(
        f"version:{row.version}",
        (
            *_head(row.when_s, row.node or row.user, narrow=narrow),
            Span(f"{glyphs.maint} ", "maint"),
            Span(f"{row.user}: " if row.user else "", "maint"),
            Span(row.command or "the configuration was changed"),
            Span(said, "ok"), Span(f"  {row.version}", "muted"),
        ),
        "version", row.version, row.node, when_s=row.when_s,
    )


VIEW = View(
    "timeline", build, frozenset({"events", "history", "transition", "probes"}), heavy=True, follow=True,
    empty="nothing happened yet",
    help=(
        ("enter", "an incident: its parts; an event: the cluster as it was then"),
        ("space  d", "mark a moment; what changed between it and here"),
    ),
)
