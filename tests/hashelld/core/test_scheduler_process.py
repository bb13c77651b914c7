"""The scheduler's process: asked, killed when slow, started again."""

from __future__ import annotations

import asyncio
import sys

from hashelld.core.effects import AskScheduler
from hashelld.core.scheduler_process import SchedulerProcess

ECHO = """
import struct, sys, time, msgspec
while head := sys.stdin.buffer.read(4):
    data = sys.stdin.buffer.read(struct.unpack(">I", head)[0])
    request, transition, cib, now = msgspec.msgpack.decode(data)
    if cib == b"hang": time.sleep(60)
    if cib == b"die": sys.exit(3)
    out = msgspec.msgpack.encode([request, b"<graph/>" + cib, "sum", "", "", 7, []])
    sys.stdout.buffer.write(struct.pack(">I", len(out)) + out); sys.stdout.buffer.flush()
"""


async def test_answers_come_back_and_a_process_that_hangs_or_dies_is_replaced():
    answers: asyncio.Queue = asyncio.Queue()

    def keep(cib):
        return "pe-input-1.bz2"

    process = SchedulerProcess(
        lambda component, event: answers.put_nowait((component, event)), keep,
        (sys.executable, "-c", ECHO),
    )
    for number, cib in enumerate((b"a", b"hang", b"b", b"die", b"c")):
        process.ask("controller", AskScheduler(number, 1, cib, 1.0, 1500 if cib == b"hang" else 20_000))
    got = [await asyncio.wait_for(answers.get(), 60) for _ in range(5)]
    await process.stop()

    assert {component for component, _ in got} == {"controller"}
    assert [event.graph_packed for _, event in got] == [b"<graph/>a", b"", b"<graph/>b", b"", b"<graph/>c"]
    assert "took longer than 1500 ms" in got[1][1].error
    assert "process ended" in got[3][1].error
    assert got[0][1].recheck_at_s == 7
    assert got[0][1].input_name == "pe-input-1.bz2"


async def test_a_process_is_warm_for_a_cib_unless_it_has_something_to_do(tmp_path):
    answers: asyncio.Queue = asyncio.Queue()
    log = tmp_path / "asked"
    noting = ECHO.replace("    if cib", f"    open({str(log)!r}, 'a').write(cib.decode() + ' ')\n    if cib", 1)
    process = SchedulerProcess(
        lambda component, event: answers.put_nowait((component, event)), None, (sys.executable, "-c", noting),
    )
    process.ask("controller", AskScheduler(1, 1, b"real", 1.0, 20_000))
    process.warm_up(b"too-busy")
    await asyncio.wait_for(answers.get(), 60)
    process.warm_up()
    process.warm_up(b"other")
    process.ask("controller", AskScheduler(2, 1, b"next", 1.0, 20_000))
    await asyncio.wait_for(answers.get(), 60)
    await process.stop()
    assert log.read_text() == "real other next "
