"""Sessions that are played in a real tmux: a script of keys and of what is waited for, and the screens on the way.

A script is a text file, a step a line; `#` begins a comment. Its steps:

    type TEXT    letters as they are           wait TEXT    until the screen holds the text
    keys NAME…   keys by tmux's names          gone TEXT    until the screen holds it no longer
    shot NAME    the screen as it is, once it no longer changes

Nothing waits for time: what does not come within PATIENCE_S fails with the screen as it stands.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from hashell.testing.terminal import PATIENCE_S, NotShown

#: Seconds between two looks at the screen, and for how long it must be the same to be at rest.
LOOK_S, REST_S = 0.05, 0.4
#: What varies from one run to the next, and what stands for it.
MASKS: tuple[tuple[str, str], ...] = (
    (r"\b\d+\.\d+\.\d+\b", "V.V.V"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE"),
    (r" │ (transition \d+( \d+/\d+)?|deciding)", ""),
)
_CONFIGURATION = "set -g status off\nset -sg escape-time 0\nset -g default-terminal screen-256color\n"


class Tmux:
    """One program in a tmux server of its own. Use as a context manager; all of it ends at the end."""

    def __init__(
        self, command: Sequence[str], folder: Path, *, columns: int = 80, rows: int = 24,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`folder` takes the server's socket and is the program's place; a socket's path must be short."""
        (folder / "tmux.conf").write_text(_CONFIGURATION)
        self._server = ("tmux", "-u", "-S", str(folder / "tmux"), "-f", str(folder / "tmux.conf"))
        words = ["env", *(f"{name}={value}" for name, value in (env or {}).items()), *command]
        self._call(
            "new-session", "-d", "-s", "it", "-x", str(columns), "-y", str(rows), "-c", str(folder), shlex.join(words),
            # The last screen of a program that has ended is what tells why.
            ";", "set", "-g", "remain-on-exit", "on",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run([*self._server, "kill-server"], check=False, capture_output=True, timeout=PATIENCE_S)

    def _call(self, *words: str) -> str:
        done = subprocess.run(
            [*self._server, *words], check=True, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE_S
        )
        return done.stdout

    @property
    def text(self) -> str:
        """The screen, a row a line, with what varies masked."""
        return masked(self._call("capture-pane", "-p", "-t", "it"))

    def type(self, text: str) -> None:
        self._call("send-keys", "-t", "it", "-l", "--", text)

    def press(self, *names: str) -> None:
        self._call("send-keys", "-t", "it", *names)

    def wait(self, holds: Callable[[str], bool], what: str) -> str:
        """Until the screen is as wanted; the screen. Raises NotShown."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(text := self.text):
            if time.monotonic() > deadline:
                raise NotShown(f"{what}, within {PATIENCE_S} s; the screen is:\n{text}")
            time.sleep(LOOK_S)
        return text

    def at_rest(self) -> str:
        """The screen once it has been the same for a while. Raises NotShown."""
        deadline = time.monotonic() + PATIENCE_S
        text, since = self.text, time.monotonic()
        while time.monotonic() - since < REST_S:
            time.sleep(LOOK_S)
            now = self.text
            if now != text:
                text, since = now, time.monotonic()
            if time.monotonic() > deadline:
                raise NotShown(f"the screen never comes to rest:\n{text}")
        return text


def masked(text: str) -> str:
    """The text without what varies, and without blanks at the ends of rows."""
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    return "\n".join(row.rstrip() for row in text.rstrip("\n").split("\n")) + "\n"


def play(script: Path, terminal: Tmux) -> dict[str, str]:
    """Play a script; its screens by name. Raises NotShown with the line where it stopped, ValueError for a bad step."""
    shots: dict[str, str] = {}
    for number, line in enumerate(script.read_text(encoding="utf-8").split("\n"), 1):
        verb, _, rest = line.partition(" ")
        if not line.strip() or line.startswith("#"):
            continue
        place = f"{script.name}, line {number}: {line}"
        match verb:
            case "type":
                terminal.type(rest)
            case "keys":
                terminal.press(*rest.split())
            case "wait":
                terminal.wait(lambda text, wanted=rest: wanted in text, f"{place}: not shown")  # type: ignore[misc]
            case "gone":
                terminal.wait(lambda text, wanted=rest: wanted not in text, f"{place}: still shown")  # type: ignore[misc]
            case "shot":
                shots[rest.strip()] = terminal.at_rest()
            case _:
                raise ValueError(f"{place}: no such step")
    return shots
