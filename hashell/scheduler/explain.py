"""Explain: the points and capacities that a run notes down for who asked to see them.

How points came about, term by term, is in trace.py; what a person is told of it, in why.py.

Source of the lines: crm_simulate --show-scores, --show-utilization.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """A resource's points on a node when its assignment began; `stage` is primitive, group …"""

    stage: str
    resource: str
    node: str
    score: int


@dataclass(frozen=True, slots=True)
class PromotionTerm:
    """One summand of points for promotion; with `sets` the sum begins anew with these points.

    `reason` is the id of a location constraint or rule, `ID: colocation with RSC`, `ID: wish of RSC`, or one of the
    words below; `other` is the other instance or the clone where it is about one.
    """

    points: int
    reason: str
    other: str = ""
    sets: bool = False


#: What points for promotion come from besides constraints: what the agent gave, that it gave nothing, that the next
#: role is settled (target-role), the clone's own points on the node, those of another instance on it, a missing
#: ticket, that it is not managed and stays promoted, that it will not run.
FROM_AGENT, NONE_GIVEN, ROLE_SETTLED, OF_CLONE, OF_OTHER, NO_TICKET, UNMANAGED, NO_PLACE = (
    "#promotion-score", "#no-promotion-score", "#role-settled", "#clone", "#other-instance", "#ticket", "#unmanaged",
    "#no-place",
)


@dataclass(frozen=True, slots=True)
class PromotionLine:
    """An instance's points for promotion; `node` empty where it will not run. The terms add up to the score."""

    resource: str
    node: str
    score: int
    terms: tuple[PromotionTerm, ...] = ()


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
