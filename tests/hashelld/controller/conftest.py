"""A cluster in one process: the real components of several nodes, one CIB, a clock that jumps.

Only the engine, the disk and the agents are made up: writes are ordered by arrival, agents answer
what a table of resources says, and graphs come from whichever scheduler is there.
"""

from __future__ import annotations

import heapq
import importlib
import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hashell.agents.find import AgentMissing
from hashell.cib.document import Cib
from hashell.cib.transaction import commit
from hashell.errors import HashellError
from hashell.transition.xml import graph_to_xml
from hashell.values.agent_names import AgentName
from hashelld.alerts.core import Alerts
from hashelld.attribute_manager.core import AttributeManager
from hashelld.controller.core import Controller
from hashelld.core.dispatch import Dispatcher, MulticastWanted, SendWanted
from hashelld.core.effects import (
    AgentEnded,
    AskScheduler,
    CancelTimer,
    Exit,
    KillAgent,
    Log,
    ReadyScheduler,
    Reply,
    RunAgent,
    StartTimer,
    StoreValue,
)
from hashelld.core.events import (
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    Event,
    GraphReady,
    Leaving,
    Member,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    Started,
    View,
)
from hashelld.executor.core import Executor
from hashelld.fencer.core import Fencer
from hashelld.node import HEARD_BY
from hashelld.remote.core import Remotes
from hashelld.remote.links import (
    DialFailed,
    DialRemote,
    LinkDown,
    LinkUp,
    NameKnown,
    RemoteClose,
    RemoteSend,
    WordCame,
)
from hashelld.remote.side import RemoteSide
from hashelld.remote_node import HEARD_BY as HEARD_BY_REMOTE
from hashelld.settings import Settings

EPOCH_S = 1_700_000_000.0
METADATA = b"""<resource-agent name="Fake" version="1.1"><parameters>
<parameter name="fake" reloadable="1"><content type="string"/></parameter>
<parameter name="state"><content type="string"/></parameter></parameters>
<actions><action name="reload-agent"/><action name="monitor"/></actions></resource-agent>"""


class Edge:
    """Catches what components ask of the engine and the CIB manager."""

    def __init__(self, name: str, catch: Callable[[Event], None]) -> None:
        self.name = name
        self._catch = catch

    def receive(self, event: Event, now_ms: int, wall_s: float) -> list[Any]:
        self._catch(event)
        return []


@dataclass
class Node:
    name: str
    number: int
    dispatcher: Dispatcher
    boot: int = 1
    up: bool = True
    timers: dict[tuple[str, str], int] = field(default_factory=dict)
    agents: dict[tuple[str, str], int] = field(default_factory=dict)
    left: Leaving | None = None

    @property
    def controller(self) -> Controller:
        return self.dispatcher.components["controller"]  # type: ignore[return-value]


class Cluster:
    """Nodes, a CIB, a clock. `active[resource]` are the nodes where a resource's process lives."""

    def __init__(self, names: Iterable[str], cib: str, folder: Path, scheduler: Any) -> None:
        self.cib = Cib.parse(cib)
        self.folder = folder
        self.scheduler = scheduler
        self.now_ms = 0
        self.nodes: dict[str, Node] = {}
        self.active: dict[str, set[str]] = {}
        self.promoted: dict[str, set[str]] = {}
        self.broken: dict[tuple[str, str, str], int] = {}
        self.hangs: set[tuple[str, str, str]] = set()
        self.calls: list[tuple[str, str, str]] = []
        self.fenced: list[tuple[str, str]] = []
        self.dead: set[str] = set()
        self.log: list[str] = []
        self.told: list[tuple[str, Event]] = []
        self.replies: list[tuple[int, Any]] = []
        self.summaries: list[str] = []
        #: Nodes whose scheduler process is warm for a configuration (its epochs).
        self.tried: list[tuple[str, str]] = []
        self.view = View(0, ())
        self.refuse_writes = False
        self._heap: list[tuple[int, int, str, str, Event]] = []
        self._serial = itertools.count()
        self._cancelled: set[int] = set()
        self.links: dict[int, tuple[str, str]] = {}
        for number, name in enumerate(names, 1):
            self.nodes[name] = self._make(name, number)
        for name in self.nodes:
            self._deliver(name, "", Started(name, "test", self.cib))

    def _make(self, name: str, number: int) -> Node:
        settings = Settings(
            "test", name, self.folder / name, self.folder / name / "run", self.folder / "key"
        )
        components = [
            Edge("engine", lambda event: self._engine(name, event)),
            Edge("cib_manager", lambda event: self._manager(name, event)),
            AttributeManager(settings), Controller(settings), Fencer(settings, self._resolve),
            Executor(settings, self._resolve), Remotes(settings), Alerts(settings),
            Edge("ipc", lambda event: self.told.append((name, event))),
        ]
        return Node(name, number, Dispatcher(components, HEARD_BY))

    def add_remote(self, name: str, boot: int = 1) -> None:
        """A machine that waits for somebody to connect to it; also for a new life of it."""
        settings = Settings(
            "remote", name, self.folder / name, self.folder / name / "run", self.folder / "key"
        )
        parts = [RemoteSide(settings, node=name), Executor(settings, self._resolve)]
        self.nodes[name] = Node(name, 0, Dispatcher(parts, HEARD_BY_REMOTE), boot)

    @staticmethod
    def _resolve(agent: AgentName) -> str:
        if agent.type == "Missing":
            raise AgentMissing(f"no agent {agent} is installed here")
        return f"/fake/{agent}"

    # --- time -----------------------------------------------------------------------------------

    def _later(self, delay_ms: int, node: str, component: str, event: Event) -> int:
        serial = next(self._serial)
        heapq.heappush(self._heap, (self.now_ms + delay_ms, serial, node, component, event))
        return serial

    def _deliver(self, node: str, component: str, event: Event) -> None:
        one = self.nodes[node]
        if not one.up:
            return
        wall = EPOCH_S + self.now_ms / 1000
        for name, effect in one.dispatcher.deliver(component, event, self.now_ms, wall):
            self._perform(one, name, effect)

    def run(self, seconds: float = 30.0) -> None:
        """Let time pass."""
        end = self.now_ms + int(seconds * 1000)
        steps = 0
        while self._heap and self._heap[0][0] <= end:
            steps += 1
            assert steps < 200_000, "the cluster never comes to rest"
            self.now_ms, serial, node, component, event = heapq.heappop(self._heap)
            one = self.nodes[node]
            if isinstance(event, AgentEnded):
                if one.agents.pop((component, event.token), None) is None:
                    continue
            elif component and (waiting := self._timer_of(one, component, serial)) is not None:
                del one.timers[waiting]
            elif component and serial in self._cancelled:
                continue
            self._deliver(node, component, event)
        self.now_ms = end

    @staticmethod
    def _timer_of(node: Node, component: str, serial: int) -> tuple[str, str] | None:
        return next((k for k, v in node.timers.items() if v == serial and k[0] == component), None)

    # --- effects --------------------------------------------------------------------------------

    def _perform(self, node: Node, component: str, effect: Any) -> None:
        match effect:
            case StartTimer(name, delay_ms, event):
                self._perform(node, component, CancelTimer(name))
                node.timers[component, name] = self._later(delay_ms, node.name, component, event)
            case CancelTimer(name):
                old = node.timers.pop((component, name), None)
                if old is not None:
                    self._cancelled.add(old)
            case RunAgent():
                self._agent(node, component, effect)
            case KillAgent(token):
                if node.agents.pop((component, token), None) is not None:
                    node.agents[component, token] = self._later(0, node.name, component, AgentEnded(
                        token, 137, False, True, b"", b"", 0
                    ))
            case DialRemote(dial, host):
                self._dial(node, dial, host)
            case RemoteSend(link, word):
                ends = self.links.get(link, ())
                for other in ends:
                    if other != node.name:
                        self._later(1, other, "remote", WordCame(link, word))
            case RemoteClose(link):
                self._cut(link, node.name)
            case Exit():
                self.kill(node.name)
            case NameKnown():
                pass
            case ReadyScheduler(cib):
                if cib:
                    self.tried.append((node.name, str(Cib.parse(cib).version).rpartition(".")[0]))
            case AskScheduler():
                self._later(20, node.name, component, self.scheduler(self, effect))
            case StoreValue():
                pass
            case Reply(client, body):
                self.replies.append((client, body))
            case Log(level, text):
                self.log.append(f"{level}: {node.name}/{component}: {text} {effect.fields or ''}")
                assert level != "error" or "traceback" not in effect.fields, effect.fields["traceback"]
            case _:
                raise AssertionError(f"nobody performs {effect}")

    def _dial(self, node: Node, dial: int, host: str) -> None:
        other = self.nodes.get(host)
        if other is None or not other.up:
            self._later(1, node.name, "remote", DialFailed(dial, "connection refused"))
            return
        link = next(self._serial)
        self.links[link] = (node.name, host)
        self._later(1, host, "remote", LinkUp(link, 0, node.name))
        self._later(1, node.name, "remote", LinkUp(link, dial))

    def _cut(self, link: int, by: str) -> None:
        """`by` hears nothing of it: it did it itself, or is dead."""
        for other in self.links.pop(link, ()):
            if other != by:
                self._later(2, other, "remote", LinkDown(link, "closed"))

    def cut_links(self, name: str) -> None:
        """All links of a node end, and both sides live."""
        for link, ends in list(self.links.items()):
            if name in ends:
                self._cut(link, "")

    def _agent(self, node: Node, component: str, effect: RunAgent) -> None:
        path = effect.program
        resource = effect.environment.get("OCF_RESOURCE_INSTANCE", "")
        action = effect.arguments[-1] if effect.arguments else ""
        if component == "alerts":
            self.calls.append((node.name, path, effect.environment["CRM_alert_kind"]))
            self._ends(node, component, effect, 0)
        elif action == "meta-data":
            self._ends(node, component, effect, 0, stdout=METADATA)
        elif path.startswith("/fake/stonith:"):
            self._fence_agent(node, component, effect, path.partition(":")[2])
        elif (node.name, resource, action) in self.hangs:
            self.calls.append((node.name, resource, action))
            self._ends(node, component, effect, 143, effect.timeout_ms, timed_out=True)
        else:
            self.calls.append((node.name, resource, action))
            self._ends(node, component, effect, self._act(node.name, resource, action), 5)

    def _act(self, node: str, resource: str, action: str) -> int:
        here, up = self.active.setdefault(resource, set()), self.promoted.setdefault(resource, set())
        broken = self.broken.get((node, resource, action))
        if broken is not None:
            return broken
        match action:
            case "start" | "migrate_from":
                here.add(node)
            case "stop" | "migrate_to":
                here.discard(node)
                up.discard(node)
            case "promote":
                up.add(node)
            case "demote":
                up.discard(node)
            case "monitor":
                return (8 if node in up else 0) if node in here else 7
        return 0

    def _fence_agent(self, node: Node, component: str, effect: RunAgent, kind: str) -> None:
        words = dict(line.split("=", 1) for line in effect.stdin.decode().splitlines())
        action, target = words["action"], words.get("nodename", "")
        self.fenced.append((f"{kind}:{action}", target))
        if action in ("off", "reboot") and (node.name, kind, action) not in self.broken:
            self.kill(target)
        code = self.broken.get((node.name, kind, action), 0)
        if (node.name, kind, action) in self.hangs:
            self._ends(node, component, effect, 143, effect.timeout_ms, timed_out=True)
        else:
            self._ends(node, component, effect, code, 50, stderr=b"it does not work" if code else b"")

    def _ends(
        self, node: Node, component: str, effect: RunAgent, code: int, after_ms: int = 1,
        stdout: bytes = b"", stderr: bytes = b"", timed_out: bool = False,
    ) -> None:
        ended = AgentEnded(effect.token, code, timed_out, False, stdout, stderr, after_ms)
        assert (component, effect.token) not in node.agents, "a token runs once"
        node.agents[component, effect.token] = self._later(after_ms, node.name, component, ended)

    # --- engine and CIB manager -----------------------------------------------------------------

    def _engine(self, name: str, event: Event) -> None:
        match event:
            case MulticastWanted(topic, payload):
                for member in self.view.names:
                    self._later(1, member, topic.partition(".")[0], MessageOrdered(
                        self.view.number, next(self._serial), name, topic, payload
                    ))
            case SendWanted(to, topic, payload):
                if to in self.view.names:
                    self._later(1, to, topic.partition(".")[0], MessageDirect(
                        self.view.number, name, topic, payload
                    ))
            case Leaving():
                self.nodes[name].left = event

    def _manager(self, name: str, event: Event) -> None:
        if not isinstance(event, ChangeWanted):
            return
        if self.refuse_writes:
            self._later(1, name, "", ChangeAnswered(event.request, "", "no-quorum", "not now"))
            return
        before = self.cib
        try:
            done = commit(before, event.operations)
        except HashellError as error:
            self.log.append(f"refused write of {name}: {error}")
            self._later(1, name, "", ChangeAnswered(event.request, "", error.id, error.message))
            return
        if done.changed:
            from lxml import etree

            self.cib = done.after
            changed = CibChanged(
                before, done.after, etree.tostring(done.patch), event.author,
                done.configuration_changed,
            )
            for member in self.view.names:
                self._later(1, member, "", changed)
        self._later(2, name, "", ChangeAnswered(event.request, str(self.cib.version)))

    # --- what happens to it ---------------------------------------------------------------------

    def meet(self, *names: str, quorate: bool = True, left: Iterable[str] = ()) -> None:
        """A new view of these nodes, in rank order; who is missing was lost unless it `left`."""
        old = set(self.view.names)
        self.view = View(
            self.view.number + 1,
            tuple(self._member(self.nodes[name]) for name in names),
            joined=tuple(n for n in names if n not in old),
            left=tuple(left), lost=tuple(sorted(old - set(names) - set(left))), quorate=quorate,
        )
        for name in names:
            self._later(0, name, "", MembersChanged(self.view))

    @staticmethod
    def _member(node: Node) -> Member:
        return Member(node.number, node.name, f"uuid-{node.name}", node.boot)

    def kill(self, name: str) -> None:
        """The whole machine dies, resources with it; its peers notice a second later."""
        if self.nodes[name].up:
            self.crash(name)
        for places in (*self.active.values(), *self.promoted.values()):
            places.discard(name)

    def crash(self, name: str) -> None:
        """Only the daemon dies: its resources run on."""
        self.nodes[name].up = False
        for link, ends in list(self.links.items()):
            if name in ends:
                self._cut(link, name)

    def restart(self, name: str) -> None:
        """A new life of a daemon."""
        old = self.nodes[name]
        self.nodes[name] = replace(
            self._make(name, old.number), boot=old.boot + 1
        )
        self._deliver(name, "", Started(name, "test", self.cib))

    def change(self, kind: str, xml: str = "", path: str = "") -> None:
        """Somebody changes the CIB."""
        from hashelld.core.events import Author, CibOperation

        self._manager(self.view.names[0], ChangeWanted(
            (CibOperation(kind, xml.encode(), path),), Author("root", "x")
        ))

    def tell(self, node: str, event: Event) -> None:
        """Some event from outside."""
        self._later(0, node, "", event)

    # --- looking --------------------------------------------------------------------------------

    @property
    def dc(self) -> Controller:
        return self.nodes[self.view.dc].controller

    def where(self, resource: str) -> set[str]:
        return set(self.active.get(resource, set()))

    def attribute(self, node: str, name: str) -> str | None:
        for pair in self.cib.root.iterfind(
            f"status/node_state[@uname='{node}']/transient_attributes/instance_attributes/nvpair"
        ):
            if pair.get("name") == name:
                return pair.get("value")
        return None

    def entry(self, node: str, name: str) -> dict[str, str]:
        found = self.cib.root.xpath(
            f"status/node_state[@uname='{node}']//lrm_rsc_op[@id='{name}']"
        )
        return dict(found[0].attrib) if found else {}


def crm_simulate(cluster: Cluster, ask: AskScheduler) -> GraphReady:
    """Graphs by Pacemaker's own tool."""
    source, target = cluster.folder / "in.xml", cluster.folder / "out.xml"
    source.write_bytes(ask.cib)
    when = datetime.fromtimestamp(ask.now_s, UTC)
    done = subprocess.run(
        ["crm_simulate", "-x", source, "-R", "-G", target, "-t", f"{when:%Y-%m-%d %H:%M:%S}Z"],
        capture_output=True, check=False, timeout=30,
    )
    if done.returncode:
        return GraphReady(ask.request, b"", error=done.stderr.decode()[:500])
    cluster.summaries.append(done.stdout.decode())
    graph = target.read_bytes().replace(
        b'transition_id="0"', f'transition_id="{ask.transition_id}"'.encode()
    )
    return GraphReady(ask.request, graph)


def own_scheduler(cluster: Cluster, ask: AskScheduler) -> GraphReady:
    """Graphs by hashell."""
    decide = importlib.import_module("hashell.simulate.run").decide
    decision = decide(Cib.parse(ask.cib), ask.now_s, ask.transition_id)
    cluster.summaries.append("\n".join(decision.summary))
    return GraphReady(
        ask.request, graph_to_xml(decision.graph), recheck_at_s=decision.recheck_at
    )


def _schedulers() -> list[Any]:
    found = []
    missing = pytest.mark.skip(reason="crm_simulate is not installed")
    found.append(pytest.param(
        crm_simulate, id="crm_simulate", marks=() if shutil.which("crm_simulate") else missing
    ))
    if importlib.util.find_spec("hashell.simulate.run"):
        found.append(pytest.param(own_scheduler, id="hashell"))
    return found


@pytest.fixture(params=_schedulers())
def make_cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Cluster]:
    """make_cluster("resources XML", nodes=3, options={...}) → a cluster that has met."""

    def make(
        resources: str, *, nodes: int = 3, options: dict[str, str] | None = None,
        constraints: str = "", meet: bool = True, more: str = "",
    ) -> Cluster:
        names = [f"node{number}" for number in range(1, nodes + 1)]
        pairs = "".join(
            f'<nvpair id="o-{n}" name="{n}" value="{v}"/>'
            for n, v in {"stonith-enabled": "false", **(options or {})}.items()
        )
        cib = (
            '<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9" epoch="1"'
            ' num_updates="0" admin_epoch="0"><configuration><crm_config>'
            f'<cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set>'
            f"</crm_config><nodes/><resources>{resources}</resources>"
            f"<constraints>{constraints}</constraints>{more}</configuration><status/></cib>"
        )
        made = Cluster(names, cib, tmp_path, request.param)
        if meet:
            made.meet(*names)
            made.run(10)
        return made

    return make
