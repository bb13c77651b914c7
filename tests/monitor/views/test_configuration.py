"""The configuration as lines: no tabs, and every row knows what it belongs to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hashell.cib.document import Cib
from hashell.monitor.glyphs import ASCII, UNICODE
from hashell.monitor.scene import NOTHING
from hashell.monitor.views import Wishes, configuration_tree
from hashell.monitor.views.configuration import SHAPES, build, crm_lines, object_row, xml_lines
from hashell.shell.crm.lending import CrmLanguage

CIB = Cib.parse((Path(__file__).resolve().parents[2] / "benchmarks" / "three_nodes.xml").read_bytes())
_crm_text = CrmLanguage().text


def test_a_row_of_crm_text_holds_no_tab_since_a_screen_has_cells_and_no_stops():
    assert not any("\t" in line.text for line in crm_lines(CIB, _crm_text))


def test_rows_of_crm_text_know_the_node_resource_or_constraint_that_they_belong_to():
    found = {(line.kind, line.about) for line in crm_lines(CIB, _crm_text)}

    assert {("node", "node1"), ("resource", "http"), ("resource", "web"), ("constraint", "web-prefers")} <= found
    parameters = next(line for line in crm_lines(CIB, _crm_text) if "configfile" in line.text)
    assert parameters.about == "http"


def test_xml_rows_open_and_close_every_element_with_children():
    texts = [line.text.strip() for line in xml_lines(CIB)]

    assert texts[0] == "<configuration>"
    assert texts[-1] == "</configuration>"
    assert texts.count("<resources>") == texts.count("</resources>") == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_leads_to_a_resource_and_a_constraint_and_has_no_key_twice(shape):
    lines = build(replace(NOTHING, cib=CIB), Wishes(crm_text=_crm_text, shape=shape))

    keys = [line.key for line in lines]
    assert len(keys) == len(set(keys))
    assert object_row(lines, "web")
    assert object_row(lines, "web-with-ping")
    assert not object_row(lines, "nobody")


def test_without_a_writer_of_the_crm_language_the_configuration_is_shown_as_xml():
    lines = build(replace(NOTHING, cib=CIB), Wishes(shape="crm"))

    assert any("<primitive" in line.text for line in lines)


def test_every_row_of_xml_inside_an_object_belongs_to_it():
    row = next(line for line in xml_lines(CIB) if "http-mon" in line.text)

    assert (row.kind, row.about) == ("resource", "http")


@pytest.mark.parametrize("shape", ["tree", "xml"])
def test_secrets_are_starred_where_they_are_only_looked_at(shape):
    cib = Cib.parse(CIB.to_bytes().replace(b'name="configfile"', b'name="passwd"'))

    text = "\n".join(line.text for line in build(replace(NOTHING, cib=cib), Wishes(shape=shape)))

    assert "apache2.conf" not in text
    assert "******" in text


def test_the_tree_says_in_words_what_each_object_is_and_has():
    text = "\n".join(line.text for line in configuration_tree.lines(CIB, UNICODE))

    assert "primitive http  ocf:heartbeat:apache" in text
    assert "web with pings: 50" in text
    assert "op name=monitor interval=20s timeout=40s" in text
    assert "stonith-enabled=false" in text
    assert all(line.text.isascii() for line in configuration_tree.lines(CIB, ASCII))
