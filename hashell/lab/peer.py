"""The peer: a real Pacemaker with corosync, as the distribution ships them, on machines in namespaces.

    with PeerCluster(("node1", "node2", "node3")) as peer:
        peer.start()
        peer.wait_whole()
        peer.run("node1", "crm_mon", "-1")

Measurements are worth something only beside those of the original on the same machine at the same time. Each node is a
sealed machine with folders of its own where the daemons keep what is theirs. Nodes see a quiet load average: Pacemaker
slows itself down by it, and all nodes share the load of this machine. Needs root, corosync and pacemaker.
`corosync_only=True` starts no Pacemaker.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hashell.agents.call import OWN
from hashell.cib.document import parse_xml
from hashell.errors import HashellError, Refused, TimedOut
from hashell.lab import processes
from hashell.lab.janitor import Janitor
from hashell.lab.namespaces import Machine, Network, NoNamespaces, bind_folder, check_possible

#: Where the nodes live: 10.77.0.11 is the first; the client and the service are on the same net.
NET = "10.77.0"
CLIENT = f"{NET}.200"
#: Seconds for one command on a node, for a daemon's start, and for a cluster to come about.
COMMAND_S = 60.0
BOOT_S = 60.0
PATIENCE_S = 120.0
#: Seconds between two looks.
LOOK_S = 0.1
#: Names under which the daemons are installed.
_DAEMONS = ("corosync", "pacemakerd", "crm_mon", "cibadmin")
_OCF = Path("/usr/lib/ocf/resource.d")
_LOADAVG = "0.10 0.10 0.10 1/100 100\n"


class PeerMissing(Refused):
    """The peer is not installed here, or cannot run."""

    id = "peer-missing"


@dataclass(frozen=True, slots=True)
class PeerView:
    """What a node's crm_mon says: the coordinator, whether there is quorum, who is online, resource → nodes."""

    dc: str = ""
    quorate: bool = False
    online: tuple[str, ...] = ()
    resources: tuple[tuple[str, tuple[str, ...]], ...] = ()


def check_installed(corosync_only: bool = False) -> None:
    """Raises PeerMissing, NoNamespaces with the reason why no peer can be started here."""
    check_possible()
    wanted = _DAEMONS[:1] if corosync_only else _DAEMONS
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    missing = [name for name in wanted if shutil.which(name, path=path) is None]
    if missing:
        raise PeerMissing(f"{', '.join(missing)} is not installed", "install corosync and pacemaker")


def corosync_conf(nodes: dict[str, str], *, token_ms: int = 0, name: str = "peer") -> str:
    """corosync.conf with the defaults of corosync.conf(5) but for what is given: node name → address."""
    token = f"    token: {token_ms}\n" if token_ms else ""
    each = "".join(
        f"    node {{\n        name: {node}\n        nodeid: {number}\n        ring0_addr: {address}\n    }}\n"
        for number, (node, address) in enumerate(nodes.items(), 1)
    )
    return (
        f"totem {{\n    version: 2\n    cluster_name: {name}\n    transport: knet\n    crypto_cipher: none\n"
        f"    crypto_hash: none\n{token}}}\nnodelist {{\n{each}}}\n"
        "quorum {\n    provider: corosync_votequorum\n}\n"
        "logging {\n    to_stderr: no\n    to_logfile: yes\n    logfile: /var/log/corosync/corosync.log\n"
        "    to_syslog: no\n    timestamp: hires\n}\n"
    )


class PeerCluster:
    """`folder` None makes one that is removed at the end. `token_ms` 0 is corosync's own default."""

    def __init__(
        self, nodes: Sequence[str], *, folder: Path | None = None, keep: bool = False, token_ms: int = 0,
        corosync_only: bool = False,
    ) -> None:
        check_installed(corosync_only)
        self.addresses = {node: f"{NET}.{10 + number}" for number, node in enumerate(nodes, 1)}
        self.folder = (folder or Path(tempfile.mkdtemp(prefix="hashell-"))).resolve()
        self.corosync_only = corosync_only
        self._conf = corosync_conf(self.addresses, token_ms=token_ms)
        self._janitor = Janitor(self.folder, keep=keep or folder is not None)
        self._network: Network | None = None
        try:
            self._network = Network(self.folder / "network")
            self.client_machine = self._network.power_on("client", f"{CLIENT}/24", self.folder / "network" / "client")
        except BaseException:
            self.close()
            raise

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self.addresses)

    def machine(self, node: str) -> Machine:
        """Raises NotFound when it is off."""
        assert self._network is not None
        return self._network.machine(node)

    def run_folder(self, node: str) -> Path:
        """What marks a node's processes."""
        return self.folder / node / "run"

    # --- one node

    def power_on(self, node: str) -> None:
        """Switch the machine on; no daemon runs yet. What it had on disk is there again."""
        assert self._network is not None
        machine = self._network.power_on(node, f"{self.addresses[node]}/24", self.run_folder(node), sealed=True)
        self._furnish(node, machine)

    def _furnish(self, node: str, machine: Machine) -> None:
        """Folders of the node's own over those of this machine."""
        base = self.folder / node
        conf = base / "etc-corosync"
        conf.mkdir(parents=True, exist_ok=True)
        (conf / "corosync.conf").write_text(self._conf, encoding="utf-8")
        (conf / "uidgid.d").mkdir(exist_ok=True)
        for name in ("corosync-state", "corosync-log", "pacemaker", "pacemaker-log"):
            (base / name).mkdir(exist_ok=True)
        binds = [
            (conf, "/etc/corosync"), (base / "corosync-state", "/var/lib/corosync"),
            (base / "corosync-log", "/var/log/corosync"),
        ]
        if not self.corosync_only:
            user, group = pwd.getpwnam("hacluster").pw_uid, grp.getgrnam("haclient").gr_gid
            for name in ("", "blackbox", "cib", "cores", "pengine"):
                (base / "pacemaker" / name).mkdir(exist_ok=True)
                os.chown(base / "pacemaker" / name, user, group)
            os.chown(base / "pacemaker-log", user, group)
            (base / "etc-pacemaker").mkdir(exist_ok=True)
            binds += [
                (base / "pacemaker", "/var/lib/pacemaker"), (base / "pacemaker-log", "/var/log/pacemaker"),
                (base / "etc-pacemaker", "/etc/pacemaker"),
            ]
        machine.do("mount", "-t", "tmpfs", "tmpfs", "/run")
        machine.do("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")  # noqa: S108
        machine.do("mkdir", "-p", "-m", "0755", "/run/lock", "/run/resource-agents", "/run/crm")
        for folder, over in binds:
            if Path(over).is_dir():
                bind_folder(machine, folder, over)
        loadavg = base / "loadavg"
        loadavg.write_text(_LOADAVG, encoding="ascii")
        machine.do("mount", "--bind", str(loadavg), "/proc/loadavg")
        hosts = base / "hosts"
        hosts.write_text(
            "127.0.0.1 localhost\n" + "".join(f"{at} {name}\n" for name, at in self.addresses.items()), encoding="ascii"
        )
        machine.do("mount", "--bind", str(hosts), "/etc/hosts")
        if not self.corosync_only:
            self._own_agents(node, machine)

    def _own_agents(self, node: str, machine: Machine) -> None:
        """Our agents beside those of the distribution, so that both clusters run the same service."""
        if not _OCF.is_dir():
            return
        base = self.folder / node / "resource.d"
        for provider in (*(one for one in _OCF.iterdir() if one.is_dir()), OWN / "ocf" / "hashell"):
            place = base / provider.name
            place.mkdir(parents=True, exist_ok=True)
            bind_folder(machine, provider, str(place))
        machine.do("mount", "--rbind", str(base), str(_OCF))

    def environment(self, node: str) -> dict[str, str]:
        """What a node's daemons are started with; agents inherit it."""
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            "HOME": "/root", processes.MARK: str(self.run_folder(node)), "HASHELL_NODE": node,
            "HASHELL_PYTHON": sys.executable, "HA_RSCTMP": "/run/resource-agents",
            "PCMK_logfile": "/var/log/pacemaker/pacemaker.log",
        }

    def start_node(self, node: str) -> None:
        """Power on where needed, then corosync and pacemakerd as their units do. Returns when corosync is ready."""
        self._start((node,))

    def start(self) -> None:
        """All nodes at the same time."""
        self._start(self.nodes)

    def _start(self, nodes: Sequence[str]) -> None:
        for node in nodes:
            if not self.powered(node):
                self.power_on(node)
        # Without -f corosync goes to the background when it is ready.
        script = "corosync || exit 1" if self.corosync_only else "corosync || exit 1; pacemakerd -f & sleep 0"
        started = [
            subprocess.Popen(
                [*self.machine(node).words(), "sh", "-c", script], env=self.environment(node), cwd="/",
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            )
            for node in nodes
        ]
        for node, process in zip(nodes, started, strict=True):
            try:
                code = process.wait(BOOT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise TimedOut(f"corosync of {node} was not ready after {BOOT_S:g} s") from None
            if code:
                log = self.folder / node / "corosync-log" / "corosync.log"
                tail = log.read_text(errors="replace")[-500:] if log.exists() else ""
                raise Refused(f"corosync of {node} did not start: {tail}")

    def powered(self, node: str) -> bool:
        """Whether the machine is on (or frozen)."""
        try:
            return self.machine(node).holder.poll() is None
        except HashellError:
            return False

    def power_off(self, node: str) -> None:
        """As a power cut: the cable says nothing any more, every process ends."""
        assert self._network is not None
        self._network.power_off(node)

    def stop_node(self, node: str) -> None:
        """In good order: Pacemaker, then corosync; the machine stays on."""
        # Nobody on the machine takes note of processes that ended: those do not count as running.
        script = "; ".join(
            f"pkill -TERM -x {name}; while pgrep -r DRST -x {name} >/dev/null; do sleep 0.05; done"
            for name in ("pacemakerd", "corosync")
        )
        self.run(node, "sh", "-c", script, timeout_s=PATIENCE_S)

    def freeze(self, node: str) -> None:
        """SIGSTOP for everything of a node."""
        processes.freeze(self.run_folder(node))

    def thaw(self, node: str) -> None:
        processes.send(self.run_folder(node), signal.SIGCONT)

    def cut(self, node: str, *, cut: bool = True) -> None:
        """Pull the cable, or plug it in."""
        assert self._network is not None
        self._network.cut(node, cut=cut)

    # --- asking

    def run(self, node: str, *words: str, given: str = "", timeout_s: float = COMMAND_S) -> str:
        """A command on a node; what it printed. Raises Refused with what it complained of, TimedOut."""
        try:
            done = subprocess.run(
                [*self.machine(node).words(), *words], input=given, capture_output=True, text=True, check=False,
                timeout=timeout_s, env=self.environment(node), cwd="/",
            )
        except subprocess.TimeoutExpired:
            raise TimedOut(f"{words[0]} on {node} took more than {timeout_s:g} s") from None
        if done.returncode:
            raise Refused(f"{words[0]} on {node}: {done.stderr.strip() or done.stdout.strip() or done.returncode}")
        return done.stdout

    def command(self, node: str, *words: str) -> list[str]:
        """The words of a command that runs on a node, for those who start it themselves."""
        return [*self.machine(node).words(), *words]

    def view(self, node: str) -> PeerView:
        """What a node says of the cluster; empty where it says nothing."""
        try:
            text = self.run(node, "crm_mon", "--output-as=xml", "-1", timeout_s=20)
        except HashellError:
            return PeerView()
        root = parse_xml(text.encode())
        dc = root.find("summary/current_dc")
        there = dc is not None and dc.get("present") == "true"
        online = tuple(
            str(one.get("name")) for one in root.iterfind("nodes/node")
            if (one.get("online"), one.get("pending"), one.get("unclean")) == ("true", "false", "false")
        )
        resources = tuple(
            (str(one.get("id")), tuple(str(on.get("name")) for on in one.iterfind("node")))
            for one in root.iter("resource") if one.get("active") == "true"
        )
        return PeerView(
            str(dc.get("name")) if there and dc is not None else "",
            there and dc is not None and dc.get("with_quorum") == "true", online, resources,
        )

    def running(self) -> tuple[str, ...]:
        return tuple(node for node in self.nodes if self.powered(node))

    def wait_whole(self, timeout_s: float = PATIENCE_S) -> float:
        """Seconds until every node is online with a coordinator and quorum, as all of them see it. Raises TimedOut."""

        def whole() -> bool:
            views = [self.view(node) for node in self.nodes]
            return len({view.dc for view in views}) == 1 and all(
                view.quorate and set(view.online) == set(self.nodes) for view in views
            )

        return self.wait_until(whole, "the peer is not whole", timeout_s)

    def wait_idle(self, node: str, timeout_s: float = PATIENCE_S) -> None:
        """Until the coordinator has nothing to do. Raises TimedOut."""
        self.run(node, "crm_resource", "--wait", timeout_s=timeout_s)

    def load(self, node: str, cib: str) -> None:
        """Replace the configuration section of the CIB by this XML."""
        self.run(node, "cibadmin", "--replace", "--scope", "configuration", "--xml-pipe", given=cib)

    def wait_until(self, holds: Callable[[], bool], otherwise: str, timeout_s: float = PATIENCE_S) -> float:
        """Seconds until `holds()` was true. Raises TimedOut saying `otherwise`."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > timeout_s:
                raise TimedOut(f"{otherwise} after {timeout_s:g} s", f"logs: {self.folder}")
            time.sleep(LOOK_S)
        return time.monotonic() - began

    # --- the end

    def close(self) -> None:
        """Everything off, the folder gone if it is ours."""
        if self._network is not None:
            with contextlib.suppress(NoNamespaces):
                self._network.close()
        with contextlib.suppress(processes.Leftover):
            processes.end(self.folder)
        self._janitor.dismiss()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
