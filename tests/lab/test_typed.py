"""Tutorials as data: how their lines are read, and what is said where something does not run where it is to."""

from __future__ import annotations

import subprocess

import pytest

from hashell.lab import stand_ins, typed
from hashell.lab.typed import BadTutorial, Place, Typed, Where

NOW = {
    "db": Where(("n1", "n2"), ("n2",)), "vip": Where(("n2",)), "fs": Where(("n1",)), "both": Where(("n1", "n2")),
}


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        ("vip", "n2"), ("vip", "any"), ("vip", "not:n1"), ("vip", "with:promoted:db"), ("db", "promoted:n2"),
        ("db", "promoted:any"), ("db", "promoted:with:vip"), ("db", "promoted:not:lost"), ("fs", "lost"),
    ],
)
def test_a_place_that_holds_has_no_complaint(resource, text):
    assert Place(resource, text).complaint(NOW, "n1") == ""


@pytest.mark.parametrize(
    ("resource", "text", "said"),
    [
        ("vip", "n1", "vip is active on n2: it is to be n1"),
        ("vip", "not:lost", "vip is active on n2: it is to be not:lost"),
        ("vip", "with:fs", "vip is active on n2, fs on n1"),
        ("both", "any", "both is active on n1, n2"),
        ("gone", "any", "gone is active on no node"),
        ("vip", "promoted:n2", "vip is promoted on no node"),
        ("fs", "with:promoted:db", "fs is active on n1, db on n2"),
    ],
)
def test_a_place_that_does_not_hold_says_where_it_is_instead(resource, text, said):
    assert Place(resource, text).complaint(NOW, "n2") == said


def test_prompts_of_a_machine_are_no_part_of_a_command():
    assert typed.commands("[root@pcmk-1 ~]# pcs status\n# crm status\n$ ls\npcs resource") == tuple(
        map(Typed, ("pcs status", "crm status", "ls", "pcs resource"))
    )


def test_a_backslash_and_a_here_document_go_on_in_the_next_line():
    one, two = typed.commands(
        "pcs resource create \\\n    A Dummy\ncrm configure <<'END'\nprimitive B \\\n  Dummy\nEND\n"
    )
    assert one.text == "pcs resource create \\\n    A Dummy"
    assert two.text == "crm configure <<'END'\nprimitive B \\\n  Dummy\nEND"


def test_what_is_typed_at_the_crm_shells_prompt_is_one_session_of_the_command_before():
    shell, after = typed.commands(
        "# crm\ncrm(live)# configure\ncrm(live)configure# primitive A \\\n  Dummy\n# crm status"
    )
    assert shell == Typed("crm", "configure\nprimitive A \\\n  Dummy\n")
    assert after == Typed("crm status")


def test_a_prompt_that_nobody_opened_and_an_endless_document_are_refused():
    with pytest.raises(BadTutorial, match="no command opened"):
        typed.commands("crm(live)# configure")
    with pytest.raises(BadTutorial, match="never ended"):
        typed.commands("crm configure <<END\nprimitive A Dummy")


@pytest.mark.parametrize("name", typed.names())
def test_each_tutorial_has_both_languages_a_failover_and_claims_after_it(name):
    tutorial = typed.load(name)
    for language in typed.LANGUAGES:
        assert sum(len(step.lines[language]) for step in tutorial.steps) >= 5
    losses = [step for step in tutorial.steps if step.kill]
    assert losses and all(step.runs for step in losses)


def test_every_stand_in_describes_itself_with_the_parameters_of_the_real_agent(tmp_path):
    from hashell.agents.metadata import parse_metadata

    agents = tuple(f"ocf:{name}" for name in stand_ins.KINDS)
    variables = stand_ins.write(tmp_path, agents, "zabbix_server", "192.168.8.47", (1, 2, 3))
    assert variables["OCF_ROOT"] == str(tmp_path)
    for name, (_, words) in stand_ins.KINDS.items():
        path = tmp_path / "resource.d" / name.replace(":", "/")
        said = subprocess.run([str(path), "meta-data"], capture_output=True, check=True, timeout=30).stdout
        found = parse_metadata(said)
        assert [one.name for one in found.parameters] == [one.rstrip("*") for one in words.split()]
        needed = {one[:-1] for one in words.split() if one.endswith("*")}
        assert {one.name for one in found.parameters if one.required} == needed
    assert stand_ins.on_loopback("192.168.8.47") == "127.168.8.47"


def test_a_stand_in_without_its_required_parameter_says_which(tmp_path):
    stand_ins.write(tmp_path, ("ocf:heartbeat:IPaddr2",), "", "192.168.8.47", (1, 2, 3))
    done = subprocess.run(
        [str(tmp_path / "resource.d/heartbeat/IPaddr2"), "start"], capture_output=True, text=True, timeout=30,
        check=False, env={},
    )
    assert done.returncode == 6 and "parameter ip is needed" in done.stderr
