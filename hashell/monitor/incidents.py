"""Incidents: from the events and transitions of a cluster, each failure with the way back to health, split into parts.

In:  what a scene knows: events, transitions with the times of their actions, what clients saw. Out: `Incident`s.
     detect    from the last answer that a client got to the first word of the cluster (known only where a probe is set)
     decide    to the beginning of the transition that mends it
     fence, stop, start   from the first such action's beginning to the last one's end, in all transitions of it
     verify    from then to the end of the transition: what was started is monitored
Parts may overlap where the cluster does two things at once. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hashell.monitor.scene import ProbeSight, TransitionNow
from hashell.wire.messages import EventInfo

#: Kinds of events whose warnings and errors begin an incident.
FAULTS = frozenset({"member", "operation", "fencing", "quorum"})
#: Seconds without any word after which an incident that nothing mends is over.
QUIET_S = 60.0
#: Seconds by which an outage may begin before the cluster notices, and still belong to an incident.
OUTAGE_BEFORE_S = 120.0
#: Seconds by which clocks of nodes may differ from ours.
SKEW_S = 0.5
PARTS = ("detect", "decide", "fence", "stop", "start", "verify")
_TASKS = {
    "stonith": "fence", "stop": "stop", "demote": "stop", "start": "start", "promote": "start", "migrate_to": "start",
    "migrate_from": "start", "reload": "start", "reload-agent": "start",
}
_ENDED = re.compile(r"transition \d+: (complete|failed|aborted)")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the way. `what` names who or what took part."""

    name: str
    began_s: float
    ended_s: float
    what: str = ""

    @property
    def seconds(self) -> float:
        return max(0.0, self.ended_s - self.began_s)


@dataclass(frozen=True, slots=True)
class Outage:
    """What a client saw of it: how long its service was away, and how long it may be (0: no promise)."""

    name: str
    began_s: float
    ended_s: float
    budget_s: float = 0.0

    @property
    def seconds(self) -> float:
        return max(0.0, self.ended_s - self.began_s)

    @property
    def kept(self) -> bool:
        return not self.budget_s or self.seconds <= self.budget_s


@dataclass(frozen=True, slots=True)
class Incident:
    """A failure. `ended_s` 0: it is not mended yet; `mended` False with an end: nobody mended it, it became quiet."""

    title: str
    noticed_s: float
    ended_s: float = 0.0
    mended: bool = False
    about: tuple[str, ...] = ()
    faults: int = 1
    transitions: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()
    outages: tuple[Outage, ...] = ()

    @property
    def began_s(self) -> float:
        """When it began to hurt: a client may have known before the cluster did."""
        return min([self.noticed_s, *(outage.began_s for outage in self.outages)])

    @property
    def key(self) -> str:
        return f"incident:{self.noticed_s:.3f}"

    def seconds(self, now_s: float) -> float:
        """From its beginning to its end, or to now."""
        return max(0.0, (self.ended_s or now_s) - self.began_s)

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)


def incidents(
    events: Sequence[EventInfo], transitions: Sequence[TransitionNow], probes: Sequence[ProbeSight] = (),
    now_s: float = 0.0,
) -> tuple[Incident, ...]:
    """All of them, oldest first; the last one may be open."""
    courses = {(course.number, course.dc): course for course in transitions if course.number}
    found = [_measured(one, tuple(courses.values())) for one in _groups(events, tuple(courses.values()), now_s)]
    return tuple(_with_outages(one, probes, now_s) for one in found)


def is_fault(event: EventInfo) -> bool:
    """Whether an event tells of something that broke, and not of what is done about it."""
    return event.kind in FAULTS and event.level in ("warning", "error")


def _groups(
    events: Sequence[EventInfo], courses: Sequence[TransitionNow], now_s: float
) -> Iterator[Incident]:
    """Faults that belong together: those that come before the way back has ended."""
    ends = sorted(
        [(course.ended_s, course.result) for course in courses if not course.running and course.ended_s]
        + [(event.when_s, found[1]) for event in events if event.kind == "transition"
           if (found := _ENDED.match(event.text)) is not None]
    )
    words: list[tuple[float, int, str, EventInfo | None]] = sorted(
        [(event.when_s, 0, "", event) for event in events if is_fault(event)]
        + [(when_s, 1, result, None) for when_s, result in ends],
        key=lambda word: word[:2],
    )
    now: Incident | None = None
    last_s = 0.0
    told: set[str] = set()
    for when_s, _, result, event in words:
        if now is not None and when_s - last_s > QUIET_S and not _runs(courses, last_s, when_s):
            yield replace(now, ended_s=last_s)
            now = None
        if event is not None:
            if now is None:
                now, told = Incident(event.text, event.when_s, about=event.about), set()
            elif event.text not in told:
                now = replace(
                    now, faults=now.faults + 1, about=tuple(dict.fromkeys((*now.about, *event.about)))
                )
            told.add(event.text)
            last_s = when_s
        elif now is not None:
            last_s = when_s
            # What failed in a transition is known before it ends; its end then mends nothing.
            if result == "complete" and when_s > now.noticed_s:
                yield replace(now, ended_s=when_s, mended=True)
                now = None
    if now is not None:
        quiet = now_s - last_s > QUIET_S and not _runs(courses, last_s, now_s)
        yield replace(now, ended_s=last_s) if quiet else now


def _runs(courses: Iterable[TransitionNow], began_s: float, ended_s: float) -> bool:
    return any(course.began_s <= ended_s and (course.running or course.ended_s >= began_s) for course in courses)


def _measured(one: Incident, courses: Sequence[TransitionNow]) -> Incident:
    until_s = (one.ended_s or math.inf) + SKEW_S
    mine = [
        course for course in courses
        if (course.running or course.ended_s > one.noticed_s) and course.began_s <= until_s
    ]
    if not mine:
        return one
    parts: list[Part] = []
    answers = [course for course in mine if course.began_s >= one.noticed_s - SKEW_S]
    if answers:
        parts.append(Part("decide", one.noticed_s, max(one.noticed_s, answers[0].began_s)))
    last_s = 0.0
    for name in ("fence", "stop", "start"):
        times: list[tuple[float, float]] = []
        what: dict[str, None] = {}
        for course in mine:
            for action in course.real_actions():
                step = course.step(action.id)
                if _TASKS.get(action.task) != name or not step.began_s:
                    continue
                times.append((step.began_s, step.ended_s or course.ended_s or step.began_s))
                who = action.primitive.id if action.primitive is not None else ""
                what[" on ".join(filter(None, (who, action.node)))] = None
        if times:
            part = Part(name, min(times)[0], max(ended_s for _, ended_s in times), ", ".join(what))
            parts.append(part)
            last_s = max(last_s, part.ended_s)
    if one.mended and last_s:
        parts.append(Part("verify", last_s, max(last_s, one.ended_s)))
    return replace(one, parts=tuple(parts), transitions=tuple(course.number for course in mine))


def _with_outages(one: Incident, probes: Sequence[ProbeSight], now_s: float) -> Incident:
    end_s = one.ended_s or now_s
    found: list[Outage] = []
    for probe in probes:
        gaps = [*probe.gaps]
        if probe.ok is False:
            gaps.append((probe.since_s, now_s))
        found += [
            Outage(probe.name, began_s, ended_s, probe.budget_s) for began_s, ended_s in gaps
            if ended_s >= one.noticed_s - SKEW_S and one.noticed_s - OUTAGE_BEFORE_S <= began_s <= end_s
        ]
    if not found:
        return one
    first_s = min(outage.began_s for outage in found)
    detect = (Part("detect", first_s, one.noticed_s),) if first_s < one.noticed_s else ()
    return replace(one, outages=tuple(found), parts=(*detect, *one.parts))


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of them do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
