"""Incidents as lines: one in the timeline, one with its parts to scale, what services promise and keep; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hashell.monitor.incidents import PARTS, Incident, percentile
from hashell.monitor.lines import Line, Span
from hashell.monitor.scene import ProbeSight
from hashell.monitor.views import Wishes
from hashell.monitor.views.times import ago, clock, moment, took

#: Cells of the bars of an incident, at most.
BAR_MAX = 60


def heading(one: Incident, wishes: Wishes, now_s: float) -> Line:
    """`02:13:07.2 node2 was lost: mended in 3.4s (decide 0.1s, fence 1.5s, start 0.5s), web away 2.9s`."""
    word, meaning, fault = _state(one)
    narrow = wishes.width < 60
    parts = ", ".join(f"{part.name} {took(part.seconds)}" for part in one.parts)
    away = "".join(f", {outage.name} away {took(outage.seconds)}" for outage in one.outages)
    late = any(not outage.kept for outage in one.outages)
    return Line(
        one.key,
        (
            Span(f" {moment(one.began_s) if narrow else clock(one.began_s)} ", "muted"),
            Span("" if narrow else "incident   ", "accent", True),
            Span(f"{wishes.glyphs.opened} ", meaning), Span(f"{word} {took(one.seconds(now_s))}", meaning, True),
            Span(away, "fail" if late else "foreground", late), Span(f"  {one.title}"),
            Span(f" and {one.faults - 1} more" if one.faults > 1 else ""),
            Span(f"  ({parts})" if parts else "", "muted"),
        ),
        "incident", one.about[0] if one.about else "", fault=fault, when_s=one.began_s,
    )


def _state(one: Incident) -> tuple[str, str, int]:
    if not one.ended_s:
        return "lasts", "fail", 2
    return ("mended in", "ok", 0) if one.mended else ("not mended in", "warn", 1)


def story(one: Incident, wishes: Wishes, now_s: float) -> list[Line]:
    """Everything about one: each part with a bar to scale, then what clients saw."""
    word, meaning, _ = _state(one)
    width = max(10, min(BAR_MAX, wishes.width - 50))
    whole_s = max(one.seconds(now_s), 0.001)
    end = f", {moment(one.ended_s)}" if one.ended_s else ""
    told = [
        _line("title", Span(f" {one.title}", "accent", True)),
        _line("state", Span(f" {word} {took(one.seconds(now_s))}", meaning, True),
              Span(f"  {moment(one.began_s)}{end}", "muted"),
              Span(f"  {one.faults} faults" if one.faults > 1 else "", "muted")),
        _line("blank", Span("")),
    ]
    for name in PARTS:
        part = one.part(name)
        if part is None:
            why = {
                "detect": "no client asked: set --probe to know",
                "decide": "nothing was decided", "verify": "not verified yet",
            }.get(name, "nothing to do")
            told.append(_line(name, Span(f" {name:<8}{'':>8}  {why}", "muted")))
            continue
        at = round((part.began_s - one.began_s) / whole_s * (width - 1))
        cells = max(1, round(part.seconds / whole_s * width))
        bar = " " * max(0, at) + wishes.glyphs.bar * min(cells, width - max(0, at))
        told.append(_line(
            name, Span(f" {name:<8}", "foreground", True), Span(f"{took(part.seconds):>8}  ", "accent"),
            Span(f"{bar:<{width}} ", {"detect": "warn", "fence": "fenced", "stop": "muted"}.get(name, "ok")),
            Span(part.what, "muted"),
        ))
    for place, outage in enumerate(one.outages):
        promise = f", {took(outage.budget_s)} allowed" if outage.budget_s else ""
        told.append(_line(
            f"outage:{place}", Span(f" client  {took(outage.seconds):>8}  ", "ok" if outage.kept else "fail", True),
            Span(f"{outage.name} was away{promise}", "foreground" if outage.kept else "fail"),
        ))
    if one.transitions:
        numbers = ", ".join(map(str, one.transitions))
        told.append(_line("transitions", Span(f" transitions {numbers}", "muted")))
    return told


def _line(key: str, *spans: Span) -> Line:
    return Line(f"incident:{key}", spans, "text", selectable=False)


def _several(lengths: Sequence[float], word: str) -> str:
    """`1 outage 3.3s`, `4 outages p50 1.2s p90 3.1s max 3.1s`."""
    if len(lengths) == 1:
        return f"1 {word} {took(lengths[0])}"
    p50, p90 = percentile(lengths, 0.5), percentile(lengths, 0.9)
    return f"{len(lengths)} {word}s p50 {took(p50)} p90 {took(p90)} max {took(max(lengths))}"


def services(
    probes: Sequence[ProbeSight], found: Iterable[Incident], wishes: Wishes, now_s: float
) -> Iterator[Line]:
    """What clients see of each service, how its outages were, and how many kept its budget; then the recoveries."""
    for probe in probes:
        lengths = [ended_s - began_s for began_s, ended_s in probe.gaps]
        meaning = "unknown" if probe.ok is None else "ok" if probe.ok else "fail"
        word = {None: "not asked yet", True: "answers", False: "AWAY"}[probe.ok]
        spans = [
            Span(f" {wishes.glyphs.of(meaning)} ", meaning), Span(f"{probe.name:<14} ", bold=True),
            Span(f"{word} ", meaning), Span(f"{ago(now_s - probe.since_s)}  ", "muted"),
        ]
        if lengths:
            spans.append(Span(f"{_several(lengths, 'outage')}  "))
        elif probe.ok is not False:
            spans.append(Span("no outage seen  ", "muted"))
        if probe.budget_s:
            kept = sum(1 for length in lengths if length <= probe.budget_s)
            spans.append(Span(
                f"{took(probe.budget_s)} allowed" + (f", kept {kept} of {len(lengths)}" if lengths else ""),
                "ok" if kept == len(lengths) else "fail",
            ))
        yield Line(
            f"probe:{probe.name}", tuple(spans), "probe", probe.name, fault=2 if probe.ok is False else 0,
            parent="heading:services",
        )
    mended = [one.seconds(now_s) for one in found if one.mended]
    if mended:
        yield Line(
            "recoveries",
            (
                Span(f" {wishes.glyphs.ok} ", "ok"), Span(f"{'recoveries':<14} ", bold=True),
                Span(_several(mended, "incident")),
            ),
            "text", parent="heading:services",
        )
