"""The shell in a real terminal: what only a terminal shows. A pty, and pyte as the screen behind it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

TOP = Path(__file__).resolve().parents[2]
COLUMNS, ROWS = 80, 24
#: Seconds for the screen to show something; a loaded machine takes its time.
PATIENCE_S = 60.0

#: A shell on a cluster in memory; each line on the file descriptor EVENTS is an event of that cluster.
PROGRAM = """
import asyncio, fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from hashell.client.feed import Connected, EventUpdate, InfoUpdate
from hashell.client import feed
from hashell.client.memory import MemoryClient
from hashell.shell.app import Shell
from hashell.shell.session import Session
from hashell.wire.messages import EventInfo, Info, MemberInfo

CIB = '''<cib><configuration><nodes><node id="1" uname="node1"/></nodes><resources>
<primitive id="web" class="ocf" provider="heartbeat" type="apache"/></resources></configuration></cib>'''


class Feed:
    def __init__(self, client, **options): pass

    async def updates(self):
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        events = os.fdopen(int(os.environ["EVENTS"]), "rb", buffering=0)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), events)
        yield Connected("memory", "demo", "node1", "root")
        member = MemberInfo(1, "node1", "member")
        yield InfoUpdate(Info("demo", "node1", "mesh", (member,), "node1", True, 1, 1, 1, 1, ""))
        number = 0
        while line := await reader.readline():
            number += 1
            yield EventUpdate(EventInfo(number, 0.0, "node1", "resource", "info", line.decode().strip()))

    async def close(self): pass


feed.PollingFeed = Feed
session = Session()
session.use_client(MemoryClient(CIB))
sys.exit(Shell(session).run())
"""


class Screen:
    """A program in a terminal: keys in, the screen out."""

    def __init__(self, folder: Path) -> None:
        events, self._events = os.pipe()
        self._tty, inside = pty.openpty()
        self._set_size(COLUMNS, ROWS)
        environment = {
            "PATH": os.environ.get("PATH", ""), "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(TOP), str(TOP / "daemon")]), "EVENTS": str(events),
            "XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=inside, stdout=inside, stderr=inside, pass_fds=[events],
            env=environment, start_new_session=True,
        )
        os.close(inside)
        os.close(events)
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    def type(self, keys: str) -> None:
        os.write(self._tty, keys.encode())

    def happen(self, text: str) -> None:
        os.write(self._events, f"{text}\n".encode())

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def until(self, shown: Callable[[list[str]], bool]) -> list[str]:
        """Read the terminal until the screen shows it."""
        end = time.monotonic() + PATIENCE_S
        while not shown(self.lines):
            assert time.monotonic() < end, "\n".join(self.lines)
            if not select.select([self._tty], [], [], 0.2)[0]:
                continue
            data = os.read(self._tty, 65536)
            self._stream.feed(data)
            if b"\x1b[6n" in data:
                cursor = self._screen.cursor
                os.write(self._tty, f"\x1b[{cursor.y + 1};{cursor.x + 1}R".encode())
        return self.lines

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        self._set_size(columns, rows)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._tty, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> int:
        """The terminal goes away, as when ssh is cut; how the program ended."""
        os.close(self._tty)
        self._tty = -1
        return self._process.wait(PATIENCE_S)

    def wait(self) -> int:
        """The exit code; what is still written is read, or the program could not end."""
        with contextlib.suppress(OSError):
            while data := os.read(self._tty, 65536):
                self._stream.feed(data)
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)
        os.close(self._events)
        if self._tty >= 0:
            os.close(self._tty)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    found = Screen(tmp_path)
    try:
        found.until(lambda lines: any("demo(live)#" in line for line in lines))
        yield found
    finally:
        found.close()


def has(text: str) -> Callable[[list[str]], bool]:
    return lambda lines: any(text in line for line in lines)


def test_an_event_appears_above_the_prompt_and_what_is_typed_stays(screen):
    screen.type("resource loc")
    screen.until(has("demo(live)# resource loc"))
    screen.happen("web failed")
    lines = screen.until(lambda lines: has("web failed")(lines) and has("demo(live)# resource loc")(lines))
    event = next(place for place, line in enumerate(lines) if "web failed" in line)
    prompt = next(place for place, line in enumerate(lines) if "demo(live)# resource loc" in line)
    assert event < prompt
    assert sum("demo(live)# resource loc" in line for line in lines) == 1
    screen.type("ate web\r")
    screen.until(has("resource web is NOT running"))


def test_a_flood_of_events_is_counted_instead_of_shown(screen):
    for number in range(60):
        screen.happen(f"event {number:02}")
    lines = screen.until(has("see `events`"))
    assert sum("node1: event" in line for line in lines) < 60


def test_the_toolbar_tells_the_cluster_and_the_word(screen):
    screen.type("resource move web")
    screen.until(
        lambda lines: has("web: ocf:heartbeat:apache; stopped")(lines)
        and "DC node1" in lines[-1] and "nodes 1/1" in lines[-1]
    )


def test_a_smaller_terminal_still_shows_the_prompt(screen):
    screen.resize(60, 18)
    screen.type("resource loc")
    screen.until(has("demo(live)# resource loc"))


def test_ctrl_d_at_the_top_ends_the_program_well(screen):
    screen.type("\x04")
    assert screen.wait() == 0


def test_a_terminal_that_goes_away_ends_the_program(screen):
    assert screen.hang_up() != 0
