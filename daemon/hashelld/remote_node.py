"""A remote node: runs resources for a cluster whose member it is not. `hashelld --remote`.

It listens; a member connects. Its components are the executor of any node, the remote side of the connection, and a
stand-in for `ipc`, so that what agents and people ask at its socket is answered by the cluster.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from hashelld.core.dispatch import Dispatcher
from hashelld.core.driver import Driver
from hashelld.core.events import (
    Attached,
    ChangeAnswered,
    ChangeWanted,
    Event,
    Leaving,
    OperationDone,
    OperationWanted,
    ShutdownWanted,
)
from hashelld.core.service_manager import ServiceManager
from hashelld.engine.mesh.keyring import Keyring
from hashelld.engine.mesh.transport import make_contexts
from hashelld.engine.mesh.trust import Trust, derive, make_trust
from hashelld.executor.core import Executor
from hashelld.ipc.server import IpcServer
from hashelld.proxy import ProxyIpc, answers
from hashelld.remote.side import RemoteSide
from hashelld.remote.transport import Keys, RemoteTransport
from hashelld.settings import Settings
from hashelld.storage.files import make_folder

#: Who hears what on a remote node; compare node.HEARD_BY.
HEARD_BY: dict[type[Event], tuple[str, ...]] = {
    Attached: ("executor",),
    OperationWanted: ("executor",),
    ChangeWanted: ("remote",),
    ChangeAnswered: ("executor",),
    OperationDone: ("remote",),
    ShutdownWanted: ("remote",),
    Leaving: ("remote",),
}


class RemoteKeys:
    """What links to remote nodes are made with: made of the cluster's key, and not what members show one another.

    Read again when the key's file, or that of the next key, has changed. Raises BadKey when called.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made: Keys | None = None
        self._seen: tuple[int, ...] = ()

    def __call__(self) -> Keys:
        seen = tuple(_changed_ns(one) for one in (self._path, self._path.with_name(self._path.name + ".next")))
        if self._made is None or seen != self._seen:
            trusts = tuple(_remote_trust(trust) for trust in Keyring(self._path).trusts)
            listening, dialing = make_contexts(*trusts)
            self._made = Keys(listening, dialing, frozenset(trust.certificate_der for trust in trusts))
            self._seen = seen
        return self._made


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _remote_trust(trust: Trust) -> Trust:
    return make_trust(derive(trust.heartbeat_key, "remote nodes"))


async def run(settings: Settings) -> int:
    """Start a remote node and go on until it ends; the exit code. Raises HashellError when it cannot start."""
    log = structlog.get_logger("hashelld")
    make_folder(settings.run_dir, 0o755)
    make_folder(settings.run_dir / "rsctmp", 0o755)
    keys = RemoteKeys(settings.key)
    keys()  # a key that cannot be used is told now, not when somebody knocks
    ipc = IpcServer(settings)
    links = RemoteTransport(keys, listen=(settings.address, settings.port))
    side = RemoteSide(settings, node=settings.node if settings.node_given else "")
    dispatcher = Dispatcher([side, Executor(settings), ProxyIpc(side)], HEARD_BY)
    driver = Driver(dispatcher, [_Answering(ipc), ipc, links, ServiceManager()], agents=settings.run_dir / "agents")
    log.info(
        "starting a remote node", node=settings.node if settings.node_given else "(as the cluster says)",
        address=settings.address, port=settings.port, pid=os.getpid(),
    )
    return await driver.run([])


class _Answering:
    """The edge that hands the cluster's answers to this node's clients."""

    def __init__(self, server: IpcServer) -> None:
        self.performs = answers(server)

    async def start(self, feed: object) -> None:
        pass

    async def stop(self) -> None:
        pass


