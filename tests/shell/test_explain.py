"""`explain` and `conflicts` in the shell: on the configuration as it stands here; and how words reach the programs."""

from __future__ import annotations

import pytest

from hashell.entry_points import run as program
from hashell.shell.grammar.complete import complete
from hashell.shell.grammar.snapshot import snapshot_of
from hashell.shell.grammar.sources import Sources
from hashell.shell.one_shot import main
from hashell.testing.clusters import Cluster, primitive

CLASH = Cluster(primitive("web") + primitive("db"), "".join(
    f'<rsc_location id="no{n}" rsc="web" node="node{n}" score="-INFINITY"/>' for n in (1, 2, 3)
))


@pytest.fixture
def cib(tmp_path):
    path = tmp_path / "cib.xml"
    path.write_bytes(CLASH.cib().to_bytes())
    return str(path)


def test_the_shell_explains(cib, capsys):
    assert main(["--cib", cib, "explain", "web", "node1"]) == 0
    assert "remove or change no1" in capsys.readouterr().out


def test_the_shell_finds_contradictions(cib, capsys):
    assert main(["--cib", cib, "conflicts", "web"]) == 1
    assert "no1" in capsys.readouterr().out
    assert main(["--cib", cib, "conflicts", "db"]) == 0


def test_a_name_that_is_not_there_ends_with_an_error(cib, capsys):
    assert main(["--cib", cib, "explain", "ghost"]) == 105
    assert "ghost" in capsys.readouterr().err


@pytest.mark.parametrize(("argv", "code", "word"), [
    (["explain", "web"], 0, "web is not active"), (["explain", "--conflicts"], 1, "contradict"),
    (["rehearse"], 0, "losses are survived"), (["simulate", "-L", "-R"], 0, "Transition Summary"),
])
def test_the_programs_read_the_file_that_stands_for_the_cluster(cib, capsys, monkeypatch, argv, code, word):
    monkeypatch.setenv("CIB_file", cib)
    assert program(argv) == code
    assert word in capsys.readouterr().out


def test_resources_and_nodes_are_completed():
    sources = Sources(snapshot_of(CLASH.cib()))
    assert [one.text for one in complete("explain w", (), sources)] == ["web"]
    assert [one.text for one in complete("explain web ", (), sources)] == ["node1", "node2", "node3"]


def test_options_of_the_shell_that_give_leave_are_no_matter_to_who_only_looks(cib, capsys):
    assert program(["--write", "-y", "--cib", str(cib), "explain", "web"]) == 0
    assert "web" in capsys.readouterr().out
