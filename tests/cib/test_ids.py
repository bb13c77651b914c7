"""Ids that are free and valid, and who refers to them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.cib.document import Cib
from hashell.cib.ids import (
    defined_ids,
    is_valid_id,
    references,
    rename_id,
    sanitize_id,
    unique_id,
)

CIB = Cib.parse(
    "<cib><configuration><resources><primitive id='web'><meta_attributes id-ref='m'/></primitive>"
    "<primitive id='db'/></resources><constraints><rsc_location id='l' rsc='web'/>"
    "<rsc_order id='o'><resource_set id='s'><resource_ref id='web'/></resource_set></rsc_order>"
    "</constraints><tags><tag id='t'><obj_ref id='web'/></tag></tags>"
    "<acls><acl_target id='u'><role id='r'/></acl_target><acl_role id='r'>"
    "<acl_permission id='p' reference='web' kind='read'/></acl_role></acls></configuration>"
    "<status><node_state id='web'/></status></cib>"
)


def test_an_id_that_is_free_is_taken_as_it_is():
    assert unique_id(CIB.root, "new") == "new"


def test_an_id_that_is_taken_gets_the_first_free_number():
    root = CIB.copy_root()
    assert unique_id(root, "web") == "web-1"
    root.find(".//primitive[@id='db']").set("id", "web-1")
    assert unique_id(root, "web") == "web-2"


def test_only_definitions_take_an_id():
    assert defined_ids(CIB.root) == {"web", "db", "l", "o", "s", "t", "u", "r", "p"}


@given(st.text())
def test_any_text_becomes_a_valid_id(text):
    assert is_valid_id(sanitize_id(text))


@given(st.text())
def test_a_valid_id_stays_as_it_is(text):
    if is_valid_id(text):
        assert sanitize_id(text) == text


def test_bad_characters_become_dots_and_a_bad_start_an_underscore():
    assert sanitize_id("1 web:x") == "_.web.x"


def test_all_who_refer_to_a_resource_are_found():
    found = [(r.element.tag, r.attribute) for r in references(CIB.root, "web")]
    assert found == [
        ("rsc_location", "rsc"), ("resource_ref", "id"), ("obj_ref", "id"),
        ("acl_permission", "reference"),
    ]


def test_renaming_takes_the_references_along_and_leaves_the_status_alone():
    root = CIB.copy_root()
    assert rename_id(root, "web", "www") == 5
    assert not list(references(root, "web"))
    assert "www" in defined_ids(root)
    assert root.find("status/node_state").get("id") == "web"
