"""Deciding and walking as functions, for the daemon and for what-if questions."""

from __future__ import annotations

from hashell.cib.document import Cib
from hashell.simulate.run import FailureWish, decide, walk, with_status
from hashell.testing.clusters import Cluster, clone, group, operation, primitive
from hashell.transition.runner import RunState


def test_a_decision_holds_graph_words_and_state():
    decision = Cluster(primitive("a")).decide()
    assert [" ".join(line.split()) for line in decision.summary] == ["Start a ( node1 )"]
    assert decision.graph.transition_id == 1
    assert decision.state.find("a") is not None


def test_deciding_leaves_the_cib_alone():
    cluster = Cluster(group("g", primitive("a"), primitive("b")))
    cib = cluster.cib()
    before = cib.to_bytes()
    walk(decide(cib, cluster.now_s))
    assert cib.to_bytes() == before


def test_a_walk_ends_where_nothing_is_left_to_do():
    cluster = Cluster(
        clone("k", primitive("a", operation("a", "monitor", "10s"))) + group("g", primitive("b"), primitive("c")),
    )
    result = walk(cluster.decide(), clock_s=cluster.now_s)
    assert result.state is RunState.COMPLETE
    assert decide(result.cib, cluster.now_s).summary == ()


def test_a_failed_start_keeps_what_waits_for_it_from_starting():
    cluster = Cluster(group("g", primitive("a"), primitive("b")))
    result = walk(cluster.decide(), [FailureWish("a_start_0@node1=1")], cluster.now_s)
    started = [line.split() for line in result.lines if "start on" in line]
    assert [words[2] for words in started] == ["a"]


def test_a_cib_without_status_is_scheduled_as_one_whose_nodes_nobody_saw():
    cluster = Cluster(primitive("a"))
    root = cluster.cib().copy_root()
    root.remove(root.find("status"))
    decision = decide(with_status(Cib(root)), cluster.now_s)
    assert decision.schedule.placements["a"] == ""


def test_dates_without_a_zone_are_meant_in_local_time():
    """One hour after the start in UTC is before it where local time is two hours behind."""
    rule = (
        '<rsc_location id="l" rsc="a"><rule id="r" score="-INFINITY">'
        '<date_expression id="e" operation="gt" start="2023-12-31T23:00:00"/></rule></rsc_location>'
    )
    cluster = Cluster(primitive("a"), rule)
    assert decide(cluster.cib(), cluster.now_s).schedule.placements["a"] == ""
    assert decide(cluster.cib(), cluster.now_s, utc_offset_s=-7200).schedule.placements["a"] == "node1"
