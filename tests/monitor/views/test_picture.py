"""Constraints as a picture: what hangs on what, at any width and in plain ASCII."""

from __future__ import annotations

import pytest

from hashell.cib.document import Cib
from hashell.monitor.glyphs import ASCII, UNICODE
from hashell.monitor.views.picture import lines


def cib(constraints: str, nodes: int = 3) -> Cib:
    names = "".join(f'<node id="{number}" uname="node{number}"/>' for number in range(1, nodes + 1))
    resources = "".join(
        f'<primitive id="{name}" class="ocf" provider="hashell" type="Dummy"/>' for name in ("db", "web", "mail", "ip")
    )
    return Cib.parse(
        f'<cib validate-with="pacemaker-3.9"><configuration><crm_config/><nodes>{names}</nodes><resources>{resources}'
        f'<group id="g"><primitive id="a" class="ocf" provider="hashell" type="Dummy"/>'
        f'<primitive id="b" class="ocf" provider="hashell" type="Dummy"/></group></resources>'
        f"<constraints>{constraints}</constraints></configuration><status/></cib>"
    )


def drawn(made: Cib, width: int = 80, glyphs=ASCII) -> list[str]:
    return [line.text for line in lines(made, glyphs, width)]


def test_an_order_is_a_tree_whose_branches_are_what_starts_later():
    rows = drawn(cib(
        '<rsc_order id="o1" first="db" then="web"/><rsc_order id="o2" first="db" then="mail" kind="Optional"/>'
        '<rsc_order id="o3" first="web" then="ip"/>'
    ))

    assert "  db" in rows
    assert "  |--> web  o1" in rows
    assert "  |    `--> ip  o3" in rows
    assert "  `..> mail  if both  o2" in rows


def test_what_hangs_below_two_is_drawn_once_and_named_at_the_other_place():
    rows = drawn(cib(
        '<rsc_order id="o1" first="db" then="web"/><rsc_order id="o2" first="ip" then="web"/>'
        '<rsc_order id="o3" first="web" then="mail"/>'
    ))

    assert sum("mail" in row for row in rows) == 1
    assert any("web  (drawn above)  o2" in row for row in rows)


def test_a_ring_of_orders_is_drawn_and_ends():
    rows = drawn(cib('<rsc_order id="o1" first="db" then="web"/><rsc_order id="o2" first="web" then="db"/>'))

    assert [row.split()[-1] for row in rows if row.endswith(("o1", "o2"))] == ["o1", "o2"]


def test_a_set_that_is_not_sequential_is_one_step_and_a_sequential_one_several():
    rows = drawn(cib(
        '<rsc_order id="o"><resource_set id="s1" sequential="false"><resource_ref id="db"/><resource_ref id="ip"/>'
        '</resource_set><resource_set id="s2"><resource_ref id="web"/><resource_ref id="mail"/></resource_set>'
        "</rsc_order>"
    ))

    assert "  (db ip)" in rows
    assert "  `--> web  o" in rows
    assert "       `--> mail  o" in rows


def test_colocations_say_who_must_follow_who_would_like_to_and_who_must_not():
    rows = drawn(cib(
        '<rsc_colocation id="c1" rsc="web" with-rsc="ip" score="INFINITY"/>'
        '<rsc_colocation id="c2" rsc="mail" with-rsc="ip" score="50"/>'
        '<rsc_colocation id="c3" rsc="db" with-rsc="ip" score="-INFINITY"/>'
    ))

    assert "  |=== web  c1" in rows
    assert "  |--- mail  50  c2" in rows
    assert "  `--X db  c3" in rows


def test_in_colocated_sets_a_later_set_decides_for_the_one_before_it():
    rows = drawn(cib(
        '<rsc_colocation id="c" score="INFINITY"><resource_set id="s1"><resource_ref id="web"/></resource_set>'
        '<resource_set id="s2"><resource_ref id="db"/></resource_set></rsc_colocation>'
    ))

    assert rows.index("  db") < rows.index("  `=== web  c")


PLACES = (
    '<rsc_location id="l1" rsc="db" node="node1" score="INFINITY"/>'
    '<rsc_location id="l2" rsc="db" node="node3" score="-INFINITY"/>'
    '<rsc_location id="l3" rsc="web" node="node2" score="100"/>'
    '<rsc_location id="l4" rsc="ip"><rule id="r" score="-INFINITY"><expression id="e" attribute="pingd" '
    'operation="not_defined"/></rule></rsc_location>'
)


def test_points_stand_in_a_table_of_resources_and_nodes_with_rules_in_words():
    rows = drawn(cib(PLACES))

    table = {row.split()[0]: row.split()[1:] for row in rows[rows.index(next(r for r in rows if "node1" in r)) + 1 :]}
    assert table["db"] == ["inf", ".", "-inf"]
    assert table["web"] == [".", "100", "."]
    assert any("ip" in row and "-inf: if pingd not_defined" in row for row in rows)


def test_where_a_table_does_not_fit_each_resource_names_its_nodes():
    rows = drawn(cib(PLACES, nodes=16))

    assert any(row.split() == ["db", "node1:", "inf", "node3:", "-inf"] for row in rows)


@pytest.mark.parametrize("glyphs", [ASCII, UNICODE])
def test_a_picture_at_80_columns_keeps_within_them_and_to_the_characters_of_the_terminal(glyphs):
    more = '<rsc_order id="o1" first="db" then="web"/><rsc_ticket id="t" rsc="db" ticket="T"/>'
    rows = drawn(cib(PLACES + more), 80, glyphs)

    assert max(map(len, rows)) <= 80
    if glyphs is ASCII:
        assert all(row.isascii() for row in rows)


def test_a_row_of_the_picture_leads_to_its_constraint():
    found = lines(cib('<rsc_order id="o1" first="db" then="web"/>'), ASCII, 80)

    assert ("constraint", "o1") in {(line.kind, line.about) for line in found}


def test_members_of_a_group_follow_one_another_and_wrap_at_a_narrow_width():
    assert "  g: a --> b" in drawn(cib(""))
    assert [row for row in drawn(cib(""), 10) if "b" in row.split()] == ["     b"]
