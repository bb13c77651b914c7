"""The comparison with crm_mon: what counts as equal, what is told, and a part of it with an installed crm_mon."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from lxml import etree

from hashell.errors import HashellError
from hashell.monitor import corpus
from hashell.monitor.corpus_lines import LINES, names, words_for
from hashell.monitor.peer_answers import Answer, Peer
from hashell.testing.cibs import SHARED

CIBS = Path(__file__).resolve().parent.parent / "status" / "cibs"
RECORDED = SHARED / "scheduler-corpus" / "xml"
HAVE_CRM_MON = shutil.which("crm_mon", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None
#: A program in crm_mon's place: it says its release, and counts how often it is asked.
STAND_IN = """#!/bin/sh
case "$1" in --version) echo "Pacemaker 2.1.5"; exit 0 ;; esac
echo x >> "{asked}"
echo "Cluster Summary: $*"
"""


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def stand_in(tmp_path):
    program, asked = tmp_path / "crm_mon", tmp_path / "asked"
    program.write_text(STAND_IN.format(asked=asked))
    program.chmod(0o755)
    asked.touch()
    return str(program), asked


def test_the_time_of_asking_and_the_words_of_the_request_do_not_count():
    theirs = Answer(0, '<pacemaker-result api-version="2.25" request="crm_mon -1">\n  Last updated: Mon\n', "")
    mine = Answer(0, '<pacemaker-result api-version="2.42" request="hashell">\n  Last updated: Tue\n', "")

    assert corpus.compare("a", "-r", theirs, mine).equal


def test_what_differs_is_told_line_by_line():
    case = corpus.compare("a", "-r", Answer(0, "one\ntwo\n", ""), Answer(0, "one\nthree\n", ""))

    assert not case.equal
    assert case.difference == ["-two", "+three"]


def test_of_a_refusal_the_exit_code_counts_and_not_the_words():
    assert corpus.compare("a", "-Z", Answer(64, "", "unknown"), Answer(64, "", "not known")).equal
    assert not corpus.compare("a", "-Z", Answer(64, "", "unknown"), Answer(0, "text", "")).equal
    assert corpus.compare("a", "-s", Answer(0, "CLUSTER WARN\n", ""), Answer(1, "CLUSTER WARN\n", "")).equal


def test_an_answer_is_asked_for_once_and_kept(stand_in, tmp_path):
    program, asked = stand_in
    questions = [(CIBS / "everyday.xml", ["-1"]), (CIBS / "everyday.xml", ["-1", "-r"])]

    for _ in range(2):
        with Peer(program, tmp_path / "kept") as peer:
            assert [one.out for one in peer.answers(questions)] == ["Cluster Summary: -1\n", "Cluster Summary: -1 -r\n"]
    assert asked.read_text() == "x\nx\n"


def test_without_a_crm_mon_the_command_says_so_in_one_line(capsys):
    assert corpus.main([str(CIBS), "--program", "no-such-crm-mon"]) == 5
    assert "no-such-crm-mon is not installed here" in capsys.readouterr().err


def test_a_folder_without_cibs_is_refused(tmp_path, stand_in, capsys):
    assert corpus.main([str(tmp_path), "--program", stand_in[0]]) == 65
    assert "has no CIBs" in capsys.readouterr().err


def test_differences_fail_the_command_and_are_counted_in_the_table(stand_in, capsys):
    assert corpus.main([str(CIBS), "--program", stand_in[0], "--options=-r", "-d", "1"]) == 1
    shown = capsys.readouterr().out
    assert f"{'-r':52}{6:7}{'':7}{0:7}{'0.00':>8}{'':7}{6:7}" in shown
    assert "wrong: containers: crm_mon -1 -r" in shown


def test_what_crm_mon_cannot_read_is_counted_apart_and_not_in_the_share():
    cases = [corpus.Case("a", "-r", True), corpus.Case("b", "-r", why="it is too new", unread=True)]
    assert corpus._percent(cases) == 100.0
    (_, row, _) = corpus._table(cases)
    assert row.split() == ["-r", "2", "1", "1", "100.00"]
    wrong = [*cases, corpus.Case("c", "-r")]
    assert corpus._lowest(wrong) == 50.0


def test_braces_stand_for_names_of_the_cib_and_a_line_without_such_a_name_is_left_out():
    known = names(etree.parse(str(CIBS / "everyday.xml")).getroot())

    assert words_for("--node={node} -r", known) == [f"--node={known['node']}", "-r"]
    assert words_for("--resource={bundle} -r", known) is None
    assert words_for("", known) == []


def test_every_reason_can_be_read_and_says_why():
    found = corpus.reasons()

    assert found
    assert all(len(one.why) > 40 for one in found)


def test_the_lines_are_all_different():
    assert len(set(LINES)) == len(LINES)


def differences(folder: Path, every: int, lines: tuple[str, ...]) -> list[str]:
    with Peer() as peer:
        if not peer.version.startswith(("2.1.5", "3.0.")):
            pytest.skip(f"crm_mon is of Pacemaker {peer.version}, whose words are not compared")
        cases = list(corpus.run(corpus.cibs(folder, every=every), lines, peer))
    assert cases
    return [f"{one.name} ({one.line}): {one.difference[:4]}" for one in cases if not one.equal and not one.why]


@pytest.mark.skipif(not HAVE_CRM_MON, reason="crm_mon is not installed")
def test_clusters_of_our_own_are_shown_as_the_installed_crm_mon_shows_them():
    assert differences(CIBS, 1, LINES[::4]) == []


@pytest.mark.slow
@pytest.mark.skipif(not HAVE_CRM_MON, reason="crm_mon is not installed")
@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded CIBs in {RECORDED}")
def test_a_sample_of_recorded_clusters_is_shown_as_the_installed_crm_mon_shows_it():
    assert differences(RECORDED, 60, LINES[1::6]) == []


def test_a_folder_that_is_no_pattern_of_names_is_refused_by_name():
    with pytest.raises(HashellError, match="no pattern"):
        corpus.cibs(CIBS, pattern="(")
