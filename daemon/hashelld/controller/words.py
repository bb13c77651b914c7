"""Words: what a transition does and what became of it, in one line for people. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hashell.transition.graph import Action, ActionKind, Graph
from hashelld.core.events import Author

#: Steps that are named one by one; of more only the number is told.
NAMED_MAX = 6
#: Resource tasks that people care about, in the order in which they are told.
_TASKS = ("stop", "demote", "migrate_to", "start", "promote", "reload", "reload-agent")
_SAID = {"migrate_to": "move", "reload-agent": "reload"}


def plan(graph: Graph) -> str:
    """`transition 4: stop web on node1, start web on node2`."""
    steps = list(_ordered(graph))
    rest = len(steps) - NAMED_MAX
    named = [_step(action) for action in steps[:NAMED_MAX]] + ([f"{rest} more"] if rest > 0 else [])
    if not named:
        count = Counter(
            "probe" if action.interval_ms == 0 else "monitor"
            for action in graph.actions if action.task == "monitor"
        )
        named = [f"{number} {word}{'s' if number > 1 else ''}" for word, number in count.items()]
    return f"transition {graph.transition_id}: " + (", ".join(named) or "bookkeeping")


def end(number: int, result: str, reason: str, duration_ms: int) -> str:
    """`transition 4: complete in 0.3 s`."""
    why = f" ({reason})" if reason and result != "complete" else ""
    return f"transition {number}: {result}{why} after {duration_ms / 1000:.1f} s"


def change(author: Author, version: str) -> str:
    """`root on node1: configure … (version 0.12.0)`."""
    what = author.command or "the configuration was changed"
    return f"{author.user} on {author.node}: {what} (version {version})"


def about(graph: Graph) -> tuple[str, ...]:
    """Resources and nodes that a graph's visible steps concern, each once, bounded."""
    found: dict[str, None] = {}
    for action in _ordered(graph):
        if action.primitive is not None:
            found[action.primitive.id] = None
        found[action.node] = None
    return tuple(found)[:64]


def _ordered(graph: Graph) -> Iterator[Action]:
    yield from _first(graph.actions, "stonith", ActionKind.CLUSTER)
    moves = {
        (action.primitive, action.node) for action in graph.actions if action.task == "migrate_to"
    }
    for task in _TASKS:
        for action in _first(graph.actions, task, ActionKind.RESOURCE):
            # What migrates is stopped at its old place afterwards: that is no step of its own.
            if task != "stop" or (action.primitive, action.node) not in moves:
                yield action
    yield from _first(graph.actions, "do_shutdown", ActionKind.CLUSTER)


def _first(actions: tuple[Action, ...], task: str, kind: ActionKind) -> Iterator[Action]:
    return (action for action in actions if action.task == task and action.kind is kind)


def _step(action: Action) -> str:
    if action.task == "stonith":
        return f"fence {action.node}"
    if action.task == "do_shutdown":
        return f"let {action.node} leave"
    name = action.primitive.id if action.primitive is not None else action.key
    word = _SAID.get(action.task, action.task)
    target = action.attributes.get("CRM_meta_migrate_target", "")
    if action.task == "migrate_to" and target:
        return f"{word} {name} from {action.node} to {target}"
    return f"{word} {name} on {action.node}"
