"""History: entries in the order in which they happened."""

from __future__ import annotations

import functools
import itertools

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.state.fail_counts import FailCount, fail_count, read_fail_counts
from hashell.state.history import active_from, age_order, read_node_history

UUID = "2668bbeb-0000-0000-0000-000000000000"


def history(*entries: str):
    text = (
        f'<node_state><lrm><lrm_resources><lrm_resource id="r">{"".join(entries)}</lrm_resource></lrm_resources></lrm>'
        "</node_state>"
    )
    return read_node_history("n", etree.fromstring(text)).resources[0].entries


def entry(ident: str, task: str = "monitor", **words: object) -> str:
    given_words = {
        "id": ident, "operation": task, "interval": 0, "call-id": 1, "op-status": 0, "rc-code": 0, "on_node": "n",
        **{key.replace("_", "-"): value for key, value in words.items()},
    }
    return "<lrm_rsc_op " + " ".join(f'{key}="{value}"' for key, value in given_words.items()) + "/>"


def test_call_ids_order_the_entries_of_a_node():
    entries = history(entry("c", call_id=3), entry("a", call_id=1), entry("b", call_id=2))

    assert [e.id for e in entries] == ["a", "b", "c"]


def test_the_time_orders_entries_with_one_call_id():
    entries = history(entry("late", last_rc_change=20), entry("early", last_rc_change=10))

    assert [e.id for e in entries] == ["early", "late"]


def test_a_pending_entry_comes_after_what_its_transition_follows():
    old = entry("old", call_id=5, transition_magic=f"0:0;1:7:0:{UUID}")
    pending = entry("pending", call_id=-1, op_status=-1, transition_magic=f"-1:193;1:9:0:{UUID}")
    new = entry("new", call_id=6, transition_magic=f"0:0;1:11:0:{UUID}")

    assert [e.id for e in history(pending, new, old)] == ["old", "pending", "new"]


def test_numbers_that_are_missing_or_wrong_have_a_place():
    (found,) = history('<lrm_rsc_op id="x" operation="start" op-status="good" transition-key="nonsense"/>')

    assert (found.call_id, found.interval_ms, found.status, found.rc, found.target_rc) == (-1, 0, None, None, -1)
    assert found.key == "x"


def test_the_last_start_and_the_last_stop_are_found():
    entries = history(
        entry("1", "start", call_id=1), entry("2", "stop", call_id=2), entry("3", "start", call_id=3),
        entry("4", "monitor", call_id=4, interval=10),
    )
    assert active_from(entries) == (2, 1)


def test_a_monitor_or_promotion_stands_for_a_start_that_is_not_recorded():
    assert active_from(history(entry("1", "monitor", call_id=1))) == (0, -1)
    assert active_from(history(entry("1", "monitor", call_id=1), entry("2", "promote", call_id=2))) == (1, -1)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=5))
def test_age_is_the_same_from_both_sides_and_sorting_obeys_it(numbers):
    entries = [
        history(entry(f"e{i}", call_id=call, last_rc_change=when))[0] for i, (call, when) in enumerate(numbers)
    ]
    for one, other in itertools.combinations(entries, 2):
        assert age_order(one, other) == -age_order(other, one)
    ordered = sorted(entries, key=functools.cmp_to_key(age_order))
    assert [e.call_id for e in ordered] == sorted(e.call_id for e in entries)


class Named:
    def __init__(self, ident: str, *, unique: bool = False, history_id: str | None = None) -> None:
        self.id, self.unique, self.history_id = ident, unique, history_id


def test_fail_counts_of_all_operations_and_instances_are_added():
    counts = read_fail_counts({
        "fail-count-r#monitor_10000": "2", "fail-count-r#start_0": "INFINITY", "last-failure-r#start_0": "50",
        "last-failure-r#monitor_10000": "70", "fail-count-r:1#stop_0": "1", "fail-count-rr#stop_0": "4",
        "fail-count-x": "9",
    })

    assert fail_count(counts, Named("r:0")) == FailCount(1_000_000, 70)
    assert fail_count(counts, Named("r:1", unique=True)) == FailCount(1, 0)
    assert fail_count(counts, Named("rr", unique=True)) == FailCount(4, 0)
    assert fail_count({}, Named("r")) == FailCount()
