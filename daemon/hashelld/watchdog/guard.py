"""Guard: the process that holds the watchdog. It feeds it while the daemon says so, and ends the node when not.

Started by edge.py as `python -I -S -c …` in a session of its own, with one end of a socket: words of one byte come in
(f feed, q close it for good, k kill the services, d end the node now), lines of text go out. It outlives the daemon:
what runs here must end even when the daemon is dead or stands still. A later daemon's guard takes over by writing its
process id into watchdog.pid; the earlier one then ends quietly. Standard library alone.

A watchdog of the kernel is closed with the letter V only when told so: closed without, it goes on counting and resets
the machine. Source: Documentation/watchdog/watchdog-api.rst of Linux.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

#: ioctl WDIOC_SETTIMEOUT: whole seconds. Source: linux/watchdog.h.
SETTIMEOUT = 0xC0045706
#: Seconds of killing again and again what appears meanwhile.
KILLING_S = 5.0
#: What the kernel does at once when it is told by a letter. Source: Documentation/admin-guide/sysrq.rst.
SYSRQ = {"reboot": "b", "off": "o", "crash": "c"}
PROCESS = "process"


def belonging(run_dir: str, spare: frozenset[int]) -> set[int]:
    """Process ids of a node but for `spare`: whatever carries its mark, its daemon, and all that descends from them."""
    mark = b"HASHELL_RUN_DIR=" + os.fsencode(run_dir)
    words = (b"--run-dir\0" + os.fsencode(run_dir) + b"\0", b"--run-dir=" + os.fsencode(run_dir) + b"\0")
    found: set[int] = set()
    children: dict[int, list[int]] = {}
    dead: set[int] = set()
    for pid in _pids():
        fields = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
        if len(fields) < 2 or fields[0] in (b"Z", b"X"):
            dead.add(pid)
            continue
        children.setdefault(int(fields[1]), []).append(pid)
        command = _read(f"/proc/{pid}/cmdline")
        is_daemon = b"hashelld" in command and any(one in command for one in words)
        if is_daemon or mark in _read(f"/proc/{pid}/environ").split(b"\0"):
            found.add(pid)
    todo = [pid for pid in found if pid not in spare]
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in found and child not in dead and child not in spare:
                found.add(child)
                todo.append(child)
    return found - spare


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _pids() -> list[int]:
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]


def descendants(pid: int) -> frozenset[int]:
    """A process with all its children's children, as they are now."""
    children: dict[int, list[int]] = {}
    for one in _pids():
        fields = _read(f"/proc/{one}/stat").rpartition(b") ")[2].split()
        if len(fields) > 1:
            children.setdefault(int(fields[1]), []).append(one)
    found, todo = {pid}, [pid]
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in found:
                found.add(child)
                todo.append(child)
    return frozenset(found)


def born(pid: int) -> bytes:
    """When a process began, in ticks since boot: with its id this names it for ever. Empty when there is none."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in (b"Z", b"X") else b""


def kill(run_dir: str, spare: frozenset[int], daemon: tuple[int, bytes] = (0, b"")) -> bool:
    """Kill until a whole look finds nobody: a process may fork while we look. Whether it came to that. `daemon` is
    known by its id and birth, whatever its command line says."""
    until = time.monotonic() + KILLING_S
    while True:
        found = belonging(run_dir, spare)
        if daemon[1] and born(daemon[0]) == daemon[1]:
            found |= descendants(daemon[0]) - spare
        if not found:
            return True
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > until:
            return False
        time.sleep(0.01)


class Guard:
    """One life of the guard. `path` is the watchdog's device, or "process"."""

    def __init__(
        self, daemon: socket.socket, path: str, timeout_ms: int, run_dir: str, daemon_pid: int, action: str,
    ) -> None:
        self._daemon = daemon
        self._path = path
        self._timeout_s = timeout_ms / 1000
        self._run_dir = run_dir
        self._daemon_pid, self._daemon_born = daemon_pid, born(daemon_pid)
        self._action = action
        self._device = -1
        self._listens = True

    def run(self) -> int:
        """Until it is told to quit, somebody else took over, or the node is ended; the exit code."""
        self._take_over()
        problem = self._open()
        if problem:
            self._tell(problem)
            return 1
        self._tell("ready")
        fed_s = time.monotonic()
        while True:
            left_s = fed_s + self._timeout_s - time.monotonic()
            if left_s <= 0:
                if not self._owns():
                    return 0
                self._end(f"not fed for {self._timeout_s:g} s")
                return 2
            if self._listens:
                ready, _, _ = select.select([self._daemon], [], [], left_s)
            else:
                time.sleep(min(left_s, 0.2))
                if not self._owns():
                    return 0
                continue
            for letter in self._heard() if ready else b"":
                if letter == ord("f"):
                    fed_s = time.monotonic()
                    self._feed(b"\0")
                elif letter == ord("k"):
                    # Our own daemon and what helps it must live to stop the rest.
                    done = kill(self._run_dir, descendants(self._daemon_pid) | {os.getpid()})
                    self._tell("killed" if done else "not all killed")
                elif letter == ord("q"):
                    self._feed(b"V")
                    return 0
                elif letter == ord("d"):
                    self._end("told to")
                    return 2

    def _heard(self) -> bytes:
        try:
            data = self._daemon.recv(64)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            # The daemon is dead. Its successor's guard needs the device, which goes on counting without us.
            self._listens = False
            if self._device >= 0:
                os.close(self._device)
                self._device = -1
        return data

    def _open(self) -> str:
        """Why the watchdog cannot be used; empty when it is open."""
        if self._path in (PROCESS, ""):
            return ""
        try:
            self._device = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            return f"{self._path}: {error.strerror}"
        with suppress(OSError):
            # A file or pipe that stands for a watchdog knows no such thing.
            fcntl.ioctl(self._device, SETTIMEOUT, struct.pack("i", max(1, int(self._timeout_s))))
        return ""

    def _feed(self, data: bytes) -> None:
        if self._device >= 0:
            with suppress(OSError):
                os.write(self._device, data)

    def _end(self, reason: str) -> None:
        """Never fed again: whatever we cannot kill, the machine's watchdog ends."""
        print(f"watchdog: the node of {self._run_dir} is ended: {reason}", file=sys.stderr, flush=True)
        kill(self._run_dir, frozenset({os.getpid()}), (self._daemon_pid, self._daemon_born))
        letter = SYSRQ.get(self._action)
        if letter:
            with suppress(OSError):
                Path("/proc/sysrq-trigger").write_text(letter, encoding="ascii")

    def _take_over(self) -> None:
        new = Path(self._run_dir, "watchdog.pid.new")
        with suppress(OSError):
            new.write_text(f"{os.getpid()}\n", encoding="ascii")
            new.replace(new.with_suffix(""))

    def _owns(self) -> bool:
        written = _read(f"{self._run_dir}/watchdog.pid").strip()
        return not written or written == str(os.getpid()).encode()

    def _tell(self, text: str) -> None:
        with suppress(OSError):
            self._daemon.send(text.encode() + b"\n")


def ask_for_priority() -> None:
    """To be scheduled when it counts; it goes on without where it may not."""
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def main(daemon: int, path: str, timeout_ms: int, run_dir: str, daemon_pid: int, action: str) -> int:
    """Run with this end of a socket; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ask_for_priority()
    link = socket.socket(fileno=daemon)
    link.setblocking(False)
    return Guard(link, path, timeout_ms, run_dir, daemon_pid, action).run()
