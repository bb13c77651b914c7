"""Heartbeat: the process of its own that beats and listens, so that a busy daemon looks alive and a dead one does not.

Started by heartbeat_process.py as `python -I -S -c …` with two descriptors: the UDP socket (the daemon keeps it, so a
later process has the same port) and a SEQPACKET socket to the daemon. It asks for realtime priority and locked memory,
else for a high ordinary one, else goes on as it is. Everything that is decided is decided in pulse.py.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress

from hashelld.engine.mesh import pulse
from hashelld.engine.mesh.pulse_words import MESSAGE_MAX, pack, unpack

#: Not in every Python's socket module. Source: asm-generic/socket.h.
SO_TIMESTAMPNS = 35
_STAMP = struct.Struct("@qq")
#: From so many peers on datagrams are gathered for a moment: one that tells of a dead daemon is late by no more.
MANY_PEERS, GATHER_S = 8, 0.015
#: Datagrams looked at between two beats: a flood must not take the processor.
LOOK_MAX = 2_000
#: Microseconds by which boot time runs ahead of monotonic time when the machine has slept.
SLEPT_US = 500_000
#: Seconds between two of the last words.
LAST_WORDS_S = 0.02
#: mlockall: what is there, what comes, each page once it is used.
_MCL = 1 | 2 | 4


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def _ahead_us() -> int:
    """By how much the machine has slept since it booted."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    if boot is None:
        return 0
    return int(time.clock_gettime_ns(boot) - time.monotonic_ns()) // 1000


def ask_for_priority() -> str:
    """The best that this process may have, in words."""
    words = []
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        words.append("realtime")
    except (OSError, AttributeError):
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -20)
            words.append("nice -20")
        except OSError:
            words.append("ordinary")
    try:
        library = ctypes.CDLL(None, use_errno=True)
        words.append("memory locked" if library.mlockall(_MCL) == 0 else "memory not locked")
    except (OSError, AttributeError):
        words.append("memory not locked")
    return ", ".join(words)


class _Waits:
    """How long a process's first thread was ready to run and did not, as the kernel counts it; nothing where it does
    not. Source: Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat"."""

    def __init__(self, pid: int) -> None:
        self._handle = -1
        with suppress(OSError):
            self._handle = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        self._before_us = 0
        self.since_us()

    def since_us(self) -> int:
        """Microseconds since the last time."""
        if self._handle < 0:
            return 0
        try:
            now_us = int(os.pread(self._handle, 100, 0).split()[1]) // 1000
        except (OSError, ValueError, IndexError):
            return 0
        before_us, self._before_us = self._before_us, now_us
        return now_us - before_us


class Process:
    """The descriptors and the loop around a Pulse."""

    def __init__(self, datagrams: socket.socket, daemon: socket.socket) -> None:
        self._datagrams = datagrams
        self._daemon = daemon
        self._maps_v4 = datagrams.family == socket.AF_INET6
        datagrams.setblocking(False)
        daemon.setblocking(False)
        with suppress(OSError):
            datagrams.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._pulse: pulse.Pulse | None = None
        self._parent = os.getppid()
        self._emptied_us = _now_us()
        self._ahead_us = _ahead_us()
        self._left = LOOK_MAX
        self._waits = _Waits(self._parent)

    def run(self) -> int:
        """Until the daemon is gone; the exit code."""
        poll = select.poll()
        poll.register(self._daemon, select.POLLIN)
        poll.register(self._datagrams, select.POLLIN)
        listening = True
        priority = ask_for_priority()
        self._tell(pulse.Ready(priority))
        while True:
            wait_ms = 1000
            if self._pulse:
                wait_ms = max(0, -(-(self._pulse.due_us - _now_us()) // 1000))
            ready = {handle for handle, _ in poll.poll(wait_ms)}
            if self._daemon.fileno() in ready and not self._commands():
                self._say_last_words()
                return 0
            if self._pulse and self._pulse.peers > MANY_PEERS and self._datagrams.fileno() in ready:
                # The kernel notes when each came: many are heard together for the price of one waking.
                time.sleep(min(GATHER_S, max(0, self._pulse.due_us - _now_us()) / 1e6))
            drained = True
            if self._pulse:
                due = _now_us() >= self._pulse.due_us
                if due or self._datagrams.fileno() in ready:
                    drained = self._listen()
                if due:
                    self._left = LOOK_MAX
                    self._slept()
                    self._pulse.starved(self._waits.since_us(), _now_us())
                    self._perform(self._pulse.tick(_now_us(), drained=drained))
                    drained = True
            if drained != listening:
                # After a flood the socket is left alone until the next beat.
                poll.modify(self._datagrams, select.POLLIN if drained else 0)
                listening = drained

    def _commands(self) -> bool:
        """False: the daemon's end is closed."""
        while True:
            try:
                data = self._daemon.recv(MESSAGE_MAX)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            command = unpack(data)
            now_us = _now_us()
            if self._pulse is None:
                if isinstance(command, pulse.Configure):
                    self._pulse = pulse.Pulse(command, now_us)
            else:
                self._perform(self._pulse.command(command, now_us))

    def _listen(self) -> bool:
        """All datagrams that wait; False when there are more than we look at before the next beat."""
        assert self._pulse is not None
        while self._left > 0:
            try:
                data, extra, _, source = self._datagrams.recvmsg(2048, 64)
            except BlockingIOError:
                self._emptied_us = _now_us()
                return True
            except OSError:
                # A peer's port is closed (as ICMP says): nothing to read for that.
                self._left -= 1
                continue
            self._left -= 1
            host = str(source[0]).removeprefix("::ffff:")
            now_us = _now_us()
            self._perform(self._pulse.datagram(data, (host, source[1]), self._came(extra, now_us), now_us))
        return False

    def _came(self, extra: list[tuple[int, int, bytes]], now_us: int) -> int:
        """The kernel's stamp by the monotonic clock. It came after the socket was last empty, whatever the wall clock
        has done since."""
        for level, kind, data in extra:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= _STAMP.size:
                seconds, nanoseconds = _STAMP.unpack(data[: _STAMP.size])
                age_us: int = time.time_ns() // 1000 - (seconds * 1_000_000 + nanoseconds // 1000)
                return min(now_us, max(self._emptied_us, now_us - max(0, age_us)))
        return now_us

    def _slept(self) -> None:
        assert self._pulse is not None
        ahead_us = _ahead_us()
        if ahead_us - self._ahead_us > SLEPT_US:
            self._perform(self._pulse.slept((ahead_us - self._ahead_us) // 1000, _now_us()))
        self._ahead_us = ahead_us

    def _perform(self, outs: list[pulse.Out]) -> None:
        for out in outs:
            if isinstance(out, pulse.SendTo):
                host, port = out.address
                if self._maps_v4 and ":" not in host:
                    host = "::ffff:" + host
                # A cable that is out, an address that is gone, a full queue: the next beat is soon.
                with suppress(OSError):
                    self._datagrams.sendto(out.data, (host, port))
            elif isinstance(out, pulse.KillDaemon):
                # Still its child: nobody else has that number.
                if os.getppid() == self._parent and self._parent > 1:
                    print(f"heartbeat: the daemon stood still for {out.stalled_ms} ms; ended", file=sys.stderr)
                    with suppress(OSError):
                        os.kill(self._parent, signal.SIGKILL)
            else:
                self._tell(out)

    def _tell(self, report: pulse.Report) -> None:
        # A daemon that does not read now learns the same from its next look, or is stalled.
        with suppress(OSError):
            self._daemon.send(pack(report))

    def _say_last_words(self) -> None:
        if self._pulse is None:
            return
        for _ in range(pulse.LAST_WORDS):
            self._perform(self._pulse.last_words(_now_us()))
            time.sleep(LAST_WORDS_S)


def main(datagrams: int, daemon: int) -> int:
    """Run with these descriptors; the exit code. Only the daemon's end of the pipe ends it, not a terminal."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    process = Process(socket.socket(fileno=datagrams), socket.socket(fileno=daemon))
    gc.collect()
    gc.freeze()
    return process.run()
