"""Requests: what clients ask of the controller, as changes of the CIB and words to nodes. Pure.

CleanUp, FailResource, StopNode, ForgetNode and WaitIdle come here; each is answered with Done or
Failure, or with the effects and operations after which it will be.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.versions import Version
from hashell.transition.graph import Action, PrimitiveRef
from hashell.wire.messages import (
    CleanUp,
    Done,
    FailResource,
    Failure,
    ForgetNode,
    StopNode,
    WaitIdle,
)
from hashelld.core.effects import Effect, Multicast, Reply, Send, Tell
from hashelld.core.events import (
    ActionsChanged,
    ChangeAnswered,
    CibOperation,
    Event,
    Happened,
    ShutdownWanted,
    TransitionEnded,
    TransitionStarted,
    View,
)

#: Clients of all nodes that may wait for the cluster to be idle.
WAITERS_MAX = 1024
#: Longest that a client may wait.
WAIT_MAX_MS = 24 * 3600 * 1000
NOT_MEMBER = Failure(
    "not-reachable", "this node is in no cluster yet", "wait until it has joined", 102
)
IDLE = Done()
TIMED_OUT = Failure("timed-out", "the cluster is still busy", "wait longer, or look at what it does", 124)
_NOTICES: dict[str, type[Event]] = {
    "started": TransitionStarted, "actions": ActionsChanged, "ended": TransitionEnded,
    "happened": Happened,
}


@dataclass(frozen=True, slots=True)
class Waiter:
    """Who waits for idleness: a client of this node, or (`peer`) a waiter's number on another node."""

    client: int
    peer: str
    version: Version


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request leads to; `reply` is sent at once unless `operations` must be committed first."""

    effects: tuple[Effect, ...] = ()
    operations: tuple[CibOperation, ...] = ()
    reply: Done | Failure | None = None
    wait_ms: int = 0


def is_ours(body: Any) -> bool:
    return isinstance(body, CleanUp | FailResource | StopNode | ForgetNode | WaitIdle)


def plan(body: Any, cib: Cib, view: View, node: str) -> Plan:
    """What to do for a request of a client of this node."""
    match body:
        case WaitIdle(timeout_ms=timeout_ms):
            return Plan(wait_ms=max(1, min(timeout_ms, WAIT_MAX_MS)))
        case StopNode(node=wanted):
            return _stop_node(wanted or node, view, node)
        case ForgetNode(node=wanted):
            return _forget_node(wanted, cib, view)
        case FailResource(resource=resource, node=wanted):
            return _fail(resource, wanted, cib, view)
        case CleanUp():
            return _clean_up(body, cib, view)
    raise AssertionError(f"{type(body).__name__} is not for the controller")


def changed(client: int, event: ChangeAnswered) -> list[Effect]:
    """The answer to a client whose change is committed, or not."""
    if event.error_id:
        return [Reply(client, Failure(event.error_id, event.error, event.hint))]
    return [Reply(client, Done())]


def _no_node(name: str) -> Failure:
    return Failure("not-found", f"no member of the cluster is called {name!r}", "see: status", 105)


def _stop_node(wanted: str, view: View, node: str) -> Plan:
    if wanted == node:
        return Plan((Tell(ShutdownWanted("asked for by a client")),), reply=Done("leaving"))
    if wanted not in view.names:
        return Plan(reply=_no_node(wanted))
    return Plan((Send(wanted, "controller.stop", b""),), reply=Done(f"{wanted} was asked to leave"))


def _forget_node(wanted: str, cib: Cib, view: View) -> Plan:
    if wanted in view.names:
        return Plan(reply=Failure(
            "refused", f"{wanted} is a member of the cluster", f"stop it first: cluster stop {wanted}"
        ))
    quoted = wanted.replace("'", "")
    paths = (
        f"/cib/configuration/nodes/node[@uname='{quoted}']",
        f"/cib/status/node_state[@uname='{quoted}']",
    )
    if not any(cib.root.xpath(path) for path in paths):
        return Plan(reply=Failure("not-found", f"no node is called {wanted!r}", "see: node list", 105))
    return Plan(
        (Multicast("engine.forget", wanted.encode()),),
        operations=tuple(CibOperation("delete", path=path) for path in paths),
    )


def _histories(cib: Cib, node: str) -> Iterator[tuple[etree._Element, etree._Element]]:
    """(node_state, lrm_resource) pairs, of one node or of all."""
    status = cib.status
    for state in () if status is None else status.iterfind("node_state"):
        if not node or state.get("uname") == node:
            for resource in state.iterfind("lrm/lrm_resources/lrm_resource"):
                yield state, resource


def _fail(resource: str, wanted: str, cib: Cib, view: View) -> Plan:
    for state, history in _histories(cib, wanted):
        name = state.get("uname", "")
        if not _is_instance(history.get("id", ""), {resource}):
            continue
        effect = _do(state, view, operation(_reference(history), "fail", name, ""))
        if effect is not None:
            return Plan((effect,), reply=Done())
    return Plan(reply=Failure(
        "not-found", f"{resource} is not known on {wanted or 'any node'}", "see: resource status", 105
    ))


def _do(state: etree._Element, view: View, xml: bytes) -> Effect | None:
    """Have an operation done by a node, a remote one by way of its connection; None when it is not there."""
    name = state.get("uname", "")
    if name in view.names:
        return Send(name, "controller.do", xml)
    if state.get("remote_node") == "true" and state.get("in_ccm") == "true":
        return Multicast("remote.do", xml)
    return None


def _clean_up(body: CleanUp, cib: Cib, view: View) -> Plan:
    """Take failures (or all history) out: then the scheduler has the resource looked at afresh."""
    if body.node and body.node not in {
        state.get("uname") for state in cib.root.iterfind("status/node_state")
    }:
        return Plan(reply=_no_node(body.node))
    wanted = members_of(cib, body.resource) if body.resource else set()
    if body.resource and not wanted:
        return Plan(reply=Failure(
            "not-found", f"no resource is called {body.resource!r}", "see: resource list", 105
        ))
    effects: list[Effect] = []
    operations: list[CibOperation] = []
    cleaned: list[str] = []
    for state, history in _histories(cib, body.node):
        name, resource = state.get("uname", ""), history.get("id", "")
        if wanted and not _is_instance(resource, wanted):
            continue
        counts = _counts(state, resource, body.task, body.interval_ms)
        failures = history.xpath("lrm_rsc_op[contains(@id, '_last_failure_')]")
        if not body.refresh and not counts and not failures:
            continue
        cleaned.append(f"{resource} on {name}")
        operations += [_delete_attribute(state.get("id", ""), one) for one in counts]
        effect = _do(state, view, operation(_reference(history), "delete", name, ""))
        if effect is not None:
            effects.append(effect)
        else:
            operations.append(forget_history(state.get("id", ""), resource))
    if not cleaned:
        return Plan(reply=Done("nothing was to clean up"))
    if not operations:
        return Plan(tuple(effects), reply=Done("cleaned up " + ", ".join(cleaned)))
    return Plan(tuple(effects), tuple(operations))


def members_of(cib: Cib, resource: str) -> set[str]:
    """The primitives that a name stands for: itself, or those of a group, clone or bundle."""
    found = cib.by_id(resource.partition(":")[0])
    if found is None:
        return set()
    if found.tag == "primitive":
        return {found.get("id", "")}
    return {one.get("id", "") for one in found.iter("primitive")}


def _is_instance(name: str, wanted: Iterable[str]) -> bool:
    """History names an instance of a clone `web` or `web:1`."""
    return name in wanted or name.partition(":")[0] in wanted


def _counts(state: etree._Element, resource: str, task: str, interval_ms: int) -> list[str]:
    """Names of the fail-count and last-failure attributes of a resource on a node."""
    suffix = f"#{task}_{interval_ms}" if task and interval_ms >= 0 else f"#{task}" if task else ""
    found = []
    for pair in state.iterfind("transient_attributes/instance_attributes/nvpair"):
        name = pair.get("name", "")
        for prefix in ("fail-count-", "last-failure-"):
            rest = name.removeprefix(prefix)
            about, mark, _ = rest.partition("#")
            if rest != name and about == resource and rest.startswith(about + (suffix if mark else "")):
                found.append(name)
    return found


def _delete_attribute(node_id: str, name: str) -> CibOperation:
    quoted = name.replace("'", "")
    return CibOperation("delete", path=(
        f"/cib/status/node_state[@id='{node_id}']/transient_attributes/instance_attributes"
        f"/nvpair[@name='{quoted}']"
    ))


def forget_failures(cib: Cib, node_id: str, resources: Sequence[str]) -> tuple[CibOperation, ...]:
    """Take all fail counts of resources on a node out, with the entries of their last failures."""
    operations: list[CibOperation] = []
    for state in cib.root.iterfind("status/node_state"):
        if state.get("id") != node_id:
            continue
        for resource in resources:
            operations += [
                _delete_attribute(node_id, name) for name in _counts(state, resource, "", -1)
            ]
            operations.append(CibOperation("delete", path=(
                f"/cib/status/node_state[@id='{node_id}']/lrm/lrm_resources"
                f"/lrm_resource[@id='{resource}']/lrm_rsc_op[@id='{resource}_last_failure_0']"
            )))
    return tuple(operations)


def forget_history(node_id: str, resource: str) -> CibOperation:
    """All that is known of a resource on a node."""
    return CibOperation("delete", path=(
        f"/cib/status/node_state[@id='{node_id}']/lrm/lrm_resources/lrm_resource[@id='{resource}']"
    ))


def _reference(history: etree._Element) -> PrimitiveRef:
    return PrimitiveRef(
        history.get("id", ""), "", history.get("class", ""), history.get("provider", ""),
        history.get("type", ""),
    )


def operation(primitive: PrimitiveRef, task: str, node: str, key: str) -> bytes:
    """An rsc_op that no graph has, for a node's executor."""
    root = etree.Element("rsc_op", id="0", operation=task, on_node=node)
    root.set("operation_key", f"{primitive.id}_{task}_0")
    root.set("transition-key", key)
    agent = etree.SubElement(root, "primitive", id=primitive.id)
    agent.set("class", primitive.standard)
    if primitive.provider:
        agent.set("provider", primitive.provider)
    agent.set("type", primitive.type)
    etree.SubElement(root, "attributes", CRM_meta_on_node=node)
    return etree.tostring(root)


def timed_out(action: Action, key: str, when_s: int) -> CibOperation:
    """The history entry of an operation whose node said nothing."""
    assert action.primitive is not None, "operations belong to resources"
    state = etree.Element("node_state", id=action.node_id, uname=action.node)
    holder = etree.SubElement(etree.SubElement(state, "lrm", id=action.node_id), "lrm_resources")
    resource = etree.SubElement(holder, "lrm_resource", id=action.primitive.id)
    resource.set("class", action.primitive.standard)
    if action.primitive.provider:
        resource.set("provider", action.primitive.provider)
    resource.set("type", action.primitive.type)
    values = {
        "operation_key": action.key, "operation": action.task,
        "crm-debug-origin": "controld_record_action_event", "transition-key": key,
        "transition-magic": f"2:1;{key}", "on_node": action.node, "call-id": "-1",
        "exit-reason": f"{action.node} did not return result in time", "rc-code": "1",
        "op-status": "2", "interval": str(action.interval_ms), "last-rc-change": str(when_s),
        "exec-time": str(action.timeout_ms), "queue-time": "0",
    }
    etree.SubElement(resource, "lrm_rsc_op", {
        "id": f"{action.primitive.id}_last_failure_0", **values
    })
    return CibOperation("modify", etree.tostring(state))


def encode_notices(events: Sequence[Event]) -> bytes:
    """How a transition goes, for all nodes. Actions that changed one after the other are told together."""
    told: list[Event] = []
    for number, some in itertools.groupby(events, lambda one: one.number if isinstance(one, ActionsChanged) else -1):
        if number < 0:
            told += some
        else:
            told.append(ActionsChanged(number, tuple(
                change for one in some if isinstance(one, ActionsChanged) for change in one.changes
            )))
    return msgspec.msgpack.encode([
        (
            next(word for word, one in _NOTICES.items() if isinstance(event, one)),
            msgspec.to_builtins(event, builtin_types=(bytes,)),
        )
        for event in told
    ])


def decode_notices(payload: bytes) -> tuple[Event, ...]:
    """Empty for what cannot be read."""
    try:
        found = msgspec.msgpack.decode(payload, type=list[tuple[str, dict[str, Any]]])
        return tuple(msgspec.convert(fields, _NOTICES[kind]) for kind, fields in found)
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError):
        return ()


def parse_version(text: str) -> Version:
    parts = text.split(".")
    return Version(*(int(part) for part in parts)) if len(parts) == 3 and all(
        part.isdigit() for part in parts
    ) else Version()
