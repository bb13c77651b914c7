"""A simulation as XML, in the words of `crm_simulate --output-as=xml`, and as JSON; what goes wrong, in one line."""

from __future__ import annotations

import json
import subprocess

import pytest
from lxml import etree

from hashell.simulate.main import main
from hashell.testing.cibs import SHARED, need
from hashell.testing.clusters import Cluster, clone, device, pairs, primitive

ONE = Cluster(primitive("web"), nodes=("node1", "node2"))
CASES = SHARED / "scheduler-corpus" / "xml"


@pytest.fixture
def command(tmp_path, capsys):
    def run(cluster, *argv):
        path = tmp_path / "cib.xml"
        path.write_bytes(cluster.cib().to_bytes())
        code = main(["-x", str(path), *argv])
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def document(command, cluster, *argv):
    _code, out, _err = command(cluster, "--output-as=xml", *argv)
    return etree.fromstring(out.encode())


def test_the_parts_come_in_order(command):
    root = document(command, ONE, "-S", "-s", "-u", "node2")
    assert [part.tag for part in root] == [
        "cluster_status", "modifications", "allocations", "actions", "transition", "revised_cluster_status", "status",
    ]
    assert dict(root.find("status").attrib) == {"code": "0", "message": "OK"}


def test_changes_are_elements(command):
    assert dict(document(command, ONE, "-R").find("actions/rsc_action").attrib) == {
        "action": "start", "resource": "web", "node": "node1",
    }
    moved = ONE.settled().but(attributes={"node1": {"standby": "on"}})
    assert dict(document(command, moved, "-R").find("actions/rsc_action").attrib) == {
        "action": "move", "resource": "web", "source": "node1", "dest": "node2",
    }


def test_promotion_tells_both_roles(command):
    cluster = Cluster(clone("k", primitive("a", agent="Stateful"), promotable="true"), nodes=("node1",)).settled()
    promoted = cluster.with_attribute("node1", "master-a", "10")
    values = dict(document(command, promoted, "-R").find("actions/rsc_action").attrib)
    assert (values["role"], values["next-role"], values["source"]) == ("Unpromoted", "Promoted", "node1")


def test_fencing_is_an_action_of_a_node(command):
    cluster = Cluster(device() + primitive("a"), options={"fencing_enabled": "true"}, nodes=("node1", "node2"))
    root = document(command, cluster.settled(), "-S", "-f", "node1")
    assert root.find("actions/node_action").get("task") == "Fence (reboot)"
    assert root.find("transition/fencing_action").get("target") == "node1"
    assert root.find("modifications/modify_node").get("action") == "Failing"


def test_capacities_hold_amounts(command):
    cluster = Cluster(
        primitive("a", pairs("utilization", "u", {"cpu": "3"})), options={"placement_strategy": "utilization"},
        capacity={"node1": {"cpu": "4"}}, nodes=("node1",),
    )
    part = document(command, cluster, "-sU").find("allocations_utilizations")
    assert part.find("capacity/cpu").text == "4"
    assert part.find("utilization").get("resource") == "a"
    assert part.find("node_weight").get("score") == "0"


def test_injections_are_told(command):
    root = document(command, ONE.settled(), "-R", "-i", "web_monitor_10000@node1=1", "-q", "1", "-g", "east")
    part = root.find("modifications")
    assert part.get("quorum") == "1"
    assert part.find("inject_spec").get("spec") == "web_monitor_10000@node1=1"
    assert part.find("inject_attr").get("name") == "fail-count-web#monitor_10000"
    assert part.find("modify_ticket").get("action") == "Granting"


def test_json_has_the_same_parts(command):
    _code, out, _err = command(ONE, "--output-as=json", "-S", "-s")
    told = json.loads(out)
    assert list(told) == [
        "request", "cluster_status", "allocations", "actions", "transition", "revised_cluster_status", "status",
    ]
    assert told["actions"] == [{"kind": "rsc_action", "action": "start", "resource": "web", "node": "node1"}]


def test_an_error_is_a_document_too(command):
    code, out, err = command(ONE, "--output-as=xml", "-t", "someday")
    status = etree.fromstring(out.encode()).find("status")
    assert (code, status.get("code"), err) == (64, "64", "")
    assert "someday" in status.findtext("errors/error")


@pytest.mark.parametrize(("argv", "code"), [
    (("--bogus",), 64), (("-N", "x"), 64), (("-N", "0"), 64), (("-t", "someday"), 64), (("-S", "-F", "nonsense"), 65),
    (("-S", "-d", "ghost"), 65), (("-S", "-O", "/nonexistent/x"), 73),
    (("-S", "-G", "/nonexistent/x"), 73), (("-I", "/nonexistent/x"), 73), (("-P", "/nonexistent"), 66),
    (("-x", "/nonexistent"), 66), (("--output-as", "sound"), 64),
])
def test_bad_words_give_one_line_and_the_code_of_crm_simulate(command, capsys, argv, code):
    try:
        found, _out, err = command(ONE, *argv)
    except SystemExit as ended:
        found, err = ended.code, capsys.readouterr().err
    assert found == code
    assert len(err.splitlines()) == 1
    assert err.startswith("hashell simulate: ")


def test_a_running_cluster_is_asked(capsys):
    assert main(["-L", "-R"], lambda attach: ONE.cib()) == 0
    assert "Start      web" in capsys.readouterr().out
    assert main(["-L", "-R"]) == 102


def test_oddities_are_told_to_who_asks(command):
    odd = ONE.but(constraints='<rsc_location id="l" rsc="ghost" node="node1" score="1"/>')
    assert command(odd, "-S")[2] == ""
    assert "ghost" in command(odd, "-S", "-V")[2]


@pytest.mark.skipif(not CASES.is_dir(), reason="recorded cases are not beside the checkout")
@pytest.mark.parametrize("name", ["bug-cl-5168"])
def test_pacemakers_own_tool_says_the_same(name, capsys):
    """Parts whose words did not change since the release that is installed."""
    tool = need("crm_simulate")
    argv = ["-x", str(CASES / f"{name}.xml"), "-S", "--output-as=xml"]
    theirs = etree.fromstring(subprocess.run([tool, *argv], capture_output=True, timeout=30).stdout)
    main(argv)
    ours = etree.fromstring(capsys.readouterr().out.encode())
    for part in ("actions", "transition"):
        assert [dict(one.attrib) for one in ours.find(part)] == [dict(one.attrib) for one in theirs.find(part)]
