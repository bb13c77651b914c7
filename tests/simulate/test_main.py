"""The command line: what is printed, written and refused."""

from __future__ import annotations

import io
import sys

import pytest

from hashell.cib.files import load_cib
from hashell.simulate.main import main
from hashell.testing.clusters import Cluster, device, operation, primitive
from hashell.transition.xml import graph_from_xml


@pytest.fixture
def command(tmp_path, capsys):
    """Writes a cluster down and runs the command on it: the exit code, standard output, standard error."""
    def run(cluster, *argv):
        path = tmp_path / "cib.xml"
        path.write_bytes(cluster.cib().to_bytes())
        code = main(["-x", str(path), *argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


ONE = Cluster(primitive("web", operation("web", "monitor", "10s")), nodes=("node1", "node2"))


def test_a_simulation_tells_what_is_planned_done_and_then_so(command):
    code, out, err = command(ONE, "-S")
    assert (code, err) == (0, "")
    headings = [line for line in out.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "Current cluster status:", "Transition Summary:", "Executing Cluster Transition:", "Revised Cluster Status:",
    ]
    assert "  * Resource action: web             start on node1" in out.splitlines()
    assert out.count("Stopped") == 1


def test_run_only_plans(command):
    _code, out, _err = command(ONE, "-R")
    assert "Transition Summary:" in out
    assert "Executing" not in out


def test_without_wishes_only_the_status_is_shown(command):
    _code, out, _err = command(ONE)
    assert "Current cluster status:" in out
    assert "Transition" not in out


def test_quiet_prints_scores_without_ornament(command):
    _code, out, _err = command(ONE, "-sQ")
    assert out.splitlines() == [
        "pcmk__primitive_assign: web allocation score on node1: 0",
        "pcmk__primitive_assign: web allocation score on node2: 0",
    ]


def test_scores_and_utilization_have_a_heading(command):
    cluster = ONE.but(capacity={"node1": {"cpu": "4"}}, options={"placement_strategy": "utilization"})
    _code, out, _err = command(cluster, "-sUR")
    assert "Assignment Scores and Utilization Information:" in out
    assert "Original: node1 capacity: cpu=4" in out


def test_graph_and_drawing_are_written(command, tmp_path):
    graph, dot = tmp_path / "graph.xml", tmp_path / "graph.dot"
    command(ONE, "-Q", "-G", str(graph), "-D", str(dot))
    assert {synapse.action.key for synapse in graph_from_xml(graph.read_bytes()).synapses} >= {"web_start_0"}
    assert dot.read_text().startswith(' digraph "g" {')


def test_input_and_outcome_are_written(command, tmp_path):
    before, after = tmp_path / "before.xml", tmp_path / "after.xml"
    command(ONE, "-S", "-I", str(before), "-O", str(after))
    assert "web_start_0" not in before.read_text()
    assert "web_start_0" in after.read_text()
    assert load_cib(after).status is not None


def test_the_outcome_can_go_where_the_input_was(command, tmp_path):
    command(ONE, "-X")
    assert "web_start_0" in (tmp_path / "cib.xml").read_text()


def test_nodes_go_down_and_come_up(command):
    settled = ONE.settled()
    _code, out, _err = command(settled, "-R", "-d", "node1")
    assert "  * Taking node node1 offline" in out
    assert "  * Start      web     ( node2 )" in out
    _code, out, _err = command(ONE.but(down=("node2",)), "-u", "node2")
    assert "  * Bringing node node2 online" in out


def test_a_failing_node_is_fenced(command):
    cluster = Cluster(device() + primitive("web"), options={"fencing_enabled": "true"}, nodes=("node1", "node2"))
    _code, out, _err = command(cluster.settled(), "-R", "-f", "node1")
    assert "  * Failing node node1" in out
    assert "Fence (reboot) node1" in out


def test_an_injected_result_counts(command):
    _code, out, _err = command(ONE.settled(), "-R", "-i", "web_monitor_10000@node1=1")
    assert "  * Injecting web_monitor_10000@node1=1 into the configuration" in out
    assert "Recover" in out


def test_an_operation_fails_in_the_simulation(command):
    _code, out, _err = command(ONE, "-S", "-F", "web_start_0@node1=1")
    lines = out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("Pretending action") and "failed with rc=1" in line)
    assert lines[at + 1] == "  * Injecting attribute fail-count-web#start_0=INFINITY into /node_state '1'"


def test_a_transition_that_makes_no_sense_ends_in_an_error(command):
    """Each waits for the other; nobody can begin."""
    cluster = Cluster(
        primitive("a") + primitive("b"),
        '<rsc_order id="o1" first="a" then="b"/><rsc_order id="o2" first="b" then="a"/>', nodes=("node1", "node2"),
    )
    code, _out, err = command(cluster, "-S")
    assert (code, err.splitlines()) == (1, ["Transition failed: terminated", "An invalid transition was produced"])


def test_tickets_and_quorum_are_injected(command):
    ticket = '<rsc_ticket id="t" rsc="web" ticket="east"/>'
    _code, out, _err = command(ONE.but(constraints=ticket), "-R", "-g", "east")
    assert "  * Granting ticket east" in out
    assert "Start      web" in out
    granted = ONE.settled().but(constraints=ticket)
    _code, out, _err = command(granted, "-R", "-r", "east")
    assert "Stop       web" in out
    _code, out, _err = command(ONE, "-R", "-q", "0", "-u", "node1")
    assert "  * Setting quorum: 0" in out


def test_the_date_can_be_set(command):
    rule = (
        '<rsc_location id="l" rsc="web"><rule id="r" score="-INFINITY">'
        '<date_expression id="e" operation="gt" start="2030-01-01"/></rule></rsc_location>'
    )
    cluster = ONE.but(constraints=rule)
    _code, out, _err = command(cluster, "-R", "-t", "2029-01-01")
    assert "Start      web" in out
    _code, out, _err = command(cluster, "-R", "-t", "2031-01-01")
    assert "Start      web" not in out


def test_standard_input_is_read(monkeypatch, capsys):
    data = io.TextIOWrapper(io.BytesIO(ONE.cib().to_bytes()))
    monkeypatch.setattr(sys, "stdin", data)
    assert main(["-x", "-", "-R"]) == 0
    assert "Start      web" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [
    ("-t", "someday"), ("-F", "web_start_0@node1=x"), ("-d", "node9"),
])
def test_what_cannot_be_is_refused_in_one_line(command, argv):
    code, _out, err = command(ONE, "-S", *argv)
    assert code != 0
    assert err.startswith("hashell simulate: ")


@pytest.mark.parametrize(("spec", "words"), [
    ("nonsense", "Invalid operation spec: nonsense.  Only found 1 fields"),
    ("web_monitor_0@node1=x", "Invalid operation spec: web_monitor_0@node1=x.  Only found 2 fields"),
    ("ghost_monitor_0@node1=1", "Invalid resource name: ghost"),
])
def test_an_operation_that_cannot_be_injected_is_noted_and_the_rest_goes_on(command, spec, words):
    code, out, err = command(ONE, "-S", "-i", spec)
    assert (code, err.strip()) == (0, words)
    assert f"  * Injecting {spec} into the configuration" in out
    assert "Start      web" in out


def test_where_a_node_was_brought_up_nodes_with_work_are_configured(command, tmp_path):
    remote = '<primitive id="far" class="ocf" provider="pacemaker" type="remote"/>'
    cluster = Cluster(remote + primitive("web"), nodes=("node1",))
    after = tmp_path / "after.xml"
    command(cluster, "-S", "-O", str(after))
    assert 'uname="far"' not in after.read_text().partition("</nodes>")[0]
    _code, _out, _err = command(cluster, "-S", "-u", "node1", "-O", str(after))
    assert 'uname="far"' in after.read_text().partition("</nodes>")[0]


def test_a_file_that_is_missing_or_no_xml_is_refused(tmp_path, capsys):
    assert main(["-x", str(tmp_path / "none.xml"), "-S"]) != 0
    (tmp_path / "bad.xml").write_text("<cib")
    assert main(["-x", str(tmp_path / "bad.xml"), "-S"]) != 0
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_of_files_is_timed(command, tmp_path):
    _code, out, _err = command(ONE, "-P", str(tmp_path))
    assert "Testing" in out
