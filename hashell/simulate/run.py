"""Run: schedule, walk the graph on paper, and give the CIB as it would be then.

Source: lib/pacemaker/pcmk_simulate.c.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from hashell.cib.document import Cib
from hashell.scheduler.schedule import Schedule, Wanted, schedule
from hashell.simulate import inject
from hashell.simulate.text import action_line, action_step, change_lines, injected_step
from hashell.state.cluster_state import ClusterState, read_cluster_state
from hashell.state.memory import Memory
from hashell.transition.graph import Action, ActionKind, Graph
from hashell.transition.runner import Runner, RunState
from hashell.values.integers import whole_number

#: How a line begins that tells of a wished failure.
PRETENDING = "Pretending action "


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done now, and what people are told of it.

    `summary` are the lines of the transition summary, without bullets; `recheck_at` is when the
    answer can differ without any event (seconds since 1970).
    """

    graph: Graph
    summary: tuple[str, ...]
    recheck_at: int | None
    schedule: Schedule
    state: ClusterState

    def counts(self) -> dict[str, int]:
        """How many of each kind: stop, start, move and fence always, the others where there are any."""
        found = Counter(dict.fromkeys(("stop", "start", "move", "fence"), 0))
        for change in self.schedule.changes:
            found[change.what.split()[0].lower()] += 1
        return dict(found)


def decide(
    cib: Cib, now_s: float, transition_id: int = 0, wanted: Wanted = Wanted(),  # noqa: B008
    utc_offset_s: int = 0, memory: Memory | None = None,
) -> Decision:
    """Schedule a CIB as it is. `utc_offset_s` is how far east of Greenwich the cluster's local time is: dates without
    a zone are meant in it. `memory` is what was read of the version before, for whoever decides again and again.
    """
    return decide_on(read_cluster_state(cib, now_s, utc_offset_s, memory=memory), transition_id, wanted)


def decide_on(state: ClusterState, transition_id: int = 0, wanted: Wanted = Wanted()) -> Decision:  # noqa: B008
    """Schedule what was read of a CIB."""
    planned = schedule(state, transition_id, wanted)
    return Decision(
        planned.graph, tuple(change_lines(planned.changes)), planned.recheck_at, planned, state
    )


@dataclass(frozen=True, slots=True)
class FailureWish:
    """An operation that is to fail in the simulation: `web_start_0@node1=1`."""

    text: str

    def code_for(self, names: Sequence[str], action: Action) -> int | None:
        """The exit code if an action is meant, None if not. Raises BadInjection."""
        for name in names:
            wanted = f"{name}_{action.task}_{action.interval_ms}@{action.node}=".lower()
            if self.text.lower().startswith(wanted):
                code = self.text.partition("=")[2]
                try:
                    return int(code)
                except ValueError:
                    raise inject.BadInjection(
                        f"Invalid failed operation '{self.text}' "
                        "(result code must be integer)"
                    ) from None
        return None


@dataclass(frozen=True, slots=True)
class Walk:
    """What came of a simulated transition: the lines that tell of it (without bullets), the CIB as it would be, and how
    it ended; `steps` are the same as the lines, as elements (name, attributes).
    """

    lines: tuple[str, ...]
    cib: Cib
    state: RunState
    steps: tuple[tuple[str, Mapping[str, str]], ...] = ()


class _Walker:
    def __init__(
        self, decision: Decision, failures: Sequence[FailureWish], clock_s: int, *, configure: bool
    ) -> None:
        self.root = decision.state.cib.copy_root()
        self.decision = decision
        self.failures = failures
        self.clock_s = clock_s
        self.configure = configure
        self.lines: list[str] = []
        self.steps: list[tuple[str, Mapping[str, str]]] = []
        self.runner = Runner(decision.graph, batch_limit=0)
        self._states: dict[tuple[str, str], etree._Element] = {}
        self._recorded: dict[etree._Element, dict[str, etree._Element]] = {}

    def walk(self) -> Walk:
        while (action := self.runner.next_action()) is not None:
            self._do(action)
        state = self.runner.state
        return Walk(tuple(self.lines), Cib(self.root), state, tuple(self.steps))

    def _do(self, action: Action) -> None:
        failed = False
        if action.kind is ActionKind.RESOURCE:
            failed = self._operation(action)
        else:
            self.lines.append(action_line(action, ""))
            self.steps.append(action_step(action, ""))
            if action.kind is ActionKind.CLUSTER and action.task == "stonith":
                self._fence(action)
        self.runner.confirm(action.id, failed=failed)

    def _fence(self, action: Action) -> None:
        if action.attributes.get("CRM_meta_stonith_action", "").lower() != "on":
            inject.set_node(self.root, action.node, up=False, configure=self.configure)
            inject.forget_node(self.root, action.node)
            self._recorded.clear()

    def _state(self, action: Action) -> etree._Element:
        """The state of the node where an action is done."""
        node_id = action.node if action.router_node else action.node_id
        found = self._states.get((action.node, node_id))
        if found is None or found.get("uname") != action.node:
            found = inject.node_state(self.root, action.node, node_id, configure=self.configure)
            self._states[action.node, node_id] = found
        return found

    def _operation(self, action: Action) -> bool:
        reference = action.primitive
        if reference is None:
            return False
        known = self.decision.state.find
        name = reference.id
        if known(name) is None and reference.long_id and known(reference.long_id) is not None:
            name = reference.long_id
        self.lines.append(action_line(action, name))
        self.steps.append(action_step(action, name))
        if action.task in ("delete", "meta-data"):
            return False
        state = self._state(action)
        by_name = self._recorded.get(state)
        if by_name is None:
            by_name = self._recorded[state] = inject.recorded(state)
        agent = inject.Agent(reference.standard, reference.provider, reference.type)
        try:
            history = inject.resource_history(state, name, reference.id, agent, by_name)
        except inject.BadInjection:
            return False
        expected = action.attributes.get("CRM_meta_op_target_rc", "")
        target = whole_number(expected) or 0
        code = target
        failed = False
        names = list(dict.fromkeys((name, reference.id)))
        counted = name
        for wish, tried in ((wish, tried) for wish in self.failures for tried in names):
            wanted = wish.code_for([tried], action)
            if wanted is not None:
                # The failure is counted for the name by which it was wished.
                code, failed, counted = wanted, True, tried
                break
        result = inject.Result(
            history.get("id", ""), action.task, action.interval_ms, code, target,
            "User-injected result", self.clock_s, action.attributes,
        )
        if failed:
            self.lines.append(f"{PRETENDING}{action.id} failed with rc={code}")
            offset = ""
            if action.task == "start":
                offset = self.decision.graph.failed_start_offset
            elif action.task == "stop":
                offset = self.decision.graph.failed_stop_offset
            injected = inject.count_failure(state, result, counted, infinity=offset == "INFINITY")
            self.lines.extend(one.text for one in injected)
            self.steps.extend(map(injected_step, injected))
            self.runner.abort(reason="simulated failure")
        inject.record(history, result, action.node)
        return failed


def walk(
    decision: Decision, failures: Sequence[FailureWish] = (), clock_s: int | None = None, *, configure: bool = False
) -> Walk:
    """Do on paper what was decided. `clock_s` is when that is (seconds since 1970), else now. With `configure` every
    node on which something is done is entered among the configured ones, as Pacemaker does where a node was brought up.
    """
    return _Walker(
        decision, failures, int(time.time()) if clock_s is None else clock_s, configure=configure
    ).walk()


def with_status(cib: Cib) -> Cib:
    """The CIB, with a status section where it has none."""
    if cib.status is not None:
        return cib
    root = cib.copy_root()
    etree.SubElement(root, "status")
    return Cib(root)
