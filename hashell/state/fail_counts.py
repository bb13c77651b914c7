"""Fail counts: how often a resource failed on a node, as node attributes tell, and when that is forgotten.

An attribute `fail-count-RESOURCE#OPERATION_INTERVAL` counts the failures of one operation, `last-failure-…` says when
the last one was. Numbers of instances count only in unique clones.

Source: Pacemaker Explained, "Failure counts"; lib/pengine/failcounts.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from hashell.model.operations import whole_seconds
from hashell.state.history import HistoryEntry
from hashell.state.resources import Resource
from hashell.values.integers import leading_integer
from hashell.values.keys import operation_key
from hashell.values.scores import add_scores, parse_score

_ATTRIBUTE = re.compile(r"(fail-count|last-failure)-([^#]+)#.+_[0-9]+")
_INSTANCE = re.compile(r":[0-9]+$")


class FailCount(Struct, frozen=True):
    """`count` points (INFINITY for a failure that must not be repeated); `last_s` seconds since 1970, 0 for unknown."""

    count: int = 0
    last_s: int = 0


def read_fail_counts(attributes: Mapping[str, str]) -> dict[str, FailCount]:
    """The failures that a node's attributes tell of, by the name of the resource there (with its number, if it has
    one).
    """
    found: dict[str, FailCount] = {}
    for name, value in attributes.items():
        match = _ATTRIBUTE.fullmatch(name)
        if match is None:
            continue
        before = found.get(match[2], FailCount())
        if match[1] == "fail-count":
            found[match[2]] = FailCount(add_scores(before.count, parse_score(value)), before.last_s)
        elif (last := leading_integer(value)) is not None:
            found[match[2]] = FailCount(before.count, max(before.last_s, last))
    return found


def base_name(name: str) -> str:
    """The name without the number of an instance."""
    return _INSTANCE.sub("", name) if ":" in name else name


def fail_count(counts: Mapping[str, FailCount], resource: Resource) -> FailCount:
    """All failures of a resource on a node, expired or not."""
    name = resource.history_id or resource.id
    if resource.unique:
        return counts.get(name, FailCount())
    if not counts:
        return FailCount()
    name = base_name(name)
    total, last = 0, 0
    for other, one in counts.items():
        if other == name or (other.startswith(name) and base_name(other) == name):
            total, last = add_scores(total, one.count), max(last, one.last_s)
    return FailCount(total, last)


def is_expired(found: FailCount, failure_timeout_ms: int, now_s: int) -> bool:
    """Whether all failures are older than failure-timeout."""
    return (
        found.count > 0 and found.last_s > 0 and failure_timeout_ms > 0
        and now_s > found.last_s + whole_seconds(failure_timeout_ms)
    )


def blocks(resource: Resource, entries: Iterable[HistoryEntry]) -> bool:
    """Whether one of these entries is a failure for which on-fail=block is configured: it then never expires.

    As in Pacemaker, only the attribute of an `op` counts, not sets of meta-attributes and not defaults.
    """
    blocking = [operation for operation in resource.config.operations if operation.on_fail == "block"]
    if not blocking:
        return False
    name = base_name(resource.id)
    return any(
        entry.interval_ms == operation.interval_ms and entry.task.lower() == operation.name.lower()
        and (
            entry.id.lower() == f"{name}_last_failure_0".lower()
            or (
                entry.id.lower() == operation_key(name, operation.name, operation.interval_ms).lower()
                and (entry.rc or 0) != entry.target_rc
            )
        )
        for entry in entries for operation in blocking
    )
