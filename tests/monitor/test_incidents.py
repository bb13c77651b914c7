"""Incidents: which words belong together, how long each part of the way back took, what clients saw of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.monitor.glyphs import ASCII
from hashell.monitor.incidents import FAULTS, QUIET_S, incidents, percentile
from hashell.monitor.scene import ProbeSight, Step, TransitionNow
from hashell.monitor.views import Wishes, incident
from hashell.transition.graph import Action, ActionKind, Graph, PrimitiveRef, Synapse
from hashell.wire.messages import EventInfo

WEB = PrimitiveRef("web", "", "ocf", "heartbeat", "apache")
GRAPH = Graph(7, tuple(
    Synapse(action.id, action, (action.id - 1,) if action.id > 1 else ()) for action in (
        Action(1, ActionKind.CLUSTER, "stonith", "stonith-node2-reboot", "node2"),
        Action(2, ActionKind.RESOURCE, "stop", "web_stop_0", "node2", primitive=WEB),
        Action(3, ActionKind.RESOURCE, "start", "web_start_0", "node1", primitive=WEB),
        Action(4, ActionKind.RESOURCE, "monitor", "web_monitor_10000", "node1", primitive=WEB),
    )
))


def _lost(when_s=100.0, text="node2 was lost", number=1, kind="member", level="warning"):
    return EventInfo(number, when_s, "node1", kind, level, text, ("node2",))


def _course(**other):
    steps = {
        1: Step("done", 100.2, 101.7), 2: Step("done", 101.7, 101.75), 3: Step("done", 101.8, 102.3),
        4: Step("done", 102.3, 102.4),
    }
    how = {"running": False, "result": "complete", "began_s": 100.2, "ended_s": 102.4, **other}
    return TransitionNow(7, "node1", GRAPH, "", steps, **how)


def test_a_failure_is_split_into_the_parts_of_the_way_back():
    probe = ProbeSight("web", True, "node1", 102.35, ((99.0, 102.35),), 5.0)
    (one,) = incidents([_lost()], [_course()], [probe], 110.0)

    assert one.mended and one.ended_s == 102.4 and one.began_s == 99.0
    assert {part.name: round(part.seconds, 2) for part in one.parts} == {
        "detect": 1.0, "decide": 0.2, "fence": 1.5, "stop": 0.05, "start": 0.5, "verify": 0.1,
    }
    assert one.part("start").what == "web on node1"
    assert one.outages[0].kept and round(one.outages[0].seconds, 2) == 3.35


def test_an_outage_longer_than_its_budget_is_not_kept():
    probe = ProbeSight("web", True, "node1", 102.35, ((99.0, 102.35),), 3.0)
    (one,) = incidents([_lost()], [_course()], [probe], 110.0)

    assert not one.outages[0].kept
    told = "\n".join(line.text for line in incident.story(one, Wishes(ASCII, 100), 110.0))
    assert "web was away, 3.0s allowed" in told


def test_a_failure_lasts_until_something_mends_it():
    (one,) = incidents([_lost()], [_course(running=True, result="", ended_s=0.0)], (), 101.0)
    assert not one.ended_s and one.seconds(101.0) == 1.0

    (one,) = incidents([_lost()], [_course(result="failed")], (), 110.0)
    assert not one.ended_s

    (one,) = incidents([_lost()], [], (), 101.0 + QUIET_S)
    assert one.ended_s == 100.0 and not one.mended


def test_what_fails_on_the_way_back_belongs_to_the_same_incident_and_what_fails_later_does_not():
    again = _lost(101.0, "start of web on node1 failed: error", 2, "operation", "error")
    later = _lost(400.0, "node3 was lost", 3)
    first, second = incidents([_lost(), again, later], [_course()], (), 401.0)

    assert first.title == "node2 was lost" and first.faults == 2 and first.mended
    assert second.title == "node3 was lost" and not second.ended_s


def test_the_same_words_of_two_nodes_are_one_fault():
    (one,) = incidents([_lost(), _lost(100.1, number=9)], [_course()], (), 110.0)
    assert one.faults == 1


def test_without_transitions_their_events_tell_when_it_was_over():
    end = EventInfo(5, 103.0, "node1", "transition", "info", "transition 7: complete after 2.2 s")
    (one,) = incidents([_lost(), end], [], (), 200.0)

    assert one.mended and one.ended_s == 103.0 and one.parts == ()


@given(st.lists(st.tuples(
    st.floats(0, 1000), st.sampled_from([*FAULTS, "transition", "config"]), st.sampled_from(["info", "warning"]),
    st.sampled_from(["a was lost", "transition 3: complete after 1 s", "transition 4: failed after 1 s"]),
), max_size=30), st.floats(1000, 2000))
def test_whatever_is_told_incidents_are_in_order_and_do_not_end_before_they_begin(words, now_s):
    events = [EventInfo(n, when_s, "a", kind, level, text) for n, (when_s, kind, level, text) in enumerate(words)]
    found = incidents(events, [_course()], (), now_s)

    assert [one.noticed_s for one in found] == sorted(one.noticed_s for one in found)
    assert all(not one.ended_s or one.ended_s >= one.noticed_s for one in found)
    assert all(one.ended_s for one in found[:-1])
    for one in found:
        incident.story(one, Wishes(ASCII), now_s)


def test_percentiles_are_values_that_were_seen():
    assert percentile([], 0.5) == 0.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.9) == 3.0
