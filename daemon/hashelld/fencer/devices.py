"""Devices: the fence devices that the CIB configures, and whom each can fence. Pure.

Source: Pacemaker Explained, "Special Meta-Attributes for Fencing Resources".
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from hashell.agents import stonith
from hashell.cib.document import Cib
from hashell.values.agent_names import AgentName
from hashell.values.intervals import interval_ms
from hashell.values.scores import INFINITY, parse_score

#: Seconds after which an agent is given up when nothing else is said (fencing-timeout's default).
TIMEOUT_MS = 60_000
RETRIES = 2
#: Actions at once on a device that takes any number.
AT_ONCE_MAX = 64
#: The device that is no program: who is to die ends itself, and the others wait until it must have. Pacemaker's name.
WATCHDOG = "watchdog"
WATCHDOG_AGENT = "fence_watchdog"


@dataclass(frozen=True, slots=True)
class Ability:
    """What an agent says that it can do. `automatic`: turning on is part of a node's joining; `on_target`: only the
    node itself can turn itself on."""

    actions: frozenset[str] = frozenset()
    automatic: bool = False
    on_target: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """One stonith primitive. `banned` are nodes that a location constraint keeps it from."""

    id: str
    agent: AgentName
    parameters: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    enabled: bool = True
    banned: frozenset[str] = frozenset()
    unfences: bool = False
    """Its meta-attribute `provides` is unfencing: nodes must be turned on with it when they join."""

    def check(self, ability: Ability | None) -> str:
        """How to learn whom it can fence: static-list, dynamic-list, status or none."""
        return stonith.host_check(self.parameters, None if ability is None else ability.actions)

    @property
    def check_is_given(self) -> bool:
        """Whether the configuration says how; else another way may be tried when one fails."""
        return bool(self.parameters.get("pcmk_host_check"))

    def lists(self, target: str) -> bool:
        """Whether the configuration itself names a node."""
        return target in stonith.host_list(self.parameters) or target in stonith.host_ports(
            self.parameters
        )

    def can(self, action: str, ability: Ability | None) -> bool:
        """Whether its agent knows an action, or it is mapped to one; of an agent that said nothing all is believed."""
        return ability is None or action in ability.actions or f"pcmk_{action}_action" in self.parameters

    @property
    def stays_off(self) -> bool:
        """A reboot with it is meant to end with the node off."""
        return self.parameters.get("pcmk_reboot_action") == "off"

    @property
    def at_once_max(self) -> int:
        """How many actions may run on it at the same time; pcmk_action_limit, below 0: any number."""
        text = self.parameters.get("pcmk_action_limit", "1").strip()
        number = int(text) if text.lstrip("+-").isdigit() else 1
        return AT_ONCE_MAX if number < 0 else max(1, number)

    def port(self, target: str) -> str:
        return stonith.host_ports(self.parameters).get(target, target)

    def timeout_ms(self, action: str, default_ms: int) -> int:
        return interval_ms(self.parameters.get(f"pcmk_{action}_timeout"), default_ms)

    def retries(self, action: str) -> int:
        text = self.parameters.get(f"pcmk_{action}_retries", "")
        return max(1, min(int(text), 10)) if text.isdigit() else RETRIES

    def delay_ms(self, target: str, seed: str) -> int:
        """pcmk_delay_base (for all, or `node1:5;node2:10s`) plus a part of what is up to pcmk_delay_max.

        The part is drawn from `seed`, so that two nodes that fence one another draw differently.
        """
        base = _delay_base(self.parameters.get("pcmk_delay_base", ""), target)
        top = interval_ms(self.parameters.get("pcmk_delay_max")) or base
        if top <= base:
            return top
        draw = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big")
        return base + draw % (top - base + 1)

    def longest_delay_ms(self, target: str) -> int:
        base = _delay_base(self.parameters.get("pcmk_delay_base", ""), target)
        return interval_ms(self.parameters.get("pcmk_delay_max")) or base


def devices(cib: Cib) -> dict[str, Device]:
    """All fence devices by id, clones' included, in the order of the configuration."""
    resources = cib.section("resources")
    if resources is None:
        return {}
    templates = {one.get("id", ""): one for one in resources.iter("template")}
    found: dict[str, Device] = {}
    for primitive in resources.iter("primitive"):
        base = templates.get(primitive.get("template", ""))
        source = primitive if base is None else base
        if source.get("class") != "stonith":
            continue
        layers = [primitive] if base is None else [primitive, base]
        meta = _values(layers, "meta_attributes", cib)
        role = meta.get("target-role", "Started").lower()
        name = primitive.get("id", "")
        found[name] = Device(
            name, AgentName("stonith", "", source.get("type", "")),
            _values(layers, "instance_attributes", cib), parse_score(meta.get("priority")),
            role != "stopped", frozenset(_banned(cib, name)),
            meta.get("provides", "").lower() == "unfencing",
        )
    return found


def running_on(cib: Cib, device: str) -> tuple[str, ...]:
    """Nodes where the cluster has the device started: they watch it, so it works there."""
    found = []
    for state in cib.root.iterfind("status/node_state"):
        for history in state.iterfind("lrm/lrm_resources/lrm_resource"):
            if history.get("id", "").partition(":")[0] != device:
                continue
            last = next(
                (e for e in history if e.get("id", "").endswith("_last_0")), None
            )
            started = last is not None and (
                (last.get("operation") == "start" and last.get("rc-code") == "0")
                or (last.get("operation") == "monitor" and last.get("rc-code") == "0")
            )
            if started:
                found.append(state.get("uname", ""))
    return tuple(found)


def executors(
    device: Device, action: str, target: str, here: str, members: Collection[str], running: Collection[str],
    ability: Ability | None = None,
) -> tuple[str, ...]:
    """Members that may run an action of the device, best first: where it is watched, this node, the others.

    Nobody is turned off by itself but a node that is alone: who kills itself cannot tell. Some devices turn a node on
    from that node alone.
    """
    if action == "on" and ability is not None and ability.on_target:
        return (target,) if target in members and target not in device.banned else ()
    fit = [name for name in members if name not in device.banned and name != target]
    if not fit and list(members) == [target] and action != "on":
        return (target,)
    return tuple(sorted(fit, key=lambda name: (name not in running, name != here)))


def _delay_base(text: str, target: str) -> int:
    if ":" not in text:
        return interval_ms(text or None)
    for part in text.replace(";", " ").split():
        node, _, value = part.partition(":")
        if node == target:
            return interval_ms(value)
    return 0


def _values(layers: list[etree._Element], tag: str, cib: Cib) -> dict[str, str]:
    """Name-value pairs: the resource's own before its template's, higher scores first."""
    found: dict[str, str] = {}
    for layer in layers:
        sets = sorted(
            layer.iterfind(tag), key=lambda one: -parse_score(one.get("score"), 0)
        )
        for one in sets:
            holder = one
            if one.get("id-ref"):
                referred = cib.by_id(one.get("id-ref", ""))
                holder = one if referred is None else referred
            if holder.find("rule") is not None:
                continue
            for pair in holder.iterfind("nvpair"):
                found.setdefault(pair.get("name", ""), pair.get("value", ""))
    return found


def _banned(cib: Cib, device: str) -> Iterator[str]:
    section = cib.section("constraints")
    for one in () if section is None else section.iterfind("rsc_location"):
        forbids = parse_score(one.get("score")) <= -INFINITY
        if one.get("rsc") == device and one.get("node") and forbids:
            yield one.get("node", "")
