"""`hashell monitor -1`: what is printed where, how it ends, and what it does not import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from hashell.cib.document import Cib
from hashell.client.memory import MemoryClient
from hashell.monitor.one_shot import gather, main
from hashell.monitor.options import read
from hashell.status.options import Release

CIBS = Path(__file__).resolve().parent.parent / "status" / "cibs"
#: Of the checkout, where `hashell` can be imported from.
TOP = Path(__file__).resolve().parents[2]
EVERYDAY = str(CIBS / "everyday.xml")


def test_a_cib_file_is_shown_once_as_text(capsys):
    assert main(["-1", "--cib", EVERYDAY]) == 0

    shown = capsys.readouterr().out
    assert shown.startswith("Cluster Summary:\n  * Stack: corosync\n")
    assert "  * Node node2: standby (with active resources)\n" in shown
    assert "Failed Resource Actions:\n  * batch 30s-interval monitor on node1 returned 'not running'" in shown


def test_the_variable_cib_file_names_the_file_as_for_pacemakers_tools(monkeypatch, capsys):
    monkeypatch.setenv("CIB_file", EVERYDAY)

    assert main(["-1", "-D", "--resource=loose", "-U", "nodes,failures"]) == 0
    assert capsys.readouterr().out == (
        "Active Resources:\n  * loose\t(ocf:pacemaker:Dummy):\t Started node2 (unmanaged)\n"
    )


def test_output_that_is_no_terminal_gets_text_instead_of_a_screen(capsys):
    assert main(["--cib", EVERYDAY]) == 0
    assert capsys.readouterr().out.startswith("Cluster Summary:")


def test_a_file_is_written_whole_and_nothing_is_left_beside_it(tmp_path, capsys):
    where = tmp_path / "status.html"

    assert main(["--cib", EVERYDAY, "--output-as=html", "--output-to", str(where)]) == 0
    assert where.read_text().startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["status.html"]
    assert capsys.readouterr().out == ""


def test_a_file_that_cannot_be_written_is_an_error_of_its_own(tmp_path, capsys):
    assert main(["-1", "--cib", EVERYDAY, "--output-to", str(tmp_path / "none" / "x")]) == 73
    assert "cannot write" in capsys.readouterr().err


def test_a_file_that_is_missing_is_named_in_one_line(tmp_path, capsys):
    missing = str(tmp_path / "missing.xml")

    assert main(["-1", "--cib", missing]) == 105
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("hashell monitor: ")
    assert missing in captured.err
    assert captured.err.count("\n") == 1


def test_an_error_stands_inside_the_xml_where_xml_was_wanted(tmp_path, capsys):
    assert main(["--cib", str(tmp_path / "missing.xml"), "--output-as=xml"]) == 105

    root = etree.fromstring(capsys.readouterr().out)
    assert root.tag == "pacemaker-result"
    assert root.find("status").get("code") == "105"
    assert "missing.xml" in root.findtext("status/errors/error")


def test_wrong_words_end_with_the_usage_code_of_crm_mon(capsys):
    assert main(["--zork"]) == 64
    assert "--zork" in capsys.readouterr().err


def test_help_and_version_need_no_cluster(capsys):
    assert main(["--help"]) == 0
    assert "--group-by-node" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("hashell ")


def test_nothing_is_printed_when_none_is_the_format(capsys):
    assert main(["--cib", EVERYDAY, "--output-as=none"]) == 0
    assert capsys.readouterr().out == ""


def test_json_says_the_same_as_the_text_in_fields(capsys):
    assert main(["--cib", EVERYDAY, "--output-as=json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["format"] == 1
    assert shown["summary"]["dc"] == "node1"
    assert [node["name"] for node in shown["nodes"]] == ["node1", "node2", "node10"]
    assert [one["kind"] for one in shown["resources"]] == [
        "primitive", "group", "primitive", "clone", "primitive", "primitive",
    ]
    assert shown["failures"][0]["resource"] == "batch"
    assert shown["bans"][0] == {
        "id": "not-there-rule", "resource": "pings", "node": "node10", "weight": -100, "promoted_only": True,
    }


def test_filters_and_sections_hold_for_json_too(capsys):
    main(["--cib", EVERYDAY, "--output-as=json", "-I", "none,nodes,resources", "--node=node1", "--resource=batch"])

    shown = json.loads(capsys.readouterr().out)
    assert sorted(shown) == ["format", "nodes", "resources"]
    assert [node["name"] for node in shown["nodes"]] == ["node1"]
    assert [one["id"] for one in shown["resources"]] == ["batch"]


def test_a_live_cluster_says_which_node_answered(monkeypatch):
    client = MemoryClient(Cib.parse(Path(EVERYDAY).read_bytes()))
    monkeypatch.setattr(client, "kind", "hashelld")

    status = gather(client, read(["-1"]))
    assert status.summary.here == client.info().node
    assert status.dc is not None
    assert status.dc.name == "node1"


@pytest.mark.parametrize("heavy", ["textual", "prompt_toolkit", "asyncio", "zeroconf", "hashell.scheduler"])
def test_one_shot_starts_without_what_only_a_screen_or_a_daemon_needs(heavy):
    program = (
        "import sys; from hashell.monitor.one_shot import main; "
        f"code = main(['-1', '--cib', {EVERYDAY!r}]); sys.exit(code or {heavy!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60, cwd=TOP)
    assert done.returncode == 0, f"{heavy} is imported"


@pytest.mark.parametrize(
    ("cib", "code", "word"), [("everyday", 0, "OK"), ("trouble", 1, "WARN"), ("missing", 2, "CRIT")]
)
def test_a_monitoring_system_is_told_by_word_and_exit_code(cib, code, word, capsys):
    assert main(["-s", "--cib", str(CIBS / f"{cib}.xml")]) == code
    captured = capsys.readouterr()
    assert captured.out.startswith(f"CLUSTER {word}: ")
    assert captured.err == ""


def test_wrong_words_stand_inside_the_xml_where_xml_was_wanted(capsys):
    assert main(["-1", "--output-as=xml", "-I", "nonsense", "--cib", EVERYDAY]) == 64

    root = etree.fromstring(capsys.readouterr().out)
    assert root.find("status").get("code") == "64"
    assert "bans[:PREFIX]" in root.findtext("status/errors/error")


def test_a_page_for_a_web_server_is_not_made_of_a_file_as_with_crm_mon(capsys):
    assert main(["-w", "--cib", EVERYDAY]) == 64
    assert "--html-cgi" in capsys.readouterr().err


def as_of(feature_set: str, path: Path) -> str:
    text = Path(EVERYDAY).read_text()
    assert 'crm_feature_set="' in text
    path.write_text(re.sub(r'(<cib[^>]* crm_feature_set=)"[^"]*"', rf'\1"{feature_set}"', text, count=1))
    return str(path)


def test_a_cluster_of_release_three_is_told_in_its_words_unless_others_are_asked_for(tmp_path, capsys):
    new = as_of("3.20.5", tmp_path / "new.xml")

    main(["-1", "--cib", new, "--output-as=xml"])
    assert etree.fromstring(capsys.readouterr().out).find(".//cluster_options").get("fencing-enabled") is not None
    main(["-1", "--cib", new, "--output-as=xml", "--release=2.1"])
    assert etree.fromstring(capsys.readouterr().out).find(".//cluster_options").get("fencing-enabled") is None


def test_a_live_cluster_of_hashell_speaks_the_words_of_release_three_whatever_its_cib_once_was(monkeypatch):
    client = MemoryClient(Cib.parse(Path(EVERYDAY).read_bytes()))
    monkeypatch.setattr(client, "kind", "hashelld")

    assert gather(client, read(["-1"])).release is Release.THREE
