"""The scheduler process, asked as the daemon asks it."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time

import msgspec
import pytest

from hashell.cib.document import EMPTY
from hashell.transition.packed import unpack
from hashell.transition.xml import graph_from_xml
from hashelld.core.worker import FRAME_MAX, Answer, Question, serve


def frame(question: Question) -> bytes:
    data = msgspec.msgpack.encode(question)
    return struct.pack(">I", len(data)) + data


def answers(data: bytes) -> list[Answer]:
    found = []
    while data:
        (size,) = struct.unpack_from(">I", data)
        found.append(msgspec.msgpack.decode(data[4 : 4 + size], type=Answer))
        data = data[4 + size :]
    return found


def ask(*questions: Question) -> list[Answer]:
    sink = io.BytesIO()
    assert serve(io.BytesIO(b"".join(frame(one) for one in questions)), sink) == 0
    return answers(sink.getvalue())


CIB = (
    b'<cib crm_feature_set="3.20.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"'
    b' have-quorum="1" dc-uuid="1"><configuration><crm_config><cluster_property_set id="c">'
    b'<nvpair id="c1" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>'
    b'<nodes><node id="1" uname="n1"/></nodes><resources><primitive id="a" class="ocf" provider="heartbeat"'
    b' type="Dummy"/></resources><constraints/></configuration><status><node_state id="1" uname="n1"'
    b' in_ccm="true" crmd="online" join="member" expected="member"><lrm id="1"><lrm_resources/></lrm>'
    b"</node_state></status></cib>"
)


def test_a_cib_is_answered_with_its_graph_and_a_summary():
    (answer,) = ask(Question(7, 3, CIB, 1_700_000_000.0))
    graph = graph_from_xml(unpack(answer.graph_packed))
    assert (answer.request, answer.error, graph.transition_id) == (7, "", 3)
    assert {action.key for action in graph.actions} >= {"a_monitor_0", "a_start_0"}
    assert "a" in answer.summary


def test_a_bad_cib_is_an_error_in_words_and_the_next_question_is_answered():
    first, second = ask(Question(1, 1, b"<cib", 0.0), Question(2, 2, EMPTY, 0.0))
    assert (first.request, first.graph_packed) == (1, b"")
    assert "well-formed" in first.error
    assert (second.request, second.error) == (2, "")


@pytest.mark.parametrize("data", [struct.pack(">I", FRAME_MAX + 1), struct.pack(">I", 3) + b"\xc1\xc1\xc1", b"\0\0"])
def test_what_is_no_question_ends_the_process_with_an_error(data):
    assert serve(io.BytesIO(data), io.BytesIO()) == 65


def test_the_process_answers_over_its_standard_streams_and_ends_with_its_input():
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; import runpy; "
         "runpy.run_module('hashelld.core.worker', run_name='__main__')"],
        input=frame(Question(5, 1, EMPTY, 0.0)), capture_output=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [one.request for one in answers(done.stdout)] == [5]


def test_dates_without_a_zone_are_judged_by_the_clock_on_this_machines_wall(monkeypatch):
    rule = (
        b'<constraints><rsc_location id="l" rsc="a"><rule id="r" score="-INFINITY"><date_expression id="e" '
        b'operation="gt" start="2023-12-31T23:00:00"/></rule></rsc_location></constraints>'
    )
    cib = (
        b'<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1">'
        b'<configuration><crm_config><cluster_property_set id="c"><nvpair id="f" name="stonith-enabled" value="false"/>'
        b'</cluster_property_set></crm_config><nodes><node id="1" uname="n1"/></nodes><resources>'
        b'<primitive id="a" class="ocf" provider="hashell" type="Dummy"/></resources>' + rule + b"</configuration>"
        b'<status><node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/></status>'
        b"</cib>"
    )
    question = Question(1, 1, cib, 1_704_067_200.0)
    try:
        for zone, starts in (("UTC", False), ("XXX+2", True)):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            (told,) = ask(question)
            assert ("Start" in told.summary) is starts, (zone, told)
    finally:
        monkeypatch.undo()
        time.tzset()
