"""New primitives, with the checks and the operations that their agent advises; ids as pcs makes them.

Source: pcs(8), "resource create", "stonith create"; OCF resource agent API, "meta-data".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from hashell.commands import agents
from hashell.commands.binding import Element, check_id
from hashell.commands.env import Env
from hashell.commands.facts import knows_promoted, schema_version, settle_role
from hashell.commands.problems import Problem, error, warning
from hashell.errors import AlreadyExists, BadUsage
from hashell.values.agent_names import AgentName

if TYPE_CHECKING:
    from hashell.agents.metadata import AgentMetadata

#: Attributes that an operation may be given; OCF_CHECK_LEVEL becomes a parameter of it.
OP_OPTIONS = (
    "OCF_CHECK_LEVEL",
    "description",
    "enabled",
    "id",
    "interval",
    "interval-origin",
    "name",
    "on-fail",
    "record-pending",
    "role",
    "start-delay",
    "timeout",
)
#: Actions that the cluster never schedules.
_NO_OPERATION = frozenset({"meta-data", "validate-all", "status", "monitor-all", "methods", "usage"})
#: Parameters of fencing that the cluster reads itself.
_FENCING_EXTRA = ("pcmk_", "provides", "priority", "stonith-timeout")
#: What the cluster tells a fence device at each call.
SUPPLIED = frozenset({"action", "port", "plug"})
_TRACE = frozenset({"trace_ra", "trace_file", "trace_dir"})


@dataclass(slots=True)
class Wanted:
    """A primitive as it was asked for. `operations` are attribute tables that each have a `name`."""

    name: str
    agent: str
    parameters: dict[str, str] = field(default_factory=dict)
    meta: dict[str, str] = field(default_factory=dict)
    operations: list[dict[str, str]] = field(default_factory=list)
    default_operations: bool = True
    disabled: bool = False
    fencing: bool = False
    #: The command makes a node of it, with all that belongs to one.
    whole: bool = False


def is_old(env: Env) -> bool:
    """A CIB of the time of Pacemaker 1.1 is written as pcs 0.9 wrote it."""
    return schema_version(env.validate_with) < (3, 0)


def find_agent(env: Env, text: str, *, fencing: bool = False) -> AgentName:
    """The agent that a full or a short name means. A short name that fits several raises BadUsage."""
    if fencing:
        return AgentName("stonith", "", text.removeprefix("stonith:"))
    if ":" in text:
        found = AgentName.parse(text)
        if found is None:
            raise BadUsage(f"Invalid resource agent name '{text}'", "use standard[:provider]:type")
        return found
    # Our own agents answer to their full names alone: a short name means what it means elsewhere.
    fitting = [
        name for name in agents.installed("ocf") if name.type.lower() == text.lower() and name.provider != "hashell"
    ]
    providers = {name.provider: name for name in fitting}
    if not fitting:
        raise BadUsage(f"Unable to find agent '{text}', try specifying its full name", "resource agents lists them")
    if len(fitting) > 1 and not (is_old(env) and "heartbeat" in providers):
        raise BadUsage(f"Multiple agents match '{text}': " + ", ".join(map(str, fitting)), "give the full name")
    return providers.get("heartbeat", fitting[0])


def create(env: Env, wanted: Wanted) -> Element:
    """The new primitive, at the end of the resources. Problems are reported; the caller settles them."""
    check_free(env, wanted.name, "resource name")
    agent = find_agent(env, wanted.agent, fencing=wanted.fencing)
    said = agents.metadata(agent)
    if said is None:
        env.report(
            error(
                "agent-missing",
                f"Agent '{agent}' is not installed or does not provide valid metadata",
                "install it here",
                wanted.name,
                forcible=True,
            )
        )
    env.problems += list(check_parameters(said, agent, wanted.parameters, complete=True))
    check_fence_action(env, agent, wanted.parameters)
    for name, value in wanted.parameters.items():
        if value == "":
            env.report(error("parameter-empty", f"{name} cannot be empty"))
    _refuse_half_nodes(env, wanted, agent)
    attributes = {"id": wanted.name, "class": agent.standard, "type": agent.type}
    if agent.provider:
        attributes["provider"] = agent.provider
    primitive = etree.SubElement(env.section("resources"), "primitive", attributes)
    env.ids.take(wanted.name)
    old = is_old(env)
    add_set(env, primitive, "instance_attributes", wanted.parameters, ordered=not old)
    meta = dict(wanted.meta)
    if wanted.disabled:
        meta["target-role"] = "Stopped"
    add_set(env, primitive, "meta_attributes", meta, empty=True)
    operations = _operations(env, wanted, said, agent)
    if operations:
        holder = etree.SubElement(primitive, "operations")
        for one in operations:
            add_operation(env, wanted.name, holder, one)
    return primitive


def _refuse_half_nodes(env: Env, wanted: Wanted, agent: AgentName) -> None:
    """A connection or a guest alone makes no node: both have commands of their own."""
    if wanted.whole:
        return
    kind = "remote connection" if (agent.provider, agent.type) == ("pacemaker", "remote") else ""
    if kind or "remote-node" in wanted.meta:
        command = "add-remote" if kind else "add-guest"
        env.report(
            error(
                "half-a-node",
                f"this command is not sufficient for creating a {kind or 'guest node'}, "
                f"use 'pcs cluster node {command}'",
                forcible=True,
            )
        )


def check_free(env: Env, name: str, what: str) -> None:
    """Raises for an id that cannot be or is taken."""
    from hashell.errors import BadInput

    try:
        check_id(name)
    except BadInput as problem:
        raise BadUsage(
            f"invalid {what} '{name}', '{name[:1]}' is not a valid first character or another is not valid",
            problem.hint,
        ) from None
    if name in env.ids:
        raise AlreadyExists(f"'{name}' already exists", "choose another name")


def check_parameters(
    said: AgentMetadata | None, agent: AgentName, given: Mapping[str, str], *, complete: bool
) -> Iterable[Problem]:
    """Unknown parameters, and with `complete` required ones that are missing."""
    if said is None:
        return
    fencing = agent.standard == "stonith"
    known = {one.name: one for one in said.parameters}
    for name in given:
        extra = name in _TRACE or (fencing and name.startswith(_FENCING_EXTRA))
        if name not in known and not extra:
            allowed = ", ".join(f"'{one}'" for one in sorted([*known, *(_TRACE if not fencing else ())]))
            yield error(
                "parameter-unknown",
                f"invalid resource option '{name}', allowed options are: {allowed}",
                about=name,
                forcible=True,
            )
    if not complete:
        return
    replacement = {one.replaced_by: one.name for one in said.parameters if one.replaced_by}
    missing = [
        one.name
        for one in said.parameters
        if one.required
        and not one.deprecated
        and one.name not in given
        and replacement.get(one.name, "") not in given
        and not (fencing and one.name in SUPPLIED)
    ]
    if missing:
        names = ", ".join(f"'{one}'" for one in sorted(missing))
        plural = "s" if len(missing) > 1 else ""
        verb = "are" if plural else "is"
        yield error("parameter-missing", f"required resource option{plural} {names} {verb} missing", forcible=True)


def check_fence_action(env: Env, agent: AgentName, given: Mapping[str, str]) -> None:
    """A device's own action would be taken whatever the cluster asks for. Scripts of pcs 0.9 are only told."""
    if agent.standard != "stonith" or not given.get("action"):
        return
    text = (
        "stonith option 'action' is deprecated and might be removed in a future release, therefore it should not be "
        "used, use 'pcmk_off_action', 'pcmk_reboot_action' instead"
    )
    env.report(warning("fence-action", text) if is_old(env) else error("fence-action", text, forcible=True))


def _operations(env: Env, wanted: Wanted, said: AgentMetadata | None, agent: AgentName) -> list[dict[str, str]]:
    """Those that were asked for, and those that the agent advises under other names; sorted by name."""
    asked = [dict(one) for one in wanted.operations]
    _check_operations(env, asked, said, agent)
    for one in asked:
        one.setdefault("interval", "60s" if one["name"] == "monitor" else "0s")
        if "role" in one:
            one["role"] = settle_role("role", _title(one["role"]), knows_promoted(env.validate_with), convert=True)
    names = {one["name"] for one in asked}
    advised: list[dict[str, str]] = []
    for action in said.actions if said is not None else ():
        if action.name in names or action.name in _NO_OPERATION:
            continue
        if wanted.fencing:
            continue
        if not wanted.default_operations and action.name != "monitor":
            continue
        if is_old(env) and action.name not in ("start", "stop", "monitor"):
            continue
        one = {"name": action.name, "interval": action.interval or ("60s" if action.name == "monitor" else "0s")}
        if action.timeout:
            one["timeout"] = action.timeout
        if action.start_delay:
            one["start-delay"] = action.start_delay
        if action.role:
            one["role"] = settle_role("role", _title(action.role), knows_promoted(env.validate_with), convert=True)
        if action.depth_text not in ("", "0"):
            one["OCF_CHECK_LEVEL"] = action.depth_text
        advised.append(one)
    if "monitor" not in names and not any(one["name"] == "monitor" for one in advised):
        advised.append({"name": "monitor", "interval": "60s"})
    if is_old(env):
        rank = {"start": 0, "stop": 1, "monitor": 2}
        return sorted([*advised, *asked], key=lambda one: rank.get(one["name"], 3))
    return sorted([*asked, *_spread(advised)], key=lambda one: one["name"])


def _title(role: str) -> str:
    return role[:1].upper() + role[1:].lower()


def _spread(operations: list[dict[str, str]]) -> list[dict[str, str]]:
    """Two monitors may not have the same interval: the later gets a second more."""
    from hashell.values.intervals import interval_ms, show_interval

    seen: set[tuple[str, int]] = set()
    for one in operations:
        milliseconds = interval_ms(one.get("interval"))
        while (one["name"], milliseconds) in seen and milliseconds:
            milliseconds += 1000
            one["interval"] = show_interval(milliseconds)
        seen.add((one["name"], milliseconds))
    return operations


def check_operation_options(env: Env, attributes: Mapping[str, str]) -> None:
    """Report every option that no operation has."""
    for key in attributes:
        if key not in OP_OPTIONS:
            allowed = ", ".join(f"'{option}'" for option in OP_OPTIONS if option != "name")
            env.report(
                error("operation-option", f"invalid resource operation option '{key}', allowed options are: {allowed}")
            )


def _check_operations(env: Env, asked: list[dict[str, str]], said: AgentMetadata | None, agent: AgentName) -> None:
    from hashell.values.intervals import parse_interval_ms

    known = {action.name for action in said.actions} if said is not None else set()
    seen: set[tuple[str, int | None]] = set()
    for one in asked:
        name = one["name"]
        if said is not None and name not in known:
            allowed = ", ".join(f"'{action}'" for action in sorted(known - _NO_OPERATION))
            env.report(
                error(
                    "operation-unknown", f"'{name}' is not a valid operation name value, use {allowed}", forcible=True
                )
            )
        check_operation_options(env, one)
        for key, value in one.items():
            if key in ("interval", "timeout") and parse_interval_ms(value) is None:
                env.report(
                    error(
                        "operation-time",
                        f"'{value}' is not a valid {key} value, use time interval (e.g. 1, 2s, 3m, 4h, ...)",
                    )
                )
            if key == "role" and _title(value) not in (
                "Started",
                "Stopped",
                "Promoted",
                "Unpromoted",
                "Master",
                "Slave",
            ):
                env.report(
                    error(
                        "operation-role",
                        f"'{value}' is not a valid role value, use 'Promoted', 'Started', 'Stopped', 'Unpromoted'",
                    )
                )
        pair = (name, parse_interval_ms(one.get("interval", "60s" if name == "monitor" else "0s")))
        if pair in seen:
            env.report(
                error(
                    "operation-twice",
                    f"multiple specification of the same operation with the same interval, expected one: {name} with interval {one.get('interval', '0s')}",  # noqa: E501
                )
            )
        seen.add(pair)


def add_set(
    env: Env, holder: Element, tag: str, pairs: Mapping[str, str], *, ordered: bool = True, name: str = "",
    empty: bool = False,
) -> Element | None:
    """A set with the id HOLDER-KIND and pairs SET-NAME; none for no pairs. Those without a value only with `empty`."""
    if not pairs:
        return None
    element = etree.Element(tag, {"id": name or env.ids.numbered(f"{holder.get('id')}-{tag}")})
    names = sorted(pairs) if ordered else list(pairs)
    for one in names:
        if pairs[one] != "" or empty:
            etree.SubElement(
                element,
                "nvpair",
                {
                    "id": env.ids.numbered(f"{element.get('id')}-{one}"),
                    "name": one,
                    "value": pairs[one],
                },
            )
    if not len(element):
        return None
    operations = holder.find("operations")
    if operations is not None:
        operations.addprevious(element)
    else:
        holder.append(element)
    return element


#: What stands first in an <op>, as pcs writes it.
_OP_ORDER = {"name": 0, "interval": 1, "timeout": 2}


def add_operation(env: Env, resource: str, holder: Element, attributes: Mapping[str, str]) -> Element:
    """An <op> with the id RSC-NAME-interval-INTERVAL; a check level goes into parameters of its own."""
    # What is no option of an operation was reported; it need not even be a name that XML can hold.
    plain = {
        key: value for key, value in attributes.items()
        if key in OP_OPTIONS and key not in ("OCF_CHECK_LEVEL", "id") and value != ""
    }
    identity = attributes.get("id") or env.ids.numbered(f"{resource}-{plain['name']}-interval-{plain['interval']}")
    if attributes.get("id"):
        check_free(env, identity, "operation id")
        env.ids.take(identity)
    order = sorted(plain, key=lambda key: _OP_ORDER.get(key, len(_OP_ORDER)))
    element = etree.SubElement(holder, "op", {**{key: plain[key] for key in order}, "id": identity})
    level = attributes.get("OCF_CHECK_LEVEL")
    if level:
        inner = etree.SubElement(
            element, "instance_attributes", {"id": env.ids.numbered(f"{identity}-instance_attributes")}
        )
        etree.SubElement(
            inner,
            "nvpair",
            {
                "id": env.ids.numbered(f"{inner.get('id')}-OCF_CHECK_LEVEL"),
                "name": "OCF_CHECK_LEVEL",
                "value": level,
            },
        )
    return element
