"""What if: where everything would be, and what would stay down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from hashell.cib.document import Cib
from hashell.errors import NotFound
from hashell.simulate.suppose import Fate, Question, Supposition, Word, answers, suppose

TOP = Path(__file__).resolve().parents[2]
NOW_S = 1_800_000_000.0


@pytest.fixture
def cib() -> Cib:
    """node3 is down; the group web (ip, http) on node1, the clone of ping on node1 and node2."""
    return Cib.parse((TOP / "tests" / "benchmarks" / "three_nodes.xml").read_bytes())


def ghosts(answer):
    return {one.resource: ([node for node, _ in one.now], [node for node, _ in one.then]) for one in answer.ghosts}


def test_what_runs_on_a_node_in_standby_is_shown_where_it_would_go(cib):
    answer = suppose(cib, [Supposition(Fate.STANDBY, "node1")], NOW_S)

    found = ghosts(answer)
    assert found["ip"] == (["node1"], ["node2"])
    assert found["http"] == (["node1"], ["node2"])
    assert found["ping"] == (["node1", "node2"], ["node2"])
    assert answer.loss.survived


def test_a_lost_node_takes_quorum_along_when_another_one_is_down_already(cib):
    answer = suppose(cib, [Supposition(Fate.LOST, "node1")], NOW_S)

    assert not answer.loss.quorum
    assert "ip" in answer.loss.down


def test_a_resource_that_fails_moves_on_and_takes_its_group_along(cib):
    found = ghosts(suppose(cib, [Supposition(Fate.FAILED, "http")], NOW_S))

    assert found["http"] == (["node1"], ["node2"])
    assert found["ip"] == (["node1"], ["node2"])


def test_what_is_stopped_on_purpose_is_no_loss(cib):
    answer = suppose(cib, [Supposition(Fate.STOPPED, "web")], NOW_S)

    assert ghosts(answer)["ip"] == (["node1"], [])
    assert answer.loss.down == () and answer.loss.survived


def test_nothing_supposed_moves_nothing_and_the_cib_stays_as_it_is(cib):
    before = cib.to_bytes()

    assert suppose(cib, [], NOW_S).ghosts == ()
    suppose(cib, [Supposition(Fate.STANDBY, "node1"), Supposition(Fate.FAILED, "ip")], NOW_S)
    assert cib.to_bytes() == before


def test_a_mark_on_what_is_gone_is_told_by_name(cib):
    with pytest.raises(NotFound, match="no-such is not there"):
        suppose(cib, [Supposition(Fate.STOPPED, "no-such")], NOW_S)
    with pytest.raises(NotFound):
        suppose(cib, [Supposition(Fate.LOST, "web")], NOW_S)
    (word,) = answers(Question((Supposition(Fate.LOST, "nobody"),)), cib, NOW_S)
    assert "nobody is not there" in word.error


def test_every_node_is_lost_in_turn(cib):
    words = list(answers(Question(every_node=True), cib, NOW_S))

    assert [word.loss.lost for word in words] == [("node1",), ("node2",)]
    assert {word.of for word in words} == {2}


def test_as_a_program_it_answers_in_lines(cib):
    asked = msgspec.json.encode(Question((Supposition(Fate.STANDBY, "node1"),))) + b"\n" + cib.to_bytes()

    done = subprocess.run(
        [sys.executable, "-m", "hashell.simulate.suppose"], input=asked, capture_output=True, check=True, cwd=TOP,
    )

    word = msgspec.json.decode(done.stdout, type=Word)
    assert word.answer is not None and ghosts(word.answer)["ip"] == (["node1"], ["node2"])
    spoilt = subprocess.run(
        [sys.executable, "-m", "hashell.simulate.suppose"], input=b"{}\n<cib", capture_output=True, check=True, cwd=TOP,
    )
    assert msgspec.json.decode(spoilt.stdout, type=Word).error
