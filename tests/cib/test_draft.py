"""Drafts: however transactions are parted, each gets the version, the error and the document that it gets alone.
With a spare tree they lead to the same, and whoever looks at a version keeps it as it is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.document import Cib
from hashell.cib.draft import Draft
from hashell.cib.patch import apply_patch
from hashell.cib.spare import Spare
from hashell.cib.transaction import commit
from hashell.errors import HashellError

BEFORE = Cib.parse(
    b'<cib admin_epoch="0" epoch="4" num_updates="2"><configuration><crm_config/><nodes/><resources>'
    b'<primitive id="a" class="ocf" provider="hashell" type="Dummy"/></resources><constraints/></configuration>'
    b'<status><node_state id="1" uname="one"><lrm id="1"><lrm_resources><lrm_resource id="a">'
    b'<lrm_rsc_op id="a_last_0" call-id="1"/></lrm_resource></lrm_resources></lrm></node_state></status></cib>'
)


class Op(msgspec.Struct):
    kind: str
    xml: bytes = b""
    path: str = ""


def history(resource: str, call: int, node: str = "1") -> Op:
    return Op("modify", (
        f'<node_state id="{node}"><lrm id="{node}"><lrm_resources><lrm_resource id="{resource}">'
        f'<lrm_rsc_op id="{resource}_last_0" call-id="{call}"/></lrm_resource></lrm_resources></lrm></node_state>'
    ).encode(), "status")


def nvpair(name: int, value: int) -> Op:
    return Op("modify", f'<cluster_property_set id="s"><nvpair id="n{name}" value="{value}"/></cluster_property_set>'
              .encode(), "crm_config")


OPERATIONS = st.one_of(
    st.builds(nvpair, st.integers(0, 3), st.integers(0, 2)),
    st.builds(history, st.sampled_from("abc"), st.integers(1, 4), st.sampled_from("12")),
    st.sampled_from((
        Op("delete", path="//nvpair[@id='n1']"), Op("delete", path="//lrm_resource[@id='a']"),
        Op("delete", path="//node_state[@id='1']/lrm"), Op("delete", path="/cib"),
        Op("create", b'<primitive id="b" class="ocf"/>', "resources"), Op("create", b"<nodes/>", "nowhere"),
        Op("replace", b'<primitive id="a" class="lsb" type="x"/>', "resources"),
        Op("replace", b'<primitive id="none"/>', "resources"),
        Op("modify", b'<cib epoch="9"/>', ""), Op("modify", b'<cib cib-last-written="x"/>', ""),
        Op("modify", b'<node_state id="3"><transient_attributes id="3"/></node_state>', "status"),
        Op("delete", path="//status"), Op("modify", b"<broken", "status"),
    )),
)
TRANSACTIONS = st.lists(st.lists(OPERATIONS, min_size=1, max_size=3), max_size=12)


def parted(before: Cib, transactions, sizes) -> tuple[list[str], Cib]:
    """What each transaction is answered, and the end, with so many in each draft."""
    answers, patched = [], before
    waiting = list(transactions)
    sizes = iter(sizes)
    while waiting:
        draft = Draft(before)
        for _ in range(next(sizes, 1)):
            if not waiting or draft.closed:
                break
            try:
                if not draft.apply(waiting[0], {"update-user": str(len(waiting))}):
                    assert draft.version > before.version, "the first is always taken"
                    break
            except HashellError as error:
                answers.append(str(error))
            else:
                answers.append(str(draft.version))
            waiting.pop(0)
        done = draft.finish()
        assert done.changed == (done.after is not before)
        if done.patch is not None:
            patched = apply_patch(patched, etree.fromstring(etree.tostring(done.patch)))
            assert patched.to_bytes() == done.after.to_bytes(), "the patch leads there"
        before = done.after
    return answers, before


@settings(max_examples=300, deadline=None)
@given(TRANSACTIONS, st.lists(st.integers(1, 6), max_size=12))
def test_it_does_not_matter_how_transactions_are_parted_into_drafts(transactions, sizes):
    text = BEFORE.to_bytes()
    one_by_one = parted(BEFORE, transactions, ())
    together = parted(BEFORE, transactions, sizes)

    assert together[0] == one_by_one[0]
    assert together[1].to_bytes() == one_by_one[1].to_bytes()
    assert BEFORE.to_bytes() == text, "what was before is not touched"


@settings(max_examples=200, deadline=None)
@given(OPERATIONS)
def test_one_operation_leads_where_it_leads_without_a_draft(operation):
    draft = Draft(BEFORE)
    try:
        expected = commit(BEFORE, [operation], {})
    except HashellError as error:
        with pytest.raises(type(error)) as raised:
            draft.apply([operation], {})
        assert str(raised.value) == str(error)
        return
    draft.apply([operation], {})
    found = draft.finish()
    assert found.after.to_bytes() == expected.after.to_bytes()
    assert (found.changed, found.configuration_changed) == (expected.changed, expected.configuration_changed)


def test_a_second_word_on_one_history_is_told_by_itself():
    draft = Draft(BEFORE)
    assert draft.apply([history("a", 2)], {})
    assert draft.apply([history("b", 3)], {})
    assert not draft.apply([history("a", 4)], {})
    after = draft.finish().after

    assert str(after.version) == "0.4.4"
    assert after.root.xpath("//lrm_rsc_op/@call-id") == ["2", "3"]


def test_the_history_of_a_node_that_comes_whole_or_goes_is_told_by_itself():
    for whole in (history("a", 1, node="2"), Op("delete", path="//lrm_resource[@id='a']")):
        draft = Draft(BEFORE)
        assert draft.apply([nvpair(1, 1)], {})
        assert not draft.apply([whole], {})
        draft = Draft(draft.finish().after)
        assert draft.apply([whole], {})
        assert draft.closed


def test_what_fails_leaves_what_went_before_as_it_was():
    draft = Draft(BEFORE)
    draft.apply([nvpair(1, 1)], {})
    with pytest.raises(HashellError, match="operation 2"):
        draft.apply([nvpair(1, 2), Op("create", b'<primitive id="a"/>', "resources")], {})
    draft.apply([nvpair(2, 1)], {})
    after = draft.finish().after

    assert after.root.xpath("//nvpair/@value") == ["1", "1"]
    assert str(after.version) == "0.6.0"


# --- with a spare tree


def drafted(before: Cib, spare: Spare | None, *transactions) -> tuple[Cib, list[str]]:
    """The version after some transactions, at most as many as go together, and what each was answered."""
    draft = Draft(before, spare=spare)
    answers = []
    for number, transaction in enumerate(transactions):
        if draft.closed:
            break
        try:
            if not draft.apply(transaction, {"update-user": str(number)}):
                break
        except HashellError as error:
            answers.append(str(error))
        else:
            answers.append(str(draft.version))
    return draft.finish().after, answers


#: Small documents are copied.
LARGE = Cib.parse(BEFORE.to_bytes().replace(b"<nodes/>", b"<nodes>" + b"".join(
    b'<node id="%d" uname="n%d"/>' % (number, number) for number in range(400)
) + b"</nodes>"))


def copy_of(cib: Cib) -> Cib:
    return Cib(cib.copy_root())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.lists(st.lists(OPERATIONS, min_size=1, max_size=3), max_size=4), st.booleans())))
def test_versions_are_the_same_with_a_spare_and_what_somebody_holds_stays_as_it_was(rounds):
    spare = Spare()
    with_spare = copy_of(LARGE)
    without = LARGE
    held = []
    for transactions, keep in rounds:
        if keep:
            element = with_spare.root[-1] if len(with_spare.root) else with_spare.root
            held.append((element, with_spare.to_bytes()))
        with_spare, answers = drafted(with_spare, spare, *transactions)
        without, expected = drafted(without, None, *transactions)

        assert answers == expected
        assert with_spare.to_bytes() == without.to_bytes()
        for element, text in held:
            assert Cib(element.getroottree().getroot()).to_bytes() == text


def test_the_tree_of_the_version_before_the_last_is_used_again():
    spare = Spare()
    first = copy_of(LARGE)
    address = id(first.root)
    second, _ = drafted(first, spare, [nvpair(1, 1)])
    del first
    third, _ = drafted(second, spare, [history("a", 5)])

    assert id(third.root) == address
    assert third.root.xpath("//nvpair/@value") == ["1"], "the change before came with it"


def test_a_tree_is_not_used_again_while_anything_of_it_is_held():
    for hold in (
        lambda cib: cib, lambda cib: cib.root, lambda cib: cib.root[0][0], lambda cib: cib.root.attrib,
        lambda cib: cib.root.iter(), lambda cib: cib.root.getroottree(), lambda cib: cib.root.xpath("//primitive/@id"),
        lambda cib: iter(cib.root[0]), lambda cib: cib.root[0].attrib,
    ):
        spare = Spare()
        first = copy_of(LARGE)
        held = hold(first)
        address = id(first.root)
        root = first.root
        second, _ = drafted(first, spare, [nvpair(1, 1)])
        del first, root
        third, _ = drafted(second, spare, [nvpair(2, 2)])
        assert id(third.root) != address, held


def test_the_spare_tree_of_another_document_is_not_used():
    spare = Spare()
    first = copy_of(LARGE)
    drafted(first, spare, [nvpair(1, 1)])
    other, _ = drafted(copy_of(LARGE), spare, [nvpair(1, 2)])
    assert other.root.xpath("//nvpair/@value") == ["2"]


def test_what_changed_nothing_gives_the_copy_back():
    spare = Spare()
    first = copy_of(LARGE)
    second, _ = drafted(first, spare, [nvpair(1, 1)])
    address = id(first.root)
    del first
    same, _ = drafted(second, spare, [nvpair(1, 1)])
    assert same is second
    third, _ = drafted(second, spare, [nvpair(1, 3)])
    assert id(third.root) == address
    assert third.root.xpath("//nvpair/@value") == ["3"]
