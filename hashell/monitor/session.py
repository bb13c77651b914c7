"""A session: one cluster that is looked at: its feed, its past, a client for acts.

Ends only with its task. A cluster that cannot be reached at first is tried again, as a feed does with one that was
lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from hashell.client.api import ClusterClient
from hashell.client.feed import feed_of
from hashell.errors import HashellError
from hashell.monitor.clock import SteadyClock
from hashell.monitor.past import Past

#: Seconds between two attempts to find a cluster at all.
RETRY_S = 1.0
#: Seconds between two looks at the clock, and at what can be packed.
CARE_S = 1.0


class Session:
    """One cluster. `open_client(where)` connects; `where` is the socket that we are attached to, or empty."""

    def __init__(self, open_client: Callable[[str], ClusterClient], *, clock: SteadyClock | None = None) -> None:
        self.past = Past()
        self.clock = clock or SteadyClock()
        self._open_client = open_client

    def client(self) -> ClusterClient:
        """A connection of its own, made in the calling (worker) thread. Raises HashellError."""
        link = self.past.link
        return self._open_client(link.where if link.kind == "hashelld" else "")

    async def watch(self) -> None:
        """Follow the cluster until cancelled."""
        care = asyncio.create_task(self._care())
        try:
            while True:
                try:
                    client = await asyncio.to_thread(self.client)
                except HashellError as error:
                    self.past.lost(str(error), self.clock.now_s())
                    await asyncio.sleep(RETRY_S)
                    continue
                await self._follow(client)
        finally:
            care.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await care

    async def _follow(self, client: ClusterClient) -> None:
        self.past.kind, self.past.read_only = client.kind, client.read_only
        feed = feed_of(client)
        try:
            async for update in feed.updates():
                self.past.hear(update, self.clock.now_s())
        finally:
            await feed.close()
            client.close()

    async def _care(self) -> None:
        """Follow a clock that was set, and keep what was heard small."""
        while True:
            await asyncio.sleep(CARE_S)
            jumped_s = self.clock.jumped()
            if jumped_s:
                self.past.shift(jumped_s)
            if self.past.unpacked:
                await asyncio.to_thread(self.past.pack)
