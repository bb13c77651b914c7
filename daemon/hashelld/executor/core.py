"""The executor's state machine: a queue for each resource, recurring operations, results.

    OperationWanted → queue → RunAgent → AgentEnded → history entry (ChangeWanted), OperationDone
                        ▲                    │
                        └── RecurringDue ◀───┘   only a changed result is recorded again

What the cluster should know of this node's resources is kept here too, because the status section
is soft: whenever it lacks or contradicts what is known here, it is written again (republish.py).
"""

from __future__ import annotations

import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lxml import etree

from hashell.agents import find
from hashell.agents.call import (
    Answer,
    Place,
    UnknownStandard,
    build_call,
    metadata_call,
    read_answer,
)
from hashell.agents.metadata import AgentMetadata, BadMetadata, parse_metadata
from hashell.cib.document import Cib, parse_xml
from hashell.errors import BadInput, NotFound
from hashell.transition.xml import action_from_element
from hashell.values.agent_names import AgentName
from hashell.values.outcomes import ExecStatus, OcfCode
from hashelld.core.effects import (
    AgentEnded,
    CancelTimer,
    Effect,
    KillAgent,
    Log,
    RunAgent,
    StartTimer,
    Tell,
)
from hashelld.core.events import (
    Attached,
    Author,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    CibOperation,
    ConnectionAnswered,
    ConnectionLost,
    ConnectionWanted,
    Event,
    MembersChanged,
    OperationDone,
    OperationWanted,
    Started,
)
from hashelld.executor import history, republish
from hashelld.executor.history import PENDING, Operation, Outcome

if TYPE_CHECKING:
    from hashelld.settings import Settings

#: Operations of one resource that may wait; more means that something asks without end.
QUEUE_MAX = 32
#: Bounds for what a CIB may ask for: an operation without a timeout gets Pacemaker's default.
TIMEOUT_DEFAULT_MS = 20_000
TIMEOUT_MAX_MS = 24 * 3600 * 1000
#: Operations by transition key whose result is kept, should it be asked for again.
ANSWERS_MAX = 1_000
#: An agent that does not describe itself in this time is run without knowing what it can.
METADATA_TIMEOUT_MS = 5000
#: How soon to look again whether the cluster knows what it should know of this node.
REPAIR_MS = 500
#: A write is answered in milliseconds, or when a view has ended and another begun.
UNANSWERED_MS = 10_000
#: Right after a write more is likely to come: the next one waits this long for company, and longer
#: (half of what the last one took) where writes are slow.
GATHER_MS, GATHER_MAX_MS = 5, 100
#: A recurring operation that starts later than this is confirmed at once, as Pacemaker does.
DELAY_FAKED_MS = 5 * 60 * 1000
#: Bytes of a CIB's parameter that an agent's environment takes; the kernel's limit for one string.
VALUE_MAX = 128 * 1024 - 1

#: What a resource that connects to a remote node claims to be run by.
REMOTE = AgentName("ocf", "pacemaker", "remote")
#: Operations that change something, so that a new DC must know that they have begun. That somebody
#: only looks (probes, monitors) tells nobody anything, and would double the writes of a start.
_PENDING = frozenset({
    "start", "stop", "promote", "demote", "migrate_to", "migrate_from", "reload", "reload-agent",
})
_REAL = {"reload-agent", "reload"}
_METADATA = {"start", "monitor", "promote", "demote", "reload", "reload-agent",
             "migrate_to", "migrate_from", "notify"}


@dataclass(frozen=True, slots=True)
class RecurringDue(Event):
    """The interval of a recurring operation is over."""

    resource: str
    key: str


@dataclass(frozen=True, slots=True)
class Gathered(Event):
    """What came right after a write has been waited for."""


@dataclass(frozen=True, slots=True)
class Unanswered(Event):
    """A write got no answer; what it said is compared with the CIB."""

    request: str


@dataclass(frozen=True, slots=True)
class LookAgain(Event):
    """Time to compare the status section with what is known here."""


@dataclass(slots=True)
class _Waiting:
    operation: Operation
    since_ms: int
    call_id: int
    first: bool = True


@dataclass(slots=True)
class _Recurring:
    operation: Operation
    call_id: int
    last: Outcome | None = None


@dataclass(slots=True)
class _Resource:
    agent: AgentName
    queue: deque[_Waiting] = field(default_factory=deque)
    running: _Waiting | None = None
    began_ms: int = 0
    held: AgentEnded | None = None
    """An end whose history entry waits for the agent's meta-data."""
    recurring: dict[str, _Recurring] = field(default_factory=dict)
    started: bool = False
    """For fence devices: whether the cluster started it here; there is nothing else to ask."""
    start_parameters: dict[str, str] | None = None
    entries: dict[str, dict[str, str]] = field(default_factory=dict)
    """What the status section should hold, by the entry's id."""
    shutdown_lock: int = 0
    removed: Operation | None = None
    """Forget it when the running operation has ended."""


class Executor:
    """Runs operations on this node. `resolve` tells where an agent's file is (it raises NotFound)."""

    name = "executor"

    def __init__(
        self, settings: Settings, resolve: Callable[[AgentName], str] = find.resolve
    ) -> None:
        self.place = Place(
            settings.node, settings.cluster, str(settings.state_dir), str(settings.run_dir),
            ocf_root=find.ocf_root(),
        )
        self._resolve = resolve
        self._node = settings.node
        self._node_id = ""
        self._dc = ""
        self._remote = False
        self._cib: Cib | None = None
        self._resources: dict[str, _Resource] = {}
        self._tokens: dict[str, str] = {}
        self._calls = 0
        self._requests = 0
        self._outbox: list[CibOperation | etree._Element] = []
        self._in_flight = ""
        self._sent_ms, self._answered_ms = 0, -GATHER_MS
        self._gather_ms = GATHER_MS
        self._gathering = False
        self._answers: OrderedDict[tuple[str, str, str, int], OperationDone | None] = OrderedDict()
        self._metadata: dict[AgentName, AgentMetadata | None] = {}
        self._asking: dict[str, AgentName] = {}
        self._published = False

    # --- events ---------------------------------------------------------------------------------

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        """One event; what it has to be written goes out together with what waited for its turn."""
        effects = list(self._react(event, now_ms, wall_s))
        if self._outbox and not self._in_flight:
            if now_ms - self._answered_ms >= self._gather_ms:
                self._sent_ms = now_ms
                effects += self._flush()
            elif not self._gathering:
                self._gathering = True
                effects.append(StartTimer("gather", self._gather_ms, Gathered()))
        return effects

    def _react(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case OperationWanted(action_xml, dc, again):
                return self._wanted(action_xml, dc, again, now_ms, wall_s)
            case AgentEnded():
                return self._ended(event, now_ms, wall_s)
            case RecurringDue(resource, key):
                return self._due(resource, key, now_ms, wall_s)
            case MembersChanged(view):
                return self._members(view.dc, view.members)
            case CibChanged():
                self._cib = event.after
                # Only a whole transfer can have lost what this node wrote.
                return [] if event.patch else self._repair()
            case ChangeAnswered(request, _, error_id):
                if request == self._in_flight:
                    self._in_flight, self._answered_ms = "", now_ms
                    took_ms = now_ms - self._sent_ms
                    self._gather_ms = min(max(GATHER_MS, took_ms // 2), GATHER_MAX_MS)
                    effects: list[Effect] = [CancelTimer("unanswered")]
                    if error_id:
                        effects.append(StartTimer("look", REPAIR_MS, LookAgain()))
                    return effects
            case Unanswered(request):
                if request == self._in_flight:
                    self._in_flight = ""
                    return [StartTimer("look", REPAIR_MS, LookAgain())]
            case Gathered():
                self._gathering = False
                self._answered_ms = now_ms - self._gather_ms
            case LookAgain():
                return self._repair()
            case ConnectionAnswered():
                return self._connection_answered(event, now_ms, wall_s)
            case ConnectionLost(remote):
                return self._connection_lost(remote, now_ms, wall_s)
            case Attached():
                return self._attached(event)
            case Started():
                self._cib = event.cib
            case _:
                pass
        return []

    # --- what is asked for ----------------------------------------------------------------------

    def _wanted(self, action_xml: bytes, dc: str, again: bool, now_ms: int, wall_s: float) -> list[Effect]:
        try:
            root = parse_xml(action_xml, "an action")
            action, key = action_from_element(root), root.get("transition-key", "")
        except BadInput as error:
            return [Log("error", f"an operation that cannot be read: {error}")]
        if action.primitive is None:
            return [Log("error", f"operation {action.key} names no resource")]
        if dc != self._dc:
            return [Log("warning", f"{action.key} refused: {dc} does not coordinate")]
        name = (key, action.primitive.id, action.task, action.interval_ms)
        if again and name in self._answers:
            # Asked for again in a new view: it is done once, and what came of it may have been lost on its way.
            done = self._answers[name]
            return [Tell(done)] if done is not None else []
        if key:
            self._answers[name] = None
            while len(self._answers) > ANSWERS_MAX:
                self._answers.popitem(last=False)
        parameters = {
            name: value for name, value in action.attributes.items() if len(value) < VALUE_MAX
        }
        agent = AgentName(
            action.primitive.standard, action.primitive.provider, action.primitive.type
        )
        operation = Operation(
            resource=action.primitive.id, agent=agent, task=action.task,
            interval_ms=action.interval_ms,
            timeout_ms=min(action.timeout_ms or TIMEOUT_DEFAULT_MS, TIMEOUT_MAX_MS),
            transition_key=key, target_rc=_number(parameters.get("CRM_meta_op_target_rc")),
            parameters=parameters,
            start_delay_ms=_number(parameters.get("CRM_meta_start_delay")),
            shutdown_lock=action.shutdown_lock,
        )
        match operation.task:
            case "cancel":
                return self._cancel(operation)
            case "delete" | "lrm_delete":
                return self._delete(operation)
            case "fail":
                return self._fail(operation, wall_s)
        return self._enqueue(operation, now_ms, wall_s)

    def _enqueue(self, operation: Operation, now_ms: int, wall_s: float) -> list[Effect]:
        resource = self._resources.get(operation.resource)
        if resource is None:
            resource = self._resources[operation.resource] = _Resource(operation.agent)
        resource.agent = operation.agent
        effects: list[Effect] = []
        if operation.interval_ms == 0 and operation.task not in ("monitor", "notify"):
            # The state is about to change: what watches the present one must not complain.
            effects += self._stop_recurring(operation.resource, resource)
        self._calls += 1
        if len(resource.queue) >= QUEUE_MAX:
            busy = Outcome(
                OcfCode.UNKNOWN_ERROR, ExecStatus.INVALID, self._calls,
                f"{QUEUE_MAX} operations wait already", when_s=int(wall_s),
            )
            return effects + self._record(operation, busy, None)
        effects += self._ask_metadata(operation)
        if operation.task in _PENDING:
            effects += self._record(operation, replace(PENDING, when_s=int(wall_s)), None)
        if operation.interval_ms:
            old = resource.recurring.pop(operation.key, None)
            if old is not None:
                resource.queue = deque(
                    one for one in resource.queue if one.call_id != old.call_id
                )
            resource.recurring[operation.key] = _Recurring(operation, self._calls)
            if operation.start_delay_ms:
                effects += self._delay(operation, wall_s)
                return effects
        resource.queue.append(_Waiting(operation, now_ms, self._calls))
        return effects + self._run_next(operation.resource, now_ms, wall_s)

    def _delay(self, operation: Operation, wall_s: float) -> list[Effect]:
        due = RecurringDue(operation.resource, operation.key)
        effects: list[Effect] = [
            StartTimer(_timer(operation.resource, operation.key), operation.start_delay_ms, due)
        ]
        if operation.start_delay_ms > DELAY_FAKED_MS:
            effects.append(Tell(OperationDone(
                operation.resource, operation.task, operation.interval_ms, operation.target_rc,
                int(ExecStatus.DONE), operation.transition_key, "postponed",
            )))
        return effects

    # --- running --------------------------------------------------------------------------------

    def _run_next(self, name: str, now_ms: int, wall_s: float) -> list[Effect]:
        resource = self._resources.get(name)
        if resource is None or resource.running is not None or not resource.queue:
            return []
        waiting = resource.running = resource.queue.popleft()
        resource.began_ms = now_ms
        operation = waiting.operation
        known = None
        if operation.agent.standard == "stonith":
            known = self._device_answer(operation, resource)
        if known is not None:
            return self._finish(name, known, now_ms, wall_s)
        token = f"op:{waiting.call_id}:{now_ms}"
        if operation.agent == REMOTE:
            # A connection to a remote node is no program: its agent only describes it.
            self._tokens[token] = name
            return [Tell(ConnectionWanted(
                token, operation.resource, operation.task, operation.interval_ms, operation.timeout_ms,
                operation.parameters,
            ))]
        try:
            effect = self._call(operation, resource, token)
        except NotFound as error:
            missing = OcfCode.NOT_INSTALLED
            return self._finish(
                name, Answer(missing, ExecStatus.NOT_INSTALLED, error.message), now_ms, wall_s
            )
        except UnknownStandard as error:
            return self._finish(
                name, Answer(OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR_FATAL, error.message),
                now_ms, wall_s,
            )
        self._tokens[token] = name
        return [effect]

    def _call(self, operation: Operation, resource: _Resource, token: str) -> RunAgent:
        parameters = dict(operation.parameters)
        if operation.task == "start":
            resource.start_parameters = parameters
        elif operation.task == "stop" and resource.start_parameters is not None:
            # What was started with old parameters is stopped with them, meta ones apart.
            parameters = {
                **{k: v for k, v in resource.start_parameters.items() if not k.startswith("CRM_")},
                **{k: v for k, v in parameters.items() if k.startswith("CRM_")},
            }
        task = operation.task
        if task in _REAL:
            task = self._reload_word(operation.agent)
        agent = operation.agent
        if agent.standard == "service":
            agent = AgentName(find.standard_of(agent), "", agent.type)
        if agent.standard == "stonith" and task == "start":
            task = "monitor"
        call = build_call(
            self.place, agent, self._resolve(agent), task, operation.resource, parameters,
            operation.timeout_ms,
        )
        return RunAgent(
            token, call.program, call.arguments, call.environment, call.timeout_ms, call.stdin
        )

    def _reload_word(self, agent: AgentName) -> str:
        known = self._metadata.get(agent)
        if known is not None and not known.supports("reload-agent") and known.supports("reload"):
            return "reload"
        return "reload-agent"

    @staticmethod
    def _device_answer(operation: Operation, resource: _Resource) -> Answer | None:
        """Fence devices are not processes: they are started where the cluster said so."""
        if operation.task == "stop":
            return Answer(OcfCode.OK, ExecStatus.DONE)
        if operation.is_probe:
            rc = OcfCode.OK if resource.started else OcfCode.NOT_RUNNING
            return Answer(rc, ExecStatus.DONE)
        if operation.task == "monitor" and not resource.started:
            return Answer(OcfCode.NOT_RUNNING, ExecStatus.DONE)
        return None

    def _connection_answered(self, event: ConnectionAnswered, now_ms: int, wall_s: float) -> list[Effect]:
        name = self._tokens.pop(event.token, "")
        resource = self._resources.get(name)
        if resource is None or resource.running is None:
            return []
        answer = Answer(event.rc, ExecStatus(event.status), event.reason)
        return self._finish(name, answer, now_ms, wall_s, now_ms - resource.began_ms)

    def _connection_lost(self, name: str, now_ms: int, wall_s: float) -> list[Effect]:
        """What watches the connection is due now."""
        resource = self._resources.get(name)
        effects: list[Effect] = []
        for key in () if resource is None or resource.agent != REMOTE else tuple(resource.recurring):
            effects += [CancelTimer(_timer(name, key)), *self._due(name, key, now_ms, wall_s)]
        return effects

    def _attached(self, event: Attached) -> list[Effect]:
        """This is a remote node, and somebody connected to it: what the one before took along may be lost."""
        self._remote = True
        self._node, self._node_id, self._dc = event.node, event.node_id, event.dc
        self.place = replace(self.place, node=event.node, cluster=event.cluster)
        if not event.publish:
            return []
        self._published, self._in_flight = True, ""
        return [CancelTimer("unanswered"), *self._publish()]

    def _ended(self, event: AgentEnded, now_ms: int, wall_s: float) -> list[Effect]:
        agent = self._asking.pop(event.token, None)
        if agent is not None:
            return self._described(agent, event, now_ms, wall_s)
        name = self._tokens.pop(event.token, "")
        resource = self._resources.get(name)
        if resource is None or resource.running is None:
            return []
        if resource.running.operation.agent in self._asking.values():
            resource.held = event
            return []
        return self._answered(name, resource, event, now_ms, wall_s)

    def _answered(
        self, name: str, resource: _Resource, event: AgentEnded, now_ms: int, wall_s: float
    ) -> list[Effect]:
        assert resource.running is not None, "an answer belongs to what runs"
        operation = resource.running.operation
        agent = operation.agent
        if agent.standard == "service":
            agent = AgentName(find.standard_of(agent), "", agent.type)
        if event.killed:
            answer = Answer(OcfCode.UNKNOWN_ERROR, ExecStatus.CANCELLED, "cancelled")
        else:
            answer = read_answer(
                agent, operation.task, exit_code=event.exit_code, stdout=event.stdout,
                stderr=event.stderr, timed_out=event.timed_out, timeout_ms=operation.timeout_ms,
                missing=event.missing, error=event.error,
            )
        return self._finish(name, answer, now_ms, wall_s, event.duration_ms)

    def _finish(
        self, name: str, answer: Answer, now_ms: int, wall_s: float, exec_ms: int = 0
    ) -> list[Effect]:
        resource = self._resources[name]
        waiting, resource.running = resource.running, None
        assert waiting is not None, "only what runs can end"
        operation = waiting.operation
        outcome = Outcome(
            answer.rc, answer.status, waiting.call_id, answer.reason, exec_ms,
            max(0, resource.began_ms - waiting.since_ms), int(wall_s) - exec_ms // 1000,
        )
        if operation.agent.standard == "stonith" and operation.task in ("start", "stop"):
            resource.started = operation.task == "start" and answer.rc == OcfCode.OK
        effects: list[Effect] = []
        if resource.removed is not None:
            effects += self._tell_done(operation, outcome)
            effects += self._forget(resource.removed)
        elif operation.interval_ms:
            effects += self._recurred(name, resource, operation, outcome, waiting.call_id)
        elif answer.status is ExecStatus.CANCELLED:
            effects += self._tell_done(operation, outcome)
        else:
            effects += self._record(operation, outcome, self._metadata.get(operation.agent))
        return effects + self._run_next(name, now_ms, wall_s)

    # --- recurring operations -------------------------------------------------------------------

    def _recurred(
        self, name: str, resource: _Resource, operation: Operation, outcome: Outcome, call_id: int
    ) -> list[Effect]:
        recurring = resource.recurring.get(operation.key)
        if recurring is None or recurring.call_id != call_id:
            return []
        effects: list[Effect] = [
            StartTimer(
                _timer(name, operation.key), operation.interval_ms,
                RecurringDue(name, operation.key),
            )
        ]
        last, recurring.last = recurring.last, outcome
        if last is None or (last.rc, last.status) != (outcome.rc, outcome.status):
            effects += self._record(operation, outcome, self._metadata.get(operation.agent))
        return effects

    def _due(self, name: str, key: str, now_ms: int, wall_s: float) -> list[Effect]:
        resource = self._resources.get(name)
        recurring = resource.recurring.get(key) if resource else None
        if resource is None or recurring is None:
            return []
        if any(one.call_id == recurring.call_id for one in resource.queue):
            return []
        resource.queue.append(
            _Waiting(recurring.operation, now_ms, recurring.call_id, first=False)
        )
        return self._run_next(name, now_ms, wall_s)

    def _stop_recurring(self, name: str, resource: _Resource) -> list[Effect]:
        effects: list[Effect] = [CancelTimer(_timer(name, key)) for key in resource.recurring]
        calls = {one.call_id for one in resource.recurring.values()}
        resource.queue = deque(one for one in resource.queue if one.call_id not in calls)
        resource.recurring.clear()
        return effects

    def _cancel(self, operation: Operation) -> list[Effect]:
        """End a recurring operation and take its entry out of the history; what runs may end."""
        task = operation.parameters.get("CRM_meta_operation", "monitor")
        target = replace(operation, task=task)
        effects: list[Effect] = []
        resource = self._resources.get(operation.resource)
        recurring = resource.recurring.pop(target.key, None) if resource else None
        if resource is not None and recurring is not None:
            effects.append(CancelTimer(_timer(operation.resource, target.key)))
            resource.queue = deque(
                one for one in resource.queue if one.call_id != recurring.call_id
            )
        if resource is not None:
            resource.entries.pop(target.key, None)
        self._outbox.append(CibOperation(
            "delete", path=f"{self._history_path(operation.resource)}"
            f"/lrm_rsc_op[@id='{_safe(target.key)}']",
        ))
        return effects + self._tell_done(
            operation, Outcome(OcfCode.OK, ExecStatus.DONE, 0)
        )

    # --- forgetting and failing -----------------------------------------------------------------

    def _delete(self, operation: Operation) -> list[Effect]:
        """Forget a resource: it is removed from the configuration, or to be looked at afresh."""
        resource = self._resources.get(operation.resource)
        if resource is None:
            return self._forget(operation)
        effects = self._stop_recurring(operation.resource, resource)
        dropped = [one.operation for one in resource.queue]
        resource.queue.clear()
        for one in dropped:
            effects += self._tell_done(one, Outcome(OcfCode.UNKNOWN, ExecStatus.CANCELLED, 0))
        if resource.running is not None:
            resource.removed = operation
            return effects
        return effects + self._forget(operation)

    def _forget(self, operation: Operation) -> list[Effect]:
        resource = self._resources.pop(operation.resource, None)
        if resource is not None and resource.agent.standard == "stonith" and resource.started:
            # A device stays started: looking afresh must find it so.
            self._resources[operation.resource] = _Resource(resource.agent, started=True)
        self._outbox.append(CibOperation("delete", path=self._history_path(operation.resource)))
        return self._tell_done(operation, Outcome(OcfCode.OK, ExecStatus.DONE, 0))

    def _fail(self, operation: Operation, wall_s: float) -> list[Effect]:
        """Record a failure that no agent saw, as `crm_resource --fail` has it done."""
        self._calls += 1
        made = replace(
            operation, task="asyncmon", interval_ms=0,
            transition_key=history.fake_key(self._calls), target_rc=0,
        )
        outcome = Outcome(
            OcfCode.UNKNOWN_ERROR, ExecStatus.DONE, self._calls,
            operation.parameters.get("CRM_meta_reason", "Simulated failure"), when_s=int(wall_s),
        )
        if operation.resource not in self._resources:
            self._resources[operation.resource] = _Resource(operation.agent)
        return self._record(made, outcome, None)

    # --- recording ------------------------------------------------------------------------------

    def _record(
        self, operation: Operation, outcome: Outcome, metadata: AgentMetadata | None
    ) -> list[Effect]:
        """Write the history entry, and tell this node's controller."""
        effects: list[Effect] = []
        if operation.recorded:
            found = history.entries(operation, outcome, self._node, metadata)
            resource = self._resources[operation.resource]
            lock = operation.shutdown_lock if operation.task in ("stop", "monitor") else 0
            resource.shutdown_lock = lock
            for attributes in found:
                # As in the CIB, where an update merges: what it does not name stays.
                resource.entries.setdefault(attributes["id"], {}).update(attributes)
            self._outbox.append(history.resource_element(
                operation.resource, operation.agent, found, lock
            ))
        if outcome.status is not ExecStatus.PENDING:
            effects += self._tell_done(operation, outcome)
        return effects

    def _tell_done(self, operation: Operation, outcome: Outcome) -> list[Effect]:
        done = OperationDone(
            operation.resource, operation.task, operation.interval_ms, int(outcome.rc),
            int(outcome.status), operation.transition_key, outcome.reason, outcome.exec_ms,
        )
        name = (operation.transition_key, operation.resource, operation.task, operation.interval_ms)
        if name in self._answers:
            self._answers[name] = done
        return [Tell(done)]

    def _flush(self) -> list[Effect]:
        """Write all that waits as one change. There is one at a time: while it is on its way more
        gathers, so that a thousand results cost far fewer than a thousand writes.
        """
        operations: list[CibOperation] = []
        for is_element, group in itertools.groupby(
            self._outbox, lambda one: not isinstance(one, CibOperation)
        ):
            if is_element:
                operations.append(CibOperation("modify", history.node_update(
                    self._node_id, self._node,
                    tuple(one for one in group if not isinstance(one, CibOperation)),
                    origin="do_update_resource", remote=self._remote,
                )))
            else:
                operations += [one for one in group if isinstance(one, CibOperation)]
        self._outbox.clear()
        self._requests += 1
        self._in_flight = f"executor:{self._requests}"
        author = Author("hashelld", self._node, "executor")
        return [
            Tell(ChangeWanted(tuple(operations), author, self._in_flight)),
            StartTimer("unanswered", UNANSWERED_MS, Unanswered(self._in_flight)),
        ]

    def _history_path(self, resource: str) -> str:
        return (
            f"/cib/status/node_state[@id='{_safe(self._node_id)}']/lrm/lrm_resources"
            f"/lrm_resource[@id='{_safe(resource)}']"
        )

    # --- what the cluster should know -----------------------------------------------------------

    def _members(self, dc: str, members: Iterable[object]) -> list[Effect]:
        self._dc = dc
        for member in members:
            if getattr(member, "name", "") == self._node:
                self._node_id = str(getattr(member, "id", ""))
        if not self._node_id:
            return []
        if not self._published:
            self._published = True
            return self._publish()
        return [StartTimer("look", REPAIR_MS, LookAgain())]

    def _publish(self) -> list[Effect]:
        """Put all that is known here in place of what the cluster has of this node."""
        elements = tuple(
            history.resource_element(
                name, one.agent, tuple(one.entries.values()), one.shutdown_lock
            )
            for name, one in self._resources.items() if one.entries
        )
        # It says all that waits to be said, too.
        self._outbox = list(republish.operations(self._node_id, self._node, elements, remote=self._remote))
        return []

    def _repair(self) -> list[Effect]:
        if self._cib is None or not self._published:
            return []
        known = {
            name: one.entries for name, one in self._resources.items() if one.entries
        }
        if self._in_flight or self._outbox:
            return [StartTimer("look", REPAIR_MS, LookAgain())]
        if republish.agrees(self._cib, self._node_id, known):
            return []
        return [*self._publish(), StartTimer("look", 4 * REPAIR_MS, LookAgain())]

    # --- meta-data ------------------------------------------------------------------------------

    def _ask_metadata(self, operation: Operation) -> list[Effect]:
        agent = operation.agent
        wanted = agent.standard == "ocf" and operation.task in _METADATA
        if not wanted or agent in self._metadata or agent in self._asking.values():
            return []
        try:
            call = metadata_call(
                self.place, agent, self._resolve(agent), METADATA_TIMEOUT_MS
            )
        except NotFound:
            return []
        assert call is not None, "OCF agents describe themselves"
        token = f"meta:{agent}"
        self._asking[token] = agent
        return [RunAgent(
            token, call.program, call.arguments, call.environment, call.timeout_ms, call.stdin
        )]

    def _described(
        self, agent: AgentName, event: AgentEnded, now_ms: int, wall_s: float
    ) -> list[Effect]:
        effects: list[Effect] = []
        try:
            self._metadata[agent] = parse_metadata(event.stdout, f"the meta-data of {agent}")
        except BadMetadata as error:
            self._metadata[agent] = None
            effects.append(Log("warning", error.message))
        for name in list(self._resources):
            resource = self._resources.get(name)
            if resource is None or resource.agent != agent or resource.held is None:
                continue
            held, resource.held = resource.held, None
            effects += self._answered(name, resource, held, now_ms, wall_s)
        return effects

    def kill_all(self) -> list[Effect]:
        """End all programs that run: the node goes down without waiting for them."""
        return [KillAgent(token) for token in (*self._tokens, *self._asking)]


def _timer(resource: str, key: str) -> str:
    return f"recurring:{resource}:{key}"


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _safe(text: str) -> str:
    """For an XPath literal: identifiers of a CIB hold no quotes, and what has some finds nothing."""
    return text.replace("'", "")
