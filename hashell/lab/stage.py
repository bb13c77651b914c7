"""The stage: a cluster, a service on it, a client that measures; performs the steps of a story.

The service is a virtual address (127.x.y.47) and a web server on it, one group, preferred on the first node, the next
on the second, and so on. Fencing is real: fence_hashell ends a node's processes for good.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from xml.sax.saxutils import quoteattr

from hashell.cib.digest import document_digest
from hashell.cib.document import Cib
from hashell.client.feed import CibUpdate, Connected, Disconnected, EventUpdate, InfoUpdate, LiveFeed
from hashell.errors import HashellError, NotFound, NotReachable, Refused
from hashell.lab import processes
from hashell.lab.cluster import LocalCluster
from hashell.lab.probe import Gap, Probe
from hashell.lab.timeline import Timeline
from hashell.wire.messages import Change, EventInfo, Info

#: The last byte of the service's address. Source: the tutorial's 192.168.8.47.
LAST_BYTE = 47
#: Resources of the demo.
GROUP, ADDRESS, SITE, FENCING = "web", "web-ip", "web-site", "fencing"
#: Score by which the first node is preferred; each further one gets a tenth less.
PREFERENCE = 1000
#: Seconds between two monitor operations of the service: the outage of a killed process is about half of it.
MONITOR_S = 1
#: Answers of the probe older than this do not count as answering now.
FRESH_S = 0.6
#: Events kept for the timeline.
EVENTS_MAX = 5_000


class Watcher:
    """A live feed in a thread: the last Info and CIB, and every event, for those who wait in plain code."""

    def __init__(self, path: str, others: Sequence[str], timeline: Timeline) -> None:
        self.info: Info | None = None
        self.cib: Cib | None = None
        self.events: list[EventInfo] = []
        self.where = path
        self._timeline = timeline
        self._feed = LiveFeed(path, others=others, program="demo")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._follow())
        self._loop.close()

    async def _follow(self) -> None:
        async for update in self._feed.updates():
            match update:
                case InfoUpdate(info):
                    self.info = info
                case CibUpdate(_, after):
                    self.cib = after
                case Connected(where, _, node, _, moved_from, why):
                    self.where = where
                    if moved_from:
                        self._timeline.add("event", f"now watching {node}: {why}")
                case Disconnected():
                    self.info = None
                case EventUpdate(event, past):
                    self.events.append(event)
                    del self.events[:-EVENTS_MAX]
                    if not past and event.level != "debug":
                        self._timeline.add("event", f"{event.node}: {event.text}")

    def close(self) -> None:
        """End the thread."""
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                asyncio.run_coroutine_threadsafe(self._feed.close(), self._loop).result(5)
        self._thread.join(5)


def free_service() -> tuple[str, int]:
    """An address of 127.0.0.0/8 that ends in .47, and a port that is free on it."""
    for third in range(256):
        address = f"127.0.{third}.{LAST_BYTE}"
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((address, 0))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            return address, port
    raise Refused("no address of 127.0.0.0/8 can be bound here", "is the loopback interface up?")


def configuration(
    nodes: Sequence[str], address: str, port: int, claim_port: int
) -> tuple[Change, ...]:
    """The demo's configuration: options, the group, where it is preferred, fencing."""

    def pairs(owner: str, kind: str, **values: str | int) -> str:
        inside = "".join(
            f'<nvpair id="{owner}-{kind}-{name}" name="{name}" value={quoteattr(str(value))}/>'
            for name, value in values.items()
        )
        return f'<{kind} id="{owner}-{kind}">{inside}</{kind}>'

    def operations(owner: str) -> str:
        return (
            "<operations>"
            f'<op id="{owner}-monitor" name="monitor" interval="{MONITOR_S}s" timeout="5s"/>'
            f'<op id="{owner}-start" name="start" interval="0" timeout="10s"/>'
            f'<op id="{owner}-stop" name="stop" interval="0" timeout="10s"/></operations>'
        )

    options = {
        "stonith-enabled": "true", "no-quorum-policy": "stop", "stonith-timeout": "20s",
        "cluster-recheck-interval": "1min",
    }
    crm_config = '<cluster_property_set id="cib-bootstrap-options">' + "".join(
        f'<nvpair id="cib-bootstrap-options-{name}" name="{name}" value="{value}"/>'
        for name, value in options.items()
    ) + "</cluster_property_set>"
    fencing = (
        f'<primitive id="{FENCING}" class="stonith" type="fence_hashell">'
        + pairs(FENCING, "instance_attributes", pcmk_host_check="static-list",
                pcmk_host_list=" ".join(nodes))
        + f'<operations><op id="{FENCING}-monitor" name="monitor" interval="60s" timeout="20s"/>'
        "</operations></primitive>"
    )
    group = (
        f'<group id="{GROUP}">'
        f'<primitive id="{ADDRESS}" class="ocf" provider="hashell" type="VirtualIP">'
        + pairs(ADDRESS, "instance_attributes", ip=address, claim_port=claim_port)
        + operations(ADDRESS) + "</primitive>"
        f'<primitive id="{SITE}" class="ocf" provider="hashell" type="WebServer">'
        + pairs(SITE, "instance_attributes", ip=address, port=port)
        + operations(SITE) + "</primitive></group>"
    )
    places = [
        f'<rsc_location id="{GROUP}-on-{node}" rsc="{GROUP}" node="{node}"'
        f' score="{PREFERENCE - number * PREFERENCE // 10}"/>'
        for number, node in enumerate(nodes)
    ]
    parts = [(crm_config, "crm_config"), (fencing, "resources"), (group, "resources")]
    parts += [(place, "constraints") for place in places]
    return tuple(Change("modify", xml.encode(), section) for xml, section in parts)


class ServiceStage:
    """What every stage shares: a cluster, a probe of its service, somebody who watches, and the verbs and claims on
    them.

    Use as a context manager; `build` brings it to where stories begin. A stage adds how it is configured.
    """

    def __init__(self, cluster: LocalCluster, probe: Probe, timeline: Timeline | None = None) -> None:
        self.cluster = cluster
        self.probe = probe
        self.timeline = timeline or Timeline()
        self._watcher: Watcher | None = None
        self._serving = ""
        self._lock = threading.Lock()
        self.formed_s = 0.0
        self.serving_s = 0.0

    # --- what differs

    #: Whether the service runs on the first node when all is well.
    prefers_home = True

    @property
    def service(self) -> str:
        """Where the service is, for people."""
        return f"{self.probe.address}:{self.probe.port}"

    def configure(self) -> None:
        """Commit the configuration of the service."""
        raise NotImplementedError

    def start_probe(self) -> None:
        """Start the client where it has the service's network."""
        self.probe.start()

    # --- life

    def build(self, timeout_s: float = 60.0) -> None:
        """Start nodes, configure, wait for the service; `formed_s` and `serving_s` count from the daemons' start."""
        began = time.monotonic()
        self.timeline.add("step", f"starting {len(self.cluster.nodes)} daemons in {self.cluster.folder}")
        self.cluster.start()
        self.cluster.wait_formed(timeout_s)
        self.formed_s = time.monotonic() - began
        self.timeline.add("step", f"{len(self.cluster.nodes)} nodes online after {self.formed_s:.1f} s")
        sockets = [str(place.socket) for place in self.cluster.places.values()]
        self._watcher = Watcher(sockets[-1], sockets, self.timeline)
        self.probe.on_change = self._seen
        self.start_probe()
        self.configure()
        self.timeline.add("step", f"configured; the service is to be at {self.service}")
        self.cluster.wait_until(
            lambda: not self.complaint("answers", "", self.home if self.prefers_home else "", ""),
            f"the service does not answer on {self.home}", timeout_s,
        )
        self.serving_s = time.monotonic() - began
        self.timeline.add(
            "service", f"the service answers on {self.owner()}, {self.serving_s:.1f} s after the start"
        )

    def close(self) -> None:
        self.probe.stop()
        if self._watcher is not None:
            self._watcher.close()
        self.cluster.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _seen(self, node: str, gaps: Sequence[Gap], doubles: Sequence[str]) -> None:
        """The probe saw a change."""
        with self._lock:
            before, self._serving = self._serving, node
        for text in doubles:
            self.timeline.add("problem", f"two owners: {text}")
        if before and not node:
            self.timeline.add("service", "nobody answers")
        for gap in gaps:
            where = f"on {gap.after}" if gap.after != gap.before else f"again on {gap.after}"
            self.timeline.add("service", f"the service answers {where}; outage {gap.seconds:.2f} s")

    # --- what a story asks

    @property
    def home(self) -> str:
        return self.cluster.nodes[0]

    def owner(self) -> str:
        """Who answered last, if that is not long ago."""
        sight = self.probe.sight
        return sight.node if time.monotonic() - sight.alive_s < FRESH_S + 0.4 else ""

    @property
    def watcher(self) -> Watcher | None:
        """Who watches, once the stage is built."""
        return self._watcher

    def info(self) -> Info | None:
        return self._watcher.info if self._watcher is not None else None

    def complaint(self, claim: str, node: str, on: str, not_on: str) -> str:
        match claim:
            case "answers":
                return self._answers(on, not_on)
            case "one-owner":
                owners = self.probe.sight.owners
                return "" if owners == 1 else f"{owners} sockets listen at the service's address"
            case "member" | "gone":
                info = self.info()
                if info is None:
                    return "nobody tells of the members"
                present = any(m.name == node and m.state == "member" for m in info.members)
                if claim == "member":
                    return "" if present else f"{node} is no member"
                return f"{node} is still a member" if present else ""
            case "idle":
                return self._busy()
            case "off":
                return f"{node} still runs: it was not fenced" if self.cluster.runs(node) else ""
            case "agree":
                return self._disagreement()
        return f"this stage cannot tell whether {claim!r} holds"

    def _answers(self, on: str, not_on: str) -> str:
        owner = self.owner()
        if not owner:
            return "the service does not answer"
        if on and owner != on:
            return f"the service answers on {owner}, not on {on}"
        if not_on and owner == not_on:
            return f"the service still answers on {not_on}"
        return self.complaint("one-owner", "", "", "")

    def _disagreement(self) -> str:
        """Whether all nodes that run are in one view, with one coordinator and one CIB."""
        said: dict[tuple[int, str, str], str] = {}
        for node in self.cluster.nodes:
            if not self.cluster.alive(node):
                continue
            try:
                client = self.cluster.client(node, timeout_s=2.0)
            except HashellError as error:
                return str(error)
            try:
                info, cib = client.info(), client.cib()
            except HashellError as error:
                return str(error)
            finally:
                client.close()
            said[info.view, info.dc, f"{cib.version} {document_digest(cib)}"] = node
        if len(said) > 1:
            (view, dc, cib_is), (other_view, other_dc, other_cib) = list(said)[:2]
            one, other = list(said.values())[:2]
            return (
                f"{one} is in view {view} of {dc} with CIB {cib_is}, "
                f"{other} in {other_view} of {other_dc} with {other_cib}"
            )
        return "" if said else "no node runs"

    def _busy(self) -> str:
        try:
            client = self.cluster.client(self._witness())
        except HashellError as error:
            return str(error)
        try:
            client.wait_idle(1.0)
        except HashellError as error:
            return str(error)
        finally:
            client.close()
        return ""

    def _witness(self) -> str:
        """A node to talk to: one that runs and is a member as far as is known."""
        info = self.info()
        members = {m.name for m in info.members if m.state == "member"} if info else set()
        for node in self.cluster.nodes:
            if self.cluster.alive(node) and (not members or node in members):
                return node
        raise NotReachable("no node runs")

    def perform(self, verb: str, node: str) -> None:
        if not node:
            raise NotFound(f"{verb} needs a node, and nobody serves now")
        match verb:
            case "kill-node":
                self.cluster.kill(node)
            case "kill-daemon":
                self.cluster.kill_daemon(node)
            case "freeze-node":
                self.cluster.freeze(node)
            case "thaw-node":
                self.cluster.thaw(node)
            case "start-node":
                if self.cluster.alive(node):
                    raise Refused(f"{node} runs already; was it not fenced?")
                self.cluster.start_node(node)
            case "stop-node":
                self.cluster.stop_node(node)
            case "standby":
                self._set_standby(node, "on")
            case "online":
                self._set_standby(node, "off")
            case _:
                raise Refused(f"this stage cannot {verb}")

    def _set_standby(self, node: str, value: str) -> None:
        client = self.cluster.client(self._witness())
        try:
            found = client.cib().root.xpath("configuration/nodes/node[@uname=$name]/@id", name=node)
            if not isinstance(found, list) or not found:
                raise NotFound(f"the CIB has no node {node}")
            id = str(found[0])
            xml = (
                f'<node id={quoteattr(id)} uname="{node}"><instance_attributes id="nodes-{id}">'
                f'<nvpair id="nodes-{id}-standby" name="standby" value="{value}"/>'
                "</instance_attributes></node>"
            )
            word = "standby" if value == "on" else "online"
            client.apply([Change("modify", xml.encode(), "nodes")], command=f"node {word} {node}")
        finally:
            client.close()


class LoopbackStage(ServiceStage):
    """Nodes on loopback with the demo's service: an address of 127.0.0.0/8 and a web server on it."""

    def __init__(
        self, nodes: int = 3, *, folder: Path | None = None, keep: bool = False, timeline: Timeline | None = None,
        settings: str = "",
    ) -> None:
        if not 2 <= nodes <= 8:
            raise Refused(f"a demo has 2 to 8 nodes, not {nodes}")
        names = tuple(f"node{number}" for number in range(1, nodes + 1))
        self.address, self.port = free_service()
        self._claim_port = self._other_port()
        cluster = LocalCluster(names, folder=folder, keep=keep, settings=settings)
        super().__init__(cluster, Probe(self.address, self.port), timeline)

    def _other_port(self) -> int:
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.bind((self.address, 0))
                port: int = probe.getsockname()[1]
                if port != self.port:
                    return port

    def configure(self) -> None:
        """Commit the demo's configuration."""
        client = self.cluster.client()
        try:
            client.apply(
                configuration(self.cluster.nodes, self.address, self.port, self._claim_port),
                command="demo", message="the demo's service",
            )
        finally:
            client.close()

    def perform(self, verb: str, node: str) -> None:
        if verb == "kill-service":
            self._kill_service(node)
        else:
            super().perform(verb, node)

    def _kill_service(self, node: str) -> None:
        """SIGKILL for the web server, by the file in which its agent keeps the process id."""
        file = self.cluster.place(node).run / "rsctmp" / f"WebServer-{SITE}.pid"
        try:
            pid = int(file.read_text(encoding="ascii").split()[0])
        except (OSError, ValueError, IndexError):
            raise NotFound(f"no web server runs on {node}") from None
        if pid not in processes.belonging(self.cluster.place(node).run):
            raise NotFound(f"process {pid} is not {node}'s")
        os.kill(pid, signal.SIGKILL)
