"""What differs between two moments of a cluster: nodes, resources, configuration, and what happened between; pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from hashell.cib.document import Cib
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import Scene
from hashell.monitor.views import Wishes, configuration, overview
from hashell.monitor.views.times import moment

#: Lines of the configuration's difference shown.
LINES_MAX = 2_000


def build(before: Scene, after: Scene, wishes: Wishes) -> list[Line]:
    """From the earlier of two scenes to the later. Raises HashellError for a CIB that cannot be read."""
    if before.when_s > after.when_s and not before.live:
        before, after = after, before
    told: list[Line] = []
    told += _section("Nodes", _changes(_nodes(before, wishes), _nodes(after, wishes)))
    told += _section("Resources", _changes(_resources(before, wishes), _resources(after, wishes)))
    told += _section("Configuration", _configuration(before.cib, after.cib, wishes))
    between = [event for event in after.events if event not in _known(before)]
    faults = sum(1 for event in between if event.level in ("warning", "error"))
    told.append(_heading("between", f"Between them: {_many(len(between), 'event')}, {_many(faults, 'fault')}"))
    return told


def title(before: Scene, after: Scene) -> str:
    """`02:13:07 → 02:16:12`."""
    first, second = sorted((before, after), key=lambda scene: (scene.live, scene.when_s))
    return f"What changed from {moment(first.when_s)} to {'now' if second.live else moment(second.when_s)}"


def _known(scene: Scene) -> list[object]:
    return list(scene.events[-200:])


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _heading(key: str, text: str) -> Line:
    return Line(f"heading:{key}", (Span(text, "accent", True),), "heading", selectable=False)


def _section(title: str, rows: Iterator[tuple[str, str]]) -> Iterator[Line]:
    yield _heading(title, title)
    nothing = True
    for place, (sign, text) in enumerate(rows):
        nothing = False
        meaning = {"+": "ok", "-": "fail", "~": "warn", "@": "accent"}.get(sign, "muted")
        yield Line(f"{title}:{place}", (Span(f" {sign} ", meaning), Span(text, meaning if sign in "+-@" else "")))
    if nothing:
        yield Line(f"{title}:same", (Span("   as it was", "muted"),), selectable=False)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    wide = max((len(name) for name in {**before, **after}), default=0)
    for name in {**before, **after}:
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        if was is None:
            yield "+", f"{name:<{wide}}  {now}"
        elif now is None:
            yield "-", f"{name:<{wide}}  was {was}"
        else:
            yield "~", f"{name:<{wide}}  {was}, then {now}"


def _nodes(scene: Scene, wishes: Wishes) -> dict[str, str]:
    status = overview.survey(scene, wishes).status
    return {} if status is None else {node.name: overview.node_state(node)[0] for node in status.nodes}


def _resources(scene: Scene, wishes: Wishes) -> dict[str, str]:
    status = overview.survey(scene, wishes).status
    if status is None:
        return {}
    return {
        one.id: " ".join(
            (one.role.value, *(("on", ", ".join(one.active_on)) if one.active_on else ()),
             *(("FAILED",) if one.failed else ()))
        ) for one in status.primitives()
    }


def _configuration(before: Cib | None, after: Cib | None, wishes: Wishes) -> Iterator[tuple[str, str]]:
    one, other = (_text(cib, wishes) for cib in (before, after))
    lines = difflib.unified_diff(one, other, lineterm="", n=1)
    for place, line in enumerate(line for line in lines if not line.startswith(("+++", "---"))):
        if place >= LINES_MAX:
            return
        yield ("@", "") if line.startswith("@@") else (line[:1], line[1:])


def _text(cib: Cib | None, wishes: Wishes) -> list[str]:
    if cib is None:
        return []
    if wishes.crm_text is not None:
        return wishes.crm_text(cib).expandtabs(4).splitlines()
    return [line.text for line in configuration.xml_lines(cib)]
