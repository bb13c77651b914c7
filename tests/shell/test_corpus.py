"""Recorded command lines: what counts as equal, what is meant to differ, and the shared records."""

from __future__ import annotations

import json
import random

import pytest
from lxml import etree

from hashell.shell import corpus
from hashell.shell.corpus_equality import configuration_of, crm_lines, difference, typed_names
from hashell.testing.cibs import SHARED

NODES = '<nodes><node id="1" uname="n1"/></nodes>'
DUMMY = '<primitive id="A" class="ocf" provider="hashell" type="Dummy"/>'
BEFORE = (
    '<configuration><crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair id="e" name="stonith-enabled"'
    f' value="false"/></cluster_property_set></crm_config>{NODES}<resources>{DUMMY}</resources><constraints/>'
    "</configuration>"
)


def after(constraint: str) -> str:
    return BEFORE.replace("<constraints/>", f"<constraints>{constraint}</constraints>")


def record(**more):
    return {
        "id": "r1", "family": "test.one", "cli": "location l A 5: n1", "cib_before": BEFORE,
        "accept": [{"ok": True, "cib": after('<rsc_location id="l" rsc="A" node="n1" score="5"/>')}], **more,
    }


def test_a_line_that_does_what_was_recorded_is_equal():
    assert corpus.run_record("crmsh", record()).equal


def test_a_line_that_does_something_else_is_told_with_the_lines_that_differ():
    case = corpus.run_record("crmsh", record(cli="location l A 6: n1"))
    assert not case.equal
    assert [line[:1] for line in case.difference] == ["-", "+"]
    assert "score=6" in case.difference[1]


def test_a_refusal_counts_only_where_the_tool_refused_too():
    refused = [{"ok": False}]
    assert corpus.run_record("crmsh", record(cli="location l", accept=refused)).equal
    assert corpus.run_record("crmsh", record(accept=refused)).difference == ["carried out, and was refused there"]
    assert "refused with" in corpus.run_record("crmsh", record(cli="location l")).difference[0]


def test_a_refusal_in_an_earlier_line_is_none_of_the_last():
    lines = ["resource nonsense", "resource disable A"]
    case = corpus.run_record("pcs", record(commands=lines, accept=[{"ok": False}]))
    assert case.difference[0].startswith("refused too early")


def test_a_command_that_breaks_is_wrong_even_where_the_tool_refused(monkeypatch):
    def broken(words):
        raise ZeroDivisionError("gone")

    monkeypatch.setattr(corpus, "one_shot", broken)
    assert corpus.run_record("crmsh", record(accept=[{"ok": False}])).difference == ["broken: ZeroDivisionError: gone"]


def test_only_the_described_difference_is_meant(tmp_path):
    tagged = BEFORE.replace("</configuration>", '<tags><tag id="t"><obj_ref id="A"/></tag></tags></configuration>')
    renamed = tagged.replace('primitive id="A"', 'primitive id="B"')
    rows = [
        record(id="meant", cli="rename A B", cib_before=tagged, accept=[{"ok": True, "cib": renamed}]),
        record(id="wrong", cli="rename A B", cib_before=tagged,
               accept=[{"ok": True, "cib": renamed.replace("Dummy", "Stateful")}]),
    ]
    (tmp_path / "crmsh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    meant, wrong = corpus.run(tmp_path)
    assert not meant.equal
    assert "tags" in meant.why
    assert not wrong.equal
    assert not wrong.why


def test_the_program_ends_with_1_when_something_is_wrong_and_counts_by_family(tmp_path, capsys):
    (tmp_path / "crmsh.jsonl").write_text(json.dumps(record()) + "\n")
    assert corpus.main([str(tmp_path)]) == 0
    assert "test.one" in capsys.readouterr().out
    (tmp_path / "crmsh.jsonl").write_text(json.dumps(record(cli="location l A 7: n1")) + "\n")
    assert corpus.main([str(tmp_path), "-v"]) == 1
    assert "score=7" in capsys.readouterr().out


RICH = (
    f"<configuration><crm_config/>{NODES}<resources>"
    '<primitive id="B" class="ocf" type="Dummy"><instance_attributes id="made-1">'
    '<nvpair id="made-2" name="a" value="1"/><nvpair id="made-3" name="b" value="2"/></instance_attributes>'
    '<operations><op id="made-4" name="monitor" interval="9s"/><op id="made-5" name="start" interval="0"/></operations>'
    '</primitive><group id="g"><primitive id="C" class="ocf" type="Dummy"><instance_attributes id-ref="made-1"/>'
    '</primitive><primitive id="D" class="ocf" type="Dummy"/></group></resources>'
    '<constraints><rsc_location id="l" rsc="B"><rule id="made-6" score="1">'
    '<expression id="made-7" attribute="x" operation="defined"/>'
    '<expression id="made-8" attribute="y" operation="defined"/></rule></rsc_location></constraints></configuration>'
)
NAMES = typed_names(["location l B", "group g C D"], BEFORE)


@pytest.mark.parametrize("seed", range(20))
def test_order_without_meaning_and_made_ids_do_not_count(seed):
    chance = random.Random(seed)
    other = configuration_of(RICH)
    for element in list(other.iter(etree.Element)):
        if element.tag != "group":
            inner = list(element)
            chance.shuffle(inner)
            element[:] = inner
    fresh = {f"made-{place}": f"new-{chance.randrange(10**9)}" for place in range(1, 9)}
    for element in other.iter(etree.Element):
        for name in ("id", "id-ref"):
            if element.get(name) in fresh:
                element.set(name, fresh[element.get(name)])
    assert difference(configuration_of(RICH), other, NAMES) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('value="2"', 'value="3"'),
        ('name="start"', 'name="stop"'),
        ('id="g"', 'id="h"'),
        ('id="l"', 'id="k"'),
        ('id-ref="made-1"', 'id-ref="made-9"'),
        ('<primitive id="D" class="ocf" type="Dummy"/>', ""),
        ('<rule id="made-6" score="1">', '<rule id="made-6" score="1" boolean-op="or">'),
    ],
)
def test_whatever_means_something_counts(old, new):
    assert difference(configuration_of(RICH), configuration_of(RICH.replace(old, new, 1)), NAMES)


def test_the_order_of_a_groups_members_counts():
    other = configuration_of(RICH)
    members = other.find(".//group")
    members[:] = list(members)[::-1]
    assert difference(configuration_of(RICH), other, NAMES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('score="1">', 'score="1" boolean-op="and">'),
        ("</resources>", "</resources><constraints/>"),
        ('<primitive id="D" class="ocf" type="Dummy"/>',
         '<primitive id="D" class="ocf" type="Dummy"><meta_attributes id="D-meta"/><operations/></primitive>'),
    ],
)
def test_defaults_that_are_spelt_out_and_holders_of_nothing_do_not_count(old, new):
    assert difference(configuration_of(RICH), configuration_of(RICH.replace(old, new, 1)), NAMES) == []


def test_crm_text_is_compared_by_logical_lines_and_words():
    assert crm_lines('primitive A Dummy \\\n\tparams x="1 2"\n\n') == ["primitive A Dummy params x=1 2"]


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "shell-corpus").exists(), reason="the recorded command lines are not here")
def test_no_recorded_line_differs_unless_it_is_meant_to():
    folder = SHARED / "shell-corpus"
    if corpus.missing_agents(folder):
        pytest.skip("agents that the records use are not installed")
    wrong = [case for case in corpus.run(folder) if not case.equal and not case.why]
    assert [f"{case.name} {case.lines}: {case.difference[:5]}" for case in wrong] == []
