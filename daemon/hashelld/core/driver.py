"""The driver: asyncio under the components. Performs effects, feeds what comes of them back; starts all tasks.

In:  a Dispatcher (components and who hears what) and the edges, which perform the effects of their room.
Out: nothing; it ends with an exit code when a component asks for Exit, or the engine has said goodbye.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import structlog

from hashelld.core.agents import AgentRunner
from hashelld.core.dispatch import Dispatcher
from hashelld.core.effects import (
    AskScheduler,
    CancelTimer,
    Effect,
    Exit,
    KillAgent,
    Log,
    ReadyScheduler,
    RunAgent,
    StartTimer,
)
from hashelld.core.events import Event, GraphReady, Happened, Leaving, ShutdownWanted
from hashelld.core.scheduler_process import SchedulerProcess

#: Events that may wait before edges that read from peers and clients must pause.
WAITING_HIGH = 2_000
#: Milliseconds of one pass over waiting events before other tasks get their turn.
PASS_MS = 20
#: Milliseconds of one event's work above which the log says so. Source: the budget of one callback.
SLOW_MS = 100
#: Threads for what blocks now and then.
OTHER_THREADS = 4
#: Seconds after which a thread gives way to one that waits: what is durable must be told soon.
SWITCH_S = 0.0005
#: Seconds that edges get to end.
STOP_S = 5.0

#: What the machine may lack, and what to do about it.
SHORTAGES = {
    errno.EMFILE: "clients must wait: raise LimitNOFILE of the daemon, or close connections",
    errno.ENFILE: "clients must wait: raise fs.file-max of this machine",
    errno.ENOBUFS: "clients must wait: this machine lacks memory for sockets",
    errno.ENOMEM: "clients must wait: this machine lacks memory",
}

Perform = Callable[[str, Effect], None]
Feed = Callable[[str, Event], None]


class Edge(Protocol):
    """A room's I/O: performs some effects, feeds events. `start` raises HashellError when a start is impossible."""

    performs: dict[type[Effect], Perform]

    async def start(self, feed: Feed) -> None: ...

    async def stop(self) -> None: ...


def as_main_thread() -> None:
    """Give the calling thread the main thread's priority. Threads do not inherit it (what a daemon starts shall run as
    everybody else does), and one that waits for the processor while it holds the interpreter's lock holds up all."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, os.getpid()))


class Driver:
    """Runs one node until it ends."""

    def __init__(
        self, dispatcher: Dispatcher, edges: Iterable[Edge],
        keep_input: Callable[[bytes], str] | None = None, agents: Path | None = None, *,
        warm: bool = True,
    ) -> None:
        """`agents`: a folder where those that run are noted, for the daemon that comes after this one. `warm`: have the
        scheduler's process started at once."""
        self._warm = warm
        self._dispatcher = dispatcher
        self._edges = tuple(edges)
        self._log = structlog.get_logger("hashelld")
        self._waiting: deque[tuple[str, Event]] = deque()
        self._scheduled = False
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._agents = AgentRunner(self.feed, agents)
        self._scheduler = SchedulerProcess(self._graph_ready, keep_input)
        self._end: asyncio.Future[int] | None = None
        self._signals = 0
        self._perform: dict[type[Effect], Perform] = {
            StartTimer: self._start_timer, CancelTimer: self._cancel_timer,
            RunAgent: self._run_agent, KillAgent: self._kill_agent,
            AskScheduler: self._ask_scheduler,
            ReadyScheduler: self._ready_scheduler, Log: self._write_log, Exit: self._exit,
        }
        for edge in self._edges:
            self._perform.update(edge.performs)

    # --- life ---------------------------------------------------------------------------------

    async def run(self, first: Iterable[Event]) -> int:
        """Start edges, tell `first` to all that hear it, go on until Exit; the exit code. Raises HashellError."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(OTHER_THREADS, "other", initializer=as_main_thread))
        sys.setswitchinterval(SWITCH_S)
        loop.set_exception_handler(self._loop_trouble)
        self._end = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        started: list[Edge] = []
        # Before anybody looks what runs here: what an earlier daemon began must not end after the look.
        orphans = self._agents.end_orphans()
        if orphans:
            self._log.warning("agents of an earlier daemon are ended", count=orphans)
        try:
            for edge in self._edges:
                await edge.start(self.feed)
                started.append(edge)
            for event in first:
                self.feed("", event)
            if self._dispatcher.hears(GraphReady) and self._warm:
                self._scheduler.warm_up()
            return await self._end
        finally:
            for handle in self._timers.values():
                handle.cancel()
            self._timers.clear()
            self._agents.kill_all()
            await self._scheduler.stop()
            for edge in reversed(started):
                try:
                    await asyncio.wait_for(edge.stop(), STOP_S)
                except TimeoutError:
                    self._log.error("edge did not end in time", edge=type(edge).__name__)
                except Exception as error:
                    # The others must be ended too, and the exit code is about the node, not about its ending.
                    self._log.error("edge did not end well", edge=type(edge).__name__, error=repr(error))

    @property
    def busy(self) -> bool:
        """More waits than should: edges stop reading until it is worked off."""
        return len(self._waiting) > WAITING_HIGH

    def feed(self, component: str, event: Event) -> None:
        """Queue an event for one component (empty: for all that hear its kind)."""
        self._waiting.append((component, event))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        self._scheduled = False
        until = time.monotonic() + PASS_MS / 1000
        while self._waiting:
            component, event = self._waiting.popleft()
            before = time.monotonic()
            for name, effect in self._dispatcher.delivering(
                component, event, int(before * 1000), time.time()
            ):
                self._do(name, effect)
            after = time.monotonic()
            if after - before > SLOW_MS / 1000:
                self._log.warning(
                    "slow event", kind=type(event).__name__, component=component,
                    took_ms=int((after - before) * 1000),
                )
            if after > until and self._waiting:
                self._scheduled = True
                asyncio.get_running_loop().call_soon(self._work)
                return

    def _do(self, name: str, effect: Effect) -> None:
        perform = self._perform.get(type(effect))
        if perform is None:
            self._log.error("nobody performs an effect", effect=type(effect).__name__, by=name)
            return
        try:
            perform(name, effect)
        except Exception:
            # What one effect meets must not keep the next from being performed.
            self._log.exception("effect failed", effect=type(effect).__name__, by=name)

    def _signalled(self, number: int) -> None:
        self._signals += 1
        name = signal.Signals(number).name
        if self._signals > 1:
            self.feed("", Leaving(clean=False, reason=f"second {name}"))
        elif self._dispatcher.hears(ShutdownWanted):
            self._log.info("leaving", reason=name)
            self.feed("", ShutdownWanted(name))
        else:
            self.feed("", Leaving(clean=True, reason=name))

    def _loop_trouble(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the event loop met by itself goes to the log like all else: a shortage in one line that says the way
        out, what nobody expected with its traceback."""
        error = context.get("exception")
        message = context.get("message", "")
        if isinstance(error, OSError) and error.errno in SHORTAGES:
            self._log.error(message, error=str(error), way_out=SHORTAGES[error.errno])
        elif isinstance(error, OSError):
            self._log.warning(message, error=str(error))
        else:
            self._log.error(message or "the event loop met an error", exc_info=error)

    # --- effects ------------------------------------------------------------------------------

    def _start_timer(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, StartTimer)
        key = (name, effect.name)
        old = self._timers.pop(key, None)
        if old:
            old.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(
            max(0, effect.delay_ms) / 1000, self._ring, key, effect.event
        )

    def _ring(self, key: tuple[str, str], event: Event) -> None:
        self._timers.pop(key, None)
        self.feed(key[0], event)

    def _cancel_timer(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, CancelTimer)
        old = self._timers.pop((name, effect.name), None)
        if old:
            old.cancel()

    def _run_agent(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, RunAgent)
        self._agents.run(name, effect)

    def _kill_agent(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, KillAgent)
        self._agents.kill(name, effect.token)

    def _ask_scheduler(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, AskScheduler)
        self._scheduler.ask(name, effect)

    def _ready_scheduler(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, ReadyScheduler)
        self._scheduler.warm_up(effect.cib, time.time())

    def _graph_ready(self, component: str, event: GraphReady) -> None:
        self.feed(component, event)

    def _write_log(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, Log)
        level = {"notice": "info"}.get(effect.level, effect.level)
        getattr(self._log, level, self._log.info)(effect.text, room=name, **effect.fields)

    def _exit(self, name: str, effect: Effect) -> None:
        assert isinstance(effect, Exit)
        if self._end and not self._end.done():
            self._log.info("ending", reason=effect.reason, code=effect.code, by=name)
            self._end.set_result(effect.code)

    def happened(self, kind: str, level: str, text: str) -> None:
        """For edges: a line for people."""
        self.feed("", Happened(kind, level, text))
