"""Dispatch: who hears what, in which order, and what an error in one room does to the others."""

from __future__ import annotations

from dataclasses import dataclass

from hashelld.core.dispatch import Dispatcher, MulticastWanted
from hashelld.core.effects import Exit, Log, Multicast, Tell
from hashelld.core.events import Event, Happened, MessageOrdered


@dataclass(frozen=True, slots=True)
class Ping(Event):
    number: int


class Room:
    def __init__(self, name, answer=lambda event: []):
        self.name = name
        self.heard = []
        self._answer = answer

    def receive(self, event, now_ms, wall_s):
        self.heard.append(event)
        return self._answer(event)


def test_what_is_told_is_heard_in_table_order_after_the_event_that_told_it():
    order = []
    first = Room("a", lambda e: order.append(("a", e)) or ([Tell(Ping(2))] if e == Ping(1) else []))
    second = Room("b", lambda e: order.append(("b", e)) or [])
    Dispatcher([first, second], {Ping: ("b", "a")}).deliver("", Ping(1), 0, 0.0)

    assert order == [("b", Ping(1)), ("a", Ping(1)), ("b", Ping(2)), ("a", Ping(2))]


def test_a_topic_names_the_one_room_that_hears_a_message():
    rooms = [Room("controller"), Room("fencer")]
    message = MessageOrdered(1, 1, "node1", "fencer.query", b"")
    Dispatcher(rooms, {}).deliver("", message, 0, 0.0)

    assert rooms[0].heard == []
    assert rooms[1].heard == [message]


def test_a_multicast_goes_to_the_engine():
    engine = Room("engine")
    asker = Room("a", lambda e: [Multicast("a.x", b"1")])
    Dispatcher([engine, asker], {Ping: ("a",)}).deliver("", Ping(1), 0, 0.0)

    assert engine.heard == [MulticastWanted("a.x", b"1")]


def test_an_error_in_one_room_is_logged_and_told_and_its_neighbours_still_hear():
    def fail(event):
        raise ValueError("oops")

    rooms = [Room("controller", fail), Room("b"), Room("ipc")]
    out = Dispatcher(rooms, {Ping: ("controller", "b"), Happened: ("ipc",)}).deliver("", Ping(1), 0, 0.0)

    assert rooms[1].heard == [Ping(1)]
    assert [type(effect) for _, effect in out] == [Log]
    assert "oops" in out[0][1].fields["traceback"]
    assert "controller failed on Ping" in rooms[2].heard[0].text


def test_an_error_in_a_vital_room_ends_the_node():
    def fail(event):
        raise ValueError("oops")

    out = Dispatcher([Room("cib_manager", fail)], {Ping: ("cib_manager",)}).deliver("", Ping(1), 0, 0.0)

    assert [effect.code for _, effect in out if isinstance(effect, Exit)] == [70]
