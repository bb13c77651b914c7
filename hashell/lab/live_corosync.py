"""Machines with two networks for hashelld on a real corosync, whose two links are those networks; for live faults."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from hashell.errors import NotFound
from hashell.lab.corosync import (
    check_corosync,
    conf_text,
    daemon_words,
    forget_boot,
    give_own_folders,
    key_file,
    run_corosync,
)
from hashell.lab.machines import MachineCluster
from hashell.lab.namespaces import Machine


class CorosyncMachines(MachineCluster):
    """As MachineCluster, with a corosync on each machine; it is started with the node and stays when hashelld leaves.
    `token_ms` is corosync's default where it is 3000."""

    def __init__(
        self, nodes: Sequence[str], addresses: Sequence[str], client: str, *, seconds: Sequence[str],
        name: str = "live", folder: Path | None = None, keep: bool = False, settings: str = "", token_ms: int = 3000,
    ) -> None:
        check_corosync()
        self._token_ms = token_ms
        self._corosyncs: dict[str, subprocess.Popen[bytes]] = {}
        super().__init__(
            nodes, addresses, client, seconds=seconds, name=name, folder=folder, keep=keep, settings=settings
        )

    def _prepare(self) -> None:
        super()._prepare()
        key = key_file(self.folder)
        for place in self.places.values():
            listed = [(other.name, other.address) for other in self.places.values()]
            text = conf_text(self.name, listed, place.folder, key=key, token_ms=self._token_ms)
            for other in self.places.values():
                first = f"ring0_addr: {other.address}\n"
                text = text.replace(first, f"{first}    ring1_addr: {self.second_address(other.name)}\n")
            (place.folder / "corosync.conf").write_text(text, encoding="utf-8")

    def power_on(self, node: str) -> Machine:
        place = self.place(node)
        forget_boot(place)
        machine = super().power_on(node)
        give_own_folders(machine, place)
        return machine

    def command(self, node: str, *extra: str) -> list[str]:
        return [*daemon_words(self.place(node), self._settings), *extra]

    def start(self, *extra: str) -> None:
        for node in self.nodes:
            self._start_corosync(node)
        super().start(*extra)

    def start_node(self, node: str, *extra: str) -> None:
        # hashelld itself waits until corosync answers.
        self._start_corosync(node)
        super().start_node(node, *extra)

    def _start_corosync(self, node: str) -> None:
        """Power on where needed; harmless where it runs."""
        try:
            machine = self.machine(node)
        except NotFound:
            machine = self.power_on(node)
        running = self._corosyncs.get(node)
        if running is not None and running.poll() is None:
            return
        self._corosyncs[node] = run_corosync(machine, self.place(node), self.environment(node))

    def close(self) -> None:
        super().close()
        for running in self._corosyncs.values():
            running.wait(10)
