"""What each operation does to a CIB, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.document import BadXml, Cib
from hashell.cib.edit import BadEdit, ElementExists, apply_operation
from hashell.cib.patch import BadPatch
from hashell.cib.query import BadXpath, NothingThere
from hashell.errors import HashellError
from hashell.testing.cibs import cibs

START = (
    "<cib admin_epoch='0' epoch='4' num_updates='2'><configuration><crm_config/><resources>"
    "<primitive id='a' class='ocf'><meta_attributes id='a-m'><nvpair id='n' name='x' value='1'/>"
    "</meta_attributes></primitive><group id='g'><primitive id='b'/></group></resources>"
    "<constraints/></configuration><status/></cib>"
)


def _after(kind: str, xml: str = "", path: str = "") -> etree._Element:
    root = Cib.parse(START).copy_root()
    apply_operation(root, kind, xml.encode(), path)
    return root


def _ids(root: etree._Element, path: str) -> list[str | None]:
    return [element.get("id") for element in root.findall(path)]


def test_modify_sets_attributes_and_keeps_the_others():
    root = _after("modify", "<primitive id='a' type='x'/>", "resources")
    assert dict(root.find(".//primitive[@id='a']").attrib) == {
        "id": "a", "class": "ocf", "type": "x",
    }
    assert root.find(".//nvpair[@id='n']") is not None


def test_modify_adds_what_is_missing():
    root = _after("modify", "<resources><primitive id='c'/></resources>", "resources")
    assert _ids(root, "configuration/resources/*") == ["a", "g", "c"]


def test_modify_merges_deeply_by_tag_and_id():
    root = _after(
        "modify",
        "<primitive id='a'><meta_attributes id='a-m'><nvpair id='n' value='2'/>"
        "<nvpair id='o' name='y'/></meta_attributes></primitive>",
        "resources",
    )
    pairs = [dict(nvpair.attrib) for nvpair in root.iter("nvpair")]
    assert pairs == [{"id": "n", "name": "x", "value": "2"}, {"id": "o", "name": "y"}]


def test_modify_finds_an_element_inside_a_group():
    root = _after("modify", "<primitive id='b' type='y'/>", "resources")
    assert root.find(".//group/primitive").get("type") == "y"
    assert _ids(root, "configuration/resources/*") == ["a", "g"]


def test_modify_without_a_path_knows_where_an_element_belongs():
    root = _after("modify", "<rsc_location id='l'/>")
    assert _ids(root, "configuration/constraints/*") == ["l"]
    assert _after("modify", "<tag id='t'/>").find("configuration/tags/tag") is not None


def test_modify_makes_a_section_that_is_missing():
    root = _after("modify", "<op_defaults><meta_attributes id='m'/></op_defaults>", "op_defaults")
    assert root.find("configuration/op_defaults/meta_attributes") is not None


def test_modify_of_a_whole_cib_merges_all_sections():
    root = _after("modify", "<cib x='1'><status><node_state id='1'/></status></cib>")
    assert root.get("x") == "1"
    assert root.find("status/node_state") is not None
    assert root.find("configuration/resources/primitive") is not None


def test_modify_at_an_xpath_puts_the_element_below_it():
    root = _after("modify", "<meta_attributes id='g-m'/>", "//group[@id='g']")
    assert _ids(root, ".//group/*") == ["b", "g-m"]


def test_a_reference_is_merged_with_the_same_reference():
    root = _after(
        "modify", "<primitive id='a'><meta_attributes id-ref='z'/></primitive>", "resources"
    )
    apply_operation(
        root, "modify", b"<primitive id='a'><meta_attributes id-ref='z' x='1'/></primitive>"
    )
    assert [dict(m.attrib) for m in root.findall(".//primitive[@id='a']/*")] == [
        {"id": "a-m"}, {"id-ref": "z", "x": "1"},
    ]


def test_a_comment_is_merged_once():
    root = _after("modify", "<resources><!--hello--></resources>", "resources")
    apply_operation(root, "modify", b"<resources><!--hello--></resources>", "resources")
    assert etree.tostring(root).count(b"<!--hello-->") == 1


@given(cibs())
@settings(max_examples=50, deadline=None)
def test_modifying_twice_is_modifying_once(cib):
    once = Cib.parse(START).copy_root()
    apply_operation(once, "modify", cib.to_bytes())
    text = etree.tostring(once)
    apply_operation(once, "modify", cib.to_bytes())
    assert etree.tostring(once) == text


def test_create_adds_and_refuses_a_second_one():
    assert _ids(_after("create", "<primitive id='c'/>", "resources"),
                "configuration/resources/*") == ["a", "g", "c"]
    with pytest.raises(ElementExists, match="primitive"):
        _after("create", "<primitive id='a'/>", "resources")


def test_delete_removes_all_that_an_xpath_finds():
    root = _after("delete", path="//primitive")
    assert not list(root.iter("primitive"))
    assert _ids(root, "configuration/resources/*") == ["g"]


def test_delete_of_parent_and_child_together_works():
    assert not list(_after("delete", path="//group | //primitive").iter("primitive"))


def test_deleting_nothing_is_success():
    assert _after("delete", path="//nothing") is not None


def test_delete_by_example_removes_the_element_with_that_id():
    root = _after("delete", "<primitive id='b'/>", "resources")
    assert _ids(root, ".//primitive") == ["a"]


def test_replace_puts_an_element_where_the_old_one_was():
    root = _after("replace", "<primitive id='a' new='1'/>", "resources")
    assert _ids(root, "configuration/resources/*") == ["a", "g"]
    assert len(root.find(".//primitive[@id='a']")) == 0


def test_replace_of_a_section_takes_all_of_it():
    root = _after("replace", "<resources><primitive id='z'/></resources>", "resources")
    assert _ids(root, "configuration/resources/*") == ["z"]


def test_replace_of_the_whole_cib_never_lowers_the_version():
    root = _after("replace", "<cib epoch='1' validate-with='v'><configuration/></cib>")
    assert (root.get("epoch"), root.get("validate-with")) == ("4", "v")
    assert [child.tag for child in root] == ["configuration"]
    assert _after("replace", "<cib epoch='9'><configuration/></cib>").get("epoch") == "9"


def test_a_patch_is_applied_whatever_its_versions():
    root = _after(
        "patch",
        "<diff format='2'><version><source admin_epoch='0' epoch='1' num_updates='0'/></version>"
        "<change operation='delete' path='/cib/status'/></diff>",
    )
    assert root.find("status") is None


@pytest.mark.parametrize(
    ("kind", "xml", "path", "error"),
    [
        ("explode", "<a/>", "", BadEdit),
        ("modify", "", "resources", BadEdit),
        ("modify", "<primitive", "resources", BadXml),
        ("modify", "<primitive id='z'/>", "nowhere", BadEdit),
        ("modify", "<nvpair id='z'/>", "", BadEdit),
        ("modify", "<cib/>", "//group", BadEdit),
        ("modify", "<a/>", "//nothing", NothingThere),
        ("create", "<a/>", "//nothing", NothingThere),
        ("create", "<cib/>", "", BadEdit),
        ("replace", "<primitive id='z'/>", "resources", NothingThere),
        ("replace", "<a/>", "//nothing", NothingThere),
        ("replace", "<a/>", "/cib", BadEdit),
        ("delete", "", "", BadEdit),
        ("delete", "", "/cib", BadEdit),
        ("delete", "", "//[", BadXpath),
        ("delete", "", "/" + "a" * 10_000, BadXpath),
        ("delete", "", "//nvpair[re:test(@id,'(a+)+$')]", BadXpath),
        ("patch", "<cib/>", "", BadPatch),
    ],
)
def test_what_cannot_be_done_is_one_clear_error(kind, xml, path, error):
    with pytest.raises(error) as caught:
        _after(kind, xml, path)
    assert caught.value.message
    assert caught.value.hint


@given(
    st.sampled_from(["modify", "create", "replace", "patch", "delete"]),
    st.one_of(st.binary(max_size=20), cibs().map(Cib.to_bytes)),
    st.text("/*cib[]@id='a|().", max_size=12),
)
@settings(max_examples=120, deadline=None)
def test_no_input_makes_anything_but_a_result_or_a_clear_error(kind, xml, path):
    root = Cib.parse(START).copy_root()
    try:
        apply_operation(root, kind, xml, path)
    except HashellError as error:
        assert error.message
