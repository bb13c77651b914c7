"""The watchdog's edge: starts the guard, passes on its words, and has the node ended where there is no guard."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

import hashelld
from hashelld.core.effects import Effect
from hashelld.core.events import Event, ServicesKilled, WatchdogReady
from hashelld.settings import Settings
from hashelld.watchdog.guard import PROCESS
from hashelld.watchdog.words import Arm, Disarm, EndNode, Feed, KillServices

#: A guard that ends on its own is started again so many times.
STARTS_MAX = 5
#: Seconds for the guard of a daemon that leaves to end.
QUIT_S = 2.0
#: Where `import hashelld` finds us.
_FOLDER = str(Path(hashelld.__file__).resolve().parents[1])

FeedEvent = Callable[[str, Event], None]


class WatchdogEdge:
    """`settings.watchdog`: empty, "process", or the path of a device."""

    def __init__(self, settings: Settings) -> None:
        self.performs: dict[type[Effect], Callable[[str, Effect], None]] = {
            Arm: self._arm, Feed: self._say_feed, Disarm: self._disarm, KillServices: self._kill_services,
            EndNode: self._end,
        }
        self._settings = settings
        self._feed: FeedEvent = lambda component, event: None
        self._log = structlog.get_logger("watchdog")
        self._guard: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._starts = 0
        self._armed = False
        self._heard = b""

    async def start(self, feed: FeedEvent) -> None:
        self._feed = feed
        path = self._settings.watchdog
        usable = path == PROCESS or (bool(path) and os.access(path, os.W_OK))
        if path and not usable:
            self._log.error("the watchdog cannot be used", path=path)
        feed("", WatchdogReady(self._settings.watchdog_timeout_ms if usable else 0))

    async def stop(self) -> None:
        """Only Disarm closes a watchdog; a guard that is still there goes on without us."""
        guard = self._guard
        if guard is not None and not self._armed:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(guard.wait, QUIT_S)
        self._close()

    # --- effects

    def _arm(self, name: str, effect: Effect) -> None:
        self._armed = True
        self._launch(self._settings.watchdog)

    def _say_feed(self, name: str, effect: Effect) -> None:
        self._say(b"f")

    def _disarm(self, name: str, effect: Effect) -> None:
        self._armed = False
        self._say(b"q")

    def _kill_services(self, name: str, effect: Effect) -> None:
        if self._link is None:
            # Somebody must do it who is not held up by anything, and lives to the end.
            self._launch("")
        self._say(b"k")

    def _end(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, EndNode)
        self._log.error("this node ends", reason=effect.reason)
        if self._link is None:
            self._launch("")
        self._say(b"d")

    # --- the guard

    def _launch(self, path: str) -> None:
        self._starts += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        settings = self._settings
        with theirs:
            arguments = (
                theirs.fileno(), path, settings.watchdog_timeout_ms, str(settings.run_dir), os.getpid(),
                settings.panic_action,
            )
            # Isolated and without site packages: it needs nothing but this folder and the standard library.
            code = (
                f"import sys; sys.path.insert(0, {_FOLDER!r}); from hashelld.watchdog.guard import main;"
                f" sys.exit(main(*{arguments!r}))"
            )
            try:
                # By its mark it belongs to the node: who is fenced needs no guard any more.
                self._guard = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", code], stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),),
                    cwd="/", start_new_session=True,
                    env={"PATH": os.environ.get("PATH", ""), "HASHELL_RUN_DIR": str(settings.run_dir)},
                )
            except OSError as error:
                ours.close()
                self._log.error("the guard cannot be started", error=error.strerror)
                self._feed("", WatchdogReady(0))
                return
        ours.setblocking(False)
        self._link = ours
        self._heard = b""
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read)

    def _say(self, word: bytes) -> None:
        if self._link is not None:
            with suppress(OSError):
                self._link.send(word)

    def _read(self) -> None:
        assert self._link is not None, "read only while it is open"
        try:
            data = self._link.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._gone()
            return
        self._heard = (self._heard + data)[-4096:]
        while b"\n" in self._heard:
            line, _, self._heard = self._heard.partition(b"\n")
            self._told(line.decode("utf-8", "replace"))

    def _told(self, text: str) -> None:
        match text:
            case "ready":
                self._log.info("the watchdog is armed", path=self._settings.watchdog)
            case "killed" | "not all killed":
                self._log.warning("the processes of all services: " + text)
                self._feed("", ServicesKilled())
            case _:
                self._log.error("the watchdog cannot be used", reason=text)
                self._armed = False
                self._feed("", WatchdogReady(0))

    def _gone(self) -> None:
        """It ended: because we said so, because it could not do its work, or because somebody killed it."""
        self._close()
        if not self._armed:
            return
        if self._starts >= STARTS_MAX:
            self._armed = False
            self._feed("", WatchdogReady(0))
            return
        self._log.error("the guard is gone, another is started")
        self._launch(self._settings.watchdog)

    def _close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            asyncio.get_running_loop().remove_reader(link.fileno())
            link.close()
        guard, self._guard = self._guard, None
        if guard is not None and guard.poll() is None and not self._armed:
            with suppress(ProcessLookupError):
                guard.send_signal(signal.SIGKILL)
