"""Running agents: programs in process groups of their own, with a timeout and bounded output. Part of the driver.

An operation ends when the agent itself ends, also while a child that it left behind keeps the pipes open. Each agent
that runs is noted in a folder: a daemon that died leaves agents behind, which would go on while the next one looks.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hashelld.core.effects import AgentEnded, RunAgent
from hashelld.core.events import Event

#: Bytes kept of each of standard output and error; the rest is read and dropped, and counted.
OUTPUT_MAX = 256 * 1024
#: Agents at the same time; others wait their turn (their timeout runs from their start).
RUNNING_MAX = 200
#: Seconds between SIGTERM and SIGKILL of a timed out agent. Source: lib/services, services_linux.c kills at once;
#: a little grace lets an agent remove its lock files.
GRACE_S = 1.0
#: Seconds for agents of an earlier daemon to be gone after SIGKILL.
ORPHANS_S = 5.0
#: Bytes of standard input: fence agents' arguments.
STDIN_MAX = 60 * 1024

Feed = Callable[[str, Event], None]


class _Run:
    """One running program."""

    def __init__(self, component: str, effect: RunAgent) -> None:
        self.component = component
        self.effect = effect
        self.started = time.monotonic()
        self.process: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self.output: dict[int, bytearray] = {}
        self.streams: list[int] = []
        self.dropped = 0
        self.timed_out = False
        self.killed = False
        self.left = False
        self.timer: asyncio.TimerHandle | None = None


class AgentRunner:
    """Feeds AgentEnded to the component that asked. `folder` is where running agents are noted."""

    def __init__(self, feed: Feed, folder: Path | None = None) -> None:
        self._feed = feed
        self._folder = folder
        self._running: dict[tuple[str, str], _Run] = {}
        self._waiting: deque[_Run] = deque()
        #: Whether one was started in this turn.
        self._started = False

    def end_orphans(self) -> int:
        """Kill the agents that an earlier daemon of this node left behind, each with its group; how many there were.

        Whatever they were at is looked at afresh; a start that went on now would be found by nobody.
        """
        if self._folder is None:
            return 0
        self._folder.mkdir(mode=0o755, exist_ok=True)
        found = []
        for note in self._folder.iterdir():
            with suppress(OSError, ValueError):
                pid = int(note.name)
                if _born(pid) == note.read_text(encoding="ascii") != "":
                    os.killpg(pid, signal.SIGKILL)
                    found.append(pid)
            note.unlink(missing_ok=True)
        until = time.monotonic() + ORPHANS_S
        while any(_born(pid) for pid in found) and time.monotonic() < until:
            time.sleep(0.01)
        return len(found)

    def _note(self, pid: int) -> None:
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / str(pid)).write_text(_born(pid), encoding="ascii")

    def _strike(self, pid: int) -> None:
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / str(pid)).unlink(missing_ok=True)

    def run(self, component: str, effect: RunAgent) -> None:
        run = _Run(component, effect)
        key = (component, effect.token)
        if key in self._running or any(
            (w.component, w.effect.token) == key for w in self._waiting
        ):
            self._ended(run, 1, error=f"an agent with token {effect.token} is running already")
        else:
            self._waiting.append(run)
            self._start_waiting()

    def kill(self, component: str, token: str) -> None:
        for waiting in list(self._waiting):
            if (waiting.component, waiting.effect.token) == (component, token):
                self._waiting.remove(waiting)
                waiting.killed = True
                self._ended(waiting, 128 + signal.SIGKILL)
        run = self._running.get((component, token))
        if run:
            run.killed = True
            self._signal(run, signal.SIGKILL)

    def kill_all(self) -> None:
        """At the daemon's end: nothing that we started outlives us, but what agents put in sessions of their own."""
        self._waiting.clear()
        for run in self._running.values():
            self._signal(run, signal.SIGKILL)

    def _start_waiting(self) -> None:
        """One in each turn of the loop: the daemon stands still until a new program has got the processor once, and
        where many want it that is some ten milliseconds."""
        if not self._started and self._waiting and len(self._running) < RUNNING_MAX:
            self._started = True
            asyncio.get_running_loop().call_soon(self._next_turn)
            self._start(self._waiting.popleft())

    def _next_turn(self) -> None:
        self._started = False
        self._start_waiting()

    def _start(self, run: _Run) -> None:
        effect = run.effect
        environment = {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "HOME": os.environ.get("HOME", "/"), **effect.environment,
        }
        try:
            process = subprocess.Popen(
                [effect.program, *effect.arguments], env=environment, cwd="/",
                stdin=subprocess.PIPE if effect.stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )
        except FileNotFoundError:
            self._ended(run, 5, missing=True, error=f"{effect.program} does not exist")
            return
        except PermissionError as error:
            self._ended(run, 4, error=f"{effect.program}: {error.strerror}")
            return
        except (OSError, ValueError) as error:
            self._ended(run, 1, error=f"{effect.program} cannot be started: {error}")
            return
        try:
            run.pidfd = os.pidfd_open(process.pid)
        except OSError as error:
            # Its end would never be noticed: better none, and said.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
            process.wait()
            self._ended(run, 1, error=f"{effect.program} cannot be watched: {error.strerror}")
            return
        run.process = process
        self._note(process.pid)
        self._running[(run.component, effect.token)] = run
        loop = asyncio.get_running_loop()
        if process.stdin:
            os.set_blocking(process.stdin.fileno(), False)
            with suppress(OSError):  # it need not read what it is given
                os.write(process.stdin.fileno(), effect.stdin[:STDIN_MAX])
            with suppress(OSError):
                process.stdin.close()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            handle = stream.fileno()
            os.set_blocking(handle, False)
            run.output[handle] = bytearray()
            run.streams.append(handle)
            loop.add_reader(handle, self._read, run, handle)
        loop.add_reader(run.pidfd, self._reap, run)
        if effect.timeout_ms > 0:
            run.timer = loop.call_later(effect.timeout_ms / 1000, self._time_is_up, run)

    def _read(self, run: _Run, handle: int) -> None:
        # A bounded number of reads a turn: a chattering agent shares the loop with everybody.
        for _ in range(4):
            try:
                data = os.read(handle, 65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(handle)
                if handle in run.streams:
                    run.streams.remove(handle)
                return
            room = OUTPUT_MAX - len(run.output[handle])
            run.output[handle] += data[:room]
            run.dropped += max(0, len(data) - room)

    def _time_is_up(self, run: _Run) -> None:
        if run.timed_out:
            self._signal(run, signal.SIGKILL)
            return
        run.timed_out = True
        self._signal(run, signal.SIGTERM)
        run.timer = asyncio.get_running_loop().call_later(GRACE_S, self._time_is_up, run)

    def _signal(self, run: _Run, number: int) -> None:
        if run.process and run.process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(run.process.pid, number)

    def _reap(self, run: _Run) -> None:
        assert run.process is not None
        if run.process.poll() is None:
            return
        loop = asyncio.get_running_loop()
        for handle in list(run.streams):
            self._read(run, handle)
        for handle in list(run.streams):
            loop.remove_reader(handle)
        loop.remove_reader(run.pidfd)
        os.close(run.pidfd)
        stdout, stderr = run.process.stdout, run.process.stderr
        assert stdout is not None and stderr is not None
        out, err = (bytes(run.output[s.fileno()]) for s in (stdout, stderr))
        stdout.close()
        stderr.close()
        if run.timer:
            run.timer.cancel()
        self._strike(run.process.pid)
        ended = run.timed_out or run.killed
        with suppress(ProcessLookupError, PermissionError):
            # Children of a killed agent must not go on working behind our back.
            os.killpg(run.process.pid, signal.SIGKILL if ended else 0)
            run.left = not ended
        code = run.process.returncode
        del self._running[(run.component, run.effect.token)]
        note = f"{run.dropped} bytes of output were dropped" if run.dropped else ""
        self._ended(run, 128 - code if code < 0 else code, out, err, error=note)
        self._start_waiting()

    def _ended(
        self, run: _Run, code: int, out: bytes = b"", err: bytes = b"", *,
        missing: bool = False, error: str = "",
    ) -> None:
        took_ms = int((time.monotonic() - run.started) * 1000)
        self._feed(run.component, AgentEnded(
            run.effect.token, code, run.timed_out, run.killed, out, err, took_ms, missing, error, run.left,
        ))


def _born(pid: int) -> str:
    """When a process began, in ticks since boot; empty when there is none, or it is dead and only not yet buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return ""
    return fields[19].decode("ascii") if len(fields) > 19 and fields[0] not in (b"Z", b"X") else ""
