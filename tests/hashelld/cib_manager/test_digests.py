"""Digests: members whose CIBs differ notice, whoever is ahead, and however large the CIB is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.document import Cib
from hashelld.cib_manager.digests import DIGEST_EVERY, Digests
from hashelld.cib_manager.documents import WHOLE_MAX, Documents

NODES = 5


def large(histories: int) -> Cib:
    """A CIB with so many histories on each of some nodes."""
    states = "".join(
        f'<node_state id="{node}" uname="n{node}"><lrm id="{node}"><lrm_resources>' + "".join(
            f'<lrm_resource id="r{at}"><lrm_rsc_op id="r{at}_last_0" rc-code="7"/></lrm_resource>'
            for at in range(histories)
        ) + "</lrm_resources></lrm></node_state>" for node in range(1, NODES + 1)
    )
    return Cib.parse(
        '<cib admin_epoch="0" epoch="4" num_updates="2"><configuration><crm_config/><nodes/><resources/>'
        f'<constraints/></configuration><status>{states}<tickets><ticket_state id="t"/></tickets></status></cib>'
    )


LARGE = large(2 * WHOLE_MAX // NODES)


def samples(cib: Cib) -> list[str]:
    return [Documents().sample(cib, turn) for turn in range(NODES + 1)]


def test_the_digest_of_a_small_document_is_one_of_all_of_it():
    small = large(3)
    assert set(samples(small)) == {Documents().digest(small)}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(("change", "remove", "move")))
def test_whatever_differs_in_a_large_document_is_seen_after_all_turns(at, what):
    changed = Cib(LARGE.copy_root())
    elements = list(changed.root.iter(etree.Element))[1:]
    element = elements[at % len(elements)]
    parent = element.getparent()
    if what == "change":
        element.set("more", "1")
    elif what == "remove":
        parent.remove(element)
    elif len(parent) == 1:
        return
    else:
        parent.insert(0 if parent.index(element) else len(parent), element)
    found = [mine != theirs for mine, theirs in zip(samples(LARGE), samples(changed), strict=True)]
    assert any(found[:NODES])
    if what == "remove" and element.tag in ("lrm_resource", "node_state", "status", "configuration", "nodes"):
        assert all(found), "what there is and how much is seen each time"


def test_a_difference_is_seen_whether_one_is_ahead_or_behind():
    for ahead in (True, False):
        digests = Digests(Documents())
        steps = [lambda d=digests: d.remember(DIGEST_EVERY, large(1)), lambda d=digests: d.said(DIGEST_EVERY, "x")]
        for step in steps if ahead else reversed(steps):
            assert not digests.differs(DIGEST_EVERY)
            step()
        assert digests.differs(DIGEST_EVERY)
        assert not digests.differs(2 * DIGEST_EVERY)
        digests.clear()
        assert not digests.differs(DIGEST_EVERY)
