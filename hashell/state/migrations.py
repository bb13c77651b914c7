"""Migrations: live moves that were cut off half-way, and where that leaves the resource.

A move is migrate_to on the source, migrate_from on the target, stop on the source. Without the second it is
*partial*, without the third *dangling*. Either node's history may have been cleared meanwhile, and each may have
newer news.

Source: Pacemaker Explained, "Migrating resources"; lib/pengine/unpack.c.
"""

from __future__ import annotations

from hashell.state.history import HistoryEntry, age_order
from hashell.state.workspace import NodeDraft, ResourceDraft, Workspace
from hashell.values.outcomes import ExecStatus, OcfCode
from hashell.values.roles import Role

_MOVING = frozenset({"start", "stop", "migrate_to", "migrate_from"})


def _names(workspace: Workspace, entry: HistoryEntry, **expected: NodeDraft) -> tuple[str, str] | None:
    """Source and target of a migration; None (and a complaint) if the entry does not say, or says another node."""
    source, target = entry.get("migrate_source"), entry.get("migrate_target")
    if source is None or target is None:
        workspace.complain(
            f"Ignoring resource history entry {entry.id} without migrate_source and migrate_target"
        )
        return None
    for name, found in (("source", source), ("target", target)):
        node = expected.get(name)
        if node is not None and found.lower() != node.name.lower():
            workspace.complain(
                f"Ignoring resource history entry {entry.id} because migrate_{name}='{found}' does not match "
                f"{node.name}"
            )
            return None
    return source, target


def migrate_to_succeeded(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry) -> None:
    names = _names(workspace, entry, source=node)
    if names is None:
        return
    source, target = names
    source_moved_on = _has_newer_action(workspace, resource.id, source, entry)
    arrival = _find_operation(workspace, resource.id, "migrate_from", target, partner=source)
    if arrival is not None and source_moved_on:
        return
    arrived_rc, arrived_status = OcfCode.OK.value, ExecStatus.PENDING.value
    if arrival is not None:
        arrived_rc = arrived_rc if arrival.rc is None else arrival.rc
        arrived_status = arrived_status if arrival.status is None else arrival.status
    target_moved_on = _has_newer_state(workspace, resource.id, target, entry, arrival)
    if source_moved_on and target_moved_on:
        return
    if arrived_rc == OcfCode.OK and arrived_status == ExecStatus.DONE:
        resource.role = Role.STOPPED
        resource.dangling_migration_sources = (node.id, *resource.dangling_migration_sources)
        return

    resource.role = Role.STARTED
    target_node = workspace.node_named(target)
    active_there = not target_moved_on and target_node is not None and target_node.online
    if arrived_status != ExecStatus.PENDING:
        if active_there:
            assert target_node is not None
            workspace.add_active(resource, target_node, failed=True)
        else:
            _must_recover(resource)
        return
    if target_node is not None and target_node.online and _is_unknown_on(workspace, resource.id, target):
        return  # probably cleaned up: a probe will tell
    if active_there:
        assert target_node is not None
        source_node = workspace.node_named(source)
        workspace.add_active(resource, target_node)
        if source_node is not None and source_node.online:
            resource.partial_migration_target = target_node.id
            resource.partial_migration_source = source_node.id
    elif not source_moved_on:
        _must_recover(resource)


def migrate_to_failed(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry) -> None:
    names = _names(workspace, entry, source=node)
    if names is None:
        return
    source, target = names
    resource.role = Role.STARTED
    arrival = _find_operation(workspace, resource.id, "migrate_from", target, partner=source, succeeded=OcfCode.OK)
    if not _is_unknown_on(workspace, resource.id, target) and not _has_newer_state(
        workspace, resource.id, target, entry, arrival
    ):
        target_node = workspace.node_named(target)
        if target_node is not None and target_node.online:
            workspace.add_active(resource, target_node)
    elif not _has_newer_action(workspace, resource.id, source, entry):
        resource.dangling_migration_sources = (node.id, *resource.dangling_migration_sources)


def migrate_from_failed(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entry: HistoryEntry) -> None:
    names = _names(workspace, entry, target=node)
    if names is None:
        return
    source, target = names
    resource.role = Role.STARTED
    departure = _find_operation(workspace, resource.id, "migrate_to", source, partner=target, succeeded=OcfCode.OK)
    if not _is_unknown_on(workspace, resource.id, source) and not _has_newer_state(
        workspace, resource.id, source, departure, entry
    ):
        source_node = workspace.node_named(source)
        if source_node is not None and source_node.online:
            workspace.add_active(resource, source_node, failed=True)


def _must_recover(resource: ResourceDraft) -> None:
    resource.failed = resource.stop_if_failed = True
    resource.migratable = False


def _has_newer_action(workspace: Workspace, resource: str, node: str, entry: HistoryEntry) -> bool:
    """Whether anything but a monitor was done on the node after the entry."""
    histories = workspace.entries(node, resource)
    if len(histories) != 1:
        return False
    return any(
        other is not entry and other.task in _MOVING and age_order(other, entry) > 0 for other in histories[0]
    )


def _has_newer_state(
    workspace: Workspace, resource: str, node: str, departure: HistoryEntry | None, arrival: HistoryEntry | None
) -> bool:
    """Whether the node has news of the resource after the migration."""
    entry = arrival if arrival is not None else departure
    assert entry is not None
    source = entry.get("migrate_source") or ""
    if entry is not departure and departure is not None and node.lower() == source.lower():
        entry = departure  # call ids of one node can be compared
    if _has_newer_action(workspace, resource, node, entry):
        return True
    monitor = _find_operation(workspace, resource, "monitor", node, succeeded=OcfCode.NOT_RUNNING)
    return monitor is not None and age_order(monitor, entry) > 0


def _find_operation(
    workspace: Workspace, resource: str, task: str, node: str, *,
    partner: str | None = None, succeeded: OcfCode | None = None,
) -> HistoryEntry | None:
    """The one entry of that kind, None if there are none or several; `succeeded` is the answer that it must have."""
    side = {"migrate_to": "migrate_target", "migrate_from": "migrate_source"}.get(task, "")
    found = [
        entry for entries in workspace.entries(node, resource) for entry in entries
        if entry.task == task and (partner is None or not side or entry.get(side) == partner)
    ]
    if len(found) != 1:
        return None
    (entry,) = found
    if succeeded is not None and (entry.rc != succeeded or entry.status != ExecStatus.DONE):
        return None
    return entry


def _is_unknown_on(workspace: Workspace, resource: str, node: str) -> bool:
    """Whether nothing that was done for the resource on the node has ended."""
    return not any(
        (rc := entry.get("rc-code")) is not None and rc != str(OcfCode.UNKNOWN.value)
        for entries in workspace.entries(node, resource) for entry in entries
    )
