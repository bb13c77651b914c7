"""The model: what the feed tells ends up in it once, and only what changed is dirty."""

from __future__ import annotations

from hashell.cib.document import Cib
from hashell.client.feed import CibUpdate, Connected, Disconnected, EventUpdate, TransitionUpdate
from hashell.monitor.glyphs import ASCII
from hashell.monitor.model import EVENTS_MAX, ClusterModel
from hashell.monitor.transition_lines import headline, lines
from hashell.monitor.watch import hear
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
    model = ClusterModel()
    hear(model, Connected("/run/a", "office", "alpha", "root"), 1.0)
    assert model.connected

    hear(model, Disconnected("/run/a", "nobody listens", 0.2), 2.0)
    assert not model.connected
    assert "nobody listens" in model.link_text

    hear(model, Connected("/run/b", "office", "beta", "root", "/run/a", "node alpha is gone"), 3.0)
    assert model.connected
    assert "moved to beta" in model.moved
    assert model.where == "/run/b"


def test_an_event_that_is_told_again_after_a_reconnection_stands_once():
    model = ClusterModel()
    for _ in range(2):
        hear(model, EventUpdate(_event(1)), 1.0)
    hear(model, EventUpdate(_event(2)), 1.0)

    assert [event.number for event in model.events] == [1, 2]


def test_the_timeline_is_bounded_however_much_happens():
    model = ClusterModel()
    for number in range(EVENTS_MAX + 500):
        model.hear_event(_event(number))

    assert len(model.events) == EVENTS_MAX
    assert model.events[-1].number == EVENTS_MAX + 499


def test_only_what_changed_is_dirty_and_only_once():
    model = ClusterModel()
    hear(model, CibUpdate(None, Cib.empty()), 1.0)

    assert model.take_changed() == {"cib"}
    assert model.take_changed() == set()


def test_a_transition_is_followed_action_by_action_to_its_end():
    model = ClusterModel()
    packed = pack(graph_to_xml(_graph()))
    for notice in (
        TransitionNotice("started", 7, "alpha", packed, "move web"),
        TransitionNotice("action", 7, action=2, state="done"),
        TransitionNotice("action", 7, action=3, state="running"),
    ):
        hear(model, TransitionUpdate(notice), 5.0)

    assert headline(model.transition) == "transition 7 runs: 1 of 2 done, 1 running"
    shown = [line.text.strip() for line in lines(model.transition, ASCII)]
    assert any("running" in text and "start web" in text for text in shown)
    assert any("done" in text and "stop web" in text for text in shown)

    hear(model, TransitionUpdate(TransitionNotice("action", 7, action=3, state="failed")), 6.0)
    hear(
        model,
        TransitionUpdate(TransitionNotice("ended", 7, result="aborted", reason="start failed", duration_ms=1250)),
        6.0,
    )
    assert headline(model.transition) == "transition 7 aborted in 1.2s, 1 failed: start failed"


def test_a_word_about_another_transition_than_the_one_shown_changes_nothing():
    model = ClusterModel()
    hear(model, TransitionUpdate(TransitionNotice("started", 8, "alpha", pack(graph_to_xml(_graph())))), 5.0)
    hear(model, TransitionUpdate(TransitionNotice("action", 7, action=3, state="failed")), 5.0)

    assert model.transition.states == {}
