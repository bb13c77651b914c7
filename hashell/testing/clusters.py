"""Small clusters: a CIB in a few words, what is decided for it, and how it is once that is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from hashell.cib.document import Cib
from hashell.scheduler.explain import PromotionLine, ScoreLine
from hashell.scheduler.schedule import Wanted
from hashell.simulate.run import Decision, decide, walk

NOW_S = 1_704_067_200
UP = 'in_ccm="true" crmd="online" join="member" expected="member"'
DOWN = 'in_ccm="false" crmd="offline" join="down" expected="member"'
#: More steps than any of these clusters needs to come to rest.
STEPS = 8


def pairs(tag: str, ident: str, values: Mapping[str, str]) -> str:
    """A set of nvpairs; underscores in names stand for hyphens."""
    inside = "".join(
        f'<nvpair id="{ident}-{n}" name="{name.replace("_", "-")}" value="{value}"/>'
        for n, (name, value) in enumerate(values.items())
    )
    return f'<{tag} id="{ident}">{inside}</{tag}>' if values else ""


def primitive(ident: str, inside: str = "", agent: str = "Dummy", **meta: str) -> str:
    return (
        f'<primitive id="{ident}" class="ocf" provider="heartbeat" type="{agent}">'
        f'{pairs("meta_attributes", f"{ident}-meta", meta)}{inside}</primitive>'
    )


def device(ident: str = "fence") -> str:
    return f'<primitive id="{ident}" class="stonith" type="fence_dummy"/>'


def group(ident: str, *members: str, **meta: str) -> str:
    return f'<group id="{ident}">{pairs("meta_attributes", f"{ident}-meta", meta)}{"".join(members)}</group>'


def clone(ident: str, inside: str, **meta: str) -> str:
    return f'<clone id="{ident}">{pairs("meta_attributes", f"{ident}-meta", meta)}{inside}</clone>'


def operation(resource: str, name: str, interval: str = "0", **more: str) -> str:
    words = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
    ident = f"{resource}-{name}-{interval}"
    return f'<operations><op id="{ident}" name="{name}" interval="{interval}"{words}/></operations>'


@dataclass(frozen=True)
class Cluster:
    """What is configured, and the status section as it has become.

    `more` stands behind the constraints: tags, defaults. Without `status` all nodes are up but those that are `down`.
    """

    resources: str = ""
    constraints: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    nodes: tuple[str, ...] = ("node1", "node2", "node3")
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    capacity: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    more: str = ""
    down: tuple[str, ...] = ()
    quorum: str = "1"
    status: str = ""
    now_s: int = NOW_S

    def cib(self) -> Cib:
        options = {"fencing_enabled": "false", **self.options}
        nodes = "".join(
            f'<node id="{n + 1}" uname="{name}">'
            f'{pairs("instance_attributes", f"{name}-attributes", self.attributes.get(name, {}))}'
            f'{pairs("utilization", f"{name}-capacity", self.capacity.get(name, {}))}</node>'
            for n, name in enumerate(self.nodes)
        )
        status = self.status or "".join(
            f'<node_state id="{n + 1}" uname="{name}" {DOWN if name in self.down else UP}/>'
            for n, name in enumerate(self.nodes)
        )
        return Cib.parse((
            f'<cib have-quorum="{self.quorum}" dc-uuid="1" validate-with="pacemaker-4.0"><configuration><crm_config>'
            f'{pairs("cluster_property_set", "options", options)}</crm_config><nodes>{nodes}</nodes>'
            f"<resources>{self.resources}</resources><constraints>{self.constraints}</constraints>{self.more}"
            f"</configuration><status>{status}</status></cib>"
        ).encode())

    def decide(self, **wanted: bool) -> Decision:
        return decide(self.cib(), self.now_s, 1, Wanted(**wanted))

    def changes(self) -> list[str]:
        """The lines of the summary, with single spaces."""
        return [" ".join(line.split()) for line in self.decide().summary]

    def tasks(self) -> list[str]:
        """What is in the graph, as keys at nodes, in order of ids."""
        actions = sorted((synapse.action for synapse in self.decide().graph.synapses), key=lambda one: one.id)
        return [f"{action.key}@{action.node}" for action in actions]

    def placements(self) -> dict[str, str]:
        return dict(self.decide().schedule.placements)

    def score(self, resource: str, node: str) -> int:
        """The last points of a resource on a node that are shown."""
        lines = [
            line for line in self.decide(scores=True).schedule.lines
            if isinstance(line, ScoreLine | PromotionLine) and (line.resource, line.node) == (resource, node)
        ]
        return lines[-1].score

    def but(self, **changed: Any) -> Cluster:
        """The same cluster with something changed; its history stays."""
        return replace(self, **changed)

    def settled(self) -> Cluster:
        """The same cluster when all that is to be done has been done."""
        now = self
        for _ in range(STEPS):
            decision = now.decide()
            if not decision.graph.synapses:
                return now
            result = walk(decision, clock_s=self.now_s - 1000)
            now = replace(now, status=_inner(result.cib.status))
        raise AssertionError("the cluster finds no rest")

    def with_status(self, old: str, new: str) -> Cluster:
        """The status section rewritten."""
        status = self.status or _inner(self.cib().status)
        assert old in status, status
        return replace(self, status=status.replace(old, new))

    def with_attribute(self, node: str, name: str, value: str) -> Cluster:
        """A transient attribute of a node."""
        number = self.nodes.index(node) + 1
        cib = self.cib()
        root = cib.copy_root()
        (state,) = (one for one in root.iterfind("status/node_state") if one.get("uname") == node)
        holder = state.find("transient_attributes/instance_attributes")
        if holder is None:
            above = state.makeelement("transient_attributes", id=str(number))
            state.insert(0, above)
            holder = above.makeelement("instance_attributes", id=f"status-{number}")
            above.append(holder)
        holder.append(holder.makeelement("nvpair", id=f"status-{number}-{name}", name=name, value=value))
        return replace(self, status=_inner(root.find("status")))


def _inner(element: etree._Element | None) -> str:
    assert element is not None
    return "".join(etree.tostring(child, encoding="unicode") for child in element)
