"""History: what a node recorded of the operations it ran, in the order in which they happened.

Source: Pacemaker Explained, "Status", "Operation history"; lib/pengine/pe_actions.c,
sort_op_by_callid.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree


@dataclass(frozen=True, slots=True, eq=False)
class HistoryEntry:
    """An `lrm_rsc_op`. Numbers that are missing or wrong: `call_id` -1, `interval_ms` 0, `status`
    and `rc` None.

    `target_rc` is the expected exit code (-1 where there is no transition key). `key` is the
    operation key. Times are seconds since 1970, None
    where not recorded. `restart_digest` can be a word of our own: "calculated-failure-timeout" says
    that the
    failure of a recurring operation expired and that it must be scheduled anew.
    `resource` is the id of the instance that the entry was read for, `node` the name of the node
    (both are Pacemaker's additions for display).
    """

    id: str
    task: str
    interval_ms: int
    call_id: int
    status: int | None
    rc: int | None
    target_rc: int
    key: str
    exit_reason: str
    last_rc_change: int | None
    digest: str | None
    restart_digest: str | None
    element: etree._Element
    node: str = ""
    resource: str = ""

    def get(self, name: str) -> str | None:
        """Any other attribute: transition-magic, op-force-restart, exec-time, migrate_source …"""
        return self.element.get(name)


@dataclass(frozen=True, slots=True, eq=False)
class ResourceHistory:
    """An `lrm_resource` of one node: `id` as the node knows the resource; entries oldest first."""

    id: str
    standard: str
    provider: str
    type: str
    container: str | None
    shutdown_lock: int
    entries: tuple[HistoryEntry, ...]
    element: etree._Element


@dataclass(frozen=True, slots=True, eq=False)
class NodeHistory:
    """The history of one node, resources as in the document."""

    node_id: str
    resources: tuple[ResourceHistory, ...]
