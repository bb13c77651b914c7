"""`hashell rehearse`: nodes lost on paper, one by one and in pairs."""

from __future__ import annotations

import json

import pytest

from hashell.simulate.losses import TooManyLosses, rehearse
from hashell.simulate.rehearse import main
from hashell.testing.clusters import NOW_S, Cluster, clone, device, pairs, primitive

THREE = Cluster("".join(primitive(name, resource_stickiness="1") for name in "abc")).settled()
FENCED = {"fencing_enabled": "true"}


def loss(cluster, *lost, **more):
    told = rehearse(cluster.cib(), NOW_S, together=len(lost), **more)
    (found,) = (one for one in told.losses if set(one.lost) == set(lost))
    return found


@pytest.fixture
def command(tmp_path, capsys):
    def run(cluster, *argv):
        path = tmp_path / "cib.xml"
        path.write_bytes(cluster.cib().to_bytes())
        code = main([*argv, "--cib", str(path)])
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def test_each_node_is_lost_once_and_each_pair_when_asked():
    assert [one.lost for one in rehearse(THREE.cib(), NOW_S).losses] == [("node1",), ("node2",), ("node3",)]
    assert len(rehearse(THREE.cib(), NOW_S, together=2).losses) == 6


def test_what_ran_on_a_lost_node_moves():
    found = loss(THREE, "node1")
    assert [(one.resource, one.source) for one in found.moved] == [("a", ("node1",))]
    assert found.survived


def test_what_may_run_nowhere_else_stays_down():
    only = '<rsc_location id="l" rsc="a" node="node1" score="0"/><rsc_location id="m" rsc="b" node="node2" score="0"/>'
    cluster = Cluster(primitive("a") + primitive("b"), only, {"symmetric_cluster": "false"}).settled()
    assert loss(cluster, "node1").down == ("a",)
    assert not loss(cluster, "node1").survived
    assert loss(cluster, "node3").survived


def test_lost_nodes_are_fenced_where_they_can_be():
    found = loss(Cluster(device() + primitive("a") + primitive("b"), options=FENCED).settled(), "node2")
    assert found.fenced == ("node2",)
    assert found.survived


def test_without_quorum_everything_stops_unless_it_is_kept():
    found = loss(THREE, "node1", "node2")
    assert (found.quorum, set(found.down)) == (False, {"a", "b", "c"})
    assert loss(THREE, "node1", "node2", keep_quorum=True).survived


def test_two_nodes_keep_quorum():
    cluster = Cluster(primitive("a"), nodes=("node1", "node2")).settled()
    assert loss(cluster, "node1").survived


def test_a_clone_only_gets_fewer_instances():
    found = loss(Cluster(clone("k", primitive("a"))).settled(), "node2")
    assert (found.fewer, found.down) == ((("a", 3, 2),), ())


def test_what_was_down_before_is_told_apart():
    cluster = Cluster(primitive("a") + primitive("b"), "".join(
        f'<rsc_location id="l{n}" rsc="b" node="node{n}" score="-INFINITY"/>' for n in (1, 2, 3)
    )).settled()
    told = rehearse(cluster.cib(), NOW_S)
    assert told.down_before == ("b",)
    assert all(one.survived for one in told.losses)


def test_what_is_disabled_is_not_missed():
    cluster = Cluster(primitive("a") + primitive("b", target_role="Stopped")).settled()
    assert rehearse(cluster.cib(), NOW_S).down_before == ()


def test_the_table_names_moves_and_the_verdict(command):
    code, out, _err = command(THREE)
    assert code == 0
    assert any(line.split()[:4] == ["node1", "a", "->", "node2"] for line in out.splitlines()), out
    assert "3 of 3 losses are survived" in out


@pytest.mark.parametrize(("number", "code"), [("1", 0), ("2", 1)])
def test_the_exit_code_tells_a_pipeline_what_is_survived(command, number, code):
    assert command(THREE, "--survive", number)[0] == code


def test_more_than_can_be_rehearsed_is_refused(command):
    code, _out, err = command(THREE, "--survive", "9")
    assert (code, "--survive 9" in err) == (2, True)


def test_one_node_can_be_asked_about(command):
    _code, out, _err = command(THREE, "node2", "--json")
    assert [one["lost"] for one in json.loads(out)["losses"]] == [["node2"]]
    code, _out, err = command(THREE, "ghost")
    assert (code, "ghost" in err) == (105, True)


def test_the_last_node_is_not_lost(command):
    code, out, _err = command(Cluster(primitive("a"), nodes=("node1",)), "--survive", "1")
    assert (code, "only node1 is online" in out) == (1, True)


def test_more_losses_than_can_be_looked_through_are_refused():
    many = Cluster(primitive("a"), nodes=tuple(f"node{n}" for n in range(1, 71)))
    with pytest.raises(TooManyLosses):
        rehearse(many.cib(), NOW_S, together=2)


def test_events_that_come_again_and_again_are_no_unrest():
    """Where capacity counts, an event "load stopped" is in every plan, though nothing is to be done."""
    cluster = Cluster(
        primitive("a", pairs("utilization", "u", {"cpu": "1"})), options={"placement_strategy": "utilization"},
        capacity={name: {"cpu": "2"} for name in ("node1", "node2", "node3")},
    )
    assert loss(cluster, "node1").at_rest
    assert loss(cluster, "node1").survived
