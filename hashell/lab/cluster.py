"""A cluster of real daemons on loopback: each node a hashelld with its own folder, ports and name.

    with LocalCluster(("node1", "node2", "node3")) as cluster:
        cluster.start()
        cluster.wait_formed()
        cluster.kill("node1")

Nothing is left behind: at the end, at an exception, at Ctrl-C, and (janitor.py) when the lab itself is killed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hashell.client.daemon import DaemonClient
from hashell.errors import HashellError, NotFound, NotReachable, Refused, TimedOut
from hashell.lab import processes
from hashell.lab.janitor import Janitor
from hashell.wire.messages import Info

#: Nodes of one lab: more than this on one machine measure the machine.
NODES_MAX = 64
#: Seconds between two looks while waiting for something.
LOOK_S = 0.05
#: Seconds that a daemon gets to leave after SIGTERM before it is killed.
STOP_S = 60.0
#: Seconds for a cluster to form or anything else to come about: a bound, not a measure.
PATIENCE_S = 60.0
#: Bytes of a daemon's log that are shown when it did not start.
LOG_TAIL = 2_000
#: What is told of a cluster that did not do what was waited for: nodes, last lines of a log, letters of a line.
NODES_SAID, LINES_SAID, LINE_SAID = 16, 6, 240


class DaemonEnded(Refused):
    """A daemon that ended by itself where it should run; the message has the end of its log."""

    id = "daemon-ended"


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where a node lives: `folder` holds everything, `port` is its TCP and UDP port."""

    name: str
    folder: Path
    port: int
    address: str = "127.0.0.1"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def socket(self) -> Path:
        return self.run / "hashelld.sock"


def free_port(address: str = "127.0.0.1") -> int:
    """A port that is free for TCP and UDP now. Raises Refused when the machine has none."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
            stream.bind((address, 0))
            port: int = stream.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
                try:
                    datagram.bind((address, port))
                except OSError:
                    continue
        return port
    raise Refused(f"{address} has no port that is free for TCP and UDP", "end what holds them")


def hold(address: str, port: int) -> socket.socket:
    """Keep a port for one's own daemon: nobody who asks for any port, and no connection, gets it while this is open.

    The daemon may still listen there, as it sets SO_REUSEADDR too and this socket does not listen; see socket(7).
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((address, port))
    except OSError as error:
        held.close()
        raise Refused(f"{address}, port {port} was taken meanwhile: {error.strerror}", "try again") from None
    return held


def import_path() -> str:
    """PYTHONPATH for a child: from where we ourselves were imported, installed or not."""
    places = [str(Path(__file__).resolve().parents[2])]
    daemon = importlib.util.find_spec("hashelld")
    if daemon is not None and daemon.submodule_search_locations:
        places.append(str(Path(next(iter(daemon.submodule_search_locations))).parent))
    else:
        places.append(str(Path(places[0]) / "daemon"))
    return os.pathsep.join(dict.fromkeys([*places, *(path for path in sys.path if path)]))


class LocalCluster:
    """`folder` None makes one that is removed at the end; a given one (or `keep`) stays, with state and logs."""

    def __init__(
        self, nodes: Sequence[str], *, name: str = "demo", folder: Path | None = None,
        keep: bool = False, settings: str = "", remotes: Sequence[str] = (), arbiters: Sequence[str] = (),
    ) -> None:
        """`settings` are lines of a TOML settings file that every node gets; `remotes` are remote nodes, which run
        resources and are no members; `arbiters`: those of the nodes that only vote. Nothing is started yet."""
        if not 1 <= len(nodes) <= NODES_MAX or len(set(nodes)) != len(nodes):
            raise Refused(f"{len(nodes)} nodes are not 1 to {NODES_MAX} different ones")
        self.name = name
        self.folder = folder or Path(tempfile.mkdtemp(prefix="hashell-"))
        self.folder = self.folder.resolve()
        self._janitor = Janitor(self.folder, keep=keep or folder is not None)
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._settings = settings
        self.arbiters = frozenset(arbiters)
        self._held: list[socket.socket] = []
        self.places: dict[str, NodePlace] = {}
        self.remotes: dict[str, NodePlace] = {}
        for node in nodes:
            self.places[node] = self._make_place(node)
        for node in remotes:
            self.remotes[node] = self._make_place(node)
        self._prepare()

    def _make_place(self, node: str) -> NodePlace:
        place = NodePlace(node, self.folder / node, free_port())
        self._held.append(hold(place.address, place.port))
        return place

    def prefix(self, node: str) -> list[str]:
        """Words before a program that is to run on a node: none, as all nodes are this machine."""
        return []

    def _prepare(self) -> None:
        from hashell.lab.keygen import make_key

        key = self.folder / "key"
        if not key.exists():
            make_key(key)
        for place in (*self.places.values(), *self.remotes.values()):
            for folder in (place.folder, place.run, place.state):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self.places)

    # --- one node

    def place(self, node: str) -> NodePlace:
        """Raises NotFound."""
        found = self.places.get(node) or self.remotes.get(node)
        if found is None:
            raise NotFound(f"no node is called {node!r}", "use " + ", ".join((*self.places, *self.remotes)))
        return found

    def command(self, node: str, *extra: str) -> list[str]:
        """The words that start a node's daemon."""
        place = self.place(node)
        if node in self.remotes:
            return [
                sys.executable, "-m", "hashelld", "--remote", "--node", node, "--state-dir", str(place.state),
                "--run-dir", str(place.run), "--key", str(self.folder / "key"), "--address", place.address,
                "--port", str(place.port), *extra,
            ]
        words = [
            sys.executable, "-m", "hashelld", "--cluster", self.name, "--node", node,
            "--state-dir", str(place.state), "--run-dir", str(place.run),
            "--key", str(self.folder / "key"), "--address", place.address,
            "--port", str(place.port), "--expect", str(len(self.places)), "--no-zeroconf",
        ]
        for other in self.places.values():
            if other.name != node:
                words += ["--peer", f"{other.address}:{other.port}"]
        if node in self.arbiters:
            words.append("--arbiter")
        if self._settings:
            file = place.folder / "settings.toml"
            file.write_text(self._settings, encoding="utf-8")
            words += ["--settings", str(file)]
        return [*words, *extra]

    def environment(self, node: str) -> dict[str, str]:
        """What a node's daemon is started with; the mark is inherited by all that it starts."""
        gone = ("HASHELL_", "CIB_", "OCF_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(gone)}
        env[processes.MARK] = str(self.place(node).run)
        env["PYTHONPATH"] = import_path()
        if env.pop("PYTHONDONTWRITEBYTECODE", ""):
            # An installed daemon is compiled: one that compiles itself at each start takes seconds for it.
            env["PYTHONPYCACHEPREFIX"] = str(self.folder / "compiled")
        return env

    def start_node(self, node: str, *extra: str) -> None:
        """Start a node's daemon; it may take its time to join."""
        if self.alive(node):
            raise Refused(f"{node} runs already")
        place = self.place(node)
        with place.log.open("ab") as log:
            self._daemons[node] = subprocess.Popen(
                [*self.prefix(node), *self.command(node, *extra)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment(node), cwd="/", start_new_session=True,
            )

    def alive(self, node: str) -> bool:
        """Whether a node's daemon runs (or is frozen)."""
        daemon = self._daemons.get(node)
        return daemon is not None and daemon.poll() is None

    def runs(self, node: str) -> bool:
        """Whether anything of a node is still there: daemon, helper or service."""
        return self.alive(node) or bool(processes.belonging(self.place(node).run))

    def exit_code(self, node: str) -> int | None:
        daemon = self._daemons.get(node)
        return None if daemon is None else daemon.poll()

    def pid(self, node: str) -> int:
        """Process id of a node's daemon. Raises NotFound when it does not run."""
        daemon = self._daemons.get(node)
        if daemon is None or daemon.poll() is not None:
            raise NotFound(f"no daemon of {node} runs")
        return daemon.pid

    def kill(self, node: str) -> None:
        """As a power cut: SIGKILL for the daemon and everything that it started."""
        processes.end(self.place(node).run)
        self._reap(node)

    def kill_daemon(self, node: str) -> None:
        """SIGKILL for the daemon alone; services and helpers are left to themselves."""
        os.kill(self.pid(node), signal.SIGKILL)
        self._reap(node)

    def freeze(self, node: str) -> None:
        """SIGSTOP for everything of a node: it neither acts nor ends."""
        processes.freeze(self.place(node).run)

    def thaw(self, node: str) -> None:
        processes.send(self.place(node).run, signal.SIGCONT)

    def stop_node(self, node: str, timeout_s: float = STOP_S) -> int:
        """Leave cleanly (SIGTERM) and wait; the daemon's exit code. Raises TimedOut."""
        os.kill(self.pid(node), signal.SIGTERM)
        try:
            return self._daemons[node].wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimedOut(f"{node} did not leave within {timeout_s:g} s") from None

    def _reap(self, node: str) -> None:
        daemon = self._daemons.get(node)
        if daemon is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(5)

    def log_tail(self, node: str) -> str:
        """The last words of a node's log."""
        try:
            return self.place(node).log.read_text(errors="replace")[-LOG_TAIL:].strip()
        except OSError:
            return ""

    def said(self, node: str) -> str:
        """What a node says of the cluster at this moment, and the last lines of its log: for people, bounded."""
        running = "runs" if self.alive(node) else f"ended with {self.exit_code(node)}"
        info = self.info(node) if self.alive(node) and node not in self.remotes else None
        words = [f"{node} {running}"]
        if info is None and self.alive(node) and node not in self.remotes:
            words.append("answers nothing")
        elif info is not None:
            members = ", ".join(f"{one.name} {one.state}" for one in info.members)
            words += [
                f"view {info.view} of {members or 'nobody'}", f"dc {info.dc or 'nobody'}", info.controller_state,
                f"{'quorum' if info.quorate else 'no quorum'} ({info.votes} of {info.expected_votes} votes, needs"
                f" {info.quorum}{', ' + info.quorum_reason if info.quorum_reason else ''})",
                *info.warnings[:LINES_SAID],
            ]
        lines = self.log_tail(node).splitlines()[-LINES_SAID:]
        return "\n".join(["; ".join(words)[:LOG_TAIL], *(f"    {line[:LINE_SAID]}" for line in lines)])

    def situation(self) -> str:
        """What every node says now: a failure on a machine out of reach is understood by this, or not at all."""
        return "\n".join(self.said(node) for node in (*self.places, *self.remotes)[:NODES_SAID])

    # --- all of them

    def start(self, *extra: str) -> None:
        for node in self.nodes:
            self.start_node(node, *extra)

    def client(self, node: str = "", timeout_s: float = 15.0) -> DaemonClient:
        """A client of a node, or of the first that answers. Raises NotReachable."""
        last: HashellError = NotReachable("no node runs")
        for name in (node,) if node else self.nodes:
            try:
                return DaemonClient(str(self.place(name).socket), program="lab", timeout_s=timeout_s)
            except HashellError as error:
                last = error
        raise last

    def info(self, node: str = "", timeout_s: float = 2.0) -> Info | None:
        """What a node says of the cluster; None when it does not answer in time."""
        try:
            client = self.client(node, timeout_s=timeout_s)
        except HashellError:
            return None
        try:
            return client.info()
        except HashellError:
            return None
        finally:
            client.close()

    def wait_formed(self, timeout_s: float = PATIENCE_S, nodes: Sequence[str] = ()) -> None:
        """Until all nodes (or those named) are members of one view with quorum. Raises TimedOut, DaemonEnded."""
        wanted = set(nodes or self.nodes)

        def formed() -> bool:
            views = set()
            for node in sorted(wanted):
                if not self.alive(node):
                    raise DaemonEnded(
                        f"{node} ended with {self.exit_code(node)}: {self.log_tail(node)}"
                    )
                info = self.info(node)
                members = {m.name for m in info.members if m.state == "member"} if info else set()
                if info is None or not wanted <= members or not info.quorate:
                    return False
                views.add((info.view, info.dc))
            return len(views) == 1

        self.wait_until(formed, f"{', '.join(sorted(wanted))} are no cluster", timeout_s)

    def wait_until(
        self, holds: Callable[[], bool], otherwise: str, timeout_s: float = PATIENCE_S
    ) -> float:
        """Seconds until `holds()` was true. Raises TimedOut saying `otherwise`, and what each node says then."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > timeout_s:
                raise TimedOut(f"{otherwise} after {timeout_s:g} s; now:\n{self.situation()}", f"logs: {self.folder}")
            time.sleep(LOOK_S)
        return time.monotonic() - began

    # --- the end

    def close(self) -> None:
        """End everything, and remove the folder if it is ours."""
        with contextlib.suppress(processes.Leftover):
            processes.end(self.folder)
        for node in list(self._daemons):
            self._reap(node)
        for held in self._held:
            held.close()
        self._janitor.dismiss()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def remove(folder: Path) -> None:
    """A lab's folder with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)
