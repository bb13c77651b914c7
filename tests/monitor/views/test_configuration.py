"""The configuration as lines: no tabs, and every row knows what it belongs to."""

from __future__ import annotations

from pathlib import Path

from hashell.cib.document import Cib
from hashell.entry_points import _crm_text
from hashell.monitor.views.configuration import crm_lines, xml_lines

CIB = Cib.parse((Path(__file__).resolve().parents[2] / "benchmarks" / "three_nodes.xml").read_bytes())


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
