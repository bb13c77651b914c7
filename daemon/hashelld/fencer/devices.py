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


@dataclass(frozen=True, slots=True)
class Device:
    """One stonith primitive. `banned` are nodes that a location constraint keeps it from."""

    id: str
    agent: AgentName
    parameters: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    enabled: bool = True
    banned: frozenset[str] = frozenset()

    @property
    def check(self) -> str:
        """How to learn whom it can fence: static-list, dynamic-list, status or none."""
        return stonith.host_check(self.parameters)

    def lists(self, target: str) -> bool:
        """Whether the configuration itself names a node."""
        return target in stonith.host_list(self.parameters) or target in stonith.host_ports(
            self.parameters
        )

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
        top = interval_ms(self.parameters.get("pcmk_delay_max"))
        if top <= base:
            return base
        draw = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big")
        return base + draw % (top - base + 1)


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
    device: Device, target: str, here: str, members: Collection[str], running: Collection[str]
) -> tuple[str, ...]:
    """Members that may run the device, best first: where it runs, this node, the others.

    The target itself comes last, and only when it is alone: who kills itself cannot tell.
    """
    fit = [name for name in members if name not in device.banned and name != target]
    if not fit and list(members) == [target]:
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
