"""The runner: order, limits, aborts, failures and ends of a walk."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.transition.graph import Action, ActionKind, Graph, Synapse
from hashell.transition.runner import ActionState, Completion, Runner, RunState
from hashell.values.scores import INFINITY


def graph_of(*inputs, priorities=None, pseudo=(), batch_limit=0):
    """A graph of actions 1, 2, …; each argument says what that one waits for."""
    return Graph(1, tuple(
        Synapse(n, Action(n + 1, ActionKind.PSEUDO if n + 1 in pseudo else ActionKind.RESOURCE, "start", f"a{n + 1}"),
                tuple(before), (priorities or {}).get(n + 1, 0))
        for n, before in enumerate(inputs)), batch_limit=batch_limit)


def all_now(runner):
    return [action.id for action in runner.start_next()]


def walk(runner):
    """Each action is done as soon as it starts."""
    order = []
    while (action := runner.next_action()) is not None:
        order.append(action.id)
        assert runner.confirm(action.id)
    return order


def test_what_waits_for_nothing_starts_at_once():
    assert all_now(Runner(graph_of((), (1,), ()))) == [1, 3]


def test_an_action_starts_when_all_its_inputs_are_done():
    runner = Runner(graph_of((), (), (1, 2)))
    assert all_now(runner) == [1, 2]
    runner.confirm(1)
    assert all_now(runner) == []
    runner.confirm(2)
    assert all_now(runner) == [3]


def test_a_pass_goes_on_forward_and_what_lies_behind_it_waits_for_the_next():
    assert walk(Runner(graph_of((2,), (), (2,), (1,)))) == [2, 3, 1, 4]


def test_no_more_than_the_batch_limit_are_under_way():
    runner = Runner(graph_of((), (), (), batch_limit=2))
    assert all_now(runner) == [1, 2]
    runner.confirm(1)
    assert all_now(runner) == [3]


def test_an_action_that_is_not_allowed_now_is_asked_again_later():
    busy = {1}
    runner = Runner(graph_of((), ()), allowed=lambda action: action.id not in busy)
    assert all_now(runner) == [2]
    busy.clear()
    assert all_now(runner) == [1]


def test_a_walk_is_complete_when_all_is_done():
    runner = Runner(graph_of((), (1,)))
    assert walk(runner) == [1, 2]
    assert runner.state is RunState.COMPLETE


def test_an_empty_graph_is_complete():
    runner = Runner(graph_of())
    assert runner.next_action() is None
    assert runner.state is RunState.COMPLETE


def test_after_an_abort_only_pseudo_events_and_urgent_synapses_start():
    runner = Runner(graph_of((), (), (), priorities={3: INFINITY}, pseudo={2}))
    runner.abort(INFINITY, reason="a node left")
    assert all_now(runner) == [2, 3]


def test_an_aborted_walk_ends_stopped_and_only_when_nothing_is_under_way():
    runner = Runner(graph_of((), (1,)))
    assert all_now(runner) == [1]
    runner.abort(reason="configuration changed")
    assert runner.state is RunState.RUNNING
    runner.confirm(1)
    assert all_now(runner) == []
    assert runner.state is RunState.STOPPED
    assert runner.abort_reason == "configuration changed"


def test_what_waits_for_a_failed_action_never_starts():
    runner = Runner(graph_of((), (1,), ()))
    assert all_now(runner) == [1, 3]
    runner.confirm(1, failed=True)
    runner.confirm(3)
    assert all_now(runner) == []
    assert runner.state is RunState.STUCK
    assert runner.failed == (1,)


def test_a_synapse_of_infinite_priority_starts_even_after_a_failure():
    runner = Runner(graph_of((), (1,), priorities={2: INFINITY}))
    all_now(runner)
    runner.confirm(1, failed=True)
    assert all_now(runner) == [2]


def test_a_result_that_comes_twice_or_for_nothing_changes_nothing():
    runner = Runner(graph_of((), (1,)))
    all_now(runner)
    assert runner.confirm(1)
    assert not runner.confirm(1)
    assert not runner.confirm(99)


def test_the_strongest_completion_of_several_aborts_counts():
    runner = Runner(graph_of(()))
    runner.abort(completion=Completion.SHUTDOWN)
    runner.abort(completion=Completion.RESTART)
    assert runner.completion is Completion.SHUTDOWN


def test_one_can_ask_what_became_of_each_action():
    runner = Runner(graph_of((), (), (1,), (2,)))
    runner.start_next()
    runner.confirm(1, failed=True)
    states = [runner.action_state(n) for n in (1, 2, 3, 4, 9)]
    assert states == [ActionState.FAILED, ActionState.RUNNING, ActionState.WAITING,
                      ActionState.WAITING, ActionState.SKIPPED]
    runner.confirm(2)
    runner.start_next()
    runner.confirm(4)
    assert runner.complete
    assert runner.action_state(3) is ActionState.SKIPPED
    assert (runner.counts.done, runner.counts.failed, runner.counts.left) == (3, 1, 1)


def test_a_graph_that_waits_for_itself_is_stuck():
    runner = Runner(graph_of((2,), (1,)))
    assert all_now(runner) == []
    assert runner.state is RunState.STUCK


@given(st.lists(st.sets(st.integers(1, 12), max_size=4), max_size=12), st.integers(0, 3), st.randoms())
def test_every_acyclic_graph_is_walked_wholly_once_and_in_order(wishes, limit, chance):
    inputs = [tuple(sorted(n for n in before if n <= place)) for place, before in enumerate(wishes)]
    runner = Runner(graph_of(*inputs, batch_limit=limit))
    done = []
    while True:
        started = all_now(runner)
        assert not limit or len(runner.in_flight) <= limit
        for number in started:
            assert set(inputs[number - 1]) <= set(done)
        if not runner.in_flight:
            break
        number = chance.choice(runner.in_flight)
        runner.confirm(number)
        done.append(number)
    assert sorted(done) == list(range(1, len(inputs) + 1))
    assert runner.state is RunState.COMPLETE
