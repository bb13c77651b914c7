"""Notices: each fault is told, a flood is not; what is told never obeys anybody but the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.client.feed import CibUpdate, Connected, EventUpdate
from hashell.monitor.app import HashellMonitor, Options
from hashell.monitor.notices import BURST, EVERY_S, TEXT_MAX, Noticer, desktop
from hashell.monitor.settings import MonitorSettings
from hashell.wire.messages import EventInfo


def fault(text="node3 was lost", number=1):
    return EventInfo(number, 5.0, "node1", "member", "warning", text, ("node3",))


def test_a_fault_is_told_with_its_cluster_and_what_is_well_is_not():
    noticer = Noticer()
    well = EventInfo(1, 5.0, "node1", "config", "info", "root: node standby node1")
    assert noticer.notice("office", [well], 0.0) == ""
    assert noticer.notice("office", [well, fault()], 0.0) == "office: node3 was lost"


def test_of_many_at_once_the_last_is_told_and_the_others_are_counted():
    assert Noticer().notice("", [fault(f"{n} broke", n) for n in range(5)], 0.0) == "4 broke (and 4 more)"


def test_a_flood_is_told_a_few_times_and_then_counted():
    noticer, told = Noticer(), []
    for number in range(1000):
        text = noticer.notice("", [fault(f"{number} broke")], number * 0.01)
        told += [text] if text else []
    assert len(told) == BURST + int(9.99 // EVERY_S)
    later = noticer.notice("", [fault("one more")], 10.0 + EVERY_S)
    assert later.startswith("one more (and ") and later.endswith(" more)")


@given(st.text(max_size=400), st.text(max_size=20))
def test_a_notice_is_bounded_and_has_no_control_characters(text, cluster):
    told = Noticer().notice(cluster, [fault(text)], 0.0)
    assert len(told) <= TEXT_MAX
    assert desktop(text)[4:-1].isprintable()
    assert desktop(text).startswith("\x1b]9;") and desktop(text).endswith("\x07")


@pytest.mark.parametrize(
    ("how", "bells", "notices"), [("off", 0, 0), ("bell", 1, 0), ("desktop", 0, 1), ("both", 1, 1)]
)
async def test_faults_ring_as_the_person_wishes_and_those_of_before_do_not(told, cluster, until, how, bells, notices):
    session = told(cluster)
    session.tell(0, Connected("/run/a", "bench", "node1", "root"), CibUpdate(None, cluster.cib()))
    app = HashellMonitor(Options(open_client=lambda: cluster, settings=MonitorSettings(notices=how)), session)
    rung, written = [], []
    app.bell = lambda: rung.append(1)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.overview.status is not None)
        write = app._driver.write
        app._driver.write = lambda data: (written.append(data), write(data))
        session.tell(1, EventUpdate(fault("long ago", 1), past=True))
        session.tell(2, EventUpdate(fault("node3 was lost", 2)))
        app.flush()
        app.flush()
    assert len(rung) == bells
    assert [data for data in written if data.startswith("\x1b]9;")] == [desktop("node3 was lost")] * notices
