"""A recording without a screen: its timeline, and the status at any moment of it."""

from __future__ import annotations

import time

import pytest

from hashell.client.feed import CibUpdate, Connected, EventUpdate
from hashell.client.recording import Recorder
from hashell.commands import nodes
from hashell.commands.env import Env
from hashell.monitor.one_shot import main
from hashell.monitor.replay import BadMoment, moment_of
from hashell.wire.messages import EventInfo

T0 = 1795313587.0  # 2026-11-22 02:13:07 UTC


@pytest.fixture
def recording(tmp_path, cluster, monkeypatch):
    """node2 goes to standby 60 s after the beginning; the end is 30 s later."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    before = cluster.cib()
    env = Env.open(cluster, command_line="node standby node2")
    nodes.standby(env, ["node2"])
    env.commit("")
    recorder = Recorder(str(tmp_path / "rec"))
    recorder.write(Connected("memory", "bench", "node1", "root"), T0)
    recorder.write(CibUpdate(None, before), T0)
    recorder.write(CibUpdate(before, cluster.cib()), T0 + 60)
    recorder.write(EventUpdate(EventInfo(1, T0 + 60, "node1", "config", "notice", "node2 rests")), T0 + 60)
    recorder.write(EventUpdate(EventInfo(2, T0 + 90, "node1", "config", "notice", "all is quiet")), T0 + 90)
    recorder.close()
    yield str(tmp_path / "rec")
    monkeypatch.undo()
    time.tzset()


def test_without_a_terminal_the_timeline_is_printed(recording, capsys):
    assert main(["--replay", recording]) == 0
    told = capsys.readouterr().out.splitlines()

    assert [line.split(maxsplit=3)[3] for line in told] == ["node2 rests", "all is quiet"]
    assert told[0].startswith("02:14:07.0 node1")
    assert main(["--replay", recording, "--at", "02:14:20"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "standby"),
    [([], True), (["--at", "02:13:30"], False), (["--at", "-31s"], False), (["--at", "-29s"], True)],
)
def test_the_status_is_the_one_of_the_moment_in_each_format(recording, capsys, words, standby):
    assert main(["--replay", recording, "-1", *words]) == 0
    assert ("Node node2: standby" in capsys.readouterr().out) == standby
    assert main(["--replay", recording, "--output-as=xml", *words]) == 0
    assert ('name="node2" id="2" online="true" standby="true"' in capsys.readouterr().out) == standby


def test_a_moment_outside_of_the_recording_is_said_with_its_bounds(recording, capsys):
    assert main(["--replay", recording, "-1", "--at", "01:00:00"]) != 0
    assert "it goes from 02:13:07 to 02:14:37" in capsys.readouterr().err
    assert main(["--replay", recording, "-1", "--at", "teatime"]) != 0
    assert "teatime is no time" in capsys.readouterr().err


def test_a_time_of_day_is_the_last_one_before_the_end(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert moment_of("02:13:07", T0 - 3600, T0 + 60) == T0
    assert moment_of("23:59:00", T0 - 86_400, T0) == T0 - 2 * 3600 - 14 * 60 - 7
    assert moment_of("2026-11-22T02:13:07", 0, T0) == T0
    assert moment_of("-1m", 0, T0) == T0 - 60
    with pytest.raises(BadMoment):
        moment_of("25:00:00", 0, T0)
    monkeypatch.undo()
    time.tzset()
