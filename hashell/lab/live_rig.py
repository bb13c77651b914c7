"""A rig: a cluster of three real nodes with a service and a client on it, and everything that can be done to it.

Rig is what a fault of live_faults.py sees. HashellRig plays on loopback or on machines in namespaces; live_peer.py has
the one of the original. The service has no preferred node and stays where it is: each fault meets another node, and
whether that is the coordinator changes by itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self
from xml.sax.saxutils import quoteattr

from lxml.etree import _Element

from hashell.errors import HashellError, NotFound, TimedOut
from hashell.lab.live_audit import Usage, usage_of
from hashell.lab.machines import PORT, MachineCluster
from hashell.lab.probe import Probe, listeners
from hashell.lab.stage import ADDRESS, FENCING, GROUP, MONITOR_S, SITE, LoopbackStage, ServiceStage
from hashell.lab.timeline import Timeline
from hashell.wire.messages import Change

#: The networks of machines: nodes at .11, .12 …, the client at .1, the service at .47.
NET, SECOND_NET = "10.88.0", "10.88.1"
SERVICE_PORT = 8047
#: Seconds between two looks at who listens at the service's address.
OWNERS_S = 0.02
#: Seconds for anything to come about; and between two looks at it.
PATIENCE_S = 90.0
LOOK_S = 0.03
#: And until a heartbeat process that died has a successor.
HEART_S = 20.0


class Rig(Protocol):
    """Three nodes, a service, a client. Times are by the monotonic clock. Everything raises HashellError."""

    product: str
    probe: Probe

    @property
    def nodes(self) -> tuple[str, ...]: ...
    def owner(self) -> str: ...
    def dc(self) -> str: ...
    def listening(self) -> tuple[str, ...]: ...
    def kill_service(self, node: str) -> None: ...
    def kill(self, node: str) -> None: ...
    def power_off(self, node: str) -> None: ...
    def freeze(self, node: str) -> None: ...
    def cut(self, node: str, *, cut: bool = True) -> None: ...
    def start(self, nodes: Sequence[str]) -> None: ...
    def stop_all(self) -> None: ...
    def standby(self, node: str, on: bool) -> None: ...
    def revive(self, node: str) -> None: ...
    def lost(self, node: str) -> str: ...
    def trouble(self) -> str: ...
    def failures(self) -> tuple[str, ...]: ...
    def clean_up(self) -> None: ...
    def close(self) -> None: ...


def wait_until(complaint: Callable[[], str], within_s: float = PATIENCE_S, for_s: float = 0.0) -> float:
    """Seconds until there was no complaint, for so long without a break. Raises TimedOut with the last one."""
    began_s = time.monotonic()
    since_s: float | None = None
    while True:
        said = complaint()
        now_s = time.monotonic()
        since_s = None if said else (now_s if since_s is None else since_s)
        if since_s is not None and now_s - since_s >= for_s:
            return since_s - began_s
        if now_s - began_s > within_s + for_s:
            raise TimedOut(f"{said or 'it did not last'} (after {within_s:g} s)")
        time.sleep(LOOK_S)


def configuration(
    nodes: Sequence[str], address: str, port: int, *, claim_port: int = 0, fencing: str = "", delays: str = "",
) -> tuple[tuple[str, str], ...]:
    """(section, XML) of the service: a group of an address and a web server that stays where it is. With a claim port
    the address is one of loopback, else an IPaddr2. `fencing` names the fence agent; none: no fencing. `delays` is its
    pcmk_delay_base, as in "node1:1s;node2:0"."""

    def pairs(owner: str, kind: str, values: dict[str, str]) -> str:
        inside = "".join(
            f'<nvpair id="{owner}-{kind}-{name}" name="{name}" value={quoteattr(value)}/>'
            for name, value in values.items()
        )
        return f'<{kind} id="{owner}-{kind}">{inside}</{kind}>'

    def primitive(id: str, provider: str, type: str, values: dict[str, str]) -> str:
        times = "".join(
            f'<op id="{id}-{name}" name="{name}" interval="{interval}" timeout="20s"/>'
            for name, interval in (("monitor", f"{MONITOR_S}s"), ("start", "0"), ("stop", "0"))
        )
        return (
            f'<primitive id="{id}" class="ocf" provider="{provider}" type="{type}">'
            + pairs(id, "instance_attributes", values) + f"<operations>{times}</operations></primitive>"
        )

    options = {"stonith-enabled": str(bool(fencing)).lower(), "no-quorum-policy": "stop"}
    place = (
        primitive(ADDRESS, "hashell", "VirtualIP", {"ip": address, "claim_port": str(claim_port)}) if claim_port
        else primitive(ADDRESS, "heartbeat", "IPaddr2", {"ip": address, "cidr_netmask": "24", "nic": "eth0"})
    )
    site = primitive(SITE, "hashell", "WebServer", {"ip": address, "port": str(port)})
    found = [
        ("crm_config", pairs("cib-bootstrap", "cluster_property_set", options).replace(
            "cib-bootstrap-cluster_property_set", "cib-bootstrap-options")),
        ("rsc_defaults", pairs("rsc", "meta_attributes", {"resource-stickiness": "100"})),
    ]
    if fencing:
        found.append((
            "resources",
            f'<primitive id="{FENCING}" class="stonith" type="{fencing}">'
            + pairs(FENCING, "instance_attributes", {
                "pcmk_host_check": "static-list", "pcmk_host_list": " ".join(nodes),
                **({"pcmk_delay_base": delays} if delays else {})})
            + f'<operations><op id="{FENCING}-monitor" name="monitor" interval="60s" timeout="20s"/></operations>'
            "</primitive>",
        ))
    return (*found, ("resources", f'<group id="{GROUP}">{place}{site}</group>'))


class Owners:
    """A thread that looks who listens at the service's address: two at one time are two owners. `tables` gives node →
    file with the kernel's table of sockets, as that node's network has it."""

    def __init__(self, address: str, port: int, tables: Callable[[], dict[str, Path]]) -> None:
        self._where = (address, port)
        self._tables = tables
        self._over = threading.Event()
        self.doubles: list[str] = []
        self.now: tuple[str, ...] = ()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def look(self) -> tuple[str, ...]:
        """The nodes that listen now."""
        found = []
        for node, table in self._tables().items():
            with contextlib.suppress(OSError):
                found += [node] * listeners(table, *self._where)
        return tuple(found)

    def _run(self) -> None:
        while not self._over.wait(OWNERS_S):
            self.now = self.look()
            if len(self.now) > 1 and len(self.doubles) < 1000:
                self.doubles.append(f"{' and '.join(self.now)} listen at the service's address")

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)


class LiveLoopback(LoopbackStage):
    """The demo's stage with a service that stays where it is."""

    prefers_home = False

    def configure(self) -> None:
        client = self.cluster.client()
        try:
            client.apply([
                Change("modify", xml.encode(), section) for section, xml in configuration(
                    self.cluster.nodes, self.address, self.port, claim_port=self._claim_port, fencing="fence_hashell")
            ])
        finally:
            client.close()


class LiveMachines(ServiceStage):
    """Nodes on machines with two networks each; the service is on the first, where the client is."""

    prefers_home = False

    def __init__(
        self, nodes: Sequence[str], *, folder: Path | None = None, keep: bool = False, settings: str = "",
        delays: str = "", engine: str = "", timeline: Timeline | None = None,
    ) -> None:
        self._delays = delays
        numbers = range(11, 11 + len(nodes))
        made: type[MachineCluster] = MachineCluster
        if engine == "corosync":
            from hashell.lab.live_corosync import CorosyncMachines

            made = CorosyncMachines
        elif engine:
            settings += f'engine = "{engine}"\n'
        self.machines = made(
            nodes, [f"{NET}.{number}/24" for number in numbers], f"{NET}.1/24",
            seconds=[f"{SECOND_NET}.{number}/24" for number in numbers], name="live", folder=folder, keep=keep,
            settings=settings,
        )
        super().__init__(self.machines, Probe(f"{NET}.47", SERVICE_PORT), timeline)

    def start_probe(self) -> None:
        self.probe.start(tuple(self.machines.client_machine.words()))

    def complaint(self, claim: str, node: str, on: str, not_on: str) -> str:
        # The client's table of sockets has no servers; the rig looks at all nodes' all the time.
        return "" if claim == "one-owner" else super().complaint(claim, node, on, not_on)

    def configure(self) -> None:
        client = self.cluster.client()
        try:
            client.apply([
                Change("modify", xml.encode(), section) for section, xml in configuration(
                    self.cluster.nodes, self.probe.address, self.probe.port, fencing="fence_hashell",
                    delays=self._delays)
            ])
        finally:
            client.close()


class HashellRig:
    """Ours. `machines` plays in namespaces, else on loopback; `settings` are lines of every node's settings file."""

    product = "hashell"

    def __init__(
        self, nodes: int = 3, *, machines: bool = False, keep: bool = False, settings: str = "", delays: str = "",
        engine: str = "", timeline: Timeline | None = None,
    ) -> None:
        """`delays` of fencing are for machines, where two halves can fence one another; so is another `engine`."""
        names = tuple(f"node{number}" for number in range(1, nodes + 1))
        self.stage: LiveLoopback | LiveMachines
        if machines:
            self.stage = LiveMachines(
                names, keep=keep, settings=settings, delays=delays, engine=engine, timeline=timeline)
        else:
            self.stage = LiveLoopback(nodes, keep=keep, settings=settings, timeline=timeline)
        self.cluster = self.stage.cluster
        self.probe = self.stage.probe
        if engine == "corosync":
            # Its times are corosync's: no mark of ours is meant for it.
            self.product = "corosync"
        self._logged: dict[str, int] = {}
        try:
            self.stage.build(PATIENCE_S)
            self.owners = Owners(self.probe.address, self.probe.port, self._tables)
            wait_until(self.trouble)
        except BaseException:
            self.stage.close()
            raise

    def _tables(self) -> dict[str, Path]:
        if isinstance(self.stage, LiveLoopback):
            return {"loopback": Path("/proc/net/tcp")}
        found = {}
        for node in self.nodes:
            with contextlib.suppress(HashellError):
                found[node] = Path(f"/proc/{self.stage.machines.machine(node).pid}/net/tcp")
        return found

    @property
    def on_machines(self) -> MachineCluster:
        """Raises NotFound on loopback."""
        if isinstance(self.stage, LiveMachines):
            return self.stage.machines
        raise NotFound("nodes on loopback have no cables")

    @property
    def nodes(self) -> tuple[str, ...]:
        return self.cluster.nodes

    def owner(self) -> str:
        return self.stage.owner()

    def dc(self) -> str:
        for node in self.nodes:
            info = self.cluster.info(node) if self.cluster.alive(node) else None
            if info is not None and info.dc:
                return info.dc
        return ""

    def listening(self) -> tuple[str, ...]:
        return self.owners.look()

    # --- what is done

    def kill_service(self, node: str) -> None:
        """SIGKILL for the web server, by the file in which its agent keeps the process id. Raises NotFound."""
        file = self.cluster.place(node).run / "rsctmp" / f"WebServer-{SITE}.pid"
        try:
            pid = int(file.read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            raise NotFound(f"no web server runs on {node}") from None
        os.kill(pid, signal.SIGKILL)

    def kill(self, node: str) -> None:
        """kill -9 for every process of the node: daemon, heartbeat process, agents, services; the kernel lives."""
        if isinstance(self.stage, LiveMachines):
            self.stage.machines.kill_processes(node)
        else:
            self.cluster.kill(node)

    def crash(self, node: str) -> None:
        """kill -9 for the daemon alone."""
        self.cluster.kill_daemon(node)

    def power_off(self, node: str) -> None:
        """Without a word: the cables first."""
        self.on_machines.kill(node)

    def freeze(self, node: str) -> None:
        self.cluster.freeze(node)

    def thaw(self, node: str) -> None:
        self.cluster.thaw(node)

    def cut(self, node: str, *, cut: bool = True) -> None:
        """All cables of a node."""
        with contextlib.suppress(NotFound):  # Fenced meanwhile: its cables are gone.
            for link in (0, 1):
                self.on_machines.cut(node, cut=cut, link=link)

    def heart(self, node: str) -> int:
        """The process id of a node's heartbeat process; on a busy machine one that died is replaced late. Raises
        NotFound."""
        until_s = time.monotonic() + HEART_S
        while time.monotonic() < until_s:
            for one in self.usage():
                if one.node == node and one.what == "heart":
                    return one.pid
            time.sleep(0.1)
        raise NotFound(f"{node} has no heartbeat process")

    def wipe(self, node: str) -> None:
        """Its state folder is gone."""
        shutil.rmtree(self.cluster.place(node).state)
        self.cluster.place(node).state.mkdir(mode=0o700)

    def start(self, nodes: Sequence[str]) -> None:
        for node in nodes:
            self.cluster.start_node(node)

    def stop(self, node: str) -> None:
        """Leave in good order; returns when it has. Raises TimedOut."""
        self.cluster.stop_node(node)

    def stop_all(self) -> None:
        """All leave at once. Raises TimedOut."""
        pids = [self.cluster.pid(node) for node in self.nodes]
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: ", ".join(n for n in self.nodes if self.cluster.alive(n)) and "some do not leave")

    def standby(self, node: str, on: bool) -> None:
        self.stage.perform("standby" if on else "online", node)

    def revive(self, node: str) -> None:
        """Start the node again once it is known to be off."""
        if not self.cluster.alive(node):
            self.cluster.start_node(node)

    # --- what is seen

    def lost(self, node: str) -> str:
        """Empty when the others have lost the node, fenced it, and it is off."""
        return self.stage.complaint("gone", node, "", "") or self.stage.complaint("off", node, "", "")

    def trouble(self) -> str:
        """Why the cluster is not idle and whole; empty when it is."""
        for node in self.nodes:
            if not self.cluster.alive(node):
                return f"{node} does not run"
            info = self.cluster.info(node)
            members = {one.name for one in info.members if one.state == "member"} if info else set()
            if members != set(self.nodes):
                return f"{node} sees {', '.join(sorted(members)) or 'nobody'}"
        return (
            self.stage.complaint("answers", "", "", "") or self.stage.complaint("agree", "", "", "")
            or self.stage.complaint("idle", "", "", "")
        )

    def view(self) -> tuple[int, int]:
        """Number of the view and of the last transition, as the coordinator has it. Raises NotFound."""
        info = self.cluster.info(self.dc())
        if info is None:
            raise NotFound("no coordinator answers")
        return info.view, info.transition

    def losses(self, since_s: float, but_by: str = "") -> tuple[str, ...]:
        """Who was lost according to events since then (wall clock), as all but one node tell it: who is cut off holds
        the others for lost, and is right."""
        watcher = self.stage.watcher
        events = watcher.events if watcher is not None else []
        return tuple(dict.fromkeys(
            name for event in events
            if event.when_s >= since_s and event.kind == "member" and event.text.endswith("was lost")
            and event.node != but_by
            for name in event.about if name != event.node
        ))

    def phases(self, since_s: float) -> str:
        """When members told what since then (wall clock), in milliseconds: lost, fenced, a transition's end."""
        watcher = self.stage.watcher
        events = [one for one in (watcher.events if watcher is not None else []) if one.when_s >= since_s]
        first: dict[str, float] = {}
        for one in events:
            if one.kind == "member" and one.text.endswith("was lost"):
                first["lost"] = min(first.get("lost", one.when_s), one.when_s)
            elif one.kind == "fencing":
                name = {"pending": "fencing", "success": "fenced"}.get(str(one.data.get("state")), "fencing failed")
                first[name] = min(first.get(name, one.when_s), one.when_s)
        ordered = sorted(first.items(), key=lambda pair: pair[1])
        found = [f"{name} {(when_s - since_s) * 1000:.0f}" for name, when_s in ordered]
        return ", ".join(found)

    def failures(self) -> tuple[str, ...]:
        """Fail counts in the CIB that are not zero."""
        client = self.cluster.client()
        try:
            found = client.cib().root.xpath("status//nvpair[starts-with(@name, 'fail-count-')]")
        finally:
            client.close()
        assert isinstance(found, list)
        return tuple(
            f"{one.get('name')}={one.get('value')}" for one in found
            if isinstance(one, _Element) and one.get("value") not in ("0", None)
        )

    def clean_up(self) -> None:
        """Forget failures, as a person would once they are understood."""
        client = self.cluster.client()
        try:
            client.clean_up()
        finally:
            client.close()

    def doubles(self) -> tuple[str, ...]:
        return (*self.probe.doubles, *self.owners.doubles)

    def usage(self) -> tuple[Usage, ...]:
        """Memory and descriptors of every daemon and heartbeat process."""
        return tuple(one for node in self.nodes for one in usage_of(node, self.cluster.place(node).run))

    def new_complaints(self) -> tuple[str, ...]:
        """Tracebacks in the daemons' logs since the last question."""
        found = []
        for node in self.nodes:
            log = self.cluster.place(node).log
            data = log.read_bytes() if log.exists() else b""
            new = data[self._logged.get(node, 0):]
            self._logged[node] = len(data)
            if (place := new.find(b"Traceback")) >= 0:
                found.append(f"{node}: {new[place:place + 2000].decode(errors='replace')}")
        return tuple(found)

    # --- the network of machines

    def nft(self, node: str, *rules: str) -> None:
        """Rules for nftables of a node, in chains `in` and `out` of table `fault`; none: they are taken away."""
        machine = self.on_machines.machine(node)
        machine.do("nft", "add", "table", "ip", "fault")
        machine.do("nft", "delete", "table", "ip", "fault")
        if rules:
            hooks = "".join(
                f"chain {name} {{ type filter hook {hook} priority 0; }}\n"
                for name, hook in (("in", "input"), ("out", "output"))
            )
            added = "".join(f"add rule ip fault {rule}\n" for rule in rules)
            machine.do("sh", "-c", f"nft -f - <<'END'\ntable ip fault {{\n{hooks}}}\n{added}END\n")

    def addresses(self, node: str) -> tuple[str, ...]:
        """Both addresses of a node's machine."""
        return self.cluster.place(node).address, self.on_machines.second_address(node)

    def reset(self, node: str) -> None:
        """The kernel of a node tears all its connections to peers, as a firewall may. Raises NoNamespaces."""
        machine = self.on_machines.machine(node)
        for port in ("sport", "dport"):
            machine.do("ss", "-K", "-t", "state", "established", port, "=", str(PORT))

    def close(self) -> None:
        self.owners.close()
        self.stage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


