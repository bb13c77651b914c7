"""Cluster: nodes made of the real components on simulated networks, disks, clocks and machines.

A *whole* cluster has all components that decide; otherwise the engine and the CIB manager alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from hashell.errors import HashellError
from hashell.simulate.run import decide
from hashell.transition.xml import graph_to_xml
from hashell.values.agent_names import AgentName
from hashell.values.feature_set import FEATURE_SET
from hashelld.attribute_manager.core import AttributeManager
from hashelld.cib_manager.core import CibManager
from hashelld.cib_manager.records import newest_view
from hashelld.controller.core import Controller
from hashelld.core.component import Component
from hashelld.core.dispatch import Dispatcher
from hashelld.core.effects import (
    AgentEnded,
    Archive,
    AskScheduler,
    CancelTimer,
    Effect,
    Exit,
    JournalAppend,
    KillAgent,
    Log,
    ReadyScheduler,
    Reply,
    RunAgent,
    StartTimer,
    Store,
    StoreValue,
)
from hashelld.core.events import (
    Author,
    ChangeAnswered,
    ChangeWanted,
    CibOperation,
    Event,
    GraphReady,
    Leaving,
    MembersChanged,
    ServicesKilled,
    ShutdownWanted,
    Started,
    WatchdogReady,
)
from hashelld.engine.engine import Me
from hashelld.engine.mesh import beats, pulse
from hashelld.engine.mesh.core import MeshEngine
from hashelld.engine.mesh.links import Dial, HeartbeatPort, LinkClose, LinkSend, TellHeartbeat
from hashelld.engine.mesh.roster import is_begun
from hashelld.engine.mesh.state import remembered
from hashelld.executor.core import Executor
from hashelld.fencer.core import Fencer
from hashelld.node import HEARD_BY
from hashelld.settings import Settings, make
from hashelld.simulation.disk import Disk
from hashelld.simulation.documents import SharedDocuments
from hashelld.simulation.heart import Heart
from hashelld.simulation.machines import Machines
from hashelld.simulation.network import Network
from hashelld.simulation.world import Due, World
from hashelld.watchdog.core import Watchdog
from hashelld.watchdog.words import Arm, Disarm, EndNode, Feed, KillServices

#: Seconds since 1970 at the simulated time 0.
EPOCH_S = 1.6e9
#: Milliseconds of killing the processes of all services.
KILL_MS = (1.0, 20.0)
#: Milliseconds of a decision.
DECIDE_MS = (3.0, 40.0)
_HERE = Path("/nowhere")
#: Tag and key, as a node with one cluster key has them.
HEARTBEAT_KEYS = ((b"sim-key-", b"k" * 32),)

Hear = Callable[[str, Event], None]
TimerKey = tuple[str, str]


class Watcher:
    """A component in the place of `ipc`, which only tells the checkers what its node hears."""

    name = "ipc"

    def __init__(self, node: str, hear: Hear) -> None:
        self._node = node
        self._hear = hear

    def receive(self, event: Event, now_ms: int, wall_s: float) -> list[Effect]:
        self._hear(self._node, event)
        return []


def _resolve(agent: AgentName) -> str:
    return f"/agents/{agent}"


class Node:
    """One node over all its lives."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.disk = Disk(cluster.world)
        self.up = False
        self.paused = False
        self.failed = ""
        self.life = 0
        #: The wall clock is off by so much, the other one is that much too fast.
        self.wall_offset_s = 0.0
        self.rate = 1.0
        #: Its wall clock gains so much, in seconds a second.
        self.wall_drift = 0.0
        #: Settings of this node alone.
        self.options: dict[str, object] = {}
        #: What its next life can do.
        self.feature_set = FEATURE_SET
        #: Crash in the middle of what this many more events lead to; below 0: not.
        self.crash_in = -1
        self._waiting: list[tuple[str, Event]] = []
        self._timers: dict[TimerKey, Due] = {}
        self.dispatcher: Dispatcher | None = None
        self.heart: Heart | None = None
        self._watchdog_ms = 0
        #: Those of the last life, with the options that they were made of.
        self._settings: tuple[dict[str, object], Settings] | None = None
        #: That of this life; of the last one while the node is down.
        self.cib_manager: CibManager

    def _component(self, name: str) -> Component:
        assert self.dispatcher is not None, f"{self.name} is down"
        return self.dispatcher.components[name]

    @property
    def engine(self) -> MeshEngine:
        return cast(MeshEngine, self._component("engine"))

    @property
    def controller(self) -> Controller:
        return cast(Controller, self._component("controller"))

    @property
    def has_heard(self) -> bool:
        """Its disk tells of a cluster that was begun."""
        return is_begun(remembered(self.disk.values)[1])

    @property
    def belongs(self) -> bool:
        """It is in one, though its disk may not tell yet."""
        return self.up and self.engine.is_begun

    def start(self) -> None:
        assert not self.up
        disk, cluster = self.disk, self.cluster
        disk.boot += 1
        self.up, self.life, self.crash_in = True, self.life + 1, -1
        settings = self._settings_now()
        records = disk.records
        ballot = disk.values.get("ballot", b"0")
        applied = disk.lineage.get("applied") or [0]
        highest = max(int(ballot), int(applied[0]), newest_view(records))
        values = {**disk.values, "ballot": str(highest).encode()}
        cib = cluster.documents.parse(disk.cib, "the CIB on disk")
        self.cib_manager = CibManager(self.name, disk.boot, cib, disk.lineage, records, cluster.documents)
        me = Me(self.name, f"uuid-{self.name}-{disk.identity}", disk.boot, "sim", self.feature_set)
        components: list[Component] = [
            MeshEngine(settings, me, values),
            self.cib_manager,
            Watcher(self.name, cluster.heard),
        ]
        if cluster.whole and not settings.arbiter:
            components += [
                AttributeManager(settings), Controller(settings), Fencer(settings, _resolve, disk.values),
                Executor(settings, _resolve), Watchdog(settings),
            ]
        self.dispatcher = Dispatcher(components, HEARD_BY)
        self.feed("", Started(self.name, "sim", cib))
        self._watchdog_ms = settings.watchdog_timeout_ms
        if cluster.whole and self.up:
            self.feed("", WatchdogReady(self._watchdog_ms if cluster.watchdogs else 0))
        if cluster.hearts and self.up:
            self.feed("engine", HeartbeatPort(1))
            ident = beats.mark(self.name, f"uuid-{self.name}-{disk.identity}")
            self._begin_to_beat(pulse.Configure(
                ident, disk.boot, HEARTBEAT_KEYS, settings.heartbeat_ms, settings.detect_ms, settings.jitter_cap_ms,
                settings.stall_limit_ms, settings.stall_action == "kill",
            ))

    def _settings_now(self) -> Settings:
        cluster = self.cluster
        if self._settings is None or self._settings[0] != self.options:
            self._settings = dict(self.options), make({
                "cluster": "sim", "node": self.name, "state_dir": _HERE, "run_dir": _HERE, "key": _HERE,
                "peers": tuple((name, 1) for name in cluster.names if name != self.name),
                "expect": len(cluster.names), "zeroconf": False, "port": 1,
                # Lives are short: who flaps waits, but not for minutes.
                "flap_delay_max_ms": 1000, "arbiter": self.name in cluster.arbiters, **cluster.options,
                **self.options,
            })
        return self._settings[1]

    def _begin_to_beat(self, configure: pulse.Configure) -> None:
        cluster, life = self.cluster, self.life

        def feed(event: Event) -> None:
            if life == self.life:
                self.feed("engine", event)

        def kill() -> None:
            if self.up and life == self.life:
                self.crash()

        self.heart = Heart(
            cluster.world, configure, self.rate,
            lambda to, data: cluster.network.datagram(self.name, to, data), feed, kill,
        )
        self.heart.start()

    def crash(self, *, power: bool = False, politely: bool = False) -> None:
        """As kill -9, and a power cut for the disk. With `power` nobody hears its connections end; `politely`: the
        daemon ended by itself."""
        if self.heart:
            if power:
                self.heart.cut_off()
            else:
                self.heart.bereaved(politely=politely)
            self.heart = None
        self.up, self.paused, self.crash_in = False, False, -1
        self._waiting.clear()
        for due in self._timers.values():
            self.cluster.world.cancel(due)
        self._timers.clear()
        if power:
            self.cluster.network.vanish(self.name)
        else:
            self.cluster.network.crash(self.name)
        self.disk.crash()
        self.dispatcher = None

    def pause(self, *, whole: bool = True) -> None:
        """The machine stands still; not `whole`: the daemon alone, its heart beats on."""
        self.paused = True
        if whole and self.heart:
            self.heart.freeze()

    def resume(self) -> None:
        self.paused = False
        if self.heart and self.cluster.world.chance.random() < 0.5:
            self.heart.thaw()
        waiting, self._waiting = self._waiting, []
        for component, event in waiting:
            self.feed(component, event)
        if self.heart:
            self.heart.thaw()

    def ask(self, request: str, operations: tuple[CibOperation, ...]) -> None:
        self.feed("", ChangeWanted(operations, Author("sim", self.name), request))

    def leave(self) -> None:
        """A person tells it to stop."""
        if self.cluster.whole and self.name not in self.cluster.arbiters:
            self.feed("", ShutdownWanted("a person asked for it"))
        else:
            self.feed("", Leaving(clean=True))

    def write(self, request: str) -> None:
        """Somebody adds a property, whose id is the request's name."""
        xml = (
            f'<cluster_property_set id="set"><nvpair id="{request}" name="{request}" value="1"/>'
            "</cluster_property_set>"
        )
        self.ask(request, (CibOperation("modify", xml.encode(), "crm_config"),))

    def feed(self, component: str, event: Event) -> None:
        if not self.up:
            return
        if self.paused:
            self._waiting.append((component, event))
            return
        assert self.dispatcher is not None
        cluster, life = self.cluster, self.life
        now_ms = cluster.world.now_ms
        performed = self.dispatcher.deliver(
            component, event, int(now_ms * self.rate),
            EPOCH_S + now_ms / 1000 * (1.0 + self.wall_drift) + self.wall_offset_s,
        )
        if self.crash_in >= 0:
            self.crash_in -= 1
            if self.crash_in < 0:
                performed = performed[: self.cluster.world.chance.randint(0, len(performed))]
                for name, effect in performed:
                    self._perform(name, effect)
                self.crash()
                return
        for name, effect in performed:
            if not self.up or life != self.life:
                return
            self._perform(name, effect)
        if self.up and life == self.life:
            cluster.after_event(self)

    def _perform(self, name: str, effect: Effect) -> None:
        world, network = self.cluster.world, self.cluster.network
        match effect:
            case LinkSend(links, frame):
                for link in links:
                    network.send(self.name, link, frame)
            case StartTimer(timer, delay_ms, event):
                key = (name, timer)
                old = self._timers.get(key)
                if old is not None:
                    world.cancel(old)
                self._timers[key] = world.after(delay_ms / self.rate, self._ring, key, event)
            case CancelTimer(timer):
                due = self._timers.pop((name, timer), None)
                if due is not None:
                    world.cancel(due)
            case Dial(address):
                network.dial(self.name, address[0])
            case LinkClose(link):
                network.close(self.name, link)
            case Store() | StoreValue() | JournalAppend() | Archive():
                life = self.life
                self.disk.perform(
                    effect, lambda stored: self.feed(name, stored) if life == self.life else None
                )
            case RunAgent():
                self.cluster.machines.run(self.name, self.life, name, effect, self._agent_end(name))
            case KillAgent(token):
                self.cluster.machines.kill(self.name, self.life, name, token, self._agent_end(name))
            case AskScheduler():
                self._schedule(name, effect)
            case ReadyScheduler():
                pass
            case Log(level, text, fields):
                self.cluster.log(self.name, level, text, fields)
                if "traceback" in fields:
                    self.failed = str(fields["traceback"])
            case TellHeartbeat(command):
                if self.heart:
                    self.heart.command(command)
            case Arm() | Feed():
                self.cluster.machines.feed_watchdog(self.name, self._watchdog_ms)
            case Disarm():
                self.cluster.machines.close_watchdog(self.name)
            case KillServices():
                self.cluster.machines.all[self.name].services.clear()
                world.after(world.chance.uniform(*KILL_MS), self._feed_in_life, self.life, ServicesKilled())
            case EndNode(reason):
                self.cluster.log(self.name, "notice", "ends itself", reason)
                self.cluster.machines.end_all(self.name)
                self.crash()
            case Reply():
                pass
            case Exit(code):
                self.cluster.left(self)
                self.crash(politely=not code)
            case _:
                raise AssertionError(f"nobody performs {type(effect).__name__}")

    def _feed_in_life(self, life: int, event: Event) -> None:
        if life == self.life:
            self.feed("", event)

    def _agent_end(self, component: str) -> Callable[[AgentEnded], None]:
        life = self.life
        return lambda event: self.feed(component, event) if life == self.life else None

    def _schedule(self, component: str, ask: AskScheduler) -> None:
        life = self.life
        self.cluster.decisions += 1
        try:
            decision = decide(self.cluster.documents.parse(ask.cib, "the CIB"), ask.now_s, ask.transition_id)
            ready = GraphReady(
                ask.request, graph_to_xml(decision.graph), "\n".join(decision.summary),
                recheck_at_s=decision.recheck_at,
            )
        except HashellError as error:
            ready = GraphReady(ask.request, b"", error=str(error))
        self.cluster.log(self.name, "debug", "decided", ready.summary)
        self.cluster.world.after(
            self.cluster.world.chance.uniform(*DECIDE_MS),
            lambda: self.feed(component, ready) if life == self.life else None,
        )

    def _ring(self, key: TimerKey, event: Event) -> None:
        self._timers.pop(key, None)
        self.feed(key[0], event)


class Cluster:
    """Some nodes, started together."""

    def __init__(
        self, world: World, count: int, hear: Hear, *, options: dict[str, object] | None = None,
        keep_log: bool = False, whole: bool = False, hearts: bool = False, watchdogs: bool = False,
        arbiter: bool = False,
    ) -> None:
        """`arbiter`: the last of them only votes."""
        self.world = world
        self.watchdogs = watchdogs
        self.hearts = hearts
        self.whole = whole
        self.options = options or {}
        self.names = tuple(f"node{number}" for number in range(1, count + 1))
        self.arbiters = frozenset(self.names[-1:]) if arbiter else frozenset()
        self.hear = hear
        self.decisions = 0
        self.documents = SharedDocuments()
        self.lines: list[str] | None = [] if keep_log else None
        self.nodes = {name: Node(self, name) for name in self.names}
        self.network = Network(
            world, self._to_engine,
            lambda node: node in self.nodes and self.nodes[node].up,
        )
        self.network.datagram_came = self._datagram_came
        #: For faults: something happens at a node just now: acknowledged, view, starts, stops, fences.
        self.moment: Callable[[str, str], None] = lambda kind, node: None
        #: For the checkers: after every event of a node; a service starts; somebody is fenced; a node ends by itself.
        self.after_event: Callable[[Node], None] = lambda node: None
        self.left: Callable[[Node], None] = lambda node: None
        self.service_started: Callable[[str, str], None] = lambda node, resource: None
        self.service_stops: Callable[[str, str], None] = lambda node, resource: None
        self.node_fenced: Callable[[str, str, str], None] = lambda executor, target, action: None
        self.machines = Machines(
            world, self.names, self._service_started, self._service_stopped, self._node_fenced, self._power
        )
        self.machines.stops = self._service_stops

    def _datagram_came(self, node: str, data: bytes, sender: str) -> None:
        heart = self.nodes[node].heart
        if heart:
            heart.datagram(data, sender)

    def _to_engine(self, node: str, event: Event) -> None:
        self.nodes[node].feed("engine", event)

    def heard(self, node: str, event: Event) -> None:
        """A node's watcher has heard something."""
        if isinstance(event, MembersChanged):
            self.moment("view", node)
        elif isinstance(event, ChangeAnswered) and not event.error_id and ":" not in event.request:
            self.moment("acknowledged", node)
        self.hear(node, event)

    def _service_started(self, node: str, resource: str) -> None:
        self.moment("starts", node)
        self.service_started(node, resource)

    def _service_stops(self, node: str, resource: str) -> None:
        self.service_stops(node, resource)

    def _service_stopped(self, node: str) -> None:
        self.moment("stops", node)

    def _node_fenced(self, executor: str, target: str, action: str) -> None:
        self.moment("fences", executor)
        self.node_fenced(executor, target, action)

    def _power(self, name: str, on: bool) -> None:
        node = self.nodes[name]
        self.log(name, "notice", "power", "on" if on else "off")
        if on and not node.up and self.machines.all[name].on:
            node.start()
        elif not on and node.up:
            node.crash(power=True)

    def log(self, node: str, level: str, text: str, fields: object) -> None:
        if self.lines is not None:
            self.lines.append(f"{self.world.now_ms:10.1f} {node} {level} {text} {fields}")
