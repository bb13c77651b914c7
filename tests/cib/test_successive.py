"""Versions read one after the other are the same as each read alone, and keep what did not change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.document import BadXml, Cib
from hashell.cib.successive import Successive

HEAD = b'<cib epoch="%d" num_updates="%d" admin_epoch="0" validate-with="pacemaker-3.9">'
CONFIGURATIONS = (
    b"<configuration><crm_config/><nodes/><resources/><constraints/></configuration>",
    b'<configuration>\n <resources><primitive id="a" class="ocf" type="Dummy"/></resources>\n</configuration>',
    b'<configuration description="a > b"><resources/></configuration>', b"<configuration/>", b"",
    b"<configuration><!-- <node_state> --><resources/></configuration>",
    b"<configuration><resources>text</resources></configuration>",
    b"<!-- <configuration><hidden/></configuration> --><configuration><resources/></configuration>",
    b"<![CDATA[<configuration><hidden/></configuration>]]><configuration><resources/></configuration>",
)
STATES = (
    b'<node_state id="1" uname="n1"><lrm id="1"><lrm_resources/></lrm></node_state>',
    b'<node_state id="1" uname="n1" in_ccm="true"/>', b'<node_state id="2" uname="n2"></node_state>',
    b'<node_state\n id="3"\tuname="n3" crmd="a/>b"/>', b"<node_states/>", b'<node_state id="4" uname="&lt;n4&amp;"/>',
    b'<tickets><ticket_state id="t"/></tickets>', b"<!-- a note --><node_state/>",
    b'<node_state id="5"><![CDATA[</node_state>]]></node_state>', b'<node_state id="6"><node_state/></node_state>',
    b'<node_state id="7"><?note?></node_state>', b'<node_state id="8">', b"</node_state>", b"<status/>",
    b'<node_state id="9" note="&no;"/>', b'<node_state xmlns:x="urn:x" id="10"><x:y/></node_state>', b"\xff",
)
STARTS = (
    b"", b'<?xml version="1.0" encoding="UTF-8"?>', b'<?xml version="1.0"?>\n', b"<!DOCTYPE cib>", b"\n",
    b'<?xml version="1.0" encoding="latin-1"?>',
)
versions = st.builds(
    lambda start, epoch, configuration, states, end: b"".join(
        (start, HEAD % (epoch, 0), configuration, b"<status>", *states, b"</status>", end)
    ),
    st.sampled_from((STARTS[0], *STARTS)), st.integers(0, 9), st.sampled_from(CONFIGURATIONS[:2] + CONFIGURATIONS),
    st.lists(st.sampled_from(STATES[:6] * 6 + STATES), max_size=4),
    st.sampled_from((b"</cib>",) * 9 + (b"", b"<status/></cib>", b"</cib><cib/>")),
)


def text_of(root: etree._Element) -> bytes:
    return etree.tostring(root, method="c14n")


def alone(data: bytes) -> bytes:
    try:
        return text_of(Cib.parse(data).root)
    except BadXml as error:
        return repr(error.args).encode()


def following(reader: Successive, data: bytes) -> bytes:
    try:
        return text_of(reader.read(data).root)
    except BadXml as error:
        return repr(error.args).encode()


@given(st.lists(versions, max_size=6))
def test_every_version_reads_as_it_does_alone_whatever_was_read_before(found):
    reader = Successive()
    for data in found:
        assert following(reader, data) == alone(data)


@given(st.data())
def test_a_version_that_was_damaged_anywhere_reads_as_it_does_alone(data):
    whole = (HEAD % (1, 1)) + CONFIGURATIONS[1] + b"<status>" + b"".join(STATES[:3]) + b"</status></cib>"
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + data.draw(st.integers(0, 40)):]
    reader = Successive()
    reader.read(whole)
    assert following(reader, damaged) == alone(damaged)
    assert following(reader, whole) == alone(whole)


def test_what_did_not_change_is_the_same_element_and_what_did_is_another():
    reader = Successive()
    first = reader.read((HEAD % (1, 1)) + CONFIGURATIONS[0] + b"<status>" + STATES[0] + STATES[2] + b"</status></cib>")
    configuration, (one, two) = first.configuration, list(first.root.iter("node_state"))

    second = reader.read((HEAD % (1, 2)) + CONFIGURATIONS[0] + b"<status>" + STATES[1] + STATES[2] + b"</status></cib>")

    assert second.configuration is configuration
    changed, same = second.root.iter("node_state")
    assert changed is not one
    assert same is two
    assert second.version.num_updates == 2


@pytest.mark.parametrize("data", [b"", b"<cib", b"<other/>", (HEAD % (1, 1)) + b"<configuration/><status>"])
def test_a_bad_version_is_refused_and_the_next_is_read(data):
    reader = Successive()
    good = (HEAD % (1, 1)) + CONFIGURATIONS[0] + b"<status>" + STATES[0] + b"</status></cib>"
    configuration = reader.read(good).configuration
    with pytest.raises(BadXml):
        reader.read(data)
    assert reader.read(good).root.find("status/node_state") is not None
    assert configuration is not None
