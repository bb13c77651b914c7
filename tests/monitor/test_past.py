"""The past: what the feed tells ends up in it once, only what changed is dirty, and any moment can be seen again."""

from __future__ import annotations

import random
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.diff import make_patch
from hashell.cib.document import Cib
from hashell.client.feed import CibUpdate, Connected, Disconnected, EventUpdate, TransitionUpdate
from hashell.monitor.glyphs import ASCII
from hashell.monitor.past import EVENTS_MAX, PATCHES_MAX, Past
from hashell.monitor.views import Wishes
from hashell.monitor.views.transition import build, headline
from hashell.transition.graph import Action, ActionKind, Graph, PrimitiveRef, Synapse
from hashell.transition.packed import pack
from hashell.transition.xml import graph_to_xml
from hashell.wire.messages import EventInfo, TransitionNotice


def _event(number: int, text: str = "something", node: str = "alpha") -> EventInfo:
    return EventInfo(number, 1000.0 + number, node, "config", "notice", text)


def _graph() -> Graph:
    web = PrimitiveRef("web", "", "ocf", "heartbeat", "apache")
    actions = (
        Action(1, ActionKind.PSEUDO, "all_stopped", "all_stopped"),
        Action(2, ActionKind.RESOURCE, "stop", "web_stop_0", "beta", "2", primitive=web),
        Action(3, ActionKind.RESOURCE, "start", "web_start_0", "alpha", "1", primitive=web),
    )
    return Graph(7, tuple(Synapse(place, action) for place, action in enumerate(actions)))


def test_a_lost_node_is_shown_as_lost_and_another_one_as_a_move():
    past = Past()
    past.hear(Connected("/run/a", "office", "alpha", "root"), 1.0)
    assert past.link.connected

    past.hear(Disconnected("/run/a", "nobody listens", 0.2), 2.0)
    assert not past.link.connected
    assert "nobody listens" in past.link.text

    past.hear(Connected("/run/b", "office", "beta", "root", "/run/a", "node alpha is gone"), 3.0)
    assert past.link.connected
    assert "moved to beta" in past.link.moved
    assert past.link.where == "/run/b"


def test_an_event_that_is_told_again_after_a_reconnection_stands_once():
    past = Past()
    for _ in range(2):
        past.hear(EventUpdate(_event(1)), 1.0)
    past.hear(EventUpdate(_event(2)), 1.0)

    assert [event.number for event in past.scene().events] == [1, 2]


def test_the_timeline_is_bounded_however_much_happens():
    past = Past()
    for number in range(EVENTS_MAX + 500):
        past.hear(EventUpdate(_event(number)), 1.0)

    assert len(past.scene().events) == EVENTS_MAX
    assert past.scene().events[-1].number == EVENTS_MAX + 499


def test_only_what_changed_is_dirty_and_only_once():
    past = Past()
    past.hear(CibUpdate(None, Cib.empty()), 1.0)

    assert past.take_changed() == {"cib"}
    assert past.take_changed() == set()


def test_a_transition_is_followed_action_by_action_to_its_end():
    past = Past()
    packed = pack(graph_to_xml(_graph()))
    for notice in (
        TransitionNotice("started", 7, "alpha", packed, "move web"),
        TransitionNotice("action", 7, action=2, state="done"),
        TransitionNotice("action", 7, action=3, state="running"),
    ):
        past.hear(TransitionUpdate(notice), 5.0)

    assert headline(past.scene().transition) == "transition 7 runs: 1 of 2 done, 1 running"
    shown = [line.text.strip() for line in build(past.scene(), Wishes(ASCII))]
    assert any("running" in text and "start web" in text for text in shown)
    assert any("done" in text and "stop web" in text for text in shown)

    past.hear(TransitionUpdate(TransitionNotice("action", 7, action=3, state="failed")), 6.0)
    past.hear(
        TransitionUpdate(TransitionNotice("ended", 7, result="aborted", reason="start failed", duration_ms=1250)),
        6.0,
    )
    assert headline(past.scene().transition) == "transition 7 aborted in 1.2s, 1 failed: start failed"


def test_a_word_about_another_transition_than_the_one_shown_changes_nothing():
    past = Past()
    past.hear(TransitionUpdate(TransitionNotice("started", 8, "alpha", pack(graph_to_xml(_graph())))), 5.0)
    past.hear(TransitionUpdate(TransitionNotice("action", 7, action=3, state="failed")), 5.0)

    assert past.scene().transition.steps == {}


def _cib(version: int, value: str) -> Cib:
    return Cib.parse(
        f'<cib admin_epoch="0" epoch="{version}" num_updates="0"><configuration><crm_config>'
        f'<cluster_property_set id="p"><nvpair id="v" name="v" value="{value}"/></cluster_property_set>'
        "</crm_config></configuration><status/></cib>"
    )


def _value(past: Past, when_s: float) -> str:
    cib = past.look(when_s).scene().cib
    return "" if cib is None else cib.root.find(".//nvpair").get("value", "")


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([1, 3, PATCHES_MAX]),
)
def test_each_moment_shows_the_cib_as_it_was_then_however_it_is_kept(steps, patches_max):
    past = Past()
    before, now_s, wanted = None, 100.0, []
    with mock.patch("hashell.monitor.past.PATCHES_MAX", patches_max):
        for number, (pause, pushed, packed) in enumerate(steps, 1):
            now_s += pause
            after = _cib(number, f"value {number}")
            patches = (etree.tostring(make_patch(before, after)),) if pushed and before is not None else ()
            past.hear(CibUpdate(before, after, patches=patches), now_s)
            wanted.append((now_s, f"value {number}"))
            before = after
            if packed:
                past.pack()

    latest = dict(wanted)
    assert _value(past, 99.0) == ""
    for when_s, value in latest.items():
        assert _value(past, when_s) == value
        assert _value(past, when_s + 0.5) == value


def test_a_past_weighs_no_more_than_its_bound_and_loses_the_oldest_first():
    past = Past(bytes_max=20_000)
    before = None
    for number in range(300):
        after = _cib(number, "".join(random.Random(number).choices("abcdefghijklmnop", k=2_000)))
        past.hear(CibUpdate(before, after), float(number))
        past.pack()
        before = after

    assert past.weight <= 25_000
    assert _value(past, 299.0) == before.root.find(".//nvpair").get("value")
    assert _value(past, 10.0) == ""


def test_a_clock_that_is_set_moves_what_was_heard_with_it_so_that_ages_stay():
    past = Past()
    past.hear(CibUpdate(None, _cib(1, "old")), 1000.0)
    past.hear(EventUpdate(_event(1)), 1005.0)
    past.hear(CibUpdate(None, _cib(2, "new")), 1010.0)
    past.shift(-3600.0)

    assert _value(past, 1000.0 - 3600.0) == "old"
    assert past.scene().when_s == 1010.0 - 3600.0
    assert past.step(None, -1) == 1005.0 - 3600.0


def test_steps_go_from_event_to_event_and_end_at_now():
    past = Past()
    for number in (1, 2, 3):
        past.hear(EventUpdate(_event(number)), 10.0 * number)

    assert past.step(None, -1) == 30.0
    assert past.step(30.0, -1) == 20.0
    assert past.step(25.0, -1) == 20.0
    assert past.step(25.0, 1) == 30.0
    assert past.step(10.0, -1) == 10.0
    assert past.step(30.0, 1) is None
    assert Past().step(None, -1) is None


def test_what_was_told_of_the_time_before_we_came_has_its_own_time_and_its_place():
    past = Past()
    past.hear(EventUpdate(_event(5)), 2000.0)
    past.hear(EventUpdate(_event(1), past=True), 2001.0)

    assert [event.number for event in past.scene().events] == [1, 5]
    assert past.step(2000.0, -1) == 1001.0


def test_a_transition_is_shown_as_far_as_it_had_come():
    past = Past()
    for now_s, notice in (
        (10.0, TransitionNotice("started", 7, "alpha", pack(graph_to_xml(_graph())))),
        (11.0, TransitionNotice("action", 7, action=2, state="running")),
        (12.0, TransitionNotice("action", 7, action=2, state="done")),
        (13.0, TransitionNotice("ended", 7, result="complete", duration_ms=3000)),
    ):
        past.hear(TransitionUpdate(notice), now_s)

    then = past.look(11.5).scene().transition
    assert then.running and then.step(2).state == "running" and then.step(2).began_s == 11.0
    assert past.look(9.0).scene().transition.number == 0
    done = past.look(14.0).scene().transition
    assert not done.running and done.result == "complete"
    assert done.step(2) == past.scene().transition.step(2)
    assert (done.step(2).began_s, done.step(2).ended_s) == (11.0, 12.0)
