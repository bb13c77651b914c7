"""The executor's state machine: a queue for each resource, recurring operations, results.

    OperationWanted → queue → RunAgent → AgentEnded → history entry (ChangeWanted), OperationDone
                        ▲                    │
                        └── RecurringDue ◀───┘   only a changed result is recorded again

What the cluster should know of this node's resources is kept here too, because the status section
is soft: whenever it lacks or contradicts what is known here, it is written again (republish.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from hashell.agents import find
from hashell.agents.call import Answer, Place, read_answer
from hashell.agents.metadata import AgentMetadata
from hashell.cib.document import Cib
from hashell.errors import BadInput
from hashell.values.agent_names import AgentName
from hashell.values.outcomes import ExecStatus, OcfCode
from hashell.wire.messages import GetSecret, SetSecret
from hashelld.core.effects import (
    AgentEnded,
    CancelTimer,
    Effect,
    KillAgent,
    Log,
    StartTimer,
    Tell,
)
from hashelld.core.events import (
    Attached,
    ChangeAnswered,
    CibChanged,
    CibOperation,
    ClientAsked,
    ConnectionAnswered,
    ConnectionLost,
    ConnectionWanted,
    Event,
    MembersChanged,
    MessageOrdered,
    OperationDone,
    OperationsWithdrawn,
    OperationWanted,
    ServicesEnded,
    ServicesKilled,
    Started,
    View,
)
from hashelld.executor import ending, history, republish
from hashelld.executor.answers import Answers
from hashelld.executor.descriptions import Descriptions
from hashelld.executor.history import PENDING, Operation, Outcome
from hashelld.executor.orders import read_order
from hashelld.executor.outbox import REPAIR_MS, Gathered, LookAgain, Outbox, Unanswered
from hashelld.executor.probes import Probes
from hashelld.executor.programs import Programs, device_answer, real_agent
from hashelld.executor.resources import Recurring, RecurringDue, Resource, Waiting
from hashelld.executor.shared_secrets import SharedSecrets

if TYPE_CHECKING:
    from hashelld.settings import Settings

#: Operations of one resource that may wait; more means that something asks without end.
QUEUE_MAX = 32
#: A recurring operation that starts later than this is confirmed at once, as Pacemaker does.
DELAY_FAKED_MS = 5 * 60 * 1000
#: What a resource that connects to a remote node claims to be run by.
REMOTE = AgentName("ocf", "pacemaker", "remote")
#: Operations that change something, so that a new DC must know that they have begun. That somebody
#: only looks (probes, monitors) tells nobody anything, and would double the writes of a start.
_PENDING = frozenset({
    "start", "stop", "promote", "demote", "migrate_to", "migrate_from", "reload", "reload-agent",
})
#: What they begin is over when they are.
_LEAVES_NOTHING = frozenset({"monitor", "stop", "notify", "demote", "migrate_to"})


class Executor:
    """Runs operations on this node. `resolve` tells where an agent's file is (it raises NotFound)."""

    name = "executor"

    def __init__(
        self, settings: Settings, resolve: Callable[[AgentName], str] = find.resolve, secrets: bytes = b"",
    ) -> None:
        self._resolve = resolve
        self._node = settings.node
        self._node_id = ""
        self._dc = ""
        self._remote = False
        self._cib: Cib | None = None
        self._resources: dict[str, Resource] = {}
        self._tokens: dict[str, str] = {}
        #: How many of the programs that run are probes.
        self._probing = 0
        self._calls = 0
        self._outbox = Outbox()
        self._probes = Probes()
        self._secrets = SharedSecrets(secrets)
        self._stopping: set[str] | None = None
        self._answers = Answers()
        self._about = Descriptions(resolve)
        place = Place(
            settings.node, settings.cluster, str(settings.state_dir), str(settings.run_dir), ocf_root=find.ocf_root(),
        )
        self._programs = Programs(place, resolve, self._about, self._secrets.values)
        self._published = False
        self._was_quorate = False
        self._said_join = ""

    # --- events ---------------------------------------------------------------------------------

    def receive(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        """One event; what it has to be written goes out together with what waited for its turn."""
        effects = list(self._react(event, now_ms, wall_s))
        more = self._probes.any or self._probing > 0
        return effects + self._outbox.send(now_ms, self._node_id, self._node, remote=self._remote, more=more)

    def _react(self, event: Event, now_ms: int, wall_s: float) -> Iterable[Effect]:
        match event:
            case OperationWanted(action_xml, dc, again, at_once):
                self._probes.at_once = at_once or self._probes.at_once
                return self._wanted(action_xml, dc, again, now_ms, wall_s)
            case OperationsWithdrawn():
                return self._withdraw(answer=True)
            case AgentEnded():
                return self._ended(event, now_ms, wall_s)
            case RecurringDue(resource, key):
                return self._due(resource, key, now_ms, wall_s)
            case MembersChanged(view):
                return [*self._secrets.view(view, self._node), *self._members(view)]
            case MessageOrdered(topic="executor.secret" | "executor.secrets"):
                return self._secrets.told(event, self._node)
            case ClientAsked(client, _, SetSecret() | GetSecret() as asked):
                return self._secrets.asked(client, asked)
            case CibChanged():
                self._cib = event.after
                # Only a whole transfer can have lost what this node wrote.
                return self._repair() if not event.patch or self._said_join == "pending" else []
            case ChangeAnswered(request, _, error_id):
                return self._outbox.answered(request, error_id, now_ms)
            case Unanswered():
                return self._outbox.unanswered()
            case Gathered():
                self._outbox.gathered()
            case ServicesKilled():
                return self._stop_all()
            case LookAgain():
                return self._repair()
            case ConnectionAnswered():
                return self._connection_answered(event, now_ms, wall_s)
            case ConnectionLost(remote, left_alone):
                if left_alone:
                    return self._connection_left(remote, wall_s)
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
            operation = read_order(action_xml)
        except BadInput as error:
            return [Log("error", f"an operation that cannot be read: {error}")]
        if dc != self._dc or self._stopping is not None:
            why = f"{dc} does not coordinate" if dc != self._dc else "this node is ending itself"
            return [Log("warning", f"{operation.key} refused: {why}")]
        if not self._answers.begin(operation, again=again):
            done = self._answers.of(operation)
            return [Tell(done)] if done is not None else []
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
            resource = self._resources[operation.resource] = Resource(operation.agent)
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
        effects += self._about.ask(self._programs.place, operation)
        if operation.task in _PENDING:
            effects += self._record(operation, replace(PENDING, when_s=int(wall_s)), None)
        if operation.interval_ms:
            old = resource.recurring.pop(operation.key, None)
            if old is not None:
                resource.queue = deque(
                    one for one in resource.queue if one.call_id != old.call_id
                )
            resource.recurring[operation.key] = Recurring(operation, self._calls)
            if operation.start_delay_ms:
                effects += self._delay(operation, wall_s)
                return effects
        resource.queue.append(Waiting(operation, now_ms, self._calls))
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
        if resource.queue[0].operation.is_probe and self._probes.must_wait(len(self._tokens)):
            self._probes.add(name)
            return []
        waiting = resource.running = resource.queue.popleft()
        resource.began_ms = now_ms
        operation = waiting.operation
        known = device_answer(operation, resource)
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
        program = self._programs.program(operation, resource, token)
        if isinstance(program, Answer):
            return self._finish(name, program, now_ms, wall_s)
        self._tokens[token] = name
        self._probing += operation.is_probe
        return [program]

    def _next_probes(self, now_ms: int, wall_s: float) -> list[Effect]:
        """A program has ended: what waited for its turn may begin."""
        effects: list[Effect] = []
        while self._probes.any and not self._probes.must_wait(len(self._tokens)):
            effects += self._run_next(self._probes.take(), now_ms, wall_s)
        return effects

    def _withdraw(self, *, answer: bool) -> list[Effect]:
        """Probes that have not begun are not begun any more; who wanted them is told when it still cares."""
        effects: list[Effect] = []
        while self._probes.any:
            resource = self._resources.get(self._probes.take())
            dropped = [one for one in resource.queue if one.operation.is_probe] if resource is not None else []
            for one in dropped:
                assert resource is not None, "it has a queue"
                resource.queue.remove(one)
                if answer:
                    effects += self._tell_done(one.operation, Outcome(OcfCode.UNKNOWN, ExecStatus.CANCELLED, 0))
        return effects

    def _connection_answered(self, event: ConnectionAnswered, now_ms: int, wall_s: float) -> list[Effect]:
        name = self._tokens.pop(event.token, "")
        resource = self._resources.get(name)
        effects = self._next_probes(now_ms, wall_s)
        if resource is None or resource.running is None:
            return effects
        answer = Answer(event.rc, ExecStatus(event.status), event.reason)
        return effects + self._finish(name, answer, now_ms, wall_s, now_ms - resource.began_ms)

    def _connection_lost(self, name: str, now_ms: int, wall_s: float) -> list[Effect]:
        """What watches the connection is due now."""
        resource = self._resources.get(name)
        effects: list[Effect] = []
        for key in () if resource is None or resource.agent != REMOTE else tuple(resource.recurring):
            effects += [CancelTimer(_timer(name, key)), *self._due(name, key, now_ms, wall_s)]
        return effects

    def _connection_left(self, name: str, wall_s: float) -> list[Effect]:
        """Record a stop that nobody asked for."""
        resource = self._resources.get(name)
        if resource is None or resource.agent != REMOTE:
            return []
        effects = self._stop_recurring(name, resource)
        self._calls += 1
        stop = Operation(name, REMOTE, "stop", 0, 0, history.fake_key(self._calls))
        return effects + self._record(
            stop, Outcome(OcfCode.OK, ExecStatus.DONE, self._calls, when_s=int(wall_s)), None
        )

    def _attached(self, event: Attached) -> list[Effect]:
        """This is a remote node, and somebody connected to it: what the one before took along may be lost."""
        self._remote = True
        self._node, self._node_id, self._dc = event.node, event.node_id, event.dc
        self._programs.place = replace(self._programs.place, node=event.node, cluster=event.cluster)
        if not event.publish:
            return []
        self._published = True
        return [*self._outbox.forget(), *self._publish()]

    def _ended(self, event: AgentEnded, now_ms: int, wall_s: float) -> list[Effect]:
        if self._stopping is not None:
            self._stopping.discard(event.token)
            return [] if self._stopping else [Tell(ServicesEnded())]
        agent, effects = self._about.told(event)
        if agent is not None:
            return effects + self._described(agent, now_ms, wall_s)
        name = self._tokens.pop(event.token, "")
        resource = self._resources.get(name)
        effects += self._next_probes(now_ms, wall_s)
        if resource is None or resource.running is None:
            return effects
        operation = resource.running.operation
        self._probing -= operation.is_probe
        if event.left and operation.task in _LEAVES_NOTHING:
            effects.append(Log("warning", f"{operation.key} left processes behind, which nobody watches"))
        if self._about.awaited(resource.running.operation.agent):
            resource.held = event
            return effects
        return effects + self._answered(name, resource, event, now_ms, wall_s)

    def _answered(
        self, name: str, resource: Resource, event: AgentEnded, now_ms: int, wall_s: float
    ) -> list[Effect]:
        assert resource.running is not None, "an answer belongs to what runs"
        operation = resource.running.operation
        agent = real_agent(operation.agent)
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
            # Whoever ordered it waits for its end, and no history will tell of it.
            effects += self._tell_done(operation, outcome, unrecorded=True)
            effects += self._forget(resource.removed)
        elif operation.interval_ms:
            effects += self._recurred(name, resource, operation, outcome, waiting.call_id)
        elif answer.status is ExecStatus.CANCELLED:
            effects += self._tell_done(operation, outcome)
        else:
            effects += self._record(operation, outcome, self._about.of(operation.agent))
        return effects + self._run_next(name, now_ms, wall_s)

    # --- recurring operations -------------------------------------------------------------------

    def _recurred(
        self, name: str, resource: Resource, operation: Operation, outcome: Outcome, call_id: int
    ) -> list[Effect]:
        recurring = resource.recurring.get(operation.key)
        if recurring is None or recurring.call_id != call_id:
            return []
        pause = recurring.pause_ms()
        effects: list[Effect] = [StartTimer(_timer(name, operation.key), pause, RecurringDue(name, operation.key))]
        last = recurring.last
        if last is None or (last.rc, last.status) != (outcome.rc, outcome.status):
            outcome = recurring.last = recurring.numbered(outcome, self._calls + 1)
            self._calls = max(self._calls, outcome.call_id)
            effects += self._record(operation, outcome, self._about.of(operation.agent))
        return effects

    def _due(self, name: str, key: str, now_ms: int, wall_s: float) -> list[Effect]:
        resource = self._resources.get(name)
        recurring = resource.recurring.get(key) if resource else None
        if resource is None or recurring is None:
            return []
        if any(one.call_id == recurring.call_id for one in resource.queue):
            return []
        resource.queue.append(
            Waiting(recurring.operation, now_ms, recurring.call_id, first=False)
        )
        return self._run_next(name, now_ms, wall_s)

    def _stop_recurring(self, name: str, resource: Resource) -> list[Effect]:
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
        self._outbox.put(CibOperation(
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
            self._resources[operation.resource] = Resource(resource.agent, started=True)
        self._outbox.put(CibOperation("delete", path=self._history_path(operation.resource)))
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
            self._resources[operation.resource] = Resource(operation.agent)
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
            self._outbox.put(
                history.resource_element(operation.resource, operation.agent, found, lock),
                patient=operation.is_probe and not history.failed(operation, outcome),
            )
        if outcome.status is not ExecStatus.PENDING:
            effects += self._tell_done(operation, outcome)
        return effects

    def _tell_done(self, operation: Operation, outcome: Outcome, *, unrecorded: bool = False) -> list[Effect]:
        done = OperationDone(
            operation.resource, operation.task, operation.interval_ms, int(outcome.rc),
            int(outcome.status), operation.transition_key, outcome.reason, outcome.exec_ms, unrecorded=unrecorded,
        )
        self._answers.keep(operation, done)
        return [Tell(done)]

    def _history_path(self, resource: str) -> str:
        return (
            f"/cib/status/node_state[@id='{_safe(self._node_id)}']/lrm/lrm_resources"
            f"/lrm_resource[@id='{_safe(resource)}']"
        )

    # --- what the cluster should know -----------------------------------------------------------

    def _members(self, view: View) -> list[Effect]:
        if view.dc != self._dc:
            # What another one wanted to know is foreign to who coordinates now.
            self._withdraw(answer=False)
        self._dc = view.dc
        self._was_quorate = self._was_quorate or view.quorate
        self._outbox.members = len(view.members)
        for member in view.members:
            if member.name == self._node:
                self._node_id = str(member.id)
        if not self._node_id:
            return []
        if not self._published or self._said_join not in ("", self._join()):
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
        self._said_join = self._join()
        self._outbox.replace(republish.operations(self._node_id, self._node, elements, join=self._said_join))
        return []

    def _join(self) -> str:
        return "" if self._remote else republish.join_of(self._cib, was_quorate=self._was_quorate)

    def _repair(self) -> list[Effect]:
        if self._cib is None or not self._published:
            return []
        known = {
            name: one.entries for name, one in self._resources.items() if one.entries
        }
        if not self._outbox.idle:
            return [StartTimer("look", REPAIR_MS, LookAgain())]
        if republish.agrees(self._cib, self._node_id, known, join=self._join() or "member"):
            return []
        return [*self._publish(), StartTimer("look", 4 * REPAIR_MS, LookAgain())]

    def _described(self, agent: AgentName, now_ms: int, wall_s: float) -> list[Effect]:
        """What waited for an agent's description can be recorded."""
        effects: list[Effect] = []
        for name in list(self._resources):
            resource = self._resources.get(name)
            if resource is None or resource.agent != agent or resource.held is None:
                continue
            held, resource.held = resource.held, None
            effects += self._answered(name, resource, held, now_ms, wall_s)
        return effects

    # --- the end --------------------------------------------------------------------------------

    def _stop_all(self) -> list[Effect]:
        """This node ends itself. Nobody is told what comes of it: whatever this node says, it is not to be believed."""
        found = ending.stops(self._programs.place, self._resources, self._resolve, self._secrets.values)
        effects: list[Effect] = [KillAgent(token) for token in (*self._tokens, *self._about.tokens)]
        for name, resource in self._resources.items():
            effects += self._stop_recurring(name, resource)
            resource.queue.clear()
        self._stopping = {one.token for one in found} | {*self._tokens, *self._about.tokens}
        return [*effects, *found] if self._stopping else [*effects, Tell(ServicesEnded())]

    def kill_all(self) -> list[Effect]:
        """End all programs that run: the node goes down without waiting for them."""
        return [KillAgent(token) for token in (*self._tokens, *self._about.tokens)]


def _timer(resource: str, key: str) -> str:
    return f"recurring:{resource}:{key}"


def _safe(text: str) -> str:
    """For an XPath literal: identifiers of a CIB hold no quotes, and what has some finds nothing."""
    return text.replace("'", "")
