"""The exit codes of Pacemaker's tools, by name.

Source: the table of exit codes that `crm_error --list --exit` prints.
"""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What a command ends with; scripts written for Pacemaker's tools rely on these numbers."""

    OK = 0
    ERROR = 1
    INVALID_PARAMETER = 2
    UNIMPLEMENTED = 3
    INSUFFICIENT_PRIVILEGES = 4
    NOT_INSTALLED = 5
    NOT_CONFIGURED = 6
    NOT_RUNNING = 7
    PROMOTED = 8
    FAILED_PROMOTED = 9
    USAGE = 64
    DATA = 65
    NO_INPUT = 66
    NO_HOST = 68
    UNAVAILABLE = 69
    INTERNAL = 70
    CANNOT_CREATE = 73
    TRY_AGAIN = 75
    PROTOCOL = 76
    CONFIGURATION = 78
    FATAL = 100
    DISCONNECTED = 102
    OLD = 103
    DIGEST = 104
    NO_SUCH_OBJECT = 105
    NO_QUORUM = 106
    UNSAFE = 107
    EXISTS = 108
    MULTIPLE = 109
    EXPIRED = 110
    NOT_YET_IN_EFFECT = 111
    INDETERMINATE = 112
    UNSATISFIED = 113
    TIMEOUT = 124
    DEGRADED = 190
    DEGRADED_PROMOTED = 191
