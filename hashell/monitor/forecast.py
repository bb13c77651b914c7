"""How long a transition will take: by how long its actions took before, along the path that all waits for; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from statistics import median

from hashell.monitor.scene import TransitionNow
from hashell.transition.graph import Action

#: Runs of one kind of action that are remembered.
RUNS_MAX = 50
#: Actions that must be done before their rate tells anything.
RATE_MIN = 10
#: Share of the open actions whose time must be known before a time left is told.
KNOWN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Forecast:
    """`path`: ids of the real actions on the longest way through the graph, in their order; `left_s` None: not known.

    `expected_s` has the time that each action takes by what is known of it, None where nothing is.
    """

    path: tuple[int, ...] = ()
    left_s: float | None = None
    expected_s: Mapping[int, float | None] = field(default_factory=dict)


def _kinds(action: Action) -> Iterable[tuple[str, ...]]:
    """What an action is like, the most alike first."""
    recurring = "again" if action.interval_ms else ""
    if action.primitive is not None:
        yield action.task, recurring, action.primitive.id, action.node
        yield action.task, recurring, action.primitive.id
        yield action.task, recurring, "", action.primitive.type
    elif action.task == "stonith":
        yield action.task, recurring, action.node
    yield action.task, recurring


def _runs(transitions: Iterable[TransitionNow]) -> dict[tuple[str, ...], list[float]]:
    runs: dict[tuple[str, ...], list[float]] = {}
    for one in transitions:
        for action in one.real_actions():
            step = one.step(action.id)
            if step.state == "done" and step.began_s and step.ended_s:
                for kind in _kinds(action):
                    known = runs.setdefault(kind, [])
                    known.append(step.ended_s - step.began_s)
                    del known[:-RUNS_MAX]
    return runs


def forecast(now: TransitionNow, earlier: Iterable[TransitionNow], now_s: float) -> Forecast:
    """The longest way: what was done counts as long as it took, the rest as long as it will by what is known."""
    if now.graph is None:
        return Forecast()
    runs = {kind: median(times) for kind, times in _runs((*earlier, now)).items()}
    real = {action.id: action for action in now.real_actions()}
    expected: dict[int, float | None] = {
        number: next((runs[kind] for kind in _kinds(action) if kind in runs), None)
        for number, action in real.items()
    }
    left: dict[int, float] = {}
    whole: dict[int, float] = {}
    for number in real:
        step = now.step(number)
        usual_s = expected[number] or 0.0
        took_s = (step.ended_s or now_s) - step.began_s if step.began_s else 0.0
        if step.state == "running":
            left[number] = max(0.0, usual_s - took_s)
            whole[number] = max(usual_s, took_s)
        elif step.state == "waiting" and now.running:
            left[number] = whole[number] = usual_s
        else:
            left[number], whole[number] = 0.0, max(0.0, took_s)
    inputs = {synapse.action.id: synapse.inputs for synapse in now.graph.synapses}
    try:
        order = [number for number in TopologicalSorter(inputs).static_order() if number in inputs]
    except CycleError:
        return Forecast(expected_s=expected)
    path = _longest(order, inputs, whole)
    remaining = max(_lengths(order, inputs, left).values(), default=0.0)
    open_ = [number for number in real if now.step(number).state in ("waiting", "running")]
    known = sum(1 for number in open_ if expected[number] is not None)
    sure = now.running and known >= KNOWN_SHARE * len(open_)
    # No more run at once than nodes and limits let through: what got done so far tells how fast it goes.
    done, so_far_s = len(real) - len(open_), now_s - now.began_s
    if done >= RATE_MIN and so_far_s > 0:
        remaining = max(remaining, len(open_) / (done / so_far_s))
    return Forecast(
        tuple(number for number in path if number in real), remaining if sure else None, expected
    )


def _lengths(
    order: Iterable[int], inputs: Mapping[int, tuple[int, ...]], weight: Mapping[int, float]
) -> dict[int, float]:
    total: dict[int, float] = {}
    for number in order:
        before = max((total.get(one, 0.0) for one in inputs[number]), default=0.0)
        total[number] = before + weight.get(number, 0.0)
    return total


def _longest(
    order: list[int], inputs: Mapping[int, tuple[int, ...]], weight: Mapping[int, float]
) -> tuple[int, ...]:
    """The actions on the way that takes longest; among ways of equal length the one with most actions is told."""
    total: dict[int, tuple[float, int]] = {}
    came: dict[int, int] = {}
    for number in order:
        known = [one for one in inputs[number] if one in total]
        best = max(known, key=lambda one: total[one], default=None)
        before = total[best] if best is not None else (0.0, 0)
        if best is not None:
            came[number] = best
        total[number] = (before[0] + weight.get(number, 0.0), before[1] + (number in weight))
    if not total:
        return ()
    at: int | None = max(total, key=lambda one: total[one])
    path: list[int] = []
    while at is not None:
        path.append(at)
        at = came.get(at)
    return tuple(reversed(path))
