"""The component: each ticket is answered once, and what happens is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from hashell.cib.document import Cib
from hashell.testing.fake_node import a_view
from hashell.wire import messages
from hashelld.core.effects import Multicast, Notify, ReadHistory, Reply, Send, Tell
from hashelld.core.events import (
    ActionsChanged,
    AttributeWanted,
    Author,
    ChangeAnswered,
    ChangeWanted,
    CibChanged,
    ClientAsked,
    Happened,
    MembersChanged,
    MessageDirect,
    MessageOrdered,
    ShutdownWanted,
    Started,
    TransitionEnded,
    TransitionStarted,
)
from hashelld.ipc.core import CHANGES_MAX, EVENTS_KEPT, EVENTS_TOLD, EVENTS_TOPIC, SOCKET_TOPIC, Ipc, RequestArrived
from hashelld.settings import Settings

SETTINGS = Settings(
    cluster="c", node="node1", state_dir=Path("s"), run_dir=Path("r"), key=Path("k")
)


@pytest.fixture
def ipc():
    made = Ipc(SETTINGS, machine="m1")
    made.receive(Started("node1", "c", Cib.empty()), 0, 100.0)
    return made


def ask(ipc: Ipc, body: messages.Message, *, may_write: bool = True) -> list:
    return list(ipc.receive(RequestArrived(7, "anna", may_write, body), 0, 100.0))


def answer(effects: list):
    (reply,) = [effect for effect in effects if isinstance(effect, Reply)]
    assert reply.client == 7
    return reply.body


def test_the_cib_is_answered_at_once(ipc):
    assert answer(ask(ipc, messages.GetCib())).version == "0.0.0"


def test_info_before_the_first_view_says_so(ipc):
    info = answer(ask(ipc, messages.GetInfo()))
    assert info.controller_state == "S_STARTING"
    assert info.warnings


def test_info_follows_the_view(ipc):
    ipc.receive(MembersChanged(a_view("node1", "node2")), 0, 100.0)
    info = answer(ask(ipc, messages.GetInfo()))
    assert (info.dc, info.quorate, info.controller_state) == ("node1", True, "S_IDLE")
    assert [(m.name, m.state, m.since_s) for m in info.members] == [
        ("node1", "member", 100.0), ("node2", "member", 100.0),
    ]
    ipc.receive(MembersChanged(a_view("node1", number=2, lost=("node2",))), 0, 150.0)
    info = answer(ask(ipc, messages.GetInfo()))
    assert [(m.name, m.state, m.since_s) for m in info.members] == [
        ("node1", "member", 100.0), ("node2", "lost", 150.0),
    ]
    assert not info.quorate and "no quorum" in info.warnings[0]
    ipc.receive(MembersChanged(a_view("node2", "node1", number=3)), 0, 200.0)
    info = answer(ask(ipc, messages.GetInfo()))
    assert (info.dc, info.controller_state) == ("node2", "S_NOT_DC")
    assert {m.name: m.since_s for m in info.members} == {"node1": 100.0, "node2": 200.0}


def test_a_running_transition_shows_in_the_controllers_state(ipc):
    ipc.receive(MembersChanged(a_view("node1")), 0, 100.0)
    started = ipc.receive(TransitionStarted(4, "node1", b"<g/>", "summary"), 0, 1.0)
    assert [effect.body.phase for effect in started] == ["started"]
    assert answer(ask(ipc, messages.GetInfo())).controller_state == "S_TRANSITION_ENGINE"
    changed = ipc.receive(ActionsChanged(4, ((2, "done", 7),)), 0, 1.0)
    assert [(e.body.action, e.body.state, e.body.rc) for e in changed] == [(2, "done", 7)]
    ended = ipc.receive(TransitionEnded(4, "complete", idle=True, duration_ms=9), 0, 1.0)
    assert [(e.body.result, e.body.idle, e.body.duration_ms) for e in ended] == [("complete", True, 9)]
    info = answer(ask(ipc, messages.GetInfo()))
    assert (info.controller_state, info.transition) == ("S_IDLE", 4)


def test_a_change_becomes_a_wish_of_the_caller_and_its_answer_a_reply(ipc):
    change = messages.Change("modify", b"<a/>", "nodes", 0, 3)
    (tell,) = ask(ipc, messages.ApplyChanges((change,), "the command", "why"))
    assert isinstance(tell, Tell) and isinstance(tell.event, ChangeWanted)
    assert tell.event.author == Author("anna", "node1", "the command", "why")
    (operation,) = tell.event.operations
    assert (operation.kind, operation.path, operation.epoch) == ("modify", "nodes", 3)
    done = list(ipc.receive(ChangeAnswered(tell.event.request, "0.1.0"), 0, 1.0))
    assert done == [Reply(7, messages.Applied("0.1.0"))]
    (failed,) = ipc.receive(ChangeAnswered(tell.event.request, "", "conflict", "late", "x"), 0, 1.0)
    assert (failed.body.id, failed.body.exit_code) == ("conflict", 7)


def test_answers_to_other_components_are_not_ours(ipc):
    assert list(ipc.receive(ChangeAnswered("controller:1", "0.1.0"), 0, 1.0)) == []
    assert list(ipc.receive(ChangeAnswered("ipc:rubbish", "0.1.0"), 0, 1.0)) == []


@pytest.mark.parametrize(
    "body",
    [
        messages.ApplyChanges((messages.Change("modify", b"<a/>", "nodes"),)),
        messages.SetAttribute("node1", "a", "b"), messages.CleanUp(), messages.Fence("node2"),
        messages.FailResource("web", "node1"), messages.StopNode(), messages.ForgetNode("node2"),
    ],
)
def test_who_may_not_write_is_refused_every_change(ipc, body):
    effects = ask(ipc, body, may_write=False)
    assert len(effects) == 1
    assert answer(effects).id == "refused"


@pytest.mark.parametrize("body", [messages.GetCib(), messages.GetInfo(), messages.GetEvents()])
def test_who_may_not_write_may_look(ipc, body):
    assert not isinstance(answer(ask(ipc, body, may_write=False)), messages.Failure)


def test_no_changes_are_the_current_version(ipc):
    assert answer(ask(ipc, messages.ApplyChanges(()))) == messages.Applied("0.0.0")


def test_unknown_kinds_and_too_many_changes_are_refused(ipc):
    bad = messages.Change("burn", b"<a/>")
    assert "burn" in answer(ask(ipc, messages.ApplyChanges((bad,)))).message
    many = (messages.Change("delete", path="//a"),) * (CHANGES_MAX + 1)
    assert answer(ask(ipc, messages.ApplyChanges(many))).id == "bad-input"


def test_requests_for_others_are_handed_on_under_their_ticket(ipc):
    for body in (messages.CleanUp("web"), messages.Fence("node2"), messages.StopNode("node2")):
        assert ask(ipc, body) == [Tell(ClientAsked(7, "anna", body))]


def test_stopping_this_node_begins_at_once(ipc):
    tell, reply = ask(ipc, messages.StopNode())
    assert isinstance(tell.event, ShutdownWanted) and "anna" in tell.event.reason
    assert isinstance(reply.body, messages.Done)


def test_an_attribute_is_handed_on(ipc):
    tell, reply = ask(ipc, messages.SetAttribute("", "pingd", "5", 1000))
    assert isinstance(tell.event, AttributeWanted)
    assert (tell.event.node, tell.event.value, tell.event.dampening_ms) == ("node1", "5", 1000)
    assert isinstance(reply.body, messages.Done)
    assert answer(ask(ipc, messages.SetAttribute("node1", "", "5"))).id == "bad-input"


def test_events_are_kept_in_bounds_and_numbered(ipc):
    for number in range(EVENTS_KEPT + 5):
        (notify,) = ipc.receive(Happened("config", "info", f"event {number}"), 0, 5.0)
        assert isinstance(notify, Notify)
    events = answer(ask(ipc, messages.GetEvents(10_000))).events
    assert len(events) == EVENTS_KEPT
    assert [event.number for event in events] == list(range(6, EVENTS_KEPT + 6))
    assert [event.number for event in answer(ask(ipc, messages.GetEvents(2))).events] == [1004, 1005]
    assert answer(ask(ipc, messages.GetEvents(0))).events == ()


def test_a_changed_cib_is_told_with_its_patch_and_author(ipc):
    after = Cib.parse(Cib.empty().to_bytes().replace(b'epoch="0"', b'epoch="1"', 1))
    event = CibChanged(Cib.empty(), after, b"<diff/>", Author("anna", "node2", "x"), True)
    (notify,) = ipc.receive(event, 0, 8.0)
    assert notify.body == messages.CibNotice("0.1.0", b"<diff/>", "anna", "node2", "x", 8.0)
    assert answer(ask(ipc, messages.GetCib())).version == "0.1.0"


def test_nodes_tell_one_another_where_their_clients_knock(ipc):
    other = Ipc(
        Settings(cluster="c", node="node2", state_dir=Path("s"), run_dir=Path("r2"), key=Path("k")),
        machine="m1",
    )
    effects = list(other.receive(MembersChanged(a_view("node1", "node2")), 0, 1.0))
    ipc.receive(MembersChanged(a_view("node1", "node2")), 0, 1.0)
    (cast,) = [effect for effect in effects if isinstance(effect, Multicast)]
    (notify,) = ipc.receive(MessageOrdered(1, 1, "node2", cast.topic, cast.payload), 0, 1.0)
    assert notify.body.info.socket_paths == ("r/hashelld.sock", "r2/hashelld.sock")
    assert list(ipc.receive(MessageOrdered(1, 2, "node2", cast.topic, cast.payload), 0, 1.0)) == []
    ipc.receive(MembersChanged(a_view("node1", number=2, lost=("node2",))), 0, 2.0)
    assert answer(ask(ipc, messages.GetInfo())).socket_paths == ("r/hashelld.sock",)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", msgspec.msgpack.encode({"path": 5}), msgspec.msgpack.encode(
        {"path": "x", "machine": "m2"})],
)
def test_sockets_of_other_machines_and_rubbish_are_passed_over(ipc, payload):
    ipc.receive(MembersChanged(a_view("node1", "node2")), 0, 1.0)
    assert list(ipc.receive(MessageOrdered(1, 1, "node2", SOCKET_TOPIC, payload), 0, 1.0)) == []


def test_the_history_is_read_by_whoever_keeps_it(ipc):
    assert ask(ipc, messages.GetHistory(5)) == [ReadHistory(7, 5)]
    assert ask(ipc, messages.GetVersion("0.1.0")) == [ReadHistory(7, version="0.1.0")]
    assert answer(ask(ipc, messages.GetVersion(""))).id == "bad-input"


def test_who_comes_late_is_told_of_the_last_transition(ipc):
    ask_it = messages.GetTransition()
    assert answer(ask(ipc, ask_it)).notices == ()
    ipc.receive(TransitionStarted(4, "node1", b"<g/>", "s"), 0, 1.0)
    ipc.receive(ActionsChanged(4, ((2, "running", 0),)), 0, 1.0)
    ipc.receive(ActionsChanged(4, ((2, "done", 0),)), 0, 1.0)
    ipc.receive(ActionsChanged(3, ((9, "done", 0),)), 0, 1.0)
    notices = answer(ask(ipc, ask_it)).notices
    assert [(n.phase, n.number, n.action, n.state) for n in notices] == [
        ("started", 4, 0, ""), ("action", 4, 2, "done"),
    ]
    ipc.receive(TransitionEnded(4, "complete"), 0, 1.0)
    assert answer(ask(ipc, ask_it)).notices[-1].phase == "ended"
    ipc.receive(TransitionStarted(5, "node1", b"<g/>", "s"), 0, 1.0)
    assert [n.number for n in answer(ask(ipc, ask_it)).notices] == [5]


def two_nodes(ipc) -> Ipc:
    """`ipc` and a second node that share a view; the second is given back."""
    other = Ipc(dataclasses.replace(SETTINGS, node="node2"), machine="m2")
    for one in (ipc, other):
        one.receive(MembersChanged(a_view("node1", "node2")), 0, 100.0)
    return other


def deliver(effects: list, origin: str, to: Ipc, wall_s: float) -> list:
    (message,) = [effect for effect in effects if isinstance(effect, Send)]
    return list(to.receive(MessageDirect(1, origin, message.topic, message.payload), 0, wall_s))


def test_events_of_another_node_are_asked_of_it_and_told_with_its_clock(ipc):
    other = two_nodes(ipc)
    for number in range(EVENTS_TOLD + 5):
        other.receive(Happened("fault", "error", f"it broke {number}"), 0, 200.0)
    asked = deliver(ask(ipc, messages.GetEvents(10_000, "node2", 2)), "node1", other, 205.5)
    told = answer(deliver(asked, "node2", ipc, 100.0))
    assert (told.node, told.when_s, len(told.events)) == ("node2", 205.5, EVENTS_TOLD)
    assert told.events[-1].text == f"it broke {EVENTS_TOLD + 4}"
    assert deliver(asked, "node2", ipc, 100.0) == []  # a second answer finds nobody who waits
    few = answer(deliver(deliver(ask(ipc, messages.GetEvents(50, "node2", EVENTS_TOLD + 3)), "node1", other, 206.0),
                         "node2", ipc, 100.0))
    assert [event.number for event in few.events] == [EVENTS_TOLD + 4, EVENTS_TOLD + 5]


def test_a_node_that_goes_before_it_told_its_events_is_an_answer(ipc):
    two_nodes(ipc)
    assert [type(effect) for effect in ask(ipc, messages.GetEvents(5, "node2"))] == [Send]
    gone = list(ipc.receive(MembersChanged(a_view("node1", number=2, lost=("node2",))), 0, 150.0))
    assert answer(gone).id == "not-reachable"
    assert answer(ask(ipc, messages.GetEvents(5, "node2"))).id == "not-found"


def test_spoiled_words_about_events_are_passed_over(ipc):
    two_nodes(ipc)
    assert list(ipc.receive(MessageDirect(1, "node2", EVENTS_TOPIC, b"\xc1"), 0, 1.0)) == []
