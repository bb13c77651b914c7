"""How versions compare and rise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.cib.versions import Version

numbers = st.integers(0, 1000)
versions = st.builds(Version, numbers, numbers, numbers)


@given(versions, st.booleans())
def test_the_next_version_is_always_newer(version, configured):
    assert version.after(configuration_changed=configured) > version


@given(versions)
def test_a_version_written_to_an_element_is_read_back(version):
    root = etree.Element("cib")
    version.write_to(root)
    assert Version.of(root) == version


def test_the_administrators_epoch_weighs_most():
    assert Version(1, 0, 0) > Version(0, 9, 9) > Version(0, 9, 8) > Version(0, 8, 99)


def test_what_is_no_number_counts_nothing():
    assert Version.of(etree.fromstring("<cib epoch='x' num_updates='3'/>")) == Version(0, 0, 3)
