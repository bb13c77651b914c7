"""Commands of pcs that look back, try out and ask: checkpoints, backups, debug-…, relocate, status query, formats."""

from __future__ import annotations

import json
import shlex

import pytest

from hashell.client.memory import MemoryClient
from hashell.errors import HashellError
from hashell.shell.session import Session

RUNS = ('<lrm_resource id="web" class="ocf" provider="pacemaker" type="Dummy"><lrm_rsc_op id="web_last_0"'
        ' operation_key="web_start_0" operation="start" transition-key="1:1:0:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"'
        ' transition-magic="0:0;1:1:0:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee" call-id="2" rc-code="0" op-status="0"'
        ' interval="0"/></lrm_resource>')
NODE = ('<node_state id="{n}" uname="node{n}" in_ccm="true" crmd="online" join="member" expected="member">'
        '<lrm id="{n}"><lrm_resources>{history}</lrm_resources></lrm></node_state>')
CIB = f"""<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1"><configuration>
<crm_config><cluster_property_set id="o"><nvpair id="o-f" name="stonith-enabled" value="false"/>
</cluster_property_set></crm_config><nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes><resources>
<primitive id="web" class="ocf" provider="pacemaker" type="Dummy"><meta_attributes id="web-m"><nvpair id="web-m-s"
 name="resource-stickiness" value="500"/></meta_attributes><operations><op id="web-o" name="monitor" interval="10s"
 timeout="20s"/></operations></primitive>
<group id="G"><primitive id="X" class="ocf" provider="pacemaker" type="Dummy"/>
<primitive id="Y" class="ocf" provider="pacemaker" type="Dummy"/></group>
<clone id="C"><meta_attributes id="C-m"><nvpair id="C-m-p" name="promotable" value="true"/></meta_attributes>
<primitive id="K" class="ocf" provider="pacemaker" type="Stateful"/></clone>
<primitive id="F" class="stonith" type="fence_virsh"/></resources>
<constraints><rsc_location id="l" rsc="web" node="node2" score="100"/></constraints></configuration>
<status>{NODE.format(n=1, history=RUNS)}{NODE.format(n=2, history="")}</status></cib>"""


class Typed:
    def __init__(self, cib: str = CIB) -> None:
        self.client = MemoryClient(cib)
        self.out: list[str] = []
        self.err: list[str] = []
        self.session = Session(out=self.out.append, err=self.err.append)
        self.session.use_client(self.client)

    def __call__(self, line: str, code: int = 0) -> str:
        self.out.clear()
        self.err.clear()
        self.session.line = line
        assert self.session.run_words(["pcs", *shlex.split(line)]) == code, (line, self.err)
        return "".join(self.out)

    def refused(self, line: str) -> str:
        self(line, 1)
        return " ".join(self.err)

    def find(self, path: str) -> list[str]:
        return [str(one) for one in self.client.cib().root.xpath(path)]


@pytest.fixture
def typed() -> Typed:
    return Typed()


# --- checkpoints and backups ------------------------------------------------------------------------------


def test_a_checkpoint_is_listed_shown_compared_and_restored(typed):
    typed("stonith delete F")
    listed = typed("config checkpoint").splitlines()
    assert [line.split(":")[0] for line in listed] == ["checkpoint 0.1.0", "checkpoint 0.2.0"]
    assert "Resource: F" in typed("config checkpoint view 1")
    assert "Resource: F" not in typed("config checkpoint view 0.2.0")
    differences = typed("config checkpoint diff 1 live").splitlines()
    assert differences[0] == "Differences between checkpoint 1 (-) and live configuration (+):"
    assert any(line.startswith("-   Resource: F") for line in differences)
    typed("config checkpoint restore 1")
    assert typed.find("//primitive[@id='F']/@id") == ["F"]


@pytest.mark.parametrize(("line", "told"), [
    ("config checkpoint view 77", "no version 77"), ("config checkpoint diff live live", "against itself"),
    ("config checkpoint diff 1", "config checkpoint diff"), ("config checkpoint view", "something is missing"),
    ("config checkpoint frob", "'frob'"), ("config restore /nowhere/at/all", "no file /nowhere/at/all"),
])
def test_a_checkpoint_that_is_not_there_is_told(typed, line, told):
    assert told in typed.refused(line)


def test_a_backup_restores_the_configuration(typed, tmp_path):
    typed(f"config backup {tmp_path}/b")
    typed("resource delete web --force")
    typed(f"config restore {tmp_path}/b.tar.bz2")
    assert typed.find("//primitive[@id='web']/@id") == ["web"]
    assert (tmp_path / "b.tar.bz2").stat().st_mode & 0o077 == 0


def test_a_backup_without_a_name_is_written_to_standard_output_and_read_from_standard_input(typed, monkeypatch):
    import io

    out = io.BytesIO()
    written = io.TextIOWrapper(out)
    monkeypatch.setattr("sys.stdout", written)
    typed("config backup")
    monkeypatch.undo()
    typed("stonith delete F")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(written.buffer.getvalue())))
    typed("config restore")
    assert typed.find("//primitive[@id='F']/@id") == ["F"]
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert "cannot be typed" in typed.refused("config restore")


def test_a_report_is_not_taken_for_a_backup(typed, tmp_path):
    from hashell.cib.files import save_cib
    from hashell.commands.support import STARS

    save_cib(tmp_path / "starred.xml", Typed(CIB.replace('value="500"', f'value="{STARS}"')).client.cib())
    assert "starred" in typed.refused(f"config restore {tmp_path}/starred.xml")
    typed(f"config restore {tmp_path}/starred.xml --force")
    assert STARS in typed.find("//nvpair/@value")


# --- trying agents out ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "told"), [
    ("resource debug-start G", "try one of the group's resource(s) (X,Y)"),
    ("resource debug-stop C", "try the clone's resource: K"),
    ("resource debug-monitor F", "fence device"), ("resource debug-monitor nope", "unable to find a resource"),
    ("resource debug-promote", "You must specify a resource to debug-promote"),
    ("resource debug-promote K more", "'more'"), ("resource debug-frob K", "no command of pcs resource"),
])
def test_only_a_primitive_can_be_tried_out(typed, line, told):
    assert told in typed.refused(line)


def test_an_agent_is_run_here_and_its_code_is_told(monkeypatch, typed):
    from hashell.agents.run import Ended
    from hashell.shell.crm import trying

    asked = []

    def run(env, primitive, action):
        asked.append((primitive.get("id"), action))
        return Ended(exit_code=7, stdout=b"", stderr=b"not there\n")

    monkeypatch.setattr(trying, "run_action", run)
    said = typed("resource debug-monitor web", 7)
    assert asked == [("web", "monitor")]
    assert said.splitlines() == [
        "Operation force-check for web (ocf:pacemaker:Dummy) returned 7 (not running)", " >  stderr: not there",
    ]


# --- relocate ---------------------------------------------------------------------------------------------


def test_relocate_tells_where_a_resource_would_be_without_stickiness(typed):
    typed("resource relocate dry-run web")
    assert typed.err == ["Creating location constraint: web prefers node2=INFINITY"]
    assert typed.find("//rsc_location/@id") == ["l"], "a dry run changes nothing"
    assert "web" in typed("resource relocate show").partition("Transition Summary:")[2]


def test_relocate_run_moves_waits_and_takes_its_constraints_away_again(typed):
    seen = []
    typed.client.wait_idle = lambda seconds: seen.append(typed.find("//rsc_location/@id"))
    typed("resource relocate run web")
    assert seen == [["l", "pcs-relocate-web"]]
    assert typed.find("//rsc_location/@id") == ["l"]


def test_relocate_takes_its_constraints_away_also_when_nothing_moved_in_time(typed):
    from hashell.errors import TimedOut

    def never(seconds):
        raise TimedOut("not idle", "")

    typed.client.wait_idle = never
    assert "not idle" in typed.refused("resource relocate run web")
    assert typed.find("//rsc_location/@id") == ["l"]


@pytest.mark.parametrize(("line", "told"), [
    ("resource relocate dry-run nope", "nope"), ("resource relocate clear web", "nothing more is expected"),
    ("resource relocate", "something is missing"), ("resource relocate frob", "'frob'"),
])
def test_a_relocation_of_what_is_not_there_is_refused(typed, line, told):
    assert told in typed.refused(line)


# --- questions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("question", "said", "code"), [
    ("web exists", "True", 0), ("nope exists", "False", 2), ("web is-state started", "True", 0),
    ("web is-state started on-node node2", "False", 2), ("G is-state stopped", "True", 0),
    ("G is-state started members any", "False", 2), ("C get-type", "clone promotable", 0),
    ("C is-type clone promotable", "True", 0), ("C is-type clone unique", "False", 2), ("G is-type group", "True", 0),
    ("K is-in-clone", "True\nC", 0), ("K is-in-clone D", "False\nC", 2), ("web is-in-group", "False", 2),
    ("Y is-in-group G", "True\nG", 0), ("Y get-index-in-group", "1", 0), ("G get-members", "X\nY", 0),
    ("web get-nodes", "node1", 0), ("F is-stonith", "True", 0), ("web is-state managed", "True", 0),
    ("web is-state disabled --quiet", "", 2),
])
def test_a_question_about_a_resource_is_answered_by_text_and_exit_code(typed, question, said, code):
    assert typed(f"status query resource {question}", code).strip() == said


@pytest.mark.parametrize(("question", "told"), [
    ("web", "usage"), ("web frob", "'frob' is no question"), ("nope get-type", "does not exist"),
    ("web is-state", "no state"), ("web is-state frob", "'frob'"), ("web is-state started on-node", "on-node"),
    ("web is-state started members all", "groups only"), ("web is-state started instances all", "clones and bundles"),
    ("G is-state started members some", "'some'"), ("web is-type frob", "'frob'"), ("G is-type group unique", "unique"),
    ("web get-members", "no members"), ("web get-index-in-group", "not in a group"), ("web exists now", "'now'"),
])
def test_a_question_that_makes_no_sense_is_an_error_and_no_answer(typed, question, told):
    assert told in typed.refused(f"status query resource {question}")


# --- formats ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "look", "path"), [
    ("tag create t web F", "tag config", "//tags"),
    ("property set batch-limit=5", "property config", "//crm_config"),
    ("node attribute node1 'a=b c'", "node attribute", "//node/instance_attributes"),
    ("node utilization node2 cpu=4", "node utilization", "//node/utilization"),
    ("alert create path=/bin/a id=al description='x y' options a=b meta timeout=5s", "alert config", "//alerts"),
    ("stonith level add 1 node1 F", "stonith level", "//fencing-topology"),
    ("resource defaults set create id=d meta a=1 rule resource ::Dummy", "resource defaults", "//rsc_defaults"),
])
def test_commands_that_are_printed_make_the_same_again(typed, make, look, path):
    from lxml import etree

    def state(one: Typed) -> list[str]:
        found = one.client.cib().root.xpath(path)
        return [etree.tostring(element, method="c14n", with_tail=False).decode() for element in found]

    typed(make)
    printed = typed(f"{look} --output-format cmd").replace("\\\n", " ")
    again = Typed()
    for command in printed.split(";\n"):
        again(command.removeprefix("pcs "))
    assert state(again) == state(typed)
    json.loads(typed(f"{look} --output-format json"))
    assert "Unknown value 'yaml'" in typed.refused(f"{look} --output-format yaml")


def test_the_json_of_one_kind_of_constraint_leaves_the_others_empty(typed):
    found = json.loads(typed("constraint order config --output-format json"))
    assert found["location"] == []
    assert len(json.loads(typed("constraint location config --output-format json"))["location"]) == 1


# --- what pcs takes and what it refuses -------------------------------------------------------------------


@pytest.mark.parametrize(("line", "told"), [
    ("resource op add web monitor interval=20s", "already specified for web, use --force to override"),
    ("resource op delete web monitor interval=10s", "Unable to find operation matching"),
    ("resource update web", "update"), ("resource update web op monitor interval=", "not a valid interval"),
    ("resource delete web web", "duplicate argument: 'web'"), ("resource status nope", "'nope' not found"),
    ("resource create n ocf:pacemaker:remote", "add-remote"),
    ("resource create n ocf:pacemaker:Dummy meta remote-node=g", "add-guest"),
    ("resource create n ocf:pacemaker:Dummy state=", "state cannot be empty"),
    ("resource move-with-constraint K node1", "use the clone id (C)"), ("resource utilization nope", "nope"),
    ("property set maintenance-mode=", "Cannot remove property 'maintenance-mode'"),
    ("constraint order Y then X", "same group"),
])
def test_what_pcs_refuses_is_refused_and_nothing_changes(typed, line, told):
    before = typed.client.cib().to_bytes()
    assert told in typed.refused(line)
    assert typed.client.cib().to_bytes() == before


def test_a_preference_takes_the_place_of_the_one_for_the_same_node(typed):
    typed("constraint location web prefers node2=7")
    assert typed.find("//rsc_location[@rsc='web']/@score") == ["7"]


def test_an_operation_without_options_is_passed_over_in_an_update(typed):
    typed("resource update web op monitor")
    assert typed.find("//primitive[@id='web']//op/@interval") == ["10s"]


def test_in_the_newer_way_what_is_behind_clone_belongs_to_the_clone(typed):
    typed("resource create n ocf:pacemaker:Dummy meta priority=1 clone meta interleave=true --future")
    assert typed.find("//clone[@id='n-clone']/meta_attributes/nvpair/@name") == ["interleave"]
    assert typed.find("//primitive[@id='n']/meta_attributes/nvpair/@name") == ["priority"]


def test_waiting_for_a_file_is_refused_before_it_is_changed(tmp_path):
    from hashell.client.cib_file import FileClient

    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    typed = Typed()
    typed.session.use_client(FileClient(str(path)))
    assert "'--wait'" in typed.refused("resource disable web --wait")
    assert path.read_text() == CIB
    assert "in which nothing moves" in typed.refused("resource relocate run")


def test_no_error_is_a_traceback_whatever_is_left_out(typed):
    for line in ("status query", "status query resource", "config checkpoint restore", "resource relocate run nope"):
        try:
            assert typed.session.run_words(["pcs", *line.split()]) == 1
        except HashellError:
            pytest.fail(f"{line}: pcs errors end with 1")
