"""What is read as a CIB, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.cib import document
from hashell.cib.document import BadXml, Cib, parse_xml


def test_an_empty_cib_has_its_sections():
    cib = Cib.empty()
    assert cib.section("resources") is not None
    assert cib.status is not None
    assert str(cib.version) == "0.0.0"


def test_text_between_elements_is_dropped_and_comments_stay():
    cib = Cib.parse("<cib>\n <!--c--> x <status> </status>\n</cib>")
    assert cib.to_bytes() == b"<cib><!--c--><status/></cib>"


@pytest.mark.parametrize(
    "text",
    [
        "", "<cib>", "<nodes/>", "<cib/><cib/>",
        "<!DOCTYPE cib [<!ENTITY a 'b'>]><cib x='&a;'/>",
        "<!DOCTYPE cib SYSTEM 'file:///etc/passwd'><cib/>",
        "<a>" * 100 + "</a>" * 100,
    ],
)
def test_what_is_no_safe_cib_is_refused(text):
    with pytest.raises(BadXml):
        Cib.parse(text)


def test_the_depth_is_bounded_exactly():
    inside = document.DEPTH_MAX
    assert parse_xml("<a>" * inside + "</a>" * inside).tag == "a"
    with pytest.raises(BadXml, match="deeper"):
        parse_xml("<a>" * (inside + 1) + "</a>" * (inside + 1))


def test_the_size_is_bounded(monkeypatch):
    monkeypatch.setattr(document, "SIZE_MAX", 10)
    with pytest.raises(BadXml, match="at most"):
        parse_xml("<a>aaaaaaaaaa</a>")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_document_or_one_clear_error(data):
    try:
        parse_xml(data)
    except BadXml as error:
        assert error.message


def test_a_copy_can_be_changed_without_changing_the_document():
    cib = Cib.empty()
    cib.copy_root().set("epoch", "9")
    assert cib.version.epoch == 0


def test_ids_of_the_status_are_not_those_of_the_configuration():
    cib = Cib.parse(
        "<cib><configuration><nodes><node id='1'/></nodes></configuration>"
        "<status><node_state id='2'/></status></cib>"
    )
    assert list(cib.ids()) == ["1"]
    assert cib.by_id("1") is not None
    assert cib.by_id("2") is None
