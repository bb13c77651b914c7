"""Service manager: tell systemd that this node has started, lives, and is leaving. An edge; silent where nobody asks.

Source: sd_notify(3), "READY=1", "WATCHDOG=1", "STOPPING=1".
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

from hashelld.core.effects import Effect
from hashelld.core.events import Event

#: A sign of life is given so many times within the time after which it is missed.
SIGNS = 3

Feed = Callable[[str, Event], None]


class ServiceManager:
    """Signs of life are timers of the loop: one that stands still gives none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.performs: dict[type[Effect], Callable[[str, Effect], None]] = {}
        self._path = environment.get("NOTIFY_SOCKET", "")
        usec = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every_s = int(usec) / 1e6 / SIGNS if usec.isdigit() and meant else 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self, feed: Feed) -> None:
        self._say("READY=1")
        if self._path and self._every_s:
            self._task = asyncio.create_task(self._live(), name="signs of life")

    async def stop(self) -> None:
        self._say("STOPPING=1")
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _live(self) -> None:
        while True:
            self._say("WATCHDOG=1")
            await asyncio.sleep(self._every_s)

    def _say(self, text: str) -> None:
        if not self._path:
            return
        # A name that begins with @ is one of the abstract namespace.
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as made:
            made.setblocking(False)
            made.sendto(text.encode(), address)
