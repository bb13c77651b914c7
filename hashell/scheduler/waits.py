"""Waits: why one action comes before another, and what keeps an action from being done, in plain words.

In:  a schedule that was made with `Wanted(reasons=True)`. Out: `Wait`, one for each action of a resource that has to
wait; nothing is looked up or run here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from hashell.model.constraints import OrderConstraint

if TYPE_CHECKING:
    from hashell.scheduler.schedule import PlannedAction, Relation, Schedule
    from hashell.state.cluster_state import ClusterState

#: Actions that one action waits for and that are told; a clone's start can wait for hundreds.
SHOWN_MAX = 6
#: Steps back to where a chain of actions that cannot be done begins.
_CHAIN_MAX = 200
#: The scheduler's words for orderings that no constraint asks for.
_IMPLIED: Mapping[str, str] = {
    "bundle": "the parts of a bundle come one after another",
    "cancel": "a monitor ends once the resource has stopped",
    "clean-up": "failures are forgotten first",
    "clone": "a clone's instances come between its beginning and its end",
    "concurrent-fencing": "concurrent-fencing is off: one node is fenced after another",
    "container": "it goes with its container",
    "dc-last": "the node that coordinates goes last",
    "fencing": "the node must have been fenced",
    "group": "the members of a group come one after another",
    "guest": "a guest is fenced by stopping its container",
    "history": "its history is cleared first",
    "migration": "the steps of a live migration follow one another",
    "notify": "instances with notify=true hear of it before and after",
    "probe": "first the cluster looks where it runs already",
    "promotable": "a clone's instances are demoted, stopped, started and promoted in that order",
    "promotion": "it is started before it is promoted, demoted before it is stopped",
    "record-pending": "the beginning of the operation is recorded first",
    "recurring": "monitors begin once that is done, and change with the role",
    "reload": "it is reloaded while it runs",
    "remote-connection": "it needs the connection of its remote node",
    "removed": "what is no longer configured is stopped before it is forgotten",
    "restart": "it stops before it starts again",
    "shutdown": "a node leaves when all has stopped there",
    "unfencing": "the node must have been unfenced",
    "utilization": "capacity must become free first",
}
_TASKS: Mapping[str, str] = {
    "running": "all starts", "stopped": "all stops", "promoted": "all promotions", "demoted": "all demotions",
    "stonith": "fencing", "do_shutdown": "shutdown", "migrate_to": "migration away", "migrate_from": "migration here",
    "lrm_delete": "clearing the history", "clear_failcount": "forgetting the failures",
    "load_stopped": "freeing capacity",
}
#: Events and messages that only stand between other actions.
_EVENTS = frozenset({"notify", "notified"})


class Cause(Struct, frozen=True):
    """One action that has to come before. `constraints` are the ids of those that ask for it, among all that do;
    `why` says it in words; `action` is its operation key, `resource` whose it is, empty for a node's.
    """

    action: str
    text: str
    why: str
    constraints: tuple[str, ...] = ()
    resource: str = ""


class Wait(Struct, frozen=True):
    """An action and what it waits for. `more`: how many causes were left out. `possible` is False where a cause cannot
    be done, so that neither can this; then the causes are only those, and `root` is where the chain begins.
    """

    action: str
    text: str
    causes: tuple[Cause, ...]
    more: int = 0
    possible: bool = True
    root: str = ""


def in_words(action: PlannedAction) -> str:
    """`start of web on node1`."""
    task = _TASKS.get(action.task, action.task)
    if not action.resource:
        name = action.key.partition("_node")[0]
        what = _TASKS.get(name, task)
        return f"{what} of {action.node}" if action.node else what
    if action.task == "monitor":
        task = "probe" if action.key.endswith("_monitor_0") else "monitor"
    where = f" on {action.node}" if action.node and not (action.pseudo and action.task in _TASKS) else ""
    return f"{task} of {action.resource}{where}"


class Waits:
    """Relations of one schedule, by action."""

    def __init__(self, state: ClusterState, schedule: Schedule) -> None:
        self._actions = {action.id: action for action in schedule.actions}
        self._parents = schedule.parents
        self._before: dict[int, list[Relation]] = {}
        for relation in schedule.relations:
            self._before.setdefault(relation.then, []).append(relation)
        self._constraints = {
            one.id: one for one in state.configuration.constraints if isinstance(one, OrderConstraint)
        }

    def of(self, resource: str) -> tuple[Wait, ...]:
        """What the actions of a primitive that are to be done wait for, and those that cannot be done."""
        return tuple(self._of(resource))

    def _of(self, resource: str) -> Iterator[Wait]:
        for action in self._actions.values():
            if action.resource != resource or (action.optional and not action.in_graph) or (
                action.task in _EVENTS or _watches(action)
            ):
                continue
            if not action.runnable:
                causes = list(self._blockers(action.id, set(self._parents.get(resource, ())), {action.id}))
                if causes:
                    yield self._wait(action, causes, possible=False)
            elif action.in_graph:
                causes = list(self._causes(action.id, set(self._parents.get(resource, ())), {action.id}))
                if causes:
                    yield self._wait(action, causes, possible=True)

    def _blockers(self, action: int, parents: set[str], seen: set[int]) -> Iterator[Relation]:
        """What keeps an action from being done; events of what it is in stand for what keeps those."""
        for relation in self._before.get(action, ()):
            first = self._actions[relation.first]
            if not relation.blocks or first.runnable or first.id in seen:
                continue
            seen.add(first.id)
            if first.pseudo and first.resource in parents:
                yield from self._blockers(first.id, parents, seen)
            else:
                yield relation

    def _causes(self, action: int, parents: set[str], seen: set[int]) -> Iterator[Relation]:
        """What an action waits for in the graph; events of what it is in are replaced by what those wait for."""
        events = []
        for relation in self._before.get(action, ()):
            first = self._actions[relation.first]
            if not relation.graphed or not first.in_graph or first.id in seen:
                continue
            seen.add(first.id)
            if first.pseudo and (first.resource in parents or first.task in _EVENTS):
                events.append(first.id)
            else:
                yield relation
        for event in events:
            yield from self._causes(event, parents, seen)

    def _wait(self, action: PlannedAction, relations: Sequence[Relation], *, possible: bool) -> Wait:
        causes = tuple(self.cause(one) for one in relations[:SHOWN_MAX])
        root = "" if possible else self._root(action)
        return Wait(
            action.key, in_words(action), causes, max(len(relations) - SHOWN_MAX, 0), possible, root
        )

    def cause(self, relation: Relation) -> Cause:
        """One relation in words."""
        first = self._actions[relation.first]
        constraints = []
        words = []
        for why in relation.why:
            name = why if why in self._constraints else why.partition(":")[2]
            if name in self._constraints:
                constraints.append(name)
                words.append(f"order constraint {name}")
            else:
                words.append(_IMPLIED.get(why, why))
        return Cause(first.key, in_words(first), "; ".join(words), tuple(constraints), first.resource)

    def _root(self, action: PlannedAction) -> str:
        """The first of a chain of actions that cannot be done, empty where it is the next one already."""
        seen = {action.id}
        here, steps = action, 0
        while steps < _CHAIN_MAX:
            further = [
                self._actions[one.first] for one in self._before.get(here.id, ())
                if one.blocks and one.first not in seen and not self._actions[one.first].runnable
            ]
            if not further:
                break
            here = further[0]
            seen.add(here.id)
            steps += 1
        if steps < 2:
            return ""
        return in_words(here) + (f" ({here.reason})" if here.reason else "")


def _watches(action: PlannedAction) -> bool:
    """A monitor follows from what it watches, and a probe waits for nothing that matters."""
    return action.task == "monitor" and not action.key.endswith("_monitor_0")
