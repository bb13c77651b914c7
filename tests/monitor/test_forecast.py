"""The forecast: the path that all waits for, and the time left by what such actions took before."""

from __future__ import annotations

from hashell.monitor.forecast import forecast
from hashell.monitor.glyphs import ASCII
from hashell.monitor.scene import Scene, Step, TransitionNow
from hashell.monitor.views import Wishes
from hashell.monitor.views.transition import build
from hashell.transition.graph import Action, ActionKind, Graph, PrimitiveRef, Synapse


def _action(number, task, name, node):
    return Action(
        number, ActionKind.RESOURCE, task, f"{name}_{task}_0", node,
        primitive=PrimitiveRef(name, "", "ocf", "pacemaker", "Dummy"),
    )


#: stop slow → (nothing) → start slow; stop quick beside them.
ACTIONS = (
    _action(1, "stop", "slow", "a"), _action(2, "stop", "quick", "a"),
    Action(3, ActionKind.PSEUDO, "all_stopped", "all_stopped"), _action(4, "start", "slow", "b"),
)
GRAPH = Graph(1, tuple(
    Synapse(action.id, action, inputs) for action, inputs in zip(ACTIONS, ((), (), (1, 2), (3,)), strict=True)
))


def _run(number, steps, **how):
    return TransitionNow(number, "a", GRAPH, "", steps, **how)


BEFORE = _run(
    1, {1: Step("done", 10.0, 14.0), 2: Step("done", 10.0, 11.0), 4: Step("done", 14.0, 20.0)}, began_s=10.0,
    ended_s=20.0, result="complete",
)


def test_the_time_left_is_that_of_the_longest_way_by_what_was_seen_before():
    ahead = forecast(_run(2, {}, running=True, began_s=100.0), [BEFORE], 100.0)
    assert ahead.path == (1, 4)
    assert ahead.left_s == 10.0

    now = _run(2, {1: Step("running", 100.0), 2: Step("done", 100.0, 101.0)}, running=True, began_s=100.0)
    assert forecast(now, [BEFORE], 101.0).left_s == 9.0
    assert forecast(now, [BEFORE], 190.0).left_s == 6.0  # longer than usual: it may end at any moment


def test_nothing_is_told_of_what_was_never_seen():
    ahead = forecast(_run(1, {}, running=True, began_s=100.0), [], 100.0)
    assert ahead.left_s is None
    assert forecast(TransitionNow(), [BEFORE], 1.0).path == ()


def test_what_a_resource_has_not_done_yet_is_known_from_others_of_its_agent():
    other = Graph(2, (Synapse(1, _action(1, "start", "new", "c")),))
    ahead = forecast(TransitionNow(2, "a", other, running=True, began_s=100.0), [BEFORE], 100.0)
    assert ahead.left_s == 6.0


def test_an_ended_transition_shows_the_way_that_took_longest():
    assert forecast(BEFORE, [], 500.0).path == (1, 4)


def test_the_view_has_a_lane_a_node_and_says_what_is_left():
    now = _run(2, {1: Step("running", 100.0), 2: Step("done", 100.0, 101.0)}, running=True, began_s=100.0)
    text = [line.text for line in build(Scene(102.0, transition=now, earlier=(BEFORE,)), Wishes(ASCII, now_s=102.0))]

    assert text[0].strip() == "transition 2 runs: 1 of 3 done, 1 running"
    assert "2.0s so far, about 8.0s left" in text[1]
    assert text[2].strip() == "critical path: stop slow 2.0s > start slow"
    assert [line.split() for line in text[3:]] == [
        ["a", "1", "of", "2"],
        [">~", "running", "stop", "slow", "2.0s", "of", "about", "4.0s"],
        ["*", "done", "stop", "quick", "1.0s"],
        ["b", "0", "of", "1"],
        [">o", "waiting", "start", "slow", "about", "6.0s"],
    ]


def test_a_graph_that_goes_in_a_circle_is_shown_without_a_path():
    circle = Graph(1, (Synapse(1, ACTIONS[0], (4,)), Synapse(4, ACTIONS[3], (1,))))
    now = TransitionNow(3, "a", circle, running=True, began_s=1.0)
    assert forecast(now, [BEFORE], 2.0).path == ()
    assert build(Scene(2.0, transition=now), Wishes(ASCII, now_s=2.0))
