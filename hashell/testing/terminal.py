"""A real terminal for a test: a program on a pseudo-terminal, its screen read as text, keys sent to it.

The screen is kept by pyte, which understands what the program draws; cursor-position requests are answered as a
terminal does. Everything is bounded: a program that does not show what is awaited fails with the screen as it stands.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pyte

#: Bytes read at once from the program.
_CHUNK = 65_536
#: Seconds that something may take to be shown: a loaded machine takes its time.
PATIENCE_S = 60.0


class NotShown(AssertionError):
    """What was awaited did not come; the message holds the screen."""


class Terminal:
    """One program on a terminal of its own. Use as a context manager; the program is ended at the end."""

    def __init__(
        self, command: Sequence[str], *, columns: int = 80, rows: int = 24, env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.returncode: int | None = None
        # The size is there before the program is: it may ask for it at once.
        self._file, inside = pty.openpty()
        self._set_size(columns, rows)
        self._pid = os.fork()
        if self._pid == 0:
            with contextlib.suppress(BaseException):
                os.close(self._file)
                os.login_tty(inside)
                if cwd is not None:
                    os.chdir(cwd)
                # A size in the environment is not the terminal's own.
                inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
                os.execvpe(
                    command[0], list(command),
                    {**inherited, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **(env or {})},
                )
            os._exit(127)
        os.close(inside)
        os.set_blocking(self._file, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the program (if it still runs) and give the terminal back."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._reap(os.waitpid(self._pid, 0)[1])
        with contextlib.suppress(OSError):
            os.close(self._file)

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._pid

    def _reap(self, status: int) -> None:
        self.returncode = os.waitstatus_to_exitcode(status)

    # --- reading -----------------------------------------------------------------------------------

    def read(self, seconds: float = 0.0) -> None:
        """Take in what the program draws, waiting at most so long for something to come."""
        ready, _, _ = select.select([self._file], [], [], seconds)
        while ready:
            try:
                data = os.read(self._file, _CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                if self.returncode is None:
                    pid, status = os.waitpid(self._pid, os.WNOHANG)
                    if pid:
                        self._reap(status)
                time.sleep(0.01)
                return
            self._stream.feed(data)
            if b"\x1b[6n" in data:
                cursor = self._screen.cursor
                os.write(self._file, f"\x1b[{cursor.y + 1};{cursor.x + 1}R".encode())
            ready, _, _ = select.select([self._file], [], [], 0)

    @property
    def text(self) -> str:
        """The screen as it is now, a row a line."""
        return "\n".join(row.rstrip() for row in self._screen.display)

    def wait_for(self, wanted: str | Callable[[str], bool], seconds: float = PATIENCE_S) -> str:
        """Until a text is on the screen (or a condition of its text holds); the screen. Raises NotShown."""
        deadline = time.monotonic() + seconds
        while True:
            self.read(0.02)
            text = self.text
            if (wanted in text) if isinstance(wanted, str) else wanted(text):
                return text
            if time.monotonic() > deadline:
                life = "runs" if self.alive() else f"ended with {self.returncode}"
                raise NotShown(
                    f"{wanted!r} was not shown within {seconds} s; the program {life}; the screen is:\n{text}"
                )

    def wait_end(self, seconds: float = PATIENCE_S) -> int:
        """Until the program has ended; its exit code. Raises NotShown."""
        deadline = time.monotonic() + seconds
        while self.returncode is None:
            self.read(0.02)
            if self.returncode is None:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    self._reap(status)
            if self.returncode is None and time.monotonic() > deadline:
                raise NotShown(f"it did not end within {seconds} s; the screen is:\n{self.text}")
        return self.returncode

    # --- writing -----------------------------------------------------------------------------------

    def send(self, keys: str) -> None:
        """Keys as a terminal sends them: text, "\\r" for Enter, "\\t", "\\x1b[B" for Down …"""
        os.write(self._file, keys.encode())

    def hang_up(self) -> None:
        """Close the terminal, as when a window is closed or a line drops; the program lives on until it notices."""
        os.close(self._file)
        self._file = -1

    def alive(self) -> bool:
        """Whether the program still runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._reap(status)
        return self.returncode is None

    def resize(self, columns: int, rows: int) -> None:
        """Another size, as when a window is dragged."""
        self._screen.resize(rows, columns)
        self._set_size(columns, rows)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
