"""Errors of pcs lines while they are typed: marked where they stand, with what was expected; nothing else is marked."""

from __future__ import annotations

import json
import shlex

import pytest

from hashell.shell.grammar.complete import complete
from hashell.shell.grammar.highlight import first_wrong, spans
from hashell.shell.grammar.snapshot import EMPTY
from hashell.shell.grammar.sources import Sources
from hashell.shell.pcs.call import read_options
from hashell.testing.cibs import SHARED


@pytest.mark.parametrize(
    ("line", "word", "told", "hint"),
    [
        ("pcs resorce create a Dummy", "resorce", "no command of pcs", "did you mean resource?"),
        ("pcs resource disablle web", "disablle", "no command of pcs resource", "did you mean disable?"),
        ("pcs resource op ad web", "ad", "no command of pcs resource op", "did you mean add?"),
        ("pcs resource op frobnicate web", "frobnicate", "no command of pcs resource op", "expected one of "),
        ("pcs resource disable web --wiat", "--wiat", "option --wiat", "did you mean --wait?"),
        ("pcs resource op", "", "something is missing", "add"),
        ("configure; pcs resource", "configure;", "no command is called", ""),
    ],
)
def test_the_word_that_is_wrong_is_marked_with_what_was_expected(line, word, told, hint):
    wrong = first_wrong(line, ())
    assert wrong is not None
    assert line[wrong.start : wrong.end] == word
    assert told in wrong.message
    assert hint in wrong.hint
    if word:
        assert any(line[span.start : span.end] == word and span.style == "wrong" for span in spans(line, (), _none()))


@pytest.mark.parametrize(
    "line",
    [
        "pcs resource", "pcs status", "pcs resource help", "pcs resource disable web --wait=30", "pcs --help",
        "pcs constraint location web prefers node1=-INFINITY", "pcs -f x.xml config",
        "pcs resource create a Dummy -- --odd",
        "pcs resource frobnicate --help",
    ],
)
def test_a_line_that_pcs_takes_is_not_called_wrong(line):
    assert first_wrong(line, ()) is None


def test_a_word_that_is_still_typed_is_not_called_wrong():
    line = "pcs resource disabl"
    assert not [span for span in spans(line, (), _none(), len(line)) if span.style == "wrong"]


def test_completion_goes_on_behind_a_part_of_a_command():
    offered = {one.text for one in complete("pcs resource op ", (), _none())}
    assert {"add", "defaults"} <= offered


def test_no_recorded_line_that_pcs_carried_out_is_called_wrong():
    path = SHARED / "shell-corpus" / "pcs.jsonl"
    if not path.exists():
        pytest.skip(f"no recorded lines in {path.parent}")
    looked_at = 0
    for text in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(text)
        carried_out = record["commands"] if any(one["ok"] for one in record["accept"]) else record["commands"][:-1]
        for command in carried_out:
            read_options(shlex.split(command))
            assert first_wrong(f"pcs {command}", ()) is None, command
            looked_at += 1
    assert looked_at > 400


def _none() -> Sources:
    return Sources(EMPTY, agents=())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("pcs resource debug-", "debug-start"), ("pcs resource relocate ", "dry-run"), ("pcs config ", "checkpoint"),
        ("pcs config checkpoint ", "restore"), ("pcs status query resource web ", "is-state"),
        ("pcs quorum ", "update"), ("pcs cluster ", "setup"), ("pcs host ", "auth"), ("history transition ", "save"),
        ("options sort-elements ", "no"), ("cluster init ", "admin"),
    ],
)
def test_what_can_be_typed_is_offered(line, offered):
    assert offered in {one.text for one in complete(line, (), _none())}


@pytest.mark.parametrize("noun", ["resource", "config", "status", "quorum", "cluster", "host"])
def test_the_help_of_a_noun_names_each_of_its_commands(noun):
    from hashell.shell.pcs.root import commands_of, noun_usage

    text = noun_usage(noun)
    assert all(command.name in text and command.help in text for command in commands_of(noun))
