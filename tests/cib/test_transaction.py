"""Several operations, one version, all or none."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.diff import is_empty, make_patch
from hashell.cib.document import Cib
from hashell.cib.edit import apply_operation
from hashell.cib.patch import apply_patch
from hashell.cib.transaction import commit
from hashell.cib.versions import Version
from hashell.errors import HashellError
from hashell.testing.cibs import cibs


@dataclass(frozen=True)
class Do:
    kind: str
    xml: bytes = b""
    path: str = ""


EMPTY = Cib.empty()
ADD = Do("modify", b"<primitive id='a'/>")


def test_a_change_of_the_configuration_raises_the_epoch_and_resets_updates():
    done = commit(EMPTY, [ADD])
    assert done.after.version == Version(0, 1, 0)
    assert done.changed
    assert done.configuration_changed


def test_a_change_of_the_status_raises_the_updates():
    done = commit(EMPTY, [Do("modify", b"<node_state id='1'/>")])
    assert done.after.version == Version(0, 0, 1)
    assert not done.configuration_changed


def test_nothing_changed_is_no_new_version():
    after = commit(EMPTY, [ADD]).after
    done = commit(after, [ADD], {"update-user": "me"})
    assert not done.changed
    assert done.after is after
    assert is_empty(done.patch)


def test_all_operations_together_make_one_version():
    second = Do("modify", b"<primitive id='b'/>")
    done = commit(EMPTY, [ADD, second, Do("delete", path="//status/*")])
    assert done.after.version == Version(0, 1, 0)


def test_an_error_undoes_what_went_before_and_names_the_operation():
    before = EMPTY.to_bytes()
    with pytest.raises(HashellError, match="operation 2; nothing was changed"):
        commit(EMPTY, [ADD, Do("create", b"<primitive id='a'/>")])
    assert EMPTY.to_bytes() == before


def test_a_higher_admin_epoch_is_taken_and_a_lower_version_is_not():
    assert commit(EMPTY, [Do("modify", b"<cib admin_epoch='3'/>")]).after.version.admin_epoch == 3
    old = commit(EMPTY, [ADD]).after
    lower = Do("modify", b"<cib epoch='0' num_updates='0'/>")
    done = commit(old, [lower, Do("delete", path="//primitive")])
    assert done.after.version == Version(0, 2, 0)


def test_the_stamp_is_part_of_the_result_and_of_the_patch():
    done = commit(EMPTY, [ADD], {"update-user": "me"})
    assert done.after.root.get("update-user") == "me"


@given(cibs(), cibs())
@settings(max_examples=60, deadline=None)
def test_the_patch_of_a_commit_leads_from_the_old_version_to_the_new(old, new):
    done = commit(old, [Do("replace", new.to_bytes())])
    if done.changed:
        assert done.after.version > old.version
        assert apply_patch(old, done.patch).to_bytes() == done.after.to_bytes()
    else:
        assert done.after is old


@given(cibs(), cibs())
@settings(max_examples=40, deadline=None)
def test_two_nodes_that_apply_the_same_get_the_same(old, new):
    operations = [Do("modify", new.to_bytes()), ADD]
    assert commit(old, operations).after.to_bytes() == commit(old, operations).after.to_bytes()


#: Operations of every kind, many of which fit the random documents.
_anything = st.one_of(
    st.builds(lambda c, k: Do(k, c.to_bytes()), cibs(), st.sampled_from(["modify", "replace"])),
    st.builds(
        lambda c, k, p: Do(k, etree.tostring(c.section("resources")), p),
        cibs(), st.sampled_from(["modify", "replace", "create"]),
        st.sampled_from(["resources", "", "/cib/configuration/resources"]),
    ),
    st.builds(
        lambda p: Do("delete", b"", p),
        st.sampled_from(["//primitive", "//nvpair[1]", "//meta", "//*[@id='web']", "/cib/status"]),
    ),
    st.builds(
        lambda t, i, k: Do(k, f"<{t} id='{i}' name='new'><op/></{t}>".encode(), "resources"),
        st.sampled_from(["primitive", "nvpair", "op"]), st.sampled_from(["a", "b", "web"]),
        st.sampled_from(["modify", "replace", "create"]),
    ),
    st.builds(lambda a, b: Do("patch", etree.tostring(make_patch(a, b))), cibs(), cibs()),
)


@given(cibs(), st.lists(_anything, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_what_operations_note_as_changed_is_all_that_changed(old, operations):
    try:
        done = commit(old, operations)
    except HashellError:
        return
    if done.changed:
        assert apply_patch(old, done.patch).to_bytes() == done.after.to_bytes()
    else:
        root = old.copy_root()
        for operation in operations:
            apply_operation(root, operation.kind, operation.xml, operation.path)
        old.version.write_to(root)
        assert is_empty(make_patch(old, Cib(root)))
