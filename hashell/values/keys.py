"""Keys: the strings by which operations and their results find one another.

    operation key    RESOURCE_TASK_INTERVAL        web_monitor_10000
    transition key   ACTION:TRANSITION:RC:UUID     7:12:0:2668bbeb-...   rc is what is expected
    magic            STATUS:RC;TRANSITION-KEY      0:0;7:12:0:2668bbeb-...

Source: Pacemaker Explained, "Status", "Operation history".
"""

from __future__ import annotations

import re
from typing import Self

from msgspec import Struct


def operation_key(resource: str, task: str, interval_ms: int) -> str:
    """`web_monitor_10000`."""
    return f"{resource}_{task}_{interval_ms}"


def split_operation_key(key: str) -> tuple[str, str, int] | None:
    """Resource, task and milliseconds of an operation key; None when it is none.

    Both a resource's name and a task may hold underscores: of tasks, the migrations and the
    notifications do.
    """
    match = _OPERATION_KEY.fullmatch(key)
    return (match[1], match[2], int(match[3])) if match else None


_OPERATION_KEY = re.compile(
    r"(.+?)_((?:(?:confirmed-)?(?:pre|post)_notify_)?(?:migrate_to|migrate_from|[^_]+))_([0-9]{1,10})"
)


class TransitionKey(Struct, frozen=True):
    """Which action of which transition an operation came from, and what result was wanted."""

    action: int
    transition: int
    target_rc: int
    uuid: str

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """None for anything that is not four fields with numbers in the first three."""
        if text is None:
            return None
        parts = text.split(":", 3)
        if len(parts) != 4 or not parts[3]:
            return None
        try:
            return cls(int(parts[0]), int(parts[1]), int(parts[2]), parts[3])
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.action}:{self.transition}:{self.target_rc}:{self.uuid}"


class Magic(Struct, frozen=True):
    """A transition key with what came of it."""

    status: int
    rc: int
    key: TransitionKey

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """None when it is not of that form."""
        if text is None:
            return None
        head, semicolon, rest = text.partition(";")
        key = TransitionKey.parse(rest)
        status, colon, rc = head.partition(":")
        if not semicolon or key is None or not colon:
            return None
        try:
            return cls(int(status), int(rc), key)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.status}:{self.rc};{self.key}"
