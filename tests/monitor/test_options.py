"""The command line of `hashell monitor`."""

from __future__ import annotations

import pytest

from hashell.errors import BadUsage
from hashell.monitor.options import ROWS, help_text, read
from hashell.status.options import EVERYTHING, USUAL, Format, Release, Section


def test_without_options_a_screen_is_wanted():
    options = read([])

    assert options.output is None
    assert not options.one_shot
    assert options.status.sections & USUAL == USUAL


def test_letters_may_stand_together_and_values_close_to_their_letter():
    options = read(["-1rAfotcLcli-"])

    assert options.output is Format.TEXT
    assert options.status.inactive
    assert options.status.timing
    wanted = Section.ATTRIBUTES | Section.FAILCOUNTS | Section.OPERATIONS | Section.TICKETS | Section.BANS
    assert options.status.sections & wanted == wanted
    assert options.status.ban_prefix == "cli-"


def test_an_optional_value_may_follow_as_a_word_of_its_own():
    assert read(["-1", "-L", "cli-"]).status.ban_prefix == "cli-"
    assert read(["-1", "-L", "-r"]).status.ban_prefix == ""
    assert read(["-1", "--neg-locations=cli-"]).status.ban_prefix == "cli-"
    assert read(["-1", "-m", "3"]).status.fence_level == 3
    assert read(["-1", "-m"]).status.fence_level == 2
    assert read(["-1"]).status.fence_level == 1


def test_xml_and_json_show_everything_inactive_ones_and_times_too():
    for word in ("xml", "json"):
        options = read([f"--output-as={word}"])
        assert options.status.sections == EVERYTHING
        assert options.status.inactive
        assert options.status.timing


def test_sections_apply_to_the_default_of_the_format_wherever_the_format_stands():
    assert read(["-U", "summary", "--output-as", "xml"]).status.sections == EVERYTHING & ~Section.SUMMARY
    assert read(["--output-as", "xml", "-U", "summary"]).status.sections == EVERYTHING & ~Section.SUMMARY


def test_what_the_user_asks_wins_over_what_quiet_and_fence_history_imply():
    assert Section.TIMES in read(["-1", "-I", "times", "-Q"]).status.sections
    assert Section.TIMES not in read(["-1", "-Q"]).status.sections


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--zork"], "--zork"), (["-Z"], "-Z"), (["word"], "word"), (["-I"], "lacks its value"),
        (["--one-shot=yes"], "takes no value"), (["--output-as=yaml"], "yaml"), (["-m", "7"], "0-3"),
        (["-i", "soon"], "soon"), (["-d"], "daemonize"),
        (["-E", "x"], "external-agent"), (["-1", "-I", "zork"], "--include options"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(words, message):
    with pytest.raises(BadUsage, match=message) as caught:
        read(words)
    assert caught.value.exit_code == 64


def test_every_option_is_declared_once():
    longs = [row.long for row in ROWS]
    shorts = [row.short for row in ROWS if row.short]
    assert len(longs) == len(set(longs))
    assert len(shorts) == len(set(shorts))
    assert "--output-as=FORMAT" in help_text()


def test_options_about_events_are_harmless_where_the_status_is_printed_once():
    words = ["-1", "-W", "-E", "/bin/true", "-e", "somebody", "-p", "/run/x"]
    assert read(words).output is Format.TEXT
    with pytest.raises(BadUsage, match="--external-agent is not part"):
        read(["--watch", "-E", "/bin/true"])


def test_the_background_needs_a_file():
    with pytest.raises(BadUsage, match="needs a file"):
        read(["-d"])
    with pytest.raises(BadUsage, match="needs a file"):
        read(["-d", "--output-to=-"])
    options = read(["-d", "--output-to", "status.html", "--output-as=html", "-i", "2min"])
    assert options.background
    assert options.watch
    assert options.interval_ms == 120_000


def test_once_and_again_and_again_contradict_one_another():
    with pytest.raises(BadUsage, match="contradict"):
        read(["-1", "--watch"])


@pytest.mark.parametrize(
    ("word", "release"),
    [("2.1", Release.TWO), ("2.1.5", Release.TWO), ("3.0", Release.THREE), ("3.0.2", Release.THREE)],
)
def test_a_release_is_named_by_its_series_or_wholly(word, release):
    assert read(["-1", f"--release={word}"]).status.release is release


def test_an_unknown_release_is_refused_with_those_that_are_known():
    with pytest.raises(BadUsage, match=r"2\.1 or 3\.0"):
        read(["-1", "--release=1.1"])
