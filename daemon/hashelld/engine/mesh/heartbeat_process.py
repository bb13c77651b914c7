"""Heartbeat process: starts it, talks to it, starts another when it ends or stands still. The daemon's end; an edge."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

import hashelld
from hashelld.core.effects import Effect
from hashelld.core.events import Event
from hashelld.engine.engine import Me
from hashelld.engine.mesh import beats, pulse
from hashelld.engine.mesh.links import HeartbeatDown, HeartbeatPort, HeartbeatSaid, HeartbeatUp, TellHeartbeat
from hashelld.engine.mesh.pulse_words import MESSAGE_MAX, pack, unpack
from hashelld.engine.mesh.trust import Trust
from hashelld.settings import Settings

#: Milliseconds between two starts: at once, then later each time.
DELAYS_MS = (0, 50, 200, 1000, 5000)
#: A process that ran for so long has failed for a new reason.
SOUND_S = 30.0
#: Seconds without a word from it after which we look whether it stands still, and after which it is ended anyway.
STILL_S, STUCK_S = 0.25, 3.0
#: Commands that wait for a process that does not read; it knows everything again after it was replaced.
WAITING_MAX = 1_000

#: Where `import hashelld` finds us.
_FOLDER = str(Path(hashelld.__file__).resolve().parents[1])

Feed = Callable[[str, Event], None]


class HeartbeatProcess:
    """The edge. The UDP socket is ours, so that the port stays whichever process listens."""

    def __init__(self, settings: Settings, me: Me, trusts: Callable[[], tuple[Trust, ...]]) -> None:
        self.performs: dict[type[Effect], Callable[[str, Effect], None]] = {TellHeartbeat: self._command}
        self._settings = settings
        self._me = me
        self._trusts = trusts
        self._feed: Feed = lambda component, event: None
        self._log = structlog.get_logger("heartbeat")
        self._datagrams: socket.socket | None = None
        self._pipe: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self._spoke_s = self._looked_s = 0.0
        self.port = 0

    async def start(self, feed: Feed) -> None:
        """Returns at once; links tell who lives until it runs, and where it cannot run."""
        self._feed = feed
        try:
            self._datagrams = _bind(self._settings.address, self._settings.port)
        except OSError as error:
            reason = f"no UDP port: {error.strerror}"
            self._log.warning("no heartbeats", reason=reason)
            feed("engine", HeartbeatDown(reason))
            return
        self.port = self._datagrams.getsockname()[1]
        feed("engine", HeartbeatPort(self.port))
        self._task = asyncio.create_task(self._keep(), name="heartbeat")

    async def stop(self) -> None:
        if self._pipe:
            with suppress(OSError):
                self._pipe.send(pack(pulse.Farewell()))
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._close_pipe()
        if self._process:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 1)
            self._kill()
        if self._datagrams:
            self._datagrams.close()

    # --- its life

    async def _keep(self) -> None:
        failures = 0
        while True:
            began_s = time.monotonic()
            reason = await self._live()
            # First: at the end of its pipe it would tell all that this daemon is dead.
            self._kill()
            self._close_pipe()
            self._feed("engine", HeartbeatDown(reason))
            failures = 0 if time.monotonic() - began_s > SOUND_S else failures + 1
            await asyncio.sleep(DELAYS_MS[min(failures, len(DELAYS_MS)) - 1] / 1000 if failures else 0)

    async def _live(self) -> str:
        """One process from its start to its end; why it ended."""
        assert self._datagrams is not None
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            return f"no pipe to it: {error.strerror}"
        with theirs:
            handles = (self._datagrams.fileno(), theirs.fileno())
            # Isolated and without site packages: it needs nothing but this folder and the standard library.
            code = (
                f"import sys; sys.path.insert(0, {_FOLDER!r}); from hashelld.engine.mesh.heartbeat import main;"
                f" sys.exit(main{handles})"
            )
            try:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", "-S", "-c", code, stdin=asyncio.subprocess.DEVNULL, pass_fds=handles, cwd="/",
                )
            except OSError as error:
                ours.close()
                return f"cannot be started: {error.strerror}"
        ours.setblocking(False)
        self._pipe = ours
        self._waiting.clear()
        self._looked_s = time.monotonic()
        # On a busy machine it takes its time to start.
        self._spoke_s = self._looked_s + STUCK_S
        self._configure()
        loop = asyncio.get_running_loop()
        loop.add_reader(ours.fileno(), self._read)
        ended = asyncio.ensure_future(self._process.wait())
        try:
            while not ended.done():
                await asyncio.wait({ended}, timeout=STILL_S / 2)
                why = self._stands_still()
                if why and not ended.done():
                    return why
            return f"exit code {ended.result()}"
        finally:
            if not ended.done():
                ended.cancel()

    def _stands_still(self) -> str:
        """Why it should be replaced; only a time in which we ourselves ran counts."""
        assert self._process is not None
        now_s = time.monotonic()
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        if passed_s > STILL_S:
            self._spoke_s = max(self._spoke_s, now_s)
            return ""
        quiet_s = now_s - self._spoke_s
        if quiet_s > STUCK_S:
            return f"it was quiet for {quiet_s:.1f} s"
        if quiet_s > STILL_S and _is_stopped(self._process.pid):
            return "it was stopped"
        return ""

    def rekey(self) -> None:
        """Keys have changed; a process that runs goes on with the new ones."""
        self._configure()

    def _configure(self) -> None:
        settings = self._settings
        keys = tuple((bytes.fromhex(trust.tag), trust.heartbeat_key) for trust in self._trusts())
        self._write(pack(pulse.Configure(
            beats.mark(self._me.name, self._me.uuid), self._me.boot, keys, settings.heartbeat_ms,
            settings.detect_ms, settings.jitter_cap_ms, settings.stall_limit_ms, settings.stall_action == "kill",
        )))

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)

    def _close_pipe(self) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe:
            loop = asyncio.get_running_loop()
            loop.remove_reader(pipe.fileno())
            loop.remove_writer(pipe.fileno())
            pipe.close()

    # --- words

    def _command(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, TellHeartbeat)
        self._write(pack(effect.command))

    def _write(self, data: bytes) -> None:
        if self._pipe is None:
            return
        if not self._waiting:
            try:
                self._pipe.send(data)
            except BlockingIOError:
                asyncio.get_running_loop().add_writer(self._pipe.fileno(), self._write_on)
            except OSError:
                return
            else:
                return
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(data)

    def _write_on(self) -> None:
        if self._pipe is None:
            return
        with suppress(BlockingIOError, OSError):
            while self._waiting:
                self._pipe.send(self._waiting[0])
                self._waiting.popleft()
            asyncio.get_running_loop().remove_writer(self._pipe.fileno())

    def _read(self) -> None:
        for _ in range(100):
            if self._pipe is None:
                return
            try:
                data = self._pipe.recv(MESSAGE_MAX)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                # It is ending; who waits for that says why.
                asyncio.get_running_loop().remove_reader(self._pipe.fileno())
                return
            self._spoke_s = time.monotonic()
            try:
                report = unpack(data)
            except ValueError as error:
                self._log.error("the heartbeat process said nonsense", error=str(error))
                continue
            if isinstance(report, pulse.Ready):
                self._feed("engine", HeartbeatUp(report.priority))
            elif not isinstance(report, pulse.Turning):
                self._feed("engine", HeartbeatSaid(report))


def _is_stopped(pid: int) -> bool:
    """Whether somebody has stopped it (SIGSTOP, a debugger)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b") ")[2][:1] in (b"T", b"t")


def _bind(host: str, port: int) -> socket.socket:
    """The same number as the links' port where it is free, else any: who we tell hears it from us."""
    family = socket.AF_INET
    if (not host and socket.has_dualstack_ipv6()) or ":" in host:
        family = socket.AF_INET6
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if not host else 1)
        try:
            made.bind((host, port))
        except OSError:
            made.bind((host, 0))
    except OSError:
        made.close()
        raise
    os.set_inheritable(made.fileno(), False)
    made.setblocking(False)
    return made
