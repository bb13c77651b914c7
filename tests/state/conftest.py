"""Clusters for the tests of the state: a CIB in a few words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hashell.cib.document import Cib
from hashell.state.cluster_state import ClusterState, read_cluster_state

NOW_S = 1_704_067_200
UUID = "2668bbeb-0000-0000-0000-000000000000"


class Cluster:
    """Writes a CIB: options, nodes with their states and histories, resources."""

    def __init__(self) -> None:
        self.options: dict[str, str] = {"fencing-enabled": "false"}
        self.resources = ""
        self.defaults = ""
        self.quorum = "1"
        self._nodes: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._attributes: dict[str, dict[str, str]] = {}
        self._histories: dict[str, dict[str, list[str]]] = {}

    def node(self, name: str, state: str | None = 'in_ccm="1" crmd="1" join="member" expected="member"',
             **attributes: str) -> None:
        """A node; without a state it has never been seen."""
        self._nodes[name] = f'<node id="id-{name}" uname="{name}"/>'
        if state is not None:
            self.state(name, f'id="id-{name}" {state}')
        self._attributes[name] = {
            (key if "#" in key else key.replace("_", "-")): value for key, value in attributes.items()
        }

    def state(self, name: str, attributes: str) -> None:
        """A node state, also of a remote node."""
        self._states[name] = attributes
        self._attributes.setdefault(name, {})

    def ran(self, node: str, resource: str, task: str, rc: int = 0, *, call: int | None = None, interval: int = 0,
            expected: int | None = None, status: int | None = None, ident: str = "", when: int = NOW_S - 1000,
            **more: str) -> None:
        """Record an operation; what was expected is the usual answer, the call id counts on.

        `resource` may be followed by a bar and more attributes of its history.
        """
        entries = self._histories.setdefault(node, {}).setdefault(resource, [])
        resource = resource.partition("|")[0]
        if expected is None:
            expected = 7 if task == "monitor" and interval == 0 and rc == 7 else 0
        if status is None:
            status = 0 if rc == expected else 4
        call = len(entries) + 1 if call is None else call
        name = ident or f"{resource}_{task}_{interval}"
        words = {
            "id": name, "operation": task, "operation_key": f"{resource}_{task}_{interval}", "interval": str(interval),
            "call-id": str(call), "rc-code": str(rc), "op-status": str(status), "on_node": node,
            "last-rc-change": str(when), "transition-key": f"1:1:{expected}:{UUID}",
            "transition-magic": f"{status}:{rc};1:{call}:{expected}:{UUID}",
            **{key.replace("_", "-") if not key.startswith("migrate") else key: value for key, value in more.items()},
        }
        entries.append("<lrm_rsc_op " + " ".join(f'{k}="{v}"' for k, v in words.items()) + "/>")

    def cib(self) -> Cib:
        options = "".join(f'<nvpair id="o-{k}" name="{k}" value="{v}"/>' for k, v in self.options.items())
        states = []
        for name, attributes in self._states.items():
            pairs = "".join(
                f'<nvpair id="t-{name}-{i}" name="{k}" value="{v}"/>'
                for i, (k, v) in enumerate(self._attributes[name].items())
            )
            history = "".join(
                f'<lrm_resource id="{resource.partition("|")[0]}" class="ocf" provider="heartbeat" type="Dummy"'
                f' {resource.partition("|")[2]}>{"".join(entries)}</lrm_resource>'
                for resource, entries in self._histories.get(name, {}).items()
            )
            states.append(
                f'<node_state uname="{name}" {attributes}><transient_attributes id="t-{name}">'
                f'<instance_attributes id="i-{name}">{pairs}</instance_attributes></transient_attributes>'
                f'<lrm id="l-{name}"><lrm_resources>{history}</lrm_resources></lrm></node_state>'
            )
        text = (
            f'<cib have-quorum="{self.quorum}" dc-uuid="id-a"><configuration>'
            f'<crm_config><cluster_property_set id="c">{options}</cluster_property_set></crm_config>'
            f'<nodes>{"".join(self._nodes.values())}</nodes>'
            f"<resources>{self.resources}</resources><constraints/><rsc_defaults>{self.defaults}</rsc_defaults>"
            f'</configuration><status>{"".join(states)}</status></cib>'
        )
        return Cib.parse(text.encode())

    def read(self, now_s: int = NOW_S) -> ClusterState:
        return read_cluster_state(self.cib(), now_s)


def meta(ident: str, **values: str) -> str:
    pairs = "".join(
        f'<nvpair id="{ident}-{name}" name="{name.replace("_", "-")}" value="{value}"/>'
        for name, value in values.items()
    )
    return f'<meta_attributes id="{ident}">{pairs}</meta_attributes>'


def primitive(ident: str, inner: str = "", agent: str = 'class="ocf" provider="heartbeat" type="Dummy"',
              **values: str) -> str:
    return f'<primitive id="{ident}" {agent}>{meta(f"{ident}-meta", **values) if values else ""}{inner}</primitive>'


@pytest.fixture
def cluster() -> Cluster:
    """Two nodes, a and b, both online; a is the DC."""
    made = Cluster()
    made.node("a")
    made.node("b")
    return made


@pytest.fixture
def write() -> tuple[Callable[..., str], Callable[..., str]]:
    """The functions that write a primitive and a set of meta-attributes."""
    return primitive, meta
