"""A call of an agent: program, arguments, environment, timeout. Pure; somebody else runs it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hashell.agents import lsb, ocf, stonith, systemd
from hashell.errors import BadInput
from hashell.values.agent_names import AgentName
from hashell.values.outcomes import ExecStatus, OcfCode

#: Where a node keeps its socket when it has the machine to itself.
SYSTEM_RUN_DIR = "/run/hashell"
#: Our own agents, carried as package data.
OWN = Path(__file__).resolve().parent


class UnknownStandard(BadInput):
    id = "agent-standard-unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """Where agents run: whose node it is, and which folders they may use.

    Several nodes may live on one machine, so everything that an agent keeps lies below the node's own `run_dir`;
    without one the machine's usual places count.
    """

    node: str = ""
    cluster: str = ""
    state_dir: str = ""
    run_dir: str = ""
    ocf_root: str = "/usr/lib/ocf"
    init_dir: str = "/etc/init.d"
    python: str = sys.executable or "python3"

    @property
    def rsctmp(self) -> str:
        """HA_RSCTMP: where OCF agents keep what must not outlive a reboot."""
        return f"{self.run_dir}/rsctmp" if self._has_own_run_dir else "/run/resource-agents"

    @property
    def varrun(self) -> str:
        """HA_VARRUN: where they keep process ids; a node that has the machine to itself uses the machine's."""
        return self.rsctmp if self._has_own_run_dir else "/var/run"

    @property
    def _has_own_run_dir(self) -> bool:
        return self.run_dir not in ("", SYSTEM_RUN_DIR)

    @property
    def environment(self) -> dict[str, str]:
        """What every program that a node starts carries: by these marks fencing finds all that belongs to a node."""
        marks = {
            "HASHELL_NODE": self.node,
            "HASHELL_CLUSTER": self.cluster,
            "HASHELL_NODE_DIR": self.state_dir,
            "HASHELL_RUN_DIR": self.run_dir,
            "HASHELL_SOCKET": f"{self.run_dir}/hashelld.sock" if self.run_dir else "",
            "HASHELL_PYTHON": self.python,
        }
        tools = f"{OWN}/tools"
        return {
            # Agents call Pacemaker's tools by name or through HA_SBIN_DIR; ours answer for this node.
            "HA_SBIN_DIR": tools,
            "PATH": f"{tools}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C",
            **{name: value for name, value in marks.items() if value},
        }


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be run. `stdin` is written and closed; it may hold secrets, `arguments` never do."""

    program: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_ms: int = 20_000
    stdin: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call's end means: the OCF code, how the run went, and the reason for people."""

    rc: int
    status: ExecStatus
    reason: str = ""


def build_call(
    place: Place, agent: AgentName, path: str, action: str, resource: str,
    parameters: Mapping[str, str], timeout_ms: int, *, target: str = "",
) -> Call:
    """The call for one action of a resource.

    `path` is what `find.resolve` gave (the unit's name for systemd). `parameters` are those of the graph's action: the
    resource's own and the meta ones with CRM_meta_ before them. `target` is the node that a fence agent is to act on.
    Raises UnknownStandard.
    """
    environment = place.environment
    match agent.standard:
        case "ocf":
            environment.update(ocf.environment(
                place.ocf_root, place.rsctmp, place.varrun, agent.provider, agent.type, resource, parameters,
            ))
            program, arguments = _by_interpreter(place, path, (action,))
            return Call(program, arguments, environment, timeout_ms)
        case "lsb":
            return Call(path, (lsb.word(action),), environment, timeout_ms)
        case "systemd":
            return Call("systemctl", systemd.arguments(action, path), environment, timeout_ms)
        case "stonith":
            program, arguments = _by_interpreter(place, path, ())
            return Call(
                program, arguments, environment, timeout_ms,
                stonith.standard_input(action, parameters, target),
            )
    raise UnknownStandard(
        f"agents of class {agent.standard!r} cannot be run here", "use ocf, lsb, systemd or stonith"
    )


def metadata_call(place: Place, agent: AgentName, path: str, timeout_ms: int = 10_000) -> Call | None:
    """The call that makes an agent describe itself; None for a class whose agents cannot."""
    if agent.standard == "ocf":
        return build_call(place, agent, path, "meta-data", agent.type, {}, timeout_ms)
    if agent.standard == "stonith":
        return build_call(place, agent, path, "metadata", agent.type, {}, timeout_ms)
    return None


def read_answer(
    agent: AgentName, action: str, *, exit_code: int, stdout: bytes = b"", stderr: bytes = b"",
    timed_out: bool = False, timeout_ms: int = 0, missing: bool = False, error: str = "",
) -> Answer:
    """What the end of a run means for the cluster.

    Source: Pacemaker Explained, "How Does Pacemaker Interpret OCF Return Codes?"; the mapping of errors of the run
    itself is that of Pacemaker's executor.
    """
    if timed_out:
        what = "Fence agent" if agent.standard == "stonith" else "Resource agent"
        return Answer(
            OcfCode.UNKNOWN_ERROR, ExecStatus.TIMEOUT,
            f"{what} did not complete within {_seconds(timeout_ms)}",
        )
    if missing:
        return Answer(
            OcfCode.NOT_INSTALLED, ExecStatus.NOT_INSTALLED, error or f"{agent} is not installed"
        )
    if error and not stdout and not stderr:
        # What wrote something was started; then `error` is only a remark about its output.
        rc = OcfCode.INSUFFICIENT_PRIV if "ermission" in error else OcfCode.UNKNOWN_ERROR
        return Answer(rc, ExecStatus.ERROR, error)
    if exit_code > 128 and exit_code not in (OcfCode.DEGRADED, OcfCode.DEGRADED_PROMOTED):
        return Answer(
            OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, f"ended by signal {exit_code - 128}"
        )
    reason = ocf.exit_reason(stderr)
    match agent.standard:
        case "ocf":
            return Answer(ocf.result(exit_code), ExecStatus.DONE, reason)
        case "lsb":
            return Answer(lsb.result(action, exit_code), ExecStatus.DONE, reason)
        case "systemd":
            return Answer(
                systemd.result(action, exit_code, stdout), ExecStatus.DONE,
                "" if exit_code == 0 else _last_line(stderr),
            )
        case "stonith":
            if exit_code == 0:
                return Answer(OcfCode.OK, ExecStatus.DONE)
            reason = _last_line(stderr) or "Fence agent failed"
            return Answer(OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR, reason)
    return Answer(ocf.result(exit_code), ExecStatus.DONE, reason)


def _by_interpreter(place: Place, path: str, arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Our own agents are run by their interpreter, since a wheel may drop executable bits."""
    if Path(path).is_relative_to(OWN):
        if Path(path).parent.name == "fence":
            return place.python, ("-I", "-S", path, *arguments)
        return "/bin/sh", (path, *arguments)
    return path, arguments


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _last_line(text: bytes) -> str:
    """The last line that says something, bounded: programs write pages."""
    lines = [line.strip() for line in text[-4096:].decode("utf-8", "replace").splitlines()]
    return next((line[:200] for line in reversed(lines) if line), "")
