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
