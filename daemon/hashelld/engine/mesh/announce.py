"""Announce: say over zeroconf that we are here, hear who else is. An edge of mesh; a hint only, never membership.

Type `_hashell._tcp.local.`; clusters are told apart by the tag that the cluster key gives: other tags are never
contacted. A network without multicast costs nothing: peers of the settings and of the roster are dialed all the same.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from hashelld.core.effects import Effect
from hashelld.core.events import Event, Happened
from hashelld.engine.engine import Me
from hashelld.engine.mesh.links import PeerFound
from hashelld.settings import Settings

TYPE = "_hashell._tcp.local."
VERSION = "1"
#: Names that are looked up at the same time, and remembered: a flood of foreign records must cost little.
LOOKUPS_MAX = 16
KNOWN_MAX = 256
#: Milliseconds for one look-up. Seconds between two looks at this machine's addresses.
LOOKUP_MS = 2_000
ADDRESSES_S = 10.0

Feed = Callable[[str, Event], None]


class Announce:
    """The zeroconf side of a node. `ports` tells where links and heartbeats come in once those have started, `tags`
    those of the keys that are accepted, the one to show first."""

    def __init__(
        self, settings: Settings, me: Me, tags: Callable[[], tuple[str, ...]], ports: Callable[[], tuple[int, int]]
    ) -> None:
        self.performs: dict[type[Effect], Callable[[str, Effect], None]] = {}
        self._settings = settings
        self._me = me
        self._tags = tags
        self._ports = ports
        self._feed: Feed = lambda component, event: None
        self._zeroconf: Any = None
        self._browser: Any = None
        self._info: Any = None
        self._lookups: set[asyncio.Task[None]] = set()
        self._foreign: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("announce")

    async def start(self, feed: Feed) -> None:
        """Returns at once; the node does not wait for the network."""
        self._feed = feed
        self._task = asyncio.create_task(self._run(), name="announce")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for task in list(self._lookups):
            task.cancel()
        await self._close()

    async def _run(self) -> None:
        addresses: tuple[str, ...] = ()
        tags: tuple[str, ...] = ()
        told = False
        while True:
            now = self._addresses()
            if now != addresses or self._tags() != tags:
                addresses, tags = now, self._tags()
                self._foreign.clear()
                await self._close()
                try:
                    await self._open(addresses)
                except Exception as error:
                    # Whatever a strange network does to a library must not cost us more than its hints.
                    await self._close()
                    if not told:
                        told = True
                        text = f"discovery by zeroconf does not work here ({error}); peers by list do"
                        self._log.warning(text)
                        self._feed("", Happened("member", "notice", text, (self._me.name,)))
            await asyncio.sleep(ADDRESSES_S)

    def _addresses(self) -> tuple[str, ...]:
        """The addresses under which peers reach us: the one that we listen at, or all of this machine's IPv4 ones."""
        if self._settings.address and self._settings.address not in ("0.0.0.0", "::"):  # noqa: S104
            return (self._settings.address,)
        import psutil

        found = [
            entry.address for entries in psutil.net_if_addrs().values() for entry in entries
            if entry.family == socket.AF_INET
        ]
        # Loopback last: it is of use only to nodes on this machine.
        return tuple(sorted(set(found), key=lambda address: (address.startswith("127."), address)))

    async def _open(self, addresses: tuple[str, ...]) -> None:
        from zeroconf import IPVersion
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

        me = self._me
        port, heartbeat = self._ports()
        # Explicit addresses: the library's own choice fails without a default route.
        self._zeroconf = AsyncZeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        self._info = AsyncServiceInfo(
            TYPE, f"{me.name}-{me.uuid[:8]}.{TYPE}", port=port,
            addresses=[socket.inet_aton(address) for address in addresses],
            properties={
                "v": VERSION, "cl": me.cluster, "tag": self._tags()[0], "node": me.name, "uuid": me.uuid,
                "boot": str(me.boot), "fs": me.feature_set, "hb": str(heartbeat),
            },
            server=f"{me.name}-{me.uuid[:8]}.local.",
        )
        self._browser = AsyncServiceBrowser(
            self._zeroconf.zeroconf, TYPE, handlers=[self._changed]
        )
        # The uuid makes the name unique: no need to ask for a second whether somebody has it.
        await self._zeroconf.async_register_service(self._info, cooperating_responders=True)

    async def _close(self) -> None:
        browser, zeroconf = self._browser, self._zeroconf
        self._browser = self._zeroconf = None
        if zeroconf is None:
            return
        with suppress(Exception):
            if browser:
                await browser.async_cancel()
            await asyncio.wait_for(zeroconf.async_unregister_all_services(), 1)
        with suppress(Exception):
            await asyncio.wait_for(zeroconf.async_close(), 1)

    def _changed(self, zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
        own = self._info is not None and name == self._info.name
        if own or state_change.name == "Removed" or name in self._foreign:
            return
        if len(self._lookups) < LOOKUPS_MAX:
            task = asyncio.ensure_future(self._look_up(zeroconf, name))
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)

    async def _look_up(self, zeroconf: Any, name: str) -> None:
        from zeroconf.asyncio import AsyncServiceInfo

        info = AsyncServiceInfo(TYPE, name)
        with suppress(Exception):
            if not await info.async_request(zeroconf, LOOKUP_MS):
                return
            said = {
                key.decode("utf-8", "replace"): (value or b"").decode("utf-8", "replace")
                for key, value in info.properties.items()
            }
            if said.get("tag") not in self._tags():
                if len(self._foreign) < KNOWN_MAX:
                    self._foreign.add(name)
                    self._log.info("another cluster is on this network", cluster=said.get("cl", "")[:64])
                return
            for address in info.parsed_addresses()[:8]:
                if info.port:
                    self._feed("engine", PeerFound((address, info.port), said.get("node", "")[:64]))
