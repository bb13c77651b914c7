"""Operations: what is configured for one action of a resource, defaults included.

Source: Pacemaker Explained, "Resource operations"; lib/pengine/pe_actions.c.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree


class OnFail(enum.IntEnum):
    """What a failure asks for, mildest first; of several failures the strictest counts."""

    IGNORE = 0
    DEMOTE = 1
    RESTART = 2
    RESET_REMOTE = 3
    RESTART_CONTAINER = 4
    BAN = 5
    BLOCK = 6
    STOP = 7
    STANDBY = 8
    FENCE = 9


class Requires(enum.StrEnum):
    """What must be there before a start or promotion."""

    NOTHING = "nothing"
    QUORUM = "quorum"
    FENCING = "fencing"


@dataclass(frozen=True, slots=True)
class OperationConfig:
    """An `op` element. `enabled` and `role` are from the element itself, as Pacemaker looks them
    up; `role` is as written.

    The effective meta-attributes of an action (with op_defaults, timeouts in milliseconds, start
    delay) depend on action and interval;
    `operation_meta` computes them.
    """

    id: str
    name: str
    interval_ms: int
    interval_text: str
    timeout_text: str | None
    role: str | None
    enabled: bool
    on_fail: str | None
    element: etree._Element


@dataclass(frozen=True, slots=True)
class OperationMeta:
    """The effective meta-attributes of one action: normalized texts by name, and what they say.

    `values` is what goes into the graph (CRM_meta_…): interval, timeout and start-delay are
    milliseconds as text.
    """

    values: Mapping[str, str]
    timeout_ms: int
    start_delay_ms: int
    on_fail: OnFail
    requires: Requires
