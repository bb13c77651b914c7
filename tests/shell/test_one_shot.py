"""Command lines as the program gets them, on a CIB file."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.shell.one_shot import main

TOP = Path(__file__).resolve().parents[2]
EMPTY = (
    '<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0">'
    "<configuration>"
    '<crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="e" name="stonith-enabled" value="false"/>'
    "</cluster_property_set></crm_config><nodes>"
    '<node id="1" uname="zabbix01"/><node id="2" uname="zabbix02"/></nodes><resources>'
    '<primitive id="A" class="ocf" provider="hashell" type="Dummy"/>'
    '<primitive id="B" class="ocf" provider="hashell" type="Dummy"/>'
    "</resources><constraints/></configuration><status/></cib>"
)


@pytest.fixture
def cib(tmp_path):
    path = tmp_path / "cib.xml"
    path.write_text(EMPTY)
    return path


def run(cib: Path, *words: str) -> int:
    return main(["--cib", str(cib), *words])


def xpath(cib: Path, path: str):
    return etree.parse(str(cib)).xpath(path)


def test_a_configure_command_is_committed_to_the_file(cib):
    assert run(cib, "configure", "location", "l1", "A", "100:", "zabbix01") == 0
    assert xpath(cib, "//rsc_location[@id='l1']/@score") == ["100"]


def test_a_refused_command_leaves_the_file_as_it_was_and_ends_with_an_error(cib, capsys):
    before = cib.read_bytes()
    assert run(cib, "configure", "order", "o", "Mandatory:", "(", "A", "B") != 0
    assert cib.read_bytes() == before
    assert capsys.readouterr().err.startswith("ERROR: ")


def test_a_password_is_starred_when_xml_is_shown_and_whole_when_xml_is_saved_and_read_back(cib, tmp_path, capsys):
    assert run(cib, "configure", "property", "password-of-all=hush") == 0
    assert run(cib, "configure", "show", "xml") == 0
    shown = capsys.readouterr().out
    assert "password-of-all" in shown and "hush" not in shown
    saved = tmp_path / "saved.xml"
    assert run(cib, "configure", "save", "xml", str(saved)) == 0
    assert "hush" in saved.read_text()
    assert run(cib, "configure", "load", "xml", "replace", str(saved)) == 0
    assert xpath(cib, "//nvpair[@name='password-of-all']/@value") == ["hush"]


def test_data_go_to_standard_output_and_narration_to_standard_error(cib, capsys):
    assert run(cib, "resource", "move", "A", "zabbix02") == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "Move constraint created" in told.err
    assert run(cib, "configure", "show") == 0
    assert "location cli-prefer-A A role=Started inf: zabbix02" in capsys.readouterr().out


def test_an_abbreviation_that_means_one_command_works_and_one_that_means_two_is_refused(cib):
    assert run(cib, "cfg", "ord", "o", "A", "B") == 0
    assert run(cib, "configure", "col", "c", "inf:", "A", "B") == 2


def test_a_read_only_session_refuses_what_changes_and_does_what_reads(cib):
    assert main(["--cib", str(cib), "--read-only", "resource", "stop", "A"]) == 1
    assert main(["--cib", str(cib), "--read-only", "configure", "show"]) == 0


def test_a_script_ends_at_the_first_bad_line_and_names_it(cib, tmp_path, capsys):
    script = tmp_path / "script"
    script.write_text("configure\nlocation l1 A 1: zabbix01\n\nlocation l2 nowhere\n")
    assert main(["--cib", str(cib), "-f", str(script)]) == 2
    assert f"{script}:4:" in capsys.readouterr().err
    assert xpath(cib, "//rsc_location") == []


def test_a_script_commits_what_it_staged_when_it_ends_well(cib, tmp_path):
    script = tmp_path / "script"
    script.write_text("configure\n# why it is there\nlocation l1 A 1: zabbix01\npcs property set batch-limit=7\n")
    assert main(["--cib", str(cib), "-f", str(script)]) == 0
    assert len(xpath(cib, "//rsc_location[@id='l1']")) == 1


def test_the_variable_cib_file_is_as_good_as_the_option(cib, monkeypatch):
    monkeypatch.setenv("CIB_file", str(cib))
    assert main(["node", "standby", "zabbix01"]) == 0
    assert xpath(cib, "//node[@uname='zabbix01']//nvpair[@name='standby']/@value") == ["on"]


def test_the_tutorials_pcs_lines_work_as_they_were_written_for_0_9(cib):
    lines = [
        "resource create ClusterIP ocf:hashell:VirtualIP ip=127.0.0.47 op monitor interval=2s",
        "property set stonith-enabled=false",
        "resource create zabbix-server ocf:hashell:Dummy op monitor interval=5s",
        "resource group add zabbix ClusterIP zabbix-server",
        "property set no-quorum-policy=ignore",
        "property set default-resource-stickiness=100",
        "constraint colocation add zabbix-server ClusterIP",
        "constraint order ClusterIP then zabbix-server",
        "constraint location ClusterIP prefers zabbix01",
        "constraint location zabbix-server prefers zabbix01",
        "resource",
        "cluster status",
        "config show",
        "cluster cib",
        "resource group list",
    ]
    for line in lines:
        assert run(cib, "pcs", *line.split()) == 0, line
    assert xpath(cib, "//group[@id='zabbix']/primitive/@id") == ["ClusterIP", "zabbix-server"]
    assert xpath(cib, "//rsc_defaults//nvpair[@name='resource-stickiness']/@value") == ["100"]
    assert xpath(cib, "//rsc_colocation/@id") == ["colocation-zabbix-server-ClusterIP-INFINITY"]
    assert xpath(cib, "//rsc_order/@id") == ["order-ClusterIP-zabbix-server-mandatory"]
    assert len(xpath(cib, "//rsc_location")) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["configure", "show"],
        ["status"],
        ["resource", "stop", "A"],
        ["pcs", "resource", "disable", "A"],
        ["pcs", "config", "show"],
    ],
    ids=" ".join,
)
def test_a_one_shot_command_imports_no_event_loop_and_no_screen(cib, words):
    code = (
        "import sys; from hashell.shell.one_shot import main; main(sys.argv[1:]);"
        "print([name for name in ('asyncio', 'textual', 'prompt_toolkit', 'zeroconf') if name in sys.modules],"
        " file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--cib", str(cib), *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=TOP,
    )
    assert done.stderr.strip().splitlines()[-1] == "[]"


COMMANDS = [
    "configure primitive p ocf:hashell:Dummy op monitor interval=10s",
    "configure delete A",
    "configure modgroup g add A",
    "configure rename A Z",
    "configure set A.x 1",
    "resource start A",
    "resource meta A set priority 3",
    "resource ban A zabbix01",
    "node attribute zabbix01 set rack 3",
    "pcs resource create d ocf:hashell:Dummy op monitor interval=10s meta priority=1",
    "pcs resource bundle create b container docker image=i port-map port=80",
    "pcs resource group add g A B --before C",
    "pcs constraint location A rule score=1 (#uname eq n or defined x) and date-spec hours=1-2",
    "pcs constraint order start A then B",
    "pcs constraint colocation set A B set C setoptions score=5",
    "pcs stonith level add 1 zabbix01 f1",
    "pcs tag create t A B",
    "pcs acl role create r read xpath /cib",
    "pcs alert create path=/a options x=1",
    "pcs resource defaults set create meta a=b rule op x",
    "pcs property set batch-limit=3",
    "pcs node attribute zabbix01 a=b",
    "pcs resource update A x= op monitor interval=3",
]


@pytest.mark.parametrize("word", ["", "=", "=5"])
def test_an_operation_without_a_name_is_refused(cib, capsys, word):
    before = cib.read_bytes()
    assert main(["--cib", str(cib), "pcs", "resource", "update", "A", "op", word, "interval=3"]) == 1
    assert "operation" in capsys.readouterr().err
    assert cib.read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ["resource", "create", "new", "ocf:hashell:Dummy", "op", "monitor", "1=1"],
        ["resource", "update", "A", "op", "monitor", "1=1"],
        ["resource", "op", "add", "A", "monitor", "1=1"],
    ],
    ids=["create", "update", "op add"],
)
def test_an_operation_with_an_option_that_there_is_not_is_refused_by_name(cib, capsys, words):
    before = cib.read_bytes()
    assert main(["--cib", str(cib), "pcs", *words]) == 1
    assert "invalid resource operation option '1'" in capsys.readouterr().err
    assert cib.read_bytes() == before


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(COMMANDS), st.data())
def test_a_mutated_command_line_ends_with_a_code_never_with_a_traceback(cib, monkeypatch, line, data):
    cib.write_text(EMPTY)
    # The name of a level alone reads a script from standard input.
    monkeypatch.setattr("sys.stdin", io.StringIO())
    words = line.split()
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(1, len(words) - 1)) if len(words) > 1 else 0
        kind = data.draw(st.sampled_from(["drop", "double", "text"]))
        if kind == "drop" and len(words) > 2:
            del words[place]
        elif kind == "double":
            words.insert(place, words[place])
        else:
            words[place] = data.draw(st.text("aA1=:()%/@$#- ", max_size=5))
    assert isinstance(main(["--cib", str(cib), *words]), int)
    etree.parse(str(cib))


def test_the_word_that_waits_is_no_value(cib, capsys):
    assert run(cib, "node", "fence", "--wait") == 2
    assert "expected NODE" in capsys.readouterr().err
