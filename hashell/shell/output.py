"""Output: colours where a terminal wants them, and a pager for what is taller than the screen."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.shell.crm.configure_print import Paint
    from hashell.shell.session import Session

#: Kind of text in a configuration → SGR code; plain ANSI, so that the terminal's own palette counts.
_ANSI = {"keyword": "34;1", "id": "1", "name": "36", "value": "32", "score": "33", "reference": "35", "plain": ""}


def wants_color(session: Session) -> bool:
    """Decided by -D, then NO_COLOR, then whether a terminal listens."""
    display = session.options.display.split(",")
    if "color-always" in display:
        return True
    if "plain" in display or os.environ.get("NO_COLOR"):
        return False
    return sys.stdout.isatty()


def painter(session: Session) -> Paint:
    """How configuration text is coloured in this session."""
    upper = "uppercase" in session.options.display.split(",")
    color = wants_color(session)

    def paint(kind: str, text: str) -> str:
        if upper and kind == "keyword":
            text = text.upper()
        code = _ANSI.get(kind, "")
        return f"\x1b[{code}m{text}\x1b[0m" if color and code else text

    return paint


def page(session: Session, text: str) -> None:
    """Through `less` when a person looks and the text is taller than the terminal."""
    lines = text.count("\n")
    if not sys.stdout.isatty():
        session.out(text)
        return
    import shlex
    import shutil

    command = shlex.split(session.settings["pager"]) if session.interactive else []
    less = shutil.which(command[0]) if command else None
    if lines < shutil.get_terminal_size().lines or not less:
        session.out(text)
        return
    import subprocess

    subprocess.run([less, *command[1:]], input=text.encode(), check=False)
