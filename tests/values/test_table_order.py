"""The order of GLib's hash tables, as crm_mon shows it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.values.table_order import in_table_order

#: Recorded from crm_mon 2.1.5 with twenty tickets in its status section.
GROWN = [
    "ticket11", "ticket0", "ticket3", "ticket14", "ticket6", "ticket17", "ticket9", "ticket1", "ticket12",
    "ticket4", "ticket15", "ticket7", "ticket18", "ticket10", "ticket13", "ticket2", "ticket5", "ticket16",
    "ticket8", "ticket19",
]


def test_seven_tickets_come_in_the_order_in_which_crm_mon_lists_them():
    listed = [
        "drbd-testfs-local", "testfs-allocated", "lustre", "drbd-local", "drbd-testfs-stacked", "drbd-stacked",
        "testfs-operational",
    ]

    put = [
        "lustre", "drbd-local", "drbd-stacked", "testfs-operational", "drbd-testfs-local", "drbd-testfs-stacked",
        "testfs-allocated",
    ]

    assert in_table_order(put) == listed


@given(st.lists(st.text(max_size=8), max_size=60))
def test_every_name_comes_exactly_once(names):
    assert sorted(in_table_order(names)) == sorted(set(names))


def test_a_table_that_grows_twice_keeps_the_order_that_crm_mon_shows():
    names = [f"ticket{number}" for number in range(20)]

    assert in_table_order(names) == GROWN
