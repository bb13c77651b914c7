"""What crmsh and pcs have and is done otherwise here: one message with the way."""

from __future__ import annotations

import pytest

from hashell.client.memory import MemoryClient
from hashell.commands import ssh
from hashell.errors import Refused
from hashell.shell import elsewhere
from hashell.shell.crm.root import LEVELS
from hashell.shell.pcs.root import NOUNS, find
from hashell.shell.session import Session

CIB = """<cib validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/>
<nodes><node id="1" uname="far1"/><node id="2" uname="far2"/></nodes><resources/><constraints/></configuration>
<status/></cib>"""


@pytest.fixture
def said():
    return []


@pytest.fixture
def session(said):
    made = Session(out=said.append, err=said.append)
    made.use_client(MemoryClient(CIB))
    return made


@pytest.mark.parametrize("line", sorted(elsewhere.PCS))
def test_a_pcs_command_that_is_not_needed_names_the_way_and_is_no_command_of_ours(session, said, line):
    words = (line + "start" if line.endswith("-") else line).split()
    assert words[0] not in NOUNS or (found := find(words[0], words[1:]))[0] is None or found[1]
    assert session.run_words(["pcs", *words]) == 1
    assert "is not needed here" in said[0]
    assert elsewhere.PCS[line] in said[1]


@pytest.mark.parametrize("line", sorted(elsewhere.CRM))
def test_a_crm_command_that_is_not_needed_names_the_way_and_is_no_command_of_ours(session, line):
    level, _, name = line.partition(" ")
    if level in LEVELS:
        assert name not in {one for command in LEVELS[level].load().commands for one in command.names}
    with pytest.raises(Refused, match="is not needed here") as refused:
        session.run_words(line.split())
    assert elsewhere.CRM[line] in refused.value.hint


def test_a_slip_of_the_pen_is_not_taken_for_one_of_them():
    assert elsewhere.way(elsewhere.PCS, ["quorum", "statsu"]) == ""
    assert elsewhere.way(elsewhere.PCS, ["hosts"]) == ""
    assert elsewhere.way(elsewhere.CRM, ["history", "limits"]) == ""


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("cluster start far1", ["far1 start"]), ("cluster enable --all", ["far1 enable", "far2 enable"]),
        ("pcs cluster disable far2", ["far2 disable"]), ("pcs cluster start --all", ["far1 start", "far2 start"]),
        ("cluster restart far1 far2", ["far1 restart", "far2 restart"]),
    ],
)
def test_daemons_of_other_machines_are_started_over_ssh(session, monkeypatch, line, asked):
    done = []

    def run(host, command, *more, **others):
        done.append(f"{host} {command.split()[1]}")
        return 0, b"", ""

    monkeypatch.setattr(ssh, "run", run)
    assert session.run_words(line.split()) == 0
    assert done == asked


def test_a_machine_that_cannot_be_reached_does_not_hold_up_the_next(session, said, monkeypatch):
    done = []

    def run(host, command, *more, **others):
        if host == "far1":
            raise Refused("far1: no route")
        done.append(host)
        return 0, b"", ""

    monkeypatch.setattr(ssh, "run", run)
    assert session.run_words(["cluster", "start", "--all"]) == Refused("").exit_code
    assert done == ["far2"]
    assert any("far1: no route" in line for line in said)
