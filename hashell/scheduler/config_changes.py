"""Config changes: changed definitions → restart, reload, cancel, clean up.

Source: lib/pacemaker/pcmk_sched_actions.c (pcmk__handle_rsc_config_changes), pcmk_scheduler.c,
lib/pengine/pe_digest.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler import failures, fencing, recurring, role_changes
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order
from hashell.state.digests import DigestMatch, OperationDigests
from hashell.values.intervals import show_interval

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Node, Workspace
    from hashell.state.history import Agent, HistoryEntry, ResourceHistory

_CHECKED_ONCE = frozenset({act.MONITOR, act.START, act.PROMOTE, act.MIGRATE_FROM})


@dataclass(frozen=True, slots=True)
class FencingDigests:
    """With what parameters a node would be unfenced; whether it was with others."""

    mismatch: bool
    all_digest: str
    secure_digest: str


def fencing_digests(device: Resource, agent: str, node: Node) -> FencingDigests:
    workspace = device.workspace
    digests = workspace.digests.fencing(
        workspace.configuration, device.found, workspace.state.nodes[node.id]
    )
    return FencingDigests(
        digests.match is DigestMatch.MISMATCH, digests.all, digests.secure or ""
    )


def compare(resource: Resource, node: Node, entry: HistoryEntry) -> OperationDigests:
    """How parameters differ between a history entry and now."""
    from hashell.scheduler.variants.bundle import remote_address

    workspace = resource.workspace
    return workspace.digests.compare(
        workspace.configuration, resource.found, entry, workspace.state.nodes[node.id],
        address=remote_address(resource), secure=workspace.sanitized,
    )


def handle_config_changes(workspace: Workspace) -> None:
    """Hold what nodes have recorded against what is configured now."""
    histories = {history.node_id: history for history in workspace.state.history}
    known: dict[str, _Known] = {}
    active: dict[Node, set[Resource]] = {}
    for resources in workspace.same_id.values():
        for resource in resources:
            for place in resource.active:
                active.setdefault(place, set()).add(resource)
    for node in workspace.nodes:
        history = histories.get(node.id)
        if history is None or not (node.maintenance or node.can_run):
            continue
        here: Set[Resource] = active.get(node, frozenset())
        # Who is quiet has its present agent; it counts where it is active for another reason.
        for recorded in history.but_quiet({resource.id for resource in node.running}):
            found = known.get(recorded.id)
            if found is None:
                found = known[recorded.id] = _Known.read(workspace, recorded.id)
            if not found.resources or len(recorded.element) == 0:
                continue
            for resource in found.concerned(recorded.agent, here):
                _check_history(resource, node, recorded)


@dataclass(frozen=True, slots=True)
class _Known:
    """The primitives that histories call by one name; `agent` where all have the same and all are configured."""

    resources: tuple[Resource, ...]
    agent: Agent | None

    @staticmethod
    def read(workspace: Workspace, name: str) -> _Known:
        # Of a surplus instance of an anonymous clone nothing is to be done.
        found = tuple(
            resource for resource in reversed(_known_as(workspace, name))
            if resource.is_primitive and not (resource.removed and resource.top.is_anonymous_clone)
        )
        agents = {resource.agent for resource in found}
        plain = len(agents) == 1 and not any(resource.removed for resource in found)
        return _Known(found, agents.pop() if plain else None)

    def concerned(self, agent: Agent, active: Set[Resource]) -> list[Resource]:
        """Those of which something may be to do on a node that has used this agent: who is active there, who has
        another agent now, or is no more.
        """
        if agent == self.agent:
            return [resource for resource in self.resources if resource in active]
        return [
            resource for resource in self.resources
            if agent != resource.agent or resource in active or resource.removed
        ]


def _known_as(workspace: Workspace, name: str) -> list[Resource]:
    """All resources with this id, or that some history calls so, in order."""
    found = list(workspace.by_history_id.get(name, ()))
    exact = [one for one in workspace.same_id.get(name, ()) if one not in found]
    if exact:
        found.extend(exact)
        found.sort(key=lambda resource: workspace.order[resource])
    return found


def _check_history(resource: Resource, node: Node, recorded: ResourceHistory) -> None:
    workspace = resource.workspace
    if resource.removed:
        if not resource.top.is_anonymous_clone:
            role_changes.schedule_cleanup(resource, node, optional=False)
        return
    if node not in resource.active:
        if _agent_changed(resource, node, recorded, active=False):
            role_changes.schedule_cleanup(resource, node, optional=False)
        return
    if _agent_changed(resource, node, recorded, active=True):
        role_changes.schedule_cleanup(resource, node, optional=False)
    start, stop = active_range(recorded.entries)
    if start < stop:
        return
    from hashell.scheduler.variants.bundle import needs_remote_name

    for place, entry in enumerate(recorded.entries):
        if place < start:
            continue
        if entry.interval_ms > 0 and (resource.maintenance or node.maintenance):
            recurring.cancel_on_node(
                resource, entry.get("call-id"), entry.task, entry.interval_ms, node
            )
        elif entry.interval_ms > 0 or entry.task.lower() in _CHECKED_ONCE:
            if needs_remote_name(resource):
                workspace.param_checks.append((resource, node, entry, True))
            elif check_action(resource, node, entry) and failures.failures_on(resource, node):
                act.clear_failures(resource, node)


def active_range(entries: Sequence[HistoryEntry]) -> tuple[int, int]:
    """Places of the entries that started and that stopped a resource last; -1 for none."""
    stop = start = implied_monitor = implied_role = -1
    for place, entry in enumerate(entries):
        task = entry.task.lower()
        if task == act.STOP and entry.status == 0:
            stop = place
        elif task in (act.START, act.MIGRATE_FROM):
            start = place
        elif implied_monitor <= stop and task == act.MONITOR:
            if entry.rc in (0, 8):
                implied_monitor = place
        elif task in (act.PROMOTE, act.DEMOTE):
            implied_role = place
    if start == -1:
        start = implied_role if implied_role != -1 else implied_monitor
    return start, stop


def _agent_changed(
    resource: Resource, node: Node, recorded: ResourceHistory, *, active: bool
) -> bool:
    """Whether another agent than now was used there; what is active then has to stop."""
    changed = False
    for now, then in zip(resource.agent, recorded.agent, strict=True):
        if now != then:
            changed = True
            fencing.trigger_unfencing(
                resource.workspace, resource, node, "Device definition changed"
            )
    if changed and active:
        act.ask_resource(resource, act.STOP, node, optional=False)
        resource.start_pending = True
    return changed


def check_action(resource: Resource, node: Node, entry: HistoryEntry) -> bool:
    """Whether a recorded operation is configured otherwise now; what must happen is scheduled."""
    workspace = resource.workspace
    task, interval_ms = entry.task, entry.interval_ms
    if interval_ms > 0 and resource.operation(
        task, interval_ms, include_disabled=False
    ) is None:
        if workspace.options.cancel_removed_actions:
            recurring.cancel_on_node(resource, entry.get("call-id"), task, interval_ms, node)
        return True
    digests = compare(resource, node, entry)
    shown = task
    if interval_ms == 0 and task in (act.MONITOR, act.MIGRATE_FROM, act.PROMOTE):
        shown = act.START
    if (
        workspace.sanitized and digests.match is not DigestMatch.MATCH
        and digests.secure is not None and digests.secure == entry.get("op-secure-digest")
    ):
        workspace.notices.append(
            f"Only 'private' parameters to {show_interval(interval_ms)}-interval {shown} for "
            f"{resource.id} on {node.name} changed: {entry.get('transition-magic')}"
        )
        return False
    if digests.match is DigestMatch.MATCH:
        return False
    if digests.match is DigestMatch.RESTART:
        _force_restart(resource, shown, interval_ms, node)
    elif interval_ms > 0:
        recurring.reschedule(resource, shown, interval_ms, node)
    elif entry.restart_digest is not None:
        fencing.trigger_unfencing(
            workspace, resource, node, "Device parameters changed (reload)"
        )
        _reload(resource, node)
    else:
        _force_restart(resource, shown, interval_ms, node)
    return True


def _force_restart(resource: Resource, task: str, interval_ms: int, node: Node) -> None:
    required = act.ask(
        resource.workspace, resource, act.key_of(resource, task, interval_ms), task, None,
        optional=False,
    )
    required.because("resource definition change", overwrite=True)
    fencing.trigger_unfencing(resource.workspace, resource, node, "Device parameters changed")


def _reload(resource: Resource, node: Node) -> None:
    """The agent can take new parameters while the resource runs."""
    if resource.children:
        for child in resource.children:
            _reload(child, node)
        return
    if not resource.managed or resource.failed:
        return
    workspace = resource.workspace
    if resource.start_pending:
        # It is starting with the old ones, so it has to start again.
        act.ask_resource(resource, act.STOP, node, optional=False)
        return
    resource.reload = True
    reload = act.ask_resource(resource, act.RELOAD, node, optional=False)
    reload.because("resource definition change")
    for task in (act.STOP, act.DEMOTE):
        order(
            workspace, rel.ORDERED | rel.THEN_CANCELS_FIRST, "reload", first=reload,
            then_resource=resource, then_key=act.key_of(resource, task),
        )


def check_late(workspace: Workspace) -> None:
    """Checks that had to wait until it was known where containers will run."""
    for resource, node, entry, active in workspace.param_checks:
        if active:
            changed = check_action(resource, node, entry) and bool(
                failures.failures_on(resource, node)
            )
        else:
            changed = compare(resource, node, entry).match in (
                DigestMatch.MISMATCH, DigestMatch.RESTART
            )
        if changed:
            act.clear_failures(resource, node)


def clear_failures_of_removed(workspace: Workspace) -> None:
    """What is not configured any more has no failures to remember."""
    if not workspace.options.stop_removed_resources:
        return
    for resource in workspace.resources:
        if not resource.removed:
            continue
        for node in workspace.nodes:
            if not node.online or failures.failures_on(resource, node) == 0:
                continue
            clear = act.clear_failures(resource, node)
            order(
                workspace, rel.ORDERED, "removed", first=clear, then_resource=resource,
                then_key=act.key_of(resource, act.STOP),
            )
