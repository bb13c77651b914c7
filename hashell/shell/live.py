"""What goes on in the cluster, for a person who types: a view for prompt and toolbar, lines for above the prompt.

`ClusterView` and `Throttle` are plain; `Follower` runs a feed in a thread of its own, so that neither a command that
waits nor a person who does not type holds up the news.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from hashell.cib.document import Cib
    from hashell.client.feed import Feed, Update
    from hashell.wire.messages import EventInfo, Info, TransitionNotice

#: Lines that may appear above the prompt in a second; the rest is counted.
LINES_PER_S = 8
#: Lines kept while a command runs; the rest is counted.
KEPT_MAX = 20
#: Seconds that are waited for the feed's thread at the end.
END_S = 2.0


@dataclass(slots=True)
class ClusterView:
    """The cluster as the last updates left it. `cluster` is empty before the first."""

    cluster: str = ""
    node: str = ""
    connected: bool = False
    why_lost: str = ""
    info: Info | None = None
    cib: Cib | None = None
    transition: int = 0
    actions: int = 0
    done: int = 0
    seen: set[int] = field(default_factory=set)

    @property
    def nodes_up(self) -> tuple[int, int]:
        """Members that are here, and all."""
        members = self.info.members if self.info is not None else ()
        return sum(one.state == "member" for one in members), len(members)

    def troubles(self, faults: int) -> list[str]:
        """Why the cluster is not well, in words; empty when it is."""
        if self.info is None:
            return ["not connected"] if not self.connected and self.why_lost else []
        found = [] if self.connected else ["not connected"]
        if not self.info.quorate:
            found.append("no quorum")
        if not self.info.dc:
            found.append("no DC")
        up, every = self.nodes_up
        if up < every:
            found.append(f"{every - up} node{'s' if every - up > 1 else ''} down")
        if faults:
            found.append(f"{faults} failure{'s' if faults > 1 else ''}")
        return found

    def take(self, update: Update) -> list[tuple[str, str]]:
        """Note an update; the lines that a person should see, each with its level: info, ok, warning or error."""
        from hashell.client.feed import (
            CibUpdate,
            Connected,
            Disconnected,
            EventUpdate,
            InfoUpdate,
            TransitionUpdate,
        )

        match update:
            case Connected():
                return self._connected(update)
            case Disconnected(where, why, _):
                first = self.connected or not self.why_lost
                self.connected, self.why_lost = False, why
                return [("error", f"the cluster does not answer: {why}; trying again ({where})")] if first else []
            case CibUpdate(_, after):
                self.cib = after
            case InfoUpdate(info):
                self.info = info
                self.cluster = info.cluster or self.cluster
            case EventUpdate(event, past):
                if not past and event.level != "debug":
                    return [(event.level, event_text(event))]
            case TransitionUpdate(notice):
                self._transition(notice)
        return []

    def _connected(self, update: object) -> list[tuple[str, str]]:
        from hashell.client.feed import Connected

        assert isinstance(update, Connected)
        lost = bool(self.why_lost)
        before, self.node = self.node, update.node
        self.connected, self.why_lost = True, ""
        self.cluster = update.cluster or self.cluster
        if update.moved_from:
            return [("warning", f"{update.why or 'the node is gone'}; now on {update.node}")]
        if lost:
            return [("ok", f"connected again to {update.node or update.where}")]
        return [("warning", f"now on {update.node}")] if before and before != update.node else []

    def _transition(self, notice: TransitionNotice) -> None:
        if notice.phase == "started":
            self.transition, self.done = notice.number, 0
            self.actions = notice.graph_xml.count(b"<action_set")
            self.seen = set()
        elif notice.phase == "action":
            self.transition = self.transition or notice.number
            if notice.state in ("done", "failed", "skipped") and notice.action not in self.seen:
                self.seen.add(notice.action)
                self.done += 1
        else:
            self.transition = 0


def event_text(event: EventInfo) -> str:
    """An event as one line: when, where, what."""
    at = datetime.fromtimestamp(event.when_s).strftime("%H:%M:%S")
    text = " ".join(event.text.split())
    return f"{at} {event.node}: {text}" if event.node and not text.startswith(event.node) else f"{at} {text}"


class Throttle:
    """A bound on lines in a second; what is over is counted and said in one line. Times are monotonic seconds."""

    def __init__(self, per_second: int = LINES_PER_S) -> None:
        assert per_second > 0
        self._per_second = per_second
        self._since = float("-inf")
        self._count = 0
        self._over = 0

    @property
    def over(self) -> int:
        """Lines that wait to be counted out."""
        return self._over

    def offer(self, lines: list[tuple[str, str]], now_s: float) -> list[tuple[str, str]]:
        """Those of the lines that may be shown now."""
        shown = self.due(now_s)
        for line in lines:
            if self._count < self._per_second:
                self._count += 1
                shown.append(line)
            else:
                self._over += 1
        return shown

    def due(self, now_s: float) -> list[tuple[str, str]]:
        """To be called when time went by: how many were left out of the second that ended."""
        if now_s - self._since < 1.0:
            return []
        self._since, self._count = now_s, 0
        over, self._over = self._over, 0
        return [("info", f"+{over} event{'s' if over > 1 else ''}: see `events`")] if over else []


class Follower:
    """Follows a feed in a thread; `show` gets lines to be shown, `changed` every change of the view."""

    def __init__(
        self, feed: Feed, show: Callable[[list[tuple[str, str]]], None], changed: Callable[[Update], None],
    ) -> None:
        self.view = ClusterView()
        self._feed = feed
        self._show = show
        self._changed = changed
        self._throttle = Throttle()
        self._held: list[tuple[str, str]] = []
        self._left_out = 0
        self._holding = False
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hold(self) -> None:
        """Keep lines back: a command or a pager has the terminal."""
        with self._lock:
            self._holding = True

    def let_through(self, on: bool) -> None:
        """A command that only waits leaves the terminal to the news; what was kept back comes first."""
        if on:
            held = self.release()
            if held:
                self._show(held)
        else:
            self.hold()

    def release(self) -> list[tuple[str, str]]:
        """What was kept back; from now on lines are shown again."""
        with self._lock:
            self._holding = False
            held, self._held = self._held, []
            left_out, self._left_out = self._left_out, 0
        if left_out:
            held.append(("info", f"+{left_out} event{'s' if left_out > 1 else ''}: see `events`"))
        return held

    def stop(self) -> None:
        """End the thread."""
        if not self._thread.is_alive():
            return
        self._ready.wait(END_S)
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                return  # The loop ended by itself meanwhile.
        self._thread.join(END_S)

    def _run(self) -> None:
        import asyncio
        import contextlib

        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.current_task()
            self._ready.set()
            ticker = asyncio.create_task(self._tick())
            try:
                async for update in self._feed.updates():
                    self._take(update)
            finally:
                ticker.cancel()
                await self._feed.close()

        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(main())

    async def _tick(self) -> None:
        """Counts out what was too much, though nothing new comes."""
        import asyncio

        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            if self._throttle.over:
                self._give(self._throttle.due(loop.time()))

    def _take(self, update: Update) -> None:
        assert self._loop is not None
        lines = self.view.take(update)
        self._changed(update)
        if lines:
            self._give(self._throttle.offer(lines, self._loop.time()))

    def _give(self, lines: list[tuple[str, str]]) -> None:
        if not lines:
            return
        with self._lock:
            if self._holding:
                room = KEPT_MAX - len(self._held)
                self._held += lines[:room]
                self._left_out += len(lines[room:]) if room < len(lines) else 0
                return
        self._show(lines)
