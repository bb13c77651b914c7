"""The tutorial's stage: machines in namespaces, the real IPaddr2, an LSB script around a small daemon, configured by
pcs lines."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from hashell.agents.call import OWN
from hashell.errors import HashellError, Refused
from hashell.lab.cluster import import_path
from hashell.lab.machines import MachineCluster
from hashell.lab.namespaces import Machine, bind_folder
from hashell.lab.probe import Probe
from hashell.lab.scenario import Plan
from hashell.lab.stage import ServiceStage
from hashell.lab.timeline import Timeline

#: Seconds for one pcs line.
LINE_TIMEOUT_S = 60.0

#: An init script as distributions ship them. Exit codes of status: LSB Core 5.0, "Init Script Actions".
SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides:          {script}
# Required-Start:    $network
# Required-Stop:     $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: a small server that answers with its node's name
### END INIT INFO
pidfile={pidfile}
running() {{
\tpid=
\t[ -f "$pidfile" ] && read -r pid rest < "$pidfile" && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null
}}
case "$1" in
start)
\trunning && exit 0
\texec {python} -I -S {serve} 0.0.0.0 {port} "$pidfile" {node};;
stop)
\trunning || {{ rm -f "$pidfile"; exit 0; }}
\tkill "$pid"
\tn=0
\twhile running; do n=$((n + 1)); [ $n -gt 50 ] && kill -9 "$pid"; sleep 0.1; done
\trm -f "$pidfile"; exit 0;;
restart|force-reload) "$0" stop && exec "$0" start;;
status)
\trunning && {{ echo "{script} is running"; exit 0; }}
\t[ -f "$pidfile" ] && {{ echo "{script} is dead"; exit 1; }}
\techo "{script} is stopped"; exit 3;;
*) echo "Usage: $0 start|stop|restart|force-reload|status" >&2; exit 2;;
esac
"""


class NamespaceCluster(MachineCluster):
    """Each node on a machine of its own, with the plan's init script. A kill is a power cut; a start switches the
    machine on first."""

    def __init__(self, plan: Plan, *, folder: Path | None = None, keep: bool = False) -> None:
        self._plan = plan
        super().__init__(plan.nodes, plan.addresses, plan.client, name=plan.cluster, folder=folder, keep=keep)

    def power_on(self, node: str) -> Machine:
        machine = super().power_on(node)
        place = self.place(node)
        scripts = place.folder / "init.d"
        scripts.mkdir(exist_ok=True)
        script = scripts / self._plan.script
        text = SCRIPT.format(
            script=self._plan.script, pidfile=shlex.quote(str(place.folder / f"{self._plan.script}.pid")),
            python=shlex.quote(sys.executable), serve=shlex.quote(str(OWN / "ocf" / "hashell" / "serve.py")),
            port=self._plan.port, node=node,
        )
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
        bind_folder(machine, scripts, "/etc/init.d")
        return machine


class TutorialStage(ServiceStage):
    """Plays a story with a plan."""

    def __init__(
        self, plan: Plan, *, folder: Path | None = None, keep: bool = False, timeline: Timeline | None = None
    ) -> None:
        self._plan = plan
        self.machines = NamespaceCluster(plan, folder=folder, keep=keep)
        super().__init__(self.machines, Probe(plan.service, plan.port), timeline)

    def start_probe(self) -> None:
        self.probe.start(tuple(self.machines.client_machine.words()))

    def configure(self) -> None:
        """Type the pcs lines, one by one, as a person would. Raises Refused with what pcs said of the first that
        fails."""
        socket = str(self.cluster.place(self.home).socket)
        env = {**os.environ, "PYTHONPATH": import_path()}
        for line in self._plan.pcs:
            self.timeline.add("step", f"pcs {line}")
            words = [sys.executable, "-m", "hashell", "--attach", socket, "pcs", *shlex.split(line)]
            try:
                done = subprocess.run(
                    words, capture_output=True, text=True, timeout=LINE_TIMEOUT_S, env=env, check=False,
                    stdin=subprocess.DEVNULL,
                )
            except subprocess.TimeoutExpired:
                raise Refused(f"pcs {line} did not end within {LINE_TIMEOUT_S:g} s") from None
            if done.returncode:
                raise Refused(f"pcs {line}: {(done.stderr or done.stdout).strip()}")

    @property
    def service(self) -> str:
        return f"{self._plan.service}:{self._plan.port}"

    def owners(self) -> tuple[str, ...]:
        """The machines that have the service's address now."""
        found = []
        for node in self.cluster.nodes:
            try:
                addresses = self.machines.machine(node).addresses()
            except HashellError:
                continue  # Switched off, or just being so.
            if self._plan.service in addresses:
                found.append(node)
        return tuple(found)

    def complaint(self, claim: str, node: str, on: str, not_on: str) -> str:
        if claim == "one-owner":
            owners = self.owners()
            if len(owners) > 1:
                self.probe.doubles.append(f"{' and '.join(owners)} have {self._plan.service}")
            return "" if len(owners) == 1 else f"{self._plan.service} is on {', '.join(owners) or 'no machine'}"
        if claim == "address":
            owners = self.owners()
            return "" if owners == (on,) else f"{self._plan.service} is on {', '.join(owners) or 'no machine'}"
        return super().complaint(claim, node, on, not_on)

    def perform(self, verb: str, node: str) -> None:
        if verb in ("stop-service", "kill-service"):
            self._stop_service(node, verb)
        elif verb in ("cut-cable", "plug-cable"):
            self.machines.cut(node, cut=verb == "cut-cable")
        else:
            super().perform(verb, node)

    def _stop_service(self, node: str, verb: str) -> None:
        machine = self.machines.machine(node)
        if verb == "stop-service":
            machine.do(f"/etc/init.d/{self._plan.script}", "stop")
            return
        file = self.cluster.place(node).folder / f"{self._plan.script}.pid"
        machine.do("kill", "-9", file.read_text(encoding="ascii").split()[0])
