"""The clock: it never goes back by itself, and tells when somebody set the machine's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.monitor.clock import SteadyClock


class Machine:
    def __init__(self):
        self.wall_s, self.running_s = 1000.0, 5.0

    def clock(self):
        return SteadyClock(lambda: self.wall_s, lambda: self.running_s)

    def pass_(self, seconds):
        self.wall_s += seconds
        self.running_s += seconds


def test_time_passes_as_it_does():
    machine = Machine()
    clock = machine.clock()
    machine.pass_(3.0)

    assert clock.now_s() == 1003.0
    assert clock.jumped() == 0.0


def test_a_clock_that_is_set_is_told_once_and_followed_from_then_on():
    machine = Machine()
    clock = machine.clock()
    machine.wall_s -= 3600.0
    machine.pass_(1.0)

    assert clock.now_s() == 1001.0
    assert clock.jumped() == -3600.0
    assert clock.now_s() == -2599.0
    assert clock.jumped() == 0.0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1.9, 1.9)), max_size=20))
def test_small_corrections_never_make_it_go_back(steps):
    machine = Machine()
    clock = machine.clock()
    last_s = clock.now_s()
    for passed_s, corrected_s in steps:
        machine.pass_(passed_s)
        machine.wall_s = 1000.0 + machine.running_s - 5.0 + corrected_s
        assert clock.jumped() == 0.0
        assert clock.now_s() >= last_s
        last_s = clock.now_s()
