"""Reading the status section: nodes, then the history of each, then what only both together tell.

A remote node's history can be read only when its connection's is known, which stands in another node's; so the
histories are gone through until nothing new comes of it.

Source: lib/pengine/unpack.c, unpack_status.
"""

from __future__ import annotations

from lxml import etree

from hashell.model.configuration import Configuration
from hashell.model.operations import OnFail, whole_seconds
from hashell.model.resources import ResourceKind
from hashell.state.findings import HistoryCleared
from hashell.state.history import (
    Agent,
    HistoryEntry,
    NodeHistory,
    Plain,
    ResourceHistory,
    active_from,
    read_node_history,
)
from hashell.state.instances import build, link_connection, link_launchers
from hashell.state.memory import Memory
from hashell.state.node_states import (
    determine_remote_online,
    health,
    read_node_state,
    read_remote_attributes,
)
from hashell.state.removed import add_removed, find_resource, link_removed_launchers
from hashell.state.results import Outcome, read_entry
from hashell.state.tickets import read_tickets
from hashell.state.workspace import NodeDraft, ResourceDraft, Workspace
from hashell.values.roles import Role

_INACTIVE = (Role.UNKNOWN, Role.STOPPED)


def read_status(
    configuration: Configuration, status: etree._Element | None, memory: Memory | None = None
) -> Workspace:
    """Everything that is running, by what the configuration and the status section say."""
    workspace = Workspace(
        configuration, int(configuration.now_s),
        have_fencing=configuration.have_fencing, recheck_at=configuration.recheck_at,
    )
    _add_nodes(workspace)
    _add_resources(workspace)
    states = [] if status is None else list(status.iterchildren("node_state"))
    workspace.tickets.update(read_tickets(status))
    plain = Plain(_agents(workspace), {})
    if memory is not None:
        memory.begin(plain.agents, states)
    for state in states:
        read_node_state(workspace, state)
        ident = state.get("id")
        node = workspace.node_of(ident, state.get("uname"))
        node_id = "" if node is None else node.id
        history = None if memory is None else memory.history(state, node_id)
        if history is None:
            history = read_node_history(node_id, state, plain)
            if memory is not None:
                memory.keep(state, history)
        workspace.history[state] = history
    while _read_histories(workspace, states, everything=False):
        pass
    _read_histories(workspace, states, everything=workspace.options.fencing_enabled)
    for container in reversed(workspace.containers_to_stop):
        place = workspace.current_node(container)
        if place is not None:
            workspace.act(container, "stop", place)
    _finish_remote_nodes(workspace)
    for node in workspace.nodes:
        node.health = health(workspace, node)
        node.is_dc = workspace.dc is node
    return workspace


def _add_nodes(workspace: Workspace) -> None:
    """The nodes that exist before resources are made; bundles add theirs."""
    for config in workspace.configuration.nodes:
        if config.implied and config.bundle:
            continue
        node = workspace.add_node(config)
        if not config.implied and not node.is_remote:
            # Unclean until its state has been seen.
            node.unclean = workspace.options.startup_fencing
        if config.attributes.get("#is_dc") == "true" and workspace.dc is None:
            workspace.dc = node


def _add_resources(workspace: Workspace) -> None:
    for config in workspace.configuration.resources:
        workspace.resources.append(build(workspace, config))
    for resource in workspace.resources:
        link_launchers(workspace, resource)
        link_connection(workspace, resource)
    workspace.resources.sort(key=lambda resource: -resource.priority)


def _read_histories(workspace: Workspace, states: list[etree._Element], *, everything: bool) -> bool:
    """One pass over those histories that can be read by now; whether there was any."""
    found = False
    for state in states:
        if state.get("id") is None or state.get("uname") is None:
            continue
        node = workspace.node_of(state.get("id"), state.get("uname"))
        if node is None or node.unpacked or not (everything or _is_ready(workspace, node)):
            continue
        if node.is_remote:
            determine_remote_online(node, workspace)
            read_remote_attributes(workspace, node, state)
        node.unpacked = True
        workspace.history[state] = _read_history(workspace, node, workspace.history[state])
        found = True
    return found


def _is_ready(workspace: Workspace, node: NodeDraft) -> bool:
    options, remote = workspace.options, node.remote
    if node.is_guest:
        assert remote is not None and remote.launcher is not None
        return remote.role is Role.STARTED and remote.launcher.role is Role.STARTED
    if node.is_remote:
        return remote is not None and (options.shutdown_lock or remote.role is Role.STARTED)
    # Without fencing, nodes that are gone come last, so that running instances of clones get the first numbers.
    return options.fencing_enabled or options.shutdown_lock or node.online


def _agents(workspace: Workspace) -> dict[str, tuple[str, Agent]]:
    """Id and agent of the resources to whom it means nothing but itself that a node's probe did not find them.

    That is so of primitives, alone or in groups, that are not launched and launch nothing.
    """
    found: dict[str, tuple[str, Agent]] = {}
    seen: set[str] = set()
    for top in workspace.resources:
        for resource in top.tree():
            if resource.id in seen:
                found.pop(resource.id, None)
                continue
            seen.add(resource.id)
            if (
                resource.kind is ResourceKind.PRIMITIVE and resource.unique
                and (resource.parent is None or (resource.parent.kind is ResourceKind.GROUP and top is resource.parent))
                and resource.launcher is None and not resource.launched and not resource.config.is_remote_connection
            ):
                get = resource.config.element.get
                found[resource.id] = resource.id, (get("type"), get("class"), get("provider"))
    return found


def _is_settled(resource: ResourceDraft) -> bool:
    """Whether it changes nothing if a node turns out not to have it."""
    return (
        resource.next_role is (resource.config.target_role or Role.UNKNOWN) and resource.role is not Role.UNKNOWN
        and resource.partial_migration_target is None
    )


def _read_history(workspace: Workspace, node: NodeDraft, history: NodeHistory) -> NodeHistory:
    launched = False
    replaced: dict[ResourceHistory, ResourceHistory] = {}
    names = workspace.unsettled.union(workspace.fail_counts(node))
    for found in history.but_quiet(names):
        noted, resource = _read_resource(workspace, node, found)
        if noted is not found:
            replaced[found] = noted
        if resource is not None:
            launched = launched or resource.removed_launched
            if not _is_settled(resource):
                workspace.unsettled.add(resource.id)
    node.quiet = history.quiet
    if launched:
        link_removed_launchers(workspace, history)
    told = history.told
    if replaced:
        told = tuple([replaced.get(found, found) for found in told])
    return history.with_told(node.id, told)


def _read_resource(
    workspace: Workspace, node: NodeDraft, history: ResourceHistory
) -> tuple[ResourceHistory, ResourceDraft | None]:
    """One resource of a node's history; returns the history with what was noted in it, and whose it is."""
    options = workspace.options
    if not history.id:
        workspace.complain("Ignoring invalid lrm_resource entry: No id")
        return history, None
    absent = history.found_nothing
    if not absent and not history.entries and not options.shutdown_lock:
        return history, None
    resource = find_resource(workspace, node, history.id)
    if resource is None:
        if not absent and not history.entries:
            return history, None
        resource = add_removed(workspace, node, history)
        if resource is None:
            return history, None
    if options.shutdown_lock:
        _read_lock(workspace, resource, node, history.shutdown_lock)

    if absent and not workspace.fail_counts(node):
        _note_absence(workspace, resource, node)
        return history, resource
    role_before = resource.role
    resource.role = Role.UNKNOWN
    outcome = Outcome()
    changed = None
    for index, entry in enumerate(history.entries):
        read = read_entry(workspace, resource, node, entry, outcome)
        if read is not entry:
            changed = changed or list(history.entries)
            changed[index] = read
    if node.online:
        _find_recurring(workspace, resource, node, history.entries)
    _settle(workspace, resource, node, outcome.on_fail)
    wanted = resource.config.target_role
    if wanted is not None and (resource.next_role is Role.UNKNOWN or wanted.rank < resource.next_role.rank):
        resource.next_role = wanted
    if role_before.rank > resource.role.rank:
        resource.role = role_before
    if changed is not None:
        history = ResourceHistory(history.element, tuple(changed))
    return history, resource


def _read_lock(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, locked_at: int) -> None:
    """A resource whose node shut down cleanly waits for it, for a while."""
    if locked_at == 0:
        return
    limit_ms = workspace.options.shutdown_lock_limit_ms
    if limit_ms > 0 and workspace.now_s > locked_at + whole_seconds(limit_ms):
        workspace.findings.append(
            HistoryCleared(resource, node.id, optional=not resource.managed, runnable=_can_delete(workspace, node))
        )
    else:
        resource.lock_node = node.id
        resource.lock_time = locked_at


def _can_delete(workspace: Workspace, node: NodeDraft) -> bool:
    """Deleting a history is done by the DC, so the node need not be there."""
    return not node.is_guest or workspace.can_fence(node)


def _find_recurring(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, entries: tuple[HistoryEntry, ...]
) -> None:
    """Recurring operations that go on."""
    if not any(entry.interval_ms for entry in entries):
        return
    start, stop = active_from(entries)
    for index, entry in enumerate(entries):
        if (start < stop and index <= stop) or index < start or entry.interval_ms == 0:
            continue
        if entry.get("op-status") != "-1":
            workspace.act(resource, entry.task, node, interval_ms=entry.interval_ms, optional=True)


def _settle(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, on_fail: OnFail) -> None:
    """What the whole history of a resource on a node comes to."""
    active = resource.role not in _INACTIVE
    if resource.role is not Role.UNKNOWN:
        _note_known(resource, node)
    if active and not node.online and not node.maintenance and resource.managed:
        _fence_for(workspace, resource, node)
    asked = on_fail
    if node.unclean:
        on_fail = OnFail.IGNORE  # it will be fenced, and the resource started anew
    _answer_failure(workspace, resource, node, on_fail, active=active)
    if resource.failed and resource.config.is_remote_connection:
        connected = workspace.node_named(resource.id)
        if connected is not None and connected.unclean:
            connected.seen = True
    if active:
        workspace.add_active(resource, node, failed=asked is not OnFail.IGNORE)
        if on_fail is not OnFail.IGNORE:
            resource.failed = True
            if on_fail not in (OnFail.DEMOTE, OnFail.BLOCK):
                resource.stop_if_failed = True
    elif resource.history_id is not None and ":" in resource.history_id:
        workspace.set_history_id(resource, None)
    else:
        workspace.stop_not_needed(resource, node)
    if resource.role is Role.STOPPED and _is_half_migrated(resource, node):
        resource.role = Role.STARTED


def _note_absence(workspace: Workspace, resource: ResourceDraft, node: NodeDraft) -> None:
    """What it comes to that only a probe was ever done, which found nothing: the same as reading it at length."""
    resource.next_role = resource.config.target_role or Role.UNKNOWN
    _note_known(resource, node)
    if resource.failed and resource.config.is_remote_connection:
        connected = workspace.node_named(resource.id)
        if connected is not None and connected.unclean:
            connected.seen = True
    if resource.history_id is not None and ":" in resource.history_id:
        workspace.set_history_id(resource, None)
    else:
        workspace.stop_not_needed(resource, node)
    if resource.role in _INACTIVE:
        resource.role = Role.STARTED if _is_half_migrated(resource, node) else Role.STOPPED


def _is_half_migrated(resource: ResourceDraft, node: NodeDraft) -> bool:
    """Whether the resource has left this node for another, where it is active without having arrived."""
    return (
        bool(resource.active_on) and resource.partial_migration_target is not None
        and resource.partial_migration_source == node.id
    )


def _note_known(resource: ResourceDraft, node: NodeDraft) -> None:
    """The state of the resource on the node is known, and with it that of an anonymous clone it belongs to."""
    found: ResourceDraft | None = resource
    while found is not None:
        known = found.known_on
        assert isinstance(known, dict)
        known.setdefault(node.id)
        if found.unique:
            break
        assert found.parent is None or isinstance(found.parent, ResourceDraft)
        found = found.parent


def _fence_for(workspace: Workspace, resource: ResourceDraft, node: NodeDraft) -> None:
    """The resource is thought to be active on a node that is not online."""
    reason = f"{resource.id} is thought to be active there"
    if node.is_guest:
        resource.failed = resource.stop_if_failed = True
    elif not workspace.options.fencing_enabled:
        return
    elif node.is_remote_node and node.remote is not None and not node.remote.failed:
        # Unseen: it is fenced only if its connection cannot be had back elsewhere.
        node.seen = False
        reason = (
            f"{resource.id} is active there (fencing will be revoked if remote connection can be re-established "
            "elsewhere)"
        )
    workspace.fence(node, reason)


def _answer_failure(
    workspace: Workspace, resource: ResourceDraft, node: NodeDraft, on_fail: OnFail, *, active: bool
) -> None:
    """Do what failures ask for."""
    match on_fail:
        case OnFail.DEMOTE:
            resource.failed = True
            workspace.act(resource, "demote", node)
        case OnFail.FENCE:
            workspace.fence(node, f"{resource.id} failed there")
        case OnFail.STANDBY:
            node.standby = node.standby_on_fail = True
        case OnFail.BLOCK:
            resource.managed = False
            resource.blocked = True
        case OnFail.BAN:
            workspace.change_score(resource, node, -1_000_000, "__action_migration_auto__")
        case OnFail.STOP:
            resource.next_role = Role.STOPPED
        case OnFail.RESTART:
            if active:
                resource.failed = resource.stop_if_failed = True
                workspace.act(resource, "stop", node)
        case OnFail.RESTART_CONTAINER:
            _restart_container(workspace, resource, node, active=active)
        case OnFail.RESET_REMOTE:
            _reset_remote(workspace, resource, node, active=active)


def _restart_container(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, *, active: bool) -> None:
    resource.failed = resource.stop_if_failed = True
    launcher = resource.launcher
    if launcher is not None:
        assert isinstance(launcher, ResourceDraft)
        if resource.is_bundled:
            # Where the container runs may stand in a history that is still to be read.
            workspace.containers_to_stop.append(launcher)
        else:
            workspace.act(launcher, "stop", node)
    elif active:
        workspace.act(resource, "stop", node)


def _reset_remote(workspace: Workspace, resource: ResourceDraft, node: NodeDraft, *, active: bool) -> None:
    resource.failed = resource.stop_if_failed = True
    if workspace.options.fencing_enabled and resource.config.is_remote_connection:
        connected = workspace.node_named(resource.id)
        if connected is not None and connected.is_remote_node and not connected.remote_fenced:
            workspace.fence(connected, "remote connection is unrecoverable")
    if active:
        workspace.act(resource, "stop", node)
    if resource.config.remote_reconnect_ms:
        resource.next_role = Role.STOPPED


def _finish_remote_nodes(workspace: Workspace) -> None:
    """Now that all connections are known: what shuts down, and which nodes without history are online."""
    for node in workspace.nodes:
        if not node.is_remote:
            continue
        if node.shutdown and node.remote is not None:
            assert isinstance(node.remote, ResourceDraft)
            node.remote.next_role = Role.STOPPED
        if not node.unpacked:
            determine_remote_online(node, workspace)
