"""Damaged and absurd CIBs end in a plan or a report; damage in bulk finds what does not."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.model import bundles
from hashell.simulate import damage
from hashell.simulate.damage import Rounds, damaged, look, main, play, run_command
from hashell.simulate.spoil import WAYS, _Tree
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import Cluster, clone, group, operation, pairs, primitive

BASE = Cluster(
    primitive("a", operation("a", "monitor", "10s")) + group("g", primitive("b")) + clone("k", primitive("c")),
    '<rsc_colocation id="x" rsc="a" with-rsc="g" score="INFINITY"/>'
    '<rsc_location id="y" rsc="a"><rule id="r" score="5"><date_expression id="d" operation="gt" start="2024-01-01"/>'
    "</rule></rsc_location>"
    '<rsc_order id="z"><resource_set id="s"><resource_ref id="a"/><resource_ref id="g"/></resource_set></rsc_order>',
).settled().cib().to_bytes()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_damaged_cibs_end_in_a_plan_or_a_report(tmp_path_factory, number):
    rng = random.Random(number)
    folder = tmp_path_factory.getbasetemp()
    assert all(play(damaged(BASE, rng), rng, number, folder))


@pytest.mark.parametrize("way", sorted(set(WAYS), key=lambda way: way.__name__), ids=lambda way: way.__name__)
def test_each_way_of_spoiling_changes_something_and_ends_well(way, tmp_path):
    changed = 0
    for number in range(10):
        tree = _Tree(etree.fromstring(BASE), random.Random(number))
        before = etree.tostring(tree.root)
        way(tree)
        spoilt = etree.tostring(tree.root)
        changed += spoilt != before
        assert run_command(spoilt, ["-S", "-s"], tmp_path)
        assert look(spoilt)
    assert changed >= 3


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "base.xml").write_bytes(BASE)
    return tmp_path


def test_a_round_is_its_own_chance_and_can_be_repeated_alone(folder):
    rounds, again, other = Rounds([folder], 3, 10**6), Rounds([folder], 3, 10**6), Rounds([folder], 4, 10**6)
    all_of_it = [rounds.make(number)[:2] for number in range(6)]
    assert again.make(5)[:2] == all_of_it[5]
    assert [other.make(number)[1] for number in range(6)] != [data for _name, data in all_of_it]
    assert len({data for _name, data in all_of_it}) == 6


def test_rounds_are_counted(folder, capsys):
    assert main([str(folder), "--count", "20"]) == 0
    assert "20 rounds ended well, 0 did not" in capsys.readouterr().out


def test_what_ends_badly_is_counted_and_kept(folder, capsys, monkeypatch):
    def broken(argv):
        raise ValueError("a defect")

    monkeypatch.setattr(damage, "simulate", broken)
    assert main([str(folder), "--count", "3", "--keep", str(folder / "kept")]) == 1
    assert "3 DEFECT ValueError: a defect" in " ".join(capsys.readouterr().out.split())
    assert len(list((folder / "kept").iterdir())) == 3
    assert main([str(folder), "--only", "2"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_failure_without_a_word_is_a_defect(folder, capsys, monkeypatch):
    monkeypatch.setattr(damage, "simulate", lambda argv: 1)
    assert main([str(folder), "--count", "1"]) == 1
    assert "exit code 1 without a word" in capsys.readouterr().out


def test_a_round_that_takes_too_long_is_a_defect(folder, capsys, monkeypatch):
    def slow(argv):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                sum(range(1000))
            except Exception:  # the alarm must get through all the same
                continue

    monkeypatch.setattr(damage, "simulate", slow)
    assert main([str(folder), "--count", "1", "--timeout", "1"]) == 1
    assert "DEFECT TooLong" in capsys.readouterr().out


def test_a_folder_without_cibs_is_refused(tmp_path, capsys):
    assert main([str(tmp_path)]) == 66
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.skipif(not (SHARED / "scheduler-corpus" / "xml").is_dir(), reason="no recorded cases beside the checkout")
def test_recorded_cases_in_damaged_form_end_well(capsys):
    assert main([str(SHARED / "scheduler-corpus" / "xml"), "--count", "60", "--seed", "77"]) == 0
    assert "60 rounds ended well" in capsys.readouterr().out


ABSURD = {
    "a capacity that is no number": Cluster(
        primitive("a", pairs("utilization", "u", {"cpu": "²", "ram": "9" * 5000, "disk": "--5"})),
        options={"placement_strategy": "balanced"}, capacity={"node1": {"cpu": "²", "ram": "-" + "9" * 5000}},
    ),
    "more instances than anybody has, of which none can start": Cluster(
        primitive("z", target_role="Stopped")
        + clone("k", primitive("a"), clone_max="1000000", clone_node_max="9" * 30),
        '<rsc_order id="o" first="z" then="k"/>', nodes=("node1",),
    ),
    "calls that are numbered oddly": Cluster(primitive("a")).settled().with_status('call-id="1"', 'call-id="--5"'),
    "calls with digits that are none": Cluster(primitive("a")).settled().with_status('call-id="1"', 'call-id="²"'),
    "shut down at no time": Cluster(
        primitive("a"), options={"shutdown_lock": "true"},
        status='<node_state id="1" uname="node1" in_ccm="²" crmd="³"/>',
    ).with_attribute("node1", "shutdown", "²"),
}


@pytest.mark.parametrize("cluster", ABSURD.values(), ids=ABSURD)
def test_what_is_absurd_ends_well_all_the_same(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "INSTANCES_MAX", 50)
    words = ["-S", "-s", "-F", "a_stop_0@node1=1", "-d", "node1"]
    assert run_command(cluster.cib().to_bytes(), words, tmp_path)
    assert look(cluster.cib().to_bytes())
