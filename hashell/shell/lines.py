"""Lines of a script: levels are entered and left as at the prompt; the first line that fails ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hashell.errors import HashellError
from hashell.shell.grammar.lexer import logical_lines

if TYPE_CHECKING:
    from hashell.shell.session import Session


def run_lines(session: Session, text: str, name: str, split: Callable[[str], list[str]]) -> int:
    """The exit code of the line that failed, else 0. Errors name file and line."""
    for number, line in logical_lines(text):
        try:
            code = run_line(session, line, split)
        except HashellError as error:
            error.message = f"{name}:{number}: {error.message}"
            raise
        if code or session.ended:
            return code
    return 0


def run_line(session: Session, line: str, split: Callable[[str], list[str]]) -> int:
    """One line of a script or of the prompt. A comment inside configure belongs to the object after it."""
    line = line.strip()
    if not line:
        return 0
    if line.startswith("#"):
        if session.level.name == "configure":
            session.comments.append(line)
        return 0
    session.line = line
    if session.level.name == "configure" and line.split(None, 1)[0].lower() == "xml":
        return session.run_words(["xml", line.split(None, 1)[1] if " " in line else ""])
    return session.run_words(split(line))
