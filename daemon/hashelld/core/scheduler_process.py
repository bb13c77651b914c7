"""The scheduler's process: kept alive, asked one thing at a time, killed when it takes too long. Part of the driver.

Frames both ways: u32 length (big-endian), msgpack. To it: [request, transition_id, cib, now_s]. From it: [request,
graph_packed, summary, error, input_name, recheck_at_s, graph_parts].
"""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

import msgspec
import structlog

from hashell.cib.document import EMPTY
from hashell.transition.parts import BadParts, Reader
from hashelld.core.effects import AskScheduler
from hashelld.core.events import GraphReady

_LENGTH = struct.Struct(">I")
#: Bytes of one answer: a graph of 10,000 actions is about 6 MB of XML, and its parts half as much.
ANSWER_MAX = 256 * 1024 * 1024
#: Questions that may wait; an asker has one open at a time, an older one is stale.
WAITING_MAX = 16
#: Milliseconds for a loaded machine to import what the scheduler needs.
WARM_UP_MS = 60_000


class SchedulerProcess:
    """Answers go to `ready(component, GraphReady)`. `keep_input` has a question kept, and tells its name at once."""

    def __init__(
        self, ready: Callable[[str, GraphReady], None],
        keep_input: Callable[[bytes], str] | None = None,
        command: tuple[str, ...] = (),
    ) -> None:
        self._ready = ready
        self._keep_input = keep_input
        self._command = command or (sys.executable, "-m", "hashelld.core.worker")
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: asyncio.Queue[tuple[str, AskScheduler]] = asyncio.Queue(WAITING_MAX)
        self._task: asyncio.Task[None] | None = None
        #: Whether a question is being answered.
        self._asked = False
        self._log = structlog.get_logger("hashelld")

    def warm_up(self, cib: bytes = b"", now_s: float = 0.0) -> None:
        """Start the process and have it answer a question of no interest: its imports take longer than a decision, and
        so does the first decision with resources in it. A process that runs and has something to do is warm."""
        runs = self._process is not None or (self._task is not None and not self._task.done())
        if runs and (not cib or self._asked or not self._waiting.empty()):
            return
        self.ask("", AskScheduler(0, 0, cib or EMPTY, now_s, WARM_UP_MS))

    def ask(self, component: str, effect: AskScheduler) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="scheduler")
        try:
            self._waiting.put_nowait((component, effect))
        except asyncio.QueueFull:
            self._ready(component, GraphReady(effect.request, b"", error="too many questions wait"))

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._kill()

    async def _run(self) -> None:
        while True:
            component, effect = await self._waiting.get()
            self._asked = True
            answer = await self._answer(effect, keep=bool(component))
            self._asked = False
            if component:
                self._ready(component, answer)

    async def _answer(self, effect: AskScheduler, *, keep: bool) -> GraphReady:
        name = ""
        if self._keep_input and keep:
            name = self._keep_input(effect.cib)
        try:
            async with asyncio.timeout(effect.timeout_ms / 1000):
                return await self._exchange(effect, name)
        except TimeoutError:
            error = f"the scheduler took longer than {effect.timeout_ms} ms"
        except (OSError, EOFError, msgspec.MsgspecError, ValueError, BadParts) as caught:
            error = f"the scheduler process ended: {caught or type(caught).__name__}"
        self._log.error(error, input=name)
        await self._kill()
        return GraphReady(effect.request, b"", error=error, input_name=name)

    async def _exchange(self, effect: AskScheduler, name: str) -> GraphReady:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )
        assert self._process.stdin and self._process.stdout
        question = msgspec.msgpack.encode(
            [effect.request, effect.transition_id, effect.cib, effect.now_s]
        )
        self._process.stdin.write(_LENGTH.pack(len(question)) + question)
        await self._process.stdin.drain()
        (length,) = _LENGTH.unpack(await self._process.stdout.readexactly(_LENGTH.size))
        if length > ANSWER_MAX:
            raise ValueError(f"an answer of {length} bytes")
        request, packed, summary, error, its_name, recheck, parts = msgspec.msgpack.decode(
            await self._process.stdout.readexactly(length),
            type=tuple[int, bytes, str, str, str, int | None, tuple[bytes, ...]],
        )
        if request != effect.request:
            raise ValueError(f"it answered {request} instead of {effect.request}")
        graph = None
        if parts:
            reader = Reader()
            for part in parts:
                reader.feed(part)
                # A graph of a hundred thousand actions takes a second to read: the node lives on meanwhile.
                await asyncio.sleep(0)
            graph = reader.graph()
        return GraphReady(request, b"", summary, error, its_name or name, recheck, graph, packed)

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 2)
