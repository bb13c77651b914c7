"""Agents: real programs in process groups, their time, output and end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import psutil
import pytest

from hashelld.core.agents import OUTPUT_MAX, AgentRunner
from hashelld.core.effects import RunAgent


@pytest.fixture
async def run():
    ended: asyncio.Queue = asyncio.Queue()
    runner = AgentRunner(lambda component, event: ended.put_nowait((component, event)))

    async def go(script, *, timeout_ms=60_000, stdin=b"", program="/bin/sh", kill=False):
        runner.run("executor", RunAgent("t", program, ("-c", script), {"A": "b"}, timeout_ms, stdin))
        if kill:
            runner.kill("executor", "t")
        component, event = await asyncio.wait_for(ended.get(), 90)
        assert component == "executor"
        return event

    yield go
    runner.kill_all()


async def test_exit_code_output_and_whole_environment_come_back(run):
    event = await run('echo "out $A ${TOP_SECRET-none}"; echo err >&2; cat; exit 7', stdin=b"given\n")

    assert (event.exit_code, event.stdout, event.stderr) == (7, b"out b none\ngiven\n", b"err\n")
    assert not event.timed_out and not event.killed


async def test_a_missing_program_is_told_as_missing(run):
    event = await run("", program="/no/such/agent")

    assert event.missing
    assert event.exit_code == 5


async def test_an_agent_that_hangs_and_ignores_the_signal_is_killed_with_its_children(run):
    event = await run('trap "" TERM; echo $$; sleep 60 & wait; sleep 60', timeout_ms=3_000)

    assert event.timed_out
    group = int(event.stdout)
    while [
        process for process in psutil.process_iter(["status"])
        if process.info["status"] not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) and _group_of(process.pid) == group
    ]:
        await asyncio.sleep(0.02)  # a killed process is gone when the kernel comes to it; pytest's timeout ends this


def _group_of(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


async def test_an_operation_ends_with_its_agent_though_a_child_keeps_the_pipes(run):
    event = await run("sleep 64 & echo $$; exit 0")

    os.killpg(int(event.stdout), signal.SIGKILL)
    assert event.exit_code == 0
    assert event.duration_ms < 50_000


async def test_a_flood_of_output_is_cut_and_counted(run):
    script = f"{sys.executable} -c \"import sys; sys.stdout.write('x' * 3_000_000)\""
    event = await run(script)

    assert len(event.stdout) == OUTPUT_MAX
    assert "bytes of output were dropped" in event.error


async def test_a_killed_agent_says_so(run):
    event = await run("sleep 60", kill=True)

    assert event.killed
    assert event.exit_code == 128 + 9
