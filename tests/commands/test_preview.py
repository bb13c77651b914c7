"""What a change would do to others, before it is made."""

from __future__ import annotations

import pytest

from hashell.client.memory import MemoryClient
from hashell.commands import parameters
from hashell.commands.env import Env
from hashell.commands.preview import affected, preview
from hashell.shell.one_shot import main

PRIMITIVE = '<primitive id="{0}" class="ocf" provider="hashell" type="Dummy"/>'
HISTORY = (
    '<lrm_resource id="{0}" class="ocf" provider="hashell" type="Dummy"><lrm_rsc_op id="{0}_last_0" '
    'operation_key="{0}_start_0" operation="start" transition-key="1:1:0:u" transition-magic="0:0;1:1:0:u" '
    'call-id="1" rc-code="0" op-status="0" interval="0" op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8"/></lrm_resource>'
)
CIB = (
    '<cib crm_feature_set="3.19.0" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" '
    'have-quorum="1" dc-uuid="1"><configuration><crm_config><cluster_property_set id="o">'
    '<nvpair id="o-1" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>'
    '<nodes><node id="1" uname="n1"/></nodes><resources>'
    + "".join(PRIMITIVE.format(name) for name in ("vip", "web", "other"))
    + '</resources><constraints><rsc_colocation id="c" rsc="web" with-rsc="vip" score="INFINITY"/></constraints>'
    '</configuration><status><node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" '
    'expected="member"><lrm id="1"><lrm_resources>'
    + "".join(HISTORY.format(name) for name in ("vip", "web", "other"))
    + "</lrm_resources></lrm></node_state></status></cib>"
)


@pytest.fixture
def env():
    return Env.open(MemoryClient(CIB))


def stop(env, name):
    parameters.update_set(env, env.by_id(name), "meta_attributes", {"target-role": "Stopped"})


@pytest.mark.parametrize("strict", [True, False])
def test_stopping_what_another_needs_touches_the_other(env, strict):
    stop(env, "vip")
    assert affected(preview(env), {"vip"}, strict=strict) == ("web",)


def test_stopping_what_nobody_needs_touches_nobody_else(env):
    stop(env, "web")
    assert affected(preview(env), {"web"}) == ()


def test_a_resource_that_only_moves_counts_only_when_strict(env):
    env.section("nodes").append(env.node("n1").__copy__())
    env.node("n1").getnext().attrib.update({"id": "2", "uname": "n2"})
    state = env.root.find("status/node_state")
    second = state.__copy__()
    second.attrib.update({"id": "2", "uname": "n2"})
    for history in list(second.iter("lrm_resource")):
        history.getparent().remove(history)
    state.addnext(second)
    constraint = env.section("constraints").makeelement(
        "rsc_location", {"id": "l", "rsc": "other", "node": "n1", "score": "-INFINITY"}
    )
    env.section("constraints").append(constraint)
    decision = preview(env)
    assert affected(decision, ()) == ("other",)
    assert affected(decision, (), strict=False) == ()


@pytest.fixture
def cib(tmp_path):
    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    return path


def test_a_safe_disable_is_refused_where_another_would_stop_and_changes_nothing(cib, capsys):
    before = cib.read_bytes()
    for line in ("safe-disable vip", "disable --safe vip", "disable vip --safe --no-strict"):
        assert main(["--cib", str(cib), "pcs", "resource", *line.split()]) == 1
        assert "web" in capsys.readouterr().err
    assert cib.read_bytes() == before
    assert main(["--cib", str(cib), "pcs", "resource", "safe-disable", "web"]) == 0
    assert b"Stopped" in cib.read_bytes()


def test_a_simulated_disable_tells_what_would_stop_and_changes_nothing(cib, capsys):
    before = cib.read_bytes()
    assert main(["--cib", str(cib), "pcs", "resource", "disable", "--simulate", "vip"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["Stop", "vip"], ["Stop", "web"]]
    assert cib.read_bytes() == before


def test_ptest_shows_points_and_actions_where_asked_for(cib, capsys):
    script = cib.with_name("script")
    script.write_text("configure\nlocation l vip -inf: n1\nptest scores actions\n")
    assert main(["--cib", str(cib), "-f", str(script)]) == 0
    shown = capsys.readouterr().out
    assert "vip allocation score on n1: -INFINITY" in shown
    assert "Stop" in shown
    assert "Resource action: vip" in shown
