"""Actions: found or made by key, numbered as they are made.

An action is made the first time that any stage asks for it; later stages get the same one. Whether
it is required (not OPTIONAL) and can be done (RUNNABLE) is decided when it is asked for, and revised
by the orderings.

Lists of actions are in order of creation. Pacemaker's are built from the front: what it reads from
head to tail is read here backwards.

Source: lib/pengine/pe_actions.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from hashell.model.cluster_options import NoQuorumPolicy
from hashell.model.operations import OperationConfig, Requires
from hashell.scheduler import fencing
from hashell.scheduler.ordering.relations import Link
from hashell.scheduler.workspace import Node, Rank, Workspace
from hashell.values.integers import whole_number

if TYPE_CHECKING:
    from hashell.scheduler.variants.variant import Resource

PSEUDO = 1
RUNNABLE = 1 << 1
OPTIONAL = 1 << 2
ALWAYS_IN_GRAPH = 1 << 3
PARAMETERS_READ = 1 << 4
MIGRATABLE = 1 << 7
IN_GRAPH = 1 << 8
MIGRATION_ABORT = 1 << 11
RESCHEDULE = 1 << 13
VISITED = 1 << 14
DEDUPLICATED = 1 << 15
ON_DC = 1 << 16

START, STARTED = "start", "running"
STOP, STOPPED = "stop", "stopped"
PROMOTE, PROMOTED = "promote", "promoted"
DEMOTE, DEMOTED = "demote", "demoted"
MONITOR = "monitor"
MIGRATE_TO, MIGRATE_FROM = "migrate_to", "migrate_from"
NOTIFY, NOTIFIED = "notify", "notified"
RELOAD = "reload-agent"
CANCEL = "cancel"
DELETE = "delete"
LRM_DELETE = "lrm_delete"
CLEAR_FAILCOUNT = "clear_failcount"
FENCE = "stonith"
SHUTDOWN = "do_shutdown"

#: The action that tells that another is done.
DONE_OF = {START: STARTED, STOP: STOPPED, PROMOTE: PROMOTED, DEMOTE: DEMOTED, NOTIFY: NOTIFIED}
#: … and back; a primitive has only the one.
ATOMIC_OF = {done: task for task, done in DONE_OF.items() if task != NOTIFY}

_KNOWN = frozenset({*DONE_OF, *DONE_OF.values(), MONITOR, FENCE, SHUTDOWN})


def known_task(task: str) -> str:
    """The task itself, or "no_action" for one that is none of a resource's states."""
    return task if task in _KNOWN else "no_action"


class Action:
    """One step that was thought of.

    `flags` are the constants above. `meta` and `extra` are its meta-attributes and the parameters of
    its own `op`. `needs` says what must be there before it. `before` and `after` are relations, in
    order of creation. `needed_before` is how many of its MIN_RUNNABLE firsts must be possible.
    `summed` keeps what a collective's members came to, by node, with the count (`flags_at`) at
    which that was.
    """

    __slots__ = (
        "_flags",
        "after",
        "before",
        "cancel_task",
        "extra",
        "id",
        "key",
        "links",
        "met_before",
        "meta",
        "needed_before",
        "needs",
        "node",
        "op",
        "priority",
        "reason",
        "resource",
        "summed",
        "task",
    )

    def __init__(self, key: str, task: str, resource: Resource | None, node: Node | None) -> None:
        self.id = 0
        self.key = key
        self.task = task
        self.resource = resource
        self.node = node
        self._flags = RUNNABLE | (ON_DC if task == LRM_DELETE else 0)
        self.summed: dict[Node | None, tuple[int, int]] = {}
        self.reason: str | None = None
        self.meta: dict[str, str] = {}
        self.extra: Mapping[str, str] = {}
        self.op: OperationConfig | None = None
        self.needs = Requires.NOTHING
        self.priority = 0
        self.before: list[Link] = []
        self.after: list[Link] = []
        self.links: dict[Action, list[Link]] = {}
        self.needed_before = 0
        self.met_before = 0
        self.cancel_task: str | None = None

    def __repr__(self) -> str:
        return f"<Action {self.id} {self.key}{f' {self.node.name}' if self.node else ''}>"

    @property
    def flags(self) -> int:
        return self._flags

    @flags.setter
    def flags(self, value: int) -> None:
        if value != self._flags:
            self._flags = value
            if self.resource is not None:
                self.resource.root.flags_at += 1

    @property
    def optional(self) -> bool:
        return bool(self.flags & OPTIONAL)

    @property
    def runnable(self) -> bool:
        return bool(self.flags & RUNNABLE)

    @property
    def pseudo(self) -> bool:
        return bool(self.flags & PSEUDO)

    @property
    def interval_ms(self) -> int:
        text = self.meta.get("interval", "")
        return whole_number(text) or 0

    def because(self, reason: str | None, *, overwrite: bool = False) -> None:
        """Why the action is as it is; the first reason stays unless a later one is better."""
        if overwrite or self.reason is None:
            self.reason = reason


def key_of(resource: Resource, task: str, interval_ms: int = 0) -> str:
    return f"{resource.id}_{task}_{interval_ms}"


def notify_key(name: str, kind: str, task: str) -> str:
    return f"{name}_{kind}_notify_{task}_0"


_UNDERBARRED = ("_migrate_from", "_migrate_to")
_PREFIXES = ("_pre_notify", "_post_notify", "_confirmed-pre_notify", "_confirmed-post_notify")


@lru_cache(maxsize=16384)
def split_key(key: str) -> tuple[str, str, int]:
    """Resource, task and interval of an operation key; empty where it is none."""
    head, bar, number = key.rpartition("_")
    interval_ms = whole_number(number)
    if not bar or interval_ms is None:
        return "", "", 0
    for tail in _UNDERBARRED:
        if head.endswith(tail):
            return head[: -len(tail)], tail[1:], interval_ms
    resource, bar, task = head.rpartition("_")
    if not bar:
        return "", "", 0
    for tail in _PREFIXES:
        if resource.endswith(tail):
            return resource[: -len(tail)], f"{tail[1:]}_{task}", interval_ms
    return resource, task, interval_ms


def task_of_key(key: str) -> str:
    return split_key(key)[1]


# Finding ------------------------------------------------------------------------------------------


def find_all(resource: Resource, key: str, node: Node | None) -> list[Action]:
    """Actions with this key, on this node if one is given; oldest first.

    One that has no node yet gets the node that is asked for.
    """
    found = []
    for action in resource.actions_by_key.get(key, ()):
        if node is None or action.node is node:
            found.append(action)
        elif action.node is None:
            action.node = node
            resource.root.flags_at += 1
            found.append(action)
    return found


def find_exact(resource: Resource, key: str, node: Node | None) -> list[Action]:
    """Actions with this key on just this node; none where no node is given. Oldest first."""
    if node is None:
        return []
    return [action for action in resource.actions_by_key.get(key, ()) if action.node is node]


def find_first(
    resource: Resource, *, task: str | None = None, key: str | None = None,
    node: Node | None = None,
) -> Action | None:
    """The newest action with this task (or key), on this node if one is given."""
    if key is not None:
        candidates = resource.actions_by_key.get(key, ())
    else:
        assert task is not None
        candidates = resource.actions_by_task.get(task, ())
    for action in reversed(candidates):
        if node is None or action.node is node:
            return action
    return None


# Making -------------------------------------------------------------------------------------------


def ask(
    workspace: Workspace, resource: Resource | None, key: str, task: str, node: Node | None, *,
    optional: bool,
) -> Action:
    """The action with this key on this node, made if need be; `optional` False makes it required."""
    action = _existing(workspace, resource, key, node)
    if action is None:
        action = _make(workspace, resource, key, task, node, optional=optional)
    if (
        resource is not None and action.node is not None and not action.flags & PSEUDO
        and not resource.managed and "interval" not in action.meta
    ):
        action.flags |= OPTIONAL
    elif not optional:
        action.flags &= ~OPTIONAL
    if resource is not None:
        if action.node is not None and action.op is not None and not action.flags & PARAMETERS_READ:
            action.extra = resource.operation_parameters(action.op, action.node)
            action.flags |= PARAMETERS_READ
        _revise_runnable(workspace, action, resource)
    return action


def _existing(
    workspace: Workspace, resource: Resource | None, key: str, node: Node | None
) -> Action | None:
    if resource is None:
        action = workspace.singletons.get(key)
        if action is None or (node is not None and action.node not in (None, node)):
            return None
        if action.node is None and node is not None:
            action.node = node
        return action
    if node is not None and key not in resource.unplaced:
        return resource.actions_by_place.get((key, node))
    found = find_all(resource, key, node)
    return found[0] if found else None


def _make(
    workspace: Workspace, resource: Resource | None, key: str, task: str, node: Node | None, *,
    optional: bool,
) -> Action:
    action = Action(key, task, resource, node)
    if optional:
        action._flags |= OPTIONAL
    if resource is not None:
        interval_ms = split_key(key)[2]
        action.op = resource.operation(task, interval_ms)
        if action.op is None and "_notify_" in key:
            action.op = resource.operation(NOTIFY, 0)
        action.meta = dict(resource.operation_meta(task, interval_ms, action.op, node))
        action.needs = resource.needs_for(task)
    action.id = len(workspace.actions) + 1
    workspace.actions.append(action)
    if resource is None:
        workspace.singletons[key] = action
    else:
        resource.actions.append(action)
        resource.actions_by_key.setdefault(key, []).append(action)
        if node is None:
            resource.unplaced.add(key)
        else:
            resource.actions_by_place.setdefault((key, node), action)
        resource.actions_by_task.setdefault(task, []).append(action)
        resource.root.flags_at += 1
    return action


def _effective_policy(workspace: Workspace, resource: Resource) -> NoQuorumPolicy:
    if workspace.has_quorum:
        return NoQuorumPolicy.IGNORE
    policy = workspace.no_quorum_policy
    if policy is not NoQuorumPolicy.DEMOTE:
        return policy
    if resource.role < Rank.UNPROMOTED:
        return NoQuorumPolicy.STOP
    resource.next_role = min(resource.next_role, Rank.UNPROMOTED)
    return NoQuorumPolicy.IGNORE


def _revise_runnable(workspace: Workspace, action: Action, resource: Resource) -> None:
    """Can it be done, as nodes and quorum are now? A stop that can not be done fences its node."""
    if action.flags & PSEUDO:
        return
    node = action.node
    on_dc = action.flags & ON_DC
    if node is None:
        action.flags &= ~RUNNABLE
    elif not on_dc and not node.online and (not node.is_guest or node.remote_reset):
        action.flags &= ~RUNNABLE
        if resource.managed and action.task == STOP and not node.unclean:
            fencing.fence_node(workspace, node, "stop is unrunnable")
    elif not on_dc and node.pending:
        action.flags &= ~RUNNABLE
    elif action.needs is Requires.NOTHING:
        action.reason = None
        if node.is_guest and not fencing.can_fence(workspace, node):
            action.flags &= ~RUNNABLE
        else:
            action.flags |= RUNNABLE
    else:
        policy = _effective_policy(workspace, resource)
        if policy is NoQuorumPolicy.STOP:
            action.flags &= ~RUNNABLE
            action.because("no quorum", overwrite=True)
        elif policy is NoQuorumPolicy.FREEZE:
            if not resource.is_active(all_members=True) or resource.next_role > resource.role:
                action.flags &= ~RUNNABLE
                action.because("quorum freeze", overwrite=True)
        else:
            action.flags |= RUNNABLE


def note(
    workspace: Workspace, resource: Resource, key: str, task: str, node: Node, *,
    optional: bool, runnable: bool,
) -> Action:
    """An action that was found necessary while the state was read, as it was at that moment.

    Nodes and resources may have changed since, so nothing is decided anew.
    """
    action = _existing(workspace, resource, key, node)
    if action is None:
        action = _make(workspace, resource, key, task, node, optional=optional)
    if not optional:
        action.flags &= ~OPTIONAL
    action.flags = action.flags | RUNNABLE if runnable else action.flags & ~RUNNABLE
    if action.op is not None and not action.flags & PARAMETERS_READ:
        action.extra = resource.operation_parameters(action.op, node)
        action.flags |= PARAMETERS_READ
    return action


def ask_resource(
    resource: Resource, task: str, node: Node | None, *, optional: bool
) -> Action:
    """An action of a resource without an interval."""
    return ask(
        resource.workspace, resource, key_of(resource, task), task, node, optional=optional
    )


def ask_pseudo(workspace: Workspace, name: str) -> Action:
    """An event that belongs to no resource, optional until something needs it."""
    action = workspace.singletons.get(name)
    if action is None:
        action = ask(workspace, None, name, name, None, optional=True)
        action.flags |= PSEUDO | RUNNABLE
    return action


def ask_event(resource: Resource, task: str, *, optional: bool, runnable: bool) -> Action:
    """An event of a collective: all of it started, stopped …"""
    action = ask_resource(resource, task, None, optional=optional)
    action.flags |= PSEUDO
    if runnable:
        action.flags |= RUNNABLE
    return action


def clear_failures(resource: Resource, node: Node) -> Action:
    """Forget the failures of a resource on a node."""
    action = ask_resource(resource, CLEAR_FAILCOUNT, node, optional=False)
    action.meta["op_no_wait"] = "true"
    return action


def clear_history(resource: Resource, node: Node) -> Action:
    """Forget all that a node ever did with a resource."""
    return ask_resource(resource, LRM_DELETE, node, optional=False)


def why_changed(cause: Action, flag: int) -> str:
    """The words for a change that another action caused."""
    change = {RUNNABLE: "unrunnable", MIGRATABLE: "unmigrateable", OPTIONAL: "required"}[flag]
    if cause.resource is None:
        return f"{change} {cause.task}"
    return f"{change} {cause.resource.id} {cause.task}"
