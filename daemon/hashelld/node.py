"""One node: makes the components and edges, and says who hears what. Read this first.

The table HEARD_BY is the whole wiring: a component Tells an event, and those named here receive it, in this order.
"""

from __future__ import annotations

import os

import structlog

from hashelld.alerts.core import Alerts
from hashelld.attribute_manager.core import AttributeManager
from hashelld.cib_manager.core import CibManager
from hashelld.cib_manager.records import keeps_record, newest_view
from hashelld.controller.core import Controller
from hashelld.core.component import Component
from hashelld.core.dispatch import Dispatcher
from hashelld.core.driver import Driver, Edge
from hashelld.core.effects import Reply
from hashelld.core.events import (
    ActionsChanged,
    AttributeChanged,
    AttributeWanted,
    Blocked,
    ChangeAnswered,
    ChangeCommitted,
    ChangeWanted,
    CibChanged,
    ClientAsked,
    ConnectionAnswered,
    ConnectionLost,
    ConnectionWanted,
    DivergencesKept,
    Event,
    FencingDone,
    FencingTakes,
    FencingWanted,
    GraphReady,
    Happened,
    Leaving,
    LinksSeen,
    LoadTold,
    MembersChanged,
    OperationDone,
    OperationsWithdrawn,
    OperationWanted,
    SelfFenceWanted,
    ServicesEnded,
    ServicesKilled,
    ShutdownWanted,
    Started,
    TransitionEnded,
    TransitionStarted,
    WatchdogReady,
)
from hashelld.core.load import LoadEdge
from hashelld.core.service_manager import ServiceManager
from hashelld.engine.engine import Me
from hashelld.engine.loopback import LoopbackEngine
from hashelld.engine.mesh.announce import Announce
from hashelld.engine.mesh.core import MeshEngine
from hashelld.engine.mesh.heartbeat_process import HeartbeatProcess
from hashelld.engine.mesh.keyring import Keyring
from hashelld.engine.mesh.transport import Transport
from hashelld.executor.core import Executor
from hashelld.fencer.core import Fencer
from hashelld.ipc.core import Ipc
from hashelld.ipc.server import IpcServer
from hashelld.proxy import Proxied
from hashelld.remote.core import Remotes
from hashelld.remote.transport import RemoteTransport
from hashelld.remote_node import RemoteKeys
from hashelld.settings import Settings
from hashelld.storage.edge import StorageEdge
from hashelld.storage.files import make_folder
from hashelld.storage.restore import Restored, restore
from hashelld.watchdog.core import Watchdog
from hashelld.watchdog.edge import WatchdogEdge

#: Nodes up to which each has a scheduler's process from the start; of more, the first members of a view have one.
WARM_MAX = 8
#: Everything that hears events, in the order of the path of a change.
COMPONENTS = (
    "engine", "cib_manager", "attribute_manager", "controller", "fencer", "executor", "remote", "watchdog", "alerts",
    "ipc",
)

#: Event → components that hear it. MessageOrdered and MessageDirect are not here: the topic's part before the first dot
#: names the one component that hears them (core/dispatch.py).
HEARD_BY: dict[type[Event], tuple[str, ...]] = {
    # The engine last: the view that it may tell at once finds everybody started.
    Started: (
        "cib_manager", "attribute_manager", "controller", "fencer", "executor", "watchdog",
        "remote", "alerts", "ipc", "engine",
    ),
    Blocked: ("cib_manager", "attribute_manager", "controller", "fencer", "executor", "watchdog"),
    MembersChanged: (
        "watchdog", "cib_manager", "attribute_manager", "fencer", "executor", "remote", "controller", "alerts", "ipc",
    ),
    ChangeWanted: ("cib_manager",),
    ChangeCommitted: ("ipc",),
    ChangeAnswered: ("ipc", "executor", "controller", "attribute_manager", "fencer", "remote"),
    # First who shows it to others: the rest works out what to do.
    CibChanged: ("ipc", "executor", "remote", "fencer", "attribute_manager", "controller", "watchdog", "alerts"),
    GraphReady: ("controller",),
    OperationWanted: ("executor",),
    OperationsWithdrawn: ("executor",),
    OperationDone: ("controller", "alerts", "ipc"),
    ConnectionWanted: ("remote",),
    ConnectionAnswered: ("executor",),
    ConnectionLost: ("executor",),
    FencingWanted: ("fencer",),
    FencingTakes: ("controller",),
    FencingDone: ("controller", "alerts", "ipc"),
    AttributeWanted: ("attribute_manager",),
    AttributeChanged: ("alerts",),
    TransitionStarted: ("ipc", "alerts"),
    ActionsChanged: ("ipc",),
    TransitionEnded: ("ipc", "alerts"),
    Happened: ("ipc", "alerts"),
    DivergencesKept: ("ipc",),
    LinksSeen: ("ipc",),
    ShutdownWanted: ("controller", "watchdog"),
    LoadTold: ("controller",),
    WatchdogReady: ("watchdog", "fencer", "controller"),
    SelfFenceWanted: ("watchdog",),
    ServicesKilled: ("executor",),
    ServicesEnded: ("watchdog",),
    Leaving: ("executor", "remote", "watchdog", "engine"),
    ClientAsked: ("controller", "fencer", "executor", "attribute_manager", "engine"),
}


def components(settings: Settings, restored: Restored, engine: Component) -> list[Component]:
    """The components of one node, made of its settings and what its earlier lives left."""
    identity = restored.identity
    cib_manager = CibManager(identity.name, identity.boot, restored.cib, restored.lineage, restored.journal)
    if settings.arbiter:
        # It votes and holds the CIB, so that a majority with it is one that knows; it decides and runs nothing.
        return [engine, cib_manager, Ipc(settings)]
    return [
        engine,
        cib_manager,
        AttributeManager(settings),
        Controller(settings),
        Fencer(settings, kept=restored.values),
        Executor(settings, secrets=restored.values.get("secrets", b"")),
        Remotes(settings),
        Watchdog(settings),
        Alerts(settings),
        Ipc(settings),
    ]


def make_engine(settings: Settings, restored: Restored) -> tuple[Component, list[Edge]]:
    """The engine that the settings name, and its edges. Raises BadKey."""
    identity = restored.identity
    me = Me(identity.name, identity.uuid, identity.boot, settings.cluster)
    if settings.engine == "loopback":
        return LoopbackEngine(me), []
    values = {**restored.values, "ballot": str(_highest_view(restored)).encode()}
    if settings.engine == "corosync":
        from hashelld.engine.corosync.core import CorosyncEngine
        from hashelld.engine.corosync.edge import CorosyncEdge

        return CorosyncEngine(settings, me, values), [CorosyncEdge(settings)]
    keyring = Keyring(settings.key)
    # The heartbeat's port first: the first Hello tells it.
    heartbeat = HeartbeatProcess(settings, me, lambda: keyring.trusts)
    transport = Transport(settings, lambda: keyring.trusts, refused=keyring.show_other)
    keyring.changed += [transport.rekey, heartbeat.rekey]
    edges: list[Edge] = [keyring, heartbeat, transport]
    if settings.zeroconf:
        edges.append(Announce(
            settings, me, lambda: tuple(trust.tag for trust in keyring.trusts), lambda: (transport.port, heartbeat.port)
        ))
    return MeshEngine(settings, me, values), edges


def _highest_view(restored: Restored) -> int:
    """The highest view number that this node has seen: the engine's own note, and what stands in the CIB's lineage."""
    # A folder without it is new, or was lost. A number that this name gave before may then be given again: the life
    # that gives it is part of what a view is called, so it is another view.
    noted = restored.values.get("ballot", b"")
    applied = restored.lineage.get("applied") or [0]
    own = int(noted) if noted.isdigit() else 0
    return max(own, int(applied[0]), newest_view(restored.journal))


async def run(settings: Settings) -> int:
    """Start a node and go on until it ends; the exit code. Raises HashellError when it cannot start."""
    log = structlog.get_logger("hashelld")
    make_folder(settings.run_dir, 0o755)
    # HA_RSCTMP of the agents: what they keep until the next boot.
    make_folder(settings.run_dir / "rsctmp", 0o755)
    restored, generations, journal = restore(settings.state_dir, settings.node)
    engine, engine_edges = make_engine(settings, restored)
    storage = StorageEdge(settings.state_dir, generations, journal, keeps_record)
    ipc = IpcServer(settings)
    links = RemoteTransport(RemoteKeys(settings.key))
    # Behind ipc: it takes over what is for clients, and hands on what is for those of this node.
    proxied = Proxied(ipc, links)
    storage.reply = proxied.performs[Reply]
    dispatcher = Dispatcher(components(settings, restored, engine), HEARD_BY)
    guard, load, agents = WatchdogEdge(settings), LoadEdge(), settings.run_dir / "agents"
    edges: list[Edge] = [storage, ipc, links, proxied, guard, load, *engine_edges, ServiceManager()]
    driver = Driver(dispatcher, edges, storage.keep_input, agents, warm=settings.expect <= WARM_MAX)
    log.info(
        "starting", cluster=settings.cluster, node=settings.node, state_dir=str(settings.state_dir),
        boot=restored.identity.boot, version=str(restored.cib.version), pid=os.getpid(),
    )
    first: list[Event] = [Started(settings.node, settings.cluster, restored.cib)]
    for finding in restored.findings:
        log.warning(finding)
        first.append(Happened("storage", "warning", finding, (settings.node,)))
    return await driver.run(first)
