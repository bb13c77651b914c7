"""Outcomes: what an agent answered, how its run ended, and the words for both.

Source: Pacemaker Explained, "Resource agents"; OCF resource agent API 1.1, "Return codes".
"""

from __future__ import annotations

import enum


class OcfCode(enum.IntEnum):
    """The exit code of an OCF agent's action. Numbers outside this list are passed on as they are.
    """

    OK = 0
    UNKNOWN_ERROR = 1
    INVALID_PARAM = 2
    UNIMPLEMENT_FEATURE = 3
    INSUFFICIENT_PRIV = 4
    NOT_INSTALLED = 5
    NOT_CONFIGURED = 6
    NOT_RUNNING = 7
    RUNNING_PROMOTED = 8
    FAILED_PROMOTED = 9
    DEGRADED = 190
    DEGRADED_PROMOTED = 191
    UNKNOWN = 193


class ExecStatus(enum.IntEnum):
    """How the run itself ended (`op-status` of a history entry)."""

    UNKNOWN = -2
    PENDING = -1
    DONE = 0
    CANCELLED = 1
    TIMEOUT = 2
    NOT_SUPPORTED = 3
    ERROR = 4
    ERROR_HARD = 5
    ERROR_FATAL = 6
    NOT_INSTALLED = 7
    NOT_CONNECTED = 8
    INVALID = 9
    NO_FENCE_DEVICE = 10
    NO_SECRETS = 11


_OCF_TEXT = {
    0: "ok", 1: "error", 2: "invalid parameter", 3: "unimplemented feature",
    4: "insufficient privileges", 5: "not installed", 6: "not configured", 7: "not running",
    8: "promoted", 9: "promoted (failed)", 190: "degraded", 191: "promoted (degraded)",
    193: "not yet checked",
}

_STATUS_TEXT = {
    ExecStatus.PENDING: "pending", ExecStatus.DONE: "complete", ExecStatus.CANCELLED: "Cancelled",
    ExecStatus.TIMEOUT: "Timed Out", ExecStatus.NOT_SUPPORTED: "NOT SUPPORTED",
    ExecStatus.ERROR: "Error", ExecStatus.ERROR_HARD: "Hard error",
    ExecStatus.ERROR_FATAL: "Fatal error", ExecStatus.NOT_INSTALLED: "Not installed",
    ExecStatus.NOT_CONNECTED: "Internal communication failure",
    ExecStatus.INVALID: "Cannot execute now", ExecStatus.NO_FENCE_DEVICE: "No fence device",
    ExecStatus.NO_SECRETS: "CIB secrets unavailable",
}


def ocf_text(code: int) -> str:
    """The words for an exit code, as crm_mon shows them."""
    return _OCF_TEXT.get(code, "unknown")


def exec_status_text(status: int) -> str:
    """The words for an execution status, as crm_mon shows them."""
    try:
        return _STATUS_TEXT.get(ExecStatus(status), "UNKNOWN!")
    except ValueError:
        return "UNKNOWN!"
