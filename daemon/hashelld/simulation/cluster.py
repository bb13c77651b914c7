"""Cluster: nodes made of the real engine and the real CIB manager on a simulated network and disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hashell.cib.document import Cib
from hashelld.cib_manager.core import CibManager
from hashelld.cib_manager.records import newest_view
from hashelld.core.dispatch import Dispatcher
from hashelld.core.effects import (
    Archive,
    CancelTimer,
    Effect,
    Exit,
    JournalAppend,
    Log,
    StartTimer,
    Store,
    StoreValue,
)
from hashelld.core.events import (
    Author,
    Blocked,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    CibOperation,
    Event,
    Leaving,
    MembersChanged,
    Started,
)
from hashelld.engine.engine import Me
from hashelld.engine.mesh.core import MeshEngine
from hashelld.engine.mesh.links import Dial, LinkClose, LinkSend
from hashelld.settings import make
from hashelld.simulation.disk import Disk
from hashelld.simulation.network import Network
from hashelld.simulation.world import World, _Due

#: The wiring of the rooms that are simulated; the rest of node.HEARD_BY has no listener here.
HEARD_BY: dict[type[Event], tuple[str, ...]] = {
    Started: ("cib_manager", "engine"),
    Blocked: ("cib_manager",),
    MembersChanged: ("cib_manager", "watcher"),
    ChangeWanted: ("cib_manager",),
    ChangeAnswered: ("watcher",),
    CibChanged: ("watcher",),
    Leaving: ("engine",),
}


class Watcher:
    """A component that only tells the checkers what its node hears."""

    name = "watcher"

    def __init__(self, node: str, hear: Callable[[str, Event], None]) -> None:
        self._node = node
        self._hear = hear

    def receive(self, event: Event, now_ms: int, wall_s: float) -> list[Effect]:
        self._hear(self._node, event)
        return []


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
        self._waiting: list[tuple[str, Event]] = []
        self._timers: dict[tuple[str, str], _Due] = {}
        self.dispatcher: Dispatcher | None = None

    @property
    def engine(self) -> MeshEngine:
        assert self.dispatcher is not None
        found = self.dispatcher.components["engine"]
        assert isinstance(found, MeshEngine)
        return found

    @property
    def cib_manager(self) -> CibManager:
        assert self.dispatcher is not None
        found = self.dispatcher.components["cib_manager"]
        assert isinstance(found, CibManager)
        return found

    def start(self) -> None:
        assert not self.up
        disk, cluster = self.disk, self.cluster
        disk.boot += 1
        self.up, self.life = True, self.life + 1
        here = Path("/nowhere")
        settings = make({
            "cluster": "sim", "node": self.name, "state_dir": here, "run_dir": here, "key": here,
            "peers": tuple((name, 1) for name in cluster.names if name != self.name),
            "expect": len(cluster.names), "zeroconf": False, **cluster.options,
        })
        ballot = disk.values.get("ballot", b"0")
        applied = disk.lineage.get("applied") or [0]
        highest = max(int(ballot), int(applied[0]), newest_view(tuple(disk.journal)))
        values = {**disk.values, "ballot": str(highest).encode()}
        cib = Cib.parse(disk.cib)
        self.dispatcher = Dispatcher([
            MeshEngine(settings, Me(self.name, f"uuid-{self.name}", disk.boot, "sim"), values),
            CibManager(self.name, disk.boot, cib, disk.lineage, tuple(disk.journal)),
            Watcher(self.name, cluster.hear),
        ], HEARD_BY)
        self.feed("", Started(self.name, "sim", cib))

    def crash(self) -> None:
        """As kill -9, and a power cut for the disk."""
        self.up, self.paused = False, False
        self._waiting.clear()
        for due in self._timers.values():
            self.cluster.world.cancel(due)
        self._timers.clear()
        self.cluster.network.crash(self.name)
        self.disk.crash()
        self.dispatcher = None

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        waiting, self._waiting = self._waiting, []
        for component, event in waiting:
            self.feed(component, event)

    def ask(self, request: str, operations: tuple[CibOperation, ...]) -> None:
        self.feed("", ChangeWanted(operations, Author("sim", self.name), request))

    def feed(self, component: str, event: Event) -> None:
        if not self.up:
            return
        if self.paused:
            self._waiting.append((component, event))
            return
        assert self.dispatcher is not None
        world = self.cluster.world
        life = self.life
        for name, effect in self.dispatcher.deliver(
            component, event, int(world.now_ms), 1.6e9 + world.now_ms / 1000
        ):
            if self.up and life == self.life:
                self._perform(name, effect)

    def _perform(self, name: str, effect: Effect) -> None:
        world, network = self.cluster.world, self.cluster.network
        match effect:
            case StartTimer(timer, delay_ms, event):
                key = (name, timer)
                if key in self._timers:
                    world.cancel(self._timers.pop(key))
                self._timers[key] = world.after(delay_ms, lambda: self._ring(key, event))
            case CancelTimer(timer):
                due = self._timers.pop((name, timer), None)
                if due:
                    world.cancel(due)
            case Dial(address):
                network.dial(self.name, address[0])
            case LinkSend(links, frame):
                for link in links:
                    network.send(self.name, link, frame)
            case LinkClose(link):
                network.close(self.name, link)
            case Store() | StoreValue() | JournalAppend() | Archive():
                life = self.life
                self.disk.perform(
                    effect, lambda stored: self.feed(name, stored) if life == self.life else None
                )
            case Log(level, text, fields):
                self.cluster.log(self.name, level, text, fields)
                if "traceback" in fields:
                    self.failed = str(fields["traceback"])
            case Exit():
                self.crash()
            case _:
                raise AssertionError(f"nobody performs {type(effect).__name__}")

    def _ring(self, key: tuple[str, str], event: Event) -> None:
        self._timers.pop(key, None)
        self.feed(key[0], event)


class Cluster:
    """Some nodes, started together."""

    def __init__(
        self, world: World, count: int, hear: Callable[[str, Event], None], *,
        options: dict[str, object] | None = None, keep_log: bool = False,
    ) -> None:
        self.world = world
        self.options = options or {}
        self.names = tuple(f"node{number}" for number in range(1, count + 1))
        self.hear = hear
        self.lines: list[str] | None = [] if keep_log else None
        self.nodes = {name: Node(self, name) for name in self.names}
        self.network = Network(
            world, lambda node, event: self.nodes[node].feed("engine", event),
            lambda node: node in self.nodes and self.nodes[node].up,
        )

    def log(self, node: str, level: str, text: str, fields: object) -> None:
        if self.lines is not None:
            self.lines.append(f"{self.world.now_ms:10.1f} {node} {level} {text} {fields}")
