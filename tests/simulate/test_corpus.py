"""The corpus command: any folder in the layout, whatever of it is there; a table, an exit code, clear errors."""

from __future__ import annotations

import json
import os
import time

import pytest

from hashell.simulate import corpus
from hashell.simulate.corpus import main, run_case
from hashell.simulate.main import main as simulate
from hashell.testing.cibs import SHARED
from hashell.testing.clusters import Cluster, clone, primitive

CLUSTERS = {
    "start-1": Cluster(primitive("a"), nodes=("node1", "node2")),
    "start-2": Cluster(primitive("a"), nodes=("node1",)),
    "clone-1": Cluster(clone("k", primitive("a"))),
}


@pytest.fixture(autouse=True)
def zone(monkeypatch):
    monkeypatch.setitem(os.environ, "TZ", "UTC")
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def folder(tmp_path, capsys):
    """A corpus of three cases, as the program itself decides them."""
    for name in ("xml", *corpus.CHECKS):
        (tmp_path / name).mkdir()
    for name, cluster in CLUSTERS.items():
        source = tmp_path / "xml" / f"{name}.xml"
        source.write_bytes(cluster.cib().to_bytes())
        simulate(["-x", str(source), "-S"])
        (tmp_path / "summary" / f"{name}.summary").write_text(capsys.readouterr().out)
        simulate(["-x", str(source), "-sSQ", "-G", str(tmp_path / "exp" / f"{name}.exp"),
                  "-D", str(tmp_path / "dot" / f"{name}.dot")])
        (tmp_path / "scores" / f"{name}.scores").write_text(capsys.readouterr().out)
    return tmp_path


def test_what_agrees_is_counted_by_family_and_in_all(folder, capsys):
    assert main([str(folder)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["family", "cases", "summary", "scores", "exp", "dot"] in lines
    assert ["start", "2", "2", "2", "2", "2"] in lines
    assert ["clone", "1", "1", "1", "1", "1"] in lines
    assert ["all", "3", "3", "3", "3", "3"] in lines
    assert ["per", "cent", "100.00", "100.00", "100.00", "100.00"] in lines


@pytest.mark.parametrize("check", corpus.CHECKS)
def test_what_differs_is_found_and_fails(folder, capsys, check):
    path = folder / check / f"clone-1.{check}"
    path.write_text(path.read_text().replace("node1", "node9"))
    assert main([str(folder), "--list", "--diff"]) == 1
    out = capsys.readouterr().out
    assert f"{check}: clone-1" in out
    assert f"want {check}" in out
    assert main([str(folder), "--min", "66"]) == 0
    assert main([str(folder), "--min", f"{check}=66"]) == 0
    assert main([str(folder), "--min", "67"]) == 1


def test_white_space_and_numbers_that_are_set_from_outside_do_not_count(folder):
    for path in (folder / "summary").iterdir():
        path.write_text(path.read_text().replace(" ", "   ").replace("\n", "\n\n"))
    for path in (folder / "exp").iterdir():
        path.write_text(path.read_text().replace('batch-limit="0"', 'batch-limit="9"'))
    assert main([str(folder)]) == 0


def test_what_is_not_there_is_not_checked(folder, capsys):
    for check in ("scores", "exp", "dot"):
        for path in (folder / check).iterdir():
            path.unlink()
        (folder / check).rmdir()
    (folder / "summary" / "start-1.summary").unlink()
    assert main([str(folder)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["family", "cases", "summary"] in lines
    assert ["all", "3", "2/2"] in lines


def test_cases_get_their_arguments(folder, capsys):
    (folder / "args.json").write_text(json.dumps({"start-1": ["-d", "node1"]}))
    assert main([str(folder), "--list"]) == 1
    assert "summary: start-1" in capsys.readouterr().out


def test_a_case_that_breaks_does_not_hide_the_others(folder, capsys, monkeypatch):
    def broken(argv):
        if "clone-1" in argv[1]:
            raise ValueError("a defect")
        return simulate(argv)

    monkeypatch.setattr(corpus, "simulate", broken)
    assert main([str(folder)]) == 1
    out = capsys.readouterr().out
    assert ["all", "3", "2", "2", "2", "2"] in [line.split() for line in out.splitlines()]
    assert "1 times ValueError: a defect" in out


def test_progress_is_told(folder, capsys, monkeypatch):
    monkeypatch.setattr(corpus, "_PROGRESS", 2)
    main([str(folder)])
    assert "2 of 3 cases" in capsys.readouterr().err


def _no_xml(folder):
    (folder / "xml").rename(folder / "other")


def _empty(folder):
    for path in (folder / "xml").iterdir():
        path.unlink()


def _bad_arguments(folder):
    (folder / "args.json").write_text("{")


def _odd_arguments(folder):
    (folder / "args.json").write_text('{"start-1": "-t 2024"}')


def _no_text(folder):
    (folder / "summary" / "start-1.summary").write_bytes(b"\xff\xfe")


def _other_names(folder):
    for check in corpus.CHECKS:
        for path in (folder / check).iterdir():
            path.rename(path.with_name(f"x{path.name}"))


@pytest.mark.parametrize("spoil", [_no_xml, _empty, _bad_arguments, _odd_arguments, _no_text, _other_names])
def test_a_damaged_folder_is_told_in_one_line(folder, capsys, spoil):
    spoil(folder)
    assert main([str(folder)]) == 65
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert str(folder) in err


@pytest.mark.parametrize("words", [("--min", "x"), ("--min", "101"), ("--min", "sums=5"), ("--only", "(")])
def test_words_that_say_nothing_are_refused(folder, capsys, words):
    assert main([str(folder), *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys):
    assert main([str(tmp_path / "none")]) == 65
    assert "none" in capsys.readouterr().err


@pytest.mark.skipif(not (SHARED / "scheduler-corpus" / "xml").is_dir(), reason="no recorded cases beside the checkout")
def test_a_recorded_case_that_is_changed_is_found(tmp_path):
    recorded = SHARED / "scheduler-corpus"
    for name in ("xml", "summary"):
        (tmp_path / name).mkdir()
        text = (recorded / name / f"simple2.{name}").read_text()
        (tmp_path / name / f"simple2.{name}").write_text(text)
    assert run_case(tmp_path, "simple2", (), ("summary",)).equal == {"summary": True}
    source = tmp_path / "xml" / "simple2.xml"
    source.write_text(source.read_text().replace("<rsc_location", "<rsc_bogus").replace('"rsc1"', '"rsc2"'))
    assert run_case(tmp_path, "simple2", (), ("summary",)).equal == {"summary": False}
