"""Which command or level a shortened word means."""

from __future__ import annotations

from hashell.shell.grammar.match import find
from hashell.shell.grammar.words import Command, LevelName

CONFIGURE = LevelName("configure", "", aliases=("cfg",))
CLUSTER = LevelName("cluster", "")
CONFLICTS = Command("conflicts", "", "", "nowhere:conflicts")
STATUS = Command("status", "", "", "nowhere:status")
STANDBY = Command("standby", "", "", "nowhere:standby")
ALL = (CONFIGURE, CLUSTER, CONFLICTS, STATUS, STANDBY)


def test_a_whole_name_or_alias_means_itself_in_any_case():
    assert find("Conflicts", ALL) == (CONFLICTS, ())
    assert find("CFG", ALL) == (CONFIGURE, ())


def test_a_level_goes_before_commands_that_begin_alike():
    assert find("conf", ALL) == (CONFIGURE, ())
    assert find("confl", ALL) == (CONFLICTS, ())


def test_what_two_commands_or_two_levels_begin_with_is_ambiguous():
    assert find("sta", ALL) == (None, ("standby", "status"))
    assert find("c", ALL) == (None, ("cfg", "cluster", "configure", "conflicts"))


def test_a_subsequence_counts_where_nothing_begins_so():
    assert find("stdb", ALL) == (STANDBY, ())
    assert find("tatus", ALL) == (None, ())
