"""The rig of the original: the same faults done to a real Pacemaker and corosync with the same service.

Its fencing is off, which spares it the time that fencing takes: comparisons lean its way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from hashell.errors import HashellError, NotFound
from hashell.lab.live_rig import SERVICE_PORT, Owners, configuration, wait_until
from hashell.lab.peer import NET, PeerCluster
from hashell.lab.probe import Probe
from hashell.lab.stage import FRESH_S, SITE

#: Seconds for the peer to come about: its cold start alone takes more than 20.
PATIENCE_S = 180.0


class PeerRig:
    """Rig (live_rig.py) on PeerCluster."""

    product = "pacemaker"

    def __init__(self, nodes: int = 3, *, token_ms: int = 0, keep: bool = False) -> None:
        self.cluster = PeerCluster([f"node{number}" for number in range(1, nodes + 1)], token_ms=token_ms, keep=keep)
        self.probe = Probe(f"{NET}.47", SERVICE_PORT)
        self.owners: Owners | None = None
        try:
            self.cluster.start()
            self.cluster.wait_whole()
            self.probe.start(tuple(self.cluster.client_machine.words()))
            self.owners = Owners(self.probe.address, self.probe.port, self._tables)
            for section, xml in configuration(self.nodes, self.probe.address, self.probe.port):
                self.cluster.run(
                    "node1", "cibadmin", "--modify", "--allow-create", "--scope", section, "--xml-pipe", given=xml
                )
            wait_until(self.trouble, PATIENCE_S)
        except BaseException:
            self.close()
            raise

    def _tables(self) -> dict[str, Path]:
        return {
            node: Path(f"/proc/{self.cluster.machine(node).pid}/net/tcp") for node in self.nodes
            if self.cluster.powered(node)
        }

    @property
    def nodes(self) -> tuple[str, ...]:
        return self.cluster.nodes

    def _witness(self) -> str:
        for node in self.nodes:
            if self.cluster.powered(node) and self.cluster.view(node).dc:
                return node
        raise NotFound("no node of the peer answers")

    def owner(self) -> str:
        sight = self.probe.sight
        return sight.node if time.monotonic() - sight.alive_s < FRESH_S + 0.4 else ""

    def dc(self) -> str:
        return self.cluster.view(self._witness()).dc

    def listening(self) -> tuple[str, ...]:
        assert self.owners is not None
        return self.owners.look()

    def kill_service(self, node: str) -> None:
        self.cluster.run(node, "sh", "-c", f"kill -9 $(cut -d' ' -f1 /run/resource-agents/WebServer-{SITE}.pid)")

    def kill(self, node: str) -> None:
        """Every process of the machine at once; corosync speaks UDP, so no kernel says goodbye for it."""
        self.cluster.power_off(node)

    def power_off(self, node: str) -> None:
        self.cluster.power_off(node)

    def freeze(self, node: str) -> None:
        self.cluster.freeze(node)

    def cut(self, node: str, *, cut: bool = True) -> None:
        self.cluster.cut(node, cut=cut)

    def start(self, nodes: Sequence[str]) -> None:
        assert set(nodes) == set(self.nodes)
        self.cluster.start()

    def stop_all(self) -> None:
        """All leave: one after the other, as nothing is measured by it. Not before every node has the service on its
        disk: Pacemaker 2.1.5 keeps the last of some quick changes in memory until another one comes, and has come back
        without it."""
        for number in range(20):
            if not self._unwritten():
                break
            self.cluster.run(
                self._witness(), "crm_attribute", "-t", "crm_config", "-n", "written", "-v", str(number)
            )
            time.sleep(1.5)
        for node in self.nodes:
            self.cluster.stop_node(node)

    def _unwritten(self) -> str:
        for node in self.nodes:
            file = self.cluster.folder / node / "pacemaker" / "cib" / "cib.xml"
            if not file.exists() or SITE.encode() not in file.read_bytes():
                return f"{node} has not written the service to its disk"
        return ""

    def standby(self, node: str, on: bool) -> None:
        self.cluster.run(self._witness(), "crm_standby", "-N", node, *(("-v", "on") if on else ("-D",)))

    def revive(self, node: str) -> None:
        """What fencing would do first: a node that was frozen is switched off. One that was cut off goes on."""
        if self.cluster.powered(node):
            if not any(node in self.cluster.view(other).online for other in self.nodes if other != node):
                state = Path(f"/proc/{self.cluster.machine(node).pid}/stat").read_text(encoding="ascii")
                if state.rpartition(") ")[2].startswith("T"):
                    self.cluster.power_off(node)
                    self.cluster.start_node(node)
            return
        self.cluster.start_node(node)

    def lost(self, node: str) -> str:
        try:
            seen = [self.cluster.view(other) for other in self.nodes if other != node and self.cluster.powered(other)]
        except HashellError as error:
            return str(error)
        return f"{node} is still online" if any(node in view.online for view in seen) else ""

    def trouble(self) -> str:
        views = [self.cluster.view(node) for node in self.nodes if self.cluster.powered(node)]
        for view in views:
            if not view.quorate or set(view.online) != set(self.nodes):
                return f"online are {', '.join(view.online) or 'none'}"
        if len(views) != len(self.nodes) or len({view.dc for view in views}) != 1:
            return "no single coordinator"
        return "" if self.owner() else "the service does not answer"

    def failures(self) -> tuple[str, ...]:
        return ()

    def clean_up(self) -> None:
        self.cluster.run(self._witness(), "crm_resource", "--cleanup")

    def close(self) -> None:
        if self.owners is not None:
            self.owners.close()
        self.probe.stop()
        self.cluster.close()

    def __enter__(self) -> PeerRig:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


