"""Problems: what a check found, how bad it is, and what would make it pass."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from hashell.errors import BadInput


class Severity(enum.IntEnum):
    """A warning is told and never stops anything; an error stops, unless it is forced."""

    WARNING = 1
    ERROR = 2


class Problem(msgspec.Struct, frozen=True):
    """`id` is stable; `about` names the object, `what` what it names wrongly; `forcible`: --force turns the error
    into a warning."""

    id: str
    severity: Severity
    message: str
    hint: str = ""
    about: str = ""
    forcible: bool = False
    what: str = ""


class ProblemsFound(BadInput):
    """One or more errors, all of them in the message, one a line."""

    id = "problems"
    exit_code = 1

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = list(dict.fromkeys(problem.message for problem in self.problems))
        hint = "--force overrides" if all(problem.forcible for problem in self.problems) else ""
        hints = [problem.hint for problem in self.problems if problem.hint]
        super().__init__("\n".join(lines), "; ".join(dict.fromkeys([*hints, *([hint] if hint else [])])))


def warning(id: str, message: str, hint: str = "", about: str = "") -> Problem:
    return Problem(id, Severity.WARNING, _one_line(message), hint, about)


def error(
    id: str, message: str, hint: str = "", about: str = "", *, forcible: bool = False, what: str = ""
) -> Problem:
    return Problem(id, Severity.ERROR, _one_line(message), hint, about, forcible, what)


def _one_line(text: str) -> str:
    """A name may hold anything."""
    return text.replace("\n", "\\n").replace("\t", "\\t")
