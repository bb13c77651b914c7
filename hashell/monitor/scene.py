"""Scene: all that is known of a cluster at one moment, frozen. Views read this and nothing else.

Made by `Past.scene`: of now (`live`), or of any moment that was heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hashell.cib.document import Cib
from hashell.transition.graph import Action, ActionKind, Graph
from hashell.wire.messages import EventInfo, HistoryRow, Info


@dataclass(frozen=True, slots=True)
class Link:
    """Where what is shown comes from. `connected` is False while the feed looks for a node.

    `kind` is the client's: hashelld, pacemaker, file, memory, recording. `node`: the one that we are attached to;
    `moved`: why and where to the feed moved, when the node that it was attached to went away. `since_s`: since when it
    is connected or lost.
    """

    connected: bool = False
    kind: str = "hashelld"
    where: str = ""
    node: str = ""
    text: str = "connecting"
    moved: str = ""
    since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one action: waiting, running, done, failed or skipped. 0 for a time that was not heard."""

    state: str
    began_s: float = 0.0
    ended_s: float = 0.0
    rc: int = 0


WAITING = Step("waiting")


@dataclass(frozen=True, slots=True)
class TransitionNow:
    """A transition as far as it had come. `steps` has what was heard of actions, by their ids; the others wait.

    Times are in seconds since 1970 by the clock of who listened.
    """

    number: int = 0
    dc: str = ""
    graph: Graph | None = None
    summary: str = ""
    steps: Mapping[int, Step] = field(default_factory=dict)
    running: bool = False
    result: str = ""
    reason: str = ""
    duration_ms: int = 0
    began_s: float = 0.0
    ended_s: float = 0.0

    def step(self, action: int) -> Step:
        """What became of an action so far."""
        return self.steps.get(action, WAITING)

    def real_actions(self) -> tuple[Action, ...]:
        """The actions that do something somewhere; pseudo events are left out."""
        if self.graph is None:
            return ()
        return tuple(action for action in self.graph.actions if action.kind is not ActionKind.PSEUDO)

    def count(self, state: str) -> int:
        """How many real actions are in a state."""
        return sum(1 for action in self.real_actions() if self.step(action.id).state == state)


NO_TRANSITION = TransitionNow()


@dataclass(frozen=True, slots=True)
class ProbeSight:
    """What a client of one service sees. `ok` None: not asked yet. `gaps`: (began_s, ended_s) of its outages, oldest
    first; `since_s`: since when it is as it is."""

    name: str
    ok: bool | None = None
    said: str = ""
    since_s: float = 0.0
    gaps: tuple[tuple[float, float], ...] = ()
    budget_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NodeLog:
    """How another node's log stands. `lag_s`: its clock is so far ahead of ours, known to `within_s`; `problem`: why
    it does not tell."""

    node: str
    lag_s: float = 0.0
    within_s: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment. `when_s` is that moment (live: the last word); `transition` the last one, `earlier` those before it,
    oldest first; `events` and `history` (versions of the configuration) as far as they had come by then.

    `logs`: what other nodes told of themselves, as (time by our clock, event), in order; `node_logs` how each stands.
    `began_s`: since when this monitor or its recording has listened. Before that the CIB is None.
    """

    when_s: float = 0.0
    live: bool = True
    link: Link = field(default_factory=Link)
    cib: Cib | None = None
    info: Info | None = None
    transition: TransitionNow = NO_TRANSITION
    earlier: tuple[TransitionNow, ...] = ()
    events: tuple[EventInfo, ...] = ()
    history: tuple[HistoryRow, ...] = ()
    probes: tuple[ProbeSight, ...] = ()
    began_s: float = 0.0
    logs: tuple[tuple[float, EventInfo], ...] = ()
    node_logs: tuple[NodeLog, ...] = ()

    @property
    def transitions(self) -> tuple[TransitionNow, ...]:
        """All that were heard of, oldest first."""
        return (*self.earlier, self.transition) if self.transition.number or self.transition.graph else self.earlier


NOTHING = Scene()
