"""Machines in namespaces: each with a network of its own on a bridge, and an /etc/init.d of its own.

A machine is a process that sleeps in a new network and mount namespace; nsenter runs programs there. A power cut
kills that process with all others of the machine, and the kernel takes the namespaces, addresses and cables away with
it. A sealed machine has also its own host name, process ids and shared memory, as daemons want that take a machine for
theirs. Needs root, or to be root in a user namespace (`in_user_namespace`).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
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
    """A machine that runs. `run` marks its processes; `holder` keeps its namespaces, `pid` stands in them; `ports` are
    its cables' ends at the bridges, the first that of eth0, the second that of eth1.
    """

    name: str
    address: str
    run: Path
    holder: subprocess.Popen[bytes]
    pid: int
    ports: tuple[str, ...] = ()
    sealed: bool = False

    def words(self) -> list[str]:
        """Words before a program that is to run on this machine."""
        also = ["--uts", "--ipc", "--pid"] if self.sealed else []
        return ["nsenter", "--target", str(self.pid), "--net", "--mount", *also, "--"]

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


#: What holds the namespaces of a machine: tells its process id as others see it, then sleeps. In a sealed machine it is
#: process 1, and has the kernel take away children whose parents are gone (a shell cannot).
_HOLD = "read -r pid rest < /proc/self/stat; echo $pid; exec sleep infinity"
_HOLD_SEALED = (
    "read -r pid rest < /proc/self/stat; mount -t proc proc /proc; hostname \"$0\" || echo \"$0\" > "
    "/proc/sys/kernel/hostname; exec \"$1\" -I -S -c \"$2\" $pid"
)
_REAPER = (
    "import signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nprint(sys.argv[1], flush=True)\n"
    "while True: signal.pause()"
)


class Network:
    """Bridges in a namespace of its own, and the machines on them. All of it vanishes with the processes below
    `folder`."""

    def __init__(self, folder: Path, *, bridges: int = 1) -> None:
        check_possible()
        self._folder = folder
        self._machines: dict[str, Machine] = {}
        self._ports = itertools.count(1)
        self._cables: dict[str, subprocess.Popen[bytes]] = {}
        self._bridge = self._hold("bridge", folder / "bridge", "")
        for number in range(bridges):
            name = f"br{number}"
            self._bridge.do("ip", "link", "add", name, "type", "bridge", "forward_delay", "0", "stp_state", "0")
            self._bridge.do("ip", "link", "set", name, "up")

    def _hold(self, name: str, run: Path, address: str, *, sealed: bool = False) -> Machine:
        run.mkdir(parents=True, exist_ok=True)
        also = ["--uts", "--ipc", "--pid", "--fork", "--kill-child"] if sealed else []
        holder = subprocess.Popen(
            [
                "unshare", "--net", "--mount", "--propagation", "private", *also,
                "sh", "-c", _HOLD_SEALED if sealed else _HOLD, name, sys.executable, _REAPER,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            env={"PATH": os.environ.get("PATH", ""), processes.MARK: str(run)},
        )
        assert holder.stdout is not None
        said = holder.stdout.readline().strip()
        holder.stdout.close()
        if not said.isdigit():
            holder.wait(TOOL_TIMEOUT_S)
            raise NoNamespaces(f"no namespaces for {name}")
        return Machine(name, address, run, holder, int(said), sealed=sealed)

    def machine(self, name: str) -> Machine:
        """A machine that runs. Raises NotFound."""
        try:
            return self._machines[name]
        except KeyError:
            raise NotFound(f"no machine {name} is switched on") from None

    def power_on(self, name: str, address: str, run: Path, *also: str, sealed: bool = False) -> Machine:
        """A machine with `address` (with prefix length) on eth0, its cable in the first bridge; each further address
        is on the next interface and bridge."""
        if name in self._machines:
            if self._machines[name].holder.poll() is None:
                raise Refused(f"the machine {name} is switched on already")
            self.power_off(name)
        made = self._hold(name, run, address, sealed=sealed)
        made.do("ip", "link", "set", "lo", "up")
        ports = []
        for number, one in enumerate((address, *also)):
            port, interface = f"port{next(self._ports)}", f"eth{number}"
            self._bridge.do(
                "ip", "link", "add", port, "type", "veth", "peer", "name", interface, "netns", str(made.pid)
            )
            self._bridge.do("ip", "link", "set", port, "master", f"br{number}", "up")
            made.do("ip", "address", "add", one, "brd", "+", "dev", interface)
            made.do("ip", "link", "set", interface, "up")
            ports.append(port)
        self._machines[name] = made = replace(made, ports=tuple(ports))
        return made

    def cut(self, name: str, *, cut: bool = True, link: int = 0) -> None:
        """Pull a machine's cable (`link` counts from 0), or plug it in again. Raises NotFound."""
        self._bridge.do("ip", "link", "set", self.machine(name).ports[link], "down" if cut else "up")

    def replace_cable(self, name: str, delay_ms: float, jitter_ms: float, loss: float, duplicates: float) -> None:
        """Put a bad cable (cable.py) between a machine's first interface and the bridge. Raises NoNamespaces."""
        program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("cable.py"))]
        machine = self.machine(name)
        self.mend_cable(name)
        # Checksums and segments must be as on a wire: the kernel would leave them to hardware that is not there.
        for place in self._machines.values():
            place.do(*program, "--plain", "eth0")
        one, other = f"{machine.ports[0]}a", f"{machine.ports[0]}b"
        self._bridge.do("ip", "link", "add", one, "type", "veth", "peer", "name", other)
        self._bridge.do("ip", "link", "set", machine.ports[0], "nomaster")
        self._bridge.do("ip", "link", "set", other, "master", "br0", "up")
        self._bridge.do("ip", "link", "set", one, "up")
        process = subprocess.Popen(
            [
                *self._bridge.words(), *program, machine.ports[0], one, str(delay_ms), str(jitter_ms), str(loss),
                str(duplicates), "1",
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", ""), processes.MARK: str(self._bridge.run)},
        )
        self._cables[name] = process
        assert process.stdout is not None
        if process.stdout.readline() != b"carries\n":
            raise NoNamespaces(f"the cable of {name} does not carry")

    def mend_cable(self, name: str) -> None:
        """A good cable again; harmless where it is good."""
        process = self._cables.pop(name, None)
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait(TOOL_TIMEOUT_S)
        process.stdout.close()
        if name in self._machines:
            port = self._machines[name].ports[0]
            with contextlib.suppress(NoNamespaces):  # A machine that was fenced took its port away.
                self._bridge.do("ip", "link", "del", f"{port}a")
                self._bridge.do("ip", "link", "set", port, "master", "br0")

    def power_off(self, name: str) -> None:
        """At once and without a word, as by a power cut. Harmless for one that is off.

        The cables first: the kernel would otherwise say goodbye to the peers of every process that is killed.
        """
        if name not in self._machines:
            return
        self.mend_cable(name)
        made = self._machines.pop(name)
        for port in made.ports:
            with contextlib.suppress(NoNamespaces):  # Whoever fenced it took the namespace and its cables away.
                self._bridge.do("ip", "link", "set", port, "down")
        if made.sealed:
            # Everything of a process namespace ends with its first process.
            with contextlib.suppress(ProcessLookupError):
                os.kill(made.pid, signal.SIGKILL)
        processes.end(made.run)
        made.holder.wait(TOOL_TIMEOUT_S)

    def close(self) -> None:
        """All machines off, the bridges gone."""
        for name in list(self._machines):
            self.power_off(name)
        processes.end(self._bridge.run)
        self._bridge.holder.wait(TOOL_TIMEOUT_S)


def bind_folder(machine: Machine, folder: Path, over: str) -> None:
    """Let a folder stand in the place of another, on this machine alone."""
    machine.do("mount", "--bind", str(folder), over)
