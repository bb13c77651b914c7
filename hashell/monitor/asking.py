"""Asking the scheduler in a process of its own: the screen stays alive with any number of resources, and who loses
interest ends it at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator

import msgspec

from hashell.simulate.suppose import Question, Word

#: Bytes of one line of an answer: some 100,000 resources that move.
LINE_MAX = 16 << 20


async def ask(question: Question, cib: bytes) -> AsyncGenerator[Word, None]:
    """The words of an answer, as they come. Close it (`aclosing`) to end the asking early."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hashell.simulate.suppose", stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=LINE_MAX,
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    asked = asyncio.create_task(_tell(child.stdin, msgspec.json.encode(question) + b"\n" + cib))
    try:
        while line := await child.stdout.readline():
            yield msgspec.json.decode(line, type=Word)
        if await child.wait() != 0:
            yield Word(error="the scheduler ended without an answer")
    finally:
        asked.cancel()
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # its helpers, too
            await child.wait()
        with contextlib.suppress(asyncio.CancelledError):
            await asked


async def _tell(pipe: asyncio.StreamWriter, words: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        pipe.write(words)
        await pipe.drain()
    pipe.close()
