"""History: what came of an operation → its entries in the status section. Pure.

Source: Pacemaker Explained, "Operation history"; which entry an outcome is kept under is decided
by pcmk__create_history_xml() in lib/pacemaker/pcmk_sched_actions.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lxml import etree

from hashell.agents.metadata import AgentMetadata
from hashell.cib.digest import operation_digest, restart_digest, secure_digest
from hashell.values.agent_names import AgentName
from hashell.values.feature_set import FEATURE_SET
from hashell.values.keys import TransitionKey, operation_key
from hashell.values.outcomes import ExecStatus, OcfCode

#: Operations whose results are not kept, only told to who asked.
NOT_RECORDED = frozenset({"cancel", "delete", "lrm_delete", "notify"})
#: Operations after which the scheduler may wonder whether a reload would do.
_TELL_RESTART = frozenset({
    "start", "monitor", "promote", "demote", "reload", "reload-agent", "migrate_to", "migrate_from",
})
_FAILED_RUNS = frozenset({
    ExecStatus.NOT_SUPPORTED, ExecStatus.TIMEOUT, ExecStatus.ERROR, ExecStatus.NOT_CONNECTED,
    ExecStatus.NO_FENCE_DEVICE, ExecStatus.NO_SECRETS, ExecStatus.INVALID,
})


@dataclass(frozen=True, slots=True)
class Operation:
    """What was asked for. `parameters` as the graph has them, meta ones with CRM_meta_ before."""

    resource: str
    agent: AgentName
    task: str
    interval_ms: int
    timeout_ms: int
    transition_key: str
    target_rc: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    start_delay_ms: int = 0
    shutdown_lock: int = 0

    @property
    def key(self) -> str:
        return operation_key(self.resource, self.task, self.interval_ms)

    @property
    def recorded(self) -> bool:
        return self.task not in NOT_RECORDED

    @property
    def is_probe(self) -> bool:
        return self.task == "monitor" and self.interval_ms == 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. Times: milliseconds it ran and waited, seconds since 1970 of the change."""

    rc: int
    status: ExecStatus
    call_id: int
    reason: str = ""
    exec_ms: int = 0
    queue_ms: int = 0
    when_s: int = 0


PENDING = Outcome(OcfCode.UNKNOWN, ExecStatus.PENDING, -1)


def failed(operation: Operation, outcome: Outcome) -> bool:
    """Whether an outcome is kept as the resource's last failure."""
    if outcome.status in (ExecStatus.CANCELLED, ExecStatus.PENDING):
        return False
    return outcome.status in _FAILED_RUNS or outcome.rc != operation.target_rc


def entries(
    operation: Operation, outcome: Outcome, node: str, metadata: AgentMetadata | None = None,
    origin: str = "do_update_resource",
) -> tuple[dict[str, str], ...]:
    """The `lrm_rsc_op` entries, one or two, as attributes in Pacemaker's order; `id` names the entry.

    A failure of a one-time operation is kept twice: as the last failure, and as the last operation.
    """
    task = operation.task
    if task in ("reload", "reload-agent"):
        # A reload that worked stands for a start with the new parameters.
        task = "start" if outcome.status is ExecStatus.DONE else "monitor"
    shown = replace(operation, task=task)
    names: tuple[str, ...]
    last = f"{operation.resource}_last_0"
    has_failed = failed(operation, outcome)
    if operation.task in ("migrate_to", "migrate_from"):
        names = (shown.key,)
    elif has_failed:
        names = (f"{operation.resource}_last_failure_0",)
        names += (last,) if operation.interval_ms == 0 else ()
    else:
        names = (shown.key,) if operation.interval_ms else (last,)
    attributes = {
        "operation_key": shown.key,
        "operation": task,
        "crm-debug-origin": origin,
        "crm_feature_set": operation.parameters.get("crm_feature_set", FEATURE_SET),
        "transition-key": operation.transition_key,
        "transition-magic": f"{int(outcome.status)}:{outcome.rc};{operation.transition_key}",
        "exit-reason": outcome.reason if has_failed else "",
        "on_node": node,
        "call-id": str(outcome.call_id),
        "rc-code": str(int(outcome.rc)),
        "op-status": str(int(outcome.status)),
        "interval": str(operation.interval_ms),
        "last-rc-change": str(outcome.when_s),
        "exec-time": str(outcome.exec_ms),
        "queue-time": str(outcome.queue_ms),
    }
    if operation.task in ("migrate_to", "migrate_from"):
        for name in ("migrate_source", "migrate_target"):
            value = operation.parameters.get(f"CRM_meta_{name}")
            if value:
                attributes[name] = value
    attributes["op-digest"] = operation_digest(operation.parameters)
    if metadata is not None and operation.task in _TELL_RESTART:
        attributes.update(_more_digests(operation, metadata))
    return tuple({"id": name, **attributes} for name in names)


def _more_digests(operation: Operation, metadata: AgentMetadata) -> dict[str, str]:
    """Which parameters force a restart, and which are secret, with the digests that go with them."""
    found: dict[str, str] = {}
    # Pacemaker lists parameters from the last to the first.
    parameters = tuple(reversed(metadata.parameters))
    if operation.interval_ms == 0 and metadata.reloads:
        forcing = [one.name for one in parameters if not one.reloadable]
        found["op-force-restart"] = _words(forcing)
        found["op-restart-digest"] = restart_digest(operation.parameters, forcing)
    private = [one.name for one in parameters if one.private]
    if private:
        found["op-secure-params"] = _words(private)
        found["op-secure-digest"] = secure_digest(operation.parameters, private)
    return found


def _words(names: list[str]) -> str:
    """With blanks on both sides, so that a word can be looked for with its blanks."""
    return f"  {' '.join(names)}  " if names else ""


def resource_element(
    resource: str, agent: AgentName, found: tuple[dict[str, str], ...], shutdown_lock: int = 0
) -> etree._Element:
    """The `lrm_resource` element that holds entries."""
    element = etree.Element("lrm_resource", id=resource)
    element.set("class", agent.standard)
    if agent.provider:
        element.set("provider", agent.provider)
    element.set("type", agent.type)
    if shutdown_lock:
        element.set("shutdown-lock", str(shutdown_lock))
    for attributes in found:
        etree.SubElement(element, "lrm_rsc_op", attributes)
    return element


def node_update(
    node_id: str, node: str, resources: tuple[etree._Element, ...], *, origin: str, join: str = "",
    remote: bool = False,
) -> bytes:
    """The `node_state` update that brings resources' entries into the status section."""
    state = etree.Element("node_state", id=node_id, uname=node)
    if remote:
        state.set("remote_node", "true")
    state.set("crm-debug-origin", origin)
    if join:
        state.set("join", join)
    holder = etree.SubElement(etree.SubElement(state, "lrm", id=node_id), "lrm_resources")
    holder.extend(resources)
    return etree.tostring(state, encoding="utf-8")


def fake_key(call_id: int, target_rc: int = 0) -> str:
    """The transition key of what no transition asked for; Pacemaker's marks for such a one."""
    return str(TransitionKey(call_id, -1, target_rc, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"))
