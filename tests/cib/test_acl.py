"""Who may see and change what."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from lxml import etree

from hashell.cib.acl import (
    PermissionDenied,
    acls_enabled,
    check_write,
    denied_changes,
    permissions_of,
    readable_part,
)
from hashell.cib.document import Cib
from hashell.cib.edit import apply_operation
from hashell.testing.cibs import cibs

ROLES = """
<acl_role id="read_all"><acl_permission id="p1" kind="read" xpath="/cib"/></acl_role>
<acl_role id="operator">
  <acl_permission id="p2" kind="write" xpath="//crm_config//nvpair[@name='maintenance-mode']"/>
  <acl_permission id="p3" kind="write" object-type="rsc_location"/>
  <acl_permission id="p4" kind="write" reference="web"/>
</acl_role>
<acl_role id="admin"><acl_permission id="p5" kind="write" xpath="/cib"/></acl_role>
<acl_role id="no_secrets">
  <acl_permission id="p6" kind="deny" xpath="//nvpair[@name='password']"/></acl_role>
<acl_role id="names"><acl_permission id="p7" kind="read" xpath="/cib/configuration/resources"/>
  <acl_permission id="p8" kind="deny" xpath="//instance_attributes"/></acl_role>
<acl_role id="one"><acl_permission id="p9" kind="read" xpath="//nvpair/@value"/></acl_role>
<acl_role id="broken_deny"><acl_permission id="p10" kind="deny" xpath="//["/></acl_role>
<acl_role id="typed">
  <acl_permission id="p11" kind="read" object-type="nvpair" attribute="value"/></acl_role>
"""


def _cib(enabled: str = "true", **who: str) -> Cib:
    targets = "".join(
        f"<acl_target id='{user}'>" + "".join(f"<role id='{r}'/>" for r in roles.split()) +
        "</acl_target>" for user, roles in who.items()
    )
    return Cib.parse(
        "<cib admin_epoch='0' epoch='1' num_updates='0'><configuration><crm_config>"
        "<cluster_property_set id='cib-bootstrap-options'>"
        f"<nvpair id='acl' name='enable-acl' value='{enabled}'/>"
        "<nvpair id='mm' name='maintenance-mode' value='false'/></cluster_property_set>"
        "</crm_config><resources><primitive id='web' class='ocf'><instance_attributes id='ia'>"
        "<nvpair id='pw' name='password' value='secret'/><nvpair id='ip' name='ip' value='1'/>"
        "</instance_attributes></primitive><primitive id='db' class='lsb'/></resources>"
        f"<constraints/><acls>{ROLES}{targets}</acls></configuration><status/></cib>"
    )


def _sees(cib: Cib, user: str) -> str:
    part = readable_part(cib, permissions_of(cib, user))
    return "" if part is None else part.to_bytes().decode()


def _may(cib: Cib, user: str, *operation: str, groups: tuple[str, ...] = ()) -> bool:
    kind, xml, path = (*operation, "", "")[:3]
    root = cib.copy_root()
    apply_operation(root, kind, xml.encode(), path)
    return not list(denied_changes(cib, Cib(root), permissions_of(cib, user, groups)))


def test_lists_count_only_when_they_are_switched_on():
    assert acls_enabled(_cib())
    assert not acls_enabled(_cib("false"))
    assert _may(_cib("false"), "eve", "delete", "", "//primitive")
    assert "secret" in _sees(_cib("false"), "eve")


@pytest.mark.parametrize("user", ["root", "hacluster", ""])
def test_the_privileged_may_do_everything(user):
    assert "secret" in _sees(_cib(), user)
    assert _may(_cib(), user, "delete", "", "//primitive")


def test_who_has_no_role_sees_nothing_and_changes_nothing():
    cib = _cib()
    assert readable_part(cib, permissions_of(cib, "eve")) is None
    assert not _may(cib, "eve", "delete", "", "//primitive")


def test_a_reader_sees_all_and_changes_nothing():
    cib = _cib(bob="read_all")
    assert _sees(cib, "bob") == cib.to_bytes().decode()
    assert not _may(cib, "bob", "modify", "<primitive id='web' type='x'/>", "resources")


def test_an_administrator_changes_all():
    cib = _cib(dave="admin")
    assert _may(cib, "dave", "delete", "", "//primitive")
    assert _may(cib, "dave", "create", "<primitive id='new' class='lsb'/>", "resources")


def test_what_is_denied_is_left_out_of_what_is_readable():
    seen = _sees(_cib(amy="read_all no_secrets"), "amy")
    assert 'value="secret"' not in seen
    assert 'name="ip"' in seen


def test_around_something_readable_only_elements_with_their_ids_remain():
    seen = _sees(_cib(amy="names"), "amy")
    assert "maintenance" not in seen
    assert "secret" not in seen
    assert '<primitive id="web" class="ocf"/>' in seen
    assert seen.startswith("<cib><configuration><resources>")


def test_a_permission_for_an_attribute_holds_for_its_element():
    seen = _sees(_cib(amy="one"), "amy")
    assert '<nvpair id="ip" name="ip" value="1"/>' in seen
    assert '<primitive id="web">' in seen
    assert _sees(_cib(amy="typed"), "amy") == seen


def test_a_denial_that_cannot_be_read_denies_everything():
    cib = _cib(amy="admin broken_deny")
    assert _sees(cib, "amy") == ""
    assert not _may(cib, "amy", "delete", "", "//primitive[@id='db']")


def test_an_operator_changes_what_the_role_names_and_nothing_else():
    cib = _cib(carol="read_all operator")
    option = "<cluster_property_set id='cib-bootstrap-options'><nvpair id='{}' value='true'/>" \
             "</cluster_property_set>"
    assert _may(cib, "carol", "modify", option.format("mm"), "crm_config")
    assert _may(cib, "carol", "modify", "<primitive id='web' type='x'/>", "resources")
    assert not _may(cib, "carol", "modify", "<primitive id='db' type='x'/>", "resources")
    assert _may(cib, "carol", "create", "<rsc_location id='l' rsc='web' node='n' score='1'/>",
                "constraints")
    assert not _may(cib, "carol", "create", "<rsc_order id='o' first='web' then='db'/>",
                    "constraints")


def test_an_operator_cannot_switch_the_lists_off():
    cib = _cib(carol="read_all operator")
    off = "<cluster_property_set id='cib-bootstrap-options'><nvpair id='acl' value='false'/>" \
          "</cluster_property_set>"
    assert not _may(cib, "carol", "modify", off, "crm_config")


def test_an_element_cannot_be_changed_into_one_that_is_not_writable():
    cib = _cib(carol="read_all operator")
    other = "<cluster_property_set id='cib-bootstrap-options'><nvpair id='mm' name='enable-acl'/>" \
            "</cluster_property_set>"
    assert not _may(cib, "carol", "modify", other, "crm_config")


def test_scaffolding_is_free_but_not_among_the_lists():
    cib = _cib(carol="read_all operator")
    assert _may(cib, "carol", "create", "<tag id='t'/>", "tags")
    assert not _may(cib, "carol", "create", "<acl_role id='mine'/>", "acls")
    role = "<acl_target id='carol'><role id='admin'/></acl_target>"
    assert not _may(cib, "carol", "modify", role, "acls")


def test_deleting_a_parent_needs_every_child():
    cib = _cib(amy="admin no_secrets")
    assert not _may(cib, "amy", "delete", "", "//primitive[@id='web']")
    assert _may(cib, "amy", "delete", "", "//primitive[@id='db']")


def test_order_is_not_changed_without_permission():
    cib = _cib(bob="read_all")
    root = cib.copy_root()
    resources = root.find("configuration/resources")
    resources.append(resources[0])
    assert list(denied_changes(cib, Cib(root), permissions_of(cib, "bob")))


def test_roles_of_groups_count_for_their_members():
    cib = _cib()
    root = cib.copy_root()
    group = etree.SubElement(root.find("configuration/acls"), "acl_group", id="g1", name="ops")
    etree.SubElement(group, "role", id="admin")
    cib = Cib(root)
    assert _may(cib, "ann", "delete", "", "//primitive", groups=("ops",))
    assert not _may(cib, "ann", "delete", "", "//primitive", groups=("others",))


def test_versions_and_who_wrote_last_are_nobodys():
    cib = _cib(bob="read_all")
    root = cib.copy_root()
    root.set("epoch", "9")
    root.set("update-user", "bob")
    check_write(cib, Cib(root), permissions_of(cib, "bob"))


def test_a_refusal_names_who_and_what():
    cib = _cib(bob="read_all")
    root = cib.copy_root()
    apply_operation(root, "delete", b"", "//primitive[@id='db']")
    with pytest.raises(PermissionDenied, match=r"bob may not change .*primitive\[@id='db'\]"):
        check_write(cib, Cib(root), permissions_of(cib, "bob"))


def test_lists_in_the_syntax_before_1_1_12_are_understood():
    cib = Cib.parse(_cib().to_bytes().replace(
        b"</acls>", b"<acl_user id='old'><role_ref id='oldrole'/></acl_user>"
        b"<acl_role id='oldrole'><write id='w' tag='primitive'/></acl_role></acls>",
    ))
    assert _may(cib, "old", "delete", "", "//primitive[@id='db']")
    assert not _may(cib, "old", "delete", "", "//crm_config")


@given(cibs(), cibs())
@settings(max_examples=60, deadline=None)
def test_whoever_may_only_read_cannot_replace_the_resources(old, new):
    cib = _cib(bob="read_all")
    before = cib.copy_root()
    before.find("configuration/resources").extend(old.copy_root().find("configuration/resources"))
    after = cib.copy_root()
    apply_operation(after, "replace", etree.tostring(new.section("resources")), "resources")
    assert list(denied_changes(Cib(before), Cib(after), permissions_of(cib, "bob")))
