"""Remote: orderings round the connections of remote nodes and guests.

Source: lib/pacemaker/pcmk_sched_remote.c.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler import fencing
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.make import order
from hashell.scheduler.workspace import Node, Rank

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Workspace

_WHY = "remote-connection"


class Connection(enum.Enum):
    """How a remote node can be reached, now and after this transition."""

    UNKNOWN = enum.auto()
    ALIVE = enum.auto()
    RESTING = enum.auto()
    FAILED = enum.auto()
    STOPPED = enum.auto()


def _connection(node: Node) -> Connection:
    remote = node.remote
    assert remote is not None
    host = remote.active_node()
    if remote.next_role is Rank.STOPPED or remote.assigned is None:
        if host is not None and host.unclean:
            return Connection.FAILED
        if not remote.failed:
            return Connection.STOPPED
        if (
            remote.next_role is Rank.STOPPED and remote.config.remote_reconnect_ms > 0
            and node.remote_fenced and node.attributes.get("shutdown", "0") == "0"
        ):
            # It was fenced and may come back after the reconnect interval.
            return Connection.UNKNOWN
        return Connection.FAILED
    if host is None:
        return Connection.UNKNOWN
    if host.unclean or not host.online:
        return Connection.RESTING
    if (
        len(remote.active) > 1 and remote.partial_source is not None
        and remote.partial_target is not None
    ):
        return Connection.RESTING
    return Connection.ALIVE


def has_failed(node: Node) -> bool:
    """Whether a remote node (no guest) is lost for good."""
    return (
        node.is_remote_node and node.remote is not None
        and _connection(node) is Connection.FAILED
    )


def _after_start(first: Resource, then: Action, extra: int = rel.NONE) -> None:
    order(
        first.workspace, rel.GUEST_ALLOWED | rel.UNRUNNABLE_FIRST_BLOCKS | extra, _WHY,
        first_resource=first, first_key=act.key_of(first, act.START), then=then,
    )


def _before_stop(first: Action, then: Resource, extra: int = rel.NONE) -> None:
    order(
        then.workspace, rel.GUEST_ALLOWED | extra, _WHY, first=first,
        then_resource=then, then_key=act.key_of(then, act.STOP),
    )


def _task(action: Action) -> str:
    """A migration counts as a stop here."""
    return act.STOP if action.task in (act.MIGRATE_TO, act.MIGRATE_FROM) else action.task


def _order_on_remote(action: Action, node: Node) -> None:
    remote = node.remote
    assert remote is not None
    workspace = remote.workspace
    state = _connection(node)
    task = _task(action)
    if task in (act.START, act.PROMOTE):
        _after_start(
            remote, action,
            rel.FIRST_IMPLIES_THEN if state is Connection.FAILED else rel.NONE,
        )
    elif task == act.STOP:
        if state is Connection.ALIVE:
            _before_stop(action, remote, rel.THEN_IMPLIES_FIRST)
        elif state is Connection.FAILED:
            fencing.fence_node(
                workspace, node, "resources are active but connection is unrecoverable"
            )
        elif remote.next_role is Rank.STOPPED:
            _before_stop(action, remote, rel.THEN_IMPLIES_FIRST)
        else:
            _after_start(remote, action)
    elif task == act.DEMOTE:
        if state in (Connection.RESTING, Connection.UNKNOWN):
            _after_start(remote, action)
    elif action.interval_ms > 0:
        _after_start(remote, action, rel.FIRST_IMPLIES_THEN)
    else:
        if task == act.MONITOR and state is Connection.FAILED:
            fencing.fence_node(
                workspace, node,
                "resources are in unknown state and connection is unrecoverable",
            )
        if remote.active_node() is not None and state is Connection.STOPPED:
            _before_stop(action, remote, rel.UNRUNNABLE_FIRST_BLOCKS)
        else:
            _after_start(remote, action)


def _order_on_guest(action: Action, node: Node, launcher: Resource) -> None:
    remote = node.remote
    assert remote is not None
    if launcher.failed:
        fencing.fence_node(remote.workspace, node, "container failed")
    task = _task(action)
    if task in (act.START, act.PROMOTE):
        _after_start(launcher, action, rel.FIRST_IMPLIES_THEN)
        _after_start(remote, action)
    elif task in (act.STOP, act.DEMOTE):
        if not launcher.failed:
            _before_stop(action, remote)
    elif action.interval_ms > 0:
        if act.known_task(task) != "no_action":
            _after_start(remote, action, rel.FIRST_IMPLIES_THEN)
    else:
        _after_start(remote, action)


def order_connection_actions(workspace: Workspace) -> None:
    """What is done on a remote node or guest waits for its connection, and the other way round."""
    if not workspace.have_remote_nodes:
        return
    for action in reversed(list(workspace.actions)):
        resource, node = action.resource, action.node
        if resource is None:
            continue
        if resource.is_remote_connection and action.task == act.CLEAR_FAILCOUNT:
            order(
                workspace, rel.ORDERED, _WHY, first=action, then_resource=resource,
                then_key=act.key_of(resource, act.START),
            )
            continue
        if node is None or not node.is_remote or action.flags & act.PSEUDO or node.remote is None:
            continue
        remote = node.remote
        if action.task == act.START:
            # What moves from elsewhere stops there only when it is known that it can start here.
            for other in reversed(resource.actions):
                if other.node is not None and other.node is not node and other.task == act.STOP:
                    order(
                        workspace, rel.ORDERED, _WHY, first_resource=remote,
                        first_key=act.key_of(remote, act.START), then=other,
                        then_resource=resource,
                    )
        if remote.launcher is not None:
            _order_on_guest(action, node, remote.launcher)
        else:
            _order_on_remote(action, node)


def router(action: Action) -> Node | None:
    """The cluster node that does something on behalf of a remote node."""
    node = action.node
    if action.task == act.FENCE or node is None or not node.is_remote or node.remote is None:
        return None
    remote = node.remote
    before, after = remote.active_node(), remote.assigned
    if before is None or after is None or before is after:
        return before or after
    moving = remote.launcher is None and remote.partial_target is not None
    task = action.task
    if task == act.NOTIFY:
        task = action.meta.get("notify_operation", "")
    down = (act.CANCEL, act.STOP, act.DEMOTE, act.MIGRATE_FROM, act.MIGRATE_TO)
    return before if task in down and not moving else after


def guest_meta(action: Action) -> dict[str, str]:
    """For an action on a guest, where its container is or will be."""
    node = action.node
    if node is None or node.launcher is None or action.resource is None:
        return {}
    launcher = node.launcher
    task = action.task
    if task in (act.NOTIFY, act.NOTIFIED):
        task = action.meta.get("notify_operation", "")
    host: Node | None = None
    if task in (act.STOP, act.STOPPED, act.DEMOTE, act.DEMOTED):
        host = launcher.active_node()
    elif task in (act.START, act.STARTED, act.MONITOR, act.PROMOTE, act.PROMOTED):
        host = launcher.assigned
    if host is None:
        return {}
    found = {"physical-host": host.name}
    target = action.resource.meta.get("container-attribute-target")
    if target is not None:
        found["container-attribute-target"] = target
    return found
