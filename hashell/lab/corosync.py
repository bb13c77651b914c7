"""A lab on a real corosync: each node a machine in namespaces with a corosync of its own, and hashelld on it.

Needs root and Debian's corosync. Every machine has a /run, /dev/shm and /var/lib/corosync of its own; the sockets of
corosync belong to the network namespace. Nothing of the machine's own corosync, if there is one, is touched.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hashell.errors import NotFound, TimedOut
from hashell.lab import processes
from hashell.lab.cluster import LocalCluster, NodePlace
from hashell.lab.namespaces import Machine, Network, NoNamespaces, check_possible

#: The network of the machines; node n has .n + 10.
NET = "10.77.0"
#: Seconds for a corosync to answer.
START_S = 30.0
#: Milliseconds without which a lab need not wait: corosync's own default is 3000.
TOKEN_MS = 1000
_PROGRAMS = ("corosync", "corosync-quorumtool")


def check_corosync() -> None:
    """Raises NoNamespaces with the reason why a lab on corosync cannot be made here."""
    check_possible()
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        raise NoNamespaces(f"{', '.join(missing)} is not installed", "install corosync 3")


def conf_text(
    cluster: str, nodes: Sequence[tuple[str, str]], folder: Path, *, key: Path | None = None, token_ms: int = TOKEN_MS,
    quorum: str = "",
) -> str:
    """A corosync.conf. `nodes`: (name, address); `quorum`: further lines of that section; without a `key` nothing is
    encrypted."""
    crypto = f"crypto_cipher: aes256\n  crypto_hash: sha256\n  keyfile: {key}" if key else "crypto_cipher: none"
    listed = "".join(
        f"  node {{\n    nodeid: {number}\n    name: {name}\n    ring0_addr: {address}\n  }}\n"
        for number, (name, address) in enumerate(nodes, 1)
    )
    return (
        f"totem {{\n  version: 2\n  cluster_name: {cluster}\n  transport: knet\n  token: {token_ms}\n  {crypto}\n}}\n"
        f"nodelist {{\n{listed}}}\n"
        f"quorum {{\n  provider: corosync_votequorum\n{quorum}}}\n"
        f"logging {{\n  to_syslog: no\n  to_stderr: no\n  to_logfile: yes\n  logfile: {folder / 'corosync.log'}\n"
        "  timestamp: hires\n}\n"
    )


def key_file(folder: Path) -> Path:
    """The key of a lab's corosyncs, made where there is none yet."""
    key = folder / "authkey"
    if not key.exists():
        key.touch(mode=0o400)
        key.write_bytes(secrets.token_bytes(256))
    return key


def give_own_folders(machine: Machine, place: NodePlace) -> None:
    """What corosync wants of a machine that was just switched on: a /run of its own, and a folder that lasts."""
    kept = place.folder / "var-lib-corosync"
    kept.mkdir(exist_ok=True)
    for folder in ("/run", "/dev/shm"):  # noqa: S108 - the machine's own, not ours
        machine.do("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    machine.do("mount", "--bind", str(kept), "/var/lib/corosync")


def forget_boot(place: NodePlace) -> None:
    """As a /run in memory is after a power cut: what agents keep there until the next boot is gone."""
    shutil.rmtree(place.run / "rsctmp", ignore_errors=True)


def run_corosync(machine: Machine, place: NodePlace, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a node's corosync by its corosync.conf; it may take its time to answer."""
    with (place.folder / "corosync.out").open("ab") as log:
        return subprocess.Popen(
            [*machine.words(), "corosync", "-f", "-c", str(place.folder / "corosync.conf")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
        )


def daemon_words(place: NodePlace, settings: str) -> list[str]:
    """The command line of a hashelld on that corosync; `settings` are lines of its settings file."""
    words = [
        sys.executable, "-m", "hashelld", "--engine", "corosync", "--node", place.name, "--corosync-conf",
        str(place.folder / "corosync.conf"), "--state-dir", str(place.state), "--run-dir", str(place.run),
    ]
    if settings:
        file = place.folder / "settings.toml"
        file.write_text(settings, encoding="utf-8")
        words += ["--settings", str(file)]
    return words


class CorosyncCluster(LocalCluster):
    """`engine` mesh gives the same machines without corosync, to compare with."""

    def __init__(
        self, nodes: Sequence[str], *, name: str = "lab", folder: Path | None = None, keep: bool = False,
        settings: str = "", token_ms: int = TOKEN_MS, quorum: str = "", engine: str = "corosync",
        arbiters: Sequence[str] = (),
    ) -> None:
        if engine == "corosync":
            check_corosync()
        self.engine = engine
        self._token_ms, self._quorum = token_ms, quorum
        self._network: Network | None = None
        self._corosyncs: dict[str, subprocess.Popen[bytes]] = {}
        super().__init__(nodes, name=name, folder=folder, keep=keep, settings=settings, arbiters=arbiters)
        try:
            self._network = Network(self.folder / "network")
            self.client_machine = self._network.power_on("client", f"{NET}.250/24", self.folder / "network" / "client")
            for node in self.nodes:
                self.power_on(node)
        except BaseException:
            self.close()
            raise

    def _make_place(self, node: str) -> NodePlace:
        return NodePlace(node, self.folder / node, 5460, f"{NET}.{len(self.places) + 11}")

    def _prepare(self) -> None:
        super()._prepare()
        key = key_file(self.folder)
        listed = [(place.name, place.address) for place in self.places.values()]
        for place in self.places.values():
            text = conf_text(self.name, listed, place.folder, key=key, token_ms=self._token_ms, quorum=self._quorum)
            (place.folder / "corosync.conf").write_text(text, encoding="utf-8")

    # --- machines

    def machine(self, node: str) -> Machine:
        """Raises NotFound when it is switched off."""
        assert self._network is not None
        return self._network.machine(node)

    def prefix(self, node: str) -> list[str]:
        return self.machine(node).words()

    def power_on(self, node: str) -> None:
        """The machine alone; nothing runs on it yet."""
        assert self._network is not None
        place = self.place(node)
        forget_boot(place)
        give_own_folders(self._network.power_on(node, f"{place.address}/24", place.run), place)

    def cut(self, node: str, *, cut: bool = True) -> None:
        """Pull a node's cable, or plug it in again."""
        assert self._network is not None
        self._network.cut(node, cut=cut)

    # --- corosync

    def start_corosync(self, node: str) -> None:
        """Start it; `wait_corosync` waits until it answers."""
        self._reap_corosync(node)
        self._corosyncs[node] = run_corosync(self.machine(node), self.place(node), self.environment(node))

    def wait_corosync(self, node: str) -> None:
        """Raises TimedOut with the end of its log."""
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            with contextlib.suppress(NoNamespaces):
                self.machine(node).do("corosync-quorumtool", "-i")
                return
            time.sleep(0.05)
        log = place_log(self.place(node))
        raise TimedOut(f"corosync of {node} does not answer after {START_S:g} s", log)

    def corosync_pid(self, node: str) -> int:
        """Raises NotFound when it does not run."""
        running = self._corosyncs.get(node)
        if running is None or running.poll() is not None:
            raise NotFound(f"no corosync of {node} runs")
        return running.pid

    def kill_corosync(self, node: str) -> None:
        """SIGKILL for corosync alone."""
        os.kill(self.corosync_pid(node), signal.SIGKILL)
        self._corosyncs[node].wait(10)

    # --- the node

    def command(self, node: str, *extra: str) -> list[str]:
        if self.engine != "corosync":
            return super().command(node, *extra)
        return [*daemon_words(self.place(node), self._settings), *extra]

    def start(self, *extra: str) -> None:
        """corosync and hashelld on all nodes at once."""
        if self.engine == "corosync":
            for node in self.nodes:
                self.start_corosync(node)
        super().start(*extra)

    def start_machine(self, node: str, *extra: str) -> None:
        """All of a node that was switched off."""
        try:
            on = self.machine(node).holder.poll() is None
        except NotFound:
            on = False
        if not on:  # switched off by us, or by a fence agent
            self._reap(node)
            self.power_on(node)
        if self.engine == "corosync":
            self.start_corosync(node)
        self.start_node(node, *extra)

    def kill(self, node: str) -> None:
        """A power cut: cable, corosync, hashelld and services at once."""
        assert self._network is not None
        self._network.power_off(node)
        self._reap(node)
        self._reap_corosync(node)

    def _reap_corosync(self, node: str) -> None:
        running = self._corosyncs.pop(node, None)
        if running is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(5)

    def close(self) -> None:
        if self._network is not None:
            self._network.close()
        for node in list(self._corosyncs):
            self._reap_corosync(node)
        with contextlib.suppress(processes.Leftover):
            processes.end(self.folder)
        super().close()


def place_log(place: NodePlace) -> str:
    """The last lines of a node's corosync."""
    try:
        return (place.folder / "corosync.log").read_text(errors="replace")[-1000:].strip()
    except OSError:
        return "it wrote no log"
