"""How long others are waited for: never less than the settings say, longer where that was too short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashelld.engine.mesh.patience import WAIT_MAX_MS, Patience, stretched


def test_few_nodes_on_a_quiet_machine_wait_as_the_settings_say():
    patience = Patience(400)
    patience.late(3, 100)
    patience.took(40)
    assert [patience.wait_ms(nodes) for nodes in (1, 3, 8)] == [400, 400, 400]
    assert stretched(1000, 3) == 1000


def test_the_wait_grows_with_the_nodes_with_lateness_and_with_rounds_that_took_long():
    assert Patience(400).wait_ms(32) == 1600
    late, slow = Patience(400), Patience(400)
    late.late(700, 0)
    slow.took(900)
    assert late.wait_ms(3) == 2100
    assert slow.wait_ms(3) == 2700


def test_each_round_that_failed_doubles_the_wait_and_one_that_succeeds_ends_that():
    patience = Patience(400)
    waits = []
    for _ in range(8):
        waits.append(patience.wait_ms(3))
        patience.failed()
    assert waits[:5] == [400, 800, 1600, 3200, 6400]
    assert waits[-1] == 12_800
    patience.took(10)
    assert patience.wait_ms(3) == 400


def test_a_lateness_is_forgotten_after_a_while():
    patience = Patience(400)
    patience.late(5000, 1)
    assert patience.wait_ms(3) == 15_000
    for now in range(0, 25_000, 100):
        patience.late(0, now)
    assert patience.wait_ms(3) == 400


@given(st.lists(st.integers(0, 100_000)), st.integers(0, 20), st.integers(1, 64))
def test_no_wait_is_without_end(lates, failures, nodes):
    patience = Patience(400)
    for now, late in enumerate(lates):
        patience.late(late, now)
    for _ in range(failures):
        patience.failed()
    assert stretched(400, nodes) <= patience.wait_ms(nodes) <= WAIT_MAX_MS
