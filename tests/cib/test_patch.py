"""Patches that fit, that do not, and that are none."""

from __future__ import annotations

import pytest

from hashell.cib.digest import document_digest
from hashell.cib.document import Cib, parse_fragment
from hashell.cib.patch import BadPatch, PatchMismatch, apply_patch, find_by_path, versions_of
from hashell.cib.versions import Version

CIB = Cib.parse(
    "<cib admin_epoch='0' epoch='4' num_updates='2'><configuration><!--x--><resources>"
    "<primitive id='a'/><primitive id='b'/><!--y--></resources></configuration><status/></cib>"
)


def _patch(*changes: str, source: str = "", target: str = "", more: str = ""):
    version = ""
    for which, text in (("source", source), ("target", target)):
        if text:
            admin, epoch, updates = text.split(".")
            version += (
                f"<{which} admin_epoch='{admin}' epoch='{epoch}' num_updates='{updates}'/>"
            )
    return parse_fragment(
        f"<diff format='2' {more}><version>{version}</version>{''.join(changes)}</diff>"
    )


def _apply(*changes: str, **more: str) -> str:
    patched = apply_patch(CIB, _patch(*changes, **more), check_version=bool(more))
    return patched.to_bytes().decode()


def test_an_attribute_that_the_result_does_not_name_is_removed():
    change = (
        "<change operation='modify' path=\"/cib/configuration/resources/primitive[@id='a']\">"
        "<change-list/><change-result><primitive id='a' class='ocf'/></change-result></change>"
    )
    assert '<primitive id="a" class="ocf"/>' in _apply(change)


def test_what_is_created_stands_at_its_position():
    made = _apply(
        "<change operation='create' path='/cib/configuration/resources' position='1'>"
        "<primitive id='c'/></change>"
    )
    assert '<primitive id="a"/><primitive id="c"/><primitive id="b"/>' in made


def test_creations_are_done_by_position_whatever_their_order_in_the_patch():
    path = "path='/cib/configuration/resources'"
    made = _apply(
        f"<change operation='create' {path} position='3'><primitive id='d'/></change>",
        f"<change operation='create' {path} position='0'><primitive id='c'/></change>",
    )
    assert (
        '<primitive id="c"/><primitive id="a"/><primitive id="b"/><primitive id="d"/><!--y-->'
        in made
    )


def test_an_element_is_moved_to_its_position():
    made = _apply(
        "<change operation='move' path=\"/cib/configuration/resources/primitive[@id='b']\""
        " position='0'/>"
    )
    assert '<primitive id="b"/><primitive id="a"/>' in made


def test_a_comment_is_deleted_by_its_position():
    made = _apply(
        "<change operation='delete' path='/cib/configuration/resources/comment' position='2'/>"
    )
    assert "<!--y-->" not in made
    assert "<!--x-->" in made


def test_deleting_what_is_gone_already_is_no_error():
    assert _apply("<change operation='delete' path=\"/cib/tags/tag[@id='z']\"/>")


@pytest.mark.parametrize("operation", ["modify", "create", "move"])
def test_a_path_that_leads_nowhere_is_a_mismatch(operation):
    with pytest.raises(PatchMismatch, match="primitive"):
        _apply(f"<change operation='{operation}' path=\"/cib/primitive[@id='z']\" position='0'/>")


def test_a_patch_from_another_version_is_refused():
    with pytest.raises(PatchMismatch, match=r"0\.3\.0.*0\.4\.2"):
        _apply(source="0.3.0", target="0.4.0")


def test_a_patch_that_does_not_lead_forward_is_refused():
    with pytest.raises(PatchMismatch, match="not newer"):
        _apply(source="0.4.2", target="0.4.2")


def test_versions_are_compared_only_on_demand():
    assert apply_patch(CIB, _patch(source="0.3.0", target="0.2.0"), check_version=False)


def test_a_patch_tells_its_versions():
    patch = _patch(source="0.4.2", target="1.0.0")
    assert versions_of(patch) == (Version(0, 4, 2), Version(1, 0, 0))
    assert versions_of(_patch()) == (None, None)


def test_a_wrong_digest_of_the_result_is_a_mismatch():
    good = document_digest(CIB)
    assert apply_patch(CIB, _patch(more=f"digest='{good}'"), check_version=False)
    with pytest.raises(PatchMismatch, match="digest"):
        apply_patch(CIB, _patch(more="digest='00'"), check_version=False)


@pytest.mark.parametrize(
    "patch",
    [
        "<cib/>",
        "<diff/>",
        "<diff format='1'/>",
        "<diff format='2'><change operation='explode' path='/cib'/></diff>",
        "<diff format='2'><change operation='delete' path='/cib'/></diff>",
        "<diff format='2'><change operation='modify' path='/cib'/></diff>",
        "<diff format='2'><change operation='create' path='/cib'/></diff>",
        "<diff format='2'><change operation='create' path='/cib' position='x'><a/></change></diff>",
        "<diff format='2'><version><source epoch='x'/></version></diff>",
    ],
)
def test_what_is_no_patch_is_told_so(patch):
    with pytest.raises(BadPatch):
        apply_patch(CIB, parse_fragment(patch))


def test_an_error_leaves_the_document_as_it_was():
    before = CIB.to_bytes()
    with pytest.raises(PatchMismatch):
        _apply(
            "<change operation='delete' path='/cib/configuration/resources'/>",
            "<change operation='move' path='/cib/nowhere' position='0'/>",
        )
    assert CIB.to_bytes() == before


def test_a_step_without_id_finds_the_first_of_its_tag():
    found = find_by_path(CIB.root, "/cib/configuration/resources/primitive")
    assert found is not None
    assert found.get("id") == "a"
    assert find_by_path(CIB.root, "/cib/configurat") is None
    assert find_by_path(CIB.root, "") is None
    assert find_by_path(CIB.root, "cib") is None
