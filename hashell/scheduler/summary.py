"""Summary: what will happen to each resource and node, one change each, as data.

Source: lib/pacemaker/pcmk_output.c (rsc-action, node-action), pcmk_sched_actions.c
(pcmk__output_actions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler.workspace import Rank
from hashell.values.roles import Role

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.variant import Resource
    from hashell.scheduler.workspace import Node, Workspace


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What happens to a primitive. `what` is Start, Stop, Move, Restart, Recover, Reload, Migrate,
    Promote, Demote or Re-promote; `source` and `target` are names of nodes, empty for none.

    `reason` says what it comes from; `blocked` that it can not be done.
    """

    what: str
    resource: str
    source: str
    target: str
    role: Role
    next_role: Role
    reason: str
    blocked: bool


@dataclass(frozen=True, slots=True)
class NodeChange:
    """What happens to a node: Shutdown, or Fence (reboot). `resource` is the container of a guest."""

    what: str
    node: str
    resource: str
    reason: str


Change = ResourceChange | NodeChange

_ROLE = {
    Rank.UNKNOWN: Role.UNKNOWN, Rank.STOPPED: Role.STOPPED, Rank.STARTED: Role.STARTED,
    Rank.UNPROMOTED: Role.UNPROMOTED, Rank.PROMOTED: Role.PROMOTED,
}


def list_changes(workspace: Workspace) -> None:
    """Nodes first, then resources, as Pacemaker lists them."""
    for action in reversed(workspace.actions):
        if action.resource is not None or action.flags & act.OPTIONAL or action.node is None:
            continue
        if action.task == act.SHUTDOWN:
            what = "Shutdown"
        elif action.task == act.FENCE:
            what = f"Fence ({action.meta.get('stonith_action')})"
        else:
            continue
        launcher = action.node.launcher
        workspace.changes.append(NodeChange(
            what, action.node.name, "" if launcher is None else launcher.id, action.reason or ""
        ))
    for resource in workspace.resources:
        resource.list_changes()


def list_primitive(resource: Resource) -> None:
    """What happens to one primitive, if anything does."""
    current: Node | None = None
    if resource.active:
        current = resource.active_node()
        if resource.role is Rank.STOPPED:
            resource.role = Rank.STARTED
    if current is None and resource.removed:
        return
    following = resource.assigned
    if not resource.managed or (current is None and following is None):
        return
    _Listing(resource, current, following).list()


class _Listing:
    """The actions of a primitive that say what happens to it."""

    def __init__(self, resource: Resource, current: Node | None, following: Node | None) -> None:
        self.resource = resource
        self.current = current
        self.following = following
        self.moving = (
            current is not None and following is not None and current is not following
        )
        self.start = self._find(act.START, following)
        runs = self.start is not None and self.start.flags & act.RUNNABLE
        self.stop = self._find(act.STOP, current if runs else None)
        if self.stop is None and resource.stop_unexpected:
            self.stop = self._find(act.STOP, None)
        self.promote = self._find(act.PROMOTE, following)
        self.demote = self._find(act.DEMOTE, following)

    def _find(self, task: str, node: Node | None) -> Action | None:
        found = act.find_all(self.resource, act.key_of(self.resource, task), node)
        return found[0] if found else None

    def _say(
        self, what: str, source: Node | None, target: Node | None, action: Action | None,
        reason: Action | None = None,
    ) -> None:
        if action is None or (source is None and target is None):
            return
        resource = self.resource
        cause = action if reason is None else reason
        resource.workspace.changes.append(ResourceChange(
            what, resource.id, "" if source is None else source.name,
            "" if target is None else target.name, _ROLE[resource.role],
            _ROLE[resource.next_role], cause.reason or "", not action.flags & act.RUNNABLE,
        ))

    def list(self) -> None:
        if self.resource.role is self.resource.next_role:
            self._same_role()
        else:
            self._other_role()

    def _same_role(self) -> None:
        resource, current, following = self.resource, self.current, self.following
        start, stop, promote, demote = self.start, self.stop, self.promote, self.demote
        if following is None:
            return
        migrate = self._find(act.MIGRATE_FROM, following)
        if migrate is not None and current is not None and migrate.flags & act.RUNNABLE:
            self._say("Migrate", current, following, start)
        elif resource.reload:
            self._say("Reload", current, following, start)
        elif start is None or start.flags & act.OPTIONAL:
            if demote is not None and promote is not None and not (
                (demote.flags | promote.flags) & act.OPTIONAL
            ):
                self._say("Re-promote", current, following, promote, demote)
        elif not start.flags & act.RUNNABLE:
            cause = start if stop is None or stop.reason is None else stop
            self._say("Stop", current, None, stop, cause)
        elif self.moving:
            self._say("Recover" if resource.failed else "Move", current, following, stop)
        elif resource.failed:
            self._say("Recover", current, None, stop)
        else:
            self._say("Restart", current, following, start)

    def _other_role(self) -> None:
        resource, current, following = self.resource, self.current, self.following
        start, stop = self.start, self.stop
        if stop is not None and (
            resource.next_role is Rank.STOPPED
            or (start is not None and not start.flags & act.RUNNABLE)
        ):
            for node in resource.active:
                on_node = self._find(act.STOP, node)
                cause = start
                if on_node is not None and on_node.reason is not None:
                    cause = on_node
                self._say("Stop", node, None, on_node, cause)
        elif stop is not None and resource.failed and resource.stop_if_failed:
            self._say("Recover", current, following, stop, start)
        elif self.moving:
            self._say("Move", current, following, stop)
        elif resource.reload:
            self._say("Reload", current, following, start)
        elif stop is not None and not stop.flags & act.OPTIONAL:
            self._say("Restart", current, following, start)
        elif resource.role is Rank.PROMOTED:
            self._say("Demote", current, following, self.demote)
        elif resource.next_role is Rank.PROMOTED:
            self._say("Promote", current, following, self.promote)
        elif resource.role is Rank.STOPPED and resource.next_role > Rank.STOPPED:
            self._say("Start", current, following, start)
