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


def passes(inputs, fails):
    """The walk of somebody who looks at every synapse in every pass, each action done as soon as it starts."""
    order, done, failed = [], set(), set()
    progress = True
    while progress:
        progress = False
        for number, before in enumerate(inputs, 1):
            if number not in done and set(before) <= done and not set(before) & failed:
                order.append(number)
                done.add(number)
                failed |= {number} & fails
                progress = True
    return order


@given(st.lists(st.sets(st.integers(1, 12), max_size=3), max_size=12), st.sets(st.integers(1, 12), max_size=3))
def test_the_order_is_that_of_passes_over_all_synapses(wishes, fails):
    inputs = [tuple(sorted(n for n in before if n <= len(wishes) and n != at)) for at, before in enumerate(wishes, 1)]
    runner = Runner(graph_of(*inputs))
    order = []
    while (action := runner.next_action()) is not None:
        order.append(action.id)
        runner.confirm(action.id, failed=action.id in fails)
    assert order == passes(inputs, fails)


@given(
    st.lists(st.tuples(st.sets(st.integers(1, 30), max_size=3), st.sampled_from(["", "a", "b", "c"])), max_size=30),
    st.integers(1, 3), st.integers(0, 4), st.randoms(), st.integers(0, 40),
)
def test_lanes_are_never_overfull_never_idle_for_nothing_and_end_where_a_walk_without_lanes_ends(
    wishes, limit, batch, chance, abort_at,
):
    inputs = [tuple(sorted(n for n in before if n <= at)) for at, (before, _) in enumerate(wishes)]
    lanes = {number: lane for number, (_, lane) in enumerate(wishes, 1)}
    urgent = {number: INFINITY for number in range(1, len(wishes) + 1) if chance.random() < 0.2}
    busy = {"a": 0, "b": 0, "c": 0, "": 0}
    refused = {number for number in lanes if chance.random() < 0.1}
    runner = Runner(
        graph_of(*inputs, batch_limit=batch, priorities=urgent), lane=lambda action: lanes[action.id],
        full=lambda lane: busy[lane] >= limit, allowed=lambda action: action.id not in refused and (
            not lanes[action.id] or busy[lanes[action.id]] < limit),
    )
    done, steps = set(), 0
    while True:
        while (action := runner.next_action()) is not None:
            busy[lanes[action.id]] += 1
            assert set(inputs[action.id - 1]) <= done and action.id not in refused
            assert not lanes[action.id] or busy[lanes[action.id]] <= limit
            assert steps <= abort_at or action.id in urgent
        if not batch or len(runner.in_flight) < batch:
            for number in runner.graph.actions:
                ready = runner.action_state(number.id) is ActionState.WAITING and set(inputs[number.id - 1]) <= done
                hopeful = steps <= abort_at or number.id in urgent
                full = lanes[number.id] and busy[lanes[number.id]] >= limit
                assert not ready or not hopeful or full or number.id in refused
        if not runner.in_flight:
            if not refused:
                break
            refused.clear()
            continue
        number = chance.choice(runner.in_flight)
        assert runner.confirm(number)
        busy[lanes[number]] -= 1
        done.add(number)
        steps += 1
        if steps > abort_at and not runner.aborted:
            runner.abort(INFINITY)
    assert runner.complete
    assert runner.aborted or len(done) == len(wishes)


def test_one_of_a_lane_that_may_not_start_does_not_hold_back_the_one_after_it():
    """The first became ready after a pass had stopped with the second one standing for the lane."""
    lanes = {1: "", 2: "", 3: "a", 4: "a"}
    runner = Runner(
        graph_of((), (), (1,), (), batch_limit=2), lane=lambda action: lanes[action.id],
        allowed=lambda action: action.id != 3,
    )
    assert all_now(runner) == [1, 2]
    runner.confirm(1)
    assert all_now(runner) == [4]


def test_of_a_lane_only_the_first_is_asked_about_while_it_is_full():
    asked = []

    def full(lane):
        asked.append(lane)
        return len(asked) > 2

    runner = Runner(graph_of(*[()] * 500), lane=lambda action: "node1", full=full)
    assert all_now(runner) == [1, 2]
    assert len(asked) < 6
    assert runner.state is RunState.RUNNING
