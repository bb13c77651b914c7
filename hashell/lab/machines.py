"""A cluster on machines in namespaces: each node with a network of its own, cables to pull, addresses to lose.

What a kill means differs from loopback: the machine stays until it is fenced or switched off, with its addresses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from hashell.errors import NotFound
from hashell.lab import processes
from hashell.lab.cluster import LocalCluster, NodePlace
from hashell.lab.namespaces import Machine, Network

#: The port of a node; each has an address of its own, so all may have the same.
PORT = 5460


class MachineCluster(LocalCluster):
    """`addresses` and `seconds` (on a second network, or none) are with prefix length, one a node; `client` is the
    address of a machine for those who ask."""

    def __init__(
        self, nodes: Sequence[str], addresses: Sequence[str], client: str, *, seconds: Sequence[str] = (),
        name: str = "demo", folder: Path | None = None, keep: bool = False, settings: str = "",
    ) -> None:
        self._addresses = dict(zip(nodes, addresses, strict=True))
        self._seconds = dict(zip(nodes, seconds, strict=True)) if seconds else {}
        self._network: Network | None = None
        super().__init__(nodes, name=name, folder=folder, keep=keep, settings=settings)
        try:
            self._network = Network(self.folder / "network", bridges=2 if seconds else 1)
            self.client_machine = self._network.power_on("client", client, self.folder / "network" / "client")
        except BaseException:
            self.close()
            raise

    def _make_place(self, node: str) -> NodePlace:
        return NodePlace(node, self.folder / node, PORT, self._addresses[node].partition("/")[0])

    @property
    def network(self) -> Network:
        assert self._network is not None
        return self._network

    def second_address(self, node: str) -> str:
        """Its address on the second network; empty where there is none."""
        return self._seconds.get(node, "").partition("/")[0]

    def machine(self, node: str) -> Machine:
        """Raises NotFound when it is switched off, also by fencing."""
        machine = self.network.machine(node)
        if machine.holder.poll() is not None:
            raise NotFound(f"the machine {node} is switched off")
        return machine

    def prefix(self, node: str) -> list[str]:
        return self.machine(node).words()

    def command(self, node: str, *extra: str) -> list[str]:
        words = super().command(node, *extra)
        if self._seconds:
            # With two networks a node listens on both.
            place = words.index("--address")
            del words[place:place + 2]
            for other in self.nodes:
                if other != node:
                    words += ["--peer", f"{self.second_address(other)}:{PORT}"]
        return words

    def start_node(self, node: str, *extra: str) -> None:
        try:
            self.machine(node)
        except NotFound:
            self.power_on(node)
        super().start_node(node, *extra)

    def power_on(self, node: str) -> Machine:
        """Switch the machine on; no daemon runs yet."""
        also = [self._seconds[node]] if self._seconds else []
        return self.network.power_on(node, self._addresses[node], self.place(node).run, *also)

    def cut(self, node: str, *, cut: bool = True, link: int = 0) -> None:
        """Pull a node's cable, or plug it in again. Raises NotFound when the machine is off: its cables went too."""
        self.machine(node)
        self.network.cut(node, cut=cut, link=link)

    def _inhabitants(self, node: str) -> set[int]:
        """Processes of a node but for the one that keeps its namespaces."""
        return set(processes.belonging(self.place(node).run)) - {self.machine(node).pid}

    def kill(self, node: str) -> None:
        """As a power cut: the cables say nothing any more, then every process ends."""
        self.network.power_off(node)
        self._reap(node)

    def kill_processes(self, node: str) -> None:
        """SIGKILL for everything that runs there; the machine stays, and its kernel says goodbye to the peers."""
        processes.end_all(lambda: self._inhabitants(node))
        self._reap(node)

    def runs(self, node: str) -> bool:
        with contextlib.suppress(NotFound):
            return bool(self._inhabitants(node))
        return False

    def close(self) -> None:
        if self._network is not None:
            self._network.close()
        super().close()
