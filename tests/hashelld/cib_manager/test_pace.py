"""The pace: a small CIB never waits, a large one for status alone, and its elements are counted seldom."""

from __future__ import annotations

from hashelld.cib_manager.messages import Entry, Position, Write
from hashelld.cib_manager.pace import (
    COUNTED_BYTES,
    COUNTED_ELEMENT,
    COUNTED_VERSIONS,
    ELEMENTS_A_MS,
    PACE_BUSY_MAX_MS,
    PACE_SHARE,
    PACED_FROM,
    ApplyOver,
    Pace,
)


def entry(index, *, status=True):
    return Entry(Position(1, "node1", index), True, Write("node1", 1, index, (), status_only=status))


def paced(elements, took_ms=0):
    pace = Pace()
    pace.applied(1, 1000, lambda: elements, [])
    pace.over(ApplyOver(1000), 1000 + took_ms)
    return pace


def test_changes_of_a_small_cib_do_not_wait():
    assert paced(PACED_FROM - 1, 10_000).wait_ms(1000, [entry(1)], 1) == 0


def test_status_changes_of_a_large_cib_wait_by_its_size_and_by_what_the_last_took():
    elements = 10 * PACED_FROM
    assert paced(elements).wait_ms(1000, [entry(1)], 1) == elements // ELEMENTS_A_MS
    assert paced(elements, 200).wait_ms(1000, [entry(1)], 1) == 200 * PACE_SHARE
    assert paced(elements, 60_000).wait_ms(1000, [entry(1)], 1) == PACE_BUSY_MAX_MS
    assert paced(elements).wait_ms(1000 + elements // ELEMENTS_A_MS, [entry(1)], 1) == 0


def test_a_change_of_the_configuration_waits_for_nothing_once_it_is_committed():
    pace = paced(10 * PACED_FROM)
    held = [entry(1), entry(2, status=False)]
    assert pace.wait_ms(1000, held, 2) == 0
    assert pace.wait_ms(1000, held, 1) > 0


def test_elements_are_counted_again_after_many_versions_or_bytes_and_for_another_cib():
    counted = []

    def count():
        counted.append(1)
        return PACED_FROM

    pace = Pace()
    for _ in range(COUNTED_VERSIONS + 1):
        pace.applied(1, 0, count, [])
    assert len(counted) == 1
    pace.applied(1, 0, count, [])
    assert len(counted) == 2
    pace.applied(max(COUNTED_BYTES, COUNTED_ELEMENT * PACED_FROM) + 1, 0, count, [])
    assert len(counted) == 3
    pace.recount()
    pace.applied(1, 0, count, [])
    assert len(counted) == 4
