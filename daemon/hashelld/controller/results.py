"""Results: what a history entry means for the transition that runs, and for fail counts. Pure.

Source: process_graph_event() and update_failcount() in daemons/controld/controld_te_events.c.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hashell.values.keys import TransitionKey
from hashell.values.outcomes import ExecStatus, OcfCode

_KEY = re.compile(r"(.+)_([a-z][a-z_-]*?)_(\d+)")
#: One-time operations whose failure counts in any transition; recurring ones always count.
_COUNTED = frozenset({"start", "stop", "promote", "demote"})


class Origin(enum.Enum):
    """Where a result comes from, seen by the DC that reads it."""

    OURS = "ours"
    OUTSIDE = "initiated outside of the cluster"
    FOREIGN = "initiated by a different DC"
    RECURRING = "arrived after initial scheduling"
    LATE = "arrived late"


#: Why a new decision is needed, by where the result came from.
REASONS = {
    Origin.OUTSIDE: "Unexpected event", Origin.FOREIGN: "Foreign event",
    Origin.RECURRING: "Change in recurring result", Origin.LATE: "Old event",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A history entry, read. `action` is meaningful for OURS only."""

    key: TransitionKey
    origin: Origin
    task: str
    interval_ms: int
    resource: str
    rc: int
    status: int

    @property
    def failed(self) -> bool:
        return self.rc != self.key.target_rc


@dataclass(frozen=True, slots=True)
class FailCount:
    """Attributes that a failure sets on its node. `value` is INFINITY, or `value++` to add one."""

    name: str
    value: str
    last_name: str


def read(
    entry: Mapping[str, str], uuid: str, transition: int, running: bool
) -> Reading | None:
    """What an entry says; None for one that is pending or cannot be read.

    `uuid` and `transition` are those of this DC's present transition, `running` whether it is.
    """
    key = TransitionKey.parse(entry.get("transition-key"))
    status = _number(entry.get("op-status"), ExecStatus.UNKNOWN)
    parts = _KEY.fullmatch(entry.get("operation_key", ""))
    if key is None or parts is None or status == ExecStatus.PENDING:
        return None
    interval = int(parts[3])
    if key.transition == -1:
        origin = Origin.OUTSIDE
    elif key.action < 0 or key.uuid.strip() != uuid:
        origin = Origin.FOREIGN
    elif key.transition != transition or not running:
        origin = Origin.RECURRING if interval else Origin.LATE
    else:
        origin = Origin.OURS
    rc = _number(entry.get("rc-code"), OcfCode.UNKNOWN)
    # Degraded is as good as well, for what was asked.
    rc = {OcfCode.DEGRADED: OcfCode.OK, OcfCode.DEGRADED_PROMOTED: OcfCode.RUNNING_PROMOTED}.get(
        OcfCode(rc), OcfCode(rc)
    ) if rc in (190, 191) else rc
    task = entry.get("operation", parts[2])
    resource = entry.get("operation_key", "").removesuffix(f"_{task}_{interval}")
    return Reading(key, origin, task, interval, resource, rc, status)


def fail_count(reading: Reading, start_offset: str, stop_offset: str) -> FailCount | None:
    """What a result does to the fail count of its resource; None where nothing failed.

    The offsets come with the graph: a failed start or stop counts INFINITY unless start-failure-is-fatal
    says otherwise.
    """
    if not reading.failed:
        return None
    if not (reading.interval_ms or reading.task in _COUNTED or reading.origin is Origin.OUTSIDE):
        return None
    offset = {"start": start_offset, "stop": stop_offset}.get(reading.task, "")
    infinite = offset.upper().lstrip("+") == "INFINITY"
    suffix = f"{reading.resource}#{reading.task}_{reading.interval_ms}"
    return FailCount(
        f"fail-count-{suffix}", "INFINITY" if infinite else "value++", f"last-failure-{suffix}"
    )


def _number(text: str | None, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        return default
