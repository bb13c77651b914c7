"""What a user can act on: one class a case, with an id, a hint and an exit code.

    HashellError
    ├─ BadInput          a CIB, command line, file or message that cannot be understood     exit 65
    ├─ BadUsage          words of a command line that do not fit                            exit 2
    ├─ NotFound          a thing that was named and does not exist                          exit 105
    ├─ AlreadyExists     a thing that was to be made and is there already                   exit 108
    ├─ Refused           understood, and not allowed (policy, read-only, permission)        exit 1
    ├─ Conflict          somebody else changed the same thing meanwhile                     exit 7
    ├─ NotReachable      no cluster answers there                                           exit 102
    ├─ NoQuorum          the partition may not decide this                                  exit 106
    └─ TimedOut          a bounded wait came to its end                                     exit 124

A room derives its own cases from these (`class UnknownRole(BadInput)`), in the module that finds them. A broken promise
of our own code is an `assert`, never one of these.
"""

from __future__ import annotations

from typing import ClassVar


class HashellError(Exception):
    """An error that names the thing, the place and the way out.

    `id` is stable (scripts match it), `hint` says what to do, `exit_code` is what a one-shot command ends with.
    """

    id: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class BadInput(HashellError):
    id = "bad-input"
    exit_code = 65


class BadUsage(HashellError):
    id = "bad-usage"
    exit_code = 2


class NotFound(HashellError):
    id = "not-found"
    exit_code = 105


class AlreadyExists(HashellError):
    id = "already-exists"
    exit_code = 108


class Refused(HashellError):
    id = "refused"
    exit_code = 1


class Conflict(HashellError):
    id = "conflict"
    exit_code = 7


class NotReachable(HashellError):
    id = "not-reachable"
    exit_code = 102


class NoQuorum(HashellError):
    id = "no-quorum"
    exit_code = 106


class TimedOut(HashellError):
    id = "timed-out"
    exit_code = 124
