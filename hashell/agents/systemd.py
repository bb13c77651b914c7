"""Systemd units through systemctl: what to say, and what the answer means.

Source: Pacemaker Explained, "Systemd"; systemctl(1), "EXIT STATUS"; org.freedesktop.systemd1(5), ActiveState.
"""

from __future__ import annotations

from hashell.agents.metadata import AgentAction, AgentMetadata
from hashell.values.outcomes import OcfCode

_SUFFIXES = (
    ".service", ".socket", ".mount", ".timer", ".path", ".automount", ".device", ".target",
    ".slice", ".scope", ".swap",
)
#: A unit that reloads itself still serves; one that starts or stops does not yet, or no more.
_RUNNING = frozenset({"active", "reloading"})


def unit_name(kind: str) -> str:
    """`nginx` → `nginx.service`; a name with a unit's suffix stays."""
    return kind if kind.endswith(_SUFFIXES) else f"{kind}.service"


def arguments(action: str, unit: str) -> tuple[str, ...]:
    """Words for systemctl. Asking is one call that also tells whether the unit exists at all."""
    unit = unit_name(unit)
    if action in ("monitor", "status"):
        return ("show", "--property=LoadState,ActiveState,SubState", "--", unit)
    if action in ("start", "stop", "reload", "restart"):
        return ("--no-ask-password", action, "--", unit)
    return ("show", "--property=Id", "--", unit)


def result(action: str, exit_code: int, stdout: bytes) -> int:
    """The OCF code. Exit 5 is "not installed"; stopping a unit that does not exist is done already."""
    if action in ("monitor", "status"):
        if exit_code:
            return OcfCode.UNKNOWN_ERROR
        state = dict(
            line.split("=", 1)
            for line in stdout.decode("utf-8", "replace").splitlines() if "=" in line
        )
        if state.get("LoadState") in ("not-found", "bad-setting", "error", "masked"):
            return OcfCode.NOT_RUNNING
        active = state.get("ActiveState", "")
        if active in _RUNNING:
            return OcfCode.OK
        return OcfCode.UNKNOWN_ERROR if active == "activating" else OcfCode.NOT_RUNNING
    if exit_code == 0:
        return OcfCode.OK
    if exit_code == 5:
        return OcfCode.OK if action == "stop" else OcfCode.NOT_INSTALLED
    return OcfCode.INSUFFICIENT_PRIV if exit_code == 4 else OcfCode.UNKNOWN_ERROR


def metadata(kind: str) -> AgentMetadata:
    """Units take no parameters; actions and their times are the usual ones of the class."""
    return AgentMetadata(
        name=kind, version="1.1", shortdesc=f"systemd unit {unit_name(kind)}",
        longdesc=f"The systemd unit {unit_name(kind)}, started and stopped by the cluster.",
        actions=tuple(
            AgentAction(name, timeout_ms=100_000, interval_ms=60_000 if name == "monitor" else 0)
            for name in ("start", "stop", "status", "monitor", "meta-data")
        ),
    )
