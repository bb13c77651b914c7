"""Load: how busy this machine and this daemon are, told now and then. An edge."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from hashelld.core.effects import Effect
from hashelld.core.events import Event, LoadTold

#: Seconds between two looks. Source: controld_throttle.c.
LOOK_S = 30.0

Feed = Callable[[str, Event], None]


class LoadEdge:
    """Performs nothing; feeds LoadTold."""

    def __init__(self) -> None:
        self.performs: dict[type[Effect], Callable[[str, Effect], None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self, feed: Feed) -> None:
        self._task = asyncio.create_task(self._look(feed), name="load")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self, feed: Feed) -> None:
        cores = os.cpu_count() or 1
        used_s, looked_s = time.process_time(), time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            now_used_s, now_s = time.process_time(), time.monotonic()
            own = (now_used_s - used_s) / max(now_s - looked_s, 0.001)
            used_s, looked_s = now_used_s, now_s
            try:
                load = os.getloadavg()[0]
            except OSError:
                load = 0.0
            feed("", LoadTold(load, cores, own))
