"""Rules: parsed from a CIB's XML and evaluated against what is known."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.rules.evaluate import RuleInput, compare, compare_versions, evaluate, expand_submatches
from hashell.rules.expressions import Invalid, Rule, ValueType
from hashell.rules.iso8601 import parse_moment
from hashell.rules.parse import DEPTH_MAX, parse_rule


def rule(inner: str, attributes: str = "") -> Rule:
    parsed = parse_rule(etree.fromstring(f'<rule id="r" {attributes}>{inner}</rule>'), lambda ident: None)
    assert isinstance(parsed, Rule)
    return parsed


def met(inner: str, attributes: str = "", **known: object) -> bool:
    return evaluate(rule(inner, attributes), RuleInput(known.pop("now_s", 0), **known)).met  # type: ignore[arg-type]


def expression(operation: str, value: str | None = None, **more: str) -> str:
    words = {"attribute": "a", "operation": operation, **more}
    if value is not None:
        words["value"] = value
    return '<expression id="e" ' + " ".join(f'{k.replace("_", "-")}="{v}"' for k, v in words.items()) + "/>"


@pytest.mark.parametrize(
    ("operation", "value", "actual", "holds"),
    [
        ("eq", "x", "X", True), ("eq", "x", "y", False), ("eq", "x", None, False),
        ("ne", "x", "y", True), ("ne", "x", None, True),
        ("lt", "10", "9", True), ("lt", "10", "10", False), ("lte", "10", "10", True),
        ("gt", "10", "9", False), ("gt", "9", "10", True), ("gte", "10", "10", True),
        ("gt", "9", None, False), ("lt", "9", None, False),
        ("gt", "1.5", "1.10", False), ("GT", "1.05", "1.10", True),
    ],
)
def test_attributes_are_compared(operation, value, actual, holds):
    attributes = {} if actual is None else {"a": actual}

    assert met(expression(operation, value), node_attributes=attributes) is holds


def test_defined_asks_only_whether_there_is_a_value():
    assert met(expression("defined"), node_attributes={"a": ""})
    assert met(expression("not_defined"), node_attributes={})
    assert met(expression("not_defined"))
    assert not met(expression("defined", "x"), node_attributes={"a": "x"})


def test_versions_and_numbers_are_compared_as_such():
    assert met(expression("gt", "1.9", type="version"), node_attributes={"a": "1.10"})
    assert not met(expression("gt", "1.9", type="number"), node_attributes={"a": "1.10"})
    assert met(expression("eq", "1.0", type="number"), node_attributes={"a": "1"})


def test_the_value_can_come_from_parameters_or_meta_attributes():
    assert met(
        expression("eq", "size", value_source="param"), node_attributes={"a": "3"}, parameters={"size": "3"}
    )
    assert met(expression("eq", "size", value_source="meta"), node_attributes={"a": "3"}, meta={"size": "3"})
    assert not met(expression("eq", "size", value_source="meta"), node_attributes={"a": "3"})


def test_submatches_of_a_pattern_stand_for_what_it_found():
    match = re.fullmatch("ip-(.*?)(x)?", "ip-db")
    assert match is not None

    assert expand_submatches("loc-%1-%2%9", match) == "loc-db-"
    assert met('<expression id="e" attribute="loc-%1" operation="defined"/>', node_attributes={"loc-db": "1"},
               pattern=match)


@pytest.mark.parametrize(
    ("inner", "holds"),
    [
        ('<rsc_expression id="e" class="ocf" type="Dummy"/>', True),
        ('<rsc_expression id="e" class="ocf" provider="linbit"/>', False),
        ('<rsc_expression id="e"/>', True),
        ('<op_expression id="e" name="monitor"/>', True),
        ('<op_expression id="e" name="monitor" interval="10s"/>', True),
        ('<op_expression id="e" name="monitor" interval="20s"/>', False),
        ('<op_expression id="e" name="start"/>', False),
    ],
)
def test_agents_and_operations_are_matched(inner, holds):
    known = {
        "standard": "ocf", "provider": "heartbeat", "type": "Dummy", "operation": "monitor", "interval_ms": 10_000,
    }

    assert met(inner, **known) is holds


TRUE = '<expression id="t" attribute="x" operation="not_defined"/>'
FALSE = '<expression id="f" attribute="x" operation="defined"/>'


def test_conditions_are_joined_by_and_unless_or_is_said():
    assert not met(TRUE + FALSE)
    assert met(TRUE + FALSE, 'boolean-op="or"')
    assert not met(FALSE + FALSE, 'boolean-op="OR"')
    assert met(TRUE + f'<rule id="n" boolean-op="or">{FALSE}{TRUE}</rule>')


def test_a_rule_without_conditions_holds():
    assert met("")
    assert met("", 'boolean-op="or"')


def seconds(text: str) -> int:
    moment = parse_moment(text)
    assert moment is not None
    return moment.epoch_s


@pytest.mark.parametrize(
    ("inner", "now", "holds", "changes"),
    [
        ('operation="gt" start="2024-01-10"', "2024-01-10", False, "2024-01-10 00:00:01"),
        ('operation="gt" start="2024-01-10"', "2024-01-11", True, None),
        ('operation="lt" end="2024-01-10"', "2024-01-09", True, "2024-01-10"),
        ('operation="lt" end="2024-01-10"', "2024-01-10", False, None),
        ('start="2024-01-10" end="2024-01-20"', "2024-01-01", False, "2024-01-10"),
        ('operation="in_range" start="2024-01-10" end="2024-01-20"', "2024-01-20", True, "2024-01-20 00:00:01"),
        ('operation="in_range" start="2024-01-10" end="2024-01-20"', "2024-01-21", False, None),
        ('operation="in_range" end="2024-01-20"', "2024-01-01", True, "2024-01-20 00:00:01"),
    ],
)
def test_dates_tell_whether_they_hold_and_until_when(inner, now, holds, changes):
    verdict = evaluate(rule(f'<date_expression id="d" {inner}/>'), RuleInput(seconds(now)))

    assert verdict == (holds, None if changes is None else seconds(changes))


def test_a_duration_ends_a_range():
    inner = '<date_expression id="d" start="2024-01-31"><duration id="u" months="1"/></date_expression>'

    assert met(inner, now_s=seconds("2024-02-29 00:00:00"))
    assert not met(inner, now_s=seconds("2024-02-29 00:00:01"))


def test_a_date_specification_is_meant_in_the_zone_of_the_cluster():
    inner = '<date_expression id="d" operation="date_spec"><date_spec id="s" hours="9-16"/></date_expression>'

    assert not met(inner, now_s=seconds("2024-01-01 08:00:00"))
    assert met(inner, now_s=seconds("2024-01-01 08:00:00"), offset_s=3600)


def test_of_several_changes_the_first_counts_and_only_of_what_was_looked_at():
    early = '<date_expression id="a" operation="lt" end="2024-01-10"/>'
    late = '<date_expression id="b" operation="lt" end="2024-02-10"/>'
    now = RuleInput(seconds("2024-01-01"))

    assert evaluate(rule(late + early), now).changes_at == seconds("2024-01-10")
    assert evaluate(rule(late + early, 'boolean-op="or"'), now).changes_at == seconds("2024-02-10")


@pytest.mark.parametrize(
    "inner",
    [
        expression("like", "x"), expression("eq"), expression("eq", "x", type="colour"),
        expression("eq", "x", value_source="moon"), '<expression id="e" operation="eq" value="x"/>',
        '<expression attribute="a" operation="eq" value="x"/>', "<colour id='c'/>",
        '<date_expression id="d" operation="gt"/>', '<date_expression id="d" operation="lt"/>',
        '<date_expression id="d"/>', '<date_expression id="d" operation="gt" start="soon"/>',
        '<date_expression id="d" operation="when"/>', '<date_expression start="2024-01-01"/>',
        '<date_expression id="d" operation="date_spec"/>',
        '<date_expression id="d" operation="date_spec"><date_spec id="s" hours="x"/></date_expression>',
        '<date_expression id="d" operation="date_spec"><date_spec hours="1"/></date_expression>',
        '<date_expression id="d" start="2024-01-01"><duration id="u" days="x"/></date_expression>',
        '<op_expression id="o"/>', '<op_expression id="o" name="start" interval="soon"/>',
        '<rsc_expression/>', '<rule/>', '<rule id="x" boolean-op="xor"/>', '<rule id-ref="gone"/>',
    ],
)
def test_what_makes_no_sense_never_holds_and_says_why(inner):
    parsed = rule(inner)

    (condition,) = parsed.conditions
    assert isinstance(condition, Invalid)
    assert condition.problem
    assert not evaluate(parsed, RuleInput(0, node_attributes={"a": "x"})).met


def test_a_reference_is_followed():
    elsewhere = etree.fromstring(f'<rule id="there">{TRUE}</rule>')

    parsed = parse_rule(etree.fromstring('<rule id-ref="there"/>'), {"there": elsewhere}.get)

    assert isinstance(parsed, Rule)
    assert evaluate(parsed, RuleInput(0)).met


def test_rules_in_rules_have_an_end():
    text = TRUE
    for depth in range(DEPTH_MAX + 5):
        text = f'<rule id="r{depth}">{text}</rule>'

    parsed = parse_rule(etree.fromstring(text), lambda ident: None)

    assert not evaluate(parsed, RuleInput(0)).met


def test_a_rule_that_refers_to_itself_has_an_end():
    loop = etree.fromstring('<rule id="a"><rule id-ref="a"/></rule>')

    assert not evaluate(parse_rule(loop, {"a": loop}.get), RuleInput(0)).met


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("1.2", "1.10", -1), ("1.0", "1", 0), ("2", "1.9.9", 1), ("1.2.3-rc1", "1.2.3", 0), ("x", "0", 0)],
)
def test_versions_are_ordered_number_by_number(one, other, expected):
    assert compare_versions(one, other) == expected


values = st.one_of(st.none(), st.text(alphabet="0123456789.-abX ", max_size=6))


@given(values, values, st.sampled_from(ValueType))
def test_comparing_is_the_same_from_both_sides(one, other, kind):
    assert compare(one, other, kind) == -compare(other, one, kind)
    assert compare(one, one, kind) == 0
