"""Name/value sets: which of several sets gives a name its value."""

from __future__ import annotations

from lxml import etree

from hashell.model.nvpairs import Document, ParameterSource
from hashell.rules.evaluate import RuleInput

YEAR_2024_S = 1_704_067_200


def document(inner: str) -> Document:
    return Document(etree.fromstring(f"<cib><configuration>{inner}</configuration></cib>"), YEAR_2024_S)


def read(inner: str) -> dict[str, str]:
    found = document(f"<x>{inner}</x>")
    return found.values(found.root.find("configuration/x"), "set", found.known())


def block(ident: str, attributes: str = "", rule: str = "", **values: str) -> str:
    pairs = "".join(f'<nvpair id="{ident}-{name}" name="{name}" value="{value}"/>' for name, value in values.items())
    return f'<set id="{ident}" {attributes}>{rule}{pairs}</set>'


NEVER = '<rule id="never-{}"><expression id="e-{}" attribute="a" operation="defined"/></rule>'


def test_the_set_with_the_higher_score_wins():
    assert read(block("a", 'score="1"', n="low") + block("b", 'score="INFINITY"', n="high", m="2")) == {
        "n": "high", "m": "2",
    }


def test_of_sets_with_equal_scores_the_last_one_wins():
    assert read(block("a", n="first") + block("b", n="last")) == {"n": "last"}


def test_in_one_set_the_first_pair_wins():
    twice = '<set id="s"><nvpair id="1" name="n" value="one"/><nvpair id="2" name="n" value="two"/></set>'

    assert read(twice) == {"n": "one"}


def test_a_set_whose_rule_does_not_hold_counts_for_nothing():
    assert read(block("a", rule=NEVER.format(1, 1), n="x")) == {}


def test_the_moment_at_which_a_rule_changes_is_noted():
    rule = '<rule id="r"><date_expression id="d" operation="lt" end="2025-01-01"/></rule>'
    found = document(f"<x>{block('a', rule=rule, n='x')}</x>")

    assert found.values(found.root.find("configuration/x"), "set", found.known()) == {"n": "x"}
    assert found.changes_at == YEAR_2024_S + 366 * 86_400


def test_references_to_sets_and_pairs_are_followed():
    inner = f"<y>{block('there', n='x')}</y><x><set id-ref='there'/></x>"
    found = document(inner)
    assert found.values(found.root.find("configuration/x"), "set", found.known()) == {"n": "x"}

    inner = f"<y>{block('there', n='x')}</y><x><set id='s'><nvpair id-ref='there-n'/></set></x>"
    found = document(inner)
    assert found.values(found.root.find("configuration/x"), "set", found.known()) == {"n": "x"}


def test_a_reference_with_a_name_gives_the_value_another_name():
    inner = f"<y>{block('there', n='x')}</y><x><set id='s'><nvpair id-ref='there-n' name='m'/></set></x>"
    found = document(inner)

    assert found.values(found.root.find("configuration/x"), "set", found.known()) == {"m": "x"}


def test_a_reference_that_leads_nowhere_is_complained_of():
    found = document("<x><set id-ref='gone'/></x>")

    assert found.values(found.root.find("configuration/x"), "set", found.known()) == {}
    assert "id-ref 'gone'" in next(iter(found.problems))


def test_the_value_default_takes_back_what_a_stronger_set_said():
    assert read(block("a", 'score="1"', n="#default") + block("b", n="x")) == {"n": "x"}
    assert read(block("a", 'score="2"', n="x") + block("b", 'score="1"', n="#default")) == {}


def test_the_first_set_by_name_goes_before_all_scores():
    found = document("<x>" + block("a", 'score="5"', n="high") + block("boot", n="boot") + "</x>")
    values: dict[str, str] = {}
    found.unpack(found.sets(found.root.find("configuration/x"), "set"), found.known(), values, first="boot")

    assert values == {"n": "boot"}


def test_parameters_depend_on_the_node_where_rules_do():
    on_a = '<rule id="r"><expression id="e" attribute="#uname" operation="eq" value="a"/></rule>'
    found = document("<x>" + block("s1", 'score="1"', rule=on_a, n="on-a") + block("s2", n="elsewhere") + "</x>")
    source = ParameterSource(found, (found.sets(found.root.find("configuration/x"), "set"),))

    assert source.values({"#uname": "a"}) == {"n": "on-a"}
    assert source.values({"#uname": "b"}) == {"n": "elsewhere"}
    assert source.values(None) == {"n": "elsewhere"}


def test_own_parameters_go_before_those_of_the_parent():
    found = document(f"<x>{block('s', n='parent', m='parent')}</x><y>{block('t', n='own')}</y>")
    parent = ParameterSource(found, (found.sets(found.root.find("configuration/x"), "set"),))

    child = parent.below(found.sets(found.root.find("configuration/y"), "set"))

    assert child.values(None) == {"n": "own", "m": "parent"}


def test_what_is_there_already_stays():
    found = document(f"<x>{block('s', n='x', m='y')}</x>")
    values = {"n": "before"}

    found.unpack(found.sets(found.root.find("configuration/x"), "set"), RuleInput(0), values)

    assert values == {"n": "before", "m": "y"}
