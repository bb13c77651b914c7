"""Sections of a status: which words mean which, and in what order they apply."""

from __future__ import annotations

import pytest

from hashell.status.options import (
    EVERYTHING,
    NOTHING,
    SECTION_WORDS,
    USUAL,
    Format,
    Section,
    UnknownSection,
    exclude,
    include,
    usual_sections,
)


def test_machines_get_every_section_and_people_the_usual_ones():
    assert usual_sections(Format.XML) == EVERYTHING
    assert usual_sections(Format.JSON) == EVERYTHING
    assert usual_sections(Format.TEXT) == USUAL == usual_sections(Format.HTML)


def test_all_leaves_out_the_options_of_the_cluster_in_text_only():
    assert Section.OPTIONS not in include(NOTHING, "all", Format.TEXT)[0]
    assert Section.OPTIONS in include(NOTHING, "all", Format.HTML)[0]


def test_words_apply_from_left_to_right():
    assert include(USUAL, "none,nodes", Format.TEXT)[0] == Section.NODES
    assert include(USUAL, "nodes,none", Format.TEXT)[0] == NOTHING
    assert exclude(USUAL, "all", Format.TEXT) == NOTHING
    assert exclude(USUAL, "summary", Format.TEXT) == Section.NODES | Section.RESOURCES | Section.FAILURES


def test_bans_may_carry_a_prefix_and_without_one_forget_it():
    sections, prefix = include(NOTHING, "bans:cli-", Format.TEXT)
    assert (sections, prefix) == (Section.BANS, "cli-")
    assert include(sections, "bans", Format.TEXT, prefix) == (Section.BANS, "")


@pytest.mark.parametrize("word", sorted(SECTION_WORDS))
def test_what_was_included_can_be_excluded_again(word):
    assert exclude(include(NOTHING, word, Format.TEXT)[0], word, Format.TEXT) == NOTHING


def test_an_unknown_word_is_refused_with_the_words_that_are_known():
    with pytest.raises(UnknownSection, match="--include options: all, attributes, bans") as caught:
        include(USUAL, "dc,zork", Format.TEXT)
    assert caught.value.exit_code == 64
    with pytest.raises(UnknownSection, match="--exclude options"):
        exclude(USUAL, "zork", Format.TEXT)
