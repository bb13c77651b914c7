"""The driver: timers, effects in order, edges started and ended, errors that stay where they are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from hashell.errors import HashellError
from hashelld.core.dispatch import Dispatcher
from hashelld.core.driver import Driver
from hashelld.core.effects import CancelTimer, Effect, Exit, StartTimer
from hashelld.core.events import Event


@dataclass(frozen=True, slots=True)
class Go(Event):
    what: str = ""


@dataclass(frozen=True, slots=True)
class Note(Effect):
    text: str


class Room:
    name = "room"

    def __init__(self, answers):
        self.answers = answers
        self.heard = []

    def receive(self, event, now_ms, wall_s):
        self.heard.append(event)
        return self.answers.get(event.what, [])


class Edge:
    def __init__(self, fail=False, fail_at_end=False):
        self.fail_at_end = fail_at_end
        self.performs = {Note: self.note}
        self.noted = []
        self.fail = fail
        self.ended = False

    def note(self, component, effect):
        if effect.text == "bad":
            raise ValueError("bad")
        self.noted.append((component, effect.text))

    async def start(self, feed):
        if self.fail:
            raise HashellError("the port is taken")

    async def stop(self):
        self.ended = True
        if self.fail_at_end:
            raise ValueError("cannot end")


async def run(answers, edges):
    room = Room(answers)
    driver = Driver(Dispatcher([room], {Go: ("room",)}), edges)
    code = await asyncio.wait_for(driver.run([Go("first")]), 60)
    return code, room


async def test_effects_are_performed_in_order_and_a_timer_comes_back_to_who_asked():
    edge = Edge()
    code, room = await run({
        "first": [Note("a"), StartTimer("t", 5, Go("later")), Note("b")], "later": [Note("c"), Exit(7, "done")],
    }, [edge])

    assert code == 7
    assert edge.noted == [("room", "a"), ("room", "b"), ("room", "c")]
    assert room.heard == [Go("first"), Go("later")]
    assert edge.ended


async def test_a_timer_of_the_same_name_takes_the_place_of_the_first_and_a_cancelled_one_is_silent():
    _, room = await run({
        "first": [
            StartTimer("t", 1, Go("old")), StartTimer("t", 5, Go("new")),
            StartTimer("x", 1, Go("cancelled")), CancelTimer("x"), StartTimer("end", 60, Go("end")),
        ],
        "end": [Exit(0, "")],
    }, [])

    assert room.heard == [Go("first"), Go("new"), Go("end")]


async def test_an_effect_that_fails_or_that_nobody_performs_keeps_no_other_from_being_done():
    edge = Edge()
    await run({"first": [Note("bad"), Effect(), Note("good"), Exit(0, "")]}, [edge])

    assert edge.noted == [("room", "good")]


async def test_an_edge_that_cannot_end_keeps_no_other_from_ending_and_does_not_change_the_exit_code():
    edges = [Edge(), Edge(fail_at_end=True), Edge()]
    code, _ = await run({"first": [Exit(0, "")]}, edges)

    assert code == 0
    assert all(edge.ended for edge in edges)


async def test_an_edge_that_cannot_start_ends_those_that_have():
    good, bad = Edge(), Edge(fail=True)

    with pytest.raises(HashellError, match="port is taken"):
        await run({}, [good, bad])
    assert good.ended and not bad.ended
