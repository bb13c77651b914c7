"""Inject: node and operation events written into a CIB's status section.

The caller owns the tree that is changed.

Source: lib/pacemaker/pcmk_injections.c, lib/pacemaker/pcmk_sched_actions.c
(pcmk__create_history_xml).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lxml import etree

from hashell.cib.digest import operation_digest
from hashell.errors import BadInput
from hashell.values.feature_set import FEATURE_SET
from hashell.values.integers import whole_number

#: A transition's identity where there was none.
_NO_TRANSITION = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
_ORIGIN = "crm_simulate"
_CLASSES = frozenset({"ocf", "stonith", "service", "systemd", "lsb"})


class BadInjection(BadInput):
    id = "injection-bad"


class NoSuchOperation(BadInjection):
    """Nothing that could be injected; the simulation goes on without it."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Class, provider and type of a resource, as its history needs them."""

    standard: str
    provider: str
    type: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an operation. `parameters` are those it was run with, None where nobody knows."""

    resource: str
    task: str
    interval_ms: int
    rc: int
    target_rc: int
    reason: str
    when_s: int
    parameters: Mapping[str, str] | None = None


def section(root: etree._Element, name: str) -> etree._Element:
    """A section of the CIB, made if it is missing."""
    parent = root
    if name != "status":
        configuration = root.find("configuration")
        if configuration is None:
            configuration = etree.SubElement(root, "configuration")
        parent = configuration
    found = parent.find(name)
    return etree.SubElement(parent, name) if found is None else found


def _node_id(root: etree._Element, name: str) -> str | None:
    for node in root.iterfind("configuration/nodes/node"):
        if (node.get("uname") or "").lower() == name.lower():
            return node.get("id")
    for primitive in root.iterfind("configuration/resources//primitive"):
        if primitive.get("id") == name and primitive.get("type") == "remote":
            return name
    for pair in root.iterfind("configuration/resources//meta_attributes/nvpair"):
        if pair.get("name") == "remote-node" and pair.get("value") == name:
            return name
    for state in root.iterfind("status/node_state"):
        if state.get("uname") == name:
            return state.get("id")
    return None


def node_state(
    root: etree._Element, name: str, node_id: str | None = None, *, configure: bool = False
) -> etree._Element:
    """The state of a node, made if it is missing; `configure` makes the node itself, too."""
    if configure and not any(
        node.get("uname") == name for node in root.iterfind("configuration/nodes/node")
    ):
        etree.SubElement(section(root, "nodes"), "node", id=name, uname=name)
    status = section(root, "status")
    states = list(status.iterfind("node_state"))
    for state in states:
        if state.get("uname") == name:
            return state
    node_id = node_id or _node_id(root, name)
    for state in states:
        if node_id is not None and state.get("id") == node_id:
            state.set("uname", name)
            return state
    return etree.SubElement(status, "node_state", id=node_id or name, uname=name)


_UP = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
_DOWN = {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "down"}


def set_node(
    root: etree._Element, name: str, *, up: bool, configure: bool = False
) -> etree._Element:
    """Let a node be a member, or gone."""
    state = node_state(root, name, configure=configure)
    for key, value in (_UP if up else _DOWN).items():
        state.set(key, value)
    state.set("crm-debug-origin", _ORIGIN)
    return state


def forget_node(root: etree._Element, name: str) -> None:
    """Drop what was known to run on a node, and its transient attributes."""
    for state in section(root, "status").iterfind("node_state"):
        if state.get("uname") == name:
            for tag in ("lrm", "transient_attributes"):
                for element in state.findall(tag):
                    state.remove(element)


def node_down(root: etree._Element, name: str, *, configure: bool = False) -> None:
    set_node(root, name, up=False, configure=configure)
    forget_node(root, name)


def node_fail(root: etree._Element, name: str, *, configure: bool = False) -> None:
    """A node that is gone without having said so."""
    set_node(root, name, up=True, configure=configure).set("in_ccm", "false")


def set_ticket(root: etree._Element, ticket: str, attribute: str, value: bool) -> None:
    status = section(root, "status")
    tickets = status.find("tickets")
    if tickets is None:
        tickets = etree.SubElement(status, "tickets")
    word = "true" if value else "false"
    for state in tickets.iterfind("ticket_state"):
        if state.get("id") == ticket:
            state.set(attribute, word)
            return
    etree.SubElement(tickets, "ticket_state", id=ticket).set(attribute, word)


def set_watchdog(root: etree._Element, value: str) -> None:
    config = section(root, "crm_config")
    for pair in config.iterfind("cluster_property_set/nvpair"):
        if pair.get("name") == "have-watchdog":
            pair.set("value", value)
            return
    options = config.find("cluster_property_set")
    if options is None:
        options = etree.SubElement(config, "cluster_property_set", id="cib-bootstrap-options")
    etree.SubElement(
        options, "nvpair", id="cib-bootstrap-options-have-watchdog", name="have-watchdog",
        value=value,
    )


def _attribute_value(state: etree._Element, name: str) -> str | None:
    for pair in state.iterfind("transient_attributes/instance_attributes/nvpair"):
        if pair.get("name") == name:
            return pair.get("value")
    return None


@dataclass(frozen=True, slots=True)
class Injected:
    """A transient attribute that was set on a node. As Pacemaker looks at the state of a node on its own, that is the
    root of the path which it tells.
    """

    name: str
    value: str
    node_id: str
    place: ClassVar[str] = "/node_state"

    @property
    def text(self) -> str:
        """The line that tells of it, without the bullet."""
        return f"Injecting attribute {self.name}={self.value} into {self.place} '{self.node_id}'"


def set_attribute(state: etree._Element, name: str, value: str) -> Injected:
    """Give a node a transient attribute."""
    holder = state.find("transient_attributes")
    node_id = state.get("id", "")
    if holder is None:
        holder = etree.SubElement(state, "transient_attributes", id=node_id)
    values = holder.find("instance_attributes")
    if values is None:
        values = etree.SubElement(holder, "instance_attributes", id=node_id)
    for pair in values.iterfind("nvpair"):
        if pair.get("name") == name:
            pair.set("value", value)
            break
    else:
        etree.SubElement(values, "nvpair", id=f"{node_id}-{name}", name=name, value=value)
    return Injected(name, value, node_id)


def count_failure(
    state: etree._Element, result: Result, name: str, *, infinity: bool
) -> list[Injected]:
    """Raise a fail count, as the controller would; the attributes that were set."""
    if result.rc == 0 or (result.rc == 7 and result.interval_ms == 0):
        return []
    tail = f"{name}#{result.task}_{result.interval_ms}"
    old = _attribute_value(state, f"fail-count-{tail}") or ""
    value = "INFINITY" if infinity else str((whole_number(old) or 0) + 1)
    return [
        set_attribute(state, f"fail-count-{tail}", value),
        set_attribute(state, f"last-failure-{tail}", str(result.when_s)),
    ]


def recorded(state: etree._Element) -> dict[str, etree._Element]:
    """What a node knows of resources, by the names that it has for them."""
    found: dict[str, etree._Element] = {}
    for known in state.iterfind("lrm/lrm_resources/lrm_resource"):
        found.setdefault(known.get("id", ""), known)
    return found


def resource_history(
    state: etree._Element, resource: str, config_name: str, agent: Agent,
    by_name: dict[str, etree._Element] | None = None,
) -> etree._Element:
    """What a node knows of a resource, by one name or the other; made if it is missing.

    `by_name` is what `recorded` gave, for one who asks often; it is kept up to date. Raises BadInjection where the
    agent is not known.
    """
    if by_name is None:
        by_name = recorded(state)
    for name in (resource, config_name):
        found = by_name.get(name)
        if found is not None:
            return found
    if agent.standard not in _CLASSES or not agent.type or (
        agent.standard == "ocf" and not agent.provider
    ):
        raise BadInjection(
            f"resource {resource} has no agent that could have run", "name class, provider and type"
        )
    lrm = state.find("lrm")
    if lrm is None:
        lrm = etree.SubElement(state, "lrm", id=state.get("id", ""))
    holder = lrm.find("lrm_resources")
    if holder is None:
        holder = etree.SubElement(lrm, "lrm_resources")
    known = by_name[config_name] = etree.SubElement(holder, "lrm_resource", id=config_name)
    known.set("class", agent.standard)
    if agent.provider:
        known.set("provider", agent.provider)
    known.set("type", agent.type)
    return known


def _entry_ids(resource: str, result: Result) -> list[str]:
    """Under which ids a result is recorded: failures and last results have their own places."""
    key = f"{resource}_{result.task}_{result.interval_ms}"
    if result.task == "notify":
        parameters = result.parameters or {}
        kind = parameters.get("CRM_meta_notify_type", "")
        task = parameters.get("CRM_meta_notify_operation", "")
        return [f"{resource}_{kind}_notify_{task}_0"]
    if result.task in ("migrate_to", "migrate_from"):
        return [key]
    if result.rc != result.target_rc:
        failure = [f"{resource}_last_failure_0"]
        return [*failure, f"{resource}_last_0"] if result.interval_ms == 0 else failure
    return [key] if result.interval_ms > 0 else [f"{resource}_last_0"]


def record(history: etree._Element, result: Result, node: str) -> None:
    """Write an operation's result into a resource's history on a node."""
    resource = history.get("id", "")
    call_id = max((whole_number(entry.get("call-id", "")) or 0 for entry in history.iterfind("*")), default=0) + 1
    task = "start" if result.task in ("reload", "reload-agent") else result.task
    ids = _entry_ids(resource, Result(
        resource, task, result.interval_ms, result.rc, result.target_rc, result.reason,
        result.when_s, result.parameters,
    ))
    rc = 0 if task == "notify" else result.rc
    failed = rc != result.target_rc
    transition = f"{call_id}:-1:{result.target_rc}:{_NO_TRANSITION}"
    values = {
        "operation_key": f"{resource}_{task}_{result.interval_ms}", "operation": task,
        "crm-debug-origin": _ORIGIN, "crm_feature_set": FEATURE_SET,
        "transition-key": transition, "transition-magic": f"0:{rc};{transition}",
        "exit-reason": result.reason if failed else "", "on_node": node,
        "call-id": str(call_id), "rc-code": str(rc), "op-status": "0",
        "interval": str(result.interval_ms), "last-rc-change": str(result.when_s),
        "exec-time": "0", "queue-time": "0",
    }
    parameters = result.parameters
    if parameters is not None:
        if task in ("migrate_to", "migrate_from"):
            for name in ("migrate_source", "migrate_target"):
                value = parameters.get(f"CRM_meta_{name}")
                if value is not None:
                    values[name] = value
        values["op-digest"] = operation_digest(dict(parameters))
    for name in ids:
        for entry in history.iterfind("lrm_rsc_op"):
            if entry.get("id") == name:
                break
        else:
            entry = etree.SubElement(history, "lrm_rsc_op", id=name)
        for key, value in values.items():
            entry.set(key, value)
