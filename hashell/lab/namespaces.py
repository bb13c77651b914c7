"""Machines in namespaces: each with a network of its own on a bridge, and an /etc/init.d of its own.

A machine is a process that sleeps in a new network and mount namespace; nsenter runs programs there. A power cut
kills that process with all others of the machine, and the kernel takes the namespaces, addresses and cables away with
it. Needs root, or to be root in a user namespace (`in_user_namespace`).
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hashell.errors import NotFound, Refused
from hashell.lab import processes

#: Seconds for one command of the plumbing.
TOOL_TIMEOUT_S = 60.0
_TOOLS = ("ip", "unshare", "nsenter", "mount", "sleep")
#: Says to a second incarnation of ourselves that it is in the user namespace already.
INSIDE = "HASHELL_IN_USER_NAMESPACE"


class NoNamespaces(Refused):
    id = "no-namespaces"


def _run(words: list[str]) -> str:
    """One tool; what it printed. Raises NoNamespaces with what it complained of."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoNamespaces(f"{words[0]}: {error}") from None
    if done.returncode:
        raise NoNamespaces(
            f"{' '.join(words)}: {done.stderr.strip() or done.returncode}",
            "this needs root, or a system that lets users make namespaces",
        )
    return done.stdout


def check_possible() -> None:
    """Raises NoNamespaces with the reason why machines cannot be made here and now."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise NoNamespaces(f"{', '.join(missing)} is not installed", "install iproute2 and util-linux")
    if os.geteuid() != 0:
        raise NoNamespaces("network namespaces need root", "run as root, or where users may make namespaces")
    _run(["unshare", "--net", "--mount", "true"])


def in_user_namespace(words: list[str]) -> int | None:
    """As a plain user: run a command as root of a user namespace; its exit code. None when that is not needed or not
    possible."""
    if os.geteuid() == 0 or INSIDE in os.environ:
        return None
    prefix = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    try:
        _run([*prefix, "true"])
    except NoNamespaces:
        return None
    return subprocess.call([*prefix, *words], env={**os.environ, INSIDE: "1"})


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that runs. `run` marks its processes; `holder` keeps its namespaces; `port` is its cable's
    end at the bridge.
    """

    name: str
    address: str
    run: Path
    holder: subprocess.Popen[bytes]
    port: str = ""

    def words(self) -> list[str]:
        """Words before a program that is to run on this machine."""
        return ["nsenter", "--target", str(self.holder.pid), "--net", "--mount", "--"]

    def do(self, *words: str) -> str:
        """Run a tool there; what it printed. Raises NoNamespaces."""
        return _run([*self.words(), *words])

    def addresses(self) -> tuple[str, ...]:
        """Its IPv4 addresses, as `ip address` shows them, without prefix lengths."""
        found = []
        for line in self.do("ip", "-o", "-4", "address", "show").splitlines():
            words = line.split()
            if "inet" in words:
                found.append(words[words.index("inet") + 1].partition("/")[0])
        return tuple(found)


class Network:
    """A bridge in a namespace of its own, and the machines on it. All of it vanishes with the processes below
    `folder`."""

    def __init__(self, folder: Path) -> None:
        check_possible()
        self._folder = folder
        self._machines: dict[str, Machine] = {}
        self._ports = itertools.count(1)
        self._bridge = self._hold("bridge", folder / "bridge", "")
        for words in (
            ("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0", "stp_state", "0"),
            ("ip", "link", "set", "br0", "up"),
        ):
            self._bridge.do(*words)

    def _hold(self, name: str, run: Path, address: str, port: str = "") -> Machine:
        run.mkdir(parents=True, exist_ok=True)
        holder = subprocess.Popen(
            [
                "unshare", "--net", "--mount", "--propagation", "private",
                "sh", "-c", "echo ready; exec sleep infinity",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
            env={"PATH": os.environ.get("PATH", ""), processes.MARK: str(run)},
        )
        assert holder.stdout is not None
        said = holder.stdout.readline()
        holder.stdout.close()
        if said != b"ready\n":
            holder.wait(TOOL_TIMEOUT_S)
            raise NoNamespaces(f"no namespaces for {name}")
        return Machine(name, address, run, holder, port)

    def machine(self, name: str) -> Machine:
        """A machine that runs. Raises NotFound."""
        try:
            return self._machines[name]
        except KeyError:
            raise NotFound(f"no machine {name} is switched on") from None

    def power_on(self, name: str, address: str, run: Path) -> Machine:
        """A machine with `address` (with prefix length) on eth0, its cable in the bridge."""
        if name in self._machines:
            raise Refused(f"the machine {name} is switched on already")
        port = f"port{next(self._ports)}"
        made = self._hold(name, run, address, port)
        self._bridge.do(
            "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(made.holder.pid)
        )
        self._bridge.do("ip", "link", "set", port, "master", "br0", "up")
        made.do("ip", "link", "set", "lo", "up")
        made.do("ip", "address", "add", address, "brd", "+", "dev", "eth0")
        made.do("ip", "link", "set", "eth0", "up")
        self._machines[name] = made
        return made

    def cut(self, name: str, *, cut: bool = True) -> None:
        """Pull a machine's cable, or plug it in again. Raises NotFound."""
        self._bridge.do("ip", "link", "set", self.machine(name).port, "down" if cut else "up")

    def power_off(self, name: str) -> None:
        """At once and without a word, as by a power cut. Harmless for one that is off.

        The cable first: the kernel would otherwise say goodbye to the peers of every process that is killed.
        """
        if name not in self._machines:
            return
        self.cut(name)
        made = self._machines.pop(name)
        processes.end(made.run)
        made.holder.wait(TOOL_TIMEOUT_S)

    def close(self) -> None:
        """All machines off, the bridge gone."""
        for name in list(self._machines):
            self.power_off(name)
        processes.end(self._bridge.run)
        self._bridge.holder.wait(TOOL_TIMEOUT_S)


def bind_folder(machine: Machine, folder: Path, over: str) -> None:
    """Let a folder stand in the place of another, on this machine alone."""
    machine.do("mount", "--bind", str(folder), over)
