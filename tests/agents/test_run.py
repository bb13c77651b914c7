"""Running agents that behave, and agents that do not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hashell.agents import run
from hashell.agents.call import Call, Place
from hashell.agents.find import AgentMissing
from hashell.agents.metadata import BadMetadata
from hashell.values.agent_names import AgentName
from hashell.values.outcomes import ExecStatus, OcfCode

DUMMY = AgentName("ocf", "hashell", "Dummy")


@pytest.fixture
def script(tmp_path):
    def make(text: str) -> str:
        path = tmp_path / "agent"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return str(path)

    return make


def go(path: str, timeout_ms: int = 60_000, stdin: bytes = b"", **environment: str):
    place = Place()
    return run.run(Call(path, ("monitor",), {**place.environment, **environment}, timeout_ms, stdin))


def test_output_exit_code_and_environment_are_told(script):
    ended = go(script('echo "$WORD"; cat; echo "ocf-exit-reason:so it is" >&2; exit 7'), WORD="hi", stdin=b"in")
    assert (ended.exit_code, ended.stdout) == (7, b"hi\nin")
    answer = ended.answer(DUMMY, "monitor")
    assert (answer.rc, answer.status, answer.reason) == (7, ExecStatus.DONE, "so it is")


def test_nothing_of_our_own_environment_leaks_into_an_agent(script, monkeypatch):
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    assert b"SECRET_OF_OURS" not in go(script("env")).stdout


def test_an_agent_that_hangs_is_ended_at_its_time(script):
    begin = time.monotonic()
    ended = go(script("sleep 60"), 300)
    assert ended.timed_out
    assert time.monotonic() - begin < 50
    answer = ended.answer(DUMMY, "monitor", 300)
    assert (answer.rc, answer.status) == (OcfCode.UNKNOWN_ERROR, ExecStatus.TIMEOUT)
    assert "300ms" in answer.reason


def test_an_agent_that_ignores_sigterm_and_its_children_are_killed(script, tmp_path):
    pids = tmp_path / "pids"
    ended = go(script(
        f"trap '' TERM; (trap '' TERM; sleep 61) & echo $! $$ > {pids}; while :; do sleep 0.1; done"
    ), 3_000)
    assert ended.timed_out
    for pid in pids.read_text().split():
        assert not _alive(int(pid))


def _alive(pid: int) -> bool:
    """A process that is dead and not yet waited for is not alive."""
    for _ in range(1000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except OSError:
            return False
        if state in "ZX":
            return False
        time.sleep(0.02)
    return True


def test_a_service_that_keeps_the_pipes_open_does_not_hold_up_the_end(script, tmp_path):
    pids = tmp_path / "pid"
    begin = time.monotonic()
    ended = go(script(f"sleep 62 & echo $! > {pids}; echo started; exit 0"))
    assert (ended.exit_code, ended.stdout) == (0, b"started\n")
    assert time.monotonic() - begin < 50
    child = int(pids.read_text())
    assert Path(f"/proc/{child}").exists()
    os.kill(child, 9)


def test_a_flood_of_output_is_bounded(script):
    ended = go(script("head -c 20000000 /dev/zero; exit 0"))
    assert ended.exit_code == 0
    assert len(ended.stdout) == run.OUTPUT_MAX


def test_an_agent_that_ends_by_a_signal_has_failed_and_says_so(script):
    ended = go(script("kill -KILL $$"))
    assert ended.exit_code == 137
    answer = ended.answer(DUMMY, "start")
    assert (answer.rc, answer.status) == (OcfCode.UNKNOWN_ERROR, ExecStatus.ERROR)


def test_an_agent_that_is_missing_is_not_installed():
    ended = go("/nowhere/agent")
    answer = ended.answer(DUMMY, "start")
    assert ended.missing
    assert (answer.rc, answer.status) == (OcfCode.NOT_INSTALLED, ExecStatus.NOT_INSTALLED)


def test_an_agent_that_may_not_be_run_lacks_the_right(tmp_path):
    path = tmp_path / "agent"
    path.write_text("#!/bin/sh\nexit 0\n")
    answer = go(str(path)).answer(DUMMY, "start")
    assert (answer.rc, answer.status) == (OcfCode.INSUFFICIENT_PRIV, ExecStatus.ERROR)


def test_an_agent_that_does_not_read_its_input_does_no_harm(script):
    assert go(script("exit 3"), stdin=b"x" * 500_000).exit_code == 3


def test_an_agent_that_never_reads_its_input_and_hangs_is_ended_at_its_time(script):
    ended = go(script("sleep 60"), stdin=b"x" * 500_000, timeout_ms=1_500)
    assert ended.timed_out and ended.duration_ms < 20_000


def test_an_agent_that_reads_late_gets_all_of_its_input(script):
    assert go(script("sleep 0.3; wc -c"), stdin=b"x" * 500_000).stdout.strip() == b"500000"


def test_own_agents_describe_themselves_completely():
    for kind in ("Dummy", "Stateful", "VirtualIP", "WebServer", "Process"):
        found = run.read_metadata(AgentName("ocf", "hashell", kind))
        assert found.name == kind
        assert found.shortdesc and found.longdesc
        assert {"start", "stop", "monitor", "meta-data"} <= {one.name for one in found.actions}
        assert all(one.shortdesc and one.longdesc for one in found.parameters)


def test_an_agent_that_is_not_there_is_named_in_the_error():
    with pytest.raises(AgentMissing, match="ocf:hashell:Nope"):
        run.read_metadata(AgentName("ocf", "hashell", "Nope"))


@pytest.mark.parametrize("name", ["ocf:heartbeat:IPaddr2", "ocf:pacemaker:Dummy", "stonith:fence_dummy"])
def test_real_agents_of_other_projects_can_be_described(name):
    agent = AgentName.parse(name)
    try:
        found = run.read_metadata(agent)
    except AgentMissing:
        pytest.skip(f"{name} is not installed here")
    assert found.parameters and found.actions


def test_metadata_that_never_comes_is_an_error_in_words(monkeypatch, script):
    monkeypatch.setattr("hashell.agents.find.resolve", lambda agent: script("sleep 60"))
    with pytest.raises(BadMetadata, match=r"within 0\.2s"):
        run.read_metadata(AgentName("ocf", "x", "y"), timeout_s=0.2)
