"""Progress: what the cluster does while a command waits for it, and how long each step took.

Pure: the steps that are planned (from the scheduler), those that two CIBs show to be done, the line of the moment.
At the edge: `follow`, which waits in slices and looks between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from hashell.errors import HashellError, TimedOut

if TYPE_CHECKING:
    from hashell.cib.document import Cib
    from hashell.client.api import ClusterClient
    from hashell.commands.env import Env

#: Seconds between two looks; a Pacemaker is asked through a program each time, so it is asked less often.
LOOK_S = 0.3
LOOK_PACEMAKER_S = 2.0
#: Steps that are told one by one in the end; more are only counted.
TOLD_MAX = 12
#: Resources beyond which no plan is made: it would take longer than many a transition.
PLAN_MAX = 300
_NOTICED = ("start", "stop", "promote", "demote", "migrate_to", "migrate_from")
_PLANNED = frozenset(_NOTICED)


class Step(msgspec.Struct, frozen=True):
    """One operation that people care for. `code` is empty and `took_ms` -1 for one that is only planned."""

    resource: str
    task: str
    node: str
    code: str = ""
    took_ms: int = -1

    @property
    def failed(self) -> bool:
        return self.code not in ("", "0")

    @property
    def place(self) -> tuple[str, str, str]:
        return self.resource, self.task, self.node

    def text(self) -> str:
        took = f" ({self.took_ms / 1000:.1f} s)" if self.took_ms >= 0 else ""
        return f"{self.task} {self.resource} on {self.node}{took}"


def planned(env: Env) -> tuple[Step, ...]:
    """What the scheduler would do with the working copy; nothing where it cannot tell or it is too much."""
    from hashell.commands.preview import preview

    if sum(1 for _ in env.root.iterfind("configuration/resources//primitive")) > PLAN_MAX:
        return ()
    try:
        actions = preview(env).graph.actions
    except HashellError:
        return ()
    steps = []
    for one in actions:
        if one.primitive is not None and one.task in _PLANNED and one.node:
            steps.append(Step(one.primitive.id, one.task, one.node))
    return tuple(sorted(dict.fromkeys(steps), key=lambda step: _rank(step.task)))


def _rank(task: str) -> int:
    """Before things come up elsewhere they go down here."""
    return ("demote", "migrate_to", "stop", "migrate_from", "start", "promote").index(task)


def _recorded(cib: Cib) -> Iterator[tuple[tuple[str, str], Step, str]]:
    for state in cib.root.iterfind("status/node_state"):
        node = state.get("uname") or ""
        for history in state.iterfind("lrm/lrm_resources/lrm_resource"):
            for entry in history.iterfind("lrm_rsc_op"):
                task = entry.get("operation") or ""
                if task not in _PLANNED or entry.get("op-status") == "-1":
                    continue
                took = entry.get("exec-time") or ""
                step = Step(
                    (history.get("id") or "").partition(":")[0], task, node, entry.get("rc-code") or "",
                    int(took) if took.isdigit() else -1,
                )
                mark = "/".join(entry.get(key) or "" for key in ("call-id", "transition-key", "last-rc-change"))
                yield (node, entry.get("id") or ""), step, mark


def done_between(before: Cib, after: Cib) -> tuple[Step, ...]:
    """Operations that `after` records and `before` does not, in the order of their calls on each node."""
    old = {place: mark for place, _, mark in _recorded(before)}
    found = [(mark.partition("/")[0], step) for place, step, mark in _recorded(after) if old.get(place) != mark]
    found.sort(key=lambda one: int(one[0]) if one[0].isdigit() else 0)
    return tuple(dict.fromkeys(step for _, step in found))


class Progress:
    """Planned steps against done ones."""

    def __init__(self, before: Cib, plan: Iterable[Step] = ()) -> None:
        self._before = before
        self.plan = tuple(plan)
        self.done: dict[Step, None] = {}

    def see(self, cib: Cib) -> tuple[Step, ...]:
        """Steps that are new since the last look."""
        fresh = tuple(step for step in done_between(self._before, cib) if step not in self.done)
        self._before = cib
        self.done.update(dict.fromkeys(fresh))
        return fresh

    @property
    def waiting(self) -> tuple[Step, ...]:
        """Planned steps that are not done. A record keeps only an instance's last start or stop: what has to come
        before a step that is done is done as well."""
        seen = {step.place for step in self.done}
        furthest: dict[str, int] = {}
        for step in self.done:
            furthest[step.resource] = max(furthest.get(step.resource, -1), _rank(step.task))
        return tuple(
            step for step in self.plan
            if step.place not in seen and _rank(step.task) >= furthest.get(step.resource, -1)
        )

    def line(self, seconds: float) -> str:
        """What goes on now: `stop web on node1 … 1 of 4, 2.3 s`."""
        left = self.waiting
        if not left:
            return f"waiting for the cluster to settle … {seconds:.1f} s"
        count = f"{len(self.plan) - len(left) + 1} of {len(self.plan)}"
        return f"{left[0].text()} … {count}, {seconds:.1f} s"

    def summary(self, seconds: float) -> str:
        """All that was done, and how long it took."""
        steps = list(self.done)
        if not steps:
            return f"the cluster had nothing to start or stop; settled after {seconds:.1f} s"
        told = ", ".join(step.text() for step in steps[:TOLD_MAX])
        more = f", and {len(steps) - TOLD_MAX} more" if len(steps) > TOLD_MAX else ""
        return f"done in {seconds:.1f} s: {told}{more}"


def follow(
    client: ClusterClient, progress: Progress, timeout_s: float, *, live: Callable[[str], None] | None = None,
    fresh: Callable[[Step], None] | None = None, clock: Callable[[], float] = time.monotonic,
) -> float:
    """Wait until the cluster has nothing to do; the seconds it took. Raises TimedOut naming the step that is left.

    `live` hears the line of the moment (empty at the end), `fresh` each step that is done.
    """
    begin = clock()
    slice_s = LOOK_PACEMAKER_S if client.kind == "pacemaker" else LOOK_S
    try:
        while True:
            left = timeout_s - (clock() - begin)
            if live is not None:
                live(progress.line(clock() - begin))
            try:
                client.wait_idle(max(0.01, min(slice_s, left)))
                idle = True
            except TimedOut:
                idle = False
            for step in progress.see(client.cib()):
                if fresh is not None:
                    fresh(step)
            if idle:
                return clock() - begin
            if clock() - begin >= timeout_s:
                open_steps = progress.waiting
                missing = f"; open: {', '.join(step.text() for step in open_steps[:3])}" if open_steps else ""
                raise TimedOut(
                    f"the cluster still had things to do after {timeout_s:g} s{missing}",
                    "it goes on by itself: see `status`, or wait longer with --wait=SECONDS",
                )
    finally:
        if live is not None:
            live("")
