"""`hashell explain` and its search for contradictions, as commands."""

from __future__ import annotations

import json

import pytest

from hashell.simulate.explain import explain, main
from hashell.simulate.remedy import remedy
from hashell.testing.clusters import NOW_S, Cluster, clone, primitive

ONE = Cluster(primitive("web", resource_stickiness="7")).settled().but(
    constraints='<rsc_location id="l" rsc="web" node="node2" score="5"/>',
)

@pytest.fixture
def command(tmp_path, capsys):
    def run(cluster, *argv):
        path = tmp_path / "cib.xml"
        path.write_bytes(cluster.cib().to_bytes())
        code = main([*argv, "--cib", str(path)])
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def test_the_terms_are_printed_under_each_node(command):
    code, out, err = command(ONE, "web")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "web runs on node1 and stays there"
    assert any(line.split()[:1] == ["+7"] for line in out.splitlines())


def test_a_node_can_be_asked_about(command):
    _code, out, _err = command(ONE, "web", "node2")
    assert "at least 3 more points" in out
    assert "this would do (tried on paper)" in out
    assert "node1:" not in out


def test_the_points_that_are_asked_for_are_just_enough():
    (why,) = explain(ONE.cib(), "web", "node2", NOW_S)
    assert why.nodes[0].ways[0].points == 3
    found = remedy(ONE.cib(), "web", "node2", NOW_S)
    assert (found.single, found.changes[0].points) == (True, 3)


def test_it_is_data_too(command):
    _code, out, _err = command(ONE, "web", "--json")
    (told,) = json.loads(out)
    assert told["node"] == "node1"
    assert {node["node"]: node["points"] for node in told["nodes"]} == {"node1": "7", "node2": "5", "node3": "0"}
    assert told["nodes"][0]["terms"][0]["kind"] == "stickiness"


def test_many_instances_are_cut_short_unless_asked_for(command):
    many = Cluster(clone("k", primitive("a")), nodes=tuple(f"node{n}" for n in range(1, 11)))
    _code, out, _err = command(many, "k")
    assert "2 more instances; --all shows them" in out
    _code, out, _err = command(many, "k", "--all")
    assert "more instances" not in out


@pytest.mark.parametrize("argv", [("ghost",), ("web", "ghost")])
def test_names_that_are_not_there_are_refused(command, argv):
    code, out, err = command(ONE, *argv)
    assert (code, out) == (105, "")
    assert "ghost" in err


def test_a_near_name_is_offered(command):
    assert "did you mean web?" in command(ONE, "wbe")[2]


def test_without_a_resource_it_says_what_is_missing(command):
    assert command(ONE)[0] == 2


def test_a_running_cluster_is_asked_where_no_file_is_named(capsys, monkeypatch):
    monkeypatch.delenv("CIB_file", raising=False)
    asked = []

    def live(attach):
        asked.append(attach)
        return ONE.cib()

    assert main(["web", "--attach", "hashelld"], live) == 0
    assert asked == ["hashelld"]
    assert main(["web"]) == 102
    assert "no running cluster" in capsys.readouterr().err
