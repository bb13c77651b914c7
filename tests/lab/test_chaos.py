"""A seed makes a story, always the same, in which no more than one node is away at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.lab import chaos
from hashell.lab.scenario import CLAIMS, VERBS

NODES = ("node1", "node2", "node3")


@given(st.integers(), st.integers(1, 40))
def test_a_seed_makes_the_same_story_again(seed, faults):
    story = chaos.make_up(seed, faults, NODES)
    assert story == chaos.make_up(seed, faults, NODES)
    assert all((not step.do or step.do in VERBS) and (not step.must or step.must in CLAIMS) for step in story.steps)


@given(st.integers(), st.integers(1, 40))
def test_who_is_sent_away_is_brought_back_before_the_next_fault(seed, faults):
    away = ""
    for step in chaos.make_up(seed, faults, NODES).steps:
        if step.do in ("kill-node", "freeze-node", "kill-daemon", "stop-node", "standby"):
            assert not away
            away = step.node
        elif step.do in ("start-node", "online"):
            assert step.node == away
            away = ""
    assert not away


@given(st.integers())
def test_every_fault_is_followed_by_an_audit_of_service_and_agreement(seed):
    musts = [step.must for step in chaos.make_up(seed, 1, NODES).steps]
    assert musts[-3:] == ["idle", "answers", "agree"]


@pytest.mark.parametrize("words", [["--nodes", "2"], ["--faults", "0"], ["--what"], ["--seed", "x"]])
def test_bad_words_are_bad_usage(words, capsys):
    assert chaos.main(words) == 2
    assert "hashell chaos" in capsys.readouterr().err
