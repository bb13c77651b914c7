"""The levels cibstatus, script, template and assist on a cluster in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashell.client.memory import MemoryClient
from hashell.errors import AlreadyExists, BadUsage, NotFound
from hashell.shell.grammar.lexer import split_words, typed_words
from hashell.shell.session import Session
from hashell.shell.wizards import wizards

NODE = ('<node_state id="{n}" uname="node{n}" in_ccm="true" crmd="online" join="member" expected="member">'
        '<lrm id="{n}"><lrm_resources>{history}</lrm_resources></lrm></node_state>')
RUNS = ('<lrm_resource id="web" class="ocf" provider="pacemaker" type="Dummy"><lrm_rsc_op id="web_last_0"'
        ' operation_key="web_start_0" operation="start" transition-key="1:1:0:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"'
        ' transition-magic="0:0;1:1:0:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee" call-id="2" rc-code="0" op-status="0"'
        ' interval="0"/></lrm_resource>')
ABSENT = (RUNS.replace("web_start_0", "web_monitor_0").replace('operation="start"', 'operation="monitor"')
          .replace('rc-code="0"', 'rc-code="7"').replace("1:1:0:", "1:1:7:").replace("0:0;", "0:7;"))
CIB = f"""<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1"><configuration>
<crm_config><cluster_property_set id="o"><nvpair id="o-f" name="stonith-enabled" value="false"/>
</cluster_property_set></crm_config><nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes><resources>
<primitive id="web" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="w"><nvpair id="w-1"
 name="fake" value="a"/></instance_attributes><operations><op id="w-m" name="monitor"
 interval="10s"/></operations></primitive>
</resources><constraints/></configuration><status>{NODE.format(n=1, history=RUNS)}{NODE.format(n=2, history=ABSENT)}
</status></cib>"""


class Typed:
    def __init__(self) -> None:
        self.client = MemoryClient(CIB)
        self.out: list[str] = []
        self.err: list[str] = []
        self.session = Session(out=self.out.append, err=self.err.append)
        self.session.use_client(self.client)

    def __call__(self, *lines: str) -> str:
        self.out.clear()
        for line in lines:
            self.session.line = line
            assert self.session.run_words(split_words(line)) == 0
        return "".join(self.out)

    def ids(self, path: str) -> list[str]:
        return [str(one) for one in self.client.cib().root.xpath(path)]


@pytest.fixture
def typed(monkeypatch, tmp_path) -> Typed:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return Typed()


# --- cibstatus --------------------------------------------------------------------------------------------


def test_a_node_that_is_made_up_to_be_gone_moves_its_resource_and_nothing_is_sent(typed):
    before = typed.client.cib().to_bytes()
    said = typed("cibstatus node node1 offline", "cibstatus run")
    assert "web" in said
    assert "node2" in said
    assert typed.client.cib().to_bytes() == before
    assert typed("cibstatus show changed") == "node node1 is offline\n"
    assert typed("cibstatus origin") == "live, 1 changes made up\n"


def test_a_failed_monitor_that_is_made_up_recovers_the_resource(typed):
    assert "web" in typed("cibstatus op monitor web not_running", "cibstatus run")


def test_lost_quorum_that_is_made_up_stops_resources(typed):
    assert "Stop" in typed("cibstatus quorum false", "cibstatus simulate")


def test_a_made_up_status_can_be_saved_and_loaded(typed, tmp_path):
    path = tmp_path / "made.xml"
    typed("cibstatus node node2 unclean", f"cibstatus save {path}")
    assert 'in_ccm="false"' in path.read_text()
    typed(f"cibstatus load {path}")
    assert typed("cibstatus origin") == f"{path}, 0 changes made up\n"


@pytest.mark.parametrize(("line", "error"), [
    ("cibstatus node nobody online", NotFound), ("cibstatus op monitor web nonsense node1", BadUsage),
    ("cibstatus op monitor nothing success", NotFound),
])
def test_what_cannot_be_made_up_is_refused(typed, line, error):
    with pytest.raises(error):
        typed(line)


# --- script and template ----------------------------------------------------------------------------------


def test_a_wizard_writes_what_it_shows_and_dry_run_changes_nothing(typed):
    text = typed("script run virtual-ip id=vip ip=10.0.0.50 dry_run=yes")
    assert text == typed("script verify virtual-ip id=vip ip=10.0.0.50")
    assert "vip" not in typed.ids("//primitive/@id")
    typed("script run virtual-ip id=vip ip=10.0.0.50")
    assert "vip" in typed.ids("//primitive/@id")


def test_every_wizard_writes_a_configuration_that_can_be_loaded(monkeypatch, tmp_path):
    for name, one in wizards().items():
        typed = Typed()
        typed.session.options.force = True
        values = {blank.name: "web" if blank.name == "resource" else "node1" if blank.name == "node" else "x1"
                  for blank in one.blanks if blank.default is None}
        before = len(typed.ids("//primitive/@id"))
        typed(f"script run {name} " + " ".join(f"{key}={value}" for key, value in values.items()))
        assert len(typed.ids("//primitive/@id")) > before, name


def test_a_line_for_a_blank_that_is_left_empty_is_left_out():
    apache = wizards()["apache"]
    bare = apache.fill({"id": "w", "ip": "10.0.0.1"})
    assert "Filesystem" not in bare
    assert "group w w-ip w-server" in bare
    full = apache.fill({"id": "w", "ip": "10.0.0.1", "device": "/dev/sdb1"})
    assert "group w w-fs w-ip w-server" in full


@pytest.mark.parametrize("values", [{}, {"id": "a", "ip": "b", "x": "c"}, {"id": "a\nproperty x=y", "ip": "b"}])
def test_a_wizard_refuses_missing_unknown_and_unfit_values(values):
    with pytest.raises(BadUsage):
        wizards()["virtual-ip"].fill(values)


def test_programs_ask_in_json(typed):
    assert {"name": "drbd", "shortdesc": wizards()["drbd"].help} in json.loads(typed("script json '[\"list\"]'"))
    with pytest.raises(BadUsage):
        typed("script json nonsense")


def test_a_template_is_made_applied_and_deleted(typed):
    typed("configure template new shop nginx params ip=10.0.0.9")
    assert "shop" in typed("configure template list configs")
    with pytest.raises(AlreadyExists):
        typed("configure template new shop nginx params ip=10.0.0.9")
    typed("configure template apply shop", "configure commit")
    assert "shop" in typed.ids("//group/@id")
    typed("configure template delete shop")
    with pytest.raises(NotFound):
        typed("configure template show shop")


def test_a_template_keeps_what_was_typed_private(typed, tmp_path):
    typed("configure template new shop nginx params ip=10.0.0.9")
    made = list(Path(tmp_path).rglob("shop.crm"))
    assert made[0].stat().st_mode & 0o077 == 0


# --- assist -----------------------------------------------------------------------------------------------


def test_what_primitives_share_moves_to_a_template_and_the_rest_stays(typed):
    typed("configure primitive web2 ocf:pacemaker:Dummy params fake=a state=/run/x op monitor interval=10s",
          "configure assist template web web2", "configure commit")
    assert typed.ids("//template/@type") == ["Dummy"]
    assert typed.ids("//template/instance_attributes/nvpair/@name") == ["fake"]
    assert typed.ids("//template/operations/op/@interval") == ["10s"]
    assert typed.ids("//primitive[@id='web2']/instance_attributes/nvpair/@name") == ["state"]
    assert typed.ids("//primitive/@template") == ["template-dummy-1"] * 2


def test_primitives_of_different_agents_have_no_template(typed):
    typed("configure primitive s ocf:pacemaker:Stateful")
    with pytest.raises(BadUsage, match="one agent"):
        typed("configure assist template web s")


def test_a_weak_bond_is_a_dummy_and_a_set_without_order(typed):
    typed("configure primitive web2 ocf:pacemaker:Dummy", "configure assist weak-bond web web2",
          "configure commit force")
    assert typed.ids("//rsc_colocation/resource_set/@sequential") == ["false"]
    assert "place-dummy-1" in typed.ids("//primitive/@id")


def test_a_made_up_status_is_what_cibstatus_shows(typed):
    assert "Started node1" in typed("cibstatus show")
    typed("cibstatus node node1 offline")
    assert "Started node1" not in typed("cibstatus show")
    assert "Started node1" in typed("resource status")


# --- options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [
    "options set core.no_ssh yes", "options user root", "options manage_children ask", "options add-quotes yes",
    "options set report.from_time -12H", "options colorscheme yellow,normal,cyan",
])
def test_settings_that_only_crmsh_has_are_taken_and_told(typed, line):
    typed.err.clear()
    typed(line)
    assert any("no effect" in text or "theme" in text for text in typed.err)


def test_the_quotes_of_json_are_none_of_this_shell():
    assert typed_words(["script", "json", '["show","apache"]']) == ["script", "json", '["show","apache"]']
