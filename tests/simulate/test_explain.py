"""`hashell explain` and its search for contradictions, as commands."""

from __future__ import annotations

import json

import pytest

from hashell.cib.files import load_cib
from hashell.simulate.explain import data_of, explain, main, text_lines
from hashell.simulate.remedy import remedy
from hashell.simulate.run import with_status
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import NOW_S, Cluster, clone, primitive

ONE = Cluster(primitive("web", resource_stickiness="7")).settled().but(
    constraints='<rsc_location id="l" rsc="web" node="node2" score="5"/>',
)

CASES = SHARED / "scheduler-corpus" / "xml"
#: Recorded cases of different kinds, a resource in each, and what has to be said of it, node by node: points, what
#: kinds of terms they are the sum of, the first veto. Each line was checked by hand against Pacemaker Explained:
#:
#:     location-sets-templates        a location constraint for a template ("Resource Templates", "Constraints")
#:     clone-anon-failcount           rules, stickiness, members' wishes, colocations with clones by 1000, whose
#:                                    instances without a place take their points away ("Colocation")
#:     group-colocation-failure       migration-threshold reached; a group goes where the other's members are
#:     coloc-intra-set                members of a set in order, each with the one before ("Resource Sets")
#:     10-a-then-bm-b-move-a-clone    instances stick by 1; standby; clone-node-max ("Clones")
#:     promoted-promotion-constraint  agents' promotion scores; promoted only with a group that runs nowhere
#:     bundle-promoted-location-1     what is in a bundle stays inside ("Bundles")
#:     bug-5028-bottom                a failed stop without fencing: not managed, on a node that shuts down
#:     utilization-check-allowed-nodes  capacity comes after the points ("Utilization")
#:     allow-unhealthy-nodes          migrate-on-red bans a node ("Node Health")
#:     ticket-primitive-6             a ticket that was taken away; loss-policy=demote stops a primitive ("Multi-Site")
#:     date-1                         a rule on a node attribute ("Rules"); probes come first
CHECKED = {
    ("location-sets-templates", "rsc1"): {
        "node1": ("0", [], ""), "node2": ("1000", [("1000", "location")], ""),
    },
    ("clone-anon-failcount", "UmVIPcheck"): {
        "srv04": ("100", [("100", "rule"), *[("1000", "colocation")] * 5, *[("-1000", "colocation")] * 5], ""),
    },
    ("group-colocation-failure", "member2a"): {
        "node1": ("0", [], ""),
        "node2": ("-INFINITY", [("-INFINITY", "failure"), ("-INFINITY", "colocation")], "failure"),
    },
    ("coloc-intra-set", "dummy3"): {
        "hex-13": ("-INFINITY", [("-INFINITY", "colocation")], "colocation"), "hex-14": ("0", [], ""),
    },
    ("10-a-then-bm-b-move-a-clone", "myclone:1"): {
        "f20node1": ("-INFINITY", [("1", "stickiness"), ("-INFINITY", "node")], "node"),
        "f20node2": ("-INFINITY", [("-INFINITY", "limit")], "limit"),
    },
    ("promoted-promotion-constraint", "s0:0"): {
        "promotion": ("-INFINITY", [("10", "agent"), ("-INFINITY", "colocation")], ""),
        "hex-14": ("11", [("1", "stickiness"), ("10", "promotion")], ""),
    },
    ("bundle-promoted-location-1", "base:1"): {
        "node1": (None, [], ""),
        "base-bundle-1": ("INFINITY", [("500", "bundle"), ("1", "stickiness"), ("INFINITY", "bundle")], ""),
    },
    ("bug-5028-bottom", "dummy01"): {
        "bl460g6a": (
            "-INFINITY", [("-INFINITY", "failure"), ("INFINITY", "unmanaged"), ("-INFINITY", "failure")], "failure",
        ),
        "bl460g6b": ("0", [], ""),
    },
    ("utilization-check-allowed-nodes", "rsc2"): {
        "node1": ("-INFINITY", [("-INFINITY", "colocation")], "colocation"), "node2": ("0", [], "utilization"),
    },
    ("allow-unhealthy-nodes", "Fencing"): {
        "rhel8-1": ("0", [], ""), "rhel8-5": ("-INFINITY", [("-INFINITY", "health")], "health"),
    },
    ("ticket-primitive-6", "rsc1"): {"node1": ("-INFINITY", [("-INFINITY", "ticket")], "ticket")},
    ("date-1", "rsc1"): {"node1": ("0", [], ""), "node2": ("100", [("100", "rule")], "")},
}


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


@pytest.mark.skipif(not CASES.is_dir(), reason="recorded cases are not beside the checkout")
@pytest.mark.parametrize(("case", "resource"), CHECKED)
def test_recorded_cases_are_told_as_they_were_checked_by_hand(case, resource):
    cib = with_status(load_cib(CASES / f"{case}.xml"))
    (why,) = explain(cib, resource, "", float(cib.root.get("execution-date") or NOW_S))
    told = {node["node"]: node for node in data_of(why)["nodes"]}
    if why.promotion is not None:
        told["promotion"] = {**data_of(why)["promotion"], "veto": None}
    for node, (points, terms, veto) in CHECKED[case, resource].items():
        one = told[node]
        assert one["points"] == points
        assert [(term["points"], term["kind"]) for term in one["terms"]] == terms
        assert (one["veto"] or {"kind": ""})["kind"] == veto
    lines = list(text_lines(why))
    assert max(map(len, lines)) <= 80
    assert "\n".join(lines).isascii()
