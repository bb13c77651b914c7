"""Recordings: what was written is told again, in order and with its times; what is torn or foreign is said so."""

from __future__ import annotations

import asyncio
import stat
from unittest import mock

import pytest
from lxml import etree

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.client import recording
from hashell.client.feed import (
    CibUpdate,
    Connected,
    Disconnected,
    EventUpdate,
    HistoryUpdate,
    InfoUpdate,
    LogUpdate,
    ProbeUpdate,
    TransitionUpdate,
)
from hashell.client.memory import MemoryClient
from hashell.client.recording import BadRecording, Recorder, ReplayFeed, frames
from hashell.errors import AlreadyExists, NotFound
from hashell.wire.messages import EventInfo, HistoryRow, TransitionNotice


def _cib(number: int) -> Cib:
    return Cib.parse(f'<cib admin_epoch="0" epoch="{number}" num_updates="0"><configuration/><status/></cib>')


def _updates():
    first, second, third = _cib(1), _cib(2), _cib(3)
    return [
        Connected("/run/a", "office", "alpha", "root"),
        CibUpdate(None, first),
        InfoUpdate(MemoryClient(first).info()),
        EventUpdate(EventInfo(1, 5.0, "alpha", "member", "notice", "beta joined", ("beta",), {"of": 1}), past=True),
        CibUpdate(first, second, "root", "alpha", "node standby beta",
                  patches=(etree.tostring(make_patch(first, second)),)),
        TransitionUpdate(TransitionNotice("started", 4, "alpha", b"graph", "move web")),
        TransitionUpdate(TransitionNotice("ended", 4, result="complete", duration_ms=7)),
        HistoryUpdate((HistoryRow("0.2.0", 5.0, "root", "alpha", "node standby beta", "why not"),)),
        ProbeUpdate("web", True, "hello", 1.5, 5.0),
        LogUpdate("beta", (EventInfo(3, 6.0, "beta", "operation", "error", "it failed"),), 0.5, 0.01),
        LogUpdate("beta", problem="it does not answer"),
        Disconnected("/run/a", "gone", 0.2),
        CibUpdate(None, third),
    ]


def _record(path, updates, **how):
    recorder = Recorder(str(path), **how)
    for number, update in enumerate(updates):
        recorder.write(update, 1000.0 + number)
    recorder.close()
    return recorder


async def _replay(path, speed=0.0):
    feed = ReplayFeed(str(path), speed)
    return [(feed.at_s, update) async for update in feed.updates()], feed


def _plain(update):
    if isinstance(update, CibUpdate):
        return ("cib", str(update.after.version), update.user, update.command, update.patches)
    return update


async def test_a_recording_tells_again_what_was_heard_at_the_time_at_which_it_was_heard(tmp_path):
    assert _record(tmp_path / "r", _updates()).problem == ""
    told, feed = await _replay(tmp_path / "r")

    assert [_plain(update) for _, update in told] == [_plain(update) for update in _updates()]
    assert [at_s for at_s, _ in told] == [1000.0 + number for number in range(len(told))]
    assert feed.word == ""
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o600


@pytest.mark.parametrize("cut", [1, 5, 9])
async def test_a_torn_tail_is_left_out_with_a_word_and_the_rest_is_told(tmp_path, cut):
    path = tmp_path / "r"
    _record(path, _updates())
    path.write_bytes(path.read_bytes()[:-cut])
    told, feed = await _replay(path)

    assert len(told) == len(_updates()) - 1
    assert "not whole" in feed.word


async def test_a_frame_that_was_damaged_ends_the_telling(tmp_path):
    path = tmp_path / "r"
    _record(path, _updates())
    data = bytearray(path.read_bytes())
    data[data.index(b"beta joined")] ^= 1
    path.write_bytes(data)
    told, feed = await _replay(path)

    assert len(told) == 3
    assert "not whole" in feed.word


def test_another_file_is_no_recording_and_none_is_not_found(tmp_path):
    (tmp_path / "other").write_bytes(b"<cib/>\n" * 10)
    with pytest.raises(BadRecording, match="no recording"):
        list(frames(str(tmp_path / "other")))
    with pytest.raises(NotFound):
        list(frames(str(tmp_path / "none")))


def test_a_file_that_is_there_is_never_overwritten(tmp_path):
    (tmp_path / "r").write_text("precious")
    with pytest.raises(AlreadyExists):
        Recorder(str(tmp_path / "r"))
    assert (tmp_path / "r").read_text() == "precious"


def test_a_recording_that_is_full_says_so_and_stays_readable(tmp_path):
    event = EventUpdate(EventInfo(1, 5.0, "alpha", "member", "notice", "x" * 500))
    recorder = _record(tmp_path / "r", [event] * 50, bytes_max=5_000)

    assert "full" in recorder.problem
    assert 5 <= len(list(frames(str(tmp_path / "r")))) < 10
    assert (tmp_path / "r").stat().st_size <= 5_000


def test_a_cib_behind_a_gap_is_written_whole(tmp_path):
    first, second = _cib(1), _cib(2)
    patched = CibUpdate(first, second, patches=(etree.tostring(make_patch(first, second)),))
    _record(tmp_path / "r", [patched, patched])  # nobody wrote what came before the first

    assert [type(frame.body) for frame in frames(str(tmp_path / "r"))] == [recording.Whole, recording.Patches]


async def test_a_replay_keeps_the_pace_of_what_was_recorded(tmp_path):
    _record(tmp_path / "r", _updates()[:3])
    waits = []

    class Timeout:
        def __init__(self, seconds):
            waits.append(seconds)

        async def __aenter__(self):
            raise TimeoutError

        async def __aexit__(self, *what):
            return False

    with mock.patch.object(asyncio, "timeout", Timeout):
        await _replay(tmp_path / "r", 4.0)

    assert waits == [0.25, 0.25]
