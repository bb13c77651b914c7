"""Machines with two networks for hashelld on a real corosync, whose two links are those networks; for live faults."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hashell.errors import NotFound
from hashell.lab.corosync import check_corosync, conf_text
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
        key = self.folder / "authkey"
        if not key.exists():
            key.touch(mode=0o400)
            key.write_bytes(secrets.token_bytes(256))
        for place in self.places.values():
            listed = [(other.name, other.address) for other in self.places.values()]
            text = conf_text(self.name, listed, place.folder, key=key, token_ms=self._token_ms)
            for other in self.places.values():
                first = f"ring0_addr: {other.address}\n"
                text = text.replace(first, f"{first}    ring1_addr: {self.second_address(other.name)}\n")
            (place.folder / "corosync.conf").write_text(text, encoding="utf-8")

    def power_on(self, node: str) -> Machine:
        place = self.place(node)
        # As a /run in memory is after a power cut: what agents keep there until the next boot is gone.
        shutil.rmtree(place.run / "rsctmp", ignore_errors=True)
        machine = super().power_on(node)
        kept = place.folder / "var-lib-corosync"
        kept.mkdir(exist_ok=True)
        for folder in ("/run", "/dev/shm"):  # noqa: S108 - the machine's own, not ours
            machine.do("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
        machine.do("mount", "--bind", str(kept), "/var/lib/corosync")
        return machine

    def command(self, node: str, *extra: str) -> list[str]:
        place = self.place(node)
        words = [
            sys.executable, "-m", "hashelld", "--engine", "corosync", "--node", node, "--corosync-conf",
            str(place.folder / "corosync.conf"), "--state-dir", str(place.state), "--run-dir", str(place.run),
        ]
        if self._settings:
            file = place.folder / "settings.toml"
            file.write_text(self._settings, encoding="utf-8")
            words += ["--settings", str(file)]
        return [*words, *extra]

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
        place = self.place(node)
        with (place.folder / "corosync.out").open("ab") as log:
            self._corosyncs[node] = subprocess.Popen(
                [*machine.words(), "corosync", "-f", "-c", str(place.folder / "corosync.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(node), start_new_session=True,
            )

    def close(self) -> None:
        super().close()
        for running in self._corosyncs.values():
            running.wait(10)
