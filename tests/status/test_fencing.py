"""Fencing in a status: what failed, what was done, what is under way."""

from __future__ import annotations

import time

import msgspec
import pytest
from msgspec.structs import replace

from hashell.cib.document import Cib
from hashell.state.cluster_state import read_cluster_state
from hashell.status import text
from hashell.status.build import cluster_status
from hashell.status.cluster_status import FencingEvent
from hashell.status.options import NOTHING, Section, StatusOptions

DONE = FencingEvent("node2", "reboot", "success", "node1", "controller", "node1", completed_s=1_657_750_500)
EARLIER = msgspec.structs.replace(DONE, completed_s=1_657_750_000)
FAILED = FencingEvent(
    "node2", "reboot", "failed", "node1", "controller", "node1", completed_s=1_657_750_406, reason="no power"
)
PENDING = FencingEvent("node3", "off", "pending", "node1", "stonith_admin")


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown(*events: FencingEvent, **options: object) -> list[str]:
    wanted = StatusOptions(sections=options.pop("sections", Section.FENCING), **options)
    status = cluster_status(read_cluster_state(Cib.empty(), 0), None, wanted, fencing=events)
    status = replace(status, options=wanted)
    return text.render(status).splitlines()


def test_failed_fencing_is_told_with_its_reason_and_that_a_later_attempt_succeeded():
    assert shown(DONE, FAILED, sections=Section.FENCING_FAILED) == [
        "Failed Fencing Actions:",
        "  * reboot of node2 by node1 for controller@node1 last failed (no power) at 2022-07-13 22:13:26Z"
        " (a later attempt from node1 succeeded)",
    ]


def test_an_earlier_success_does_not_excuse_a_later_failure():
    assert "later attempt" not in "".join(shown(FAILED, EARLIER, sections=Section.FENCING_FAILED))


def test_what_is_under_way_stands_alone_unless_successes_are_wanted_too():
    assert shown(PENDING, DONE, sections=Section.FENCING_PENDING) == [
        "Pending Fencing Actions:", "  * turning off of node3 for stonith_admin@node1 last pending",
    ]


def test_of_fencing_that_is_alike_only_the_newest_is_shown_below_level_three():
    newest = "  * reboot of node2 by node1 for controller@node1 successful at 2022-07-13 22:15:00Z"

    assert shown(DONE, EARLIER, fence_level=2) == ["Fencing History:", newest]
    assert len(shown(DONE, EARLIER, fence_level=3)) == 3


def test_details_are_told_in_technical_words():
    assert shown(DONE, fence_level=2, details=True) == [
        "Fencing History:",
        "  * reboot of node2 successful: delegate=node1, client=controller, origin=node1,"
        " completed='2022-07-13 22:15:00Z'",
    ]


def test_nothing_is_said_where_nothing_was_fenced():
    assert shown() == []
    assert shown(DONE, sections=NOTHING) == []
