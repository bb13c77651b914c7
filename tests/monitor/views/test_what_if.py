"""What if, on the live tree."""

from __future__ import annotations

from pathlib import Path

from hashell.cib.document import Cib
from hashell.monitor.scene import Scene
from hashell.monitor.supposed import NODE_FATES, NOTHING, RESOURCE_FATES, Supposed
from hashell.monitor.views import Wishes
from hashell.monitor.views.what_if import build
from hashell.simulate.suppose import Fate, Question, Supposition, answers, suppose

CIB = Path(__file__).resolve().parents[2] / "benchmarks" / "three_nodes.xml"
NOW_S = 1_800_000_000.0


def shown(supposed):
    cib = Cib.parse(CIB.read_bytes())
    return [line.text.rstrip() for line in build(Scene(cib=cib), Wishes(now_s=NOW_S, supposed=supposed))]


def answered(*marks):
    cib = Cib.parse(CIB.read_bytes())
    return Supposed(marks, suppose(cib, marks, NOW_S), version=str(cib.version))


def test_without_marks_it_says_how_to_make_them():
    lines = shown(NOTHING)

    assert "space marks a node" in lines[0]
    assert any("N reckons it" in line for line in lines)
    assert not any("→" in line for line in lines)


def test_ghosts_stand_beside_what_moves_and_the_mark_beside_the_node():
    lines = shown(answered(Supposition(Fate.STANDBY, "node1")))

    assert lines[0] == " What if node1 standby"
    assert "all that runs would run on" in lines[1]
    assert any(line.startswith(" ● node1 [standby]") for line in lines)
    assert any("http" in line and "node1" in line and line.endswith("→ node2") for line in lines)
    assert any("ping" in line and "node1" in line and line.endswith("→ stopped") for line in lines)
    assert not any("ping" in line and "node2" in line and "→" in line for line in lines)


def test_what_stays_down_is_counted_and_has_its_reason():
    lines = shown(answered(Supposition(Fate.LOST, "node1")))

    assert "would stay down" in lines[1] and "no quorum" in lines[1]
    assert any(line.startswith("   ip: ") for line in lines)


def test_an_answer_about_an_older_cib_says_so():
    old = answered(Supposition(Fate.STANDBY, "node1"))
    lines = shown(Supposed(old.marks, old.answer, version="0.1.1"))

    assert "as of 0.1.1; w asks again" in lines[1]


def test_the_loss_of_every_node_is_a_row_each_with_what_stays_down_below():
    cib = Cib.parse(CIB.read_bytes())
    losses = tuple(word.loss for word in answers(Question(every_node=True), cib, NOW_S))
    lines = shown(Supposed(losses=losses, of=2, reckoned=str(cib.version)))

    at = lines.index("If one node is lost")
    assert lines[at + 1].split()[1] == "node1" and "stay down" in lines[at + 1]
    assert any("ip stays down: " in line for line in lines[at:])


def test_space_goes_through_the_fates_and_ends_without_a_mark():
    supposed = NOTHING
    seen = []
    for _ in range(4):
        supposed = supposed.next_mark("node1", NODE_FATES)
        seen.append(supposed.fate("node1"))
    assert seen == [Fate.LOST, Fate.STANDBY, None, Fate.LOST]
    both = supposed.next_mark("ip", RESOURCE_FATES)
    assert [one.about for one in both.marks] == ["node1", "ip"]
