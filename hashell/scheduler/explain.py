"""Explain: why is this here, and why not there: reads the reasons that a run has kept.

Source of the shown lines: crm_simulate --show-scores, --show-utilization.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.scheduler.schedule import Schedule
    from hashell.scheduler.scores import ScoreChange


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """A resource's points on a node when its assignment began; `stage` is primitive, group …"""

    stage: str
    resource: str
    node: str
    score: int


@dataclass(frozen=True, slots=True)
class PromotionLine:
    """An instance's points for promotion; `node` empty where it will not run."""

    resource: str
    node: str
    score: int


@dataclass(frozen=True, slots=True)
class CapacityLine:
    """What a node can hold, before ("Original") or after ("Remaining") the assignment."""

    comment: str
    node: str
    capacity: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UtilizationLine:
    """What a resource takes from the node that it was assigned to."""

    resource: str
    node: str
    used: Mapping[str, int]


Line = ScoreLine | PromotionLine | CapacityLine | UtilizationLine


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one resource is where it will be.

    `terms` are the changes of its points in order, `totals` the points by node when its place was
    chosen, `node` that place (empty for none).
    """

    resource: str
    node: str
    terms: tuple[ScoreChange, ...]
    totals: Mapping[str, int]


def explain(schedule: Schedule, resource: str, node: str = "") -> Explanation:
    """Every term that changed the points of a resource (on one node, if one is named).

    Terms of its parents count for it as well. Raises KeyError for a resource that is not there.
    """
    place = schedule.placements[resource]
    names = {resource, *schedule.parents.get(resource, ())}
    terms = tuple(
        change for change in schedule.score_changes
        if change.resource in names and (not node or change.node in ("", node))
    )
    totals: dict[str, int] = {}
    for line in _last_scores(schedule.lines, resource):
        totals[line.node] = line.score
    return Explanation(resource, place, terms, totals)


def _last_scores(lines: Iterable[Line], resource: str) -> list[ScoreLine]:
    return [line for line in lines if isinstance(line, ScoreLine) and line.resource == resource]
