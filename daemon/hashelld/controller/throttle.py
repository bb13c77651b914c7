"""Throttle: how many actions a loaded node, and a cluster with loaded nodes, is given at once. Pure.

Every node tells how loaded it is when that changes; the DC gives a loaded one fewer jobs, down to one.
Source: Pacemaker Explained, "load-threshold", "node-action-limit", "batch-limit"; controld_throttle.c.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping

import msgspec

#: Actions of one node at once when the CIB does not say. Pacemaker's rule is twice the cores; with so
#: few, each result is a write of its own, and the writes of a big start cost more than its agents.
NODE_JOBS_MAX = 16
#: By how much of the wanted load (per core) each mode is exceeded; a single core is loaded by less than one process.
LOW, MEDIUM, HIGH = 1.2, 1.6, 2.0
SINGLE_CORE = 0.6
#: Share of one core that the daemon itself may need; it has one thread that matters.
OWN_MAX, OWN_MAX_SINGLE_CORE = 0.95, 0.4


class Mode(enum.IntEnum):
    """How loaded a node is."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    EXTREME = 4


class Told(msgspec.Struct, frozen=True, array_like=True):
    """Node to all: its mode, and how many jobs it takes when it has nothing else to do."""

    mode: int
    jobs_max: int


def target_of(text: str, default: float = 0.8) -> float:
    """`load-threshold`, with or without its percent sign, as a share of a core; 0: load does not count."""
    try:
        return max(0.0, float(text.strip().removesuffix("%")) / 100) if text.strip() else default
    except ValueError:
        return default


def jobs_max(limit: str) -> int:
    """`node-action-limit`; 0 or nothing means our default."""
    return int(limit) if limit.isdigit() and int(limit) else NODE_JOBS_MAX


def mode(load: float, cores: int, own: float, target: float) -> Mode:
    """`load`: processes that run or want to, over the last minute; `own`: the daemon's share of a core."""
    most = OWN_MAX if cores > 1 else OWN_MAX_SINGLE_CORE
    if 0 < target < most:
        most = target
    found = _step(own, (most * 0.8, most * 0.9, most, most * 1.5))
    if target > 0:
        wanted = target * (SINGLE_CORE if cores == 1 else cores)
        # However many processes wait, this alone is never the worst.
        found = max(found, _step(load, (wanted * LOW, wanted * MEDIUM, wanted * HIGH, float("inf"))))
    return found


def _step(value: float, steps: tuple[float, ...]) -> Mode:
    return Mode(sum(value > step for step in steps))


def node_jobs(told: Told | None, limit: int) -> int:
    """How many jobs a node may have at once; one that has told nothing is taken for unloaded."""
    if told is None:
        return limit
    most = min(limit, told.jobs_max) if told.jobs_max else limit
    match told.mode:
        case Mode.NONE:
            return max(1, most)
        case Mode.LOW:
            return max(1, most // 2)
        case Mode.MEDIUM:
            return max(1, most // 4)
    return 1


def cluster_jobs(limit: int, told: Mapping[str, Told], members: Collection[str]) -> int:
    """The batch limit (0: none) while some node is hardly able to cope: all wait for it in the end."""
    worst = max((one.mode for name, one in told.items() if name in members), default=Mode.NONE)
    if worst < Mode.HIGH:
        return limit
    most = max(1, len(members) // (2 if worst == Mode.HIGH else 4))
    return min(limit, most) if limit else most
