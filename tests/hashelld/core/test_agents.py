"""Agents: real programs in process groups, their time, output and end."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress

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


async def test_where_no_descriptor_is_left_to_watch_an_agent_it_is_ended_and_said(run, monkeypatch, tmp_path):
    def full(pid):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    handles = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "pidfd_open", full)
        event = await run(f"sleep 0.5; touch {tmp_path}/late")
    assert (event.exit_code, event.error) == (1, "/bin/sh cannot be watched: Too many open files")
    assert len(os.listdir("/proc/self/fd")) == handles
    again = await run("echo well")
    assert (again.exit_code, again.stdout) == (0, b"well\n")
    assert not (tmp_path / "late").exists()


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


async def test_an_agent_that_never_reads_what_it_is_given_keeps_nobody_waiting(run):
    event = await run("exec sleep 0.2", stdin=b"x" * 200_000)
    assert event.exit_code == 0


async def test_a_hundred_megabytes_without_an_end_of_line_and_not_text_are_read_and_dropped(run):
    event = await run("head -c 100000000 /dev/zero; exit 3")
    assert event.exit_code == 3 and not event.timed_out
    assert event.stdout == bytes(OUTPUT_MAX)
    assert str(100_000_000 - OUTPUT_MAX) in event.error


async def test_processes_that_an_agent_leaves_in_its_group_are_told_and_live(run):
    event = await run("sleep 30 </dev/null >/dev/null 2>&1 & echo $!")
    child = int(event.stdout)
    assert event.exit_code == 0 and event.left
    assert psutil.pid_exists(child)
    os.kill(child, signal.SIGKILL)
    assert not (await run("exit 0")).left


async def test_an_agent_that_forks_twice_and_ends_by_a_signal_is_over_at_once(run):
    event = await run("(setsid sleep 30 & echo $! ) ; kill -SEGV $$", timeout_ms=20_000)
    assert event.exit_code == 128 + signal.SIGSEGV and not event.timed_out
    with suppress(ProcessLookupError):
        os.kill(int(event.stdout), signal.SIGKILL)


async def test_a_program_that_may_not_be_run_is_told(run, tmp_path):
    program = tmp_path / "agent"
    program.write_text("#!/bin/sh\n")
    event = await run("", program=str(program))
    assert event.exit_code == 4 and "ermission" in event.error
    program.chmod(0o755)
    program.write_text("#!/no/such/interpreter\n")
    assert (await run("", program=str(program))).missing


async def test_agents_of_a_daemon_that_died_are_ended_before_the_next_one_looks(tmp_path):
    folder = tmp_path / "agents"
    first = AgentRunner(lambda component, event: None, folder)
    assert first.end_orphans() == 0
    first.run("executor", RunAgent("t", "/bin/sh", ("-c", "sleep 60; true"), {}, 60_000, b""))
    (note,) = folder.iterdir()
    orphan = int(note.name)
    # As if that daemon were gone: nobody struck the note out.
    other = AgentRunner(lambda component, event: None, folder)
    assert other.end_orphans() == 1
    assert psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE
    assert list(folder.iterdir()) == []
    os.waitpid(orphan, 0)


async def test_a_process_that_has_the_number_of_an_agent_long_gone_is_left_alone(tmp_path):
    folder = tmp_path / "agents"
    runner = AgentRunner(lambda component, event: None, folder)
    runner.end_orphans()
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        (folder / str(stranger.pid)).write_text("1")
        (folder / "no number").write_text("1")
        assert runner.end_orphans() == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_an_agent_that_ended_is_noted_no_more(tmp_path):
    folder = tmp_path / "agents"
    ended: asyncio.Queue = asyncio.Queue()
    runner = AgentRunner(lambda component, event: ended.put_nowait(event), folder)
    runner.end_orphans()
    runner.run("executor", RunAgent("t", "/bin/sh", ("-c", "exit 0"), {}, 60_000, b""))
    await asyncio.wait_for(ended.get(), 60)
    assert list(folder.iterdir()) == []
