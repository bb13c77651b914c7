"""`hashell rehearse`: nodes lost on paper, one by one and in pairs."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess

import pytest

from hashell.cib.document import Cib
from hashell.simulate.losses import TooManyLosses, lost_cib, plan, rehearse
from hashell.simulate.rehearse import Progress, main
from hashell.simulate.run import decide
from hashell.testing.clusters import NOW_S, Cluster, clone, device, group, operation, pairs, primitive

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


def remote(ident, **meta):
    return (
        f'<primitive id="{ident}" class="ocf" provider="pacemaker" type="remote">'
        f'{pairs("meta_attributes", f"{ident}-meta", meta)}{operation(ident, "monitor", "30s")}</primitive>'
    )


def on(resource, node, score="INFINITY"):
    return f'<rsc_location id="{resource}-{node}" rsc="{resource}" node="{node}" score="{score}"/>'


def test_what_ran_on_a_remote_node_moves_when_that_is_lost():
    cluster = Cluster(remote("far") + primitive("a") + primitive("b"), on("a", "far", "100")).settled()
    assert {one.lost for one in rehearse(cluster.cib(), NOW_S).losses} == {("node1",), ("node2",), ("node3",), ("far",)}
    found = loss(cluster, "far")
    assert [(one.resource, one.source) for one in found.moved] == [("a", ("far",))]
    assert (found.survived, found.at_rest, found.down) == (True, True, ())


def test_a_remote_node_outlives_the_host_of_its_connection():
    cluster = Cluster(remote("far") + primitive("a"), on("a", "far", "100")).settled()
    host = cluster.decide().state.by_id["far"].active_on[0]
    found = loss(cluster, f"node{host}")
    assert [one.resource for one in found.moved] == ["far"]
    assert found.survived


def test_a_guest_goes_down_with_its_host_and_comes_back_with_it():
    guest = (
        '<primitive id="vm" class="ocf" provider="heartbeat" type="VirtualDomain">'
        f'{pairs("meta_attributes", "vm-meta", {"remote_node": "guest"})}</primitive>'
    )
    cluster = Cluster(device() + guest + primitive("a"), on("a", "guest", "100"), FENCED).settled()
    state = cluster.decide().state
    host = state.nodes[state.by_id["vm"].active_on[0]].name
    found = loss(cluster, host)
    assert "vm" in [one.resource for one in found.moved]
    assert found.survived
    assert all("guest" not in one.lost for one in rehearse(cluster.cib(), NOW_S).losses)
    tied = cluster.but(constraints=cluster.constraints + "".join(
        on("vm", name, "-INFINITY") for name in ("node1", "node2", "node3") if name != host
    ) + "".join(on("a", name, "-INFINITY") for name in ("node1", "node2", "node3")))
    assert {"vm", "a"} <= set(loss(tied, host).down)


@pytest.mark.parametrize(
    ("policy", "down", "stays"),
    [
        ("stop", {"a", "b", "c"}, set()), ("freeze", {"a", "b"}, {"c"}), ("ignore", set(), {"a", "b", "c"}),
        ("demote", {"a", "b", "c"}, set()),
    ],
)
def test_a_lost_quorum_is_dealt_with_as_the_policy_says(policy, down, stays):
    """`a` and `b` ran on the lost nodes, `c` on the one that is left."""
    cluster = Cluster(
        "".join(primitive(name, resource_stickiness="1") for name in "abc"), options={"no_quorum_policy": policy}
    ).settled()
    found = loss(cluster, "node1", "node2")
    assert (found.quorum, set(found.down) & {"a", "b", "c"}) == (False, down)
    assert not stays & set(found.down)


def test_what_cannot_be_fenced_is_not_recovered():
    """A device elsewhere is enough; without any nothing that ran there is started again."""
    cluster = Cluster(
        device() + primitive("a"), on("fence", "node1", "-INFINITY") + on("fence", "node2", "-INFINITY"), FENCED
    ).settled()
    found = loss(cluster, "node1")
    assert (found.fenced, found.survived) == (("node1",), True)
    without = Cluster(primitive("a")).settled().but(options=FENCED)
    found = loss(without, "node1")
    assert (found.fenced, found.unfenced, found.survived) == ((), ("node1",), False)


def test_it_is_said_why_something_stays_down():
    cluster = Cluster(
        primitive("a") + primitive("b"), on("a", "node2", "-INFINITY") + on("a", "node3", "-INFINITY")
    ).settled()
    ((name, why),) = loss(cluster, "node1").reasons
    assert name == "a"
    assert "location constraint a-node2 forbids node2" in why


def test_the_table_keeps_to_eighty_columns(command):
    many = Cluster("".join(primitive(f"a-rather-long-name-{n}") for n in range(20))).settled()
    _code, out, _err = command(many, "--pairs")
    assert max(map(len, out.splitlines())) <= 80
    assert out.isascii()
    assert all(f"a-rather-long-name-{n}" in out.split() for n in range(20))


def test_what_goes_to_the_same_place_stands_together(command):
    cluster = Cluster(group("g", primitive("a"), primitive("b")) + primitive("c")).settled()
    _code, out, _err = command(cluster, "node1")
    assert "a b -> node2, c -> node3" in out


def test_several_processes_tell_the_same_as_one(command):
    assert command(THREE, "--pairs", "--json", "--jobs", "2") == command(THREE, "--pairs", "--json", "--jobs", "1")


def test_progress_is_shown_on_a_terminal_alone():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown, hidden = Terminal(), io.StringIO()
    for stream in (shown, hidden):
        progress = Progress(stream, 2)
        progress(0, "node1")
        progress(1, "node2")
        progress(2)
    assert "rehearsing 2 of 2: node2" in shown.getvalue()
    assert shown.getvalue().endswith("\r")
    assert hidden.getvalue() == ""


def test_a_near_name_of_a_node_is_offered(command):
    code, _out, err = command(THREE, "nod2")
    assert (code, "did you mean node2?" in err) == (105, True)


def _referee(path, lost, quorum, folder):
    """What crm_simulate says: the lines of its summary for the loss."""
    tool = shutil.which("crm_simulate")
    out = subprocess.run(
        [tool, "-S", "-x", path, "-f", lost, "-q", "1" if quorum else "0", "-t", "2024-01-01 00:00:00Z"],
        env={"PATH": "/usr/bin:/bin", "TZ": "UTC", "CIB_shadow_dir": str(folder)}, capture_output=True, text=True,
        timeout=60, check=True,
    ).stdout
    found = re.search(r"Transition Summary:\n(.*?)(?:\n\n|\nExecuting|\Z)", out, re.DOTALL)
    return sorted(" ".join(line.strip(" *").split()) for line in found[1].splitlines() if line.strip()) if found else []


REFEREED = {
    "plain": THREE,
    "fenced": Cluster(device() + primitive("a") + primitive("b"), options=FENCED).settled(),
    "group": Cluster(group("g", primitive("a"), primitive("b")) + primitive("c")).settled(),
    "clone": Cluster(clone("k", primitive("a")) + primitive("b")).settled(),
    "promotable": Cluster(
        clone("k", primitive("a", agent="Stateful"), promotable="true"),
        '<rsc_location id="r" rsc="k"><rule id="rr" role="Promoted" score="10"><expression id="e" attribute="#uname" '
        'operation="eq" value="node3"/></rule></rsc_location>',
    ).settled(),
    "colocation": Cluster(
        primitive("a") + primitive("b"), '<rsc_colocation id="c" rsc="b" with-rsc="a" score="INFINITY"/>'
        '<rsc_order id="o" first="a" then="b"/>',
    ).settled(),
    "nowhere else": Cluster(
        primitive("a"), on("a", "node2", "-INFINITY") + on("a", "node3", "-INFINITY")
    ).settled(),
    "no quorum in two of five": Cluster(
        "".join(primitive(name) for name in "abcde"), nodes=tuple(f"node{n}" for n in range(1, 6))
    ).settled(),
}


@pytest.mark.skipif(shutil.which("crm_simulate") is None, reason="crm_simulate is not installed")
@pytest.mark.parametrize("name", REFEREED)
def test_a_loss_begins_with_what_crm_simulate_would_do(name, tmp_path):
    cluster = REFEREED[name]
    planned = plan(cluster.cib(), NOW_S)
    path = tmp_path / "cib.xml"
    # An older one knows neither the newest schema nor the newer names of options.
    root = planned.cib.copy_root()
    for key, value in {"validate-with": "pacemaker-3.7", "epoch": "1", "num_updates": "0", "admin_epoch": "0"}.items():
        root.set(key, value)
    for option in root.iterfind("configuration/crm_config//nvpair[@name='fencing-enabled']"):
        option.set("name", "stonith-enabled")
    path.write_bytes(Cib(root).to_bytes())
    for lost in planned.cases:
        cib, failures = lost_cib(planned, lost)
        assert failures == []
        ours = sorted(" ".join(line.split()) for line in decide(cib, NOW_S).summary)
        assert ours == _referee(str(path), lost[0], planned.quorate[lost], tmp_path)
