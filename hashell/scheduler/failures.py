"""Failures: how often a resource failed on a node, and whether that is too often.

Fail counts are node attributes; they are read from each node once a run.

Source: lib/pengine/failcounts.c, lib/pacemaker/pcmk_sched_resource.c; Pacemaker Explained, "Handling
resource failure".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hashell.state.fail_counts import (
    FailCount,
    base_name,
    blocks,
    fail_count,
    is_expired,
    read_fail_counts,
)

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Node, Workspace
    from hashell.state.history import HistoryEntry


def counts_on(node: Node) -> Mapping[str, FailCount]:
    """All failures that a node's attributes tell of."""
    if node.fail_counts is None:
        node.fail_counts = read_fail_counts(node.attributes)
    return node.fail_counts


def nodes_with_failures(workspace: Workspace) -> set[Node]:
    return {node for node in workspace.nodes if counts_on(node)}


def failures_on(resource: Resource, node: Node, *, launched: bool = False) -> int:
    """Failures that have not expired; with `launched`, those of what it launches, too."""
    counts = counts_on(node)
    total = 0
    if counts:
        found = fail_count(counts, resource.found)
        total = found.count
        timeout_ms = resource.found.failure_timeout_ms
        if (
            total > 0 and timeout_ms > 0
            and not blocks(resource.found, _entries(resource, node))
            and is_expired(found, timeout_ms, int(resource.workspace.now_s))
        ):
            total = 0
    if launched and resource.launched and not resource.is_bundled:
        total += sum(failures_on(other, node, launched=True) for other in resource.launched)
    return total


def _entries(resource: Resource, node: Node) -> Iterator[HistoryEntry]:
    """What the node recorded of the resource, under the name without a number."""
    name = base_name(resource.id)
    for history in resource.workspace.state.history:
        if history.node_id == node.id:
            for known in history.named(name):
                yield from known.entries


def threshold_reached(resource: Resource, node: Node) -> Resource | None:
    """What must leave the node because it failed there too often; None while it may stay."""
    threshold = resource.found.migration_threshold
    if threshold == 0 or resource.ignore_failure:
        return None
    count = failures_on(resource, node, launched=True)
    if count <= 0 or threshold > count:
        return None
    return resource if resource.unique else resource.top
