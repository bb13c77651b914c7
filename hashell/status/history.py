"""History and failures: what nodes recorded, as people see it.

Source: lib/pengine/pe_output.c, node_history_list, get_operation_list, failed_action_list; lib/common/actions.c,
parse_op_key.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cmp_to_key

from lxml import etree

from hashell.state.cluster_state import ClusterState
from hashell.state.fail_counts import FailCount, fail_count, read_fail_counts
from hashell.state.history import HistoryEntry, age_order
from hashell.state.history import ResourceHistory as RecordedHistory
from hashell.status.cluster_status import (
    FailedProbe,
    FailureStatus,
    NodeHistory,
    OperationStatus,
    ResourceHistory,
)
from hashell.status.options import Release

#: Actions with an underscore in their name, which a key has as separator too.
_UNDERSCORED = ("migrate_from", "migrate_to")
_PREFIXES = ("pre_notify", "post_notify", "confirmed-pre_notify", "confirmed-post_notify")


def split_key(key: str) -> tuple[str, str, int] | None:
    """Resource, action and interval of an operation key (web_monitor_10000); None when it is none."""
    rest, underscore, interval = key.rpartition("_")
    if not underscore or not interval.isascii() or not interval.isdigit() or len(rest) < 3:
        return None
    for action in _UNDERSCORED:
        if rest.endswith(f"_{action}"):
            return _checked(rest.removesuffix(f"_{action}"), action, interval)
    resource, underscore, action = rest.rpartition("_")
    for prefix in _PREFIXES:
        if resource.endswith(f"_{prefix}"):
            return _checked(resource.removesuffix(f"_{prefix}"), f"{prefix}_{action}", interval)
    return _checked(resource, action, interval)


def _checked(resource: str, action: str, interval: str) -> tuple[str, str, int] | None:
    return (resource, action, int(interval)) if resource and action else None


def _integer(text: str | None) -> int:
    try:
        return int(text) if text else 0
    except ValueError:
        return 0


def history(state: ClusterState) -> tuple[NodeHistory, ...]:
    """What each online node recorded, nodes and resources in the order of the status section."""
    found = []
    for entry in state.history:
        node = state.nodes.get(entry.node_id)
        if node is None or not node.online:
            continue
        counts = read_fail_counts(node.attributes)
        rows = (_resource(state, counts, one) for one in entry.resources)
        found.append(NodeHistory(node.name, tuple(row for row in rows if row is not None)))
    return tuple(found)


def _resource(
    state: ClusterState, counts: Mapping[str, FailCount], recorded: RecordedHistory
) -> ResourceHistory | None:
    resource = state.find(recorded.id)
    if resource is None:
        return None
    failed = fail_count(counts, resource)
    return ResourceHistory(
        id=recorded.id, name=resource.printable_id, threshold=resource.migration_threshold,
        fail_count=failed.count, last_failure_s=failed.last_s if failed.count > 0 else 0,
        operations=tuple(_operation(one) for one in _by_age(recorded)),
    )


def _by_age(recorded: RecordedHistory) -> list[HistoryEntry]:
    """The entries that people see, oldest first; those that are equally old as they stand in the document."""
    by_element = {one.element: one for one in recorded.entries}
    found = (by_element.get(element) for element in recorded.element)
    shown = [one for one in found if one is not None and _is_shown(one.element)]
    return sorted(shown, key=cmp_to_key(age_order)) if len(shown) > 1 else shown


def _is_shown(element: etree._Element) -> bool:
    """Neither notifications, nor probes that found nothing."""
    task = element.get("operation")
    if task == "notify":
        return False
    probe = task == "monitor" and element.get("interval", "0") == "0"
    return not (probe and _integer(element.get("rc-code")) == 7)


def _operation(entry: HistoryEntry) -> OperationStatus:
    element = entry.element
    task = element.get("operation", "")
    interval = element.get("interval", "")
    if task.lower() == "monitor" and interval in ("", "0"):
        task = "probe"
    return OperationStatus(
        call=element.get("call-id", ""), task=task, interval=interval,
        rc=_integer(element.get("rc-code")), changed_s=_integer(element.get("last-rc-change")),
        exec_ms=element.get("exec-time"), queue_ms=element.get("queue-time"),
    )


def _masked(element: etree._Element) -> bool:
    """A probe that failed because nothing is installed there says only that nothing runs there.

    Source: lib/common/probes.c, pcmk_xe_mask_probe_failure.
    """
    if element.get("operation") != "monitor" or _integer(element.get("interval")):
        return False
    return (
        _integer(element.get("rc-code")) in (2, 5) or _integer(element.get("op-status")) == 7
    )


def failures(state: ClusterState, release: Release) -> tuple[tuple[FailureStatus, ...], tuple[FailedProbe, ...]]:
    """Failed actions, and probes whose failure only says that nothing is there.

    Old histories have no operation keys; of such failures release 2.1 keeps the first on each node, since it takes what
    has no key for the same.
    """
    failed: list[FailureStatus] = []
    probes: list[FailedProbe] = []
    without_key: set[str] = set()
    for entry in state.failed:
        element = entry.element
        recorded = element.get("operation_key")
        if recorded is None and release is Release.TWO:
            if entry.node in without_key:
                continue
            without_key.add(entry.node)
        key = recorded if recorded is not None else element.get("id", "")
        parts = split_key(key)
        if parts is None:
            continue
        resource, task, interval = parts
        rc = _integer(element.get("rc-code"))
        if _masked(element):
            where = element.get("on_node")
            if where is not None:
                probes.append(FailedProbe(resource, where, rc))
            continue
        changed = element.get("last-rc-change")
        failed.append(
            FailureStatus(
                key=key, has_key=recorded is not None, resource=resource, task=task,
                recorded_task=element.get("operation", ""), interval_ms=interval, node=entry.node,
                rc=rc, status=_integer(element.get("op-status")), call=element.get("call-id"),
                reason=element.get("exit-reason"),
                changed_s=None if changed is None else _integer(changed),
                exec_ms=element.get("exec-time"), queue_ms=element.get("queue-time"),
            )
        )
    return tuple(failed), tuple(probes)
