"""Failures: a `HashellError` as a message, and the message as an error again on the other side."""

from __future__ import annotations

from hashell import errors
from hashell.errors import HashellError
from hashell.wire.messages import Failure

#: The classes that a client's code may catch; a case of its own keeps its id and becomes a case of the class with its
#: exit code.
BASES: tuple[type[HashellError], ...] = (
    errors.BadInput, errors.BadUsage, errors.NotFound, errors.AlreadyExists, errors.Conflict,
    errors.NotReachable, errors.NoQuorum, errors.TimedOut, errors.Refused,
)
_BY_ID = {base.id: base for base in BASES}
_BY_EXIT_CODE = {base.exit_code: base for base in BASES}
#: Longest text of an error that is sent, in characters: it is for one line of a person's screen.
TEXT_MAX = 2_000


def failure_of(error: HashellError) -> Failure:
    """What a client is told."""
    return Failure(error.id, error.message[:TEXT_MAX], error.hint[:TEXT_MAX], error.exit_code)


def failure(id: str, message: str, hint: str = "") -> Failure:
    """A failure by an id alone (`conflict`, `xml-bad` …); one that no loaded class has exits with 1."""
    kind = _BY_ID.get(id) or _case(HashellError, id) or HashellError
    return Failure(id, message[:TEXT_MAX], hint[:TEXT_MAX], kind.exit_code)


def _case(base: type[HashellError], id: str) -> type[HashellError] | None:
    """The class with this id below `base`, among those that have been imported."""
    for kind in base.__subclasses__():
        found = kind if kind.id == id else _case(kind, id)
        if found is not None:
            return found
    return None


def error_of(told: Failure) -> HashellError:
    """The error to raise: of the class with that id, else a case of the class with that exit code."""
    base = _BY_ID.get(told.id) or _BY_EXIT_CODE.get(told.exit_code, HashellError)
    if base.id != told.id or base.exit_code != told.exit_code:
        base = type(base.__name__, (base,), {"id": told.id, "exit_code": told.exit_code})
    return base(told.message, told.hint)
