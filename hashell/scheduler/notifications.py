"""Notifications: instances of a clone hear what happens to the others, before and after.

Source: lib/pengine/pe_notif.c, lib/pengine/clone.c; Pacemaker Explained, "Clone notifications".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashell.scheduler import actions as act
from hashell.scheduler.ordering import relations as rel
from hashell.scheduler.ordering.relations import link
from hashell.scheduler.workspace import Node, Rank
from hashell.values.scores import INFINITY

if TYPE_CHECKING:
    from hashell.scheduler.actions import Action
    from hashell.scheduler.variants.clone import Clone
    from hashell.scheduler.variants.variant import Resource

#: A resource and the node where something is or happens to it.
_Entry = tuple["Resource", Node | None]


@dataclass(slots=True, eq=False)
class Notifications:
    """The events before and after one task of a clone, and who is concerned."""

    task: str
    before: Action | None = None
    before_done: Action | None = None
    after: Action | None = None
    after_done: Action | None = None
    lists: dict[str, list[_Entry]] = field(default_factory=dict)
    allowed: list[Node] | None = None
    words: dict[str, str] = field(default_factory=dict)

    def entries(self, name: str) -> list[_Entry]:
        return self.lists.setdefault(name, [])


def _event(resource: Resource, action: Action, task: str, kind: str) -> Action:
    event = act.ask(
        resource.workspace, resource, act.notify_key(resource.id, kind, action.task), task, None,
        optional=bool(action.flags & act.OPTIONAL),
    )
    event.flags |= act.PSEUDO
    event.meta["notify_key_type"] = kind
    event.meta["notify_key_operation"] = action.task
    return event


def _prepare(
    resource: Resource, task: str, action: Action | None, done: Action | None
) -> Notifications | None:
    """The events round an action and round what tells that it is done; None without notify."""
    if not resource.notify:
        return None
    notice = Notifications(task)
    if action is not None:
        notice.before = _event(resource, action, act.NOTIFY, "pre")
        notice.before.flags |= act.RUNNABLE
        _tell(notice.before, "pre", task)
        notice.before_done = _event(resource, action, act.NOTIFIED, "confirmed-pre")
        notice.before_done.flags |= act.RUNNABLE
        _tell(notice.before_done, "pre", task)
        link(notice.before, notice.before_done, rel.ORDERED, "notify")
        link(notice.before_done, action, rel.ORDERED, "notify")
    if done is not None:
        for kind, event_task in (("post", act.NOTIFY), ("confirmed-post", act.NOTIFIED)):
            event = _event(resource, done, event_task, kind)
            event.priority = INFINITY
            event.flags = event.flags & ~act.RUNNABLE | done.flags & act.RUNNABLE
            _tell(event, "post", task)
            if kind == "post":
                notice.after = event
            else:
                notice.after_done = event
        link(done, notice.after, rel.FIRST_IMPLIES_THEN, "notify")
        link(notice.after, notice.after_done, rel.FIRST_IMPLIES_THEN, "notify")
    if action is not None and done is not None:
        link(notice.before_done, notice.after, rel.ORDERED, "notify")
    return notice


def _tell(event: Action, kind: str, task: str) -> None:
    event.meta["notify_type"] = kind
    event.meta["notify_operation"] = task


def prepare_start_and_stop(
    collective: Resource, start: Action, started: Action, stop: Action, stopped: Action
) -> None:
    """Events round starting and stopping the instances of a clone, each made once."""
    clone = _clone(collective)
    notices = clone.notices
    if act.START not in notices:
        notice = _prepare(clone, act.START, start, started)
        if notice is not None:
            notices[act.START] = notice
    if act.STOP not in notices:
        notice = _prepare(clone, act.STOP, stop, stopped)
        if notice is not None:
            notices[act.STOP] = notice
            if act.START in notices:
                link(notice.after_done, notices[act.START].before, rel.ORDERED, "notify")


def prepare_promotion(clone: Clone, *, promoting: bool, demoting: bool) -> None:
    """The events of promoting and demoting, with those round them."""
    notices = clone.notices
    promote = act.ask_event(clone, act.PROMOTE, optional=not promoting, runnable=True)
    promoted = act.ask_event(clone, act.PROMOTED, optional=not promoting, runnable=True)
    promoted.priority = INFINITY
    if act.PROMOTE not in notices:
        notice = _prepare(clone, act.PROMOTE, promote, promoted)
        if notice is not None:
            notices[act.PROMOTE] = notice
    demote = act.ask_event(clone, act.DEMOTE, optional=not demoting, runnable=True)
    demoted = act.ask_event(clone, act.DEMOTED, optional=not demoting, runnable=True)
    demoted.priority = INFINITY
    if act.DEMOTE in notices:
        return
    notice = _prepare(clone, act.DEMOTE, demote, demoted)
    if notice is None:
        return
    notices[act.DEMOTE] = notice
    for first, then in (
        (act.STOP, act.PROMOTE), (act.START, act.PROMOTE), (act.DEMOTE, act.PROMOTE),
        (act.DEMOTE, act.START), (act.DEMOTE, act.STOP),
    ):
        link(notices[first].after_done, notices[then].before, rel.ORDERED, "notify")


def _clone(resource: Resource) -> Clone:
    from hashell.scheduler.variants.clone import Clone

    assert isinstance(resource, Clone)
    return resource


# What is told -------------------------------------------------------------------------------------


_STATE_LISTS = {
    Rank.STOPPED: ("inactive",), Rank.STARTED: ("active",),
    Rank.UNPROMOTED: ("unpromoted", "active"), Rank.PROMOTED: ("promoted", "active"),
}


def _collect(resource: Resource, notice: Notifications, *, activity: bool) -> None:
    """Who is in which role, and (with `activity`) who starts, stops, is promoted or demoted."""
    if notice.allowed is None:
        notice.allowed = resource.nodes_of(resource.allowed)
    if resource.children:
        for child in resource.children:
            _collect(child, notice, activity=activity)
        return
    node = resource.active[0] if resource.active else None
    for name in _STATE_LISTS.get(resource.role, ()):
        notice.entries(name).append((resource, node))
    if not activity:
        return
    for action in reversed(resource.actions):
        if action.flags & act.OPTIONAL or action.node is None:
            continue
        if not (action.task == act.STOP and action.node.unclean) and (
            not action.flags & act.RUNNABLE
        ):
            continue
        if action.task in (act.START, act.STOP, act.PROMOTE, act.DEMOTE):
            notice.entries(action.task).append((resource, action.node))


def _sorted(entries: list[_Entry]) -> list[_Entry]:
    return sorted(
        entries,
        key=lambda entry: (entry[0].id, entry[1] is None, "" if entry[1] is None else entry[1].id),
    )


def _names(entries: list[_Entry], *, with_nodes: bool) -> tuple[str, str]:
    """Names of resources, each once, and of their nodes; a blank where there are none."""
    resources: list[str] = []
    nodes: list[str] = []
    last = None
    for resource, node in _sorted(entries):
        if with_nodes and node is None:
            continue
        if resource.id == last:
            continue
        last = resource.id
        resources.append(resource.id)
        if node is not None:
            nodes.append(node.name)
    return " ".join(resources) or " ", " ".join(nodes) or " "


def _host_name(node: Node) -> str:
    launcher = node.launcher
    if launcher is not None and launcher.active:
        host = launcher.active_node()
        if host is not None:
            return host.name
    return node.name


def _add_words(resource: Resource, notice: Notifications) -> None:
    """All lists as parameters; the task makes its events required if anybody is concerned."""
    words = notice.words
    for name in (act.STOP, act.START, act.DEMOTE, act.PROMOTE, "active"):
        resources, nodes = _names(notice.entries(name), with_nodes=True)
        words[f"notify_{name}_resource"] = resources
        words[f"notify_{name}_uname"] = nodes
    for name, old in (("unpromoted", "slave"), ("promoted", "master")):
        resources, nodes = _names(notice.entries(name), with_nodes=True)
        for word in (name, old):
            words[f"notify_{word}_resource"] = resources
            words[f"notify_{word}_uname"] = nodes
    words["notify_inactive_resource"], _ = _names(notice.entries("inactive"), with_nodes=False)
    available = sorted(notice.allowed or (), key=lambda node: node.place)
    words["notify_available_uname"] = " ".join(node.name for node in available) or " "
    nodes_now = resource.workspace.nodes
    if resource.meta.get("container-attribute-target") == "host":
        words["notify_all_hosts"] = " ".join(map(_host_name, nodes_now)) or " "
    words["notify_all_uname"] = " ".join(node.name for node in nodes_now) or " "
    if notice.task == act.STOP:
        required = words["notify_stop_resource"] != " "
    else:
        required = bool(notice.entries(notice.task))
    if required:
        for event in (notice.before, notice.before_done, notice.after, notice.after_done):
            if event is not None:
                event.flags &= ~act.OPTIONAL


# Who is told --------------------------------------------------------------------------------------


def _notify(
    resource: Resource, node: Node | None, event: Action | None, done: Action | None,
    notice: Notifications,
) -> Action | None:
    """Tell one instance; nobody is told on a node that is away, or of what can not happen."""
    if (
        node is None or event is None or done is None or not node.online
        or not event.flags & act.RUNNABLE
    ):
        return None
    key = act.notify_key(
        resource.id, event.meta["notify_type"], event.meta["notify_operation"]
    )
    action = act.ask(
        resource.workspace, resource, key, event.task, node,
        optional=bool(event.flags & act.OPTIONAL),
    )
    for name, value in event.meta.items():
        action.meta.setdefault(name, value)
    action.meta.update(notice.words)
    link(event, action, rel.ORDERED, "notify")
    link(action, done, rel.ORDERED, "notify")
    return action


def _notify_after(resource: Resource, node: Node, notice: Notifications) -> None:
    action = _notify(resource, node, notice.after, notice.after_done, notice)
    if action is not None:
        action.priority = INFINITY
    if notice.after_done is None:
        return
    for monitor in reversed(resource.actions):
        if monitor.meta.get("interval", "0") != "0" and monitor.task != act.CANCEL:
            link(notice.after_done, monitor, rel.ORDERED, "notify")


def _create(resource: Resource, notice: Notifications) -> None:
    if resource.children:
        for child in resource.children:
            _create(child, notice)
        return
    for action in reversed(resource.actions):
        if (
            not action.flags & act.OPTIONAL and action.node is not None
            and action.task in (act.START, act.STOP, act.PROMOTE, act.DEMOTE)
        ):
            action.meta.update(notice.words)
    task = notice.task
    if task in (act.START, act.PROMOTE, act.DEMOTE) and not notice.entries(task):
        return
    if resource.role is not Rank.STOPPED and task in (act.STOP, act.DEMOTE):
        stop = act.find_first(resource, task=act.STOP)
        for node in resource.active:
            if stop is not None and stop.flags & act.PSEUDO and (
                node.unclean or node.remote_reset
            ):
                continue
            _notify(resource, node, notice.before, notice.before_done, notice)
            if task == act.DEMOTE or stop is None or stop.flags & act.OPTIONAL:
                _notify_after(resource, node, notice)
    if resource.next_role is not Rank.STOPPED and task in (act.START, act.PROMOTE):
        start = act.find_first(resource, task=act.START)
        if start is not None and start.node is not None and start.node.remote is not None:
            connect = act.find_first(start.node.remote, task=act.START)
            if connect is not None and not connect.flags & act.RUNNABLE:
                return
        node_next = resource.assigned
        if node_next is None:
            return
        if task != act.START or start is None or start.flags & act.OPTIONAL:
            _notify(resource, node_next, notice.before, notice.before_done, notice)
        _notify_after(resource, node_next, notice)


def create_notifications(clone: Clone) -> None:
    """All that the instances of a clone will be told, when everything else is decided."""
    for task in (act.START, act.STOP, act.PROMOTE, act.DEMOTE):
        notice = clone.notices.get(task)
        if notice is None:
            continue
        _collect(clone, notice, activity=True)
        _add_words(clone, notice)
        _create(clone, notice)


def order_after_fencing(stop: Action, resource: Resource, fence: Action) -> None:
    """After a node was fenced, instances elsewhere hear that the one there is stopped."""
    notice = _prepare(resource, act.STOP, None, fence)
    if notice is None:
        return
    _collect(resource, notice, activity=False)
    assert stop.node is not None
    notice.words["notify_stop_resource"] = resource.id
    notice.words["notify_stop_uname"] = stop.node.name
    _create(resource.top, notice)
