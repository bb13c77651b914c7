"""XML while it is typed: colours, and offers from the schema."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hashell.cib.document import Cib
from hashell.monitor import xml_typing

ROOT = Cib.parse('<cib validate-with="pacemaker-3.9"><configuration/><status/></cib>').root
RESOURCES = ("cib", "configuration", "resources")


def offered(before: str, path=RESOURCES) -> list[str]:
    return [one.text for one in xml_typing.offers(before, ROOT, path)]


def test_elements_that_may_stand_there_are_offered_after_an_opening_bracket():
    assert "operations" in offered('<primitive id="a"><o')
    assert "op" in offered('<primitive id="a"><operations><o')
    assert "op" not in offered('<primitive id="a"><o')


def test_attributes_are_offered_with_the_required_ones_first_and_none_twice():
    found = offered('<rsc_order id="o" ', ("cib", "configuration", "constraints"))

    assert "first=\"" in found
    assert "id=\"" not in found
    assert offered("<rsc_ticket ", ("cib", "configuration", "constraints"))[0] in ('id="', 'ticket="')


def test_values_that_an_attribute_may_have_are_offered_inside_the_quotes():
    assert offered('<rsc_order id="o" kind="O', ("cib", "configuration", "constraints")) == ["Optional"]


def test_an_open_element_is_offered_to_be_closed():
    assert offered('<primitive id="a"><operations></') == ["operations>"]


def test_hues_are_in_order_and_do_not_overlap():
    found = xml_typing.hues('<a id="x" b=\'y\'><!-- c --><d/></a>')

    assert all(one[1] <= other[0] for one, other in pairwise(found))
    assert ("ok" in {meaning for *_, meaning in found}) and ("muted" in {meaning for *_, meaning in found})


@given(st.text(alphabet="<>/=\"' abidoprimitive!-\n", max_size=60))
def test_no_text_however_spoiled_breaks_colours_offers_or_troubles(text):
    xml_typing.hues(text)
    xml_typing.offers(text, ROOT, RESOURCES)
    xml_typing.trouble(text)
    xml_typing.findings(text, ROOT, RESOURCES)
